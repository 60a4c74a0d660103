//! NoDuplicateFromIdempotent: what an idempotent producer sent is in the log once, and in the order
//! in which it was sent, whatever was sent again.

use super::Violation;
use crate::base::{
    Incarnation, ProcessId, SortedMap, SortedSet, Time, TopicPartition, TraceEvent, TraceRecord,
};

/// Which record of which life of a producer.
type Sent = (ProcessId, Incarnation, u64);

/// Follows the records of idempotent producers to the end of the run.
#[derive(Default)]
pub struct NoDuplicateFromIdempotent {
    producers: SortedMap<ProcessId, Incarnation>,
    /// By checksum; none when two records have the same, so that nothing can be said of either.
    sent: SortedMap<u64, Option<Sent>>,
    acknowledged: SortedSet<Sent>,
    audited: SortedMap<TopicPartition, SortedMap<i64, u64>>,
}

impl NoDuplicateFromIdempotent {
    /// `process` has `enable.idempotence`.
    pub(super) fn expect_of(&mut self, process: ProcessId) {
        self.producers.insert(process, Incarnation::default());
    }

    pub(super) fn see(&mut self, record: &TraceRecord, is_audit: bool) {
        match &record.event {
            TraceEvent::ProcessStarted { process, incarnation } => {
                if let Some(life) = self.producers.get_mut(process) {
                    *life = *incarnation;
                }
            }
            TraceEvent::RecordSent { record: number, checksum, .. } => {
                if let Some(sent) = self.sender(record, *number) {
                    let known = self.sent.insert(*checksum, Some(sent));
                    if known.is_some() {
                        self.sent.insert(*checksum, None);
                    }
                }
            }
            TraceEvent::RecordAcknowledged { record: number, .. } => {
                self.acknowledged.extend(self.sender(record, *number));
            }
            TraceEvent::RecordConsumed { partition, offset, checksum, .. } if is_audit => {
                self.audited.entry(partition.clone()).or_default().insert(*offset, *checksum);
            }
            _ => {}
        }
    }

    fn sender(&self, record: &TraceRecord, number: u64) -> Option<Sent> {
        let process = record.source?;
        self.producers.get(&process).map(|life| (process, *life, number))
    }

    /// Judges what the audit group has read. Nothing is asked of `excused` partitions: what an
    /// unclean election took cannot be told from what was never there.
    pub(super) fn conclude(
        &self,
        at: Time,
        excused: impl Fn(&TopicPartition) -> bool,
        found: &mut Vec<Violation>,
    ) {
        for (partition, records) in self.audited.iter().filter(|(id, _)| !excused(id)) {
            let mut places: SortedMap<Sent, i64> = SortedMap::new();
            let mut newest: SortedMap<(ProcessId, Incarnation), u64> = SortedMap::new();
            for (offset, checksum) in records {
                let Some(sent) = self.sent.get(checksum).copied().flatten() else { continue };
                let (process, life, number) = sent;
                let mut violation = |text| {
                    found.push(Violation { at, rule: "NoDuplicateFromIdempotent", text });
                };
                if let Some(before) = places.insert(sent, *offset) {
                    violation(format!(
                        "{partition}: record {number} of {process} is at {before} and at {offset}"
                    ));
                    continue;
                }
                if !self.acknowledged.contains(&sent) {
                    continue;
                }
                let latest = newest.entry((process, life)).or_default();
                if number < *latest {
                    violation(format!(
                        "{partition}: record {number} of {process} is at {offset}, behind record {latest}"
                    ));
                }
                *latest = number.max(*latest);
            }
        }
    }
}
