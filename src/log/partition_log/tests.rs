use super::*;
use crate::base::{Rng, Span};
use crate::log::AppendOrigin;
use crate::wire::ErrorCode;
use crate::wire::batch::{BatchFields, RecordBatchBuilder};
use bytes::Bytes;
use proptest::prelude::*;

fn batch(values: &[&str]) -> Bytes {
    let mut builder = RecordBatchBuilder::default();
    for (index, value) in values.iter().enumerate() {
        builder.append(1_000 + index as i64, None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

const NOW: Time = Time::from_millis(1_000_000);

fn small() -> LogConfig {
    LogConfig { segment_bytes: 300, max_message_bytes: 200, ..LogConfig::default() }
}

fn open_with(
    volume: &mut Volume,
    config: LogConfig,
    is_clean: bool,
) -> (PartitionLog, RecoveryReport) {
    let start = LogStart { is_clean, recovery_point: 0, log_start_offset: 0, now: NOW };
    PartitionLog::open(volume, TopicPartition::new("t", 0), config, start).expect("a good disk")
}

fn open(volume: &mut Volume, is_clean: bool) -> (PartitionLog, RecoveryReport) {
    open_with(volume, small(), is_clean)
}

fn lead(
    log: &mut PartitionLog,
    volume: &mut Volume,
    records: &[u8],
    epoch: i32,
) -> Result<AppendInfo, AppendError> {
    log.append_as_leader(volume, records, epoch, AppendOrigin::Client, NOW)
}

/// Two logs that answer alike.
fn assert_same(left: &PartitionLog, right: &PartitionLog) {
    let shape = |log: &PartitionLog| {
        let segments =
            log.segments().iter().map(|one| (one.base_offset(), one.end_offset(), one.size()));
        (log.log_start_offset(), log.log_end_offset(), segments.collect::<Vec<_>>())
    };
    assert_eq!(shape(left), shape(right));
    assert_eq!(left.leader_epochs(), right.leader_epochs());
    assert_eq!(left.batch_crcs(i64::MAX, 100), right.batch_crcs(i64::MAX, 100));
}

/// Asks for the log's files without its indexes.
fn segments_of(volume: &Volume) -> Vec<&str> {
    volume.list("t-0/0").filter(|name| name.strip_suffix(".log").is_some()).collect()
}

fn values(log: &PartitionLog, volume: &Volume) -> Vec<(i64, i32, String)> {
    let records = log.newest_records(volume, usize::MAX);
    records
        .into_iter()
        .map(|r| (r.offset, r.leader_epoch, r.value.clone().unwrap_or_default()))
        .collect()
}

#[test]
fn appends_get_offsets_epochs_and_segments_and_come_back() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for epoch in [0, 0, 2, 2, 5] {
        lead(&mut log, &mut volume, &batch(&["a", "b"]), epoch).expect("room");
    }
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, 10));
    assert_eq!(log.leader_epochs().entries(), [(0, 0), (2, 4), (5, 8)]);
    assert_eq!(
        segments_of(&volume),
        ["t-0/00000000000000000000.log", "t-0/00000000000000000006.log"]
    );
    assert_eq!(values(&log, &volume)[9], (9, 5, "b".to_owned()));
    log.close(&mut volume).expect("a good disk");
    for clean in [true, false] {
        let (again, report) = open(&mut volume, clean);
        assert_eq!(report.bytes_dropped, 0);
        assert_same(&again, &log);
    }
}

/// What was appended in an epoch and lost says nothing of that epoch any more: a follower that has
/// records of it must be told to give them up.
#[test]
fn an_epoch_that_began_where_the_log_ends_is_forgotten_at_a_start() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for (value, epoch) in [("a", 0), ("b", 1)] {
        lead(&mut log, &mut volume, &batch(&[value]), epoch).expect("room");
    }
    assert_eq!(log.leader_epochs().entries(), [(0, 0), (1, 1)]);
    let (file, size) = (segments_of(&volume)[0].to_owned(), batch(&["a"]).len() as u64);
    volume.truncate(&file, size).expect("a good disk");
    let (again, report) = open(&mut volume, false);
    assert!(report.epochs_changed);
    assert_eq!((again.log_end_offset(), again.leader_epochs().entries()), (1, &[(0, 0)][..]));
}

#[test]
fn a_spoiled_batch_at_the_end_is_found_whatever_it_says_of_its_offsets() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for value in ["a", "b"] {
        lead(&mut log, &mut volume, &batch(&[value]), 0).expect("room");
    }
    // The highest byte of the last batch's last offset delta.
    let (file, size) = (segments_of(&volume)[0].to_owned(), batch(&["a"]).len() as u64);
    volume.suffer(&crate::disk::DiskFault::Corrupt { file, position: size + 23 });
    let (again, report) = open(&mut volume, false);
    assert_eq!((report.bytes_dropped, again.log_end_offset()), (size, 1));
    assert_eq!(values(&again, &volume), [(0, 0, "a".to_owned())]);
}

#[test]
fn reads_return_whole_batches_below_the_bound() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for _ in 0..3 {
        lead(&mut log, &mut volume, &batch(&["a", "b"]), 0).expect("room");
    }
    let size = batch(&["a", "b"]).len();
    let read = |from, end, max| log.read(&volume, from, end, max, true).map(|bytes| bytes.len());
    assert_eq!(read(1, 6, 1_000), Ok(3 * size), "the batch that holds the offset comes whole");
    assert_eq!(read(0, 5, 1_000), Ok(2 * size), "a batch across the bound does not come");
    assert_eq!(read(0, 6, size + 1), Ok(size));
    assert_eq!(read(0, 6, 1), Ok(size), "at least one batch");
    assert_eq!(log.read(&volume, 0, 6, 1, false).map(|bytes| bytes.len()), Ok(0));
    assert_eq!(read(6, 6, 1_000), Ok(0));
    assert!(read(7, 7, 1_000).is_err());
    assert_eq!(log.offset_for_timestamp(&volume, 1_001), Some((1, 1_001)));
    assert_eq!(log.offset_for_timestamp(&volume, 2_000), None);
}

#[test]
fn what_kafka_refuses_is_refused_and_nothing_is_written() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    let refused = |log: &mut PartitionLog, volume: &mut Volume, records: &[u8]| match lead(
        log, volume, records, 0,
    ) {
        Err(AppendError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    let mut damaged = batch(&["a"]).to_vec();
    damaged[65] ^= 1;
    let large = batch(&["x".repeat(200).as_str()]);
    for (records, code) in [
        (&damaged[..], ErrorCode::CORRUPT_MESSAGE),
        (&large[..], ErrorCode::MESSAGE_TOO_LARGE),
        (&[][..], ErrorCode::CORRUPT_MESSAGE),
        (&large[..40], ErrorCode::CORRUPT_MESSAGE),
    ] {
        assert_eq!(refused(&mut log, &mut volume, records), code);
    }
    assert_eq!((log.log_end_offset(), volume.used()), (0, 0));
}

#[test]
fn a_follower_takes_only_what_continues_its_log() {
    let (mut leaders, mut followers) = (Volume::default(), Volume::default());
    let (mut leader, _) = open(&mut leaders, true);
    let (mut follower, _) = open(&mut followers, true);
    lead(&mut leader, &mut leaders, &batch(&["a"]), 3).expect("room");
    lead(&mut leader, &mut leaders, &batch(&["b"]), 4).expect("room");
    let bytes = leader.read(&leaders, 0, 2, 1_000, true).expect("in range");
    let cut = &bytes[..bytes.len() - 1];
    let info =
        follower.append_as_follower(&mut followers, cut, NOW).expect("room").expect("a batch");
    assert_eq!((info.base_offset, info.last_offset), (0, 0));
    assert!(matches!(
        follower.append_as_follower(&mut followers, &bytes, NOW),
        Err(AppendError::OutOfOrder { base_offset: 0, log_end_offset: 1 })
    ));
    let rest = leader.read(&leaders, 1, 2, 1_000, true).expect("in range");
    follower.append_as_follower(&mut followers, &rest, NOW).expect("room");
    assert_eq!(follower.leader_epochs(), leader.leader_epochs());
    assert_eq!(values(&follower, &followers), values(&leader, &leaders));
}

#[test]
fn a_batch_sent_again_is_known_after_a_stop_of_either_kind_and_not_after_its_truncation() {
    let sent = |sequence: i32| {
        let mut builder = RecordBatchBuilder::new(BatchFields {
            producer_id: 7,
            producer_epoch: 0,
            base_sequence: sequence,
            ..BatchFields::default()
        });
        builder.append(1_000, None, Some(b"value"), &[]);
        builder.build()
    };
    for is_clean in [true, false] {
        let mut volume = Volume::default();
        let (mut log, _) = open(&mut volume, true);
        for sequence in 0..8 {
            lead(&mut log, &mut volume, &sent(sequence), 0).expect("in order");
        }
        let again = lead(&mut log, &mut volume, &sent(7), 0).expect("it is known");
        assert!(again.is_duplicate && again.last_offset == 7 && log.log_end_offset() == 8);
        if is_clean {
            let files = log.close(&mut volume).expect("room");
            assert!(files.contains(&"t-0/00000000000000000008.snapshot".to_owned()), "{files:?}");
        }
        let (mut log, _) = open(&mut volume, is_clean);
        assert!(lead(&mut log, &mut volume, &sent(7), 0).is_ok_and(|info| info.is_duplicate));
        let refused = lead(&mut log, &mut volume, &sent(9), 0);
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        assert!(matches!(refused, Err(AppendError::Refused { code: got, .. }) if got == code));
        log.truncate_to(&mut volume, 3, NOW).expect("a good disk");
        let info = lead(&mut log, &mut volume, &sent(3), 0).expect("it is gone");
        assert!(!info.is_duplicate && info.base_offset == 3);
    }
}

#[test]
fn truncation_takes_epochs_and_segments_with_it() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for epoch in 0..6 {
        lead(&mut log, &mut volume, &batch(&["a", "b"]), epoch).expect("room");
    }
    assert_eq!(log.truncate_to(&mut volume, 12, NOW), Ok(None));
    assert_eq!(log.truncate_to(&mut volume, 4, NOW), Ok(Some((12, 4))));
    assert_eq!(log.leader_epochs().entries(), [(0, 0), (1, 2)]);
    assert_eq!(segments_of(&volume).len(), 1);
    let given_up =
        volume.list("t-0/").filter(|name| name.strip_suffix(".deleted").is_some()).count();
    assert_eq!((given_up, log.next_deletion()), (3, Some(NOW + Span::from_secs(60))));
    log.delete_due_files(&mut volume, NOW + Span::from_secs(60)).expect("a good disk");
    let left: Vec<&str> = volume.list("t-0/").collect();
    assert_eq!((left.len(), log.next_deletion()), (5, None), "{left:?}");
    assert!(left.contains(&"t-0/00000000000000000004.snapshot"), "{left:?}");
    assert_eq!(log.end_offset_for_epoch(1), (1, 4));
    log.truncate_fully_and_start_at(&mut volume, 40, NOW).expect("a good disk");
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (40, 40));
    log.rename_dir(&mut volume, "t-0.1-delete").expect("a good disk");
    assert_eq!(volume.list("t-0/").count(), 0);
    delete_dir(&mut volume, "t-0.1-delete").expect("a good disk");
    assert!(volume.is_empty());
}

#[test]
fn retention_takes_whole_segments_below_the_high_watermark() {
    let mut volume = Volume::default();
    volume.settle(NOW);
    let (mut log, _) = open_with(&mut volume, LogConfig { retention_bytes: 300, ..small() }, true);
    for _ in 0..6 {
        lead(&mut log, &mut volume, &batch(&["a", "b"]), 0).expect("room");
    }
    let bases = |log: &PartitionLog| -> Vec<i64> {
        log.segments().iter().map(Segment::base_offset).collect()
    };
    assert_eq!(bases(&log), [0, 6]);
    log.take_notes();
    assert_eq!(log.delete_old_segments(&mut volume, 5, NOW), Ok(0), "not above the high watermark");
    assert_eq!(
        log.delete_old_segments(&mut volume, 12, NOW),
        Ok(0),
        "what is left would be too small"
    );
    log.set_config(LogConfig { retention_bytes: 225, ..small() });
    assert_eq!(log.delete_old_segments(&mut volume, 12, NOW), Ok(1));
    assert_eq!((bases(&log), log.log_start_offset()), (vec![6], 6));
    let lines: Vec<String> = log.take_notes().into_iter().map(|note| format!("{note:?}")).collect();
    let size = log.size();
    assert!(lines[0].contains("Deleting segment LogSegment(baseOffset=0, size="), "{lines:?}");
    let left = format!("due to retention size 225 breach. Log size after deletion will be {size}.");
    assert!(lines[0].contains(&left), "{lines:?}");
    assert!(lines[1].contains("Incremented log start offset to 6 due to segment deletion"));
    let late = NOW + Span::from_millis(1_000);
    log.set_config(LogConfig { retention_ms: 1_000_000, ..small() });
    assert_eq!(log.delete_old_segments(&mut volume, 12, late), Ok(0));
    assert_eq!(log.delete_old_segments(&mut volume, 12, late + Span::from_millis(2)), Ok(1));
    assert_eq!((bases(&log), log.log_start_offset(), log.log_end_offset()), (vec![12], 12, 12));
    assert_eq!(log.delete_old_segments(&mut volume, 12, Time::MAX), Ok(0), "an empty one stays");
}

#[test]
fn records_deleted_by_request_are_out_of_range_and_their_segments_go() {
    let mut volume = Volume::default();
    let (mut log, _) = open(&mut volume, true);
    for epoch in [0, 0, 0, 0, 1] {
        lead(&mut log, &mut volume, &batch(&["a", "b"]), epoch).expect("room");
    }
    let reason = StartOffsetReason::ClientRecordDeletion;
    assert_eq!(log.maybe_increment_log_start_offset(&mut volume, 7, reason), Ok(true));
    assert_eq!(log.maybe_increment_log_start_offset(&mut volume, 6, reason), Ok(false));
    assert_eq!(log.leader_epochs().entries(), [(0, 7), (1, 8)]);
    assert!(log.read(&volume, 6, 10, 1_000, true).is_err());
    let offsets: Vec<i64> = values(&log, &volume).iter().map(|(offset, _, _)| *offset).collect();
    assert_eq!(offsets, [7, 8, 9]);
    // Kafka looks into the first segment that is late enough, even when nothing of it is left.
    assert_eq!(log.offset_for_timestamp(&volume, 0), None);
    assert_eq!(log.delete_old_segments(&mut volume, 10, NOW), Ok(1));
    assert_eq!(log.offset_for_timestamp(&volume, 0), Some((7, 1_001)));
    let start = LogStart { is_clean: true, recovery_point: 10, log_start_offset: 7, now: NOW };
    let id = TopicPartition::new("t", 0);
    let (again, _) = PartitionLog::open(&mut volume, id, small(), start).expect("a good disk");
    assert_same(&again, &log);
}

proptest! {
    /// After a power cut at any moment an unclean start finds a prefix of what was written, and the
    /// epochs that belong to it.
    #[test]
    fn recovery_finds_a_prefix(
        seed in any::<u64>(),
        epochs in prop::collection::vec((0..3i32, 1..4usize), 1..12),
        synced in 0..12usize,
    ) {
        let mut volume = Volume::default();
        let (mut log, _) = open(&mut volume, true);
        let (mut epoch, mut durable) = (0, 0);
        for (index, (step, count)) in epochs.iter().enumerate() {
            epoch += step;
            lead(&mut log, &mut volume, &batch(&vec!["v"; *count]), epoch).expect("room");
            if index == synced {
                let names: Vec<String> = volume.list("t-0/").map(str::to_owned).collect();
                for name in names {
                    volume.sync(&name, Time::ZERO).expect("file");
                }
                durable = log.log_end_offset();
            }
        }
        let before = values(&log, &volume);
        volume.power_cut(Time::ZERO, &mut Rng::new(seed));
        let (log, report) = open(&mut volume, false);
        let after = values(&log, &volume);
        prop_assert!(report.checked && log.log_end_offset() >= durable);
        prop_assert_eq!(&before[..after.len()], &after[..]);
        for (offset, epoch, _) in &after {
            prop_assert_eq!(log.leader_epochs().epoch_at(*offset), Some(*epoch));
        }
        let (again, report) = open(&mut volume, false);
        prop_assert_eq!(report.bytes_dropped, 0);
        assert_same(&again, &log);
    }
}
