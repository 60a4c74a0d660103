//! The log of a replica against a model that keeps every batch in memory: random appends, reads,
//! searches by time, truncations, deletions and restarts of both kinds.

use kafkarium::base::{Rng, Span, Time, TopicPartition};
use kafkarium::disk::Volume;
use kafkarium::log::{AppendOrigin, LogConfig, LogStart, PartitionLog, StartOffsetReason};
use kafkarium::wire::batch::{Batches, RecordBatchBuilder};

/// A batch as it was appended.
#[derive(Clone, Debug)]
struct Batch {
    base: i64,
    epoch: i32,
    /// Timestamp and value of each record.
    records: Vec<(i64, String)>,
    size: usize,
}

impl Batch {
    fn next(&self) -> i64 {
        self.base + self.records.len() as i64
    }
}

#[derive(Default)]
struct Model {
    batches: Vec<Batch>,
    start: i64,
    end: i64,
}

impl Model {
    /// The batches from the one that holds `offset` on.
    fn from(&self, offset: i64) -> &[Batch] {
        let at = self.batches.partition_point(|batch| batch.next() <= offset);
        &self.batches[at..]
    }

    /// The first record that is not older than `timestamp`.
    fn at_or_after(&self, timestamp: i64) -> Option<(i64, i64)> {
        let all = self.batches.iter().flat_map(|batch| {
            let records = (batch.base..).zip(&batch.records);
            records.map(|(offset, (timestamp, _))| (offset, *timestamp))
        });
        let mut late = all.filter(|(offset, at)| *offset >= self.start && *at >= timestamp);
        late.next()
    }

    /// Cuts the end off; `first` is where the log's first segment begins.
    fn truncate(&mut self, to: i64, first: i64) {
        if to >= self.end {
            return;
        }
        // A batch goes whole, and the start goes along with what is cut below it.
        self.batches.retain(|batch| batch.next() <= to);
        self.end = self.batches.last().map_or(first.min(to), Batch::next);
        self.start = self.start.min(self.end);
    }
}

struct Run {
    rng: Rng,
    model: Model,
    log: PartitionLog,
    volume: Volume,
    now: Time,
    epoch: i32,
    /// Cuts, deletions of segments, clean and unclean restarts.
    counts: [u64; 4],
}

const RETENTION: i64 = 1_500;
const SEGMENT: u64 = 400;

fn open(volume: &mut Volume, start: LogStart) -> PartitionLog {
    let config = LogConfig {
        segment_bytes: SEGMENT,
        index_interval_bytes: 100,
        retention_bytes: RETENTION,
        retention_ms: -1,
        file_delete_delay: Span::from_secs(1),
        ..LogConfig::default()
    };
    let id = TopicPartition::new("t", 0);
    PartitionLog::open(volume, id, config, start).expect("a good disk").0
}

impl Run {
    fn new(seed: u64) -> Self {
        let (mut volume, now) = (Volume::default(), Time::from_millis(5_000_000));
        let start = LogStart { is_clean: true, recovery_point: 0, log_start_offset: 0, now };
        let log = open(&mut volume, start);
        let (rng, model) = (Rng::new(seed), Model::default());
        Self { rng, model, log, volume, now, epoch: 0, counts: [0; 4] }
    }

    fn append(&mut self) {
        let count = self.rng.between(1, 5) as usize;
        let mut records = Vec::new();
        let mut builder = RecordBatchBuilder::default();
        for _ in 0..count {
            let timestamp = 1_000_000 + self.rng.below(10_000) as i64;
            let value = "x".repeat(self.rng.below(20) as usize);
            builder.append(timestamp, None, Some(value.as_bytes()), &[]);
            records.push((timestamp, value));
        }
        self.epoch += i32::from(self.rng.chance(100)) * self.rng.between(1, 3) as i32;
        let (bytes, epoch, base) = (builder.build(), self.epoch, self.model.end);
        let origin = AppendOrigin::Client;
        let info = self.log.append_as_leader(&mut self.volume, &bytes, epoch, origin, self.now);
        let info = info.expect("a good batch");
        self.model.batches.push(Batch { base, epoch, records, size: bytes.len() });
        self.model.end = base + count as i64;
        assert_eq!((info.base_offset, info.last_offset), (base, self.model.end - 1));
    }

    fn truncate(&mut self) {
        let to = self.model.start.max(self.model.end - 8);
        let to = self.rng.between(to as u64, self.model.end as u64 + 2) as i64;
        let before = self.model.end;
        self.model.truncate(to, self.log.segments()[0].base_offset());
        let cut = self.log.truncate_to(&mut self.volume, to, self.now).expect("a good disk");
        let expected = (self.model.end < before).then_some((before, self.model.end));
        assert_eq!(cut, expected, "to {to}");
        self.counts[0] += u64::from(cut.is_some());
    }

    /// Deletes records by request, or as retention wants it.
    fn delete(&mut self) {
        if self.rng.chance(500) {
            let (start, end) = (self.model.start, self.model.end);
            let to = self.rng.between(start as u64, (start + 4).min(end) as u64) as i64;
            let reason = StartOffsetReason::ClientRecordDeletion;
            let moved = self.log.maybe_increment_log_start_offset(&mut self.volume, to, reason);
            assert_eq!(moved, Ok(to > start));
            self.model.start = to;
        }
        let high_watermark = self.model.end;
        let gone = self.log.delete_old_segments(&mut self.volume, high_watermark, self.now);
        self.counts[1] += gone.expect("a good disk") as u64;
        let first = self.log.segments()[0].base_offset();
        self.model.batches.retain(|batch| batch.base >= first);
        self.model.start = self.model.start.max(first);
        let left: usize = self.model.batches.iter().map(|batch| batch.size).sum();
        assert!(left < RETENTION as usize + SEGMENT as usize, "{left} bytes are left");
    }

    /// Stops the log in one way or the other and opens it again.
    fn restart(&mut self) {
        let is_clean = self.rng.chance(500);
        if is_clean {
            self.log.close(&mut self.volume).expect("a good disk");
        }
        let start = LogStart {
            is_clean,
            recovery_point: self.log.recovery_point(self.now),
            log_start_offset: self.model.start,
            now: self.now,
        };
        self.log = open(&mut self.volume, start);
        self.counts[if is_clean { 2 } else { 3 }] += 1;
    }

    fn compare(&mut self) {
        let (start, end) = (self.model.start, self.model.end);
        assert_eq!((self.log.log_start_offset(), self.log.log_end_offset()), (start, end));
        let left: usize = self.model.batches.iter().map(|batch| batch.size).sum();
        assert_eq!(self.log.size(), left as u64);
        for batch in self.model.from(start) {
            for offset in batch.base.max(start)..batch.next() {
                assert_eq!(self.log.leader_epochs().epoch_at(offset), Some(batch.epoch));
            }
        }
        self.compare_read();
        self.compare_search();
    }

    fn compare_read(&mut self) {
        let (start, end) = (self.model.start, self.model.end);
        let from = self.rng.between(start.max(1) as u64 - 1, end as u64 + 2) as i64;
        let bound = self.rng.between(start as u64, end as u64 + 1) as i64;
        let max = self.rng.between(1, 600) as usize;
        let read = self.log.read(&self.volume, from, bound, max, true);
        if from < start || from > end {
            assert!(read.is_err(), "{from} is not within {start}..{end}");
            return;
        }
        let bytes = read.expect("it is in range");
        let expected = self.model.from(from);
        let mut size = 0;
        for (view, batch) in Batches::new(&bytes).zip(expected) {
            assert_eq!((view.base_offset(), view.next_offset()), (batch.base, batch.next()));
            assert_eq!(view.partition_leader_epoch(), batch.epoch);
            let records: Vec<(i64, String)> = view
                .records()
                .expect("they are plain")
                .map(|record| record.expect("a record"))
                .map(|record| {
                    let value = record.value.unwrap_or_default();
                    (record.timestamp, String::from_utf8_lossy(value).into_owned())
                })
                .collect();
            assert_eq!(records, batch.records);
            assert!(batch.next() <= bound, "nothing from the bound on");
            size += batch.size;
        }
        assert_eq!(bytes.len(), size, "whole batches and nothing else");
        let first = expected.first().filter(|batch| batch.next() <= bound);
        assert_eq!(size > 0, first.is_some(), "what there is comes, whatever the limit");
        assert!(size <= max || first.is_some_and(|first| first.size == size));
    }

    fn compare_search(&mut self) {
        let timestamp = 1_000_000 + self.rng.below(11_000) as i64;
        let found = self.log.offset_for_timestamp(&self.volume, timestamp);
        let expected = self.model.at_or_after(timestamp);
        // As in Kafka, the segment is chosen by all its records, those below the start among them.
        let is_start_inside = self.model.start > self.log.segments()[0].base_offset();
        assert!(
            found == expected || (found.is_none() && is_start_inside),
            "{found:?} {expected:?}"
        );
    }

    fn step(&mut self) {
        self.now += Span::from_millis(self.rng.below(500));
        match self.rng.below(20) {
            0..=12 => self.append(),
            13 | 14 => self.truncate(),
            15 | 16 => self.delete(),
            17 => self.restart(),
            _ => drop(self.log.delete_due_files(&mut self.volume, self.now).expect("a good disk")),
        }
        self.compare();
    }
}

#[test]
fn the_log_is_that_of_a_model_that_keeps_every_batch() {
    let mut counts = [0; 4];
    for seed in 0..60 {
        let mut run = Run::new(seed);
        for _ in 0..200 {
            run.step();
        }
        for (sum, count) in counts.iter_mut().zip(run.counts) {
            *sum += count;
        }
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}
