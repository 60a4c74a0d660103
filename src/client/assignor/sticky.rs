//! The sticky assignors: as even as possible, and of what was owned as much as possible stays where
//! it is. This file has the case in which all members have the same subscription, and the second
//! phase of the cooperative one: what must change hands is first given up, and given to its new
//! owner by the rebalance that follows.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor,
//! CooperativeStickyAssignor (KIP-54, KIP-429).

use super::user_data::{self, MemberData};
use super::{
    Assignment, PartitionCounts, Subscription, Subscriptions, general, hash_order, nothing,
};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use std::collections::VecDeque;

/// Partitions that a member gives up for another one, by partition.
type Transfers = SortedMap<TopicPartition, String>;

/// The assignment of StickyAssignor, whose members tell in data of their own what they owned.
pub(super) fn assign(counts: &PartitionCounts, subscriptions: &Subscriptions) -> Assignment {
    let Some(owned) = owned_if_all_subscribe_alike(counts, subscriptions, user_data::of_sticky)
    else {
        let read = read_before_they_differ(subscriptions);
        return general::assign(counts, subscriptions, |member, one| {
            if read.contains(member) { MemberData::default() } else { user_data::of_sticky(one) }
        });
    };
    constrained(counts, subscriptions, owned).0
}

/// Kafka reads a member's data from a buffer that can be read once. What it read to see whether all subscribe alike
/// is not there any more when they do not: these members' partitions do not stick, or are of no generation.
fn read_before_they_differ(subscriptions: &Subscriptions) -> SortedSet<String> {
    let topics = |member: &String| {
        let topics = subscriptions.get(member).map_or(&[][..], |one| &one.topics);
        topics.iter().collect::<SortedSet<_>>()
    };
    let members = hash_order::strings(subscriptions.keys());
    let first = members.first().map(|first| topics(first));
    let alike = members.into_iter().take_while(|member| Some(topics(member)) == first);
    alike.cloned().collect()
}

/// As [`assign`], and without what somebody else still has to give up.
pub(super) fn assign_cooperatively(
    counts: &PartitionCounts,
    subscriptions: &Subscriptions,
) -> Assignment {
    let data_of = user_data::of_cooperative;
    let (mut assignment, transfers) =
        if let Some(owned) = owned_if_all_subscribe_alike(counts, subscriptions, data_of) {
            constrained(counts, subscriptions, owned)
        } else {
            let read = read_before_they_differ(subscriptions);
            let assignment = general::assign(counts, subscriptions, |member, one| {
                let data = data_of(one);
                let void = |_| user_data::NO_GENERATION;
                let generation =
                    if read.contains(member) { data.generation.map(void) } else { data.generation };
                MemberData { generation, ..data }
            });
            let transfers = transfers_of(&assignment, subscriptions);
            (assignment, transfers)
        };
    for (partition, new_owner) in transfers {
        if let Some(partitions) = assignment.get_mut(&new_owner) {
            partitions.retain(|one| *one != partition);
        }
    }
    assignment
}

/// What is new with one member and gone from another.
fn transfers_of(assignment: &Assignment, subscriptions: &Subscriptions) -> Transfers {
    let (mut added, mut revoked) = (Transfers::new(), SortedSet::new());
    for (member, assigned) in assignment {
        let owned = subscriptions.get(member).map_or(&[][..], |one| &one.owned);
        let new = assigned.iter().filter(|partition| !owned.contains(partition));
        added.extend(new.map(|partition| (partition.clone(), member.clone())));
        revoked.extend(owned.iter().filter(|partition| !assigned.contains(partition)).cloned());
    }
    added.retain(|partition, _| revoked.contains(partition));
    added
}

/// What each member owned in the newest generation, and what two of them claim.
struct Owned {
    by_member: SortedMap<String, Vec<TopicPartition>>,
    claimed_twice: SortedSet<TopicPartition>,
}

/// None when subscriptions differ.
fn owned_if_all_subscribe_alike(
    counts: &PartitionCounts,
    subscriptions: &Subscriptions,
    data_of: fn(&Subscription) -> MemberData,
) -> Option<Owned> {
    let topics = |one: &Subscription| one.topics.iter().cloned().collect::<SortedSet<String>>();
    let first = subscriptions.values().next().map(topics)?;
    if subscriptions.values().any(|one| topics(one) != first) {
        return None;
    }
    let mut owned = Owned { by_member: SortedMap::new(), claimed_twice: SortedSet::new() };
    let mut owners: SortedMap<TopicPartition, &String> = SortedMap::new();
    let mut newest = -1;
    for member in hash_order::strings(subscriptions.keys()) {
        let Some(subscription) = subscriptions.get(member) else { continue };
        let data = data_of(subscription);
        owned.by_member.insert(member.clone(), Vec::new());
        let counts_here = match data.generation {
            Some(generation) => generation >= newest,
            None => newest == -1,
        };
        if !counts_here {
            continue;
        }
        if let Some(generation) = data.generation.filter(|generation| *generation > newest) {
            newest = generation;
            owners.clear();
            owned.claimed_twice.clear();
            owned.by_member.values_mut().for_each(Vec::clear);
        }
        for partition in data.partitions {
            if !counts.contains_key(&partition.topic) {
                continue;
            }
            if let Some(other) = owners.get(&partition) {
                if let Some(theirs) = owned.by_member.get_mut(*other) {
                    theirs.retain(|one| *one != partition);
                }
                owned.claimed_twice.insert(partition);
            } else {
                owners.insert(partition.clone(), member);
                owned.by_member.entry(member.clone()).or_default().push(partition);
            }
        }
    }
    Some(owned)
}

/// In Kafka: AbstractStickyAssignor.constrainedAssign.
fn constrained(
    counts: &PartitionCounts,
    subscriptions: &Subscriptions,
    mut owned: Owned,
) -> (Assignment, Transfers) {
    let all = counts.iter().flat_map(|(topic, partitions)| {
        (0..*partitions).map(move |number| TopicPartition::new(topic.clone(), number))
    });
    let mut unassigned: SortedSet<TopicPartition> = all.collect();
    let (members, total) = (subscriptions.len(), unassigned.len());
    let (least, most) = (total / members, total.div_ceil(members));
    let mut assignment = nothing(subscriptions);
    let (mut transfers, mut revoked) = (Transfers::new(), SortedSet::new());
    let (mut unfilled, mut at_most, mut at_least) = (Vec::new(), VecDeque::new(), VecDeque::new());

    for member in hash_order::strings(subscriptions.keys()) {
        let mut kept = owned.by_member.remove(member).unwrap_or_default();
        kept.retain(|partition| !owned.claimed_twice.contains(partition));
        // A partition that is gone from its topic stays with its owner: Kafka looks at topics only.
        let had = kept.len();
        revoked.extend(kept.drain(most.min(had)..));
        unassigned.retain(|partition| !kept.contains(partition));
        if had < least {
            unfilled.push(member.clone());
        } else {
            if kept.len() == least {
                at_least.push_back(member.clone());
            }
            if kept.len() == most {
                at_most.push_back(member.clone());
            }
        }
        assignment.insert(member.clone(), kept);
    }
    unfilled.sort();

    let mut give = |member: &String, partition: TopicPartition, assignment: &mut Assignment| {
        if revoked.contains(&partition) || owned.claimed_twice.contains(&partition) {
            transfers.insert(partition.clone(), member.clone());
        }
        let partitions = assignment.entry(member.clone()).or_default();
        partitions.push(partition);
        partitions.len()
    };
    let mut left = unassigned.into_iter().collect::<VecDeque<_>>();
    while !unfilled.is_empty() && !left.is_empty() {
        unfilled.retain(|member| {
            let Some(partition) = left.pop_front() else { return true };
            let is_filled = give(member, partition, &mut assignment) == least;
            if is_filled {
                at_least.push_back(member.clone());
            }
            !is_filled
        });
    }
    let mut stolen = Transfers::new();
    for member in unfilled {
        while assignment.get(&member).map_or(0, Vec::len) < least {
            let Some(overloaded) = at_most.pop_front() else { break };
            let theirs = assignment.entry(overloaded).or_default();
            if theirs.is_empty() {
                continue;
            }
            let partition = theirs.remove(0);
            stolen.insert(partition.clone(), member.clone());
            assignment.entry(member.clone()).or_default().push(partition);
        }
        at_least.push_back(member);
    }
    for partition in left {
        let Some(member) = at_least.pop_front() else { break };
        give(&member, partition, &mut assignment);
    }
    transfers.extend(stolen);
    (assignment, transfers)
}
