//! Timers of one process: at most one a key, each with the reason that the page shows.

use super::time::Time;
use crate::base::{SortedMap, SortedSet};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// When a process wants to be woken, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wakeup {
    /// When.
    pub at: Time,
    /// Why, in the words of the field ("session expiry", "replica fetch back-off").
    pub reason: Cow<'static, str>,
}

/// A set of timers by key. Due timers come out by time, then key, so order is the same everywhere.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_time: SortedSet<(Time, K)>,
    by_key: SortedMap<K, Time>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_time: SortedSet::new(), by_key: SortedMap::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets the timer of `key` to `at`, replacing an earlier setting.
    pub fn set(&mut self, key: K, at: Time) {
        self.cancel(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
    }

    /// Removes the timer of `key`; true when there was one.
    pub fn cancel(&mut self, key: &K) -> bool {
        match self.by_key.remove(key) {
            Some(at) => self.by_time.remove(&(at, key.clone())),
            None => false,
        }
    }

    /// When `key` is due, if set.
    pub fn get(&self, key: &K) -> Option<Time> {
        self.by_key.get(key).copied()
    }

    /// The earliest timer.
    pub fn next(&self) -> Option<(Time, &K)> {
        self.by_time.first().map(|(at, key)| (*at, key))
    }

    /// Takes out the earliest timer that is due at `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<K> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// True when no timer is set.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_again_replaces_and_ties_go_by_key() {
        let mut timers = Timers::default();
        timers.set("b", Time::from_millis(5));
        timers.set("a", Time::from_millis(9));
        timers.set("a", Time::from_millis(5));
        assert_eq!(timers.next(), Some((Time::from_millis(5), &"a")));
        assert_eq!(timers.pop_due(Time::from_millis(4)), None);
        assert_eq!(timers.pop_due(Time::from_millis(5)), Some("a"));
        assert!(timers.cancel(&"b"));
        assert!(!timers.cancel(&"b"));
        assert!(timers.is_empty());
    }
}
