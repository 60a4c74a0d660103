//! The sparse `.index` of a segment: every so many bytes the offset of a batch and where it lies, so
//! that a reader scans little. Entries are 8 bytes: the offset less the segment's base offset, and
//! the byte position in the `.log` file, both int32.
//!
//! In Kafka: `kafka.log.OffsetIndex`.

use super::sparse::SparseFile;
use crate::disk::{DiskError, Volume};

/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 8;

/// The index of a segment. Its entries are in the volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetIndex {
    file: SparseFile<ENTRY_SIZE>,
    last_offset: i64,
}

impl OffsetIndex {
    /// The index in `file` of the segment that begins at `base_offset`; a missing file is empty.
    pub fn open(volume: &Volume, file: String, base_offset: i64) -> Self {
        let file = SparseFile::open(volume, file, base_offset);
        let mut index = Self { file, last_offset: base_offset };
        index.last_offset = index.read_last_offset(volume);
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

    /// The offset of the last entry, the segment's base offset without one.
    pub fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// True when `max_bytes` have room for no further entry.
    pub fn is_full(&self, max_bytes: usize) -> bool {
        self.len() >= SparseFile::<ENTRY_SIZE>::room(max_bytes)
    }

    /// Entry number `slot`: (offset, position).
    pub fn entry(&self, volume: &Volume, slot: usize) -> Option<(i64, u64)> {
        Some(self.decode(*self.file.entries(volume).get(slot)?))
    }

    fn decode(&self, entry: [u8; ENTRY_SIZE]) -> (i64, u64) {
        let [o0, o1, o2, o3, p0, p1, p2, p3] = entry;
        let position = i32::from_be_bytes([p0, p1, p2, p3]);
        (self.file.absolute([o0, o1, o2, o3]), u64::try_from(position).unwrap_or(0))
    }

    fn read_last_offset(&self, volume: &Volume) -> i64 {
        let last = self.file.last(volume);
        last.map_or(self.file.base_offset(), |entry| self.decode(*entry).0)
    }

    /// Notes that the batches up to `offset` begin at `position`. Offsets rise from entry to entry; the
    /// segment is rolled before one is too far from its base offset.
    pub fn append(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        position: u64,
    ) -> Result<(), DiskError> {
        let mut entry = [0; ENTRY_SIZE];
        entry[..4].copy_from_slice(&self.file.relative(offset));
        entry[4..].copy_from_slice(&(position as i32).to_be_bytes());
        self.file.append(volume, &entry)?;
        self.last_offset = offset;
        Ok(())
    }

    /// Where to begin to look for `offset`: the position of the last entry that is not after it.
    pub fn lookup(&self, volume: &Volume, offset: i64) -> u64 {
        let entries = self.file.entries(volume);
        let above = entries.partition_point(|entry| self.decode(*entry).0 <= offset);
        above.checked_sub(1).map_or(0, |slot| self.decode(entries[slot]).1)
    }

    /// Forgets entries at or after `offset`.
    pub fn truncate_to(&mut self, volume: &mut Volume, offset: i64) -> Result<(), DiskError> {
        let entries = self.file.entries(volume);
        let kept = entries.partition_point(|entry| self.decode(*entry).0 < offset);
        self.file.truncate(volume, kept)?;
        self.last_offset = self.read_last_offset(volume);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_the_offset_before() {
        let mut volume = Volume::default();
        let mut index = OffsetIndex::open(&volume, "i".to_owned(), 100);
        assert_eq!((index.last_offset(), index.lookup(&volume, 105)), (100, 0));
        for (offset, position) in [(104, 0), (110, 500), (111, 900)] {
            index.append(&mut volume, offset, position).expect("room");
        }
        let looked: Vec<u64> =
            [103, 104, 109, 110, 111, 999].map(|o| index.lookup(&volume, o)).to_vec();
        assert_eq!(looked, [0, 0, 0, 500, 900, 900]);
        assert_eq!(volume.read("i").expect("a file")[..8], [0, 0, 0, 4, 0, 0, 0, 0]);
        assert_eq!(OffsetIndex::open(&volume, "i".to_owned(), 100), index);
        assert!(index.is_full(31) && !index.is_full(32));
        index.truncate_to(&mut volume, 111).expect("a good disk");
        assert_eq!((index.len(), index.last_offset()), (2, 110));
        index.truncate_to(&mut volume, 100).expect("a good disk");
        assert_eq!((index.is_empty(), volume.len("i")), (true, Some(0)));
    }
}
