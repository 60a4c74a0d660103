//! Giving up the beginning of a log: by age, by size, and what was deleted by request.
//!
//! In Kafka: `Log.deleteOldSegments`, `maybeIncrementLogStartOffset`.

use super::PartitionLog;
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::disk::Volume;
use crate::log::recovery::LogError;
use crate::log::segment::Segment;

/// Why a log begins later than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartOffsetReason {
    /// A client deleted records.
    ClientRecordDeletion,
    /// The leader's log begins there.
    LeaderOffsetIncremented,
    /// Whole segments went.
    SegmentDeletion,
}

impl StartOffsetReason {
    fn text(self) -> &'static str {
        match self {
            Self::ClientRecordDeletion => "client delete records request",
            Self::LeaderOffsetIncremented => "leader offset increment",
            Self::SegmentDeletion => "segment deletion",
        }
    }
}

impl PartitionLog {
    /// Lets the log begin at `offset`, which is not above the high watermark; true when it began
    /// before. Segments below go at the next look at the log's retention.
    pub fn maybe_increment_log_start_offset(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        reason: StartOffsetReason,
    ) -> Result<bool, LogError> {
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        self.log_start_offset = offset;
        self.producers.on_log_start_offset_incremented(offset);
        let text = format!("Incremented log start offset to {offset} due to {}", reason.text());
        self.note(LogLevel::Info, text);
        if self.epochs.truncate_from_start(offset) {
            self.write_epochs(volume)?;
        }
        Ok(true)
    }

    /// Gives up segments that retention no longer keeps, whole and only below the high watermark;
    /// returns how many.
    pub fn delete_old_segments(
        &mut self,
        volume: &mut Volume,
        high_watermark: i64,
        now: Time,
    ) -> Result<usize, LogError> {
        let mut count = 0;
        if self.is_compacting() {
            // Its segments are about to be replaced; the next look finds what is left of them.
            return Ok(0);
        }
        if self.config.delete {
            count += self.delete_oversized(volume, high_watermark, now)?;
            count += self.delete_outdated(volume, high_watermark, now)?;
        }
        let start = self.log_start_offset;
        let below = self.deletable(high_watermark, |_, next| next.is_some_and(|at| at <= start));
        let why = |all: &[String]| {
            let all = all.join(",");
            vec![format!("Deleting segments due to log start offset {start} breach: {all}")]
        };
        count += self.delete_first(volume, below, why, now)?;
        Ok(count)
    }

    fn delete_outdated(
        &mut self,
        volume: &mut Volume,
        high_watermark: i64,
        now: Time,
    ) -> Result<usize, LogError> {
        let (retention, now_ms) = (self.config.retention_ms, now.as_millis());
        if retention < 0 {
            return Ok(0);
        }
        let outdated = self.deletable(high_watermark, |segment, _| {
            now_ms.saturating_sub(segment.largest_timestamp(volume)) > retention
        });
        let line = |one: &String| {
            format!(
                "Deleting segment {one} due to retention time {retention}ms breach based on the largest record timestamp in the segment"
            )
        };
        let why = |all: &[String]| all.iter().map(line).collect();
        self.delete_first(volume, outdated, why, now)
    }

    fn delete_oversized(
        &mut self,
        volume: &mut Volume,
        high_watermark: i64,
        now: Time,
    ) -> Result<usize, LogError> {
        let Ok(retention) = u64::try_from(self.config.retention_bytes) else { return Ok(0) };
        let Some(mut excess) = self.size().checked_sub(retention) else { return Ok(0) };
        let oversized = self.deletable(high_watermark, |segment, _| {
            let left = excess.checked_sub(segment.size());
            excess = left.unwrap_or(excess);
            left.is_some()
        });
        let mut size = self.size();
        let sizes: Vec<u64> = self.segments[..oversized].iter().map(Segment::size).collect();
        let mut line = |(one, gone): (&String, u64)| {
            size -= gone;
            format!(
                "Deleting segment {one} due to retention size {retention} breach. Log size after deletion will be {size}."
            )
        };
        let why = |all: &[String]| all.iter().zip(sizes).map(&mut line).collect();
        self.delete_first(volume, oversized, why, now)
    }

    /// How many of the first segments `may_go` says yes to, as far as the high watermark allows it. It
    /// is given each segment and where the next begins.
    ///
    /// In Kafka: `Log.deletableSegments`.
    fn deletable(
        &self,
        high_watermark: i64,
        mut may_go: impl FnMut(&Segment, Option<i64>) -> bool,
    ) -> usize {
        let nexts = self.segments.iter().skip(1).map(|next| Some(next.base_offset()));
        let pairs = self.segments.iter().zip(nexts.chain([None]));
        let deletable = pairs.take_while(|(segment, next)| {
            let end = next.unwrap_or(self.log_end_offset());
            let is_last_and_empty = next.is_none() && segment.size() == 0;
            high_watermark >= end && !is_last_and_empty && may_go(segment, *next)
        });
        deletable.count()
    }

    fn delete_first(
        &mut self,
        volume: &mut Volume,
        count: usize,
        why: impl FnOnce(&[String]) -> Vec<String>,
        now: Time,
    ) -> Result<usize, LogError> {
        if count == 0 {
            return Ok(0);
        }
        // There is always a segment to write to.
        if count == self.segments.len() {
            self.roll(volume, 0, now)?;
        }
        let gone: Vec<Segment> = self.segments.drain(..count).collect();
        let described: Vec<String> = gone.iter().map(|one| one.describe(volume)).collect();
        for text in why(&described) {
            self.note(LogLevel::Info, text);
        }
        for segment in gone {
            self.delete_segment(volume, segment, now)?;
        }
        let first = self.segments[0].base_offset();
        let reason = StartOffsetReason::SegmentDeletion;
        self.maybe_increment_log_start_offset(volume, first, reason)?;
        Ok(count)
    }
}
