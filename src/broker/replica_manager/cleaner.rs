//! Compaction: one log at a time, the dirtiest first.
//!
//! state: idle. action: a log is dirty enough. transition: → its new segments are written.
//! state: written. action: they are on the disk. transition: → swapped in, and the next log.
//!
//! In Kafka: `kafka.log.LogCleaner`, `LogCleanerManager`.

use super::ReplicaManager;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Time, TopicPartition};
use crate::disk::Volume;
use crate::log::checkpoint::{CLEANER_OFFSET, read_offset_checkpoint};
use crate::log::{LogError, LogToClean};

const LOG_CLEANER: &str = "kafka.log.LogCleaner";

/// What the cleaner remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct CleanerState {
    /// Up to where logs were compacted (`cleaner-offset-checkpoint`).
    offsets: SortedMap<TopicPartition, i64>,
    /// Logs with records that cannot be opened.
    uncleanable: SortedSet<TopicPartition>,
    /// When to look for a dirty log again.
    pub(super) next: Option<Time>,
}

impl ReplicaManager {
    /// Begins to look for dirty logs.
    pub(super) fn start_cleaner(&mut self, volume: &Volume, now: Time) {
        if self.config.log_cleaner_enable {
            self.cleaner.offsets = read_offset_checkpoint(volume, CLEANER_OFFSET);
            self.cleaner.next = Some(now + self.config.log_cleaner_backoff);
        }
    }

    /// Swaps in what was compacted and compacts the next log.
    ///
    /// In Kafka: `CleanerThread.cleanFilthiestLog`.
    pub(super) fn run_cleaner(&mut self, volume: &mut Volume, now: Time) {
        let done = self.swap_cleaned(volume, now).and_then(|()| self.clean_next(volume, now));
        if let Err(error) = done {
            self.disk_failed(error);
        }
    }

    fn swap_cleaned(&mut self, volume: &mut Volume, now: Time) -> Result<(), LogError> {
        let mut is_changed = false;
        for (id, partition) in &mut self.partitions {
            if partition.log().next_swap().is_none_or(|at| at > now) {
                continue;
            }
            if let Some(offset) = partition.swap_cleaned(volume, now, &mut self.changes)? {
                self.cleaner.offsets.insert(id.clone(), offset);
                is_changed = true;
            }
        }
        if is_changed {
            let offsets = self.cleaner.offsets.clone();
            self.write_checkpoint(volume, CLEANER_OFFSET, &offsets);
        }
        Ok(())
    }

    fn clean_next(&mut self, volume: &mut Volume, now: Time) -> Result<(), LogError> {
        let is_busy = self.partitions.values().any(|partition| partition.log().is_compacting());
        if is_busy || self.cleaner.next.is_none_or(|at| at > now) {
            return Ok(());
        }
        while let Some((id, what)) = self.filthiest_log(volume, now) {
            let Some(partition) = self.partitions.get_mut(&id) else { break };
            let could = partition.log_mut().compact(volume, what)?;
            self.changes.take_notes_of(partition.log_mut());
            if could {
                return Ok(());
            }
            let text = format!(
                "Unexpected exception thrown when cleaning log {id}. Marking its partition ({id}) as uncleanable"
            );
            self.changes.log(LogLevel::Warn, LOG_CLEANER, text);
            self.cleaner.uncleanable.insert(id);
        }
        // Nothing is dirty enough; what retention does not keep goes all the same.
        self.cleaner.next = Some(now + self.config.log_cleaner_backoff);
        for partition in self.partitions.values_mut() {
            if partition.log().config().compact {
                partition.delete_old_segments(volume, now, &mut self.changes)?;
            }
        }
        Ok(())
    }

    /// In Kafka: `LogCleanerManager.grabFilthiestCompactedLog`.
    fn filthiest_log(&self, volume: &Volume, now: Time) -> Option<(TopicPartition, LogToClean)> {
        let compacted = self.partitions.iter().filter(|(id, partition)| {
            partition.log().config().compact && !self.cleaner.uncleanable.contains(*id)
        });
        let dirty = compacted.filter_map(|(id, partition)| {
            let (log, hw) = (partition.log(), partition.high_watermark());
            let last = self.cleaner.offsets.get(id).copied();
            let what = log.log_to_clean(volume, last, hw, now);
            let least = u64::from(log.config().min_cleanable_dirty_ratio_millionths);
            let is_dirty = what.ratio_millionths() > least;
            let is_due = is_dirty || (what.is_overdue && what.cleanable_bytes > 0);
            is_due.then(|| (id.clone(), what))
        });
        dirty.max_by_key(|(_, what)| what.ratio_millionths())
    }

    /// The log of `partition` is cut to `offset`, or gone.
    ///
    /// In Kafka: `LogCleanerManager.maybeTruncateCheckpoint`, `updateCheckpoints`.
    pub(super) fn forget_cleaned(&mut self, partition: &TopicPartition, offset: Option<i64>) {
        match (offset, self.cleaner.offsets.get_mut(partition)) {
            (Some(offset), Some(clean)) => *clean = offset.min(*clean),
            (None, Some(_)) => drop(self.cleaner.offsets.remove(partition)),
            (_, None) => {}
        }
        self.cleaner.uncleanable.remove(partition);
    }

    /// The files of compacted segments of `partition` are on the disk at `at`.
    pub fn cleaned_flushed_by(&mut self, partition: &TopicPartition, at: Time) {
        if let Some(partition) = self.partitions.get_mut(partition) {
            partition.log_mut().cleaned_flushed_by(at);
        }
    }

    pub(super) fn next_cleaning(&self) -> Option<Time> {
        let swaps = self.partitions.values().filter_map(|partition| partition.log().next_swap());
        // While a log waits for the disk the cleaner waits with it.
        let is_busy = self.partitions.values().any(|partition| partition.log().is_compacting());
        swaps.chain(self.cleaner.next.filter(|_| !is_busy)).min()
    }
}
