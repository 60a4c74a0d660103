//! Which partitions were moved from whom to whom while an assignment was being made more even, so
//! that two members do not swap partitions of a topic.
//!
//! In Kafka: AbstractStickyAssignor.PartitionMovements.

use super::hash_order;
use crate::base::{SortedMap, TopicPartition};

/// From whom, to whom.
type Pair = (String, String);

/// The movements so far.
#[derive(Default)]
pub(super) struct Movements {
    by_partition: SortedMap<TopicPartition, Pair>,
    /// In the order in which they were made.
    by_topic: SortedMap<(String, Pair), Vec<TopicPartition>>,
}

impl Movements {
    fn add(&mut self, partition: &TopicPartition, pair: Pair) {
        let key = (partition.topic.clone(), pair.clone());
        self.by_topic.entry(key).or_default().push(partition.clone());
        self.by_partition.insert(partition.clone(), pair);
    }

    /// A partition moves; one that moved before counts from where it was at first, and one that
    /// comes home does not count.
    pub fn record(&mut self, partition: &TopicPartition, from: &str, to: &str) {
        let Some((first, last)) = self.by_partition.remove(partition) else {
            return self.add(partition, (from.to_owned(), to.to_owned()));
        };
        let key = (partition.topic.clone(), (first.clone(), last));
        if let Some(moved) = self.by_topic.get_mut(&key) {
            moved.retain(|one| one != partition);
            if moved.is_empty() {
                self.by_topic.remove(&key);
            }
        }
        if first != to {
            self.add(partition, (first, to.to_owned()));
        }
    }

    /// The partition to move instead of `partition`: one of its topic that went the other way
    /// before, if there is one.
    pub fn instead_of(&self, partition: &TopicPartition, from: &str, to: &str) -> TopicPartition {
        let from = self.by_partition.get(partition).map_or(from, |(first, _)| first);
        let back = (partition.topic.clone(), (to.to_owned(), from.to_owned()));
        let moved = self.by_topic.get(&back).cloned().unwrap_or_default();
        let first = hash_order::partitions(moved).into_iter().next();
        first.unwrap_or_else(|| partition.clone())
    }
}
