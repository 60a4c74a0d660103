//! Where a member of a group stands, and what the group protocol brings it.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.MemberState.

use super::assignor::{Assignor, Subscriptions};
use crate::base::TopicPartition;

/// Where a member stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberState {
    /// Not in the group, or in it under a generation that has ended.
    Unjoined,
    /// JoinGroup is parked at the coordinator.
    Joining,
    /// As leader, waiting for metadata of the members' topics.
    AwaitingMetadata {
        /// The assignor that the coordinator chose.
        assignor: Assignor,
        /// What the members want.
        subscriptions: Subscriptions,
        /// The count of metadata answers at the beginning: one more, and it goes on.
        updates: u64,
    },
    /// SyncGroup is parked at the coordinator.
    Syncing,
    /// Has an assignment.
    Stable,
}

/// Why a member may not commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotActive {
    /// It is joining.
    Rebalancing,
    /// It is not in the group.
    Outside,
}

/// What the group protocol brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupEvent {
    /// A new assignment.
    Assigned(Vec<TopicPartition>),
    /// The coordinator does not know this member or its generation any more.
    Lost,
    /// The consumer cannot go on.
    Failed(String),
    /// LeaveGroup was answered, or cannot be.
    Left,
}
