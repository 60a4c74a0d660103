//! What tools of old write into ZooKeeper instead of asking the controller: partitions to move, and
//! partitions whose preferred replica shall lead. The controller watches both znodes, does what they
//! say, and deletes them.
//!
//! In Kafka: KafkaController.processZkPartitionReassignment, maybeRemoveFromZkReassignment,
//! fetchPendingPreferredReplicaElections, the ZkTriggered elections.

use super::context::NO_LEADER;
use super::elect_leaders::Report;
use super::election::ElectionStrategy;
use super::reassignment;
use super::step::{ElectionType, Event, Step};
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_data::{PartitionReassignments, PreferredReplicaElection};
use crate::cluster::znode_path;

/// Which partitions are to be taken out of the znode of reassignments.
#[derive(Clone, PartialEq, Debug)]
pub enum Removal {
    /// These, whatever their target.
    Partitions(SortedSet<TopicPartition>),
    /// This one, if its target is what it has reached.
    Completed(TopicPartition, Vec<i32>),
}

/// One step with those znodes.
#[derive(Clone, PartialEq, Debug)]
pub enum ZkTriggeredStep {
    /// See which partitions shall be moved.
    ReadReassignments,
    /// Go on with those that were being moved before, but for these.
    ResumeReassignments(SortedSet<TopicPartition>),
    /// See what is left when some are taken out.
    ReadForRemoval(Removal),
    /// Write what is left, or delete the znode.
    WriteReassignments(PartitionReassignments),
    /// See which elections the last controller left.
    ReadPendingElections,
    /// See which partitions shall be led by their preferred replica.
    ReadElections,
    /// The elections are held.
    DeleteElections,
}

impl Controller {
    pub(super) fn begin_zk_triggered(&mut self, step: ZkTriggeredStep) {
        let read = |path: &str| Op::get_data(path);
        let watch = |path: &str| Op::Exists { path: path.to_owned(), watch: true };
        let ops = match &step {
            ZkTriggeredStep::ReadReassignments => {
                vec![watch(znode_path::REASSIGN_PARTITIONS), read(znode_path::REASSIGN_PARTITIONS)]
            }
            ZkTriggeredStep::ResumeReassignments(resumed) => {
                return self.resume_reassignments(resumed);
            }
            ZkTriggeredStep::ReadForRemoval(_) => vec![read(znode_path::REASSIGN_PARTITIONS)],
            ZkTriggeredStep::WriteReassignments(left) => {
                let path = znode_path::REASSIGN_PARTITIONS.to_owned();
                vec![self.fenced(if left.0.is_empty() {
                    Write::Delete { path }
                } else {
                    Write::SetData { path, data: left.to_json().into(), version: -1 }
                })]
            }
            ZkTriggeredStep::ReadPendingElections => {
                vec![read(znode_path::PREFERRED_REPLICA_ELECTION)]
            }
            ZkTriggeredStep::ReadElections => vec![
                watch(znode_path::PREFERRED_REPLICA_ELECTION),
                read(znode_path::PREFERRED_REPLICA_ELECTION),
            ],
            ZkTriggeredStep::DeleteElections => {
                let path = znode_path::PREFERRED_REPLICA_ELECTION.to_owned();
                vec![self.fenced(Write::Delete { path })]
            }
        };
        self.ask(ops, Step::ZkTriggered(step));
    }

    pub(super) fn finish_zk_triggered(&mut self, step: ZkTriggeredStep, mut answers: Vec<Answer>) {
        let data = match answers.pop() {
            Some(Answer::Data { data, .. }) => Some(data),
            _ => None,
        };
        match step {
            ZkTriggeredStep::ReadReassignments => {
                if let Some(data) = data {
                    self.reassign_from_zookeeper(&data);
                }
            }
            ZkTriggeredStep::ReadForRemoval(removal) => {
                if let Some(data) = data {
                    self.remove_reassignments(&removal, &data);
                }
            }
            ZkTriggeredStep::WriteReassignments(left) if left.0.is_empty() => {
                self.events.push_back(Event::ZkPartitionReassignment);
            }
            ZkTriggeredStep::ReadPendingElections => {
                self.finish_pending_elections(&data.unwrap_or_default());
            }
            ZkTriggeredStep::ReadElections => {
                if let Some(data) = data {
                    let partitions = self.partitions_to_elect(&data);
                    self.elect_for_zookeeper(partitions);
                }
            }
            ZkTriggeredStep::DeleteElections => {
                self.events.push_back(Event::ZkPreferredReplicaElection);
            }
            ZkTriggeredStep::ResumeReassignments(_) | ZkTriggeredStep::WriteReassignments(_) => {}
        }
    }

    // ---- reassignments ----

    fn resume_reassignments(&mut self, resumed: &SortedSet<TopicPartition>) {
        let mut steps = Vec::new();
        for partition in self.context.being_reassigned.difference(resumed) {
            if let Some(moving) = self.context.assignments.get(partition) {
                steps.push(reassignment::begin_step(partition.clone(), moving.clone()));
            }
        }
        self.go_on_with(steps);
    }

    fn reassign_from_zookeeper(&mut self, data: &[u8]) {
        let wanted = match PartitionReassignments::from_json(data) {
            Ok(wanted) => wanted.0,
            Err(error) => return self.log(LogLevel::Error, error.to_string()),
        };
        let (mut steps, mut failed) = (Vec::new(), SortedMap::new());
        for (partition, target) in wanted {
            match self.plan_towards(&partition, Some(&target)) {
                Ok(assignment) => steps.push(reassignment::begin_step(partition, assignment)),
                Err(error) => drop(failed.insert(partition, error.code)),
            }
        }
        if !failed.is_empty() {
            let names = failed.iter().map(|(partition, code)| format!("{partition} -> {code}"));
            let names = joined(names, ", ");
            let text =
                format!("Failed reassignment through zk with the following errors: Map({names})");
            self.log(LogLevel::Warn, text);
            let failed = Removal::Partitions(failed.into_keys().collect());
            steps.push(Step::ZkTriggered(ZkTriggeredStep::ReadForRemoval(failed)));
        }
        self.go_on_with(steps);
    }

    fn remove_reassignments(&mut self, removal: &Removal, data: &[u8]) {
        let Ok(PartitionReassignments(all)) = PartitionReassignments::from_json(data) else {
            return;
        };
        let is_removed = |partition: &TopicPartition, target: &Vec<i32>| match removal {
            Removal::Partitions(partitions) => partitions.contains(partition),
            Removal::Completed(one, replicas) => one == partition && replicas == target,
        };
        let (removed, left): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(partition, target)| is_removed(partition, target));
        let removed = removed.iter().map(|(partition, target)| {
            format!("{partition} -> ArrayBuffer({})", joined(target, ", "))
        });
        let removed = joined(removed, ", ");
        self.info(format!(
            "Removing partitions Map({removed}) from the list of reassigned partitions in zookeeper"
        ));
        if left.is_empty() {
            let path = znode_path::REASSIGN_PARTITIONS;
            self.info(format!("No more partitions need to be reassigned. Deleting zk path {path}"));
        }
        let left = PartitionReassignments(left.into_iter().collect());
        self.go_on_with([Step::ZkTriggered(ZkTriggeredStep::WriteReassignments(left))]);
    }

    // ---- elections ----

    fn partitions_to_elect(&mut self, data: &[u8]) -> SortedSet<TopicPartition> {
        match PreferredReplicaElection::from_json(data) {
            Ok(wanted) => wanted.0,
            Err(error) => {
                self.log(LogLevel::Error, error.to_string());
                SortedSet::new()
            }
        }
    }

    fn leads_preferred(&self, partition: &TopicPartition) -> bool {
        let leader = self.context.leaderships.get(partition).map_or(NO_LEADER, |one| one.leader);
        self.context.replicas(partition).first() == Some(&leader)
    }

    /// The elections that the last controller did not come to.
    fn finish_pending_elections(&mut self, data: &[u8]) {
        let wanted =
            if data.is_empty() { SortedSet::new() } else { self.partitions_to_elect(data) };
        let is_done = |partition: &&TopicPartition| {
            self.context.replicas(partition).is_empty() || self.leads_preferred(partition)
        };
        let is_skipped =
            |partition: &&TopicPartition| self.context.is_queued_for_deletion(&partition.topic);
        let completed: Vec<_> = wanted.iter().filter(is_done).cloned().collect();
        let open: Vec<_> = wanted.iter().filter(|one| !is_done(one)).collect();
        let skipped: Vec<_> = open.iter().copied().filter(is_skipped).cloned().collect();
        let pending: Vec<_> = open.into_iter().filter(|one| !is_skipped(one)).cloned().collect();
        let (wanted, completed) = (joined(&wanted, ","), joined(&completed, ","));
        self.info(format!("Partitions undergoing preferred replica election: {wanted}"));
        self.info(format!("Partitions that completed preferred replica election: {completed}"));
        self.info(format!(
            "Skipping preferred replica election for partitions due to topic deletion: {}",
            joined(&skipped, ",")
        ));
        self.info(format!(
            "Resuming preferred replica election for partitions: {}",
            joined(&pending, ",")
        ));
        self.hold_for_zookeeper(pending);
    }

    fn elect_for_zookeeper(&mut self, partitions: SortedSet<TopicPartition>) {
        let mut electable = Vec::new();
        for partition in partitions {
            if self.context.replicas(&partition).is_empty() {
                self.info(format!(
                    "Skipping replica leader election (PREFERRED) for partition {partition} by \
                     ZkTriggered since it doesn't exist."
                ));
            } else if !self.context.is_queued_for_deletion(&partition.topic)
                && !self.leads_preferred(&partition)
            {
                electable.push(partition);
            }
        }
        self.hold_for_zookeeper(electable);
    }

    fn hold_for_zookeeper(&mut self, partitions: Vec<TopicPartition>) {
        self.log_election(ElectionType::Preferred, &partitions, "ZkTriggered");
        let report = Report::ToLog(partitions.clone());
        self.go_on_with([
            Step::OnlinePartitions(partitions, ElectionStrategy::Preferred),
            Step::ReportElection(report),
            Step::ZkTriggered(ZkTriggeredStep::DeleteElections),
        ]);
    }
}
