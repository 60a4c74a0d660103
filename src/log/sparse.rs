//! What the two sparse indexes of a segment share: a file of entries of one size.
//!
//! In Kafka: `kafka.log.AbstractIndex`.

use crate::disk::{DiskError, Volume};

/// A file of entries of `SIZE` bytes. The entries are in the volume; how many there are is known here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SparseFile<const SIZE: usize> {
    pub name: String,
    base_offset: i64,
    len: usize,
}

impl<const SIZE: usize> SparseFile<SIZE> {
    /// The file `name` of the segment that begins at `base_offset`; a missing file is empty.
    pub fn open(volume: &Volume, name: String, base_offset: i64) -> Self {
        let mut file = Self { name, base_offset, len: 0 };
        file.len = file.entries(volume).len();
        file
    }

    /// The segment's base offset.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many entries `max_bytes` have room for.
    pub fn room(max_bytes: usize) -> usize {
        max_bytes / SIZE
    }

    /// The whole entries; none when the file is missing.
    pub fn entries<'a>(&self, volume: &'a Volume) -> &'a [[u8; SIZE]] {
        volume.read(&self.name).unwrap_or_default().as_chunks().0
    }

    /// The last entry.
    pub fn last<'a>(&self, volume: &'a Volume) -> Option<&'a [u8; SIZE]> {
        self.entries(volume).get(self.len.checked_sub(1)?)
    }

    /// Adds an entry.
    pub fn append(&mut self, volume: &mut Volume, entry: &[u8; SIZE]) -> Result<(), DiskError> {
        volume.append(&self.name, entry)?;
        self.len += 1;
        Ok(())
    }

    /// Keeps the first `len` entries, and nothing of a torn one behind them.
    pub fn truncate(&mut self, volume: &mut Volume, len: usize) -> Result<(), DiskError> {
        self.len = len;
        let bytes = (len * SIZE) as u64;
        match volume.len(&self.name) {
            Some(old) if old > bytes => volume.truncate(&self.name, bytes),
            _ => Ok(()),
        }
    }

    /// An offset as it stands in an entry.
    pub fn relative(&self, offset: i64) -> [u8; 4] {
        ((offset - self.base_offset) as i32).to_be_bytes()
    }

    /// The offset of which an entry has these bytes.
    pub fn absolute(&self, relative: [u8; 4]) -> i64 {
        self.base_offset + i64::from(i32::from_be_bytes(relative))
    }
}
