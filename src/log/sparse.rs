//! What the two sparse indexes of a segment share: files of entries of one size.
//!
//! In Kafka: `kafka.log.AbstractIndex`.

use crate::disk::{DiskError, Volume};

/// The whole entries in `file`; none when it is missing.
pub(super) fn entries<'a, const SIZE: usize>(volume: &'a Volume, file: &str) -> &'a [[u8; SIZE]] {
    volume.read(file).unwrap_or_default().as_chunks().0
}

/// An offset as it stands in an entry.
pub(super) fn relative(offset: i64, base_offset: i64) -> [u8; 4] {
    ((offset - base_offset) as i32).to_be_bytes()
}

/// Cuts `file` to `len` bytes, if it is longer.
pub(super) fn cut(volume: &mut Volume, file: &str, len: usize) -> Result<(), DiskError> {
    match volume.len(file) {
        Some(old) if old > len as u64 => volume.truncate(file, len as u64),
        _ => Ok(()),
    }
}
