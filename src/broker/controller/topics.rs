//! Topics and partitions come and go.
//!
//! In Kafka: KafkaController.processTopicChange, processPartitionModifications, processTopicIds,
//! onNewPartitionCreation.

use super::election::ElectionStrategy;
use super::partition_state::PartitionState;
use super::replica_state::ReplicaState;
use super::step::{Purpose, Step};
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, TopicPartition, TraceEvent};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_data::{ReplicaAssignment, TopicAssignment};
use crate::cluster::znode_path;
use crate::wire::Uuid;

impl Controller {
    pub(super) fn begin_topics(&mut self, step: Step) {
        let ops = match &step {
            Step::ListTopics(_) => vec![Op::watch_children(znode_path::TOPICS)],
            Step::ReadTopics(topics, _) => {
                topics.iter().map(|topic| Op::watch_data(znode_path::topic(topic))).collect()
            }
            Step::WriteTopicIds(topics) => {
                topics.iter().map(|topic| self.write_topic(topic)).collect()
            }
            _ => Vec::new(),
        };
        self.ask(ops, step);
    }

    fn write_topic(&self, topic: &str) -> Op {
        let assignment = TopicAssignment {
            topic_id: self.context.topic_ids.get(topic).copied(),
            partitions: self.assignment_of(topic),
        };
        self.fenced(Write::SetData {
            path: znode_path::topic(topic),
            data: assignment.to_json().into(),
            version: -1,
        })
    }

    pub(super) fn assignment_of(&self, topic: &str) -> SortedMap<i32, ReplicaAssignment> {
        let from = TopicPartition::new(topic, i32::MIN);
        self.context
            .assignments
            .range(from..)
            .take_while(|(partition, _)| partition.topic == topic)
            .map(|(partition, assignment)| (partition.partition, assignment.clone()))
            .collect()
    }

    pub(super) fn finish_list_topics(&mut self, purpose: Purpose, mut answers: Vec<Answer>) {
        let names = answers.pop().map(Answer::into_children).unwrap_or_default();
        let current: SortedSet<String> = names.into_iter().collect();
        let new: Vec<String> = current.difference(&self.context.topics).cloned().collect();
        let deleted: Vec<String> = self.context.topics.difference(&current).cloned().collect();
        for topic in &deleted {
            self.context.remove_topic(topic);
        }
        self.context.topics = current;
        if !new.is_empty() || purpose == Purpose::Failover {
            self.go_on_with([Step::ReadTopics(new, purpose)]);
        } else {
            self.log_topics(&[], &deleted, &[]);
        }
    }

    pub(super) fn finish_read_topics(
        &mut self,
        topics: Vec<String>,
        purpose: Purpose,
        answers: Vec<Answer>,
    ) {
        let mut added = Vec::new();
        let mut without_id = Vec::new();
        for (topic, answer) in topics.iter().zip(answers) {
            let Answer::Data { data, .. } = answer else { continue };
            match TopicAssignment::from_json(&data) {
                Ok(assignment) if self.context.is_queued_for_deletion(topic) => {
                    return self.keep_assignment(topic, &assignment);
                }
                Ok(assignment) => {
                    if assignment.topic_id.is_none() && !self.context.topic_ids.contains_key(topic)
                    {
                        without_id.push(topic.clone());
                    }
                    added.extend(self.note_topic(topic, assignment));
                }
                Err(error) => self.log(LogLevel::Error, format!("Topic {topic}: {error}")),
            }
        }
        let mut steps = vec![];
        if !without_id.is_empty() {
            steps.push(Step::WriteTopicIds(without_id));
        }
        match purpose {
            Purpose::Failover => steps.push(Step::ReadPartitionStates(added)),
            Purpose::Change => {
                self.log_topics(&topics, &[], &added);
                self.trace_created(&topics);
                steps.extend(self.on_new_partition_creation(added));
            }
            Purpose::Modification if !added.is_empty() => {
                let assignments = self.assignment_text(&added);
                self.info(format!("New partitions to be added Map({assignments})"));
                steps.extend(self.on_new_partition_creation(added));
            }
            Purpose::Modification => {}
        }
        self.go_on_with(steps);
    }

    /// A topic that is being deleted gets no new partitions.
    fn keep_assignment(&mut self, topic: &str, assignment: &TopicAssignment) {
        let known = self.assignment_of(topic);
        let is_new = |index: &&i32| !known.contains_key(*index);
        let new: Vec<i32> = assignment.partitions.keys().filter(is_new).copied().collect();
        if new.is_empty() {
            let text = "Ignoring partition change during topic deletion as no new partitions are \
                        added";
            return self.info(text);
        }
        let new = joined(new, ",");
        self.log(
            LogLevel::Warn,
            format!(
                "Skipping adding partitions {new} for topic {topic} since it is currently being \
                 deleted"
            ),
        );
        self.info(format!("Restoring the partition replica assignment for topic {topic}"));
        self.go_on_with([Step::WriteTopicIds(vec![topic.to_owned()])]);
    }

    /// Keeps what is new in a topic's assignment; returns the partitions that are.
    fn note_topic(&mut self, topic: &str, assignment: TopicAssignment) -> Vec<TopicPartition> {
        let known = self.context.topic_ids.get(topic).copied();
        let id = assignment.topic_id.or(known).unwrap_or_else(|| Uuid(self.rng.uuid()));
        self.context.topic_ids.insert(topic.to_owned(), id);
        self.context.topics.insert(topic.to_owned());
        let mut added = Vec::new();
        for (index, replicas) in assignment.partitions {
            let partition = TopicPartition::new(topic, index);
            if !self.context.assignments.contains_key(&partition) {
                if replicas.is_being_reassigned() {
                    self.context.being_reassigned.insert(partition.clone());
                }
                self.context.assignments.insert(partition.clone(), replicas);
                added.push(partition);
            }
        }
        added
    }

    fn assignment_text(&self, partitions: &[TopicPartition]) -> String {
        let of = |partition: &TopicPartition| {
            let assignment = self.context.assignments.get(partition)?;
            Some(format!("{partition} -> {assignment}"))
        };
        joined(partitions.iter().filter_map(of), ", ")
    }

    fn log_topics(&mut self, new: &[String], deleted: &[String], added: &[TopicPartition]) {
        let of = |topic: &String| {
            let its: Vec<TopicPartition> =
                added.iter().filter(|partition| partition.topic == *topic).cloned().collect();
            let id = self.context.topic_ids.get(topic);
            let id = id.map_or("None".to_owned(), |id| format!("Some({id})"));
            let assignments = self.assignment_text(&its);
            format!("TopicIdReplicaAssignment({topic},{id},Map({assignments}))")
        };
        let assignments = joined(new.iter().map(of), ", ");
        let (new, deleted) = (joined(new, ", "), joined(deleted, ", "));
        self.info(format!(
            "New topics: [Set({new})], deleted topics: [Set({deleted})], new partition replica \
             assignment [Set({assignments})]"
        ));
    }

    fn trace_created(&mut self, topics: &[String]) {
        for topic in topics {
            let assignment = self.assignment_of(topic);
            let Some(first) = assignment.values().next() else { continue };
            let event = TraceEvent::TopicCreated {
                topic: topic.clone(),
                partitions: assignment.len() as i32,
                replication_factor: first.replicas.len() as i32,
            };
            self.trace(event);
        }
    }

    /// New partitions become new replicas and get their first leader.
    fn on_new_partition_creation(&mut self, partitions: Vec<TopicPartition>) -> Vec<Step> {
        let names = joined(&partitions, ",");
        self.info(format!("New partition creation callback for {names}"));
        for partition in &partitions {
            if self.context.move_partition(partition, PartitionState::NewPartition) {
                let replicas = joined(self.context.replicas(partition), ",");
                self.log_state_change(
                    LogLevel::Info,
                    format!(
                        "Changed partition {partition} state from NonExistentPartition to \
                         NewPartition with assigned replicas {replicas}"
                    ),
                );
            }
        }
        let replicas = self.context.replicas_of(&partitions);
        for replica in &replicas {
            self.context.move_replica(replica, ReplicaState::NewReplica);
        }
        let first_leaders = ElectionStrategy::Offline { allow_unclean: false };
        vec![Step::OnlinePartitions(partitions, first_leaders), Step::OnlineReplicas(replicas)]
    }
}
