//! The sticky assignors where members differ in what they subscribe to: what is owned stays, the
//! rest goes to whoever has least, and then partitions are moved until no move makes it more even.
//!
//! In Kafka: AbstractStickyAssignor.generalAssign.

use super::movements::Movements;
use super::user_data::MemberData;
use super::{Assignment, PartitionCounts, Subscription, Subscriptions, hash_order};
use crate::base::{SortedMap, TopicPartition};

/// An assignment in the making.
struct Plan<'a> {
    subscriptions: &'a Subscriptions,
    counts: &'a PartitionCounts,
    /// Members that may get or give something.
    current: Assignment,
    owners: SortedMap<TopicPartition, String>,
    /// Who owned a partition in the generation before the newest that is known of it.
    previous: SortedMap<TopicPartition, String>,
    movements: Movements,
}

pub(super) fn assign(
    counts: &PartitionCounts,
    subscriptions: &Subscriptions,
    data_of: impl Fn(&str, &Subscription) -> MemberData,
) -> Assignment {
    let mut plan = Plan {
        subscriptions,
        counts,
        current: super::nothing(subscriptions),
        owners: SortedMap::new(),
        previous: SortedMap::new(),
        movements: Movements::default(),
    };
    plan.take_over(data_of);
    let revocation_required = plan.drop_what_is_void();
    let initializing = plan.current.values().all(Vec::is_empty);
    let all = plan.all_partitions();
    let free = |partition: &&TopicPartition| !plan.owners.contains_key(*partition);
    let unassigned: Vec<_> = all.iter().filter(free).cloned().collect();
    plan.balance(initializing, revocation_required, all, unassigned)
}

/// What `score` sums over all pairs: how far apart two members are.
fn score(assignment: &Assignment) -> usize {
    let sizes: Vec<usize> = assignment.values().map(Vec::len).collect();
    let pairs = sizes.iter().enumerate().flat_map(|(index, size)| {
        sizes[index + 1..].iter().map(move |other| size.abs_diff(*other))
    });
    pairs.sum()
}

impl Plan<'_> {
    /// Takes over what members own, each partition from the newest generation that claims it.
    ///
    /// In Kafka: AbstractStickyAssignor.prepopulateCurrentAssignments.
    fn take_over(&mut self, data_of: impl Fn(&str, &Subscription) -> MemberData) {
        let mut claims: SortedMap<TopicPartition, SortedMap<i32, String>> = SortedMap::new();
        let mut seen = Vec::new();
        for member in hash_order::strings(self.subscriptions.keys()) {
            let Some(subscription) = self.subscriptions.get(member) else { continue };
            let data = data_of(member, subscription);
            for partition in data.partitions {
                if !claims.contains_key(&partition) {
                    seen.push(partition.clone());
                }
                let claims = claims.entry(partition).or_default();
                match data.generation {
                    Some(generation) if claims.contains_key(&generation) => {}
                    generation => drop(claims.insert(generation.unwrap_or(-1), member.clone())),
                }
            }
        }
        for partition in hash_order::partitions(seen) {
            let Some(claims) = claims.get(&partition) else { continue };
            let mut newest_first = claims.values().rev();
            if let Some(owner) = newest_first.next() {
                self.current.entry(owner.clone()).or_default().push(partition.clone());
                self.owners.insert(partition.clone(), owner.clone());
            }
            if let Some(previous) = newest_first.next() {
                self.previous.insert(partition, previous.clone());
            }
        }
    }

    /// Takes partitions away that are gone or not subscribed to any more; true if some were
    /// there but not wanted.
    fn drop_what_is_void(&mut self) -> bool {
        let Self { subscriptions, counts, current, owners, .. } = self;
        let mut revocation_required = false;
        for (member, partitions) in current.iter_mut() {
            let topics = subscriptions.get(member).map_or(&[][..], |one| &one.topics);
            partitions.retain(|partition| {
                let exists = counts
                    .get(&partition.topic)
                    .is_some_and(|count| (0..*count).contains(&partition.partition));
                let wanted = topics.contains(&partition.topic);
                revocation_required |= exists && !wanted;
                if !exists || !wanted {
                    owners.remove(partition);
                }
                exists && wanted
            });
        }
        revocation_required
    }

    fn wants(&self, member: &str, topic: &str) -> bool {
        let subscription = self.subscriptions.get(member);
        subscription.is_some_and(|one| one.topics.iter().any(|wanted| wanted == topic))
    }

    /// How many members might own a partition of `topic`.
    fn candidates(&self, topic: &str) -> usize {
        self.subscriptions.keys().filter(|member| self.wants(member, topic)).count()
    }

    /// All partitions, those with the fewest candidates first.
    fn all_partitions(&self) -> Vec<TopicPartition> {
        let mut topics: Vec<_> = self.counts.iter().collect();
        topics.sort_by_key(|(topic, _)| (self.candidates(topic), *topic));
        let partitions = topics.into_iter().flat_map(|(topic, count)| {
            (0..*count).map(move |number| TopicPartition::new(topic.clone(), number))
        });
        partitions.collect()
    }

    fn size(&self, member: &str) -> usize {
        self.current.get(member).map_or(0, Vec::len)
    }

    /// Members that may get or give something, those with the fewest partitions first.
    fn by_size(&self) -> Vec<String> {
        let mut members: Vec<_> = self.current.keys().cloned().collect();
        members.sort_by_key(|member| self.size(member));
        members
    }

    /// How many partitions a member might own.
    fn potential(&self, member: &str) -> usize {
        let wanted = self.counts.iter().filter(|(topic, _)| self.wants(member, topic));
        wanted.map(|(_, count)| usize::try_from(*count).unwrap_or_default()).sum()
    }

    fn may_take_part(&self, member: &str) -> bool {
        let owned = self.current.get(member).map_or(&[][..], Vec::as_slice);
        owned.len() < self.potential(member)
            || owned.iter().any(|partition| self.candidates(&partition.topic) > 1)
    }

    fn is_balanced(&self) -> bool {
        let members = self.by_size();
        let (Some(least), Some(most)) = (members.first(), members.last()) else { return true };
        if self.size(least) + 1 >= self.size(most) {
            return true;
        }
        // Nobody could take a partition from somebody who has more.
        members.iter().all(|member| {
            let size = self.size(member);
            let others = self.current.iter().filter(|(_, owned)| owned.len() > size);
            let mut theirs = others.flat_map(|(_, owned)| owned);
            theirs.all(|partition| !self.wants(member, &partition.topic))
        })
    }

    /// In Kafka: AbstractStickyAssignor.balance.
    fn balance(
        mut self,
        initializing: bool,
        revocation_required: bool,
        mut all: Vec<TopicPartition>,
        mut unassigned: Vec<TopicPartition>,
    ) -> Assignment {
        for partition in &unassigned {
            let taker = self.by_size().into_iter().find(|one| self.wants(one, &partition.topic));
            if let Some(taker) = taker {
                self.owners.insert(partition.clone(), taker.clone());
                self.current.entry(taker).or_default().push(partition.clone());
            }
        }
        let movable = |partition: &TopicPartition| self.candidates(&partition.topic) > 1;
        all.retain(movable);
        unassigned.retain(movable);
        let members = self.subscriptions.keys();
        let fixed: Vec<_> = members.filter(|member| !self.may_take_part(member)).collect();
        let fixed: Vec<_> =
            fixed.into_iter().filter_map(|member| self.current.remove_entry(member)).collect();
        let before = self.current.clone();
        if !revocation_required {
            self.reassign(&unassigned);
        }
        let reassigned = self.reassign(&all);
        if !initializing && reassigned && score(&self.current) >= score(&before) {
            self.current = before;
        }
        self.current.extend(fixed);
        self.current
    }

    /// Moves partitions as long as that makes things more even; true if one moved.
    ///
    /// In Kafka: AbstractStickyAssignor.performReassignments.
    fn reassign(&mut self, partitions: &[TopicPartition]) -> bool {
        let mut reassigned = false;
        loop {
            let mut modified = false;
            for partition in partitions {
                if self.is_balanced() {
                    break;
                }
                let Some(owner) = self.owners.get(partition).cloned() else { continue };
                let has_less = |other: &str| self.size(&owner) > self.size(other) + 1;
                let previous = self.previous.get(partition);
                let previous = previous.filter(|one| self.current.contains_key(*one));
                let fewest =
                    || self.by_size().into_iter().find(|one| self.wants(one, &partition.topic));
                let previous = previous.filter(|one| has_less(one)).cloned();
                let taker = previous.or_else(|| fewest().filter(|taker| has_less(taker)));
                if let Some(taker) = taker {
                    self.move_to(partition, &owner, taker);
                    modified = true;
                }
            }
            reassigned |= modified;
            if !modified {
                return reassigned;
            }
        }
    }

    fn move_to(&mut self, partition: &TopicPartition, from: &str, to: String) {
        let moved = self.movements.instead_of(partition, from, &to);
        let Some(from) = self.owners.get(&moved).cloned() else { return };
        self.movements.record(&moved, &from, &to);
        if let Some(theirs) = self.current.get_mut(&from) {
            theirs.retain(|one| *one != moved);
        }
        self.current.entry(to.clone()).or_default().push(moved.clone());
        self.owners.insert(moved, to);
    }
}
