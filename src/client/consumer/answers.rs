//! What answers and failures of requests mean to the parts of a consumer.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerNetworkClient.

use super::Consumer;
use crate::client::committer::Purpose;
use crate::client::consumer_link::Tag;
use crate::client::group_member::MemberState;
use crate::network::NetworkEvent;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::AnyResponse;

impl Consumer {
    pub(super) fn on_events(&mut self, events: Vec<NetworkEvent<Tag>>, ctx: &mut Ctx<'_>) {
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
        let Self { committer, subscriptions, coordinator, links, fetcher, positions, .. } = self;
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
                let answer = Some(&response);
                let error = committer.on_committed(id, answer, subscriptions, coordinator, ctx);
                self.on_offset_error(error, ctx);
            }
            (Tag::OffsetFetch(assignment), AnyResponse::OffsetFetch(response)) => {
                let answer = Some(&response);
                match committer.on_fetched(assignment, answer, subscriptions, links, ctx) {
                    Ok(error) => self.on_offset_error(error, ctx),
                    Err(reason) => self.failure = Some(reason),
                }
            }
            (Tag::ListOffsets(asked), AnyResponse::ListOffsets(response)) => {
                positions.on_listed(&asked, Some(&response), subscriptions, links, ctx);
            }
            (Tag::OffsetsForTimes(id, asked), AnyResponse::ListOffsets(response)) => {
                self.on_times(id, &asked, Some(&response), ctx);
            }
            (Tag::OffsetsForLeaderEpoch(asked), AnyResponse::OffsetForLeaderEpoch(response)) => {
                let answer = Some(&response);
                let outcome = positions.on_validated(&asked, answer, subscriptions, links, ctx);
                if let Err(reason) = outcome {
                    self.failure = Some(reason);
                }
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
                    | ErrorCode::FENCED_INSTANCE_ID
            )
        };
        let concerns_coordinator = |error: &ErrorCode| {
            matches!(*error, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE)
        };
        let stable = self.coordinator.state == MemberState::Stable;
        let concerning = error.filter(|error| {
            concerns_group(error) && stable
                || concerns_coordinator(error) && (stable || !self.subscription.is_auto())
        });
        if let Some(error) = concerning {
            self.coordinator.on_group_error(error, &mut self.links, ctx);
        }
    }

    fn on_failed(&mut self, node: i32, tag: Tag, ctx: &mut Ctx<'_>) {
        let Self { committer, subscriptions, coordinator, links, fetcher, positions, .. } = self;
        match tag {
            Tag::Metadata => links.metadata.on_failure(),
            Tag::FindCoordinator => coordinator.on_find_failed(ctx),
            Tag::JoinGroup(attempt) | Tag::SyncGroup(attempt) => {
                coordinator.on_join_failed(attempt, ctx);
            }
            Tag::Heartbeat(attempt) => coordinator.on_heartbeat(attempt, None, links, ctx),
            Tag::LeaveGroup => coordinator.on_left(),
            Tag::OffsetCommit(id) => {
                committer.on_committed(id, None, subscriptions, coordinator, ctx);
            }
            Tag::OffsetFetch(assignment) => {
                let outcome = committer.on_fetched(assignment, None, subscriptions, links, ctx);
                if let Err(reason) = outcome {
                    self.failure = Some(reason);
                }
            }
            Tag::ListOffsets(asked) => positions.on_listed(&asked, None, subscriptions, links, ctx),
            Tag::OffsetsForTimes(id, asked) => self.on_times(id, &asked, None, ctx),
            Tag::OffsetsForLeaderEpoch(asked) => {
                let outcome = positions.on_validated(&asked, None, subscriptions, links, ctx);
                if let Err(reason) = outcome {
                    self.failure = Some(reason);
                }
            }
            Tag::Fetch(asked) => {
                fetcher.on_fetch_failed(node, &asked, subscriptions, links, ctx.now());
            }
        }
        self.coordinator.on_node_lost(node, &mut self.links, ctx);
    }

    /// Tells the application what became of its commits.
    pub(super) fn answer_commits(&mut self, ctx: &mut Ctx<'_>) {
        for (purpose, result) in self.committer.take_outcomes() {
            match purpose {
                Purpose::Application { command, .. } => {
                    let said = result.map(|count| match count {
                        1 => "Committed the offset of 1 partition.".to_owned(),
                        count => format!("Committed the offsets of {count} partitions."),
                    });
                    ctx.answer(command, said);
                }
                Purpose::Acknowledge => self.acknowledged = Some(result.map(drop)),
                Purpose::Interval | Purpose::Rebalance | Purpose::Close => {}
            }
        }
    }
}
