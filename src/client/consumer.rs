//! The consumer: its group membership, its offsets and its fetcher, put together. The application
//! polls it, as soon as there is something or at an interval.
//!
//! In Kafka: org.apache.kafka.clients.consumer.KafkaConsumer.

mod answers;
mod commands;
mod rebalance;

use super::committer::{Committer, Purpose};
use super::completed_fetch::ConsumedRecord;
use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::coordinator::{Coordinator, NO_GENERATION};
use super::fetcher::Fetcher;
use super::metadata::Metadata;
use super::positions::Positions;
use super::subscription_type::SubscriptionType;
use super::subscriptions::{OffsetAndEpoch, Subscriptions};
use crate::base::timers::Wakeup;
use crate::base::{SortedMap, Span, Time, TopicPartition};
use crate::network::NetworkClient;
use crate::node::{Ctx, LinkInput};
use commands::Inquiry;
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
    positions: Positions,
    subscription: SubscriptionType,
    subscriptions: Subscriptions,
    /// The metadata that a pattern was last compared with.
    matched: Option<u64>,
    /// The group goes on without it, of which the application hears in its next poll.
    lost: bool,
    inquiries: SortedMap<u64, Inquiry>,
    next_poll: Time,
    closing: Closing,
    failure: Option<String>,
    acknowledged: Option<Result<(), String>>,
}

impl Consumer {
    /// A consumer that knows nothing of its cluster yet.
    pub fn new(config: ConsumerConfig) -> Self {
        let mut network = NetworkClient::new(&config.client_id, config.network.clone());
        let mut metadata = Metadata::new(config.metadata.clone(), &config.log_context());
        metadata.bootstrap(&mut network);
        let subscription = config.subscription.clone();
        let config = Rc::new(config);
        let mut consumer = Self {
            links: Links { network, metadata },
            coordinator: Coordinator::new(Rc::clone(&config)),
            committer: Committer::new(Rc::clone(&config)),
            fetcher: Fetcher::new(Rc::clone(&config)),
            positions: Positions::new(Rc::clone(&config)),
            subscription: SubscriptionType::None,
            subscriptions: Subscriptions::default(),
            matched: None,
            lost: false,
            inquiries: SortedMap::new(),
            next_poll: Time::ZERO,
            closing: Closing::No,
            failure: None,
            acknowledged: None,
            config,
        };
        consumer.subscribe(subscription);
        consumer
    }

    /// Its settings.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Its membership.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// What it asked for.
    pub fn subscription(&self) -> &SubscriptionType {
        &self.subscription
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

    /// Commits on behalf of the application that acknowledges records: the given offsets, or all
    /// positions. [`Consumer::take_acknowledgement`] tells what became of it.
    pub fn acknowledge(&mut self, offset: Option<(TopicPartition, i64)>, ctx: &mut Ctx<'_>) {
        let offsets = match offset {
            Some((partition, offset)) => {
                SortedMap::from([(partition, OffsetAndEpoch { offset, epoch: -1 })])
            }
            None => self.subscriptions.all_consumed(),
        };
        self.commit(Purpose::Acknowledge, offsets, ctx);
    }

    /// What became of the last acknowledgement, once it is known.
    pub fn take_acknowledgement(&mut self) -> Option<Result<(), String>> {
        self.acknowledged.take()
    }

    /// True when [`Consumer::take_acknowledgement`] has something to tell.
    pub fn has_acknowledgement(&self) -> bool {
        self.acknowledged.is_some()
    }

    /// Begins to close: commits, leaves the group, and is then closed.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        if self.closing != Closing::No {
            return;
        }
        self.closing = Closing::Committing { deadline: ctx.now() + CLOSE_TIMEOUT };
        self.coordinator.held = true;
        if self.config.commits_on_revoke() && self.coordinator.generation != NO_GENERATION {
            self.commit(Purpose::Close, self.subscriptions.all_consumed(), ctx);
        }
    }

    fn commit(
        &mut self,
        purpose: Purpose,
        offsets: SortedMap<TopicPartition, OffsetAndEpoch>,
        ctx: &mut Ctx<'_>,
    ) {
        let Self { committer, coordinator, links, .. } = self;
        committer.commit(purpose, offsets, coordinator, links, ctx);
    }

    /// Goes on as far as it can, and polls when the application does, which it does not while it is
    /// busy with records. To be called at the end of every step; returns the records that the
    /// application got.
    pub fn run(&mut self, may_poll: bool, ctx: &mut Ctx<'_>) -> Vec<ConsumedRecord> {
        let mut records = Vec::new();
        if self.closing == Closing::No {
            let polls = may_poll && ctx.now() >= self.next_poll;
            if polls {
                self.coordinator.polled(ctx.now());
            }
            self.run_group(may_poll, ctx);
            if may_poll {
                self.update_positions(ctx);
            }
            if polls {
                self.next_poll = ctx.now() + self.config.poll_interval;
                records = self.poll(ctx);
            }
        } else {
            self.run_close(ctx);
        }
        let Self { committer, coordinator, links, .. } = self;
        committer.run(coordinator, links, ctx);
        self.answer_commits(ctx);
        self.ask_for_times(ctx);
        self.links.metadata.maybe_update(&mut self.links.network, Tag::Metadata, ctx);
        records
    }

    fn update_positions(&mut self, ctx: &mut Ctx<'_>) {
        let Self { committer, subscriptions, coordinator, links, positions, .. } = self;
        let outcome = committer.fetch_committed(subscriptions, coordinator, links, ctx);
        positions.reset(subscriptions, links, ctx);
        positions.validate(subscriptions, links, ctx);
        if let Err(reason) = outcome {
            self.failure = Some(reason);
        }
    }

    /// One poll of the application.
    fn poll(&mut self, ctx: &mut Ctx<'_>) -> Vec<ConsumedRecord> {
        if self.coordinator.held {
            return Vec::new();
        }
        let Self { committer, subscriptions, coordinator, links, fetcher, config, .. } = self;
        committer.maybe_auto_commit(subscriptions, coordinator, links, ctx);
        let records = fetcher.collect(config.max_poll_records, subscriptions);
        fetcher.send_fetches(subscriptions, links, ctx);
        records
    }

    fn run_close(&mut self, ctx: &mut Ctx<'_>) {
        match self.closing {
            Closing::Committing { deadline } => {
                if !self.committer.is_pending(Purpose::Close) {
                    self.give_all_up(ctx);
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

    /// When [`Consumer::on_wake`] has something to do, and why. An application that is busy wakes
    /// up by itself.
    pub fn next_wakeup(&self, may_poll: bool, now: Time) -> Option<Wakeup> {
        let wake = |at: Time, reason: &'static str| Wakeup { at, reason: reason.into() };
        let closing = match self.closing {
            Closing::Committing { deadline } | Closing::Leaving { deadline } => {
                Some(wake(deadline, "close timeout"))
            }
            Closing::No | Closing::Done => None,
        };
        let open = self.closing == Closing::No && may_poll;
        let polls_at_once = self.config.poll_interval == Span::ZERO;
        let ready = open && polls_at_once && !self.coordinator.held;
        let poll = (open && !polls_at_once).then(|| wake(self.next_poll, "poll"));
        let records = (ready && self.fetcher.has_records(&self.subscriptions))
            .then(|| wake(now, "more records than max.poll.records"));
        let owns = self.subscriptions.iter().next().is_some();
        let commit = self.committer.next_auto_commit().filter(|_| ready && owns);
        let commit = commit.map(|at| wake(at, "auto commit"));
        let retries = self.subscriptions.iter().map(|(_, owned)| owned.not_before);
        let retry = retries.filter(|at| open && *at > now).min();
        let retry = retry.map(|at| wake(at, "fetch retry back-off"));
        let group = self.coordinator.next_wakeup(may_poll, now);
        let group = group.filter(|_| self.closing == Closing::No);
        let inquiry = self.inquiries.values().map(Inquiry::next_deadline);
        let inquiry = inquiry.filter(|at| *at > now).min();
        let inquiry = inquiry.map(|at| wake(at, "default.api.timeout.ms"));
        [self.links.network.next_wakeup(), self.links.metadata.next_wakeup(), group, closing]
            .into_iter()
            .chain([poll, records, commit, retry, self.committer.next_wakeup(), inquiry])
            .flatten()
            .min_by_key(|wakeup| wakeup.at)
    }
}

#[cfg(test)]
mod tests;
