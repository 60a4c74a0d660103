//! Batches against bytes that Kafka's own classes wrote, and against damage.

use bytes::Bytes;

use super::*;
use crate::wire::Reader;
use crate::wire::kafka::{
    GroupMetadataValue, OffsetCommitValue, OffsetsTopicKey, TransactionLogKey, TransactionLogValue,
    Versioned,
};

const TWO_RECORDS: &str = "00 00 00 00 00 00 00 00 00 00 00 4a 00 00 00 00 02 1e 87 0e 44 00 00 00 00 00 01 00 \
     00 01 74 87 6e 80 00 00 00 01 74 87 6e 80 05 ff ff ff ff ff ff ff ff ff ff ff ff ff \
     ff 00 00 00 02 18 00 00 00 02 6b 0a 68 65 6c 6c 6f 00 16 00 0a 02 01 0a 77 6f 72 6c \
     64 00";
const TRANSACTIONAL: &str = "00 00 00 00 00 00 00 05 00 00 00 3d 00 00 00 03 02 66 99 a0 c1 00 10 00 00 00 00 00 \
     00 01 74 87 6e 80 00 00 00 01 74 87 6e 80 00 00 00 00 00 00 00 03 e8 00 00 00 00 00 \
     07 00 00 00 01 16 00 00 00 01 02 78 02 02 68 02 76";
const COMMIT_MARKER: &str = "00 00 00 00 00 00 00 09 00 00 00 42 00 00 00 03 02 b1 83 0b ad 00 30 00 00 00 00 00 \
     00 01 74 87 6e 80 00 00 00 01 74 87 6e 80 00 00 00 00 00 00 00 03 e8 00 00 ff ff ff \
     ff 00 00 00 01 20 00 00 00 08 00 00 00 01 0c 00 00 00 00 00 02 00";
const TIMESTAMP: i64 = 1_600_000_000_000;

fn unhex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect()
}

#[test]
fn two_records_are_written_as_kafka_writes_them() {
    let mut batch = RecordBatchBuilder::default();
    batch.fields.partition_leader_epoch = 0;
    let size = batch.size_with(TIMESTAMP, Some(b"k"), Some(b"hello"), &[]);
    batch.append(TIMESTAMP, Some(b"k"), Some(b"hello"), &[]);
    assert_eq!(batch.size(), size);
    batch.append(TIMESTAMP + 5, None, Some(b"world"), &[]);
    let bytes = batch.build();
    assert_eq!(bytes[..], unhex(TWO_RECORDS));
    assert_eq!(RecordBatchView::first(&bytes).expect("a batch").crc(), 512_167_492);
}

#[test]
fn a_transactional_batch_with_a_header_is_written_as_kafka_writes_it() {
    let mut batch = RecordBatchBuilder::new(BatchFields {
        base_offset: 5,
        partition_leader_epoch: 3,
        producer_id: 1000,
        producer_epoch: 0,
        base_sequence: 7,
        is_transactional: true,
        ..BatchFields::default()
    });
    let header = HeaderView { key: "h", value: Some(b"v") };
    batch.append(TIMESTAMP, None, Some(b"x"), &[header]);
    let bytes = batch.build();
    assert_eq!(bytes[..], unhex(TRANSACTIONAL));
    let view = RecordBatchView::first(&bytes).expect("a batch");
    let record = view.records().expect("records").next().expect("one").expect("sound");
    assert_eq!((record.offset, record.sequence, record.headers), (5, 7, vec![header]));
}

#[test]
fn a_commit_marker_is_written_as_kafka_writes_it() {
    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch: 2 };
    let mut batch = RecordBatchBuilder::end_transaction(1000, 0, marker, TIMESTAMP);
    batch.fields.base_offset = 9;
    batch.fields.partition_leader_epoch = 3;
    let bytes = batch.build();
    assert_eq!(bytes[..], unhex(COMMIT_MARKER));
    let view = RecordBatchView::first(&bytes).expect("a batch");
    assert!(view.is_control() && view.is_transactional());
    let record = view.records().expect("records").next().expect("one").expect("sound");
    assert_eq!(EndTransactionMarker::parse(&record), Some(marker));
}

#[test]
fn records_are_read_back() {
    let bytes = unhex(TWO_RECORDS);
    let batch = RecordBatchView::first(&bytes).expect("a batch");
    batch.verify().expect("sound");
    let records: Vec<_> = batch.records().expect("plain").collect::<Result<_, _>>().expect("sound");
    assert_eq!(records[0].key, Some(&b"k"[..]));
    assert_eq!(records[1].key, None);
    assert_eq!(records[1].value, Some(&b"world"[..]));
    assert_eq!((records[1].offset, records[1].timestamp), (1, TIMESTAMP + 5));
    assert_eq!((batch.last_offset(), batch.next_offset(), batch.last_sequence()), (1, 2, -1));
}

#[test]
fn a_broker_fills_in_its_fields() {
    let mut bytes = unhex(TWO_RECORDS);
    let mut batch = RecordBatchMut::first(&mut bytes).expect("a batch");
    batch.set_base_offset(41);
    batch.set_partition_leader_epoch(6);
    batch.view().verify().expect("neither is covered by the checksum");
    batch.set_max_timestamp(TimestampType::LogAppendTime, 99);
    let view = batch.view();
    view.verify().expect("the checksum follows");
    assert_eq!(
        (view.base_offset(), view.last_offset(), view.partition_leader_epoch()),
        (41, 42, 6)
    );
    let stamped =
        view.records().expect("plain").all(|record| record.expect("sound").timestamp == 99);
    assert!(stamped);
}

#[test]
fn what_compaction_leaves_covers_the_offsets_of_what_went() {
    let bytes = unhex(TWO_RECORDS);
    let batch = RecordBatchView::first(&bytes).expect("a batch");
    let mut rest = RecordBatchBuilder::like(&batch);
    rest.append_at(0, TIMESTAMP, Some(b"k"), Some(b"hello"), &[]);
    let rest = rest.build();
    let rest = RecordBatchView::first(&rest).expect("a batch");
    assert_eq!((rest.record_count(), rest.base_offset(), rest.last_offset()), (1, 0, 1));
    let nothing = RecordBatchBuilder::like(&batch).build_empty(TIMESTAMP);
    let nothing = RecordBatchView::first(&nothing).expect("a batch");
    assert_eq!((nothing.record_count(), nothing.last_offset()), (0, 1));
    assert_eq!(nothing.records().expect("plain").count(), 0);
}

#[test]
fn batches_end_at_a_torn_tail_and_say_why() {
    let whole = unhex(TWO_RECORDS);
    let mut log = whole.clone();
    log.extend_from_slice(&whole);
    let mut all = Batches::verified(&log);
    assert_eq!(all.by_ref().count(), 2);
    assert_eq!(all.stopped(), None);
    for cut in 1..whole.len() {
        let mut batches = Batches::verified(&log[..log.len() - cut]);
        assert_eq!(batches.by_ref().count(), 1);
        assert_eq!(batches.position(), whole.len());
        assert!(matches!(batches.stopped(), Some(BatchError::Incomplete { .. })));
    }
    log[whole.len() + 70] ^= 1;
    let mut batches = Batches::verified(&log);
    assert_eq!(batches.by_ref().count(), 1);
    assert!(matches!(batches.stopped(), Some(BatchError::CrcMismatch { .. })));
}

#[test]
fn damage_is_refused_without_a_panic() {
    for vector in [TWO_RECORDS, TRANSACTIONAL, COMMIT_MARKER] {
        let whole = unhex(vector);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(batch) = RecordBatchView::first(&bytes) else { continue };
            if bit / 8 >= at::CRC {
                assert!(batch.verify().is_err(), "bit {bit}");
            }
            if let Ok(records) = batch.records() {
                assert!(records.count() <= bytes.len());
            }
        }
    }
}

#[test]
fn compressed_batches_pass_but_are_not_opened() {
    let mut bytes = unhex(TWO_RECORDS);
    bytes[at::ATTRIBUTES + 1] |= 3;
    let batch = RecordBatchView::first(&bytes).expect("a batch");
    assert_eq!(
        batch.records().err(),
        Some(BatchError::Compressed(CompressionError::Unsupported(Compression::Lz4)))
    );
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(increment_sequence(i32::MAX, 1), 0);
    assert_eq!(increment_sequence(i32::MAX - 1, 3), 1);
    assert_eq!(increment_sequence(5, 0), 5);
}

#[test]
fn the_tree_opens_records_with_byte_ranges() {
    let bytes = unhex(TWO_RECORDS).into();
    let mut reader = Reader::recording(&bytes);
    let outcome = describe_batches(&mut reader);
    let tree = reader.into_tree("records".to_owned(), outcome.as_ref().copied());
    let batch = &tree.children[0];
    assert_eq!(batch.child("crc").expect("crc").value, "512167492 valid");
    let record = batch.child("[0]").expect("a record");
    let value = record.child("value").expect("value");
    assert_eq!(value.value, "hello");
    assert_eq!(&bytes[value.end as usize - 5..value.end as usize], b"hello");
    assert_eq!(batch.child("[1]").expect("a record").end as usize, bytes.len());
}

#[test]
fn the_tree_opens_compressed_records_of_every_codec() {
    let bytes = Bytes::from_static(SEGMENTS[4].1);
    let mut reader = Reader::recording(&bytes);
    let outcome = describe_batches(&mut reader);
    let tree = reader.into_tree("segment".to_owned(), outcome.as_ref().copied());
    let mut codecs = Vec::new();
    for batch in &tree.children {
        let codec = batch.child("attributes").expect("attributes").value.clone();
        let codec = codec.split([' ', ',']).nth(1).expect("a codec").to_owned();
        let records =
            if codec == "none" { batch } else { batch.child("records").expect("records") };
        let first = records.child("[0]").expect("a record");
        assert_eq!(first.child("key").expect("a key").value, format!("{codec}-0"));
        let value = first.child("value").expect("a value");
        assert!(value.value.starts_with(&format!("value 0 of {codec} value")), "{}", value.value);
        if codec != "none" {
            assert_eq!((value.start, value.end), (records.start, records.end));
        }
        codecs.push(codec);
    }
    assert_eq!(codecs, ["none", "gzip", "snappy", "lz4", "zstd"]);
}

/// Segments that a 2.8.2 broker wrote, with what Kafka's own dump tool says they hold.
const SEGMENTS: &[(&str, &[u8])] = &[
    (
        "__consumer_offsets-0",
        include_bytes!("../../../tests/golden/segments/__consumer_offsets-0.segment"),
    ),
    (
        "__consumer_offsets-1",
        include_bytes!("../../../tests/golden/segments/__consumer_offsets-1.segment"),
    ),
    (
        "__consumer_offsets-2",
        include_bytes!("../../../tests/golden/segments/__consumer_offsets-2.segment"),
    ),
    (
        "__transaction_state-0",
        include_bytes!("../../../tests/golden/segments/__transaction_state-0.segment"),
    ),
    ("codecs-0", include_bytes!("../../../tests/golden/segments/codecs-0.segment")),
    ("compacted-0", include_bytes!("../../../tests/golden/segments/compacted-0.segment")),
    ("orders-0", include_bytes!("../../../tests/golden/segments/orders-0.segment")),
    ("txn-1", include_bytes!("../../../tests/golden/segments/txn-1.segment")),
];

#[test]
fn recorded_segments_are_whole_and_rebuilt_identically() {
    for (name, segment) in SEGMENTS {
        let mut batches = Batches::verified(segment);
        for batch in batches.by_ref() {
            let records = match batch.records() {
                Ok(records) => records,
                Err(error) => {
                    let codec = CompressionError::Unsupported(batch.compression());
                    assert_eq!(error, BatchError::Compressed(codec));
                    continue;
                }
            };
            let mut again = RecordBatchBuilder::like(&batch);
            for record in records {
                let record = record.expect("sound");
                again.append_at(
                    record.offset,
                    record.timestamp,
                    record.key,
                    record.value,
                    &record.headers,
                );
            }
            assert_eq!(again.build()[..], *batch.bytes(), "{name} at {}", batch.base_offset());
        }
        assert_eq!((batches.position(), batches.stopped()), (segment.len(), None), "{name}");
    }
}

#[test]
fn recorded_batches_of_each_codec_are_opened() {
    let (_, segment) = SEGMENTS[4];
    let mut seen = Vec::new();
    for batch in Batches::verified(segment) {
        let codec = batch.compression();
        seen.push(codec);
        let contents = batch.contents().expect("a codec that is read");
        let mut again = RecordBatchBuilder::like(&batch);
        for (number, record) in (0..).zip(batch.records_in(&contents).expect("records")) {
            let record = record.expect("sound");
            let key = format!("{codec}-{}", number % 3);
            let value = format!("value {number} of {codec} ").repeat(5);
            assert_eq!(record.key, Some(key.as_bytes()));
            assert_eq!(record.value, Some(value.as_bytes()));
            let RecordView { offset, timestamp, key, value, headers, .. } = record;
            again.append_at(offset, timestamp, key, value, &headers);
        }
        if !codec.can_compress() {
            continue;
        }
        let rebuilt = again.build();
        let rebuilt = RecordBatchView::first(&rebuilt).expect("a batch");
        rebuilt.verify().expect("clean");
        assert_eq!(rebuilt.contents(), Ok(contents), "{codec}");
        assert_eq!(rebuilt.attributes(), batch.attributes());
    }
    use Compression::{Gzip, Lz4, None, Snappy, Zstd};
    assert_eq!(seen, [None, Gzip, Snappy, Lz4, Zstd]);
}

#[test]
fn records_of_internal_topics_are_read_and_written_back_identically() {
    let (mut offsets, mut groups, mut transactions) = (0, 0, 0);
    for (name, segment) in SEGMENTS.iter().filter(|(name, _)| name.starts_with("__")) {
        for batch in Batches::new(segment).filter(|batch| !batch.is_control()) {
            for record in batch.records().expect("plain") {
                let record = record.expect("sound");
                let key = Bytes::copy_from_slice(record.key.expect("a key"));
                let value = record.value.map(Bytes::copy_from_slice);
                let version = |bytes: &Bytes| i16::from_be_bytes([bytes[0], bytes[1]]);
                if name.starts_with("__transaction") {
                    let id = TransactionLogKey::from_bytes(&key).expect("a key");
                    assert_eq!(id.to_bytes(0), key);
                    let Some(value) = value else { continue };
                    let state = TransactionLogValue::from_bytes(&value).expect("a value");
                    assert_eq!(state.to_bytes(version(&value)), value);
                    transactions += 1;
                    continue;
                }
                match OffsetsTopicKey::from_bytes(&key).expect("a key") {
                    OffsetsTopicKey::Offset(of) => {
                        assert_eq!(of.to_bytes(version(&key)), key);
                        let Some(value) = value else { continue };
                        let offset = OffsetCommitValue::from_bytes(&value).expect("a value");
                        assert_eq!(offset.to_bytes(version(&value)), value);
                        offsets += 1;
                    }
                    OffsetsTopicKey::Group(of) => {
                        assert_eq!(of.to_bytes(version(&key)), key);
                        let Some(value) = value else { continue };
                        let group = GroupMetadataValue::from_bytes(&value).expect("a value");
                        assert_eq!(group.to_bytes(version(&value)), value);
                        groups += 1;
                    }
                }
            }
        }
    }
    assert!(offsets > 20 && groups > 5 && transactions > 5, "{offsets} {groups} {transactions}");
}
