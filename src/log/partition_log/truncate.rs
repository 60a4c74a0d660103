//! Cutting the end of a log.
//!
//! In Kafka: `Log.truncateTo`, `truncateFullyAndStartAt`.

use super::PartitionLog;
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::disk::Volume;
use crate::log::leader_epoch_cache::LeaderEpochCache;
use crate::log::recent::RecentBatches;
use crate::log::recovery::LogError;
use crate::log::segment::Segment;

impl PartitionLog {
    /// Cuts the log so that `offset` is the next to be written (or the start of the batch that
    /// holds it); returns the old and new log end offset when anything was cut.
    pub fn truncate_to(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        now: Time,
    ) -> Result<Option<(i64, i64)>, LogError> {
        let before = self.log_end_offset();
        if offset >= before {
            let largest = before - 1;
            let text = format!(
                "Truncating to {offset} has no effect as the largest offset in the log is {largest}"
            );
            self.note(LogLevel::Info, text);
            // A leader that appended nothing before another took over left its epoch at the end,
            // and the other leader may not know it.
            if self.epochs.truncate_from_end(before) {
                self.write_epochs(volume)?;
            }
            return Ok(None);
        }
        self.note(LogLevel::Info, format!("Truncating to offset {offset}"));
        self.abort_compaction(volume)?;
        if offset < self.segments[0].base_offset() {
            self.truncate_fully_and_start_at(volume, offset, now)?;
            return Ok(Some((before, offset)));
        }
        while self.segments.len() > 1
            && let Some(last) = self.segments.pop_if(|last| last.base_offset() > offset)
        {
            self.delete_segment(volume, last, now)?;
        }
        if let Some(active) = self.segments.last_mut() {
            active.truncate_to(volume, offset, now.as_millis())?;
        }
        self.complete_truncation(volume)?;
        Ok(Some((before, self.log_end_offset())))
    }

    fn complete_truncation(&mut self, volume: &mut Volume) -> Result<(), LogError> {
        let end = self.log_end_offset();
        self.log_start_offset = self.log_start_offset.min(end);
        self.recovery_point = self.recovery_point.min(end);
        for (_, up_to) in &mut self.flushing {
            *up_to = end.min(*up_to);
        }
        self.recent = RecentBatches::read(volume, &self.segments);
        if self.epochs.truncate_from_end(end) {
            self.write_epochs(volume)?;
        }
        self.rebuild_producer_state(volume)
    }

    /// Empties the log and lets it begin at `offset`, as a follower does whose leader has nothing
    /// left of what it wants.
    pub fn truncate_fully_and_start_at(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        now: Time,
    ) -> Result<(), LogError> {
        self.abort_compaction(volume)?;
        for segment in std::mem::take(&mut self.segments) {
            self.delete_segment(volume, segment, now)?;
        }
        let config = &self.config;
        let segment = Segment::create(volume, &self.dir, offset, "", config, now.as_millis())?;
        self.segments.push(segment);
        self.log_start_offset = offset;
        (self.recovery_point, self.flushing) = (offset, Vec::new());
        self.recent = RecentBatches::default();
        self.epochs = LeaderEpochCache::default();
        self.producers.truncate_fully_and_start_at(offset, volume)?;
        self.write_epochs(volume)
    }
}
