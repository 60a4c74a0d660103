//! Where operations wait that cannot be answered yet: a produce for the ISR, a fetch for bytes.
//! Each waits on some partitions and has a deadline, at which it is answered all the same.
//!
//! In Kafka: `kafka.server.DelayedOperationPurgatory`.

use crate::base::{SortedMap, SortedSet, Time, TopicPartition};

/// Operations that wait.
#[derive(Clone, Debug)]
pub struct Purgatory<T> {
    next: u64,
    operations: SortedMap<u64, Parked<T>>,
    watchers: SortedMap<TopicPartition, SortedSet<u64>>,
    deadlines: SortedSet<(Time, u64)>,
}

#[derive(Clone, Debug)]
struct Parked<T> {
    operation: T,
    keys: SortedSet<TopicPartition>,
    deadline: Time,
}

impl<T> Default for Purgatory<T> {
    fn default() -> Self {
        Self {
            next: 0,
            operations: SortedMap::new(),
            watchers: SortedMap::new(),
            deadlines: SortedSet::new(),
        }
    }
}

impl<T> Purgatory<T> {
    /// Lets `operation` wait for news of `keys` until `deadline`.
    pub fn park(
        &mut self,
        operation: T,
        keys: impl IntoIterator<Item = TopicPartition>,
        deadline: Time,
    ) {
        let id = self.next;
        self.next += 1;
        let keys: SortedSet<TopicPartition> = keys.into_iter().collect();
        for key in &keys {
            self.watchers.entry(key.clone()).or_default().insert(id);
        }
        self.deadlines.insert((deadline, id));
        self.operations.insert(id, Parked { operation, keys, deadline });
    }

    /// The operations that wait on `key`, oldest first.
    pub fn watching(&self, key: &TopicPartition) -> Vec<u64> {
        self.watchers.get(key).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    /// One operation, to look at.
    pub fn get(&self, id: u64) -> Option<&T> {
        self.operations.get(&id).map(|parked| &parked.operation)
    }

    /// One operation.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.operations.get_mut(&id).map(|parked| &mut parked.operation)
    }

    /// Takes an operation out.
    pub fn take(&mut self, id: u64) -> Option<T> {
        let parked = self.operations.remove(&id)?;
        self.deadlines.remove(&(parked.deadline, id));
        for key in &parked.keys {
            if let Some(ids) = self.watchers.get_mut(key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.watchers.remove(key);
                }
            }
        }
        Some(parked.operation)
    }

    /// Takes out an operation whose deadline has come.
    pub fn pop_due(&mut self, now: Time) -> Option<T> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline <= now { self.take(id) } else { None }
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// What waits, with the deadlines.
    pub fn iter(&self) -> impl Iterator<Item = (&T, Time)> {
        self.operations.values().map(|parked| (&parked.operation, parked.deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_by_key_and_by_deadline() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut purgatory = Purgatory::default();
        purgatory.park("both", [a.clone(), b.clone()], Time::from_millis(9));
        purgatory.park("one", [b.clone()], Time::from_millis(5));
        assert_eq!(purgatory.watching(&a), [0]);
        assert_eq!(purgatory.watching(&b), [0, 1]);
        assert_eq!(purgatory.pop_due(Time::from_millis(4)), None);
        assert_eq!(purgatory.pop_due(Time::from_millis(7)), Some("one"));
        assert_eq!(purgatory.next_deadline(), Some(Time::from_millis(9)));
        assert_eq!(purgatory.take(0), Some("both"));
        assert!(purgatory.watching(&a).is_empty() && purgatory.iter().next().is_none());
    }
}
