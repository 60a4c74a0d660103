//! The range assignor: topic by topic, each member gets a stretch of consecutive partitions; where
//! they do not divide evenly the first members get one more. Hence members that come first get
//! more of every topic.
//!
//! In Kafka: org.apache.kafka.clients.consumer.RangeAssignor.

use super::{Assignment, PartitionCounts, Subscriptions, hash_order, in_turn, nothing};
use crate::base::TopicPartition;

pub(super) fn assign(counts: &PartitionCounts, subscriptions: &Subscriptions) -> Assignment {
    let mut assignment = nothing(subscriptions);
    for topic in hash_order::strings(counts.keys()) {
        let partitions = counts.get(topic).copied().unwrap_or_default();
        let subscribed = subscriptions.iter().filter(|(_, one)| one.topics.contains(topic));
        let members = in_turn(subscribed);
        let among = members.len().max(1) as i32;
        let (each, extra) = (partitions / among, partitions % among);
        let mut next = 0;
        for (index, member) in (0..).zip(members) {
            let end = next + each + i32::from(index < extra);
            let range = (next..end).map(|number| TopicPartition::new(topic.clone(), number));
            assignment.entry(member.clone()).or_default().extend(range);
            next = end;
        }
    }
    assignment
}
