//! More partitions for a topic: the brokers that live, checks, then the topic's znode with the old and
//! the new; then whoever asked waits until the metadata shows the leaders.
//!
//! In Kafka: KafkaApis.handleCreatePartitionsRequest, ZkAdminManager.createPartitions,
//! AdminZkClient.getBrokerMetadatas, createNewPartitionsAssignment, createPartitionsWithAssignment.

use super::creation::TOO_MANY_PARTITIONS;
use super::topic_purgatory::{Delay, DelayedTopic, TopicJob, Work};
use super::{AdminAction, AdminManager, AdminTag, Step, assignment_error};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, SortedMap, SortedSet, Time, limits};
use crate::broker::action::{Action, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::replica_assignment::AssignmentStart;
use crate::cluster::znode_data::{BrokerRegistration, ReplicaAssignment, TopicAssignment};
use crate::cluster::{BrokerMetadata, assign_replicas_to_brokers, znode_path};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use crate::wire::zookeeper::KeeperCode;

/// Which answer of ZooKeeper a request waits for, or one of its topics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GrowthStep {
    /// The brokers that live.
    ListBrokers,
    /// One of them, with its rack.
    ReadBroker,
    /// The topic as it is.
    Read,
    /// The topic with its new partitions.
    Write,
}

/// A topic that shall have more partitions.
#[derive(Clone, Debug)]
pub(super) struct GrowingTopic {
    wanted: CreatePartitionsTopic,
    /// How many partitions it will have, once that is written.
    partitions: i32,
    /// The outcome, once it is known.
    outcome: Option<Result<(), ApiError>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Growth {
    token: RequestToken,
    pub(super) topics: Vec<GrowingTopic>,
    brokers: Brokers,
    /// How many partitions it may still add.
    room: u64,
}

/// The brokers that live, as they are read.
#[derive(Clone, Debug, Default)]
struct Brokers {
    ids: Vec<i32>,
    /// How many have not been read yet.
    unread: usize,
    read: Vec<BrokerMetadata>,
}

impl DelayedTopic for GrowingTopic {
    fn is_done(&self) -> Option<bool> {
        self.outcome.as_ref().map(Result::is_ok)
    }

    /// Whether every partition has a leader in the metadata.
    fn is_shown(&self, metadata: &MetadataCache) -> bool {
        (0..self.partitions).all(|partition| {
            let known = metadata.partition(&self.wanted.name, partition);
            known.is_some_and(|known| known.leader >= 0)
        })
    }
}

impl AdminManager {
    /// CreatePartitions. Only the active controller takes it, which the caller knows; it also knows
    /// which topics are being deleted.
    #[must_use]
    pub fn handle_create_partitions(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: CreatePartitionsRequest,
        is_controller: bool,
        is_queued_for_deletion: impl Fn(&str) -> bool,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let mut topics: Vec<GrowingTopic> = Vec::new();
        for wanted in request.topics {
            if let Some(known) = topics.iter_mut().find(|one| one.wanted.name == wanted.name) {
                let text = "Duplicate topic in request.";
                if is_controller {
                    known.outcome = Some(Err(ApiError::new(ErrorCode::INVALID_REQUEST, text)));
                }
                continue;
            }
            let refusal = if !is_controller {
                Some(ApiError::bare(ErrorCode::NOT_CONTROLLER))
            } else if is_queued_for_deletion(&wanted.name) {
                let text = "The topic is queued for deletion.";
                Some(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, text))
            } else {
                None
            };
            topics.push(GrowingTopic { wanted, partitions: 0, outcome: refusal.map(Err) });
        }
        let (token, brokers) = (context.token, Brokers::default());
        let room = limits::PARTITIONS_PER_REQUEST_MAX;
        let work = Work::Growth(Growth { token, topics, brokers, room });
        let job = TopicJob { work, delay: Delay::of(request.timeout_ms, request.validate_only) };
        self.begin_topics(now, job, Step::Growth(GrowthStep::ListBrokers), metadata);
        std::mem::take(&mut self.actions)
    }

    pub(super) fn go_on_with_growth(
        &mut self,
        now: Time,
        tag: AdminTag,
        step: GrowthStep,
        answer: &Answer,
        metadata: &MetadataCache,
    ) {
        let Some(TopicJob { work: Work::Growth(growth), delay }) =
            self.topic_jobs.get_mut(&tag.job)
        else {
            return;
        };
        let validate_only = delay.validate_only();
        match step {
            GrowthStep::ListBrokers | GrowthStep::ReadBroker => {
                let asked = growth.take_brokers(tag, step, answer);
                for (tag, op) in asked {
                    self.ask(tag, op);
                }
            }
            GrowthStep::Read => {
                let Some(topic) = growth.topics.get_mut(tag.item) else { return };
                match grown(&topic.wanted, answer, &growth.brokers.read, growth.room) {
                    Err(error) => topic.outcome = Some(Err(error)),
                    Ok((assignment, added)) => {
                        growth.room -= (added.len() as u64).min(growth.room);
                        topic.partitions = assignment.partitions.len() as i32;
                        if validate_only {
                            topic.outcome = Some(Ok(()));
                        } else {
                            let name = topic.wanted.name.clone();
                            self.log_growth(&name, &added);
                            let path = znode_path::topic(&name);
                            let data = assignment.to_json().into();
                            let step = Step::Growth(GrowthStep::Write);
                            let write = Op::Write(Write::SetData { path, data, version: -1 });
                            return self.ask(AdminTag { step, ..tag }, write);
                        }
                    }
                }
            }
            GrowthStep::Write => {
                let Some(topic) = growth.topics.get_mut(tag.item) else { return };
                topic.outcome = Some(match answer {
                    Answer::Written { .. } => Ok(()),
                    _ => Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR)),
                });
            }
        }
        self.settle_topics(now, tag.job, metadata);
    }

    fn log_growth(&mut self, topic: &str, added: &SortedMap<i32, ReplicaAssignment>) {
        let count = added.len();
        let added = added.iter().map(|(index, assignment)| format!("{index} -> {assignment}"));
        let added = added.collect::<Vec<_>>().join(", ");
        let text = format!(
            "Creating {count} partitions for '{topic}' with the following replica assignment: \
             Map({added})."
        );
        let logger = "kafka.zk.AdminZkClient";
        self.actions.push(Action::Log { level: LogLevel::Info, logger, text });
    }

    /// Ends a request. A topic without all its leaders counts as timed out.
    pub(super) fn answer_growth(&mut self, growth: Growth, delay: Delay, metadata: &MetadataCache) {
        let result = |topic: GrowingTopic| {
            let is_complete = delay.is_fulfilled(&topic, metadata);
            let error = match topic.outcome {
                Some(Ok(())) if is_complete => ApiError::none(),
                Some(Err(error)) => error,
                _ => ApiError::bare(ErrorCode::REQUEST_TIMED_OUT),
            };
            CreatePartitionsTopicResult {
                name: topic.wanted.name,
                error_code: error.code,
                error_message: error.message,
            }
        };
        let results = growth.topics.into_iter().map(result).collect();
        let response = CreatePartitionsResponse { results, ..Default::default() };
        self.actions.push(Action::Reply { token: growth.token, response: response.into() });
    }
}

impl Growth {
    /// Takes in the list of brokers, or one of them; says what is to be asked next.
    fn take_brokers(
        &mut self,
        tag: AdminTag,
        step: GrowthStep,
        answer: &Answer,
    ) -> Vec<(AdminTag, Op)> {
        let brokers = &mut self.brokers;
        match (step, answer) {
            (GrowthStep::ListBrokers, Answer::Children(names)) => {
                brokers.ids = names.iter().filter_map(|name| name.parse().ok()).collect();
                brokers.ids.sort_unstable();
                brokers.unread = brokers.ids.len();
                let step = Step::Growth(GrowthStep::ReadBroker);
                let read = |id: &i32| Op::get_data(znode_path::broker(BrokerId(*id)));
                let asked = brokers.ids.iter().map(read).enumerate();
                let asked: Vec<_> =
                    asked.map(|(item, op)| (AdminTag { item, step, ..tag }, op)).collect();
                if !asked.is_empty() {
                    return asked;
                }
            }
            (GrowthStep::ReadBroker, Answer::Data { data, .. }) => {
                brokers.unread -= 1;
                if let (Some(id), Ok(registration)) =
                    (brokers.ids.get(tag.item), BrokerRegistration::from_json(data))
                {
                    brokers.read.push(BrokerMetadata { id: *id, rack: registration.rack });
                }
            }
            // It died between the list and the read.
            (GrowthStep::ReadBroker, Answer::Failed(KeeperCode::NO_NODE)) => brokers.unread -= 1,
            _ => return self.fail(),
        }
        if self.brokers.unread > 0 {
            return Vec::new();
        }
        let racked = self.brokers.read.iter().filter(|broker| broker.rack.is_some()).count();
        if racked > 0 && racked < self.brokers.read.len() {
            return self.fail();
        }
        let step = Step::Growth(GrowthStep::Read);
        let open = self.topics.iter().enumerate().filter(|(_, topic)| topic.outcome.is_none());
        open.map(|(item, topic)| {
            let read = Op::get_data(znode_path::topic(&topic.wanted.name));
            (AdminTag { item, step, ..tag }, read)
        })
        .collect()
    }

    /// Nobody knows the brokers, or only some of them say where they stand.
    fn fail(&mut self) -> Vec<(AdminTag, Op)> {
        for topic in self.topics.iter_mut().filter(|topic| topic.outcome.is_none()) {
            topic.outcome = Some(Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR)));
        }
        Vec::new()
    }
}

type Grown = (TopicAssignment, SortedMap<i32, ReplicaAssignment>);

/// The topic with its new partitions, and these alone; they may be `room`.
fn grown(
    wanted: &CreatePartitionsTopic,
    answer: &Answer,
    brokers: &[BrokerMetadata],
    room: u64,
) -> Result<Grown, ApiError> {
    let name = &wanted.name;
    let refuse = |code, text: String| Err(ApiError::new(code, text));
    let data = match answer {
        Answer::Data { data, .. } => data,
        Answer::Failed(code) if *code != KeeperCode::NO_NODE => {
            return Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        _ => {
            let text = format!("The topic '{name}' does not exist.");
            return refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text);
        }
    };
    let mut topic = TopicAssignment::from_json(data)
        .map_err(|_| ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR))?;
    if topic.partitions.values().any(ReplicaAssignment::is_being_reassigned) {
        let text = format!("A partition reassignment is in progress for the topic '{name}'.");
        return refuse(ErrorCode::REASSIGNMENT_IN_PROGRESS, text);
    }
    let (old, new) = (topic.partitions.len() as i32, wanted.count);
    if new < old {
        let text = format!(
            "Topic currently has {old} partitions, which is higher than the requested {new}."
        );
        return refuse(ErrorCode::INVALID_PARTITIONS, text);
    }
    if new == old {
        let text = format!("Topic already has {old} partitions.");
        return refuse(ErrorCode::INVALID_PARTITIONS, text);
    }
    if u64::from(new.abs_diff(old)) > room {
        return refuse(ErrorCode::POLICY_VIOLATION, TOO_MANY_PARTITIONS.to_owned());
    }
    let Some(first) = topic.partitions.get(&0) else {
        return Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR));
    };
    let added = if let Some(given) = &wanted.assignments {
        let given: Vec<Vec<i32>> = given.iter().map(|one| one.broker_ids.clone()).collect();
        check_given(&given, new - old, old, first.replicas.len(), brokers)?;
        (old..).zip(given).collect()
    } else {
        let leader = first.replicas.first().copied().unwrap_or_default();
        let start = brokers.iter().position(|broker| broker.id >= leader).unwrap_or(0);
        let start = AssignmentStart::fixed(start, old as usize);
        let replication_factor = first.replicas.len() as i32;
        assign_replicas_to_brokers(brokers, new - old, replication_factor, start)
            .map_err(|error| assignment_error(&error))?
    };
    let added: SortedMap<i32, ReplicaAssignment> = added
        .into_iter()
        .map(|(index, replicas)| (index, ReplicaAssignment::of(replicas)))
        .collect();
    topic.partitions.extend(added.clone());
    Ok((topic, added))
}

/// Refuses assignments that a client gave for the partitions from `first` on.
fn check_given(
    given: &[Vec<i32>],
    increment: i32,
    first: i32,
    replication_factor: usize,
    brokers: &[BrokerMetadata],
) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
    let list = |ids: &mut dyn Iterator<Item = i32>| {
        ids.map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
    };
    let known: SortedSet<i32> = brokers.iter().map(|broker| broker.id).collect();
    let unknown: SortedSet<i32> =
        given.iter().flatten().filter(|id| !known.contains(id)).copied().collect();
    if !unknown.is_empty() {
        let unknown = list(&mut unknown.into_iter());
        return refuse(format!("Unknown broker(s) in replica assignment: {unknown}."));
    }
    if given.len() != increment as usize {
        let count = given.len();
        return refuse(format!(
            "Increasing the number of partitions by {increment} but {count} assignments provided."
        ));
    }
    for (index, replicas) in (first..).zip(given) {
        if replicas.is_empty() {
            return refuse(format!(
                "Cannot have replication factor of 0 for partition id {index}."
            ));
        }
        if replicas.iter().collect::<SortedSet<_>>().len() != replicas.len() {
            let replicas = list(&mut replicas.iter().copied());
            return refuse(format!(
                "Duplicate brokers not allowed in replica assignment: {replicas} for partition id \
                 {index}."
            ));
        }
    }
    let bad: Vec<(i32, usize)> = (first..)
        .zip(given.iter().map(Vec::len))
        .filter(|(_, count)| *count != replication_factor)
        .collect();
    if !bad.is_empty() {
        let partitions = list(&mut bad.iter().map(|(index, _)| *index));
        let factors = list(&mut bad.iter().map(|(_, count)| *count as i32));
        return refuse(format!(
            "Inconsistent replication factor between partitions, partition 0 has \
             {replication_factor} while partitions [{partitions}] have replication factors \
             [{factors}], respectively."
        ));
    }
    Ok(())
}
