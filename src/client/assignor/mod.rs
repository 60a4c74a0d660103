//! How the leader of a group shares out partitions among its members: pure functions, with the
//! results of Kafka's own assignors in their order.
//!
//! In Kafka: org.apache.kafka.clients.consumer.ConsumerPartitionAssignor and its implementations.

mod general;
pub(super) mod hash_order;
mod movements;
mod range;
mod round_robin;
mod sticky;
mod user_data;

#[cfg(test)]
mod tests;

use super::group_protocol::Subscription;
use crate::base::{SortedMap, TopicPartition};
use crate::node::{ConfigError, Properties};
use bytes::Bytes;

/// Partitions by member.
pub type Assignment = SortedMap<String, Vec<TopicPartition>>;
/// Subscriptions by member.
pub type Subscriptions = SortedMap<String, Subscription>;
/// Number of partitions by topic; topics without any are not in it.
pub type PartitionCounts = SortedMap<String, i32>;

/// The assignors of 2.8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assignor {
    /// `RangeAssignor`.
    Range,
    /// `RoundRobinAssignor`.
    RoundRobin,
    /// `StickyAssignor`.
    Sticky,
    /// `CooperativeStickyAssignor` (KIP-429).
    CooperativeSticky,
}

/// What an assignor remembers of the last assignment, to be told to the next leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastAssignment {
    /// Its generation.
    pub generation: i32,
    /// The partitions, in the order they came.
    pub partitions: Vec<TopicPartition>,
}

impl Assignor {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Range, "range", "RangeAssignor"),
        (Self::RoundRobin, "roundrobin", "RoundRobinAssignor"),
        (Self::Sticky, "sticky", "StickyAssignor"),
        (Self::CooperativeSticky, "cooperative-sticky", "CooperativeStickyAssignor"),
    ];

    /// Its name in the group protocol.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(assignor, ..)| *assignor == self).map_or("", |(_, name, _)| name)
    }

    /// The assignor with that name in the group protocol.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(assignor, ..)| *assignor)
    }

    /// `partition.assignment.strategy`: classes with or without their package, or names.
    pub fn from_properties(properties: &Properties) -> Result<Vec<Self>, ConfigError> {
        let key = "partition.assignment.strategy";
        let error = |value: &str, reason: String| ConfigError {
            key: key.to_owned(),
            value: value.to_owned(),
            reason,
        };
        let names = properties.list(key);
        if names.is_empty() {
            return Ok(vec![Self::Range]);
        }
        let mut assignors = Vec::new();
        for name in &names {
            let class = name.strip_prefix("org.apache.kafka.clients.consumer.").unwrap_or(name);
            let known = Self::ALL.iter().find(|(_, short, known)| [short, known].contains(&&class));
            let unknown =
                || error(name, format!("{name} ClassNotFoundException exception occurred"));
            assignors.push(known.ok_or_else(unknown)?.0);
        }
        Ok(assignors)
    }

    /// Whether members keep what they own while a rebalance is under way.
    pub fn is_cooperative(self) -> bool {
        self == Self::CooperativeSticky
    }

    /// What a member tells the leader about its last assignment, apart from what it owns.
    pub fn user_data(self, last: Option<&LastAssignment>) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky => last.map(user_data::previous_assignment),
            Self::CooperativeSticky => Some(user_data::generation(last)),
        }
    }

    /// Shares out the partitions of topics that somebody subscribes to; every member gets an entry.
    pub fn assign(self, counts: &PartitionCounts, subscriptions: &Subscriptions) -> Assignment {
        let wanted = |topic| subscriptions.values().any(|one| one.topics.contains(topic));
        let counts = counts.iter().filter(|(topic, count)| **count > 0 && wanted(topic));
        let counts = &counts.map(|(topic, count)| (topic.clone(), *count)).collect();
        match self {
            Self::Range => range::assign(counts, subscriptions),
            Self::RoundRobin => round_robin::assign(counts, subscriptions),
            Self::Sticky => sticky::assign(counts, subscriptions),
            Self::CooperativeSticky => sticky::assign_cooperatively(counts, subscriptions),
        }
    }
}

/// All members with an empty list each.
fn nothing(subscriptions: &Subscriptions) -> Assignment {
    subscriptions.keys().map(|member| (member.clone(), Vec::new())).collect()
}

/// Members in the order in which they are served: static ones by their instance id, then the
/// others by their member id.
///
/// In Kafka: AbstractPartitionAssignor.MemberInfo.
fn in_turn<'a>(
    subscriptions: impl Iterator<Item = (&'a String, &'a Subscription)>,
) -> Vec<&'a String> {
    let mut members: Vec<_> = subscriptions.collect();
    members.sort_by_key(|(member, subscription)| {
        let instance = subscription.group_instance_id.as_ref();
        (instance.is_none(), instance, *member)
    });
    members.into_iter().map(|(member, _)| member).collect()
}
