//! Topic deletion. A znode under `/admin/delete_topics` asks for it; the controller tells all
//! brokers that the topic is gone, has every replica deleted, and when the last one is, deletes the
//! topic's znodes. A topic with a replica on a dead broker, or with a reassignment under way, waits.
//!
//! In Kafka: kafka.controller.TopicDeletionManager, KafkaController.processTopicDeletion.

use super::context::Replica;
use super::partition_state::PartitionState;
use super::replica_state::ReplicaState;
use super::replicas::offline_steps;
use super::step::{Event, Purpose, Step};
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedSet, TopicPartition, TraceEvent};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_path;
use crate::wire::ErrorCode;
use crate::wire::kafka::{StopReplicaRequest, StopReplicaResponse};

const LOGGER: &str = "kafka.controller.TopicDeletionManager";

/// One step of a deletion.
#[derive(Clone, PartialEq, Debug)]
pub enum DeletionStep {
    /// See which topics shall be deleted.
    List(Purpose),
    /// Take back wishes that are not granted.
    Forget(Vec<String>),
    /// Go on with every deletion that can go on.
    Try,
    /// These topics may be eligible again.
    Resume(SortedSet<String>),
    /// Begin to delete topics, or begin anew.
    Begin(SortedSet<String>),
    /// Have replicas deleted by their brokers.
    Start(Vec<Replica>),
    /// Replicas could not be deleted.
    Fail(Vec<Replica>),
    /// Replicas are deleted.
    Complete(Vec<Replica>),
    /// See which znodes a topic has.
    ListPartitions(String),
    /// Delete them, children first.
    DeleteZnodes(String, Vec<String>),
}

impl Controller {
    /// Whether `topic` waits for its deletion, as far as the active controller knows.
    pub fn is_queued_for_deletion(&self, topic: &str) -> bool {
        self.context.is_queued_for_deletion(topic)
    }

    pub(super) fn begin_deletion(&mut self, step: DeletionStep) {
        let ops = match &step {
            DeletionStep::List(_) => vec![Op::watch_children(znode_path::DELETE_TOPICS)],
            DeletionStep::Forget(topics) => {
                topics.iter().map(|topic| self.delete(znode_path::delete_topic(topic))).collect()
            }
            DeletionStep::Try => return self.resume_deletions(),
            DeletionStep::Resume(topics) => return self.resume_deletion_for(topics),
            DeletionStep::Begin(topics) => return self.on_topic_deletion(topics),
            DeletionStep::Start(replicas) => return self.start_replica_deletion(replicas),
            DeletionStep::Fail(replicas) => return self.fail_replica_deletion(replicas),
            DeletionStep::Complete(replicas) => return self.complete_replica_deletion(replicas),
            DeletionStep::ListPartitions(topic) => {
                let path = znode_path::partitions(topic);
                vec![Op::GetChildren { path, watch: false }]
            }
            DeletionStep::DeleteZnodes(_, paths) => {
                paths.iter().map(|path| self.delete(path.clone())).collect()
            }
        };
        self.ask(ops, Step::Deletion(step));
    }

    pub(super) fn finish_deletion(&mut self, step: DeletionStep, mut answers: Vec<Answer>) {
        match step {
            DeletionStep::List(purpose) => {
                let names = answers.pop().map(Answer::into_children).unwrap_or_default();
                let topics = names.into_iter().collect();
                if purpose == Purpose::Failover {
                    self.initialize_deletion(topics);
                } else {
                    self.process_topic_deletion(topics);
                }
            }
            DeletionStep::ListPartitions(topic) => {
                let names = answers.pop().map(Answer::into_children).unwrap_or_default();
                let parent = znode_path::partitions(&topic);
                let mut paths = Vec::new();
                for name in names {
                    paths.extend([format!("{parent}/{name}/state"), format!("{parent}/{name}")]);
                }
                paths.extend([
                    parent,
                    znode_path::topic(&topic),
                    znode_path::topic_config(&topic),
                    znode_path::delete_topic(&topic),
                ]);
                self.go_on_with([Step::Deletion(DeletionStep::DeleteZnodes(topic, paths))]);
            }
            DeletionStep::DeleteZnodes(topic, _) => {
                self.context.remove_topic(&topic);
                self.log_deletion(format!("Deletion of topic {topic} successfully completed"));
                self.trace(TraceEvent::TopicDeleted { topic });
            }
            _ => {}
        }
    }

    fn delete(&self, path: String) -> Op {
        self.fenced(Write::Delete { path })
    }

    fn log_deletion(&mut self, text: impl AsRef<str>) {
        let text = format!("[Topic Deletion Manager {}] {}", self.me, text.as_ref());
        self.log_as(LogLevel::Info, LOGGER, text);
    }

    // ---- which topics ----

    /// The deletions that an earlier controller left.
    fn initialize_deletion(&mut self, topics: SortedSet<String>) {
        let context = &self.context;
        let is_offline =
            |(partition, broker): &Replica| !context.is_replica_online(*broker, partition);
        let has_offline = |topic: &&String| context.replicas_of_topic(topic).iter().any(is_offline);
        let mut ineligible: SortedSet<String> =
            context.topics.iter().filter(has_offline).cloned().collect();
        ineligible.extend(context.being_reassigned.iter().map(|one| one.topic.clone()));
        let (wanted, waiting) = (joined(&topics, ","), joined(&ineligible, ","));
        self.info(format!("List of topics to be deleted: {wanted}"));
        self.info(format!("List of topics ineligible for deletion: {waiting}"));
        self.info("Initializing topic deletion manager");
        let (wanted, waiting) = (joined(&topics, ", "), joined(&ineligible, ", "));
        self.log_deletion(format!(
            "Initializing manager with initial deletions: Set({wanted}), initial ineligible \
             deletions: Set({waiting})"
        ));
        if self.config.delete_topic_enable {
            ineligible.retain(|topic| topics.contains(topic));
            self.context.topics_to_be_deleted = topics;
            self.context.topics_ineligible_for_deletion = ineligible;
        } else {
            self.log_deletion(format!("Removing Set({wanted}) since delete topic is disabled"));
            self.go_on_with([forget(topics)]);
        }
    }

    fn process_topic_deletion(&mut self, mut topics: SortedSet<String>) {
        let unknown: SortedSet<String> =
            topics.iter().filter(|topic| !self.context.topics.contains(*topic)).cloned().collect();
        topics.retain(|topic| !unknown.contains(topic));
        let mut steps = Vec::new();
        if !unknown.is_empty() {
            let names = joined(&unknown, ",");
            self.log(
                LogLevel::Warn,
                format!("Ignoring request to delete non-existing topics {names}"),
            );
            steps.push(forget(unknown));
        }
        if !self.config.delete_topic_enable {
            let names = joined(&topics, ", ");
            self.info(format!("Removing Set({names}) since delete topic is disabled"));
            steps.push(forget(topics));
        } else if !topics.is_empty() {
            self.info(format!("Starting topic deletion for topics {}", joined(&topics, ",")));
            self.context.topics_to_be_deleted.extend(topics.iter().cloned());
            topics.retain(|topic| {
                self.context.being_reassigned.iter().any(|partition| partition.topic == *topic)
            });
            self.mark_ineligible_for_deletion(&topics, "topic reassignment in progress");
            steps.push(Step::Deletion(DeletionStep::Try));
        }
        self.go_on_with(steps);
    }

    /// Halts the deletion of those of `topics` that shall be deleted.
    pub(super) fn mark_ineligible_for_deletion(&mut self, topics: &SortedSet<String>, why: &str) {
        let queued = &self.context.topics_to_be_deleted;
        let halted: Vec<String> = topics.intersection(queued).cloned().collect();
        if !halted.is_empty() {
            let names = joined(&halted, ",");
            self.context.topics_ineligible_for_deletion.extend(halted);
            self.log_deletion(format!("Halted deletion of topics {names} due to {why}"));
        }
    }

    fn resume_deletion_for(&mut self, topics: &SortedSet<String>) {
        let queued = &self.context.topics_to_be_deleted;
        if topics.intersection(queued).next().is_some() {
            self.context.topics_ineligible_for_deletion.retain(|topic| !topics.contains(topic));
            self.resume_deletions();
        }
    }

    /// Goes through all topics that shall be deleted: those whose replicas are all gone are done,
    /// the others are begun, or tried again, where nothing stands in the way.
    fn resume_deletions(&mut self) {
        let queued = self.context.topics_to_be_deleted.clone();
        if queued.is_empty() {
            return;
        }
        self.log_deletion(format!("Handling deletion for topics {}", joined(&queued, ",")));
        let (mut done, mut retry, mut eligible) = (Vec::new(), Vec::new(), SortedSet::new());
        for topic in queued {
            let in_state = |state| self.context.replicas_in_state(&topic, state);
            let gone = in_state(ReplicaState::ReplicaDeletionSuccessful);
            if gone.len() == self.context.replicas_of_topic(&topic).len() {
                done.push(Step::Deletion(DeletionStep::ListPartitions(topic)));
                continue;
            }
            if !in_state(ReplicaState::ReplicaDeletionStarted).is_empty() {
                continue;
            }
            retry.extend(in_state(ReplicaState::ReplicaDeletionIneligible));
            if !self.context.topics_ineligible_for_deletion.contains(&topic) {
                self.log_deletion(format!("Deletion of topic {topic} (re)started"));
                eligible.insert(topic);
            }
        }
        let mut steps = done;
        steps.extend(offline_steps(retry));
        if !eligible.is_empty() {
            steps.push(Step::Deletion(DeletionStep::Begin(eligible)));
        }
        self.go_on_with(steps);
    }

    // ---- their partitions and replicas ----

    fn on_topic_deletion(&mut self, topics: &SortedSet<String>) {
        let all: Vec<TopicPartition> =
            topics.iter().flat_map(|topic| self.context.partitions_of(topic)).collect();
        for partition in &all {
            if !self.context.topics_with_deletion_started.contains(&partition.topic) {
                self.context.move_partition(partition, PartitionState::OfflinePartition);
                self.context.move_partition(partition, PartitionState::NonExistentPartition);
            }
        }
        self.context.topics_with_deletion_started.extend(topics.iter().cloned());
        let brokers = self.context.live_or_shutting_down();
        self.batch.add_update_metadata(&self.context, brokers, &all);
        self.send_requests();
        let (mut alive, mut halted) = (Vec::new(), SortedSet::new());
        for replica in self.context.replicas_of(&all) {
            if !self.context.is_replica_online(replica.1, &replica.0) {
                self.context.move_replica(&replica, ReplicaState::ReplicaDeletionIneligible);
                halted.insert(replica.0.topic);
            } else if self.context.replica_state(&replica)
                != ReplicaState::ReplicaDeletionSuccessful
            {
                alive.push(replica);
            }
        }
        let mut steps = offline_steps(alive.clone());
        steps.push(Step::Deletion(DeletionStep::Start(alive)));
        self.mark_ineligible_for_deletion(&halted, "offline replicas");
        self.go_on_with(steps);
    }

    fn start_replica_deletion(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            if self.context.move_replica(replica, ReplicaState::ReplicaDeletionStarted) {
                self.batch.add_stop_replica(&self.context, replica, true);
            }
        }
        self.send_requests();
    }

    fn fail_replica_deletion(&mut self, replicas: &[Replica]) {
        let mut topics = SortedSet::new();
        for replica in replicas {
            if self.context.is_queued_for_deletion(&replica.0.topic) {
                self.context.move_replica(replica, ReplicaState::ReplicaDeletionIneligible);
                topics.insert(replica.0.topic.clone());
            }
        }
        if !topics.is_empty() {
            self.mark_ineligible_for_deletion(&topics, "replica deletion failure");
            self.resume_deletions();
        }
    }

    fn complete_replica_deletion(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            self.context.move_replica(replica, ReplicaState::ReplicaDeletionSuccessful);
        }
        self.resume_deletions();
    }

    /// What a broker's answer to StopReplica says about topics that are being deleted.
    pub(super) fn deletion_response(
        &self,
        broker: i32,
        request: &StopReplicaRequest,
        response: &StopReplicaResponse,
    ) -> Option<Event> {
        let mut deleted = SortedSet::new();
        for topic in &request.topic_states {
            for state in topic.partition_states.iter().filter(|state| state.delete_partition) {
                deleted.insert(TopicPartition::new(&topic.topic_name, state.partition_index));
            }
        }
        let mut outcomes = Vec::new();
        for one in &response.partition_errors {
            let partition = TopicPartition::new(&one.topic_name, one.partition_index);
            let is_deletion = deleted.contains(&partition)
                && self.context.topics_with_deletion_started.contains(&partition.topic);
            if is_deletion {
                let failed = response.error_code.is_error() || one.error_code != ErrorCode::NONE;
                outcomes.push(((partition, broker), !failed));
            }
        }
        (!outcomes.is_empty()).then_some(Event::ReplicasDeleted(outcomes))
    }

    pub(super) fn process_replicas_deleted(&mut self, outcomes: Vec<(Replica, bool)>) {
        let (deleted, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, ok)| *ok);
        let replicas =
            |list: Vec<(Replica, bool)>| list.into_iter().map(|(replica, _)| replica).collect();
        let mut steps = Vec::new();
        if !failed.is_empty() {
            steps.push(Step::Deletion(DeletionStep::Fail(replicas(failed))));
        }
        if !deleted.is_empty() {
            steps.push(Step::Deletion(DeletionStep::Complete(replicas(deleted))));
        }
        self.go_on_with(steps);
    }
}

fn forget(topics: SortedSet<String>) -> Step {
    Step::Deletion(DeletionStep::Forget(topics.into_iter().collect()))
}
