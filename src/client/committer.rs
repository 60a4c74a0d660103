//! Committing and fetching offsets of a group: to its coordinator, or, for the textbook's era, to
//! ZooKeeper through any broker with version 0 of the same requests.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator (commits), and
//! kafka.consumer.ZookeeperConsumerConnector up to 0.8.2 for offsets in ZooKeeper.

use super::consumer_config::{ConsumerConfig, OffsetReset};
use super::consumer_link::{Links, Tag};
use super::coordinator::Coordinator;
use super::subscriptions::{FetchState, Subscriptions};
use crate::base::{SortedMap, Time, TopicPartition};
use crate::network::SendOptions;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use std::rc::Rc;

/// What a commit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The interval has passed.
    Interval,
    /// Before a rebalance takes the partitions away.
    Rebalance,
    /// Before leaving.
    Close,
}

#[derive(Debug)]
struct Commit {
    purpose: Purpose,
    offsets: SortedMap<TopicPartition, i64>,
    generation: i32,
}

/// The offsets' keeper.
#[derive(Debug)]
pub struct Committer {
    config: Rc<ConsumerConfig>,
    commits: SortedMap<u64, Commit>,
    next_commit: u64,
    next_auto_commit: Time,
    /// Counts assignments, so that an answer for an old one is known.
    assignment: u64,
    fetching: bool,
}

fn by_topic<V: Clone>(
    partitions: impl Iterator<Item = (TopicPartition, V)>,
) -> SortedMap<String, Vec<(i32, V)>> {
    let mut topics: SortedMap<String, Vec<(i32, V)>> = SortedMap::new();
    for (partition, value) in partitions {
        topics.entry(partition.topic).or_default().push((partition.partition, value));
    }
    topics
}

impl Committer {
    /// Nothing committed yet.
    pub fn new(config: Rc<ConsumerConfig>) -> Self {
        Self {
            config,
            commits: SortedMap::new(),
            next_commit: 0,
            next_auto_commit: Time::ZERO,
            assignment: 0,
            fetching: false,
        }
    }

    /// A new assignment begins: its offsets are to be fetched.
    pub fn on_assigned(&mut self, now: Time) {
        self.assignment += 1;
        self.fetching = false;
        self.next_auto_commit = now + self.config.auto_commit_interval;
    }

    /// True while a commit for `purpose` is not answered.
    pub fn is_pending(&self, purpose: Purpose) -> bool {
        self.commits.values().any(|commit| commit.purpose == purpose)
    }

    /// Whom to ask, and in which version.
    fn route(
        &self,
        coordinator: &Coordinator,
        links: &Links,
        ctx: &mut Ctx<'_>,
    ) -> Option<(i32, SendOptions)> {
        if self.config.offsets_in_zookeeper {
            let options = SendOptions { version: Some(0), timeout: None };
            links.metadata.any_broker(&links.network, ctx).map(|node| (node, options))
        } else {
            coordinator.node.map(|node| (node, SendOptions::default()))
        }
    }

    /// Commits every position when `auto.commit.interval.ms` has passed. Called inside a poll,
    /// before it hands out records, so that what is committed was handed out by an earlier one.
    pub fn maybe_auto_commit(
        &mut self,
        subscriptions: &Subscriptions,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if self.config.auto_commit && ctx.now() >= self.next_auto_commit {
            self.next_auto_commit = ctx.now() + self.config.auto_commit_interval;
            self.commit(Purpose::Interval, subscriptions, coordinator, links, ctx);
        }
    }

    /// When the next automatic commit is due.
    pub fn next_auto_commit(&self) -> Option<Time> {
        self.config.auto_commit.then_some(self.next_auto_commit)
    }

    /// Commits every position, if there is any and somebody to tell.
    pub fn commit(
        &mut self,
        purpose: Purpose,
        subscriptions: &Subscriptions,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let offsets = subscriptions.all_consumed();
        if offsets.is_empty() {
            return;
        }
        let Some((node, options)) = self.route(coordinator, links, ctx) else { return };
        let topics = by_topic(offsets.clone().into_iter()).into_iter();
        let partition = |(partition_index, committed_offset)| OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_metadata: Some(String::new()),
            ..OffsetCommitRequestPartition::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.config.group_id.clone(),
            generation_id: coordinator.generation,
            member_id: coordinator.member_id.clone(),
            topics: topics
                .map(|(name, partitions)| OffsetCommitRequestTopic {
                    name,
                    partitions: partitions.into_iter().map(partition).collect(),
                })
                .collect(),
            ..OffsetCommitRequest::default()
        };
        let id = self.next_commit;
        self.next_commit += 1;
        self.commits.insert(id, Commit { purpose, offsets, generation: coordinator.generation });
        links.network.send_with(node, request, options, Tag::OffsetCommit(id), ctx);
    }

    /// Takes in the answer to a commit, or that there was none; the group error in it, if any.
    pub fn on_committed(
        &mut self,
        id: u64,
        response: Option<&OffsetCommitResponse>,
        subscriptions: &mut Subscriptions,
        coordinator: &Coordinator,
        now: Time,
    ) -> Option<ErrorCode> {
        let commit = self.commits.remove(&id)?;
        let mut failure =
            if response.is_none() { Some(ErrorCode::NETWORK_EXCEPTION) } else { None };
        for topic in response.iter().flat_map(|response| &response.topics) {
            for answer in &topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), answer.partition_index);
                if answer.error_code.is_error() {
                    failure.get_or_insert(answer.error_code);
                    continue;
                }
                let owned = subscriptions.get_mut(&partition);
                if let (Some(owned), Some(offset)) = (owned, commit.offsets.get(&partition)) {
                    owned.committed = *offset;
                }
            }
        }
        let failure = failure?;
        if failure.is_retriable() && commit.purpose == Purpose::Interval {
            self.next_auto_commit = now + self.config.retry_backoff;
        }
        // An error about a generation that is over by now says nothing about this one.
        let current = commit.generation == coordinator.generation;
        let named = failure != ErrorCode::NETWORK_EXCEPTION && response.is_some();
        (named && current && !self.config.offsets_in_zookeeper).then_some(failure)
    }

    /// Asks for the committed offsets of partitions that wait for them.
    pub fn fetch_committed(
        &mut self,
        subscriptions: &Subscriptions,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if self.fetching {
            return;
        }
        let waiting = |state| state == FetchState::AwaitsCommitted;
        let partitions = subscriptions.due(ctx.now(), waiting);
        if partitions.is_empty() {
            return;
        }
        let Some((node, options)) = self.route(coordinator, links, ctx) else { return };
        let partitions = partitions.into_iter().map(|partition| (partition, ()));
        let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
            let partition_indexes = partitions.into_iter().map(|(number, ())| number).collect();
            OffsetFetchRequestTopic { name, partition_indexes }
        });
        let request = OffsetFetchRequest {
            group_id: self.config.group_id.clone(),
            topics: Some(topics.collect()),
            require_stable: false,
        };
        self.fetching = true;
        let tag = Tag::OffsetFetch(self.assignment);
        links.network.send_with(node, request, options, tag, ctx);
    }

    /// Takes in committed offsets, or that there was no answer. Gives a group error, or why the
    /// consumer cannot go on.
    pub fn on_fetched(
        &mut self,
        assignment: u64,
        response: Option<&OffsetFetchResponse>,
        subscriptions: &mut Subscriptions,
        now: Time,
    ) -> Result<Option<ErrorCode>, String> {
        if assignment != self.assignment {
            return Ok(None);
        }
        self.fetching = false;
        let retry_at = now + self.config.retry_backoff;
        let failure = response.map_or(ErrorCode::NETWORK_EXCEPTION, |answer| answer.error_code);
        if failure.is_error() {
            for partition in subscriptions.due(now, |state| state == FetchState::AwaitsCommitted) {
                if let Some(owned) = subscriptions.get_mut(&partition) {
                    owned.not_before = retry_at;
                }
            }
            return Ok(Some(failure).filter(|_| response.is_some()));
        }
        for topic in response.iter().flat_map(|response| &response.topics) {
            for answer in &topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), answer.partition_index);
                let Some(owned) = subscriptions.get_mut(&partition) else { continue };
                if owned.state != FetchState::AwaitsCommitted {
                    continue;
                }
                // ZooKeeper's version says so when there is no znode.
                let none = answer.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    && self.config.offsets_in_zookeeper;
                if answer.error_code.is_error() && !none {
                    owned.not_before = retry_at;
                } else if answer.committed_offset >= 0 && !none {
                    owned.committed = answer.committed_offset;
                    owned.state = FetchState::Fetching(answer.committed_offset);
                } else {
                    owned.state = self.reset_of(&partition)?;
                }
            }
        }
        Ok(None)
    }

    fn reset_of(&self, partition: &TopicPartition) -> Result<FetchState, String> {
        let reset: OffsetReset = self.config.auto_offset_reset;
        reset.timestamp().map(FetchState::AwaitsReset).ok_or_else(|| {
            format!("Undefined offset with no reset policy for partitions: [{partition}]")
        })
    }
}
