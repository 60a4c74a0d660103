//! The consumer: its group membership, its offsets and its fetcher, put together. The application
//! polls it, as soon as there is something or at an interval.
//!
//! In Kafka: org.apache.kafka.clients.consumer.KafkaConsumer.

use super::committer::{Committer, Purpose};
use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::coordinator::{Coordinator, NO_GENERATION};
use super::fetcher::{ConsumedRecord, Fetcher};
use super::group_member::{GroupEvent, MemberState};
use super::metadata::Metadata;
use super::subscriptions::{FetchState, Subscriptions};
use crate::base::timers::Wakeup;
use crate::base::{Span, Time, TopicPartition, TraceEvent};
use crate::network::{NetworkClient, NetworkEvent};
use crate::node::{Ctx, LinkInput};
use crate::wire::ErrorCode;
use crate::wire::kafka::AnyResponse;
use std::rc::Rc;

/// How long closing may take (`close(Duration)`'s default).
const CLOSE_TIMEOUT: Span = Span::from_secs(30);

/// How far closing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    No,
    Committing { deadline: Time },
    Leaving { deadline: Time },
    Done,
}

/// A consumer.
#[derive(Debug)]
pub struct Consumer {
    config: Rc<ConsumerConfig>,
    links: Links,
    coordinator: Coordinator,
    committer: Committer,
    fetcher: Fetcher,
    subscriptions: Subscriptions,
    next_poll: Time,
    closing: Closing,
    failure: Option<String>,
}

impl Consumer {
    /// A consumer that knows nothing of its cluster yet.
    pub fn new(config: ConsumerConfig) -> Self {
        let mut network = NetworkClient::new(&config.client_id, config.network.clone());
        let mut metadata = Metadata::new(config.metadata.clone(), &config.log_context());
        metadata.bootstrap(&mut network);
        for topic in &config.topics {
            metadata.add_topic(topic);
        }
        let config = Rc::new(config);
        Self {
            links: Links { network, metadata },
            coordinator: Coordinator::new(Rc::clone(&config)),
            committer: Committer::new(Rc::clone(&config)),
            fetcher: Fetcher::new(Rc::clone(&config)),
            subscriptions: Subscriptions::default(),
            next_poll: Time::ZERO,
            closing: Closing::No,
            failure: None,
            config,
        }
    }

    /// Its settings.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Its membership.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// What it owns.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Why it cannot go on, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// True when it has left its group and may end.
    pub fn is_closed(&self) -> bool {
        self.closing == Closing::Done
    }

    /// Takes in what happened on one of its links; [`Consumer::run`] must follow.
    pub fn on_link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) {
        let events = self.links.network.on_link(link, ctx);
        self.on_events(events, ctx);
    }

    /// Does what is due; [`Consumer::run`] must follow.
    pub fn on_wake(&mut self, ctx: &mut Ctx<'_>) {
        let events = self.links.network.on_wake(ctx);
        self.on_events(events, ctx);
    }

    /// Goes to `offset` of a partition that it owns.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), String> {
        if offset < 0 {
            return Err("seek offset must not be a negative number".to_owned());
        }
        let owned = self.subscriptions.get_mut(partition);
        let owned =
            owned.ok_or_else(|| format!("No current assignment for partition {partition}"))?;
        owned.state = FetchState::Fetching(offset);
        owned.not_before = Time::ZERO;
        Ok(())
    }

    /// Begins to close: commits, leaves the group, and is then closed.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        if self.closing != Closing::No {
            return;
        }
        self.closing = Closing::Committing { deadline: ctx.now() + CLOSE_TIMEOUT };
        self.coordinator.held = true;
        if self.config.auto_commit && self.coordinator.generation != NO_GENERATION {
            self.commit(Purpose::Close, ctx);
        }
    }

    fn commit(&mut self, purpose: Purpose, ctx: &mut Ctx<'_>) {
        let Self { committer, subscriptions, coordinator, links, .. } = self;
        committer.commit(purpose, subscriptions, coordinator, links, ctx);
    }

    /// Goes on as far as it can, and polls when the application does. To be called at the end of
    /// every step; returns the records that the application got.
    pub fn run(&mut self, ctx: &mut Ctx<'_>) -> Vec<ConsumedRecord> {
        let mut records = Vec::new();
        if self.closing == Closing::No {
            if ctx.now() >= self.next_poll {
                self.coordinator.polled(ctx.now());
            }
            self.run_group(ctx);
            let Self { committer, subscriptions, coordinator, links, fetcher, .. } = self;
            committer.fetch_committed(subscriptions, coordinator, links, ctx);
            fetcher.reset_positions(subscriptions, links, ctx);
            if ctx.now() >= self.next_poll {
                self.next_poll = ctx.now() + self.config.poll_interval;
                records = self.poll(ctx);
            }
        } else {
            self.run_close(ctx);
        }
        self.links.metadata.maybe_update(&mut self.links.network, Tag::Metadata, ctx);
        records
    }

    /// One poll of the application.
    fn poll(&mut self, ctx: &mut Ctx<'_>) -> Vec<ConsumedRecord> {
        if !self.coordinator.is_stable() {
            return Vec::new();
        }
        let Self { committer, subscriptions, coordinator, links, fetcher, config, .. } = self;
        committer.maybe_auto_commit(subscriptions, coordinator, links, ctx);
        let records = fetcher.collect(config.max_poll_records, subscriptions);
        fetcher.send_fetches(subscriptions, links, ctx);
        records
    }

    fn run_group(&mut self, ctx: &mut Ctx<'_>) {
        self.coordinator.run(&mut self.links, ctx);
        self.take_group_events(ctx);
        if !self.coordinator.wants_to_join(ctx.now()) {
            return;
        }
        if !self.coordinator.held {
            self.coordinator.held = true;
            let member = self.coordinator.generation != NO_GENERATION;
            if self.config.auto_commit && member {
                self.commit(Purpose::Rebalance, ctx);
            }
        }
        if !self.committer.is_pending(Purpose::Rebalance) {
            self.coordinator.held = false;
            self.revoke();
            self.coordinator.join(&mut self.links, ctx);
        }
    }

    fn revoke(&mut self) {
        self.subscriptions.clear();
        self.fetcher.clear();
    }

    fn run_close(&mut self, ctx: &mut Ctx<'_>) {
        match self.closing {
            Closing::Committing { deadline } => {
                if !self.committer.is_pending(Purpose::Close) {
                    self.revoke();
                    self.closing = Closing::Leaving { deadline };
                    self.coordinator.leave(&mut self.links, ctx);
                    self.take_group_events(ctx);
                } else if ctx.now() >= deadline {
                    self.closing = Closing::Done;
                }
            }
            Closing::Leaving { deadline } if ctx.now() >= deadline => self.closing = Closing::Done,
            Closing::Leaving { .. } | Closing::No | Closing::Done => {}
        }
    }

    fn take_group_events(&mut self, ctx: &mut Ctx<'_>) {
        for event in self.coordinator.take_events() {
            match event {
                GroupEvent::Assigned(partitions) => {
                    ctx.trace(TraceEvent::PartitionsAssigned {
                        group: self.config.group_id.clone(),
                        member: self.coordinator.member_id.clone(),
                        generation: self.coordinator.generation,
                        partitions: partitions.clone(),
                    });
                    self.fetcher.clear();
                    self.subscriptions.assign(&partitions);
                    self.committer.on_assigned(ctx.now());
                }
                GroupEvent::Lost => self.revoke(),
                GroupEvent::Failed(reason) => self.failure = Some(reason),
                GroupEvent::Left if matches!(self.closing, Closing::Leaving { .. }) => {
                    self.closing = Closing::Done;
                }
                GroupEvent::Left => {}
            }
        }
    }

    fn on_events(&mut self, events: Vec<NetworkEvent<Tag>>, ctx: &mut Ctx<'_>) {
        for event in events {
            match event {
                NetworkEvent::Response { node, tag, correlation_id, response } => {
                    self.on_response(node, tag, correlation_id, response, ctx);
                }
                NetworkEvent::Failed { node, tag, .. } => self.on_failed(node, tag, ctx),
                NetworkEvent::Disconnected { node } => {
                    self.links.metadata.request_update();
                    self.coordinator.on_node_lost(node, &mut self.links, ctx);
                }
                NetworkEvent::Connected { .. } | NetworkEvent::Sent { .. } => {}
            }
            self.take_group_events(ctx);
        }
    }

    fn on_response(
        &mut self,
        node: i32,
        tag: Tag,
        correlation_id: i32,
        response: AnyResponse,
        ctx: &mut Ctx<'_>,
    ) {
        let Self { committer, subscriptions, coordinator, links, fetcher, .. } = self;
        match (tag, response) {
            (Tag::Metadata, AnyResponse::Metadata(response)) => {
                links.metadata.on_response(correlation_id, response, &mut links.network, ctx);
            }
            (Tag::FindCoordinator, AnyResponse::FindCoordinator(response)) => {
                coordinator.on_found(response, links, ctx);
            }
            (Tag::JoinGroup(attempt), AnyResponse::JoinGroup(response)) => {
                coordinator.on_joined(attempt, response, links, ctx);
            }
            (Tag::SyncGroup(attempt), AnyResponse::SyncGroup(response)) => {
                coordinator.on_synced(attempt, &response, links, ctx);
            }
            (Tag::Heartbeat(attempt), AnyResponse::Heartbeat(response)) => {
                coordinator.on_heartbeat(attempt, Some(&response), links, ctx);
            }
            (Tag::LeaveGroup, _) => coordinator.on_left(),
            (Tag::OffsetCommit(id), AnyResponse::OffsetCommit(response)) => {
                let now = ctx.now();
                let error =
                    committer.on_committed(id, Some(&response), subscriptions, coordinator, now);
                self.on_offset_error(error, ctx);
            }
            (Tag::OffsetFetch(assignment), AnyResponse::OffsetFetch(response)) => {
                let outcome =
                    committer.on_fetched(assignment, Some(&response), subscriptions, ctx.now());
                match outcome {
                    Ok(error) => self.on_offset_error(error, ctx),
                    Err(reason) => self.failure = Some(reason),
                }
            }
            (Tag::ListOffsets(asked), AnyResponse::ListOffsets(response)) => {
                fetcher.on_listed(&asked, Some(&response), subscriptions, links, ctx);
            }
            (Tag::Fetch(asked), AnyResponse::Fetch(response)) => {
                let outcome = fetcher.on_fetched(node, &asked, response, subscriptions, links, ctx);
                if let Err(reason) = outcome {
                    self.failure = Some(reason);
                }
            }
            (tag, _) => self.on_failed(node, tag, ctx),
        }
    }

    /// An error about the group in an answer about offsets. One that a client may simply try again
    /// needs nothing more.
    fn on_offset_error(&mut self, error: Option<ErrorCode>, ctx: &mut Ctx<'_>) {
        let concerns_group = |error: &ErrorCode| {
            matches!(
                *error,
                ErrorCode::REBALANCE_IN_PROGRESS
                    | ErrorCode::ILLEGAL_GENERATION
                    | ErrorCode::UNKNOWN_MEMBER_ID
                    | ErrorCode::NOT_COORDINATOR
                    | ErrorCode::COORDINATOR_NOT_AVAILABLE
            )
        };
        let stable = self.coordinator.state == MemberState::Stable;
        if let Some(error) = error.filter(concerns_group).filter(|_| stable) {
            self.coordinator.on_group_error(error, &mut self.links, ctx);
        }
    }

    fn on_failed(&mut self, node: i32, tag: Tag, ctx: &mut Ctx<'_>) {
        let Self { committer, subscriptions, coordinator, links, fetcher, .. } = self;
        match tag {
            Tag::Metadata => links.metadata.on_failure(),
            Tag::FindCoordinator => coordinator.on_find_failed(ctx),
            Tag::JoinGroup(attempt) | Tag::SyncGroup(attempt) => {
                coordinator.on_join_failed(attempt, ctx);
            }
            Tag::Heartbeat(attempt) => coordinator.on_heartbeat(attempt, None, links, ctx),
            Tag::LeaveGroup => coordinator.on_left(),
            Tag::OffsetCommit(id) => {
                committer.on_committed(id, None, subscriptions, coordinator, ctx.now());
            }
            Tag::OffsetFetch(assignment) => {
                let outcome = committer.on_fetched(assignment, None, subscriptions, ctx.now());
                self.failure = outcome.err();
            }
            Tag::ListOffsets(asked) => fetcher.on_listed(&asked, None, subscriptions, links, ctx),
            Tag::Fetch(asked) => {
                fetcher.on_fetch_failed(node, &asked, subscriptions, links, ctx.now());
            }
        }
        self.coordinator.on_node_lost(node, &mut self.links, ctx);
    }

    /// When [`Consumer::on_wake`] has something to do, and why.
    pub fn next_wakeup(&self, now: Time) -> Option<Wakeup> {
        let wake = |at: Time, reason: &str| Wakeup { at, reason: reason.to_owned() };
        let closing = match self.closing {
            Closing::Committing { deadline } | Closing::Leaving { deadline } => {
                Some(wake(deadline, "close timeout"))
            }
            Closing::No | Closing::Done => None,
        };
        let open = self.closing == Closing::No;
        let stable = open && self.coordinator.is_stable();
        let polls_at_once = self.config.poll_interval == Span::ZERO;
        let poll = (open && !polls_at_once).then(|| wake(self.next_poll, "poll"));
        let records = (stable && polls_at_once && self.fetcher.has_records())
            .then(|| wake(now, "more records than max.poll.records"));
        let commit = self.committer.next_auto_commit().filter(|_| stable && polls_at_once);
        let commit = commit.map(|at| wake(at, "auto commit"));
        let retries = self.subscriptions.iter().map(|(_, owned)| owned.not_before);
        let retry = retries.filter(|at| open && *at > now).min();
        let retry = retry.map(|at| wake(at, "fetch retry back-off"));
        let group = self.coordinator.next_wakeup(now).filter(|_| open);
        [self.links.network.next_wakeup(), self.links.metadata.next_wakeup(), group, closing]
            .into_iter()
            .chain([poll, records, commit, retry])
            .flatten()
            .min_by_key(|wakeup| wakeup.at)
    }
}

#[cfg(test)]
mod tests;
