//! What consumers put into the opaque bytes of the group protocol: subscriptions and assignments,
//! with a version in front.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerProtocol.

use super::assignor::hash_order;
use crate::base::{SortedMap, TopicPartition};
use crate::wire::kafka::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription, ConsumerProtocolSubscriptionTopicPartition,
};
use crate::wire::schema::{Field, Form};
use crate::wire::{Reader, Writer};
use bytes::Bytes;

const VERSION: i16 = 1;

fn encode(message: &impl Field) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(VERSION);
    message.write(&mut writer, Form::plain(VERSION));
    writer.finish()
}

/// Reads a message of any version, a newer one as the newest that we know; none when it is not one.
fn decode<M: Field>(bytes: &Bytes) -> Option<M> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().ok().filter(|version| *version >= 0)?;
    M::read(&mut reader, Form::plain(version.min(VERSION))).ok()
}

/// What a member tells the group's leader.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    /// The topics it wants.
    pub topics: Vec<String>,
    /// What its assignor tells of the last assignment.
    pub user_data: Option<Bytes>,
    /// What it owns and has not given up.
    pub owned: Vec<TopicPartition>,
    /// `group.instance.id`, which travels beside the subscription.
    pub group_instance_id: Option<String>,
}

fn by_topic(partitions: &[TopicPartition]) -> SortedMap<String, Vec<i32>> {
    let mut topics: SortedMap<String, Vec<i32>> = SortedMap::new();
    for partition in partitions {
        topics.entry(partition.topic.clone()).or_default().push(partition.partition);
    }
    topics
}

/// A member's metadata in JoinGroup.
pub fn encode_subscription(subscription: &Subscription) -> Bytes {
    let mut topics = subscription.topics.clone();
    topics.sort();
    let mut owned = subscription.owned.clone();
    owned.sort();
    let owned = by_topic(&owned).into_iter();
    encode(&ConsumerProtocolSubscription {
        topics,
        user_data: subscription.user_data.clone(),
        owned_partitions: owned
            .map(|(topic, partitions)| ConsumerProtocolSubscriptionTopicPartition {
                topic,
                partitions,
            })
            .collect(),
    })
}

/// What a member's metadata say; none for bytes that are no subscription.
pub fn decode_subscription(bytes: &Bytes) -> Option<Subscription> {
    let read = decode::<ConsumerProtocolSubscription>(bytes)?;
    let owned = read.owned_partitions.into_iter().flat_map(|owned| {
        let numbers = owned.partitions.into_iter();
        numbers.map(move |number| TopicPartition::new(owned.topic.clone(), number))
    });
    Some(Subscription {
        topics: read.topics,
        user_data: read.user_data,
        owned: owned.collect(),
        group_instance_id: None,
    })
}

/// A member's assignment in SyncGroup.
pub fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let mut topics = by_topic(partitions);
    let names: Vec<_> = hash_order::strings(topics.keys()).into_iter().cloned().collect();
    let assigned = names.into_iter().filter_map(|name| topics.remove_entry(&name));
    encode(&ConsumerProtocolAssignment {
        assigned_partitions: assigned
            .map(|(topic, partitions)| ConsumerProtocolAssignmentTopicPartition {
                topic,
                partitions,
            })
            .collect(),
        user_data: None,
    })
}

/// The partitions in an assignment; no bytes at all are an empty one.
pub fn decode_assignment(bytes: &Bytes) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let assignment = decode::<ConsumerProtocolAssignment>(bytes)?;
    let topics = assignment.assigned_partitions.into_iter();
    let partitions = topics.flat_map(|assigned| {
        let numbers = assigned.partitions.into_iter();
        numbers.map(move |number| TopicPartition::new(assigned.topic.clone(), number))
    });
    Some(partitions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let owned = vec![TopicPartition::new("a", 0), TopicPartition::new("a", 2)];
        let subscription = Subscription {
            topics: vec!["a".to_owned(), "b".to_owned()],
            user_data: Some(Bytes::from_static(b"\0\0\0\x07")),
            owned: owned.clone(),
            group_instance_id: None,
        };
        let bytes = encode_subscription(&subscription);
        assert_eq!(decode_subscription(&bytes), Some(subscription));
        assert_eq!(decode_assignment(&encode_assignment(&owned)), Some(owned));
        assert_eq!(decode_assignment(&Bytes::new()), Some(Vec::new()));
    }

    #[test]
    fn odd_bytes_are_refused() {
        for bytes in [&b""[..], b"\0", b"\xff\xff\0\0\0\0", b"\0\x01\0\xff\xff\xff"] {
            assert_eq!(decode_subscription(&Bytes::from_static(bytes)), None, "{bytes:?}");
        }
        assert_eq!(decode_assignment(&Bytes::from_static(b"\0\x01\0\0\0\x09")), None);
    }
}
