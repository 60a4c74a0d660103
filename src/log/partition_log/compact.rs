//! Compaction of a log: which part is worth it, writing the new segments, and putting them in the
//! place of the old ones once they are on the disk.
//!
//! state: idle. action: [`PartitionLog::compact`]. transition: → written.
//! state: written. action: its files are on the disk. transition: [`PartitionLog::swap_cleaned`] → idle;
//! a truncation → idle.
//!
//! In Kafka: `LogCleanerManager`, `LogToClean`, `Log.replaceSegments`.

use super::{LogNote, PartitionLog};
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::disk::Volume;
use crate::log::cleaner::{LastBatches, OffsetMap, clean_segments, group_by_size};
use crate::log::recent::RecentBatches;
use crate::log::recovery::{CLEANED, LogError, SWAP};
use crate::log::segment::Segment;

/// How much of a log can be compacted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogToClean {
    /// Up to here it was compacted before.
    pub first_dirty_offset: i64,
    /// From here on it must not be.
    pub first_uncleanable_offset: i64,
    /// Bytes below the first dirty offset.
    pub clean_bytes: u64,
    /// Bytes between the two offsets.
    pub cleanable_bytes: u64,
    /// True when a record waits longer than `max.compaction.lag.ms`.
    pub is_overdue: bool,
}

impl LogToClean {
    /// The dirty part of the log in millionths.
    pub fn ratio_millionths(&self) -> u64 {
        let total = self.clean_bytes + self.cleanable_bytes;
        (self.cleanable_bytes * 1_000_000).checked_div(total).unwrap_or(0)
    }
}

/// New segments that wait for the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Compaction {
    /// Each with the base offsets of those that it replaces.
    cleaned: Vec<(Segment, Vec<i64>)>,
    first_dirty_offset: i64,
    end_offset: i64,
    ready_at: Option<Time>,
}

impl PartitionLog {
    /// What could be compacted now, when the last time got as far as `last_clean_offset`. The active
    /// segment never is, nor what is above the high watermark or too young.
    ///
    /// In Kafka: `LogCleanerManager.cleanableOffsets`, `maxCompactionDelay`.
    pub fn log_to_clean(
        &self,
        volume: &Volume,
        last_clean_offset: Option<i64>,
        high_watermark: i64,
        now: Time,
    ) -> LogToClean {
        let (start, end) = (self.log_start_offset, self.log_end_offset());
        let valid = last_clean_offset.filter(|offset| (start..=end).contains(offset));
        let first_dirty_offset = valid.unwrap_or(start);
        let (active, closed) = match self.segments.split_last() {
            Some((active, closed)) => (active.base_offset(), closed),
            None => (start, &[][..]),
        };
        let now_ms = now.as_millis();
        let dirty = || closed.iter().filter(|segment| segment.end_offset() > first_dirty_offset);
        let young = dirty().find(|segment| {
            let lag = self.config.min_compaction_lag_ms;
            lag > 0 && segment.largest_timestamp(volume) > now_ms - lag
        });
        let young = young.map_or(i64::MAX, Segment::base_offset);
        let limit = high_watermark.min(active).min(young).max(first_dirty_offset);
        // Only whole segments are compacted: the one that holds an offset counts whole.
        let bases = || closed.iter().map(Segment::base_offset).chain([active]);
        let floor = |offset: i64| bases().filter(|base| *base <= offset).max().unwrap_or(start);
        let first_uncleanable_offset = floor(limit);
        let bytes = |from: i64, to: i64| -> u64 {
            let range = from..to;
            let between = closed.iter().filter(|segment| range.contains(&segment.base_offset()));
            between.map(Segment::size).sum()
        };
        let first_dirty = floor(first_dirty_offset).min(first_uncleanable_offset);
        let oldest = dirty().filter_map(Segment::first_timestamp).filter(|first| *first > 0).min();
        let lag = self.config.max_compaction_lag_ms.max(0);
        LogToClean {
            first_dirty_offset,
            first_uncleanable_offset,
            clean_bytes: bytes(i64::MIN, first_dirty_offset),
            cleanable_bytes: bytes(first_dirty, first_uncleanable_offset),
            is_overdue: oldest.is_some_and(|oldest| oldest < now_ms.saturating_sub(lag)),
        }
    }

    /// Whether compacted segments wait for the disk.
    pub fn is_compacting(&self) -> bool {
        self.compaction.is_some()
    }

    /// Writes compacted segments beside the old ones and asks for them to be made durable. False when
    /// records cannot be opened, so that the log cannot be compacted.
    ///
    /// In Kafka: `Cleaner.doClean`.
    pub fn compact(&mut self, volume: &mut Volume, what: LogToClean) -> Result<bool, LogError> {
        let closed = self.segments.len().saturating_sub(1);
        let below = |offset: i64| {
            self.segments[..closed].partition_point(|segment| segment.base_offset() < offset)
        };
        let first = below(what.first_dirty_offset + 1).saturating_sub(1);
        let upper = below(what.first_uncleanable_offset);
        let dirty = &self.segments[first.min(upper)..upper];
        let Some(map) = OffsetMap::build(volume, dirty, what.first_dirty_offset) else {
            return Ok(false);
        };
        let end_offset = map.latest_offset + 1;
        let clean_end = below(what.first_dirty_offset);
        let newest_clean = clean_end.checked_sub(1).map(|last| &self.segments[last]);
        let delete_horizon_ms = newest_clean.map_or(0, |segment| {
            segment.last_modified(volume).saturating_sub(self.config.delete_retention_ms)
        });
        let last_batches = LastBatches::read(volume, &self.segments);
        let mut cleaned = Vec::new();
        let name = self.partition.to_string();
        let mut lines = vec![
            format!("Beginning cleaning of log {name}."),
            format!("Building offset map for {name}..."),
        ];
        for group in group_by_size(&self.segments[..below(end_offset).min(upper)], &self.config) {
            for segment in &group {
                let how = if segment.last_modified(volume) > delete_horizon_ms {
                    "retaining"
                } else {
                    "discarding"
                };
                lines.push(format!(
                    "Cleaning {} in log {name} into {} with deletion horizon {delete_horizon_ms}, {how} deletes.",
                    segment.describe(volume),
                    group[0].base_offset()
                ));
            }
            let (dir, config) = (&self.dir, &self.config);
            let new = clean_segments(
                volume,
                dir,
                &group,
                &map,
                &last_batches,
                delete_horizon_ms,
                config,
            )?;
            let Some(new) = new else {
                remove_cleaned(volume, &self.dir)?;
                return Ok(false);
            };
            cleaned.push((new, group.iter().map(Segment::base_offset).collect()));
        }
        self.notes.extend(lines.into_iter().map(LogNote::Cleaner));
        let files =
            cleaned.iter().flat_map(|(segment, _): &(Segment, _)| segment.files()).collect();
        let first_dirty_offset = what.first_dirty_offset;
        self.compaction =
            Some(Compaction { cleaned, first_dirty_offset, end_offset, ready_at: None });
        self.notes.push(LogNote::FlushCleaned { files });
        Ok(true)
    }

    /// The compacted segments are on the disk at `at`.
    pub fn cleaned_flushed_by(&mut self, at: Time) {
        if let Some(compaction) = &mut self.compaction {
            compaction.ready_at = Some(at);
        }
    }

    /// When [`PartitionLog::swap_cleaned`] has something to do.
    pub fn next_swap(&self) -> Option<Time> {
        self.compaction.as_ref().and_then(|compaction| compaction.ready_at)
    }

    /// Puts compacted segments that are on the disk in the place of the old ones; returns the offset
    /// up to which the log is clean now.
    pub fn swap_cleaned(
        &mut self,
        volume: &mut Volume,
        now: Time,
    ) -> Result<Option<i64>, LogError> {
        let is_ready = self.next_swap().is_some_and(|at| at <= now);
        let Some(compaction) = self.compaction.take_if(|_| is_ready) else { return Ok(None) };
        for (mut new, replaced) in compaction.cleaned {
            new.change_file_suffixes(volume, CLEANED, SWAP)?;
            let first = self.segments.partition_point(|one| one.base_offset() < new.base_offset());
            let last = first + replaced.len();
            let old: Vec<Segment> = self.segments.drain(first..last).collect();
            for segment in old {
                if segment.base_offset() == new.base_offset() {
                    self.give_up_files(volume, segment, now)?;
                } else {
                    self.delete_segment(volume, segment, now)?;
                }
            }
            new.change_file_suffixes(volume, SWAP, "")?;
            let text = format!(
                "Swapping in cleaned segment {} for segment(s) {replaced:?}",
                new.describe(volume)
            );
            self.notes.push(LogNote::Cleaner(text));
            self.segments.insert(first, new);
        }
        self.recent = RecentBatches::read(volume, &self.segments);
        let (from, to) = (compaction.first_dirty_offset, compaction.end_offset);
        self.notes.push(LogNote::Cleaner(format!(
            "Log cleaner thread 0 cleaned log {} (dirty section = [{from}, {to}])",
            self.partition
        )));
        Ok(Some(to))
    }

    /// Drops compacted segments that wait: what they were made from changes.
    pub(super) fn abort_compaction(&mut self, volume: &mut Volume) -> Result<(), LogError> {
        if self.compaction.take().is_some() {
            self.note(LogLevel::Info, "The cleaning is aborted");
            remove_cleaned(volume, &self.dir)?;
        }
        Ok(())
    }
}

fn remove_cleaned(volume: &mut Volume, dir: &str) -> Result<(), LogError> {
    let prefix = format!("{dir}/");
    let names = volume.list(&prefix).filter(|name| name.ends_with(CLEANED));
    let names: Vec<String> = names.map(str::to_owned).collect();
    for name in names {
        volume.delete(&name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
