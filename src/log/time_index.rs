//! The sparse `.timeindex` of a segment: the largest timestamp so far and the offset that has it.
//! Entries are 12 bytes: the timestamp in ms (int64), and the offset less the segment's base offset
//! (int32).
//!
//! In Kafka: `kafka.log.TimeIndex`.

use super::sparse::SparseFile;
use crate::disk::{DiskError, Volume};
use crate::wire::batch::NO_TIMESTAMP;

/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 12;

/// A timestamp in ms and the offset that has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampOffset {
    /// Milliseconds, −1 for none.
    pub timestamp: i64,
    /// The offset.
    pub offset: i64,
}

/// The time index of a segment. Its entries are in the volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeIndex {
    file: SparseFile<ENTRY_SIZE>,
    last: TimestampOffset,
}

impl TimeIndex {
    /// The index in `file` of the segment that begins at `base_offset`; a missing file is empty.
    pub fn open(volume: &Volume, file: String, base_offset: i64) -> Self {
        let file = SparseFile::open(volume, file, base_offset);
        let last = TimestampOffset { timestamp: NO_TIMESTAMP, offset: base_offset };
        let mut index = Self { file, last };
        index.last = index.read_last(volume);
        index
    }

    /// Its file on the volume.
    pub fn file(&self) -> &str {
        &self.file.name
    }

    /// The file has another name now.
    pub(super) fn set_file(&mut self, file: String) {
        self.file.name = file;
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.file.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last entry; without one, no timestamp at the segment's base offset.
    pub fn last(&self) -> TimestampOffset {
        self.last
    }

    /// True when `max_bytes` have room for no further entry but the one that a roll adds.
    pub fn is_full(&self, max_bytes: usize) -> bool {
        self.len() + 1 >= SparseFile::<ENTRY_SIZE>::room(max_bytes)
    }

    /// Entry number `slot`.
    pub fn entry(&self, volume: &Volume, slot: usize) -> Option<TimestampOffset> {
        Some(self.decode(self.file.entries(volume).get(slot)?))
    }

    fn decode(&self, entry: &[u8; ENTRY_SIZE]) -> TimestampOffset {
        let [t0, t1, t2, t3, t4, t5, t6, t7, o0, o1, o2, o3] = *entry;
        TimestampOffset {
            timestamp: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            offset: self.file.absolute([o0, o1, o2, o3]),
        }
    }

    /// What stands for an entry where there is none.
    fn none(&self) -> TimestampOffset {
        TimestampOffset { timestamp: NO_TIMESTAMP, offset: self.file.base_offset() }
    }

    fn read_last(&self, volume: &Volume) -> TimestampOffset {
        self.file.last(volume).map_or(self.none(), |entry| self.decode(entry))
    }

    /// Notes `largest`, unless a timestamp as large is noted already.
    pub fn maybe_append(
        &mut self,
        volume: &mut Volume,
        largest: TimestampOffset,
    ) -> Result<(), DiskError> {
        if largest.timestamp <= self.last.timestamp {
            return Ok(());
        }
        let mut entry = [0; ENTRY_SIZE];
        entry[..8].copy_from_slice(&largest.timestamp.to_be_bytes());
        entry[8..].copy_from_slice(&self.file.relative(largest.offset));
        self.file.append(volume, &entry)?;
        self.last = largest;
        Ok(())
    }

    /// The last entry with a timestamp not after `timestamp`: nothing before its offset is later.
    pub fn lookup(&self, volume: &Volume, timestamp: i64) -> TimestampOffset {
        let entries = self.file.entries(volume);
        let above = entries.partition_point(|entry| self.decode(entry).timestamp <= timestamp);
        above.checked_sub(1).map_or(self.none(), |slot| self.decode(&entries[slot]))
    }

    /// Forgets entries of offsets at or after `offset`.
    pub fn truncate_to(&mut self, volume: &mut Volume, offset: i64) -> Result<(), DiskError> {
        let entries = self.file.entries(volume);
        let kept = entries.partition_point(|entry| self.decode(entry).offset < offset);
        self.file.truncate(volume, kept)?;
        self.last = self.read_last(volume);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: i64, offset: i64) -> TimestampOffset {
        TimestampOffset { timestamp, offset }
    }

    #[test]
    fn only_larger_timestamps_are_noted() {
        let mut volume = Volume::default();
        let mut index = TimeIndex::open(&volume, "t".to_owned(), 10);
        assert_eq!(index.last(), at(-1, 10));
        for largest in [at(-1, 10), at(50, 12), at(50, 14), at(70, 20)] {
            index.maybe_append(&mut volume, largest).expect("room");
        }
        assert_eq!((index.len(), index.last()), (2, at(70, 20)));
        assert_eq!(index.lookup(&volume, 49), at(-1, 10));
        assert_eq!(index.lookup(&volume, 69), at(50, 12));
        assert_eq!(index.lookup(&volume, 70), at(70, 20));
        assert_eq!(volume.read("t").expect("a file")[..12], [0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 2]);
        assert_eq!(TimeIndex::open(&volume, "t".to_owned(), 10), index);
        assert!(index.is_full(36) && !index.is_full(48));
        index.truncate_to(&mut volume, 20).expect("a good disk");
        assert_eq!(index.last(), at(50, 12));
        index.truncate_to(&mut volume, 10).expect("a good disk");
        assert!(index.is_empty() && index.last() == at(-1, 10));
    }
}
