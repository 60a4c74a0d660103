//! The consumer in its group: giving partitions up, getting them, and in between joining; all at
//! once, or in two phases where the assignors are cooperative (KIP-429).
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.{onJoinPrepare,
//! onJoinComplete, onLeavePrepare}.

use super::{Closing, Consumer};
use crate::base::trace::LogLevel;
use crate::base::{TopicPartition, TraceEvent};
use crate::client::committer::Purpose;
use crate::client::coordinator::NO_GENERATION;
use crate::client::group_member::GroupEvent;
use crate::client::subscription_type::SubscriptionType;
use crate::node::Ctx;

const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator";

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Consumer {
    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        ctx.log(level, LOGGER, self.config.log_context() + text);
    }

    /// Asks for something else from now on. What a group gave it stays until the group says so.
    pub(super) fn subscribe(&mut self, subscription: SubscriptionType) {
        self.links.metadata.set_all_topics(false);
        match &subscription {
            SubscriptionType::None => self.coordinator.want(None),
            SubscriptionType::AutoTopics(topics) => {
                for topic in topics {
                    self.links.metadata.add_topic(topic);
                }
                self.coordinator.want(Some(topics.clone()));
            }
            SubscriptionType::AutoPattern(_) => {
                self.links.metadata.set_all_topics(true);
                self.matched = None;
                if !self.subscription.is_auto() {
                    self.coordinator.want(None);
                }
            }
            SubscriptionType::UserAssigned(partitions) => {
                for partition in partitions {
                    self.links.metadata.add_topic(&partition.topic);
                }
                self.coordinator.want(None);
                self.subscriptions.assign(partitions);
                self.fetcher.retain(&self.subscriptions);
            }
        }
        self.subscription = subscription;
    }

    /// Compares a pattern with the topics that there are.
    fn update_pattern(&mut self) {
        let SubscriptionType::AutoPattern(pattern) = &self.subscription else { return };
        let updates = self.links.metadata.updates();
        if updates == 0 || self.matched == Some(updates) {
            return;
        }
        self.matched = Some(updates);
        let excluded = self.config.exclude_internal_topics;
        let topics = self.links.metadata.topics();
        let matching = topics
            .filter(|(topic, is_internal)| pattern.matches(topic) && !(excluded && *is_internal));
        let matching = matching.map(|(topic, _)| topic.to_owned()).collect();
        self.coordinator.want(Some(matching));
    }

    pub(super) fn run_group(&mut self, may_poll: bool, ctx: &mut Ctx<'_>) {
        self.coordinator.run(&mut self.links, ctx);
        self.take_group_events(ctx);
        if !may_poll {
            return;
        }
        if self.lost {
            self.give_up(&self.subscriptions.partitions(), &[], true, ctx);
            self.lost = false;
        }
        self.update_pattern();
        if !self.coordinator.wants_to_join(ctx.now()) {
            return;
        }
        if !self.coordinator.held {
            self.coordinator.held = true;
            let member = self.coordinator.generation != NO_GENERATION;
            if self.config.commits_on_revoke() && member {
                self.commit(Purpose::Rebalance, self.subscriptions.all_consumed(), ctx);
            }
        }
        if !self.committer.is_pending(Purpose::Rebalance) {
            self.coordinator.held = false;
            self.prepare_to_join(ctx);
            let owned = self.subscriptions.partitions();
            self.coordinator.join(&owned, &mut self.links, ctx);
        }
    }

    /// An eager member gives up everything, a cooperative one what it does not want any more.
    fn prepare_to_join(&mut self, ctx: &mut Ctx<'_>) {
        let owned = self.subscriptions.partitions();
        let wanted = self.coordinator.wanted();
        let (kept, revoked): (Vec<_>, Vec<_>) = owned.into_iter().partition(|partition| {
            self.config.is_cooperative() && wanted.contains(&partition.topic)
        });
        self.give_up(&revoked, &kept, false, ctx);
    }

    /// The rebalance listener's view of partitions that go.
    fn give_up(
        &mut self,
        gone: &[TopicPartition],
        kept: &[TopicPartition],
        lost: bool,
        ctx: &mut Ctx<'_>,
    ) {
        if gone.is_empty() {
            return;
        }
        let how = if lost { "Lost" } else { "Revoke" };
        let text = format!("{how} previously assigned partitions {}", names(gone));
        self.log(ctx, LogLevel::Info, &text);
        ctx.trace(TraceEvent::PartitionsRevoked {
            group: self.config.group_id.clone(),
            member: self.coordinator.member_id.clone(),
            generation: self.coordinator.generation,
            partitions: gone.to_vec(),
            lost,
        });
        self.subscriptions.assign(kept);
        self.fetcher.retain(&self.subscriptions);
    }

    /// Gives up everything before it leaves.
    pub(super) fn give_all_up(&mut self, ctx: &mut Ctx<'_>) {
        self.lost = false;
        if self.subscription.is_auto() {
            let lost = self.coordinator.generation == NO_GENERATION;
            self.give_up(&self.subscriptions.partitions(), &[], lost, ctx);
        }
        self.subscriptions.clear();
        self.fetcher.retain(&self.subscriptions);
    }

    /// Leaves its group and wants nothing.
    pub(super) fn unsubscribe(&mut self, ctx: &mut Ctx<'_>) {
        let was_member = self.subscription.is_auto();
        self.give_all_up(ctx);
        if was_member {
            self.coordinator.leave(&mut self.links, ctx);
            self.coordinator.forget_group();
        }
        self.subscribe(SubscriptionType::None);
    }

    pub(super) fn take_group_events(&mut self, ctx: &mut Ctx<'_>) {
        for event in self.coordinator.take_events() {
            match event {
                GroupEvent::Assigned(partitions) => self.on_assigned(&partitions, ctx),
                GroupEvent::Lost => self.lost = true,
                GroupEvent::Failed(reason) => self.failure = Some(reason),
                GroupEvent::Left if matches!(self.closing, Closing::Leaving { .. }) => {
                    self.closing = Closing::Done;
                }
                GroupEvent::Left => {}
            }
        }
    }

    fn on_assigned(&mut self, assigned: &[TopicPartition], ctx: &mut Ctx<'_>) {
        let unwanted = |partition: &TopicPartition| match &self.subscription {
            SubscriptionType::AutoTopics(topics) => !topics.contains(&partition.topic),
            SubscriptionType::AutoPattern(pattern) => !pattern.matches(&partition.topic),
            SubscriptionType::None | SubscriptionType::UserAssigned(_) => true,
        };
        if assigned.iter().any(unwanted) {
            let text = format!(
                "We received an assignment [{}] that doesn't match our current subscription; it is \
                 likely that the subscription has changed since we joined the group. Will try \
                 re-join the group with current subscription",
                names(assigned)
            );
            self.log(ctx, LogLevel::Warn, &text);
            self.coordinator.request_rejoin();
            return;
        }
        let owned = self.subscriptions.partitions();
        let (kept, revoked): (Vec<_>, Vec<_>) =
            owned.into_iter().partition(|partition| assigned.contains(partition));
        if !revoked.is_empty() {
            if self.config.commit_on_revoke {
                let mut offsets = self.subscriptions.all_consumed();
                offsets.retain(|partition, _| revoked.contains(partition));
                self.commit(Purpose::Rebalance, offsets, ctx);
            }
            self.give_up(&revoked, &kept, false, ctx);
            let text =
                format!("Need to revoke partitions [{}] and re-join the group", names(&revoked));
            self.log(ctx, LogLevel::Info, &text);
            self.coordinator.request_rejoin();
        }
        let added = assigned.iter().filter(|partition| !kept.contains(partition));
        let added: Vec<_> = added.cloned().collect();
        let text = format!("Adding newly assigned partitions: {}", names(&added));
        self.log(ctx, LogLevel::Info, &text);
        ctx.trace(TraceEvent::PartitionsAssigned {
            group: self.config.group_id.clone(),
            member: self.coordinator.member_id.clone(),
            generation: self.coordinator.generation,
            partitions: assigned.to_vec(),
        });
        self.subscriptions.assign(assigned);
        self.fetcher.retain(&self.subscriptions);
        self.committer.on_assigned(ctx.now());
    }
}
