use super::*;
use crate::wire::ErrorCode;
use crate::wire::batch::{BatchFields, EndTransactionMarker, RecordBatchBuilder};
use bytes::Bytes;

/// Snapshots that a real broker wrote.
const GOLDEN: &str = include_str!("../../../tests/golden/producer-snapshots.txt");

fn golden() -> impl Iterator<Item = (&'static str, i64, Vec<u8>)> {
    GOLDEN.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("partition, offset, bytes");
        let (partition, offset, hex) = (word(), word(), word());
        let digits = hex.as_bytes().chunks(2);
        let bytes = digits.map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hex")
        });
        (partition, offset.parse().expect("an offset"), bytes.collect())
    })
}

fn id() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn manager() -> ProducerStateManager {
    ProducerStateManager::new(id(), &Volume::default())
}

/// A batch of `count` records from `base_offset` on.
fn batch(epoch: i16, sequence: i32, count: i32, base_offset: i64, transactional: bool) -> Bytes {
    let mut builder = RecordBatchBuilder::new(BatchFields {
        base_offset,
        producer_id: 7,
        producer_epoch: epoch,
        base_sequence: sequence,
        is_transactional: transactional,
        ..BatchFields::default()
    });
    for _ in 0..count {
        builder.append(1_000 + base_offset, None, Some(b"v"), &[]);
    }
    builder.build()
}

fn marker(epoch: i16, coordinator_epoch: i32, base_offset: i64) -> Bytes {
    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch };
    let mut builder = RecordBatchBuilder::end_transaction(7, epoch, marker, 2_000);
    builder.fields.base_offset = base_offset;
    builder.build()
}

/// Appends, or tells the error or the offsets of the batch that it repeats.
fn append(manager: &mut ProducerStateManager, records: &Bytes) -> Result<(), String> {
    let end = Batches::new(records).last().expect("a batch").next_offset();
    match manager.analyze(records, None, AppendOrigin::Client) {
        Ok(Analysis::New(update)) => {
            manager.apply(update, end);
            Ok(())
        }
        Ok(Analysis::Duplicate(known)) => {
            Err(format!("duplicate {}..={}", known.first_offset(), known.last_offset))
        }
        Err(error) => Err(error.code.to_string()),
    }
}

#[test]
fn a_batch_sent_again_is_found_among_the_last_five() {
    let mut manager = manager();
    for i in 0..6 {
        let (sequence, offset) = (i * 2, i64::from(i) * 2);
        assert_eq!(append(&mut manager, &batch(0, sequence, 2, offset, false)), Ok(()));
    }
    assert_eq!(append(&mut manager, &batch(0, 2, 2, 12, false)), Err("duplicate 2..=3".into()));
    assert_eq!(append(&mut manager, &batch(0, 10, 2, 12, false)), Err("duplicate 10..=11".into()));
    let out_of_order = || Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER.to_string());
    assert_eq!(append(&mut manager, &batch(0, 0, 2, 12, false)), out_of_order(), "the sixth last");
    assert_eq!(append(&mut manager, &batch(0, 2, 1, 12, false)), out_of_order(), "half of one");
    assert_eq!(append(&mut manager, &batch(0, 13, 1, 12, false)), out_of_order(), "a gap");
    assert_eq!(append(&mut manager, &batch(0, 12, 1, 12, false)), Ok(()));
}

#[test]
fn refusals_are_in_kafkas_words() {
    let mut manager = manager();
    assert_eq!(append(&mut manager, &batch(1, 5, 1, 0, false)), Ok(()), "nothing is known of it");
    let refused = |manager: &ProducerStateManager, records: &Bytes| {
        manager.analyze(records, None, AppendOrigin::Client).unwrap_err().message
    };
    assert_eq!(
        refused(&manager, &batch(1, 7, 1, 3, false)),
        "Out of order sequence number for producer 7 at offset 3 in partition t-0: 7 (incoming seq. number), 5 (current end sequence number)"
    );
    assert_eq!(
        refused(&manager, &batch(2, 1, 1, 3, false)),
        "Invalid sequence number for new epoch of producer 7 at offset 3 in partition t-0: 2 (request epoch), 1 (seq. number), 1 (current producer epoch)"
    );
    assert_eq!(
        refused(&manager, &batch(0, 6, 1, 3, false)),
        "Epoch of producer 7 at offset 3 in t-0 is 0, which is smaller than the last seen epoch 1"
    );
    let replicated = manager.analyze(&batch(0, 9, 1, 3, false), None, AppendOrigin::Replication);
    assert!(replicated.is_ok(), "the leader has judged it");
    assert_eq!(append(&mut manager, &batch(2, 0, 1, 3, false)), Ok(()), "a new epoch begins at 0");
}

#[test]
fn sequences_begin_anew_after_the_largest() {
    let mut manager = manager();
    assert_eq!(append(&mut manager, &batch(0, i32::MAX - 1, 3, 0, false)), Ok(()));
    let entry = &manager.producers()[&7];
    assert_eq!((entry.batches[0].first_sequence(), entry.last_sequence()), (i32::MAX - 1, 0));
    let again = append(&mut manager, &batch(0, i32::MAX - 1, 3, 3, false));
    assert_eq!(again, Err("duplicate 0..=2".into()));
    assert_eq!(append(&mut manager, &batch(0, 1, 1, 3, false)), Ok(()));
}

#[test]
fn an_open_transaction_holds_the_stable_offset_until_its_marker_is_replicated() {
    let mut manager = manager();
    append(&mut manager, &batch(0, 0, 2, 0, true)).expect("it begins");
    append(&mut manager, &batch(0, 2, 1, 2, true)).expect("it goes on");
    assert_eq!(manager.first_unstable_offset(), Some(0));
    assert_eq!(
        append(&mut manager, &batch(0, 3, 1, 3, false)),
        Err(ErrorCode::INVALID_TXN_STATE.to_string())
    );
    manager.remove_expired(i64::MAX, 1);
    assert_eq!(manager.producers().len(), 1, "an open transaction does not expire");
    append(&mut manager, &marker(0, 4, 3)).expect("it ends");
    assert_eq!(manager.first_unstable_offset(), Some(0), "the marker is not replicated yet");
    manager.on_high_watermark_updated(4);
    assert_eq!(manager.first_unstable_offset(), None);
    let fenced = Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED.to_string());
    assert_eq!(append(&mut manager, &marker(0, 3, 4)), fenced);
    assert_eq!(append(&mut manager, &marker(1, 4, 4)), Ok(()), "a marker may bring a new epoch");
    manager.remove_expired(2_000 + 100, 100);
    assert!(manager.producers().is_empty());
    assert_eq!(append(&mut manager, &batch(1, 50, 1, 5, false)), Ok(()), "nothing is known of it");
}

#[test]
fn truncation_goes_back_to_a_snapshot_and_the_batches_behind_it() {
    let (mut volume, mut manager) = (Volume::default(), manager());
    let batches: Vec<Bytes> = (0..4).map(|i| batch(0, i, 1, i64::from(i), false)).collect();
    for (i, records) in batches.iter().enumerate() {
        append(&mut manager, records).expect("in order");
        if i == 1 {
            manager.take_snapshot(&mut volume).expect("room");
            assert_eq!(manager.take_touched(), ["t-0/00000000000000000002.snapshot"]);
            manager.take_snapshot(&mut volume).expect("room");
            assert!(manager.take_touched().is_empty(), "nothing new");
        }
    }
    manager.take_snapshot(&mut volume).expect("room");
    manager.truncate_and_reload(0, 3, &mut volume).expect("a good disk");
    assert_eq!(manager.latest_snapshot_offset(), Some(2), "the later one is of what is cut");
    assert_eq!(manager.map_end_offset(), 2);
    manager.replay(&batches[2], 3);
    assert_eq!(manager.producers()[&7].last_sequence(), 2);
    assert_eq!(append(&mut manager, &batches[2]), Err("duplicate 2..=2".into()));
    assert_eq!(append(&mut manager, &batches[0]), Err("OUT_OF_ORDER_SEQUENCE_NUMBER".into()));

    let mut again = ProducerStateManager::new(id(), &volume);
    volume.replace("t-0/00000000000000000002.snapshot", b"damaged").expect("room");
    again.truncate_and_reload(0, 3, &mut volume).expect("a good disk");
    assert_eq!((again.map_end_offset(), again.latest_snapshot_offset()), (0, None));
    again.truncate_fully_and_start_at(9, &mut volume).expect("a good disk");
    assert_eq!(again.map_end_offset(), 9);
}

#[test]
fn snapshots_without_a_segment_go_but_the_one_of_the_clean_stop() {
    let mut volume = Volume::default();
    for offset in [5, 10, 12, 17, 20] {
        let file = format!("t-0/{offset:020}.snapshot");
        volume.replace(&file, &encode_snapshot([].iter())).expect("room");
    }
    let mut manager = ProducerStateManager::new(id(), &volume);
    manager.remove_stray_snapshots(&SortedSet::from([0, 10]), &mut volume).expect("a good disk");
    let left: Vec<&str> = volume.list("t-0/").collect();
    assert_eq!(left, ["t-0/00000000000000000010.snapshot", "t-0/00000000000000000020.snapshot"]);
}

#[test]
fn golden_snapshots_come_back_byte_for_byte() {
    assert_eq!(golden().count(), 20);
    for (partition, offset, bytes) in golden() {
        let entries = decode_snapshot(&bytes).expect("a real snapshot");
        assert_eq!(encode_snapshot(entries.iter()), bytes, "{partition}@{offset}");
        for cut in 0..bytes.len() {
            assert!(decode_snapshot(&bytes[..cut]).is_err(), "{partition}@{offset} cut at {cut}");
        }
        let mut damaged = bytes.clone();
        for i in 0..damaged.len() {
            damaged[i] ^= 1;
            assert!(decode_snapshot(&damaged).is_err(), "{partition}@{offset} damaged at {i}");
            damaged[i] ^= 1;
        }
    }
}

#[test]
fn golden_segments_replay_to_their_snapshots() {
    let segments: [(&str, &[u8]); 3] = [
        ("orders-0", include_bytes!("../../../tests/golden/segments/orders-0.segment")),
        ("txn-1", include_bytes!("../../../tests/golden/segments/txn-1.segment")),
        (
            "__consumer_offsets-0",
            include_bytes!("../../../tests/golden/segments/__consumer_offsets-0.segment"),
        ),
    ];
    for (name, segment) in segments {
        let (_, offset, snapshot) =
            golden().find(|(partition, ..)| *partition == name).expect("it is in the file");
        let mut manager = manager();
        for batch in Batches::new(segment) {
            manager.replay(batch.bytes(), batch.next_offset());
        }
        assert_eq!(manager.map_end_offset(), offset, "{name}");
        let expected = decode_snapshot(&snapshot).expect("a real snapshot");
        assert_eq!(manager.producers().len(), expected.len(), "{name}");
        for entry in expected {
            // A snapshot keeps less of a producer than is known of it.
            let mine = manager.producers()[&entry.producer_id].clone();
            assert_eq!(decode_snapshot(&encode_snapshot([mine].iter())), Ok(vec![entry]), "{name}");
        }
    }
}
