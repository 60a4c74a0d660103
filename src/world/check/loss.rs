//! NoAckedLoss: what was acknowledged with acks=all is there at the end, unless an unclean election
//! took it, or a replica that had lost it in a power cut was elected later.

use super::{Checkers, Violation};
use crate::base::trace::ElectionReason;
use crate::base::{
    BrokerId, EventId, ProcessId, SortedMap, SortedSet, Span, Time, TopicPartition, TraceEvent,
    TraceRecord,
};

/// Follows acknowledged records to the end of the run.
#[derive(Default)]
pub struct NoAckedLoss {
    acknowledged: SortedMap<TopicPartition, SortedMap<i64, Acknowledged>>,
    audited: SortedMap<TopicPartition, SortedMap<i64, u64>>,
    /// Which broker a process is, as its own events tell.
    brokers: SortedMap<ProcessId, BrokerId>,
    /// Replicas whose log a power cut cut, or of which a disk spoiled something, and which were not in sync again since.
    /// The value says whether the replica has followed since: before, whoever finds it in sync has
    /// asked for that before the cut (KIP-903).
    cut: SortedMap<(TopicPartition, BrokerId), bool>,
    /// Until when a partition may have lost something: the latest excusing election.
    excuses: SortedMap<TopicPartition, Excuse>,
    excused: u64,
    /// Who believes to lead. A leader that has not heard of an election that excuses losses goes on
    /// acknowledging what will be lost.
    leading: SortedSet<(TopicPartition, BrokerId)>,
    /// Who led in which epoch.
    led: SortedMap<(TopicPartition, i32), BrokerId>,
    /// Partitions whose leader led on in its epoch after a power cut had cut its log.
    led_on: SortedSet<TopicPartition>,
}

struct Acknowledged {
    checksum: u64,
    event: EventId,
    at: Time,
}

/// Losses of what was acknowledged by then are excused.
#[derive(Clone, Copy, Default)]
struct Excuse {
    event: EventId,
    /// What an old leader acknowledged may still have been on its way to the producer.
    until: Time,
}

impl Excuse {
    fn covers(self, acknowledged: &Acknowledged) -> bool {
        acknowledged.event < self.event || acknowledged.at < self.until
    }
}

/// How long an answer is under way at most.
const ANSWER_MAX: Span = Span::from_secs(5);

impl NoAckedLoss {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        match &record.event {
            TraceEvent::RecordAcknowledged { partition, offset, acks: -1, checksum, .. }
                if *offset >= 0 =>
            {
                let acknowledged =
                    Acknowledged { checksum: *checksum, event: record.id, at: record.at };
                let records = self.acknowledged.entry(partition.clone()).or_default();
                let before = records.insert(*offset, acknowledged);
                let excused = self.excuses.get(partition).copied().unwrap_or_default();
                if let Some(before) = before.filter(|before| before.checksum != *checksum) {
                    if excused.covers(&before) || self.led_on.contains(partition) {
                        self.excused += 1;
                    } else {
                        let text = format!("{partition}@{offset} was acknowledged for two records");
                        found.push(Violation { at: record.at, rule: "NoAckedLoss", text });
                    }
                }
            }
            TraceEvent::RecordConsumed { group, partition, offset, checksum, .. }
                if group == Checkers::AUDIT_GROUP =>
            {
                self.audited.entry(partition.clone()).or_default().insert(*offset, *checksum);
            }
            TraceEvent::BecameFollower { partition, broker, .. } => {
                self.note_broker(record, *broker);
                if let Some(followed) = self.cut.get_mut(&(partition.clone(), *broker)) {
                    *followed = true;
                }
                if self.leading.remove(&(partition.clone(), *broker))
                    && let Some(excuse) = self.excuses.get_mut(partition)
                {
                    *excuse = Excuse { event: record.id, until: record.at + ANSWER_MAX };
                }
            }
            TraceEvent::BecameLeader { partition, broker, leader_epoch, .. } => {
                self.note_broker(record, *broker);
                self.leading.insert((partition.clone(), *broker));
                let before = self.led.insert((partition.clone(), *leader_epoch), *broker);
                if self.is_cut(partition, *broker) {
                    self.excuse(partition, record);
                    if before == Some(*broker) {
                        self.led_on.insert(partition.clone());
                    }
                }
            }
            TraceEvent::LeaderElected { partition, leader, reason, .. } => {
                let lost = self.is_cut(partition, *leader);
                if *reason == ElectionReason::Unclean || lost {
                    self.excuse(partition, record);
                }
            }
            TraceEvent::IsrExpanded { partition, added, .. } => {
                for broker in added {
                    let replica = (partition.clone(), *broker);
                    if self.cut.get(&replica) == Some(&true) {
                        self.cut.remove(&replica);
                    }
                }
            }
            // A disk gave something else back than what was written.
            TraceEvent::LogRecovered { partition, broker, bytes_dropped: 1.., .. } => {
                self.cut.insert((partition.clone(), *broker), false);
            }
            TraceEvent::FileCut { process, file, .. } => {
                if let (Some(partition), Some(broker)) =
                    (partition_of(file), self.brokers.get(process))
                {
                    self.cut.insert((partition, *broker), false);
                }
            }
            _ => {}
        }
    }

    fn excuse(&mut self, partition: &TopicPartition, record: &TraceRecord) {
        let excuse = self.excuses.entry(partition.clone()).or_default();
        excuse.event = record.id;
    }

    fn note_broker(&mut self, record: &TraceRecord, broker: BrokerId) {
        if let Some(process) = record.source {
            self.brokers.insert(process, broker);
        }
    }

    pub(super) fn conclude(&mut self, at: Time, found: &mut Vec<Violation>) {
        for (partition, records) in &self.acknowledged {
            let excused = self.excuses.get(partition).copied().unwrap_or_default();
            let audited = self.audited.get(partition);
            for (offset, acknowledged) in records {
                let read = audited.and_then(|records| records.get(offset)).copied();
                if read == Some(acknowledged.checksum) {
                    continue;
                }
                if excused.covers(acknowledged) || self.led_on.contains(partition) {
                    self.excused += 1;
                    continue;
                }
                let what = if read.is_some() { "is another record" } else { "is not there" };
                let text = format!("{partition}@{offset} was acknowledged and {what} at the end");
                found.push(Violation { at, rule: "NoAckedLoss", text });
            }
        }
    }

    pub(super) fn excused(&self) -> u64 {
        self.excused
    }

    /// Whether the partition may have lost something for a cause that Kafka allows.
    pub(super) fn has_excuse(&self, partition: &TopicPartition) -> bool {
        self.excuses.contains_key(partition) || self.led_on.contains(partition)
    }

    /// Whether a power cut took something from the log of `broker` since it was last in sync.
    pub(super) fn is_cut(&self, partition: &TopicPartition, broker: BrokerId) -> bool {
        self.cut.contains_key(&(partition.clone(), broker))
    }

    pub(super) fn led_on(&self) -> &SortedSet<TopicPartition> {
        &self.led_on
    }
}

/// The partition whose log a file is part of: `…/TOPIC-PARTITION/00000000000000000000.log`.
pub(in crate::world) fn partition_of(file: &str) -> Option<TopicPartition> {
    let (directory, _) = file.strip_suffix(".log")?.rsplit_once('/')?;
    let directory = directory.rsplit('/').next()?;
    let (topic, partition) = directory.rsplit_once('-')?;
    Some(TopicPartition::new(topic, partition.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cause;

    fn run(events: &[TraceEvent]) -> (Vec<Violation>, u64) {
        let (mut checker, mut found) = (NoAckedLoss::default(), Vec::new());
        for (i, event) in events.iter().enumerate() {
            let record = TraceRecord {
                id: EventId(i as u64 + 1),
                at: Time::ZERO,
                source: Some(ProcessId(7)),
                cause: Cause::Beginning,
                event: event.clone(),
            };
            checker.see(&record, &mut found);
        }
        checker.conclude(Time::ZERO, &mut found);
        (found, checker.excused())
    }

    fn acknowledged(offset: i64, checksum: u64) -> TraceEvent {
        let partition = TopicPartition::new("t", 0);
        TraceEvent::RecordAcknowledged { record: 0, partition, offset, acks: -1, checksum }
    }

    fn audited(offset: i64, checksum: u64) -> TraceEvent {
        let partition = TopicPartition::new("t", 0);
        let (group, member) = (Checkers::AUDIT_GROUP.to_owned(), "m".to_owned());
        TraceEvent::RecordConsumed { group, member, partition, offset, checksum }
    }

    #[test]
    fn a_missing_or_replaced_record_is_found() {
        assert_eq!(run(&[acknowledged(0, 1), audited(0, 1)]), (vec![], 0));
        assert_eq!(run(&[acknowledged(0, 1)]).0.len(), 1);
        assert_eq!(run(&[acknowledged(0, 1), audited(0, 2)]).0.len(), 1);
        assert_eq!(run(&[acknowledged(0, 1), acknowledged(0, 2), audited(0, 2)]).0.len(), 1);
    }

    #[test]
    fn an_election_of_a_replica_that_lost_it_is_an_excuse_for_what_was_before() {
        let partition = TopicPartition::new("t", 0);
        let broker = BrokerId(2);
        let follower = TraceEvent::BecameFollower {
            partition: partition.clone(),
            broker,
            leader_epoch: 0,
            leader: BrokerId(1),
        };
        let file = "kafka-logs/t-0/00000000000000000000.log".to_owned();
        let cut = TraceEvent::FileCut { process: ProcessId(7), file, from: 9, to: 3 };
        let elected = TraceEvent::LeaderElected {
            partition,
            leader: broker,
            leader_epoch: 1,
            isr: vec![broker],
            reason: ElectionReason::Offline,
        };
        let events = [follower, cut, acknowledged(0, 1), elected, acknowledged(1, 1)];
        let (found, excused) = run(&events);
        assert_eq!((found.len(), excused), (1, 1), "only what came after is a violation");
    }
}
