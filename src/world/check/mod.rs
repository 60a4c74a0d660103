//! What must hold in every run (design.md, section 4), checked from the trace and the views alone.
//! A checker never looks into a process; what it cannot see, a person could not see either.

mod committed;
mod ensemble;
mod given_up;
mod histories;
mod idempotence;
mod leaders;
mod liveness;
mod logs;
mod loss;
mod offsets_topic;
mod owners;
mod queue;
mod sessions;

pub use committed::ConsistentCommittedData;
pub use ensemble::AgreedTransactions;
pub use histories::ClientHistories;
pub use idempotence::NoDuplicateFromIdempotent;
pub use leaders::SingleLeader;
pub use liveness::{log_end_offsets, unfinished};
pub use logs::check_logs;
pub use loss::NoAckedLoss;
pub(in crate::world) use loss::partition_of;
pub use owners::OneOwnerPerGeneration;
pub use queue::QueueDelivery;
pub use sessions::{SessionHistories, WORKLOAD_LOGGER};

use given_up::GivenUp;

use crate::base::{ProcessId, SortedSet, Time, TopicPartition, TraceEvent, TraceRecord};
use crate::node::ProcessView;
use serde::Serialize;

/// Something that must hold and did not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// When it was found.
    pub at: Time,
    /// The name of the rule.
    pub rule: &'static str,
    /// What happened, in a sentence.
    pub text: String,
}

/// How often what happened: a run in which nothing happens proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Leaders elected.
    pub elections: u64,
    /// Of these, from outside the ISR.
    pub unclean_elections: u64,
    /// ZooKeeper leaders elected.
    pub zookeeper_leaders: u64,
    /// Controllers elected.
    pub controllers: u64,
    /// Logs cut back by a follower.
    pub truncations: u64,
    /// Logs recovered after an unclean stop.
    pub recoveries: u64,
    /// ISR changes.
    pub isr_changes: u64,
    /// Generations that got their assignment.
    pub rebalances: u64,
    /// Sessions that expired.
    pub session_expiries: u64,
    /// Lives of processes.
    pub starts: u64,
    /// Files cut by a power cut.
    pub file_cuts: u64,
    /// Records sent.
    pub sent: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Records handed to applications.
    pub consumed: u64,
    /// Processes that broke.
    pub crashes: u64,
}

impl Counts {
    /// Adds what happened in another run.
    pub fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.unclean_elections += other.unclean_elections;
        self.zookeeper_leaders += other.zookeeper_leaders;
        self.controllers += other.controllers;
        self.truncations += other.truncations;
        self.recoveries += other.recoveries;
        self.isr_changes += other.isr_changes;
        self.rebalances += other.rebalances;
        self.session_expiries += other.session_expiries;
        self.starts += other.starts;
        self.file_cuts += other.file_cuts;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.consumed += other.consumed;
        self.crashes += other.crashes;
    }

    fn see(&mut self, event: &TraceEvent) {
        let counter = match event {
            TraceEvent::LeaderElected { reason, .. } => {
                self.unclean_elections +=
                    u64::from(*reason == crate::base::trace::ElectionReason::Unclean);
                &mut self.elections
            }
            TraceEvent::ZooKeeperRoleChanged { role, .. } if role == "leader" => {
                &mut self.zookeeper_leaders
            }
            TraceEvent::ControllerElected { .. } => &mut self.controllers,
            TraceEvent::Truncated { .. } => &mut self.truncations,
            TraceEvent::LogRecovered { .. } => &mut self.recoveries,
            TraceEvent::IsrShrunk { .. } | TraceEvent::IsrExpanded { .. } => &mut self.isr_changes,
            TraceEvent::GroupStabilized { .. } => &mut self.rebalances,
            TraceEvent::SessionExpired { .. } => &mut self.session_expiries,
            TraceEvent::ProcessStarted { .. } => &mut self.starts,
            TraceEvent::FileCut { .. } => &mut self.file_cuts,
            TraceEvent::RecordSent { .. } => &mut self.sent,
            TraceEvent::RecordAcknowledged { .. } => &mut self.acknowledged,
            TraceEvent::RecordFailed { .. } => &mut self.failed,
            TraceEvent::RecordConsumed { .. } => &mut self.consumed,
            TraceEvent::ProcessCrashed { .. } => &mut self.crashes,
            _ => return,
        };
        *counter += 1;
    }
}

/// All safety checkers of one run.
#[derive(Default)]
pub struct Checkers {
    /// What was found, oldest first.
    pub violations: Vec<Violation>,
    /// What happened.
    pub counts: Counts,
    /// Panics, with their messages.
    pub crashes: Vec<Violation>,
    loss: NoAckedLoss,
    given_up: GivenUp,
    idempotence: NoDuplicateFromIdempotent,
    leaders: SingleLeader,
    committed: ConsistentCommittedData,
    owners: OneOwnerPerGeneration,
    histories: ClientHistories,
    queues: QueueDelivery,
    transactions: AgreedTransactions,
}

impl Checkers {
    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord) {
        self.counts.see(&record.event);
        if let TraceEvent::ProcessCrashed { process, message } = &record.event {
            let text = format!("{process} crashed: {message}");
            self.crashes.push(Violation { at: record.at, rule: "NoPanic", text });
        }
        let found = &mut self.violations;
        self.loss.see(record, found);
        self.given_up.see(record);
        let is_audit = matches!(&record.event, TraceEvent::RecordConsumed { group, .. } if group == Self::AUDIT_GROUP);
        self.idempotence.see(record, is_audit);
        self.leaders.see(record, found);
        self.committed.see(record, self.loss.led_on(), found);
        self.owners.see(record, found);
        self.histories.see(record, found);
        self.queues.see(record, found);
        self.transactions.see(record, found);
    }

    /// Takes the views of all living processes.
    pub fn look(&mut self, at: Time, views: &[&ProcessView]) {
        let (excused, found) = (self.loss.led_on(), &mut self.violations);
        self.committed.look(at, views, excused, found);
        let is_cut = |partition: &TopicPartition, broker| {
            self.loss.is_cut(partition, broker) || excused.contains(partition)
        };
        ConsistentCommittedData::look_at_isr(at, views, is_cut, found);
        AgreedTransactions::look(at, views, &mut self.violations);
    }

    /// Partitions of which nothing can be asked any more: a power cut took records from the leader's
    /// log, and it came back before the controller that succeeded the dead one had looked, so it
    /// leads on in its epoch. Kafka with ZooKeeper cannot tell; followers that hold more than it
    /// never find together with it in that epoch (what KIP-966 mends in KRaft).
    pub fn led_on(&self) -> &SortedSet<TopicPartition> {
        self.loss.led_on()
    }

    /// Partitions that need not converge: those of [`Checkers::led_on`], and those of which Kafka gave
    /// up an ISR change for good.
    pub fn may_stay_short(&self) -> SortedSet<TopicPartition> {
        self.led_on().iter().chain(self.given_up.partitions()).cloned().collect()
    }

    /// Group whose consumers read everything at the end, for [`Checkers::conclude`].
    pub const AUDIT_GROUP: &'static str = "audit";

    /// After the audit group has read every log from its start: was anything acknowledged lost?
    pub fn conclude(&mut self, at: Time) {
        self.loss.conclude(at, &mut self.violations);
        let excused = |partition: &TopicPartition| self.loss.has_excuse(partition);
        self.idempotence.conclude(at, excused, &mut self.violations);
    }

    /// `process` is a producer with `enable.idempotence`.
    pub fn expect_idempotent(&mut self, process: ProcessId) {
        self.idempotence.expect_of(process);
    }

    /// Records that were lost for a cause that Kafka allows.
    pub fn excused_losses(&self) -> u64 {
        self.loss.excused()
    }
}

/// All checkers of a run of a ZooKeeper ensemble alone.
#[derive(Default)]
pub struct EnsembleCheckers {
    /// What was found, oldest first.
    pub violations: Vec<Violation>,
    /// What happened.
    pub counts: Counts,
    /// Panics, with their messages.
    pub crashes: Vec<Violation>,
    transactions: AgreedTransactions,
    histories: SessionHistories,
    healed: Time,
}

impl EnsembleCheckers {
    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord) {
        self.counts.see(&record.event);
        if let TraceEvent::ProcessCrashed { process, message } = &record.event {
            let text = format!("{process} crashed: {message}");
            self.crashes.push(Violation { at: record.at, rule: "NoPanic", text });
        }
        self.transactions.see(record, &mut self.violations);
        self.histories.see(record, &mut self.violations);
        self.counts.acknowledged = self.histories.answered;
    }

    /// Takes the views of all living processes.
    pub fn look(&mut self, at: Time, views: &[&ProcessView]) {
        AgreedTransactions::look(at, views, &mut self.violations);
    }

    /// All faults are undone from now on.
    pub fn healed(&mut self, at: Time) {
        self.healed = at;
    }

    /// What is left until the ensemble agrees and its clients have seen what survived.
    pub fn unfinished(
        &self,
        servers: usize,
        views: &[&ProcessView],
        clients: &[ProcessId],
    ) -> Vec<String> {
        let mut left = ensemble::disagreements(servers, views);
        let last = self.transactions.last_applied();
        for client in clients {
            if !self.histories.has_audited(*client, self.healed, last) {
                left.push(format!("{client} has not seen 0x{last:x}"));
            }
        }
        left
    }

    /// After the end: was anything acknowledged lost?
    pub fn conclude(&mut self, at: Time) {
        self.histories.conclude(at, &mut self.violations);
    }
}

#[cfg(test)]
mod tests;
