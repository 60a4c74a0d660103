//! What the leader of a group does more than the others: it learns how many partitions there are,
//! shares them out, hands the result in, and has everybody join again when topics change.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerCoordinator.performAssignment.

use super::Coordinator;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet};
use crate::client::assignor::{Assignment, Assignor, Subscriptions};
use crate::client::consumer_link::{Links, Tag};
use crate::client::group_member::MemberState;
use crate::client::group_protocol::{Subscription, decode_subscription};
use crate::client::group_requests;
use crate::node::Ctx;
use crate::wire::kafka::JoinGroupResponseMember;

impl Coordinator {
    pub(super) fn begin_to_lead(
        &mut self,
        assignor: Assignor,
        members: Vec<JoinGroupResponseMember>,
        links: &mut Links,
    ) {
        let members = members.into_iter().map(|member| {
            let subscription = decode_subscription(&member.metadata).unwrap_or_default();
            let group_instance_id = member.group_instance_id;
            (member.member_id, Subscription { group_instance_id, ..subscription })
        });
        let subscriptions: Subscriptions = members.collect();
        for topic in subscriptions.values().flat_map(|one| &one.topics) {
            links.metadata.add_topic(topic);
        }
        let updates = links.metadata.updates();
        self.state = MemberState::AwaitingMetadata { assignor, subscriptions, updates };
    }

    /// Goes on as leader once the members' topics are known, as far as there are any.
    pub(super) fn lead(&mut self, links: &mut Links, ctx: &mut Ctx<'_>) {
        let MemberState::AwaitingMetadata { assignor, subscriptions, updates } = &self.state else {
            return;
        };
        let known = |topic: &String| links.metadata.partitions(topic).is_some();
        let all_known = subscriptions.values().flat_map(|one| &one.topics).all(known);
        if all_known || links.metadata.updates() > *updates {
            let (assignor, subscriptions) = (*assignor, subscriptions.clone());
            self.assign_and_sync(assignor, &subscriptions, links, ctx);
        }
    }

    fn assign_and_sync(
        &mut self,
        assignor: Assignor,
        subscriptions: &Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let topics = subscriptions.values().flat_map(|one| &one.topics);
        let topics: SortedSet<&String> = topics.collect();
        let counts = links.partition_counts(topics.into_iter());
        let assignment = assignor.assign(&counts, subscriptions);
        let shares = assignment.iter().map(|(member, partitions)| {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{member}=Assignment(partitions=[{}])", partitions.join(", "))
        });
        let shares: Vec<String> = shares.collect();
        let generation = self.generation;
        let text = format!(
            "Finished assignment for group at generation {generation}: {{{}}}",
            shares.join(", ")
        );
        self.log(ctx, LogLevel::Info, &text);
        // A topic that is missing now is one that may appear.
        self.assigned_from = Some(counts);
        self.sync(assignor, assignment, links, ctx);
    }

    pub(super) fn sync(
        &mut self,
        assignor: Assignor,
        assignments: Assignment,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(node) = self.node else {
            self.state = MemberState::Unjoined;
            return;
        };
        self.state = MemberState::Syncing;
        let (generation, member_id) = (self.generation, &self.member_id);
        let request =
            group_requests::sync(&self.config, generation, member_id, assignor, assignments);
        links.network.send(node, request, Tag::SyncGroup(self.attempt), ctx);
    }

    /// True when the topics are not any more as they were when it shared them out.
    pub(super) fn is_outdated(&self, links: &Links) -> bool {
        let made_from = self.assigned_from.as_ref();
        made_from.is_some_and(|counts: &SortedMap<String, i32>| {
            *counts != links.partition_counts(counts.keys())
        })
    }
}
