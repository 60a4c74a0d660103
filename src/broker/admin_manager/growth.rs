//! More partitions for a topic: checks, then the topic's znode with the old and the new; then whoever
//! asked waits until the metadata shows the leaders.
//!
//! In Kafka: KafkaApis.handleCreatePartitionsRequest, ZkAdminManager.createPartitions,
//! AdminZkClient.createNewPartitionsAssignment, createPartitionsWithAssignment.

use super::{AdminAction, AdminManager, AdminTag, Step, assignment_error, live_brokers};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Span, Time};
use crate::broker::action::{Action, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::replica_assignment::AssignmentStart;
use crate::cluster::znode_data::{ReplicaAssignment, TopicAssignment};
use crate::cluster::{BrokerMetadata, assign_replicas_to_brokers, znode_path};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use crate::wire::zookeeper::KeeperCode;

/// Which answer of ZooKeeper a topic waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GrowthStep {
    /// The topic as it is.
    Read,
    /// The topic with its new partitions.
    Write,
}

#[derive(Clone, Debug)]
struct GrowingTopic {
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
    timeout_ms: i32,
    validate_only: bool,
    topics: Vec<GrowingTopic>,
    /// Set once all outcomes are known and leaders are waited for.
    pub(super) deadline: Option<Time>,
}

impl GrowingTopic {
    fn has_leaders(&self, metadata: &MetadataCache) -> bool {
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
        let job = self.next_job();
        for (item, topic) in topics.iter().enumerate() {
            if topic.outcome.is_none() {
                let read = Op::get_data(znode_path::topic(&topic.wanted.name));
                let step = Step::Growth(GrowthStep::Read);
                self.ask(AdminTag { job, item, step }, read);
            }
        }
        let growth = Growth {
            token: context.token,
            timeout_ms: request.timeout_ms,
            validate_only: request.validate_only,
            topics,
            deadline: None,
        };
        self.growths.insert(job, growth);
        self.settle_growth(now, job, metadata);
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
        let Some(growth) = self.growths.get_mut(&tag.job) else { return };
        let validate_only = growth.validate_only;
        let Some(topic) = growth.topics.get_mut(tag.item) else { return };
        let name = topic.wanted.name.clone();
        match (step, answer) {
            (GrowthStep::Read, answer) => {
                match grown(&topic.wanted, answer, &live_brokers(metadata)) {
                    Err(error) => topic.outcome = Some(Err(error)),
                    Ok((assignment, added)) => {
                        topic.partitions = assignment.partitions.len() as i32;
                        if validate_only {
                            topic.outcome = Some(Ok(()));
                        } else {
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
            (GrowthStep::Write, Answer::Written { .. }) => topic.outcome = Some(Ok(())),
            (GrowthStep::Write, _) => {
                topic.outcome = Some(Err(ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR)));
            }
        }
        self.settle_growth(now, tag.job, metadata);
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

    fn settle_growth(&mut self, now: Time, job: u64, metadata: &MetadataCache) {
        let Some(growth) = self.growths.get_mut(&job) else { return };
        if growth.topics.iter().any(|topic| topic.outcome.is_none()) {
            return;
        }
        let has_success = growth.topics.iter().any(|topic| topic.outcome == Some(Ok(())));
        if growth.timeout_ms > 0 && !growth.validate_only && has_success {
            let wait = Span::from_millis(growth.timeout_ms.unsigned_abs().into());
            growth.deadline = Some(now + wait);
            self.answer_growths(metadata, |_| false);
        } else {
            self.answer_growth(job, metadata);
        }
    }

    /// Answers requests whose partitions all have leaders, and those that are `overdue`.
    pub(super) fn answer_growths(
        &mut self,
        metadata: &MetadataCache,
        overdue: impl Fn(Time) -> bool,
    ) {
        let is_due = |growth: &Growth| {
            let mut grown = growth.topics.iter().filter(|topic| topic.outcome == Some(Ok(())));
            growth
                .deadline
                .is_some_and(|at| overdue(at) || grown.all(|topic| topic.has_leaders(metadata)))
        };
        let due = self.growths.iter().filter(|(_, growth)| is_due(growth));
        let due: Vec<u64> = due.map(|(job, _)| *job).collect();
        for job in due {
            self.answer_growth(job, metadata);
        }
    }

    fn answer_growth(&mut self, job: u64, metadata: &MetadataCache) {
        let Some(growth) = self.growths.remove(&job) else { return };
        let waited = growth.deadline.is_some();
        let result = |topic: GrowingTopic| {
            let is_complete = growth.validate_only || (waited && topic.has_leaders(metadata));
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

type Grown = (TopicAssignment, SortedMap<i32, ReplicaAssignment>);

/// The topic with its new partitions, and these alone.
fn grown(
    wanted: &CreatePartitionsTopic,
    answer: &Answer,
    brokers: &[BrokerMetadata],
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
