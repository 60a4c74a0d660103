//! Which partition a record goes to. A record with a key goes where the key's hash says. One without
//! sticks to a partition until its batch is full (KIP-480, from 2.4), or goes to the next partition
//! each time (0.9 to 2.3). Two more classes of 2.8 do the one or the other whatever the key.
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.{DefaultPartitioner, StickyPartitionCache},
//! org.apache.kafka.clients.producer.{RoundRobinPartitioner, UniformStickyPartitioner}.

use super::metadata::PartitionInfo;
use crate::base::{Rng, SortedMap};
use crate::node::{ConfigError, Properties};
use crate::wire::murmur2::partition_for_key;

/// `partitioner.class`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Partitioner {
    /// `default`: the partition each topic sticks to.
    Sticky(SortedMap<String, i32>),
    /// `UniformStickyPartitioner`: the same, and keys do not count.
    UniformSticky(SortedMap<String, i32>),
    /// `round-robin`, the default up to 2.3: a counter for each topic, which begins anywhere.
    RoundRobin(SortedMap<String, u32>),
    /// `RoundRobinPartitioner`: a counter for each topic, from 0, and keys do not count. It counts
    /// twice for a record that needs a new batch (KAFKA-9965).
    UniformRoundRobin(SortedMap<String, u32>),
}

impl Partitioner {
    /// The partitioner that the properties ask for.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let key = "partitioner.class";
        match properties.get(key).unwrap_or("default") {
            "default" | "org.apache.kafka.clients.producer.internals.DefaultPartitioner" => {
                Ok(Self::Sticky(SortedMap::new()))
            }
            "round-robin" => Ok(Self::RoundRobin(SortedMap::new())),
            "org.apache.kafka.clients.producer.UniformStickyPartitioner" => {
                Ok(Self::UniformSticky(SortedMap::new()))
            }
            "org.apache.kafka.clients.producer.RoundRobinPartitioner" => {
                Ok(Self::UniformRoundRobin(SortedMap::new()))
            }
            other => Err(ConfigError {
                key: key.to_owned(),
                value: other.to_owned(),
                reason: format!(
                    "Class {other} could not be found; there are default (of 2.8), round-robin (the \
                     default up to 2.3), and UniformStickyPartitioner and RoundRobinPartitioner in \
                     org.apache.kafka.clients.producer"
                ),
            }),
        }
    }

    /// The partition for a record; `partitions` holds at least one.
    pub fn partition(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        partitions: &[PartitionInfo],
        rng: &mut Rng,
    ) -> i32 {
        let by_key = matches!(self, Self::Sticky(_) | Self::RoundRobin(_));
        if let Some(key) = key.filter(|_| by_key) {
            return partition_for_key(key, partitions.len() as i32);
        }
        match self {
            Self::Sticky(current) | Self::UniformSticky(current) => match current.get(topic) {
                Some(partition) if *partition < partitions.len() as i32 => *partition,
                _ => {
                    let partition = random_other(None, partitions, rng);
                    current.insert(topic.to_owned(), partition);
                    partition
                }
            },
            Self::RoundRobin(counters) => {
                let start = || rng.next_u64() as u32;
                take_turn(counters.entry(topic.to_owned()).or_insert_with(start), partitions)
            }
            Self::UniformRoundRobin(counters) => {
                take_turn(counters.entry(topic.to_owned()).or_default(), partitions)
            }
        }
    }

    /// True for the classes that are asked again when a record needs a new batch: those of 2.4 on.
    pub fn chooses_again(&self) -> bool {
        !matches!(self, Self::RoundRobin(_))
    }

    /// A record for `partition` needs a new batch: a topic that sticks to it moves on.
    pub fn on_new_batch(
        &mut self,
        topic: &str,
        partition: i32,
        partitions: &[PartitionInfo],
        rng: &mut Rng,
    ) {
        if let Self::Sticky(current) | Self::UniformSticky(current) = self
            && current.get(topic).is_none_or(|sticky| *sticky == partition)
        {
            let next = random_other(current.get(topic).copied(), partitions, rng);
            current.insert(topic.to_owned(), next);
        }
    }
}

/// The partition whose turn it is, among those that have a leader when any has.
fn take_turn(counter: &mut u32, partitions: &[PartitionInfo]) -> i32 {
    let available = available(partitions);
    let turn = (*counter & 0x7fff_ffff) as usize;
    *counter = counter.wrapping_add(1);
    match available.get(turn % available.len().max(1)) {
        Some(partition) => *partition,
        None => (turn % partitions.len().max(1)) as i32,
    }
}

fn available(partitions: &[PartitionInfo]) -> Vec<i32> {
    let numbered = (0..).zip(partitions);
    numbered.filter(|(_, info)| info.leader.is_some()).map(|(number, _)| number).collect()
}

/// A random partition that has a leader, and another one than `old` when there are two.
fn random_other(old: Option<i32>, partitions: &[PartitionInfo], rng: &mut Rng) -> i32 {
    let mut candidates = available(partitions);
    if candidates.len() > 1 {
        candidates.retain(|candidate| Some(*candidate) != old);
    }
    let any = rng.below(partitions.len() as u64) as i32;
    rng.pick(&candidates).copied().unwrap_or(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(leaders: &[Option<i32>]) -> Vec<PartitionInfo> {
        leaders.iter().map(|leader| PartitionInfo { leader: *leader, leader_epoch: 0 }).collect()
    }

    fn sticky() -> Partitioner {
        Partitioner::Sticky(SortedMap::new())
    }

    fn round_robin() -> Partitioner {
        Partitioner::RoundRobin(SortedMap::new())
    }

    #[test]
    fn keys_go_by_their_hash_whether_a_leader_is_there_or_not() {
        let mut rng = Rng::new(1);
        let three = partitions(&[None, Some(1), None]);
        for (key, expected) in [("k1", 2), ("k2", 0), ("k3", 1), ("user-42", 1), ("héllo", 0)] {
            for mut partitioner in [sticky(), round_robin()] {
                let chosen = partitioner.partition("t", Some(key.as_bytes()), &three, &mut rng);
                assert_eq!(chosen, expected, "{key}");
            }
        }
    }

    #[test]
    fn sticky_stays_until_a_new_batch_and_alternates_over_two() {
        let (mut rng, mut partitioner) = (Rng::new(3), sticky());
        let two = partitions(&[Some(1), Some(2)]);
        let mut last = partitioner.partition("t", None, &two, &mut rng);
        for _ in 0..10 {
            assert_eq!(partitioner.partition("t", None, &two, &mut rng), last);
            partitioner.on_new_batch("t", last, &two, &mut rng);
            let next = partitioner.partition("t", None, &two, &mut rng);
            assert_eq!(next, 1 - last);
            partitioner.on_new_batch("t", last, &two, &mut rng);
            assert_eq!(partitioner.partition("t", None, &two, &mut rng), next, "not its batch");
            last = next;
        }
    }

    #[test]
    fn sticky_avoids_partitions_without_a_leader() {
        let (mut rng, mut partitioner) = (Rng::new(3), sticky());
        let one = partitions(&[None, None, Some(1)]);
        for _ in 0..5 {
            assert_eq!(partitioner.partition("t", None, &one, &mut rng), 2);
            partitioner.on_new_batch("t", 2, &one, &mut rng);
        }
        let none = partitions(&[None]);
        assert_eq!(sticky().partition("t", None, &none, &mut rng), 0);
    }

    #[test]
    fn two_classes_of_2_8_do_not_look_at_keys() {
        let mut rng = Rng::new(3);
        let three = partitions(&[Some(1), Some(2), Some(3)]);
        let class = |name: &str| {
            let name = format!("org.apache.kafka.clients.producer.{name}");
            let properties = Properties::of([("partitioner.class", name.as_str())]);
            Partitioner::from_properties(&properties).expect("a class")
        };
        let mut robin = class("RoundRobinPartitioner");
        let turns = [0, 1, 2, 0].map(|_| robin.partition("t", Some(b"k1"), &three, &mut rng));
        assert_eq!(turns, [0, 1, 2, 0]);
        let mut sticky = class("UniformStickyPartitioner");
        let first = sticky.partition("t", Some(b"k1"), &three, &mut rng);
        assert_eq!(sticky.partition("t", Some(b"k2"), &three, &mut rng), first);
        sticky.on_new_batch("t", first, &three, &mut rng);
        assert_ne!(sticky.partition("t", Some(b"k1"), &three, &mut rng), first);
    }

    #[test]
    fn round_robin_takes_each_in_turn() {
        let (mut rng, mut partitioner) = (Rng::new(3), round_robin());
        let three = partitions(&[Some(1), Some(2), Some(3)]);
        let first = partitioner.partition("t", None, &three, &mut rng);
        for turn in 1..9 {
            let chosen = partitioner.partition("t", None, &three, &mut rng);
            assert_eq!(chosen, (first + turn) % 3);
        }
    }
}
