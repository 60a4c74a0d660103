//! The log of one replica: appends as leader and as follower, reads, rolls, truncation.
//!
//! In Kafka: `kafka.log.Log`.

mod append;
mod compact;
mod producers;
mod read;
mod retention;
mod truncate;
mod validate;

pub use append::{AppendError, AppendInfo};
pub use compact::LogToClean;
pub use read::ReadError;
pub use retention::StartOffsetReason;

use compact::Compaction;

use super::checkpoint::{read_epochs, write_epochs};
use super::leader_epoch_cache::LeaderEpochCache;
use super::log_config::LogConfig;
use super::producer_state::ProducerStateManager;
use super::recent::RecentBatches;
use super::recovery::{DELETED, LogError, LogStart, RecoveryReport, load_segments};
use super::segment::Segment;
use crate::base::trace::LogLevel;
use crate::base::{Time, TopicPartition};
use crate::disk::Volume;

/// What a log wants its broker to do or to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogNote {
    /// A log line of `kafka.log.Log`.
    Line(LogLevel, String),
    /// A log line of `kafka.log.LogCleaner`.
    Cleaner(String),
    /// These files should become durable in the background; [`PartitionLog::cleaned_flushed_by`] is to
    /// be told when they are.
    FlushCleaned {
        /// The files.
        files: Vec<String>,
    },
    /// These files should become durable in the background; [`PartitionLog::flushed_by`] is to be told
    /// when the log is safe up to this offset.
    Flush {
        /// The files.
        files: Vec<String>,
        /// Everything below is in them or was safe before.
        up_to: i64,
    },
    /// These files were replaced or removed, which should become durable in the background.
    Sync(Vec<String>),
}

/// A replica's log. Its bytes are in the volume that every call is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionLog {
    partition: TopicPartition,
    dir: String,
    config: LogConfig,
    /// By base offset; never empty. The last is the active one.
    segments: Vec<Segment>,
    log_start_offset: i64,
    recovery_point: i64,
    /// Flushes under way: when each is done and up to which offset the log is safe then.
    flushing: Vec<(Time, i64)>,
    /// Files that were given up and when they go.
    deletions: Vec<(Time, String)>,
    epochs: LeaderEpochCache,
    producers: ProducerStateManager,
    recent: RecentBatches,
    /// Compacted segments that wait for the disk.
    compaction: Option<Compaction>,
    notes: Vec<LogNote>,
}

impl PartitionLog {
    /// Opens the log of `partition`, making it when the volume has none.
    pub fn open(
        volume: &mut Volume,
        partition: TopicPartition,
        config: LogConfig,
        start: LogStart,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let dir = partition.to_string();
        let stored = read_epochs(volume, &epochs_file(&dir));
        let mut epochs = LeaderEpochCache::new(stored.iter().copied());
        let (mut segments, mut report) = load_segments(volume, &dir, &config, start, &mut epochs)?;
        let end = segments.last().map_or(0, Segment::end_offset);
        if !segments.is_empty() && end < start.log_start_offset {
            let (lost, start_offset) = (segments.drain(..), start.log_start_offset);
            for mut segment in lost {
                for file in segment.change_file_suffixes(volume, "", DELETED)? {
                    volume.delete(&file)?;
                }
            }
            report.line(LogLevel::Warn, format!("Deleting all segments because logEndOffset ({end}) is smaller than logStartOffset ({start_offset}). This could happen if segment files were deleted from the file system."));
        }
        if segments.is_empty() {
            let (at, now) = (start.log_start_offset, start.now.as_millis());
            segments.push(Segment::create(volume, &dir, at, "", &config, now)?);
        }
        let recent = RecentBatches::read(volume, &segments);
        let producers = ProducerStateManager::new(partition.clone(), volume);
        let mut log = Self {
            partition,
            dir,
            config,
            segments,
            log_start_offset: 0,
            recovery_point: 0,
            flushing: Vec::new(),
            deletions: Vec::new(),
            epochs,
            producers,
            recent,
            compaction: None,
            notes: Vec::new(),
        };
        log.log_start_offset = start.log_start_offset.max(log.segments[0].base_offset());
        // What was read back from the disk is on the disk.
        log.recovery_point = log.log_end_offset();
        log.epochs.truncate_from_end(log.log_end_offset());
        log.epochs.truncate_from_start(log.log_start_offset);
        if log.epochs.entries() != stored {
            log.write_epochs(volume)?;
            report.epochs_changed = true;
        } else if volume.len(&log.epochs_file()).is_none() {
            volume.append(&log.epochs_file(), &[])?;
        }
        let end = log.log_end_offset();
        log.note(
            LogLevel::Info,
            format!("Loading producer state till offset {end} with message format version 2"),
        );
        log.load_producer_state(volume, start.is_clean)?;
        Ok((log, report))
    }

    /// Whose log this is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the settings; they hold from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The segments, oldest first; the last is the active one.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// First offset.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// Offset of the next record.
    pub fn log_end_offset(&self) -> i64 {
        self.segments.last().map_or(self.log_start_offset, Segment::end_offset)
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(Segment::size).sum()
    }

    /// Leader epochs and where each began.
    pub fn leader_epochs(&self) -> &LeaderEpochCache {
        &self.epochs
    }

    /// The leader epoch checkpoint on the volume; the caller syncs it after it changed.
    pub fn epochs_file(&self) -> String {
        epochs_file(&self.dir)
    }

    /// Below this offset the log is known to be on the disk at `now`.
    pub fn recovery_point(&mut self, now: Time) -> i64 {
        let done = self.flushing.iter().filter(|(at, _)| *at <= now).map(|(_, up_to)| *up_to);
        self.recovery_point = done.fold(self.recovery_point, i64::max);
        self.flushing.retain(|(at, _)| *at > now);
        self.recovery_point
    }

    /// A flush that the log asked for is done at `at`: it is safe up to `up_to` then.
    pub fn flushed_by(&mut self, at: Time, up_to: i64) {
        self.flushing.push((at, up_to));
    }

    /// What the log wants done or said since the last call.
    pub fn take_notes(&mut self) -> Vec<LogNote> {
        let touched = self.producers.take_touched();
        if !touched.is_empty() {
            self.notes.push(LogNote::Sync(touched));
        }
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, level: LogLevel, text: impl Into<String>) {
        self.notes.push(LogNote::Line(level, text.into()));
    }

    /// Completes the indexes before a clean stop; returns the files to make durable, after which the
    /// log is safe to its end.
    ///
    /// In Kafka: `Log.close`, `Log.flush`.
    pub fn close(&mut self, volume: &mut Volume) -> Result<Vec<String>, LogError> {
        let end = self.log_end_offset();
        self.producers.take_snapshot(volume)?;
        let snapshots = self.producers.take_touched();
        if let Some(active) = self.segments.last_mut() {
            active.on_become_inactive(volume)?;
        }
        // Where a segment begins is where the one before it ends.
        let unflushed = self.segments.iter().rev().scan(end, |end, segment| {
            let is_unflushed = *end > self.recovery_point || segment.size() == 0;
            *end = segment.base_offset();
            is_unflushed.then_some(segment)
        });
        Ok(unflushed.flat_map(Segment::files).chain(snapshots).collect())
    }

    /// Removes the given-up files whose time has come; returns them, for their removal to be made
    /// durable.
    pub fn delete_due_files(
        &mut self,
        volume: &mut Volume,
        now: Time,
    ) -> Result<Vec<String>, LogError> {
        let mut gone = Vec::new();
        while let Some(at) = self.deletions.iter().position(|(at, _)| *at <= now) {
            let (_, file) = self.deletions.remove(at);
            if volume.len(&file).is_some() {
                volume.delete(&file)?;
                gone.push(file);
            }
        }
        Ok(gone)
    }

    /// When [`PartitionLog::delete_due_files`] has something to do.
    pub fn next_deletion(&self) -> Option<Time> {
        self.deletions.iter().map(|(at, _)| *at).min()
    }

    /// Gives up the files of `segment`: they stay on the disk for a while under another name.
    fn delete_segment(
        &mut self,
        volume: &mut Volume,
        segment: Segment,
        now: Time,
    ) -> Result<(), LogError> {
        self.producers.delete_snapshot(segment.base_offset(), volume)?;
        self.give_up_files(volume, segment, now)
    }

    /// Gives up the files of `segment`, but not the snapshot of the producers at its beginning.
    fn give_up_files(
        &mut self,
        volume: &mut Volume,
        mut segment: Segment,
        now: Time,
    ) -> Result<(), LogError> {
        let at = now + self.config.file_delete_delay;
        for file in segment.change_file_suffixes(volume, "", DELETED)? {
            self.deletions.push((at, file));
        }
        Ok(())
    }

    /// Notes that `epoch` begins at the log's end; true when that was new.
    pub fn assign_epoch_start(
        &mut self,
        volume: &mut Volume,
        epoch: i32,
    ) -> Result<bool, LogError> {
        let changed = self.epochs.assign(epoch, self.log_end_offset());
        if changed {
            self.write_epochs(volume)?;
        }
        Ok(changed)
    }

    fn write_epochs(&self, volume: &mut Volume) -> Result<(), LogError> {
        Ok(write_epochs(volume, &self.epochs_file(), self.epochs.entries())?)
    }

    /// The answer to OffsetForLeaderEpoch: (epoch, end offset), both −1 when undefined.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.end_offset_for(epoch, self.log_end_offset())
    }

    /// Gives up the whole log: its directory takes the name `dir`, to be removed later with
    /// [`delete_dir`]. Files of that name are gone for everybody who opens logs.
    ///
    /// In Kafka: `Log.renameDir`.
    pub fn rename_dir(self, volume: &mut Volume, dir: &str) -> Result<(), LogError> {
        let prefix = format!("{}/", self.dir);
        let names: Vec<String> = volume.list(&prefix).map(str::to_owned).collect();
        for name in names {
            volume.rename(&name, &format!("{dir}/{}", &name[prefix.len()..]))?;
        }
        Ok(())
    }
}

/// Removes every file in `dir`; returns them, for their removal to be made durable.
pub fn delete_dir(volume: &mut Volume, dir: &str) -> Result<Vec<String>, LogError> {
    let names: Vec<String> = volume.list(&format!("{dir}/")).map(str::to_owned).collect();
    for name in &names {
        volume.delete(name)?;
    }
    Ok(names)
}

fn epochs_file(dir: &str) -> String {
    format!("{dir}/leader-epoch-checkpoint")
}

#[cfg(test)]
mod tests;
