//! Our records beside those that Kafka 2.8.2 wrote.

use super::*;
use std::fmt::Write as _;

const SEGMENTS: [&[u8]; 3] = [
    include_bytes!("../../../../tests/golden/segments/__consumer_offsets-0.segment"),
    include_bytes!("../../../../tests/golden/segments/__consumer_offsets-1.segment"),
    include_bytes!("../../../../tests/golden/segments/__consumer_offsets-2.segment"),
];

/// What a batch says, written again by us: `None` for a batch of a transaction, and for a group
/// whose members Kafka wrote in the order of its hash map.
fn written_again(batch: &RecordBatchView<'_>) -> Option<Bytes> {
    if batch.is_transactional() {
        return None;
    }
    let now = Time::from_millis(batch.max_timestamp().max(0) as u64);
    let (mut offsets, mut gone) = (Vec::new(), Vec::new());
    let (mut group_id, mut is_dead, mut written) = (String::new(), false, None);
    for record in batch.records().expect("Kafka's batch") {
        let record = record.expect("Kafka's record");
        let key = Bytes::copy_from_slice(record.key.expect("every record has one"));
        let value = record.value.map(Bytes::copy_from_slice);
        match (OffsetsTopicKey::from_bytes(&key).expect("Kafka's key"), value) {
            (OffsetsTopicKey::Offset(key), value) => {
                let partition = TopicPartition::new(key.topic, key.partition);
                group_id = key.group;
                match value {
                    Some(value) => {
                        let value = OffsetCommitValue::from_bytes(&value).expect("Kafka's value");
                        offsets.push((partition, offset_of(value, 0)));
                    }
                    None => gone.push(partition),
                }
            }
            (OffsetsTopicKey::Group(key), Some(value)) => {
                let value = GroupMetadataValue::from_bytes(&value).expect("Kafka's value");
                if !value.members.is_sorted_by_key(|member| member.member_id.clone()) {
                    return None;
                }
                let group = group_of(&key.group, value);
                let assignment = group.members.values();
                let assignment = assignment
                    .map(|member| (member.id.clone(), member.assignment.clone()))
                    .collect();
                written = Some(group_batch(now, &group, &assignment));
            }
            (OffsetsTopicKey::Group(key), None) => {
                group_id = key.group;
                is_dead = true;
            }
        }
    }
    written
        .or_else(|| tombstones(now, &group_id, &gone, is_dead))
        .or_else(|| Some(offsets_batch(now, &group_id, &offsets)))
}

/// The log sets these two: base offset and leader epoch.
fn without_place(batch: &[u8]) -> Vec<u8> {
    let mut bytes = batch.to_vec();
    bytes[..8].fill(0);
    bytes[12..16].fill(0);
    bytes
}

#[test]
fn every_record_is_written_as_kafka_writes_it() {
    let mut compared = 0;
    for segment in SEGMENTS {
        for batch in Batches::new(segment) {
            let Some(ours) = written_again(&batch) else { continue };
            assert_eq!(
                without_place(&ours),
                without_place(batch.bytes()),
                "{}",
                batch.base_offset()
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn what_kafka_wrote_is_loaded_as_kafka_would() {
    let expected: [&[&str]; 3] = [
        &[
            "analytics Empty 6 orders-0@23 orders-1@54 orders-2@25",
            "iso-read_committed Empty 2 txn-1@7",
            "order-processors Empty 2 orders-0@8 orders-1@54",
        ],
        &["iso-read_uncommitted Empty 2 txn-1@7"],
        // Its one group was deleted.
        &[],
    ];
    for (segment, expected) in SEGMENTS.into_iter().zip(expected) {
        let loaded = load(segment);
        assert_eq!(loaded.complaints, Vec::<String>::new());
        assert!(loaded.open.is_empty());
        let told = loaded.groups.values().map(|group| {
            let mut text = format!("{} {} {}", group.id, group.state.name(), group.generation);
            for (partition, committed) in &group.offsets {
                let _ = write!(text, " {partition}@{}", committed.offset);
            }
            text
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

/// One offset committed in a transaction at 0, a newer commit without one at 1, then the end.
fn with_transaction(is_commit: bool, newer: bool) -> Option<i64> {
    let offset = |offset: i64| {
        let committed = CommittedOffset {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
            commit_timestamp_ms: 5,
            expire_timestamp_ms: None,
            record_offset: None,
        };
        offsets_batch(Time::from_millis(5), "g", &[(TopicPartition::new("t", 0), committed)])
    };
    let place = |batch: &Bytes, base_offset: i64| {
        let mut bytes = batch.to_vec();
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes
    };
    let fields = BatchFields {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        is_transactional: true,
        ..BatchFields::default()
    };
    let first = offset(3);
    let view = RecordBatchView::first(&first).expect("a batch");
    let record = view.records().expect("its records").next().expect("one").expect("sound");
    let mut builder = RecordBatchBuilder::new(fields);
    builder.append(5, record.key, record.value, &[]);
    let mut log = place(&builder.build(), 0);
    if newer {
        log.extend(place(&offset(9), 1));
    }
    let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
    log.extend(place(&RecordBatchBuilder::end_transaction(7, 0, marker, 5).build(), 2));
    let loaded = load(&log);
    assert_eq!(loaded.complaints, Vec::<String>::new());
    let group = loaded.groups.get("g")?;
    group.offsets.get(&TopicPartition::new("t", 0)).map(|committed| committed.offset)
}

#[test]
fn offsets_of_a_transaction_count_once_it_is_committed() {
    assert_eq!(with_transaction(true, false), Some(3));
    assert_eq!(with_transaction(false, false), None);
    assert_eq!(with_transaction(true, true), Some(9), "the newer commit stays");
}
