//! The partitions that a consumer owns, and how far it is in each.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.SubscriptionState.

use crate::base::mutant::{Mutant, is_planted};
use crate::base::{SortedMap, Time, TopicPartition};

/// Where a partition's position comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchState {
    /// From the committed offset, which is not known yet.
    AwaitsCommitted,
    /// From the broker: earliest (−2), latest (−1) or the first at a time in ms.
    AwaitsReset(i64),
    /// There is one, and the leader changed: whether the log still has what was read up to it is
    /// being asked (KIP-320).
    AwaitsValidation(i64),
    /// There is one; records are fetched from it.
    Fetching(i64),
}

/// One owned partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedPartition {
    /// Its position, or how it will get one.
    pub state: FetchState,
    /// Leader epoch of the record before the position, −1 when not known.
    pub offset_epoch: i32,
    /// Leader epoch under which the position is known to be sound, −1 for none.
    pub leader_epoch: i32,
    /// Last offset committed, −1 for none.
    pub committed: i64,
    /// High watermark as the last fetch told, −1 when not known.
    pub high_watermark: i64,
    /// Last stable offset as the last fetch told, −1 when not known.
    pub last_stable_offset: i64,
    /// The application wants no records of it for now.
    pub is_paused: bool,
    /// Nothing is asked about it before this time.
    pub not_before: Time,
}

impl OwnedPartition {
    fn new() -> Self {
        Self {
            state: FetchState::AwaitsCommitted,
            offset_epoch: -1,
            leader_epoch: -1,
            committed: -1,
            high_watermark: -1,
            last_stable_offset: -1,
            is_paused: false,
            not_before: Time::ZERO,
        }
    }

    /// Offset of the next record to read.
    pub fn position(&self) -> Option<i64> {
        match self.state {
            FetchState::Fetching(position) | FetchState::AwaitsValidation(position) => {
                Some(position)
            }
            FetchState::AwaitsCommitted | FetchState::AwaitsReset(_) => None,
        }
    }

    /// The position, when records may be fetched from it and handed out.
    pub fn fetchable(&self) -> Option<i64> {
        match self.state {
            FetchState::Fetching(position) if !self.is_paused => Some(position),
            _ => None,
        }
    }

    /// Goes to `offset`; the record before it was of `epoch`, −1 when that is not known.
    pub fn seek(&mut self, offset: i64, epoch: i32) {
        self.state = FetchState::Fetching(offset);
        self.offset_epoch = epoch;
        self.leader_epoch = -1;
        self.not_before = Time::ZERO;
    }

    /// Goes where a broker says that `timestamp` is: earliest (−2), latest (−1), or a time in ms.
    pub fn reset(&mut self, timestamp: i64) {
        self.state = FetchState::AwaitsReset(timestamp);
        self.offset_epoch = -1;
        self.not_before = Time::ZERO;
    }
}

/// An offset to commit, with the leader epoch of the record before it, −1 when not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetAndEpoch {
    /// Next offset to read.
    pub offset: i64,
    /// Leader epoch.
    pub epoch: i32,
}

/// All owned partitions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscriptions {
    owned: SortedMap<TopicPartition, OwnedPartition>,
}

impl Subscriptions {
    /// Takes over a new assignment: what is in it already goes on as it is, the rest begins anew.
    pub fn assign(&mut self, partitions: &[TopicPartition]) {
        let mut old = std::mem::take(&mut self.owned);
        for partition in partitions {
            let owned = old.remove(partition).unwrap_or_else(OwnedPartition::new);
            self.owned.insert(partition.clone(), owned);
        }
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

    /// The partitions for which `wanted` holds and that may be asked about now.
    pub fn due(&self, now: Time, wanted: impl Fn(&OwnedPartition) -> bool) -> Vec<TopicPartition> {
        let due = |owned: &OwnedPartition| owned.not_before <= now && wanted(owned);
        let due = self.owned.iter().filter(|(_, owned)| due(owned));
        due.map(|(partition, _)| partition.clone()).collect()
    }

    /// Positions of all partitions that have one: what a commit stores.
    pub fn all_consumed(&self) -> SortedMap<TopicPartition, OffsetAndEpoch> {
        let positions = self.owned.iter().filter_map(|(partition, owned)| {
            let offset = owned.position()? + i64::from(is_planted(Mutant::CommitAhead));
            let offset = OffsetAndEpoch { offset, epoch: owned.offset_epoch };
            Some((partition.clone(), offset))
        });
        positions.collect()
    }
}
