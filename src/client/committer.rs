//! Committing and fetching offsets of a group: to its coordinator, or, for the textbook's era, to
//! ZooKeeper through any broker with version 0 of the same requests.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator (commits), and
//! kafka.consumer.ZookeeperConsumerConnector up to 0.8.2 for offsets in ZooKeeper.

mod commit_error;

use super::consumer_config::{ConsumerConfig, OffsetReset};
use super::consumer_link::{Links, Tag};
use super::coordinator::Coordinator;
use super::subscriptions::{FetchState, OffsetAndEpoch, Subscriptions};
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::network::SendOptions;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use std::rc::Rc;

const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator";

/// What a commit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The interval has passed.
    Interval,
    /// Before a rebalance takes the partitions away.
    Rebalance,
    /// Before leaving.
    Close,
    /// The application acknowledges what it has processed, or is about to (commitSync).
    Acknowledge,
    /// The application was told to, and gets an answer: commitSync, which is tried again, or
    /// commitAsync, which is not.
    Application {
        /// The command to answer.
        command: u64,
        /// Whether it is tried again.
        sync: bool,
    },
}

impl Purpose {
    /// Whether it is tried again when it fails for now.
    fn is_retried(self) -> bool {
        match self {
            Self::Interval => false,
            Self::Rebalance | Self::Close | Self::Acknowledge => true,
            Self::Application { sync, .. } => sync,
        }
    }
}

#[derive(Debug)]
struct Commit {
    purpose: Purpose,
    offsets: SortedMap<TopicPartition, OffsetAndEpoch>,
    generation: i32,
    deadline: Time,
    /// When it is sent again; none while it is under way.
    due: Option<Time>,
}

/// What became of a commit of the application's: how many partitions, or why not.
pub type CommitOutcome = (Purpose, Result<usize, String>);

/// The offsets' keeper.
#[derive(Debug)]
pub struct Committer {
    config: Rc<ConsumerConfig>,
    commits: SortedMap<u64, Commit>,
    next_commit: u64,
    next_auto_commit: Time,
    outcomes: Vec<CommitOutcome>,
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
            outcomes: Vec::new(),
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

    /// True while a commit for `purpose` is not done.
    pub fn is_pending(&self, purpose: Purpose) -> bool {
        self.commits.values().any(|commit| commit.purpose == purpose)
    }

    /// What became of commits of the application's since the last call.
    pub fn take_outcomes(&mut self) -> Vec<CommitOutcome> {
        std::mem::take(&mut self.outcomes)
    }

    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        ctx.log(level, LOGGER, self.config.log_context() + text);
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
            let offsets = subscriptions.all_consumed();
            self.commit(Purpose::Interval, offsets, coordinator, links, ctx);
        }
    }

    /// When the next automatic commit is due.
    pub fn next_auto_commit(&self) -> Option<Time> {
        self.config.auto_commit.then_some(self.next_auto_commit)
    }

    /// Commits `offsets`.
    pub fn commit(
        &mut self,
        purpose: Purpose,
        offsets: SortedMap<TopicPartition, OffsetAndEpoch>,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        if self.config.group_id.is_empty() {
            return self.finish(purpose, Err(commit_error::no_group()));
        }
        if offsets.is_empty() {
            return self.finish(purpose, Ok(0));
        }
        let api = self.config.api_timeout;
        let patience = match purpose {
            Purpose::Rebalance => self.config.max_poll_interval,
            _ => api,
        };
        let commit = Commit {
            purpose,
            offsets,
            generation: coordinator.generation,
            deadline: ctx.now() + patience,
            due: Some(ctx.now()),
        };
        let id = self.next_commit;
        self.next_commit += 1;
        self.commits.insert(id, commit);
        self.run(coordinator, links, ctx);
    }

    /// Sends what is due, gives up what took too long.
    pub fn run(&mut self, coordinator: &Coordinator, links: &mut Links, ctx: &mut Ctx<'_>) {
        let due = |commit: &Commit| commit.due.is_some_and(|due| due <= ctx.now());
        let due: Vec<u64> =
            self.commits.iter().filter(|(_, commit)| due(commit)).map(|(id, _)| *id).collect();
        for id in due {
            let route = self.route(coordinator, links, ctx);
            let Some(commit) = self.commits.get(&id) else { continue };
            let refusal = coordinator.refuses_commits().map(commit_error::of_membership);
            let late = commit.deadline <= ctx.now();
            match (refusal, route) {
                (Some(refusal), _) => self.give_up(id, refusal),
                (None, Some((node, options))) => {
                    self.send(id, node, options, coordinator, links, ctx);
                }
                (None, None) if commit.purpose.is_retried() && !late => {
                    let due = commit.deadline.min(ctx.now() + self.config.retry_backoff);
                    if let Some(commit) = self.commits.get_mut(&id) {
                        commit.due = Some(due);
                    }
                }
                (None, None) => self.give_up(id, commit_error::for_now(late)),
            }
        }
    }

    fn send(
        &mut self,
        id: u64,
        node: i32,
        options: SendOptions,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(commit) = self.commits.get_mut(&id) else { return };
        commit.due = None;
        commit.generation = coordinator.generation;
        let topics = by_topic(commit.offsets.clone().into_iter()).into_iter();
        let partition =
            |(partition_index, offset): (i32, OffsetAndEpoch)| OffsetCommitRequestPartition {
                partition_index,
                committed_offset: offset.offset,
                committed_leader_epoch: offset.epoch,
                committed_metadata: Some(String::new()),
                ..OffsetCommitRequestPartition::default()
            };
        let request = OffsetCommitRequest {
            group_id: self.config.group_id.clone(),
            generation_id: coordinator.generation,
            member_id: coordinator.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
            topics: topics
                .map(|(name, partitions)| OffsetCommitRequestTopic {
                    name,
                    partitions: partitions.into_iter().map(partition).collect(),
                })
                .collect(),
            ..OffsetCommitRequest::default()
        };
        links.network.send_with(node, request, options, Tag::OffsetCommit(id), ctx);
    }

    fn finish(&mut self, purpose: Purpose, result: Result<usize, String>) {
        if matches!(purpose, Purpose::Acknowledge | Purpose::Application { .. }) {
            self.outcomes.push((purpose, result));
        }
    }

    fn give_up(&mut self, id: u64, error: String) {
        if let Some(commit) = self.commits.remove(&id) {
            self.finish(commit.purpose, Err(error));
        }
    }

    /// Takes in the answer to a commit, or that there was none; the group error in it, if any.
    pub fn on_committed(
        &mut self,
        id: u64,
        response: Option<&OffsetCommitResponse>,
        subscriptions: &mut Subscriptions,
        coordinator: &Coordinator,
        ctx: &mut Ctx<'_>,
    ) -> Option<ErrorCode> {
        let mut commit = self.commits.remove(&id)?;
        let mut failure =
            if response.is_none() { Some(ErrorCode::NETWORK_EXCEPTION) } else { None };
        for topic in response.iter().flat_map(|response| &response.topics) {
            for answer in &topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), answer.partition_index);
                let Some(OffsetAndEpoch { offset, .. }) = commit.offsets.get(&partition) else {
                    continue;
                };
                let error = answer.error_code;
                if error.is_error() {
                    failure.get_or_insert(error);
                    let text = format!(
                        "Offset commit failed on partition {partition} at offset {offset}: {}",
                        error.message()
                    );
                    let warns = error.is_retriable();
                    let level = if warns { LogLevel::Warn } else { LogLevel::Error };
                    self.log(ctx, level, &text);
                } else if let Some(owned) = subscriptions.get_mut(&partition) {
                    owned.committed = *offset;
                }
            }
        }
        let Some(failure) = failure else {
            self.finish(commit.purpose, Ok(commit.offsets.len()));
            return None;
        };
        // An error about a generation that is over by now says nothing about this one.
        let current = commit.generation == coordinator.generation;
        let named = response.is_some() && !self.config.offsets_in_zookeeper;
        let retry_at = ctx.now() + self.config.retry_backoff;
        let may_retry = failure.is_retriable() && retry_at < commit.deadline;
        if may_retry && commit.purpose == Purpose::Interval {
            self.next_auto_commit = retry_at;
        }
        if may_retry && commit.purpose.is_retried() {
            commit.due = Some(retry_at);
            self.commits.insert(id, commit);
        } else {
            self.finish(commit.purpose, Err(commit_error::of(failure)));
        }
        (named && current).then_some(failure)
    }

    /// When [`Committer::run`] has something to do, and why.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let due = self.commits.values().filter_map(|commit| commit.due).min();
        due.map(|at| Wakeup { at, reason: "commit retry back-off".into() })
    }

    /// Asks for the committed offsets of partitions that wait for them.
    pub fn fetch_committed(
        &mut self,
        subscriptions: &mut Subscriptions,
        coordinator: &Coordinator,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        if self.fetching {
            return Ok(());
        }
        let partitions =
            subscriptions.due(ctx.now(), |owned| owned.state == FetchState::AwaitsCommitted);
        if partitions.is_empty() {
            return Ok(());
        }
        if self.config.group_id.is_empty() {
            // Nobody committed anything.
            for partition in &partitions {
                let state = self.reset_of(partition)?;
                if let Some(owned) = subscriptions.get_mut(partition) {
                    owned.state = state;
                }
            }
            return Ok(());
        }
        let Some((node, options)) = self.route(coordinator, links, ctx) else { return Ok(()) };
        let partitions = partitions.into_iter().map(|partition| (partition, ()));
        let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
            let partition_indexes = partitions.into_iter().map(|(number, ())| number).collect();
            OffsetFetchRequestTopic { name, partition_indexes }
        });
        let request = OffsetFetchRequest {
            group_id: self.config.group_id.clone(),
            topics: Some(topics.collect()),
            require_stable: self.config.isolation_level.id() > 0,
        };
        self.fetching = true;
        let tag = Tag::OffsetFetch(self.assignment);
        links.network.send_with(node, request, options, tag, ctx);
        Ok(())
    }

    /// Takes in committed offsets, or that there was no answer. Gives a group error, or why the
    /// consumer cannot go on.
    pub fn on_fetched(
        &mut self,
        assignment: u64,
        response: Option<&OffsetFetchResponse>,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) -> Result<Option<ErrorCode>, String> {
        if assignment != self.assignment {
            return Ok(None);
        }
        self.fetching = false;
        let retry_at = ctx.now() + self.config.retry_backoff;
        let failure = response.map_or(ErrorCode::NETWORK_EXCEPTION, |answer| answer.error_code);
        if failure.is_error() {
            let waiting = |state| state == FetchState::AwaitsCommitted;
            for partition in subscriptions.due(ctx.now(), |owned| waiting(owned.state)) {
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
                let offset = answer.committed_offset;
                if answer.error_code.is_error() && !none {
                    owned.not_before = retry_at;
                } else if offset >= 0 && !none {
                    owned.committed = offset;
                    owned.seek(offset, answer.committed_leader_epoch);
                    links.metadata.saw_epoch(&partition, answer.committed_leader_epoch);
                    let text = format!(
                        "Setting offset for partition {partition} to the committed offset {offset}"
                    );
                    self.log(ctx, LogLevel::Info, &text);
                } else {
                    let text = format!("Found no committed offset for partition {partition}");
                    owned.state = self.reset_of(&partition)?;
                    self.log(ctx, LogLevel::Info, &text);
                }
            }
        }
        Ok(None)
    }

    fn reset_of(&self, partition: &TopicPartition) -> Result<FetchState, String> {
        let reset: OffsetReset = self.config.auto_offset_reset;
        reset.timestamp().map(FetchState::AwaitsReset).ok_or_else(|| {
            format!(
                "NoOffsetForPartitionException: Undefined offset with no reset policy for \
                 partitions: [{partition}]"
            )
        })
    }
}
