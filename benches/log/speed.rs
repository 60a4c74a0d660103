//! How fast a partition log appends (as leader and as follower), fetches and recovers, in batches of
//! 16 KB, beside a bare loop that only copies and checksums the same bytes. One JSON line for each.

use bytes::Bytes;
use kafkarium::base::{Time, TopicPartition};
use kafkarium::disk::Volume;
use kafkarium::log::{AppendOrigin, LogConfig, LogStart, PartitionLog};
use kafkarium::wire::batch::{LOG_OVERHEAD, RecordBatchBuilder, RecordBatchMut};
use std::hint::black_box;
use std::time::Duration;

const NOW: Time = Time::from_millis(1_000_000);
const BYTES: usize = 100 << 20;
const ROOM: u64 = 512 << 20;
/// What the checksum of a batch does not cover.
const UNCOVERED: usize = LOG_OVERHEAD + 9;
const ROUNDS: usize = 5;

/// The clock of whoever measures.
pub type Now = fn() -> Duration;

fn timed<T>(now: Now, work: impl FnOnce() -> T) -> (T, Duration) {
    let started = now();
    let done = work();
    (done, now().saturating_sub(started))
}

fn batch() -> Bytes {
    let mut builder = RecordBatchBuilder::default();
    let value = vec![b'v'; 1_000];
    while builder.size() < 15_500 {
        builder.append(NOW.as_millis(), Some(b"key"), Some(&value), &[]);
    }
    builder.build()
}

fn open(volume: &mut Volume, is_clean: bool) -> PartitionLog {
    let start = LogStart { is_clean, recovery_point: 0, log_start_offset: 0, now: NOW };
    let id = TopicPartition::new("bench", 0);
    let config = LogConfig { segment_bytes: 64 << 20, ..LogConfig::default() };
    PartitionLog::open(volume, id, config, start).expect("a good disk").0
}

/// Copies and checksums `batch` until there are as many bytes as the log gets.
fn bare(now: Now, batch: &[u8], count: usize) -> Duration {
    let (copied, took) = timed(now, || {
        let mut copied: Vec<u8> = Vec::new();
        for _ in 0..count {
            let start = copied.len();
            copied.extend_from_slice(batch);
            black_box(crc32c::crc32c(&copied[start + UNCOVERED..]));
        }
        copied
    });
    black_box(copied);
    took
}

fn lead(now: Now, batch: &[u8], count: usize) -> (Volume, PartitionLog, Duration) {
    let mut volume = Volume::with_room(ROOM);
    let mut log = open(&mut volume, true);
    let ((), took) = timed(now, || {
        for _ in 0..count {
            let origin = AppendOrigin::Client;
            log.append_as_leader(&mut volume, batch, 0, origin, NOW).expect("room");
        }
    });
    (volume, log, took)
}

fn follow(now: Now, batch: &[u8], count: usize) -> Duration {
    let mut volume = Volume::with_room(ROOM);
    let mut log = open(&mut volume, true);
    let mut sent = batch.to_vec();
    let ((), took) = timed(now, || {
        for _ in 0..count {
            let mut next = RecordBatchMut::first(&mut sent).expect("a batch");
            next.set_base_offset(log.log_end_offset());
            next.set_partition_leader_epoch(0);
            log.append_as_follower(&mut volume, &sent, NOW).expect("room");
        }
    });
    took
}

fn fetch(now: Now, volume: &Volume, log: &PartitionLog, records: i64, count: usize) -> Duration {
    let ((), took) = timed(now, || {
        for number in 0..count as i64 {
            let (from, end) = (number * records, log.log_end_offset());
            let read = log.read(volume, from, end, 16 << 10, true).expect("in range");
            black_box(read);
        }
    });
    took
}

fn report(place: &str, name: &str, took: Duration, bare: Duration) -> String {
    let per_second = |took: Duration| BYTES as u128 / took.as_micros().max(1);
    let share = bare.as_micros() * 100 / took.as_micros().max(1);
    format!(
        "{{\"bench\":\"log\",\"where\":\"{place}\",\"what\":\"{name}\",\"bytes\":{BYTES},\"ms\":{},\"mb_per_s\":{},\"bare_mb_per_s\":{},\"percent_of_bare\":{share}}}",
        took.as_millis(),
        per_second(took),
        per_second(bare)
    )
}

fn best(rounds: impl Iterator<Item = Duration>) -> Duration {
    rounds.min().unwrap_or_default()
}

/// Measures at `place` with the clock `now`, and hands each line to `tell`.
pub fn measure(place: &str, now: Now, tell: impl Fn(&str)) {
    let batch = batch();
    let records = i64::from(
        RecordBatchMut::first(&mut batch.to_vec()).expect("a batch").view().record_count(),
    );
    let count = BYTES / batch.len();
    let bare = best((0..ROUNDS).map(|_| bare(now, &batch, count)));
    let report = |name: &str, took: Duration| tell(&report(place, name, took, bare));
    report("append", best((0..ROUNDS).map(|_| lead(now, &batch, count).2)));
    report("replicate", best((0..ROUNDS).map(|_| follow(now, &batch, count))));
    let (volume, log, _) = lead(now, &batch, count);
    report("fetch", best((0..ROUNDS).map(|_| fetch(now, &volume, &log, records, count))));
    let recover = (0..ROUNDS).map(|_| {
        let mut volume = volume.clone();
        let (again, took) = timed(now, || open(&mut volume, false));
        assert_eq!(again.log_end_offset(), log.log_end_offset());
        took
    });
    report("recover", best(recover));
}
