//! What consumers put into the opaque bytes of the group protocol: subscriptions and assignments,
//! with a version in front.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerProtocol.

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

fn by_topic(partitions: &[TopicPartition]) -> SortedMap<String, Vec<i32>> {
    let mut topics: SortedMap<String, Vec<i32>> = SortedMap::new();
    for partition in partitions {
        topics.entry(partition.topic.clone()).or_default().push(partition.partition);
    }
    topics
}

/// A member's metadata in JoinGroup: its topics and what it owns.
pub fn encode_subscription(topics: &[String], owned: &[TopicPartition]) -> Bytes {
    let owned = by_topic(owned).into_iter();
    encode(&ConsumerProtocolSubscription {
        topics: topics.to_vec(),
        user_data: None,
        owned_partitions: owned
            .map(|(topic, partitions)| ConsumerProtocolSubscriptionTopicPartition {
                topic,
                partitions,
            })
            .collect(),
    })
}

/// The topics in a member's metadata; none for bytes that are no subscription.
pub fn decode_subscription(bytes: &Bytes) -> Option<Vec<String>> {
    decode::<ConsumerProtocolSubscription>(bytes).map(|subscription| subscription.topics)
}

/// A member's assignment in SyncGroup.
pub fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let topics = by_topic(partitions).into_iter();
    encode(&ConsumerProtocolAssignment {
        assigned_partitions: topics
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
        let topics = vec!["a".to_owned(), "b".to_owned()];
        let owned = vec![TopicPartition::new("a", 0), TopicPartition::new("a", 2)];
        let subscription = encode_subscription(&topics, &owned);
        assert_eq!(decode_subscription(&subscription), Some(topics));
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
