//! The log directories of a real 2.8.2 broker, as it left them after a clean stop: they open, they
//! are left as they are, and our logs write the same bytes.

use kafkarium::base::{SortedMap, Time, TopicPartition};
use kafkarium::disk::Volume;
use kafkarium::log::checkpoint::{
    LOG_START_OFFSET, RECOVERY_POINT_OFFSET, REPLICATION_OFFSET, read_offset_checkpoint,
    read_offsets, write_offset_checkpoint,
};
use kafkarium::log::dump::dump;
use kafkarium::log::{AppendOrigin, LogConfig, LogStart, PartitionLog, StartOffsetReason};
use kafkarium::wire::batch::{Batches, RecordBatchMut};
use std::fs;
use std::path::Path;

const NOW: Time = Time::from_millis(1_795_382_800_000);
const PARTITIONS: [(&str, i32); 9] = [
    ("__consumer_offsets", 0),
    ("__transaction_state", 0),
    ("codecs", 0),
    ("compacted", 0),
    ("orders", 0),
    ("orders", 3),
    ("small-segments", 0),
    ("test4", 0),
    ("txn", 1),
];

fn golden(broker: i32) -> Volume {
    let mut volume = Volume::default();
    let root = Path::new("tests/golden/disk").join(format!("kafka-logs-{broker}"));
    read_into(&mut volume, &root, "");
    volume
}

fn read_into(volume: &mut Volume, dir: &Path, prefix: &str) {
    for entry in fs::read_dir(dir).expect("the recordings") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let name = format!("{prefix}{file}");
        if path.is_dir() {
            read_into(volume, &path, &format!("{name}/"));
        } else {
            volume.append(&name, &fs::read(&path).expect("a file")).expect("room");
        }
    }
}

fn config(topic: &str) -> LogConfig {
    let mut config = LogConfig { compact: topic == "compacted", ..LogConfig::default() };
    if topic == "small-segments" {
        (config.segment_bytes, config.index_interval_bytes) = (16_384, 1_024);
    }
    config
}

fn open(volume: &mut Volume, id: &TopicPartition, is_clean: bool) -> PartitionLog {
    let starts = read_offset_checkpoint(volume, LOG_START_OFFSET);
    let log_start_offset = starts.get(id).copied().unwrap_or(0);
    let start = LogStart { is_clean, recovery_point: 0, log_start_offset, now: NOW };
    let opened = PartitionLog::open(volume, id.clone(), config(&id.topic), start);
    let (log, report) = opened.expect("a good disk");
    assert_eq!((report.checked, report.bytes_dropped), (!is_clean, 0), "{id}");
    log
}

/// The leader epochs that are stored, with their start offsets.
fn stored_epochs(volume: &Volume, id: &TopicPartition) -> Vec<(i32, i64)> {
    let file = volume.read(&format!("{id}/leader-epoch-checkpoint")).unwrap_or_default();
    let text = String::from_utf8_lossy(file).into_owned();
    let entries = text.lines().skip(2).filter_map(|line| line.split_once(' '));
    entries
        .map(|(epoch, start)| (epoch.parse().unwrap_or(-1), start.parse().unwrap_or(-1)))
        .collect()
}

/// The last stored epoch begins again, if nothing was written in it: a start forgets it
/// (`LeaderEpochFileCache.truncateFromEnd`), and the next leadership brings it back.
fn begin_last_epoch(log: &mut PartitionLog, volume: &mut Volume, golden: &Volume) {
    if let Some((epoch, start)) = stored_epochs(golden, log.partition()).last().copied()
        && start == log.log_end_offset()
    {
        assert!(
            log.leader_epochs().latest().is_none_or(|latest| latest < epoch),
            "{}",
            log.partition()
        );
        log.assign_epoch_start(volume, epoch).expect("a good disk");
    }
}

/// The files under `prefix` with their bytes.
fn files(volume: &Volume, prefix: &str) -> SortedMap<String, Vec<u8>> {
    let names = volume.list(prefix);
    names.map(|name| (name.to_owned(), volume.read(name).unwrap_or_default().to_vec())).collect()
}

fn assert_same_files(left: &Volume, right: &Volume, id: &TopicPartition) {
    let prefix = format!("{id}/");
    let (left, right) = (files(left, &prefix), files(right, &prefix));
    let kinds = [".log", ".index", ".timeindex", "leader-epoch-checkpoint"];
    for (name, bytes) in &left {
        if kinds.iter().any(|kind| name.ends_with(kind)) {
            assert_eq!(Some(bytes), right.get(name), "{name}");
        }
    }
}

#[test]
fn every_log_opens_and_is_left_as_it_was() {
    let mut volume = golden(1);
    let ends = read_offset_checkpoint(&volume, RECOVERY_POINT_OFFSET);
    let before = files(&volume, "");
    for (topic, partition) in PARTITIONS {
        let id = TopicPartition::new(topic, partition);
        let mut log = open(&mut volume, &id, true);
        assert_eq!(Some(&log.log_end_offset()), ends.get(&id), "{id}");
        assert_eq!(log.log_start_offset(), if topic == "small-segments" { 50 } else { 0 });
        begin_last_epoch(&mut log, &mut volume, &golden(1));
        log.close(&mut volume).expect("a good disk");
    }
    assert_eq!(files(&volume, ""), before);
}

/// The directory in which the log was written batch by batch: that of its leader.
fn golden_of(id: &TopicPartition) -> Volume {
    golden(if id.topic == "__consumer_offsets" { 2 } else { 1 })
}

#[test]
fn an_unclean_start_writes_the_same_indexes() {
    for (topic, partition) in PARTITIONS {
        let id = TopicPartition::new(topic, partition);
        let mut volume = golden_of(&id);
        let mut log = open(&mut volume, &id, false);
        begin_last_epoch(&mut log, &mut volume, &golden_of(&id));
        assert_same_files(&golden_of(&id), &volume, &id);
    }
}

#[test]
fn a_leader_writes_the_same_bytes() {
    for (topic, partition) in PARTITIONS {
        // What compaction left is no longer what a leader wrote.
        if topic == "compacted" {
            continue;
        }
        let id = TopicPartition::new(topic, partition);
        let (golden, mut volume) = (golden_of(&id), Volume::default());
        let mut log = open(&mut volume, &id, true);
        for name in
            golden.list(&format!("{id}/")).filter(|name| name.strip_suffix(".log").is_some())
        {
            for batch in Batches::new(golden.read(name).expect("a segment")) {
                let epoch = batch.partition_leader_epoch();
                let mut sent = batch.bytes().to_vec();
                let mut fresh = RecordBatchMut::first(&mut sent).expect("a batch");
                fresh.set_base_offset(0);
                fresh.set_partition_leader_epoch(-1);
                let origin = AppendOrigin::Coordinator;
                let info = log.append_as_leader(&mut volume, &sent, epoch, origin, NOW);
                assert_eq!(info.expect("room").base_offset, batch.base_offset(), "{id}");
            }
        }
        // Records were deleted up to here, and a leader began that wrote nothing.
        let mut original = golden_of(&id);
        let original = open(&mut original, &id, true);
        let (start, reason) =
            (original.log_start_offset(), StartOffsetReason::ClientRecordDeletion);
        log.maybe_increment_log_start_offset(&mut volume, start, reason).expect("a good disk");
        begin_last_epoch(&mut log, &mut volume, &golden);
        log.close(&mut volume).expect("a good disk");
        assert_same_files(&golden, &volume, &id);
    }
}

/// One fetch brought two batches, which the index knows by the last offset of both.
#[test]
fn a_follower_writes_the_same_bytes() {
    let golden = golden(1);
    let id = TopicPartition::new("__consumer_offsets", 0);
    let mut volume = Volume::default();
    let mut log = open(&mut volume, &id, true);
    let segment = golden.read(&format!("{id}/00000000000000000000.log")).expect("a segment");
    let mut fetched = Vec::new();
    for batch in Batches::new(segment) {
        fetched.extend_from_slice(batch.bytes());
        if batch.last_offset() != 32 {
            log.append_as_follower(&mut volume, &fetched, NOW).expect("room");
            fetched.clear();
        }
    }
    log.close(&mut volume).expect("a good disk");
    assert_same_files(&golden, &volume, &id);
}

#[test]
fn checkpoints_are_written_as_they_were_read() {
    let golden = golden(1);
    let cleaner = "cleaner-offset-checkpoint";
    for name in [REPLICATION_OFFSET, RECOVERY_POINT_OFFSET, LOG_START_OFFSET, cleaner] {
        let mut volume = Volume::default();
        let offsets = read_offsets(&golden, name);
        assert!(!offsets.is_empty(), "{name}");
        let offsets = offsets.iter().map(|(partition, offset)| (partition, *offset));
        write_offset_checkpoint(&mut volume, name, offsets).expect("room");
        assert_eq!(volume.read(name), golden.read(name), "{name}");
    }
}

/// What Kafka's own tool says of files of this broker, its decoders of internal topics aside.
#[test]
fn files_are_dumped_in_kafkas_words() {
    let volume = golden(1);
    let mut count = 0;
    for entry in fs::read_dir("tests/golden/disk/dump").expect("the recordings") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let file = name.replacen("_0", "/0", 1);
        let told = fs::read(&path).expect("a file");
        let told = String::from_utf8_lossy(&told);
        let ours = dump(&volume, "/tmp/kafka-logs-1", &file).expect("a file of a log");
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&ours), lines(told.trim_end_matches('\n')), "{name}");
        count += 1;
    }
    assert_eq!(count, 9);
    assert!(dump(&volume, "/", "orders-0/partition.metadata").is_err());
    assert!(dump(&volume, "/", "nowhere").is_err());
}
