//! Which leader epoch began at which offset of a log. Followers compare these caches to find where
//! their logs part.
//!
//! In Kafka: `kafka.server.epoch.LeaderEpochFileCache`, KIP-101, KIP-279.

/// "No such epoch" and "no such offset" on the wire.
pub const UNDEFINED: (i32, i64) = (-1, -1);

/// Leader epochs with their start offsets; both strictly increase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeaderEpochCache {
    entries: Vec<(i32, i64)>,
}

impl LeaderEpochCache {
    /// A cache of `entries`; those that do not increase are left out.
    pub fn new(entries: impl IntoIterator<Item = (i32, i64)>) -> Self {
        let mut cache = Self::default();
        for (epoch, start) in entries {
            cache.assign(epoch, start);
        }
        cache
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[(i32, i64)] {
        &self.entries
    }

    /// The newest epoch, if any.
    pub fn latest(&self) -> Option<i32> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// Notes that `epoch` begins at `start`; true when the cache changed. Entries that the new one
    /// contradicts (same or later start, same or later epoch) go, as in `truncateAndAppend`.
    pub fn assign(&mut self, epoch: i32, start: i64) -> bool {
        if epoch < 0 || start < 0 || self.latest() == Some(epoch) {
            return false;
        }
        self.entries.retain(|(e, s)| *e < epoch && *s < start);
        self.entries.push((epoch, start));
        true
    }

    /// Forgets epochs that begin at or after `offset`; true when there were any.
    pub fn truncate_from_end(&mut self, offset: i64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(_, start)| *start < offset);
        self.entries.len() < before
    }

    /// Lets the log begin at `offset`: of the epochs that began before only the last stays, and begins
    /// there now. True when anything changed.
    pub fn truncate_from_start(&mut self, offset: i64) -> bool {
        let before = self.entries.partition_point(|(_, start)| *start <= offset);
        let Some(last) = before.checked_sub(1) else { return false };
        let changed = last > 0 || self.entries[last].1 != offset;
        self.entries.drain(..last);
        self.entries[0].1 = offset;
        changed
    }

    /// The answer to OffsetForLeaderEpoch: the largest epoch not after `epoch` and where it ends.
    pub fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> (i32, i64) {
        match self.latest() {
            _ if epoch < 0 => UNDEFINED,
            None => UNDEFINED,
            Some(latest) if epoch == latest => (epoch, log_end_offset),
            Some(latest) if epoch > latest => UNDEFINED,
            Some(_) => {
                let later = self.entries.iter().find(|(e, _)| *e > epoch);
                let floor = self.entries.iter().rev().find(|(e, _)| *e <= epoch);
                // An epoch below every known one ends where the first known one begins.
                match (floor, later) {
                    (Some((floor, _)), Some((_, end))) => (*floor, *end),
                    (None, Some((_, end))) => (epoch, *end),
                    (_, None) => UNDEFINED,
                }
            }
        }
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.entries.iter().rev().find(|(_, start)| *start <= offset).map(|(epoch, _)| *epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_the_java_class_does() {
        let cache = LeaderEpochCache::new([(2, 10), (4, 20), (7, 30)]);
        assert_eq!(cache.end_offset_for(7, 35), (7, 35));
        assert_eq!(cache.end_offset_for(8, 35), UNDEFINED);
        assert_eq!(cache.end_offset_for(1, 35), (1, 10));
        assert_eq!(cache.end_offset_for(2, 35), (2, 20));
        assert_eq!(cache.end_offset_for(3, 35), (2, 20));
        assert_eq!(cache.end_offset_for(6, 35), (4, 30));
        assert_eq!(cache.end_offset_for(-1, 35), UNDEFINED);
        assert_eq!(LeaderEpochCache::default().end_offset_for(0, 0), UNDEFINED);
        assert_eq!(cache.epoch_at(19), Some(2));
        assert_eq!(cache.epoch_at(9), None);
    }

    #[test]
    fn a_new_epoch_replaces_what_it_contradicts() {
        let mut cache = LeaderEpochCache::new([(2, 10), (4, 20)]);
        assert!(!cache.assign(4, 25), "the latest epoch keeps its start");
        assert!(cache.assign(5, 20), "an epoch without records is replaced");
        assert_eq!(cache.entries(), [(2, 10), (5, 20)]);
        assert!(cache.truncate_from_end(20));
        assert_eq!(cache.entries(), [(2, 10)]);
        assert!(!cache.truncate_from_end(11));
        let mut cache = LeaderEpochCache::new([(2, 10), (4, 20), (7, 30)]);
        assert!(!cache.truncate_from_start(9));
        assert!(cache.truncate_from_start(25));
        assert_eq!(cache.entries(), [(4, 25), (7, 30)]);
        assert!(!cache.truncate_from_start(25));
        assert!(cache.truncate_from_start(30));
        assert_eq!(cache.entries(), [(7, 30)]);
    }
}
