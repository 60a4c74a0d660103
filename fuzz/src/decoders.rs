//! Bytes against the decoders. What can be read is written again and read once more: it must be the
//! same.

use bytes::Bytes;
use kafkarium::cluster::znode_data;
use kafkarium::lesson;
use kafkarium::log::producer_state;
use kafkarium::wire::batch::{Batches, RecordBatchView};
use kafkarium::wire::kafka::{self, ApiKey, Versioned};
use kafkarium::wire::zookeeper::{self, OpCode};
use kafkarium::wire::{FrameShape, summary};
use kafkarium::world::Action;

fn look(frame: &Bytes, shape: FrameShape) {
    summary::summarize(frame, shape);
    summary::describe(frame, shape);
}

/// A frame to a broker.
pub fn kafka_request(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    look(&frame, FrameShape::KafkaRequest { is_repeated: false });
    if let Ok((header, request)) = kafka::decode_request(&frame) {
        let client = header.client_id.as_deref();
        let again = request.to_frame(header.api_version, header.correlation_id, client);
        let read = kafka::decode_request(&again).expect("what was written can be read");
        assert_eq!(read.1, request);
    }
}

/// A frame from a broker, behind the API's number and the version of what it answers.
pub fn kafka_response(data: &[u8]) {
    let Some((&[api, version], rest)) = data.split_first_chunk() else { return };
    let Some(api) = ApiKey::from_number(i16::from(api)) else { return };
    let version = i16::from(version);
    if !api.supports(version) {
        return;
    }
    let frame = Bytes::copy_from_slice(rest);
    for to_follower in [false, true] {
        look(&frame, FrameShape::KafkaResponse { api, version, to_follower });
    }
    if let Ok((id, response)) = kafka::decode_any_response(&frame, api, version) {
        // An answer that had to be read in version 0 is written in it.
        let again = response.to_frame(version, id);
        if let Ok((_, read)) = kafka::decode_any_response(&again, api, version) {
            // By their bytes: a quota may be no number, which is not even equal to itself.
            assert!(api == ApiKey::ApiVersions || read.to_frame(version, id) == again);
        }
    }
}

/// Record batches, as in a segment, a request or an answer.
pub fn record_batches(data: &[u8]) {
    for batches in [Batches::new(data), Batches::verified(data)] {
        batches.for_each(|batch| open(&batch));
    }
    if let Ok(batch) = RecordBatchView::first(data) {
        let _ = batch.verify();
        open(&batch);
    }
}

fn open(batch: &RecordBatchView<'_>) {
    let Ok(contents) = batch.contents() else { return };
    let Ok(records) = batch.records_in(&contents) else { return };
    let mut count = 0_i64;
    for record in records {
        let Ok(record) = record else { break };
        count += 1;
        let _ = kafkarium::wire::batch::EndTransactionMarker::parse(&record);
        let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        versioned(&key);
        versioned(&value);
    }
    assert!(count <= i64::from(batch.record_count()).max(0), "no more than the header says");
}

fn versioned(bytes: &Bytes) {
    let _ = kafka::OffsetCommitKey::from_bytes(bytes);
    let _ = kafka::OffsetCommitValue::from_bytes(bytes);
    let _ = kafka::GroupMetadataKey::from_bytes(bytes);
    let _ = kafka::GroupMetadataValue::from_bytes(bytes);
    let _ = kafka::TransactionLogKey::from_bytes(bytes);
    let _ = kafka::TransactionLogValue::from_bytes(bytes);
    let _ = kafka::ConsumerProtocolSubscription::from_bytes(bytes);
    let _ = kafka::ConsumerProtocolAssignment::from_bytes(bytes);
}

/// A frame of a ZooKeeper session, or between servers; the first byte says which.
pub fn zookeeper_frame(data: &[u8]) {
    use zookeeper::FrameShape as Shape;
    let Some((kind, rest)) = data.split_first() else { return };
    let frame = Bytes::copy_from_slice(rest);
    let shape = match kind {
        0 => Shape::ConnectRequest,
        1 => Shape::ConnectResponse,
        2 => Shape::Request,
        3 => Shape::Event,
        4 => Shape::ElectionHello,
        5 => Shape::Vote,
        6 => Shape::QuorumPacket,
        op => match OpCode::from_number(i32::from(*op) - 32) {
            Some(op) => Shape::Reply(op),
            None => return,
        },
    };
    look(&frame, FrameShape::ZooKeeper(shape));
    match shape {
        Shape::Request => {
            if let Ok((header, request)) = zookeeper::decode_request(&frame) {
                let again = zookeeper::encode_request(header.xid, &request);
                let read = zookeeper::decode_request(&again).expect("what was written can be read");
                assert_eq!(read.1, request);
            }
        }
        Shape::Reply(op) => drop(zookeeper::decode_reply(&frame, op)),
        Shape::Event => drop(zookeeper::decode_event(&frame)),
        _ => {}
    }
}

/// What is kept outside a log: znodes, snapshots of producers, records of internal topics.
pub fn stored_value(data: &[u8]) {
    versioned(&Bytes::copy_from_slice(data));
    let _ = producer_state::decode_snapshot(data);
    let _ = znode_data::BrokerRegistration::from_json(data);
    let _ = znode_data::ControllerRegistration::from_json(data);
    let _ = znode_data::controller_epoch_from_data(data);
    let _ = znode_data::TopicAssignment::from_json(data);
    let _ = znode_data::PartitionState::from_json(data);
    let _ = znode_data::ConfigOverrides::from_json(data);
    let _ = znode_data::ClusterId::from_json(data);
    let _ = znode_data::ProducerIdBlock::from_json(data);
}

/// A lesson, and each of its lines as a condition.
pub fn lesson_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = lesson::parse(&text);
    text.lines().for_each(|line| drop(lesson::condition::Condition::parse(line)));
}

/// A world action in the terminal's words.
pub fn action_line(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(action) = text.parse::<Action>() {
        let again = action.to_string();
        assert_eq!(again.parse::<Action>().as_ref(), Ok(&action), "{again}");
    }
}
