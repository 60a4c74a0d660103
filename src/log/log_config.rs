//! The settings of a log.
//!
//! In Kafka: `kafka.log.LogConfig`.

use crate::base::{Span, StableHasher};

/// The settings of a log. Milliseconds are numbers where they are compared with timestamps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is not made longer than this.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment that has records is not written to longer than this.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: by up to how much less, so that not all logs roll at once.
    pub segment_jitter_ms: i64,
    /// What the jitters are drawn from.
    pub jitter_seed: u64,
    /// `segment.index.bytes`: room for the entries of an index.
    pub segment_index_bytes: usize,
    /// `index.interval.bytes`: bytes between two index entries.
    pub index_interval_bytes: u64,
    /// `max.message.bytes`: the largest batch that is accepted.
    pub max_message_bytes: usize,
    /// `message.timestamp.type` is `LogAppendTime`.
    pub log_append_time: bool,
    /// `message.timestamp.difference.max.ms`.
    pub timestamp_difference_max_ms: i64,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `retention.ms`, −1 for no limit.
    pub retention_ms: i64,
    /// `retention.bytes`, −1 for no limit.
    pub retention_bytes: i64,
    /// `file.delete.delay.ms`: how long a file that was given up stays on the disk.
    pub file_delete_delay: Span,
    /// `delete.retention.ms`: how long a tombstone stays after compaction.
    pub delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio` in millionths.
    pub min_cleanable_dirty_ratio_millionths: u32,
    /// `min.compaction.lag.ms`: how long a record stays as it is.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: after how long a record is compacted at the latest.
    pub max_compaction_lag_ms: i64,
}

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            segment_jitter_ms: 0,
            jitter_seed: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            log_append_time: false,
            timestamp_difference_max_ms: i64::MAX,
            compact: false,
            delete: true,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            file_delete_delay: Span::from_secs(60),
            delete_retention_ms: 86_400_000,
            min_cleanable_dirty_ratio_millionths: 500_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
        }
    }
}

impl LogConfig {
    /// How long a segment is written to: a compacted log also rolls so that its records are
    /// compacted in time.
    pub fn max_segment_ms(&self) -> i64 {
        if self.compact && self.max_compaction_lag_ms > 0 {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }

    /// By how much the segment of the log in `dir` that begins at `base_offset` is rolled earlier.
    pub fn segment_jitter(&self, dir: &str, base_offset: i64) -> i64 {
        let most = self.segment_jitter_ms.min(self.segment_ms);
        if most <= 0 {
            return 0;
        }
        let mut hasher = StableHasher::default();
        hasher.write_u64(self.jitter_seed);
        hasher.write(dir.as_bytes());
        hasher.write_u64(base_offset as u64);
        (hasher.finish() % most as u64) as i64
    }
}
