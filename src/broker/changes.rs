//! What a step did to the replicas and what must follow from it. Replicas only note it here; the
//! replica manager and the server act on it once the replica is consistent again.
//!
//! In Kafka: the callbacks that `Partition` makes while and after it holds its lock
//! (`DelayedOperations.checkAndCompleteAll`, `AlterIsrManager.submit`, `LogDirFailureChannel`).

use crate::base::trace::LogLevel;
use crate::base::{SortedSet, TopicPartition, TraceEvent};
use crate::disk::DiskError;
use crate::log::{LogNote, PartitionLog};

/// A leader wants another ISR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IsrProposal {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Epoch of the leader that asks.
    pub leader_epoch: i32,
    /// The ISR it wants.
    pub new_isr: Vec<i32>,
    /// The version of the ISR that it starts from.
    pub isr_version: i32,
}

/// Files that a background thread makes durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flush {
    /// Whose they are.
    pub partition: TopicPartition,
    /// The files; one that is gone by now stands for its removal.
    pub files: Vec<String>,
    /// What they are for.
    pub purpose: FlushPurpose,
}

/// What must follow from a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlushPurpose {
    /// The log is safe up to this offset.
    RecoveryPoint(i64),
    /// Compacted segments can take the place of the old ones.
    Swap,
    /// Nothing: files were replaced or removed.
    Upkeep,
}

/// Notes of one step.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    /// Events and log lines, in order.
    pub events: Vec<TraceEvent>,
    /// Partitions whose end offset, high watermark or leadership moved: whoever waits on them in
    /// purgatory is looked at again.
    pub moved: SortedSet<TopicPartition>,
    /// ISR changes to ask the controller for.
    pub proposals: Vec<IsrProposal>,
    /// Partitions whose pending ISR change is void.
    pub withdrawn: SortedSet<TopicPartition>,
    /// Files to make durable at the end of the step.
    pub to_sync: SortedSet<String>,
    /// Logs that were cut, and to which offset.
    pub truncated: Vec<(TopicPartition, i64)>,
    /// Files to make durable in the background.
    pub flushes: Vec<Flush>,
    /// Name of the log directory, for log lines.
    pub log_dir: String,
    /// The log directory failed.
    pub disk_failure: Option<DiskError>,
}

impl Changes {
    /// Notes an event.
    pub fn trace(&mut self, event: TraceEvent) {
        self.events.push(event);
    }

    /// Notes a log line of `logger`.
    pub fn log(&mut self, level: LogLevel, logger: &str, text: impl Into<String>) {
        let (text, logger) = (text.into(), logger.to_owned());
        self.events.push(TraceEvent::Logged { level, text, logger });
    }

    /// Takes in what the log of `partition` wants done or said.
    pub fn take_notes_of(&mut self, log: &mut PartitionLog) {
        for note in log.take_notes() {
            let partition = log.partition().clone();
            match note {
                LogNote::Line(level, text) => self.log_of(&partition, level, text),
                LogNote::Sync(files) => {
                    let purpose = FlushPurpose::Upkeep;
                    self.flushes.push(Flush { partition, files, purpose });
                }
                LogNote::Flush { files, up_to } => {
                    let purpose = FlushPurpose::RecoveryPoint(up_to);
                    self.flushes.push(Flush { partition, files, purpose });
                }
                LogNote::Cleaner(text) => self.info("kafka.log.LogCleaner", text),
                LogNote::FlushCleaned { files } => {
                    let purpose = FlushPurpose::Swap;
                    self.flushes.push(Flush { partition, files, purpose });
                }
            }
        }
    }

    /// Notes a log line about a partition's log.
    pub fn log_of(&mut self, partition: &TopicPartition, level: LogLevel, text: impl AsRef<str>) {
        let (dir, text) = (&self.log_dir, text.as_ref());
        let text = format!("[Log partition={partition}, dir={dir}] {text}");
        self.log(level, "kafka.log.Log", text);
    }

    /// Notes an informational log line.
    pub fn info(&mut self, logger: &str, text: impl Into<String>) {
        self.log(LogLevel::Info, logger, text);
    }
}
