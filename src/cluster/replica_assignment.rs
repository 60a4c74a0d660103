//! Which brokers hold the replicas of a new partition: leaders go round the brokers, followers
//! follow at a distance that grows with each round, and racks are spread where all brokers have one.
//!
//! In Kafka: kafka.admin.AdminUtils.assignReplicasToBrokers.

use crate::base::{Rng, SortedMap, SortedSet};
use std::fmt;

/// A broker as far as placement cares.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BrokerMetadata {
    /// `broker.id`.
    pub id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// Where to begin. Kafka draws both at random unless partitions are added to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AssignmentStart {
    /// Index of the broker that leads the first partition.
    pub start_index: usize,
    /// Distance of the first follower.
    pub replica_shift: usize,
    /// Number of the first partition.
    pub partition: usize,
}

impl AssignmentStart {
    /// A random start for the partitions of a new topic on `brokers` brokers.
    pub fn random(rng: &mut Rng, brokers: usize) -> Self {
        Self {
            start_index: rng.below(brokers as u64) as usize,
            replica_shift: rng.below(brokers as u64) as usize,
            partition: 0,
        }
    }

    /// A fixed start at the broker `index`, numbering from `partition`.
    pub fn fixed(index: usize, partition: usize) -> Self {
        Self { start_index: index, replica_shift: index, partition }
    }
}

/// Why nothing can be assigned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignmentError {
    /// INVALID_PARTITIONS.
    InvalidPartitions,
    /// INVALID_REPLICATION_FACTOR: not above 0.
    InvalidReplicationFactor,
    /// INVALID_REPLICATION_FACTOR: more replicas than brokers.
    TooFewBrokers {
        /// Replicas asked for.
        replication_factor: i32,
        /// Brokers alive.
        brokers: usize,
    },
    /// Some brokers have a rack and some have none.
    IncompleteRacks,
}

impl fmt::Display for AssignmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPartitions => f.write_str("Number of partitions must be larger than 0."),
            Self::InvalidReplicationFactor => {
                f.write_str("Replication factor must be larger than 0.")
            }
            Self::TooFewBrokers { replication_factor, brokers } => write!(
                f,
                "Replication factor: {replication_factor} larger than available brokers: {brokers}."
            ),
            Self::IncompleteRacks => f.write_str(
                "Not all brokers have rack information for replica rack aware assignment.",
            ),
        }
    }
}

impl std::error::Error for AssignmentError {}

/// The replicas of each of `partitions` new partitions, preferred leader first.
pub fn assign_replicas_to_brokers(
    brokers: &[BrokerMetadata],
    partitions: i32,
    replication_factor: i32,
    start: AssignmentStart,
) -> Result<SortedMap<i32, Vec<i32>>, AssignmentError> {
    if partitions <= 0 {
        return Err(AssignmentError::InvalidPartitions);
    }
    if replication_factor <= 0 {
        return Err(AssignmentError::InvalidReplicationFactor);
    }
    if replication_factor as usize > brokers.len() {
        return Err(AssignmentError::TooFewBrokers { replication_factor, brokers: brokers.len() });
    }
    let mut brokers = brokers.to_vec();
    brokers.sort();
    let (count, replicas) = (partitions as usize, replication_factor as usize);
    match brokers.iter().filter(|broker| broker.rack.is_some()).count() {
        0 => Ok(assign_rack_unaware(&brokers, count, replicas, start)),
        racked if racked == brokers.len() => {
            Ok(assign_rack_aware(&brokers, count, replicas, start))
        }
        _ => Err(AssignmentError::IncompleteRacks),
    }
}

fn assign_rack_unaware(
    brokers: &[BrokerMetadata],
    partitions: usize,
    replicas: usize,
    start: AssignmentStart,
) -> SortedMap<i32, Vec<i32>> {
    let n = brokers.len();
    let mut shift = start.replica_shift;
    let mut assignment = SortedMap::new();
    for partition in start.partition..start.partition + partitions {
        if partition > 0 && partition % n == 0 {
            shift += 1;
        }
        let first = (partition + start.start_index) % n;
        let followers =
            (0..replicas - 1).map(|follower| brokers[replica_index(first, shift, follower, n)].id);
        let chosen = std::iter::once(brokers[first].id).chain(followers).collect();
        assignment.insert(partition as i32, chosen);
    }
    assignment
}

fn replica_index(first: usize, shift: usize, follower: usize, brokers: usize) -> usize {
    (first + 1 + (shift + follower) % (brokers - 1)) % brokers
}

fn assign_rack_aware(
    brokers: &[BrokerMetadata],
    partitions: usize,
    replicas: usize,
    start: AssignmentStart,
) -> SortedMap<i32, Vec<i32>> {
    let racks: SortedMap<i32, &str> =
        brokers.iter().map(|broker| (broker.id, broker.rack.as_deref().unwrap_or(""))).collect();
    let rack_count = racks.values().collect::<SortedSet<_>>().len();
    let arranged = rack_alternated(&racks);
    let n = arranged.len();
    let mut shift = start.replica_shift;
    let mut assignment = SortedMap::new();
    for partition in start.partition..start.partition + partitions {
        if partition > 0 && partition % n == 0 {
            shift += 1;
        }
        let first = (partition + start.start_index) % n;
        let mut chosen = vec![arranged[first]];
        let mut used_racks = SortedSet::from([racks[&arranged[first]]]);
        let mut tried = 0;
        while chosen.len() < replicas {
            let index = replica_index(first, shift * rack_count, tried, n);
            tried += 1;
            let (broker, rack) = (arranged[index], racks[&arranged[index]]);
            let rack_is_free = !used_racks.contains(rack) || used_racks.len() == rack_count;
            let broker_is_free = !chosen.contains(&broker) || chosen.len() == n;
            if rack_is_free && broker_is_free {
                chosen.push(broker);
                used_racks.insert(rack);
            }
        }
        assignment.insert(partition as i32, chosen);
    }
    assignment
}

/// Brokers so that neighbours are in different racks: one of each rack in turn.
fn rack_alternated(racks: &SortedMap<i32, &str>) -> Vec<i32> {
    let mut by_rack: SortedMap<&str, Vec<i32>> = SortedMap::new();
    for (id, rack) in racks {
        by_rack.entry(rack).or_default().push(*id);
    }
    let deepest = by_rack.values().map(Vec::len).max().unwrap_or(0);
    (0..deepest)
        .flat_map(|depth| by_rack.values().filter_map(move |ids| ids.get(depth).copied()))
        .collect()
}

#[cfg(test)]
mod tests;
