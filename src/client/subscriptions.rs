//! The partitions that a consumer owns, and how far it is in each.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.SubscriptionState.

use crate::base::{SortedMap, Time, TopicPartition};

/// Where a partition's position comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchState {
    /// From the committed offset, which is not known yet.
    AwaitsCommitted,
    /// From the broker: earliest (−2) or latest (−1), which is not known yet.
    AwaitsReset(i64),
    /// There is one; records are fetched from it.
    Fetching(i64),
}

/// One owned partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedPartition {
    /// Its position, or how it will get one.
    pub state: FetchState,
    /// Last offset committed, −1 for none.
    pub committed: i64,
    /// High watermark as the last fetch told, −1 when not known.
    pub high_watermark: i64,
    /// Nothing is asked about it before this time.
    pub not_before: Time,
}

impl OwnedPartition {
    fn new() -> Self {
        Self {
            state: FetchState::AwaitsCommitted,
            committed: -1,
            high_watermark: -1,
            not_before: Time::ZERO,
        }
    }

    /// Offset of the next record to read.
    pub fn position(&self) -> Option<i64> {
        match self.state {
            FetchState::Fetching(position) => Some(position),
            FetchState::AwaitsCommitted | FetchState::AwaitsReset(_) => None,
        }
    }
}

/// All owned partitions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscriptions {
    owned: SortedMap<TopicPartition, OwnedPartition>,
}

impl Subscriptions {
    /// Takes over a new assignment; every partition begins anew.
    pub fn assign(&mut self, partitions: &[TopicPartition]) {
        let fresh = partitions.iter().map(|partition| (partition.clone(), OwnedPartition::new()));
        self.owned = fresh.collect();
    }

    /// Owns nothing any more.
    pub fn clear(&mut self) {
        self.owned.clear();
    }

    /// The owned partitions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &OwnedPartition)> {
        self.owned.iter()
    }

    /// The names of the owned partitions.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.owned.keys().cloned().collect()
    }

    /// An owned partition.
    pub fn get(&self, partition: &TopicPartition) -> Option<&OwnedPartition> {
        self.owned.get(partition)
    }

    /// An owned partition, to change it.
    pub fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut OwnedPartition> {
        self.owned.get_mut(partition)
    }

    /// The partitions for whose state `wanted` holds and that may be asked about now.
    pub fn due(&self, now: Time, wanted: impl Fn(FetchState) -> bool) -> Vec<TopicPartition> {
        let due = |owned: &OwnedPartition| owned.not_before <= now && wanted(owned.state);
        let due = self.owned.iter().filter(|(_, owned)| due(owned));
        due.map(|(partition, _)| partition.clone()).collect()
    }

    /// Positions of all partitions that have one: what a commit stores.
    pub fn all_consumed(&self) -> SortedMap<TopicPartition, i64> {
        let positions = self.owned.iter();
        positions
            .filter_map(|(partition, owned)| Some((partition.clone(), owned.position()?)))
            .collect()
    }
}
