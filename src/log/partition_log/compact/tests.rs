use super::*;
use crate::base::{SortedMap, Span, TopicPartition};
use crate::log::{AppendOrigin, LogConfig, LogStart};
use crate::wire::batch::{BatchFields, RecordBatchBuilder, RecordBatchView};
use bytes::Bytes;
use proptest::prelude::*;

const START: Time = Time::from_millis(1_000_000);

fn config() -> LogConfig {
    let segment_bytes = 400;
    LogConfig { compact: true, delete: false, segment_bytes, ..LogConfig::default() }
}

fn open(volume: &mut Volume, config: LogConfig, is_clean: bool, now: Time) -> PartitionLog {
    let start = LogStart { is_clean, recovery_point: 0, log_start_offset: 0, now };
    let id = TopicPartition::new("c", 0);
    PartitionLog::open(volume, id, config, start).expect("a good disk").0
}

fn append(log: &mut PartitionLog, volume: &mut Volume, records: &[(u8, Option<u8>)], now: Time) {
    let mut batch = RecordBatchBuilder::default();
    for (key, value) in records {
        let value = value.as_ref().map(std::slice::from_ref);
        batch.append(now.as_millis(), Some(&[*key]), value, &[]);
    }
    let batch = batch.build();
    log.append_as_leader(volume, &batch, 0, AppendOrigin::Client, now).expect("room");
}

/// (offset, key, value) of everything that is left.
fn records(log: &PartitionLog, volume: &Volume) -> Vec<(i64, u8, Option<u8>)> {
    let batches = log.segments().iter().flat_map(|segment| segment.batches(volume, 0));
    let mut all = Vec::new();
    for (_, batch) in batches {
        batch.verify().expect("sound");
        for record in batch.records().expect("plain") {
            let record = record.expect("sound");
            let key = record.key.expect("a key")[0];
            all.push((record.offset, key, record.value.map(|value| value[0])));
        }
    }
    all
}

fn clean(log: &mut PartitionLog, volume: &mut Volume, last: Option<i64>, now: Time) -> Option<i64> {
    let what = log.log_to_clean(volume, last, log.log_end_offset(), now);
    if what.cleanable_bytes == 0 {
        return last;
    }
    assert!(log.compact(volume, what).expect("a good disk"));
    log.cleaned_flushed_by(now);
    log.swap_cleaned(volume, now).expect("a good disk")
}

#[test]
fn only_the_newest_of_each_key_stays_and_the_active_segment_is_left_alone() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log = open(&mut volume, config(), true, START);
    for value in 0..12 {
        append(&mut log, &mut volume, &[(value % 3, Some(value))], START);
    }
    let active = log.segments().last().expect("one").base_offset();
    let what = log.log_to_clean(&volume, None, 12, START);
    assert_eq!((what.first_dirty_offset, what.first_uncleanable_offset), (0, active));
    assert_eq!((what.clean_bytes, what.ratio_millionths(), what.is_overdue), (0, 1_000_000, false));
    assert_eq!(clean(&mut log, &mut volume, None, START), Some(active));
    let left: Vec<i64> = records(&log, &volume).iter().map(|(offset, _, _)| *offset).collect();
    let expected: Vec<i64> = (active - 3..12).collect();
    assert_eq!(left, expected);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, 12));
    let after = log.log_to_clean(&volume, Some(active), 12, START);
    assert_eq!((after.cleanable_bytes, after.clean_bytes > 0), (0, true));
    let read = log.read(&volume, 0, 12, 1_000, true).expect("in range");
    assert_eq!(RecordBatchView::first(&read).expect("a batch").base_offset(), active - 3);
}

#[test]
fn young_records_and_those_above_the_high_watermark_wait() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log = open(&mut volume, config(), true, START);
    for value in 0..12 {
        append(&mut log, &mut volume, &[(0, Some(value))], START);
    }
    let second = log.segments()[1].base_offset();
    let what = log.log_to_clean(&volume, None, second + 1, START);
    assert_eq!(what.first_uncleanable_offset, second);
    log.set_config(LogConfig { min_compaction_lag_ms: 10, ..config() });
    assert_eq!(log.log_to_clean(&volume, None, 12, START).cleanable_bytes, 0);
    let later = START + Span::from_millis(10);
    assert!(log.log_to_clean(&volume, None, 12, later).cleanable_bytes > 0);
    log.set_config(LogConfig { max_compaction_lag_ms: 9, ..config() });
    assert!(log.log_to_clean(&volume, None, 12, later).is_overdue);
}

#[test]
fn a_tombstone_goes_when_its_time_has_come() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log =
        open(&mut volume, LogConfig { delete_retention_ms: 100, ..config() }, true, START);
    append(&mut log, &mut volume, &[(1, Some(1)), (1, None), (2, Some(2))], START);
    let mut now = START;
    let mut last = None;
    let mut has_tombstone = Vec::new();
    for round in 0..3 {
        for _ in 0..6 {
            append(&mut log, &mut volume, &[(3, Some(round))], now);
        }
        last = clean(&mut log, &mut volume, last, now);
        has_tombstone.push(records(&log, &volume).contains(&(1, 1, None)));
        now += Span::from_millis(101);
        volume.settle(now);
    }
    // It is kept while the newest clean segment is younger than delete.retention.ms.
    assert_eq!(has_tombstone, [true, true, false]);
    assert!(records(&log, &volume).iter().any(|(_, key, _)| *key == 2));
}

#[test]
fn what_waits_for_the_disk_is_dropped_by_a_truncation_and_by_a_death() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log = open(&mut volume, config(), true, START);
    for value in 0..12 {
        append(&mut log, &mut volume, &[(0, Some(value))], START);
    }
    let before = records(&log, &volume);
    let what = log.log_to_clean(&volume, None, 12, START);
    assert!(log.compact(&mut volume, what).expect("a good disk"));
    assert_eq!(log.swap_cleaned(&mut volume, Time::MAX), Ok(None), "not on the disk yet");
    let cleaned =
        |volume: &Volume| volume.list("c-0/").filter(|name| name.contains(CLEANED)).count();
    assert!(cleaned(&volume) > 0);
    let mut after_death = volume.clone();
    let again = open(&mut after_death, config(), false, START);
    assert_eq!((records(&again, &after_death), cleaned(&after_death)), (before, 0));
    log.truncate_to(&mut volume, 11, START).expect("a good disk");
    assert!(!log.is_compacting() && cleaned(&volume) == 0);
    assert_eq!(log.log_end_offset(), 11);
}

#[test]
fn a_swap_that_a_crash_interrupted_is_finished() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log = open(&mut volume, config(), true, START);
    for value in 0..12 {
        append(&mut log, &mut volume, &[(0, Some(value))], START);
    }
    let mut crashed = volume.clone();
    clean(&mut log, &mut volume, None, START);
    let whole = records(&log, &volume);
    let cleaned = log.segments()[0].clone();
    for file in cleaned.files() {
        let bytes = volume.read(&file).expect("a file").to_vec();
        crashed.append(&format!("{file}{SWAP}"), &bytes).expect("room");
    }
    // Only the swap of the first group was under way; the others are as they were.
    let again = open(&mut crashed, config(), false, START);
    let first_end = log.segments()[1].base_offset();
    let left = |all: &[(i64, u8, Option<u8>)]| -> Vec<i64> {
        all.iter().map(|(offset, _, _)| *offset).filter(|offset| *offset < first_end).collect()
    };
    assert_eq!(left(&records(&again, &crashed)), left(&whole));
    assert_eq!(again.log_end_offset(), 12);
    assert!(crashed.list("c-0/").all(|name| !name.ends_with(SWAP)));
}

/// The segment of a real broker that its cleaner left, from the batch that it was made of.
#[test]
fn a_compacted_segment_is_written_as_kafkas_cleaner_wrote_it() {
    let golden = include_bytes!(
        "../../../../tests/golden/disk/kafka-logs-1/compacted-0/00000000000000000080.log"
    );
    let kept = RecordBatchView::first(golden).expect("a batch");
    let mut volume = Volume::default();
    volume.settle(START);
    let roomy = LogConfig { segment_bytes: 4_000, ..config() };
    let mut log = open(&mut volume, roomy, true, START);
    for round in 0..6 {
        let fields = BatchFields { producer_id: 0, producer_epoch: 0, ..BatchFields::default() };
        let mut batch =
            RecordBatchBuilder::new(BatchFields { base_sequence: round * 20, ..fields });
        let mut last = kept.records().expect("plain").map(|record| record.expect("sound"));
        for number in 0..20 {
            let key = format!("k{}", number % 10);
            let text = format!("round {round} value {number} {}", "y".repeat(60));
            let golden = if round == 5 && number >= 10 { last.next() } else { None };
            let value = golden.as_ref().and_then(|record| record.value);
            let time = golden.as_ref().map_or(1_795_382_631_000, |record| record.timestamp);
            batch.append(time, Some(key.as_bytes()), value.or(Some(text.as_bytes())), &[]);
        }
        let batch = batch.build();
        log.append_as_leader(&mut volume, &batch, 0, AppendOrigin::Client, START).expect("room");
    }
    log.roll(&mut volume, 0, START).expect("a good disk");
    let bases: Vec<i64> = log.segments().iter().map(Segment::base_offset).collect();
    assert_eq!(bases, [0, 40, 80, 120]);
    assert_eq!(clean(&mut log, &mut volume, None, START), Some(120));
    let sizes: Vec<u64> = log.segments().iter().map(Segment::size).collect();
    assert_eq!(sizes, [0, 0, golden.len() as u64, 0]);
    assert_eq!(volume.read(log.segments()[2].file()), Some(&golden[..]));
    let index = include_bytes!(
        "../../../../tests/golden/disk/kafka-logs-1/compacted-0/00000000000000000080.timeindex"
    );
    assert_eq!(volume.read(log.segments()[2].time_index().file()), Some(&index[..]));
}

#[test]
fn an_empty_batch_keeps_the_last_sequence_of_its_producer() {
    let mut volume = Volume::default();
    volume.settle(START);
    let mut log = open(&mut volume, config(), true, START);
    let fields = BatchFields { producer_id: 7, producer_epoch: 0, ..BatchFields::default() };
    let mut batch = RecordBatchBuilder::new(BatchFields { base_sequence: 5, ..fields });
    batch.append(1, Some(&[0]), Some(&[1]), &[]);
    let batch: Bytes = batch.build();
    log.append_as_leader(&mut volume, &batch, 0, AppendOrigin::Client, START).expect("room");
    for value in 0..12 {
        append(&mut log, &mut volume, &[(0, Some(value))], START);
    }
    clean(&mut log, &mut volume, None, START);
    let (_, first) = log.segments()[0].batches(&volume, 0).next().expect("a batch");
    let shape = (first.producer_id(), first.last_sequence(), first.record_count());
    assert_eq!((shape, first.base_offset()), ((7, 5, 0), 0));
}

proptest! {
    /// However often a log is compacted, of every key its newest record is there, nothing that is
    /// there ever changes its offset or value, and a restart finds the same.
    #[test]
    fn compaction_keeps_the_newest_of_every_key(
        batches in prop::collection::vec(prop::collection::vec((0..6u8, prop::option::of(any::<u8>())), 1..4), 1..40),
        rounds in prop::collection::vec(0..40usize, 0..5),
        retention in 0..200i64,
    ) {
        let mut volume = Volume::default();
        let mut now = START;
        volume.settle(now);
        let config = LogConfig { delete_retention_ms: retention, ..config() };
        let mut log = open(&mut volume, config.clone(), true, now);
        let (mut all, mut newest, mut last) = (Vec::new(), SortedMap::new(), None);
        for (index, batch) in batches.iter().enumerate() {
            for (key, value) in batch {
                let offset = all.len() as i64;
                all.push((offset, *key, *value));
                newest.insert(*key, (offset, *value));
            }
            append(&mut log, &mut volume, batch, now);
            if rounds.contains(&index) {
                last = clean(&mut log, &mut volume, last, now);
            }
            now += Span::from_millis(20);
            volume.settle(now);
        }
        let left = records(&log, &volume);
        for record in &left {
            prop_assert_eq!(Some(record), all.get(record.0 as usize));
        }
        for (key, (offset, value)) in &newest {
            // A tombstone may go, but then with everything before it.
            let found = left.iter().rfind(|(_, known, _)| known == key);
            match value {
                Some(_) => prop_assert_eq!(found, Some(&(*offset, *key, *value))),
                None => prop_assert!(found.is_none_or(|found| found.0 == *offset)),
            }
        }
        prop_assert!(left.is_sorted_by(|one, next| one.0 < next.0));
        prop_assert_eq!(log.log_end_offset(), all.len() as i64);
        log.close(&mut volume).expect("a good disk");
        for is_clean in [true, false] {
            let again = open(&mut volume, config.clone(), is_clean, now);
            prop_assert_eq!(records(&again, &volume), left.clone());
            prop_assert_eq!(again.log_end_offset(), log.log_end_offset());
        }
    }
}
