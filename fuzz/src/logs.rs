//! Bytes as the files of one partition's log, as a broker finds them or a person imports them: the
//! log opens, and what it then holds is a log.

use super::servers::{join, parts};
use kafkarium::base::{Time, TopicPartition};
use kafkarium::disk::Volume;
use kafkarium::log::checkpoint::{
    CLEANER_OFFSET, LOG_START_OFFSET, RECOVERY_POINT_OFFSET, REPLICATION_OFFSET,
    read_offset_checkpoint,
};
use kafkarium::log::{AppendOrigin, LogConfig, LogStart, PartitionLog};
use kafkarium::wire::batch::Batches;

const NOW: Time = Time::from_millis(1_795_382_800_000);
/// The names that the first byte of a part chooses from.
const FILES: [&str; 18] = [
    "orders-0/00000000000000000000.log",
    "orders-0/00000000000000000000.index",
    "orders-0/00000000000000000000.timeindex",
    "orders-0/00000000000000000080.log",
    "orders-0/00000000000000000080.index",
    "orders-0/00000000000000000080.timeindex",
    "orders-0/00000000000000000080.snapshot",
    "orders-0/00000000000000000160.snapshot",
    "orders-0/leader-epoch-checkpoint",
    "orders-0/partition.metadata",
    "orders-0/00000000000000000000.txnindex",
    "orders-0/00000000000000000000.log.cleaned",
    "orders-0/00000000000000000080.log.swap",
    "orders-0/00000000000000000000.log.deleted",
    RECOVERY_POINT_OFFSET,
    LOG_START_OFFSET,
    CLEANER_OFFSET,
    REPLICATION_OFFSET,
];
const CLEAN: u8 = 1;
const COMPACT: u8 = 2;

macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/golden/disk/kafka-logs-1/", $name))
    };
}

/// A log directory: a byte of flags, then files.
pub fn log_directory(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let mut volume = Volume::default();
    for part in parts(data) {
        if let Some((which, content)) = part.split_first() {
            let name = FILES[usize::from(*which) % FILES.len()];
            volume.replace(name, content).expect("there is room");
        }
    }
    let id = TopicPartition::new("orders", 0);
    let of = |name| read_offset_checkpoint(&volume, name).get(&id).copied().unwrap_or(0);
    let start = LogStart {
        is_clean: flags & CLEAN != 0,
        recovery_point: of(RECOVERY_POINT_OFFSET),
        log_start_offset: of(LOG_START_OFFSET).max(0),
        now: NOW,
    };
    let (_, _) = (of(CLEANER_OFFSET), of(REPLICATION_OFFSET));
    let config = LogConfig {
        compact: flags & COMPACT != 0,
        segment_bytes: 16 * 1024,
        index_interval_bytes: 1_024,
        ..LogConfig::default()
    };
    // A disk that cannot be used is an answer too.
    let Ok((mut log, _)) = PartitionLog::open(&mut volume, id.clone(), config.clone(), start)
    else {
        return;
    };
    look(&log, &volume);
    let batch: &[u8] = golden!("orders-0/00000000000000000000.log");
    let batch = Batches::new(batch).next().expect("the recording has one").bytes().to_vec();
    let before = log.log_end_offset();
    if let Ok(info) = log.append_as_leader(&mut volume, &batch, 1, AppendOrigin::Client, NOW) {
        // A producer may find that the log has these records already.
        let end = if info.is_duplicate { before } else { info.last_offset + 1 };
        assert_eq!(log.log_end_offset(), end);
        assert!(info.is_duplicate || info.base_offset == before);
        look(&log, &volume);
    }
    let Ok(_) = log.close(&mut volume) else { return };
    let (end, begin) = (log.log_end_offset(), log.log_start_offset());
    let start = LogStart { is_clean: true, recovery_point: end, log_start_offset: begin, now: NOW };
    let Ok((log, _)) = PartitionLog::open(&mut volume, id, config, start) else {
        panic!("a log that was closed opens again");
    };
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (begin, end));
}

/// Reads a log from its start: whatever it hands out lies within it.
fn look(log: &PartitionLog, volume: &Volume) {
    let (mut next, end) = (log.log_start_offset(), log.log_end_offset());
    assert!(next <= end, "it starts before it ends");
    while next < end {
        let read = log.read(volume, next, end, 4_096, true).expect("an offset that it holds");
        let last = Batches::new(&read).map(|batch| batch.last_offset()).max();
        let Some(last) = last.filter(|last| *last >= next) else { break };
        next = last + 1;
    }
    let _ = log.newest_records(volume, 20);
    let _ = log.batch_crcs(end, 20);
    for timestamp in [i64::MIN, -1, 0, 1_700_000_000_000, i64::MAX] {
        let _ = log.offset_for_timestamp(volume, timestamp);
    }
    for epoch in [i32::MIN, -1, 0, 1, i32::MAX] {
        let _ = log.end_offset_for_epoch(epoch);
    }
}

/// The directories of a real broker.
pub fn log_directories() -> Vec<Vec<u8>> {
    let small: [&[u8]; 8] = [
        golden!("small-segments-0/00000000000000000000.log"),
        golden!("small-segments-0/00000000000000000000.index"),
        golden!("small-segments-0/00000000000000000000.timeindex"),
        golden!("small-segments-0/00000000000000000080.log"),
        golden!("small-segments-0/00000000000000000080.index"),
        golden!("small-segments-0/00000000000000000080.timeindex"),
        golden!("small-segments-0/00000000000000000080.snapshot"),
        golden!("small-segments-0/00000000000000000160.snapshot"),
    ];
    let single: [&[u8]; 4] = [
        golden!("orders-0/00000000000000000000.log"),
        golden!("codecs-0/00000000000000000000.log"),
        golden!("txn-1/00000000000000000000.log"),
        golden!("compacted-0/00000000000000000000.log"),
    ];
    let text = |which: u8, content: &str| [&[which], content.as_bytes()].concat();
    let notes = [
        text(8, "0\n1\n0 0\n"),
        text(14, "0\n1\norders 0 80\n"),
        text(15, "0\n1\norders 0 3\n"),
        text(16, "0\n1\norders 0 40\n"),
        text(17, "0\n1\norders 0 100\n"),
    ];
    let files = |contents: &[&[u8]]| -> Vec<Vec<u8>> {
        let numbered = contents.iter().enumerate();
        numbered.map(|(which, content)| [&[which as u8], *content].concat()).collect()
    };
    let mut seeds = Vec::new();
    for flags in [0, CLEAN, COMPACT, CLEAN | COMPACT] {
        let whole = [files(&small), notes.to_vec()].concat();
        seeds.push([vec![flags], join(&whole)].concat());
        // Without the indexes, which must be made anew.
        seeds.push(
            [vec![flags], join(&[files(&small[..1]), vec![files(&small)[3].clone()]].concat())]
                .concat(),
        );
        for log in single {
            seeds.push([vec![flags], join(&files(&[log]))].concat());
        }
    }
    seeds
}
