//! The logs of all replicas: loading them, their checkpoints, flushes, retention and removal.
//!
//! In Kafka: `kafka.log.LogManager`.

use super::ReplicaManager;
use crate::base::{SortedMap, SortedSet, Span, StableHasher, Time, TopicPartition, TraceEvent};
use crate::broker::changes::{Flush, FlushPurpose};
use crate::broker::partition::Partition;
use crate::cluster::TopicConfig;
use crate::disk::Volume;
use crate::log::checkpoint::{self, LOG_START_OFFSET, RECOVERY_POINT_OFFSET, REPLICATION_OFFSET};
use crate::log::{LogConfig, LogError, LogStart, PartitionLog, delete_dir};

const LOG_MANAGER: &str = "kafka.log.LogManager";
/// How long after a start the regular tasks begin (`LogManager.InitialTaskDelayMs`).
const INITIAL_TASK_DELAY: Span = Span::from_secs(30);
/// How the directory of a log that was deleted ends.
const DELETE_SUFFIX: &str = "-delete";

impl ReplicaManager {
    /// The topics that have a log on the volume.
    pub fn topics_on(volume: &Volume) -> SortedSet<String> {
        logs_on(volume).into_iter().map(|id| id.topic).collect()
    }

    /// Opens every log on the volume. After an unclean stop each is checked to its end.
    ///
    /// In Kafka: `LogManager.loadLogs`.
    pub fn load_logs(
        &mut self,
        volume: &mut Volume,
        clean: bool,
        now: Time,
    ) -> Result<(), LogError> {
        self.checkpointed = checkpoint::read_offset_checkpoint(volume, REPLICATION_OFFSET);
        let recovery_points = checkpoint::read_offset_checkpoint(volume, RECOVERY_POINT_OFFSET);
        let start_offsets = checkpoint::read_offset_checkpoint(volume, LOG_START_OFFSET);
        let partitions = logs_on(volume);
        let count = partitions.len();
        for (number, partition) in (1..).zip(partitions) {
            let config = self.partition_config(&partition.topic).log;
            let start = LogStart {
                is_clean: clean,
                recovery_point: recovery_points.get(&partition).copied().unwrap_or(0),
                log_start_offset: start_offsets.get(&partition).copied().unwrap_or(0),
                now,
            };
            let (mut log, report) = PartitionLog::open(volume, partition.clone(), config, start)?;
            for (level, text) in report.lines {
                self.changes.log_of(&partition, level, text);
            }
            self.changes.take_notes_of(&mut log);
            let dir = self.config.log_dir();
            let high_watermark = self.checkpointed.get(&partition).copied().unwrap_or(0);
            let text = format!(
                "Completed load of Log(dir={dir}/{partition}, topic={}, partition={}, highWatermark={high_watermark}, lastStableOffset={high_watermark}, logStartOffset={}, logEndOffset={}) with {} segments in 0ms ({number}/{count} loaded in {dir})",
                partition.topic,
                partition.partition,
                log.log_start_offset(),
                log.log_end_offset(),
                log.segments().len()
            );
            self.changes.info(LOG_MANAGER, text);
            if report.epochs_changed {
                self.changes.to_sync.insert(log.epochs_file());
            }
            if report.checked {
                self.changes.trace(TraceEvent::LogRecovered {
                    partition: partition.clone(),
                    broker: self.broker(),
                    log_end_offset: log.log_end_offset(),
                    bytes_dropped: report.bytes_dropped,
                });
            }
            self.logs.insert(partition, log);
        }
        for dir in deleted_dirs_on(volume) {
            self.deleted_dirs.push((now + self.partition_config("").log.file_delete_delay, dir));
        }
        self.next_retention_check = Some(now + INITIAL_TASK_DELAY);
        self.start_cleaner(volume, now);
        // A follower may lag up to one and a half times the limit before it is noticed.
        self.next_isr_check = Some(now + self.isr_check_interval());
        self.next_recovery_checkpoint =
            Some(now + self.config.log_flush_offset_checkpoint_interval);
        self.remove_expired_producers(now);
        Ok(())
    }

    /// Writes the high watermarks of all replicas.
    ///
    /// In Kafka: `ReplicaManager.checkpointHighWatermarks`.
    pub fn checkpoint_high_watermarks(&mut self, volume: &mut Volume) {
        let mut offsets = self.checkpointed.clone();
        offsets.retain(|partition, _| self.logs.contains_key(partition));
        let known = self.partitions.iter();
        offsets.extend(known.map(|(id, partition)| (id.clone(), partition.high_watermark())));
        self.write_checkpoint(volume, REPLICATION_OFFSET, &offsets);
    }

    pub(super) fn logs_mut(&mut self) -> impl Iterator<Item = &mut PartitionLog> {
        let hosted = self.partitions.values_mut().map(Partition::log_mut);
        self.logs.values_mut().chain(hosted)
    }

    /// Writes the offsets below which every log is on the disk.
    ///
    /// In Kafka: `LogManager.checkpointLogRecoveryOffsets`.
    pub fn checkpoint_recovery_points(&mut self, volume: &mut Volume, now: Time) {
        let logs = self.logs_mut();
        let offsets = logs.map(|log| (log.partition().clone(), log.recovery_point(now))).collect();
        self.write_checkpoint(volume, RECOVERY_POINT_OFFSET, &offsets);
    }

    /// Writes the first offsets of the logs that do not begin where their first segment does.
    ///
    /// In Kafka: `LogManager.checkpointLogStartOffsets`.
    pub(super) fn checkpoint_log_start_offsets(&mut self, volume: &mut Volume) {
        let logs = self.logs_mut().filter(|log| {
            log.segments().first().is_some_and(|one| one.base_offset() < log.log_start_offset())
        });
        let offsets = logs.map(|log| (log.partition().clone(), log.log_start_offset())).collect();
        self.write_checkpoint(volume, LOG_START_OFFSET, &offsets);
    }

    /// Background syncs of the files of `flush` are done at `at`.
    pub fn flushed_by(&mut self, flush: &Flush, at: Time) {
        let up_to = match flush.purpose {
            FlushPurpose::RecoveryPoint(up_to) => up_to,
            FlushPurpose::Swap => return self.cleaned_flushed_by(&flush.partition, at),
            FlushPurpose::Upkeep => return,
        };
        if let Some(log) = self.logs_mut().find(|log| *log.partition() == flush.partition) {
            log.flushed_by(at, up_to);
        }
    }

    pub(super) fn delete_due_files(&mut self, volume: &mut Volume, now: Time) {
        let mut flushes = Vec::new();
        let mut failure = None;
        for log in self.logs_mut() {
            match log.delete_due_files(volume, now) {
                Ok(files) if files.is_empty() => {}
                Ok(files) => {
                    let partition = log.partition().clone();
                    let purpose = FlushPurpose::Upkeep;
                    flushes.push(Flush { partition, files, purpose });
                }
                Err(error) => failure = Some(error),
            }
        }
        self.changes.flushes.extend(flushes);
        if let Err(error) = self.delete_due_dirs(volume, now) {
            failure = Some(error);
        }
        if let Some(error) = failure {
            self.disk_failed(error);
        }
    }

    pub(super) fn write_checkpoint(
        &mut self,
        volume: &mut Volume,
        name: &str,
        offsets: &SortedMap<TopicPartition, i64>,
    ) {
        let offsets = offsets.iter().map(|(partition, offset)| (partition, *offset));
        match checkpoint::write_offset_checkpoint(volume, name, offsets) {
            Ok(()) => drop(self.changes.to_sync.insert(name.to_owned())),
            Err(error) => self.changes.disk_failure = Some(error),
        }
    }

    /// Stops following and writes every checkpoint. Returns the files to make durable.
    pub fn shut_down(&mut self, volume: &mut Volume) -> Vec<String> {
        self.fetchers.clear();
        self.checkpoint_high_watermarks(volume);
        self.checkpoint_log_start_offsets(volume);
        let (mut files, mut ends, mut failure) = (Vec::new(), SortedMap::new(), None);
        for log in self.logs_mut() {
            match log.close(volume) {
                Ok(unflushed) => files.extend(unflushed),
                Err(error) => failure = Some(error),
            }
            ends.insert(log.partition().clone(), log.log_end_offset());
        }
        self.write_checkpoint(volume, RECOVERY_POINT_OFFSET, &ends);
        if let Some(error) = failure {
            self.disk_failed(error);
        }
        files.extend(std::mem::take(&mut self.changes.to_sync));
        files
    }

    pub(super) fn next_deletion(&self) -> Option<Time> {
        let hosted = self.partitions.values().map(Partition::log);
        let dirs = self.deleted_dirs.iter().map(|(at, _)| *at);
        self.logs.values().chain(hosted).filter_map(PartitionLog::next_deletion).chain(dirs).min()
    }

    /// Looks for segments that the retention settings keep no longer. Compacted logs are the
    /// cleaner's, which also deletes.
    ///
    /// In Kafka: `LogManager.cleanupLogs`.
    pub(super) fn check_retention(&mut self, volume: &mut Volume, now: Time) {
        if self.next_retention_check.is_none_or(|at| at > now) {
            return;
        }
        self.next_retention_check = Some(now + self.config.log_retention_check_interval);
        let mut failure = None;
        for partition in self.partitions.values_mut() {
            if !partition.log().config().compact
                && let Err(error) = partition.delete_old_segments(volume, now, &mut self.changes)
            {
                failure = Some(error);
            }
        }
        if let Some(error) = failure {
            self.disk_failed(error);
        }
    }

    /// Gives up a log: its directory is renamed at once and removed later.
    ///
    /// In Kafka: `LogManager.asyncDelete`.
    pub(super) fn delete_log(
        &mut self,
        log: PartitionLog,
        volume: &mut Volume,
        now: Time,
    ) -> Result<(), LogError> {
        let (id, delay) = (log.partition().clone(), log.config().file_delete_delay);
        let dir = deleted_dir_name(&id, self.config.broker_id, now);
        log.rename_dir(volume, &dir)?;
        let text = format!(
            "Log for partition {id} is renamed to {}/{dir} and is scheduled for deletion",
            self.config.log_dir()
        );
        self.changes.info(LOG_MANAGER, text);
        self.deleted_dirs.push((now + delay, dir));
        Ok(())
    }

    fn delete_due_dirs(&mut self, volume: &mut Volume, now: Time) -> Result<(), LogError> {
        while let Some(at) = self.deleted_dirs.iter().position(|(at, _)| *at <= now) {
            let (_, dir) = self.deleted_dirs.remove(at);
            let files = delete_dir(volume, &dir)?;
            let name = dir.split_once('.').map_or(dir.as_str(), |(name, _)| name);
            let Some(partition) = partition_of(name) else { continue };
            let log_dir = self.config.log_dir();
            let text = format!("Deleted log for partition {partition} in {log_dir}/{dir}.");
            self.changes.info(LOG_MANAGER, text);
            let purpose = FlushPurpose::Upkeep;
            self.changes.flushes.push(Flush { partition, files, purpose });
        }
        Ok(())
    }
}

/// The partitions that have a directory on the volume: `topic-partition/…`.
pub(super) fn logs_on(volume: &Volume) -> Vec<TopicPartition> {
    let mut found: Vec<TopicPartition> = Vec::new();
    for name in volume.list("") {
        let dir = name.split_once('/').map(|(dir, _)| dir);
        found.extend(dir.and_then(partition_of).filter(|id| found.last() != Some(id)));
    }
    found
}

/// The settings of a topic as its logs on `broker` need them.
pub(super) fn log_config(config: &TopicConfig, broker: i32) -> LogConfig {
    LogConfig {
        segment_bytes: u64::try_from(config.segment_bytes).unwrap_or(0),
        segment_ms: config.segment_ms,
        segment_jitter_ms: config.segment_jitter_ms,
        jitter_seed: broker as u64,
        segment_index_bytes: usize::try_from(config.segment_index_bytes).unwrap_or(0),
        index_interval_bytes: u64::try_from(config.index_interval_bytes).unwrap_or(0),
        max_message_bytes: usize::try_from(config.max_message_bytes).unwrap_or(0),
        log_append_time: config.log_append_time,
        timestamp_difference_max_ms: config.message_timestamp_difference_max_ms,
        compact: config.compact,
        delete: config.delete,
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
        file_delete_delay: config.file_delete_delay,
        delete_retention_ms: config.delete_retention_ms,
        min_cleanable_dirty_ratio_millionths: config.min_cleanable_dirty_ratio_millionths,
        min_compaction_lag_ms: config.min_compaction_lag_ms,
        max_compaction_lag_ms: config.max_compaction_lag_ms,
    }
}

/// The partition whose log is in the directory `dir`.
fn partition_of(dir: &str) -> Option<TopicPartition> {
    let (topic, partition) = dir.rsplit_once('-')?;
    let partition = partition.parse::<i32>().ok().filter(|partition| *partition >= 0)?;
    (!topic.is_empty()).then(|| TopicPartition::new(topic, partition))
}

/// The directories of deleted logs that an earlier life did not remove any more.
fn deleted_dirs_on(volume: &Volume) -> Vec<String> {
    let dirs = volume.list("").filter_map(|name| name.split_once('/').map(|(dir, _)| dir));
    let mut dirs: Vec<String> =
        dirs.filter(|dir| dir.ends_with(DELETE_SUFFIX)).map(str::to_owned).collect();
    dirs.dedup();
    dirs
}

/// Kafka draws a random id for the name; here it follows from what is deleted where and when.
///
/// In Kafka: `Log.logDeleteDirName`.
fn deleted_dir_name(id: &TopicPartition, broker: i32, now: Time) -> String {
    let mut hasher = StableHasher::default();
    hasher.write(id.to_string().as_bytes());
    hasher.write_u64(broker as u64);
    hasher.write_u64(now.as_micros());
    let first = hasher.finish();
    hasher.write_u64(first);
    format!("{id}.{first:016x}{:016x}{DELETE_SUFFIX}", hasher.finish())
}
