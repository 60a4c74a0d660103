//! NoDuplicateFromIdempotent: what idempotent producers sent is in the log once, and what was
//! acknowledged stands in the order in which it was sent, whatever was sent again.

use super::Violation;
use crate::base::{
    Incarnation, ProcessId, SortedMap, Time, TopicPartition, TraceEvent, TraceRecord,
};

/// Records of a partition that look the same: producers may send the same twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Alike {
    sent: u64,
    /// Somebody who is not idempotent sent one, so nothing can be said.
    is_doubtful: bool,
    audited: u64,
}

/// Follows the records of idempotent producers to the end of the run.
#[derive(Default)]
pub struct NoDuplicateFromIdempotent {
    /// The producers with their lives.
    producers: SortedMap<ProcessId, Incarnation>,
    records: SortedMap<(TopicPartition, u64), Alike>,
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
                }
            }
            TraceEvent::RecordSent { partition, checksum, .. } => {
                let alike = self.records.entry((partition.clone(), *checksum)).or_default();
                alike.sent += 1;
                alike.is_doubtful |= !self.producers.contains_key(&source);
            }
            TraceEvent::RecordAcknowledged { record: number, partition, offset, .. } => {
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
