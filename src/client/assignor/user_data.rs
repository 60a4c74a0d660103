//! What the sticky assignors of a member tell the leader: the assignment that it had, and of which
//! generation it was.
//!
//! In Kafka: StickyAssignor and CooperativeStickyAssignor, their user data in version 1 and 0.

use super::hash_order;
use super::{LastAssignment, Subscription};
use crate::base::{SortedMap, TopicPartition};
use crate::wire::kafka::{
    CooperativeStickyAssignorUserData, StickyAssignorUserData, StickyAssignorUserDataTopic,
};
use crate::wire::schema::{Field, Form};
use crate::wire::{Reader, Writer};
use bytes::Bytes;

/// The generation of who has not been in any.
pub(super) const NO_GENERATION: i32 = -1;

/// What a member owned, in the generation it says, if it says one.
#[derive(Default)]
pub(super) struct MemberData {
    pub partitions: Vec<TopicPartition>,
    pub generation: Option<i32>,
}

fn encode(message: &impl Field, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.write(&mut writer, Form::plain(version));
    writer.finish()
}

fn decode<M: Field>(bytes: &Bytes, version: i16) -> Option<M> {
    M::read(&mut Reader::new(bytes), Form::plain(version)).ok()
}

/// As `sticky` writes it.
pub(super) fn previous_assignment(last: &LastAssignment) -> Bytes {
    let mut topics: SortedMap<String, Vec<i32>> = SortedMap::new();
    for partition in &last.partitions {
        topics.entry(partition.topic.clone()).or_default().push(partition.partition);
    }
    let names = hash_order::strings(topics.keys()).into_iter();
    let topic = |topic: &String| StickyAssignorUserDataTopic {
        topic: topic.clone(),
        partitions: topics.get(topic).cloned().unwrap_or_default(),
    };
    let previous_assignment = names.map(topic).collect();
    encode(&StickyAssignorUserData { previous_assignment, generation: last.generation }, 1)
}

/// As `cooperative-sticky` writes it.
pub(super) fn generation(last: Option<&LastAssignment>) -> Bytes {
    let generation = last.map_or(NO_GENERATION, |last| last.generation);
    encode(&CooperativeStickyAssignorUserData { generation }, 0)
}

/// What a member with `sticky` owned. What cannot be read counts as nothing, of a generation before
/// all others.
pub(super) fn of_sticky(subscription: &Subscription) -> MemberData {
    let Some(bytes) = subscription.user_data.as_ref().filter(|bytes| !bytes.is_empty()) else {
        return MemberData::default();
    };
    let (data, generation) = match decode::<StickyAssignorUserData>(bytes, 1) {
        Some(data) => (data.previous_assignment, Some(data.generation)),
        // Up to 2.2 there was no generation.
        None => match decode::<StickyAssignorUserData>(bytes, 0) {
            Some(data) => (data.previous_assignment, None),
            None => (Vec::new(), Some(NO_GENERATION)),
        },
    };
    let topics = data.into_iter();
    let partitions = topics.flat_map(|assigned| {
        let numbers = assigned.partitions.into_iter();
        numbers.map(move |number| TopicPartition::new(assigned.topic.clone(), number))
    });
    MemberData { partitions: partitions.collect(), generation }
}

/// What a member with `cooperative-sticky` owns.
pub(super) fn of_cooperative(subscription: &Subscription) -> MemberData {
    let bytes = subscription.user_data.as_ref();
    let generation = bytes.map(|bytes| {
        let data = decode::<CooperativeStickyAssignorUserData>(bytes, 0);
        data.map_or(NO_GENERATION, |data| data.generation)
    });
    MemberData { partitions: subscription.owned.clone(), generation }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(user_data: Option<Bytes>) -> Subscription {
        Subscription { user_data, ..Subscription::default() }
    }

    #[test]
    fn what_one_generation_writes_the_next_reads() {
        let partitions = vec![
            TopicPartition::new("a", 2),
            TopicPartition::new("a", 0),
            TopicPartition::new("b", 1),
        ];
        let last = LastAssignment { generation: 7, partitions: partitions.clone() };
        let bytes = previous_assignment(&last);
        let expected =
            b"\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\x02\0\0\0\0\0\x01b\0\0\0\x01\0\0\0\x01\0\0\0\x07";
        assert_eq!(bytes[..], expected[..]);
        let read = of_sticky(&subscription(Some(bytes)));
        assert_eq!((read.partitions, read.generation), (partitions, Some(7)));
        assert_eq!(generation(Some(&last))[..], [0, 0, 0, 7]);
        assert_eq!(of_cooperative(&subscription(Some(generation(None)))).generation, Some(-1));
    }

    #[test]
    fn odd_bytes_are_an_old_generation_of_nothing() {
        for bytes in [
            &b"\0"[..],
            b"\0\0\0\x01\0\x01",
            b"\x7f\xff\xff\xff",
            b"\0\0\0\x01\0\x01a\x7f\xff\xff\xff",
        ] {
            let read = of_sticky(&subscription(Some(Bytes::from_static(bytes))));
            assert_eq!((read.partitions, read.generation), (Vec::new(), Some(-1)));
        }
        assert_eq!(of_sticky(&subscription(None)).generation, None);
        assert_eq!(of_cooperative(&subscription(None)).generation, None);
        let short = of_cooperative(&subscription(Some(Bytes::from_static(b"\0"))));
        assert_eq!(short.generation, Some(-1));
        let without = of_sticky(&subscription(Some(Bytes::from_static(b"\0\0\0\0"))));
        assert_eq!(without.generation, None);
    }
}
