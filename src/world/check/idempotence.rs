//! NoDuplicateFromIdempotent: what idempotent producers sent is in the log once, and what was
//! acknowledged stands in the order in which it was sent, whatever was sent again.
//!
//! Kafka 2.8 itself breaks this promise in two cases, which are excused. A producer that gives a batch up
//! for `delivery.timeout.ms` begins new sequences, and sends again what else was under way with those
//! (`Sender.completeBatch`, `TransactionManager.handleFailedBatch`). And a snapshot of the producer
//! state holds the last batch of each producer only (`ProducerStateManager.writeSnapshot`), and a
//! leader that read its state from there knows no more of the four batches before it. A retry of one
//! of those is out of order for it, and the producer begins new sequences and sends it again.

use super::Violation;
use crate::base::{
    Incarnation, ProcessId, SortedMap, SortedSet, Time, TopicPartition, TraceEvent, TraceRecord,
};

/// Records of a partition that look the same: producers may send the same twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Alike {
    sent: u64,
    /// Somebody who is not idempotent sent one, or a leader had forgotten it: nothing can be said.
    is_doubtful: bool,
    audited: u64,
}

/// Follows the records of idempotent producers to the end of the run.
#[derive(Default)]
pub struct NoDuplicateFromIdempotent {
    /// The producers with their lives.
    producers: SortedMap<ProcessId, Incarnation>,
    records: SortedMap<(TopicPartition, u64), Alike>,
    /// What was sent and not acknowledged yet, by producer, partition and number: when, and its
    /// checksum.
    open: SortedMap<(ProcessId, TopicPartition), SortedMap<u64, (Time, u64)>>,
    brokers: SortedSet<ProcessId>,
    /// When a broker last came back.
    restarted: Time,
    /// When a replica was last cut back, and read its producer state from a snapshot.
    truncated: SortedMap<TopicPartition, Time>,
    audited: SortedMap<TopicPartition, SortedMap<i64, u64>>,
    /// By the life of a producer and partition: offset and number of what was acknowledged.
    acknowledged: SortedMap<(ProcessId, Incarnation, TopicPartition), SortedMap<i64, u64>>,
}

impl NoDuplicateFromIdempotent {
    /// `process` has `enable.idempotence`.
    pub(super) fn expect_of(&mut self, process: ProcessId) {
        self.producers.insert(process, Incarnation::default());
    }

    pub(super) fn see(&mut self, record: &TraceRecord, is_audit: bool) {
        let source = record.source.unwrap_or(ProcessId(u32::MAX));
        match &record.event {
            TraceEvent::ProcessStarted { process, incarnation } => {
                if let Some(life) = self.producers.get_mut(process) {
                    *life = *incarnation;
                } else if self.brokers.contains(process) {
                    self.restarted = record.at;
                }
            }
            TraceEvent::Appended { .. } => {
                self.brokers.insert(source);
            }
            TraceEvent::Truncated { partition, .. } => {
                self.truncated.insert(partition.clone(), record.at);
            }
            TraceEvent::RecordRetried { record: number, partition, error } => {
                self.excuse(source, *number, partition, error);
            }
            TraceEvent::RecordFailed { record: number, .. } => {
                self.give_up(source, *number);
            }
            TraceEvent::RecordSent { record: number, partition, checksum, .. } => {
                let open = self.open.entry((source, partition.clone())).or_default();
                open.insert(*number, (record.at, *checksum));
                let alike = self.records.entry((partition.clone(), *checksum)).or_default();
                alike.sent += 1;
                alike.is_doubtful |= !self.producers.contains_key(&source);
            }
            TraceEvent::RecordAcknowledged { record: number, partition, offset, .. } => {
                if let Some(open) = self.open.get_mut(&(source, partition.clone())) {
                    open.remove(number);
                }
                if let Some(life) = self.producers.get(&source).filter(|_| *offset >= 0) {
                    let key = (source, *life, partition.clone());
                    self.acknowledged.entry(key).or_default().insert(*offset, *number);
                }
            }
            TraceEvent::RecordConsumed { partition, offset, checksum, .. } if is_audit => {
                self.audited.entry(partition.clone()).or_default().insert(*offset, *checksum);
            }
            _ => {}
        }
    }

    /// A leader refused a batch that it may have had before its state came from a snapshot: then
    /// everything under way to it gets new sequences.
    fn excuse(&mut self, source: ProcessId, number: u64, partition: &TopicPartition, error: &str) {
        if !["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID"].contains(&error) {
            return;
        }
        let truncated = self.truncated.get(partition).copied().unwrap_or(Time::ZERO);
        let forgotten = self.restarted.max(truncated);
        let Some(open) = self.open.get(&(source, partition.clone())) else { return };
        if open.get(&number).is_none_or(|(sent, _)| *sent >= forgotten) {
            return;
        }
        let checksums = open.values().map(|(_, checksum)| *checksum).collect();
        self.doubt(partition, checksums);
    }

    /// A producer gave a record up: whatever else it has under way to that partition gets new
    /// sequences.
    fn give_up(&mut self, source: ProcessId, number: u64) {
        let its = self.open.iter_mut().filter(|((producer, _), _)| *producer == source);
        let Some(((_, partition), open)) =
            its.into_iter().find(|(_, open)| open.contains_key(&number))
        else {
            return;
        };
        open.remove(&number);
        let (partition, open) = (partition.clone(), open.values());
        let checksums = open.map(|(_, checksum)| *checksum).collect();
        self.doubt(&partition, checksums);
    }

    fn doubt(&mut self, partition: &TopicPartition, checksums: Vec<u64>) {
        for checksum in checksums {
            if let Some(alike) = self.records.get_mut(&(partition.clone(), checksum)) {
                alike.is_doubtful = true;
            }
        }
    }

    /// Judges what the audit group has read. Nothing is asked of `excused` partitions: where records
    /// were lost their producers begin new sequences, and may send again what is there.
    pub(super) fn conclude(
        &mut self,
        at: Time,
        excused: impl Fn(&TopicPartition) -> bool,
        found: &mut Vec<Violation>,
    ) {
        let mut violation =
            |text| found.push(Violation { at, rule: "NoDuplicateFromIdempotent", text });
        for (partition, records) in self.audited.iter().filter(|(id, _)| !excused(id)) {
            for (offset, checksum) in records {
                let key = (partition.clone(), *checksum);
                let Some(alike) = self.records.get_mut(&key) else { continue };
                alike.audited += 1;
                if alike.audited > alike.sent && !alike.is_doubtful {
                    let (times, sent) = (alike.audited, alike.sent);
                    violation(format!(
                        "{partition}: what is at {offset} is there {times} times and was sent {sent} times"
                    ));
                }
            }
        }
        for ((process, _, partition), records) in &self.acknowledged {
            let numbers: Vec<u64> = records.values().copied().collect();
            if !excused(partition) && !numbers.is_sorted() {
                violation(format!("{partition}: records of {process} are not in their order"));
            }
        }
    }
}
