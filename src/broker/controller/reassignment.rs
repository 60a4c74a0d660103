//! Reassignment: a partition moves to other replicas. First the new ones join the old ones; when all
//! of the target are in sync, the leader is moved among them, and the old ones are taken out and
//! deleted. Until then it can be given another target, or be taken back.
//!
//! In Kafka: KafkaController.onPartitionReassignment, KIP-455.

mod request;

use super::context::{Leadership, Replica};
use super::deletion::DeletionStep;
use super::election::ElectionStrategy;
use super::replica_state::ReplicaState;
use super::replicas::offline_steps;
use super::step::Step;
use super::zk_triggered::{Removal, ZkTriggeredStep};
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, TopicPartition, TraceEvent};
use crate::broker::action::RequestToken;
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_data::{ReplicaAssignment, TopicAssignment};
use crate::cluster::znode_path;
use crate::wire::zookeeper::KeeperCode;

/// One step of a reassignment.
#[derive(Clone, PartialEq, Debug)]
pub enum ReassignmentStep {
    /// Begin it, give it another target, or see how far it is.
    Begin(TopicPartition, ReplicaAssignment),
    /// Write the assignment that it goes through.
    WriteCurrent(TopicPartition, ReplicaAssignment),
    /// See whether the target is in sync.
    ReadState(TopicPartition, ReplicaAssignment),
    /// Raise the leader epoch: read it.
    ReadForEpoch(TopicPartition, ReplicaAssignment),
    /// Raise the leader epoch: write it.
    WriteEpoch(TopicPartition, ReplicaAssignment, Leadership),
    /// Bring up replicas that are new.
    StartNewReplicas(TopicPartition, Vec<i32>),
    /// From now on the target is the assignment.
    Complete(TopicPartition, ReplicaAssignment),
    /// Replicas that are not wanted any more are deleted.
    ForgetReplicas(Vec<Replica>),
    /// Write the final assignment.
    WriteCompleted(TopicPartition, ReplicaAssignment),
    /// See whether it can be completed, after the ISR has grown.
    MaybeComplete(TopicPartition),
    /// Answer whoever asked for it.
    Answer(RequestToken, SortedMap<TopicPartition, ApiError>),
}

impl Controller {
    pub(super) fn begin_reassignment(&mut self, step: ReassignmentStep) {
        let ops = match &step {
            ReassignmentStep::Begin(partition, assignment) => {
                return self.on_partition_reassignment(partition, assignment);
            }
            ReassignmentStep::WriteCurrent(partition, assignment)
            | ReassignmentStep::WriteCompleted(partition, assignment) => {
                vec![self.write_assignment(partition, assignment)]
            }
            ReassignmentStep::ReadState(_, assignment) if !assignment.is_being_reassigned() => {
                Vec::new()
            }
            ReassignmentStep::ReadState(partition, _)
            | ReassignmentStep::ReadForEpoch(partition, _)
            | ReassignmentStep::MaybeComplete(partition) => {
                vec![Op::get_data(znode_path::partition_state(partition))]
            }
            ReassignmentStep::WriteEpoch(partition, _, leadership) => {
                vec![self.write_state(partition, leadership)]
            }
            ReassignmentStep::StartNewReplicas(partition, replicas) => {
                return self.start_new_replicas(partition, replicas);
            }
            ReassignmentStep::Complete(partition, assignment) => {
                return self.move_leader_if_required(partition, assignment);
            }
            ReassignmentStep::ForgetReplicas(replicas) => return self.forget_replicas(replicas),
            ReassignmentStep::Answer(token, results) => {
                return self.answer_reassignments(*token, results);
            }
        };
        self.ask(ops, Step::Reassignment(step));
    }

    pub(super) fn finish_reassignment(&mut self, step: ReassignmentStep, mut answers: Vec<Answer>) {
        let answer = answers.pop();
        match step {
            ReassignmentStep::WriteCurrent(partition, assignment)
                if self.is_assignment_written(&partition, &assignment, answer.as_ref()) =>
            {
                self.take_current(partition, assignment);
            }
            ReassignmentStep::WriteCompleted(partition, assignment)
                if self.is_assignment_written(&partition, &assignment, answer.as_ref()) =>
            {
                self.finish_completed(partition, &assignment);
            }
            ReassignmentStep::ReadState(partition, assignment) => {
                let is_complete = !assignment.is_being_reassigned()
                    || self.is_target_in_sync(&partition, &assignment, answer.as_ref());
                self.go_on_with(if is_complete {
                    completion_steps(&partition, &assignment)
                } else {
                    let new = assignment.adding_replicas.clone();
                    vec![
                        Step::Reassignment(ReassignmentStep::ReadForEpoch(
                            partition.clone(),
                            assignment,
                        )),
                        Step::Reassignment(ReassignmentStep::StartNewReplicas(partition, new)),
                    ]
                });
            }
            ReassignmentStep::ReadForEpoch(partition, assignment) => {
                self.raise_leader_epoch(partition, assignment, answer.as_ref());
            }
            ReassignmentStep::WriteEpoch(partition, assignment, leadership) => {
                self.finish_leader_epoch(partition, assignment, leadership, answer.as_ref());
            }
            ReassignmentStep::MaybeComplete(partition) => {
                let Some(assignment) = self.context.assignments.get(&partition).cloned() else {
                    return;
                };
                if self.is_target_in_sync(&partition, &assignment, answer.as_ref()) {
                    let target = joined(assignment.target_replicas(), ", ");
                    self.info(format!(
                        "Target replicas ArrayBuffer({target}) have all caught up with the leader \
                         for reassigning partition {partition}"
                    ));
                    self.go_on_with([begin_step(partition, assignment)]);
                }
            }
            _ => {}
        }
    }

    // ---- how it is done ----

    fn on_partition_reassignment(
        &mut self,
        partition: &TopicPartition,
        assignment: &ReplicaAssignment,
    ) {
        let topic = SortedSet::from([partition.topic.clone()]);
        self.mark_ineligible_for_deletion(&topic, "topic reassignment in progress");
        let is_known = self.context.assignments.get(partition) == Some(assignment);
        let (partition, assignment) = (partition.clone(), assignment.clone());
        if is_known {
            self.context.being_reassigned.insert(partition.clone());
            let step = ReassignmentStep::ReadState(partition, assignment);
            self.go_on_with([Step::Reassignment(step)]);
        } else {
            let step = ReassignmentStep::WriteCurrent(partition, assignment);
            self.go_on_with([Step::Reassignment(step)]);
        }
    }

    fn write_assignment(&self, partition: &TopicPartition, assignment: &ReplicaAssignment) -> Op {
        let mut partitions = self.assignment_of(&partition.topic);
        partitions.insert(partition.partition, assignment.clone());
        let topic_id = self.context.topic_ids.get(&partition.topic).copied();
        self.fenced(Write::SetData {
            path: znode_path::topic(&partition.topic),
            data: TopicAssignment { topic_id, partitions }.to_json().into(),
            version: -1,
        })
    }

    fn is_assignment_written(
        &mut self,
        partition: &TopicPartition,
        assignment: &ReplicaAssignment,
        answer: Option<&Answer>,
    ) -> bool {
        let is_written = matches!(answer, Some(Answer::Written { .. }));
        if is_written {
            self.info(format!(
                "Successfully updated assignment of partition {partition} to {assignment}"
            ));
        } else {
            let text = format!("Error completing reassignment of partition {partition}");
            self.log(LogLevel::Error, text);
        }
        is_written
    }

    /// The assignment on the way is written: replicas that it has no place for go at once.
    fn take_current(&mut self, partition: TopicPartition, assignment: ReplicaAssignment) {
        let before = self.context.assignments.insert(partition.clone(), assignment.clone());
        self.context.being_reassigned.insert(partition.clone());
        self.trace_reassigned(&partition, &assignment);
        let unneeded: Vec<i32> = before
            .map(|before| before.replicas)
            .unwrap_or_default()
            .into_iter()
            .filter(|id| !assignment.replicas.contains(id))
            .collect();
        let mut steps = removal_steps(&partition, &unneeded);
        steps.push(Step::Reassignment(ReassignmentStep::ReadState(partition, assignment)));
        self.go_on_with(steps);
    }

    fn trace_reassigned(&mut self, partition: &TopicPartition, assignment: &ReplicaAssignment) {
        let ids = |ids: &[i32]| ids.iter().map(|id| crate::base::BrokerId(*id)).collect();
        self.trace(TraceEvent::ReplicasReassigned {
            partition: partition.clone(),
            replicas: ids(&assignment.replicas),
            adding: ids(&assignment.adding_replicas),
            removing: ids(&assignment.removing_replicas),
        });
    }

    fn is_target_in_sync(
        &mut self,
        partition: &TopicPartition,
        assignment: &ReplicaAssignment,
        answer: Option<&Answer>,
    ) -> bool {
        let state = answer.and_then(|answer| self.read_partition_state(partition, answer));
        let target = assignment.target_replicas();
        state.is_some_and(|state| target.iter().all(|id| state.isr.contains(id)))
    }

    fn forget_replicas(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            let (partition, broker) = replica;
            self.context.move_replica(replica, ReplicaState::ReplicaDeletionSuccessful);
            if self.context.move_replica(replica, ReplicaState::NonExistentReplica) {
                self.context.replica_states.remove(replica);
            }
            if let Some(assignment) = self.context.assignments.get_mut(partition) {
                assignment.remove_replica(*broker);
            }
        }
    }

    /// A replica that is new hears of its leader, as one that is new.
    fn start_new_replicas(&mut self, partition: &TopicPartition, brokers: &[i32]) {
        for broker in brokers {
            let replica = (partition.clone(), *broker);
            if !self.context.move_replica(&replica, ReplicaState::NewReplica) {
                continue;
            }
            if let Some(leadership) = self.context.leaderships.get(partition).cloned() {
                let to = [*broker];
                self.batch.add_leader_and_isr(&self.context, &to, partition, &leadership, true);
            }
            self.send_requests();
        }
    }

    /// The leader must be one of the target; it must be told of the final assignment in any case.
    fn move_leader_if_required(
        &mut self,
        partition: &TopicPartition,
        completed: &ReplicaAssignment,
    ) {
        self.context.assignments.insert(partition.clone(), completed.clone());
        let Some(leader) = self.context.leaderships.get(partition).map(|one| one.leader) else {
            return;
        };
        let replicas = joined(&completed.replicas, ",");
        let is_wanted = completed.replicas.contains(&leader);
        let is_alive = self.context.is_replica_online(leader, partition);
        let what = match (is_wanted, is_alive) {
            (false, _) => {
                format!("is not in the new list of replicas {replicas}. Re-electing leader")
            }
            (true, true) => {
                format!("is already in the new list of replicas {replicas} and is alive")
            }
            (true, false) => {
                format!("is already in the new list of replicas {replicas} but is dead")
            }
        };
        self.info(format!("Leader {leader} for partition {partition} being reassigned, {what}"));
        self.go_on_with([if is_wanted && is_alive {
            let (partition, completed) = (partition.clone(), completed.clone());
            Step::Reassignment(ReassignmentStep::ReadForEpoch(partition, completed))
        } else {
            Step::OnlinePartitions(vec![partition.clone()], ElectionStrategy::Reassign)
        }]);
    }

    fn finish_completed(&mut self, partition: TopicPartition, completed: &ReplicaAssignment) {
        self.context.being_reassigned.remove(&partition);
        self.trace_reassigned(&partition, completed);
        let topic = SortedSet::from([partition.topic.clone()]);
        let brokers = self.context.live_or_shutting_down();
        self.batch.add_update_metadata(&self.context, brokers, [&partition]);
        self.send_requests();
        let done = Removal::Completed(partition, completed.replicas.clone());
        self.go_on_with([
            Step::ZkTriggered(ZkTriggeredStep::ReadForRemoval(done)),
            Step::Deletion(DeletionStep::Resume(topic)),
        ]);
    }

    // ---- the leader epoch ----

    fn raise_leader_epoch(
        &mut self,
        partition: TopicPartition,
        assignment: ReplicaAssignment,
        answer: Option<&Answer>,
    ) {
        let state = answer.and_then(|answer| self.read_partition_state(&partition, answer));
        let Some(state) = state.filter(|state| state.controller_epoch <= self.context.epoch) else {
            let text = format!(
                "Failed to send LeaderAndIsr request with new replica assignment {assignment} to \
                 leader for partition being reassigned {partition}"
            );
            return self.log_state_change(LogLevel::Error, text);
        };
        let mut next = state.next(state.leader, state.isr.clone());
        next.controller_epoch = self.context.epoch;
        let step = ReassignmentStep::WriteEpoch(partition, assignment, next);
        self.go_on_with([Step::Reassignment(step)]);
    }

    fn finish_leader_epoch(
        &mut self,
        partition: TopicPartition,
        assignment: ReplicaAssignment,
        mut leadership: Leadership,
        answer: Option<&Answer>,
    ) {
        match answer {
            Some(Answer::Written { version }) => leadership.zk_version = *version,
            Some(Answer::Failed(KeeperCode::BAD_VERSION)) => {
                let step = ReassignmentStep::ReadForEpoch(partition, assignment);
                return self.go_on_with([Step::Reassignment(step)]);
            }
            _ => return,
        }
        let Leadership { leader, leader_epoch, zk_version, controller_epoch, .. } = leadership;
        self.info(format!(
            "Updated leader epoch for partition {partition} to {leader_epoch}, \
             zkVersion={zk_version}"
        ));
        self.context.leaderships.insert(partition.clone(), leadership.clone());
        let context = &self.context;
        let origin = assignment.origin_replicas();
        self.batch.add_leader_and_isr(context, &origin, &partition, &leadership, false);
        let adding = &assignment.adding_replicas;
        self.batch.add_leader_and_isr(context, adding, &partition, &leadership, true);
        self.send_requests();
        let isr = joined(&leadership.isr, ",");
        self.log_state_change(
            LogLevel::Info,
            format!(
                "Sent LeaderAndIsr request (Leader:{leader},ISR:{isr},LeaderEpoch:{leader_epoch},\
                 ZkVersion:{zk_version},ControllerEpoch:{controller_epoch}) with new replica \
                 assignment {assignment} to leader {leader} for partition being reassigned \
                 {partition}"
            ),
        );
    }
}

pub(super) fn begin_step(partition: TopicPartition, assignment: ReplicaAssignment) -> Step {
    Step::Reassignment(ReassignmentStep::Begin(partition, assignment))
}

fn completion_steps(partition: &TopicPartition, assignment: &ReplicaAssignment) -> Vec<Step> {
    let completed = ReplicaAssignment::of(assignment.target_replicas());
    let adding = assignment.adding_replicas.iter();
    let adding = adding.map(|broker| (partition.clone(), *broker)).collect();
    let complete = |step: fn(TopicPartition, ReplicaAssignment) -> ReassignmentStep| {
        Step::Reassignment(step(partition.clone(), completed.clone()))
    };
    let mut steps = vec![Step::OnlineReplicas(adding), complete(ReassignmentStep::Complete)];
    steps.extend(removal_steps(partition, &assignment.removing_replicas));
    steps.push(complete(ReassignmentStep::WriteCompleted));
    steps
}

/// Takes replicas out of the ISR, has them deleted, and forgets them.
fn removal_steps(partition: &TopicPartition, brokers: &[i32]) -> Vec<Step> {
    let replicas: Vec<Replica> =
        brokers.iter().map(|broker| (partition.clone(), *broker)).collect();
    if replicas.is_empty() {
        return Vec::new();
    }
    let mut steps = offline_steps(replicas.clone());
    steps.push(Step::Deletion(DeletionStep::Start(replicas.clone())));
    steps.push(Step::Reassignment(ReassignmentStep::ForgetReplicas(replicas)));
    steps
}
