//! The round robin assignor: all partitions of all topics in order, one for each member in turn;
//! members that are not subscribed to the topic are passed over.
//!
//! In Kafka: org.apache.kafka.clients.consumer.RoundRobinAssignor.

use super::{Assignment, PartitionCounts, Subscriptions, in_turn, nothing};
use crate::base::TopicPartition;

pub(super) fn assign(counts: &PartitionCounts, subscriptions: &Subscriptions) -> Assignment {
    let mut assignment = nothing(subscriptions);
    let members = in_turn(subscriptions.iter());
    let mut turn = members.iter().cycle().peekable();
    for (topic, partitions) in counts {
        let wants = |member: &String| {
            subscriptions.get(member).is_some_and(|one| one.topics.contains(topic))
        };
        for number in 0..*partitions {
            if let Some(member) = turn.by_ref().find(|member| wants(member)) {
                let partition = TopicPartition::new(topic.clone(), number);
                assignment.entry((*member).clone()).or_default().push(partition);
            }
        }
    }
    assignment
}
