//! What a step changed on a volume, in the form in which a host stores it: for each touched file
//! its new bytes from some position on, and the marks that a power cut needs.

use crate::base::Time;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Everything that changed since the last delta was taken. Files come in name order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct VolumeDelta {
    /// The changed files.
    pub files: Vec<FileDelta>,
}

/// One changed file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileDelta {
    /// Its name.
    pub name: String,
    /// Bytes before this position are as they were; the stored tail is replaced by `tail`.
    pub from: u64,
    /// The bytes from `from` to the new end.
    pub tail: Bytes,
    /// The file's marks; `None` when nothing is left of it, not even something to bring back.
    pub meta: Option<FileMeta>,
}

/// The marks of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FileMeta {
    /// Whether a process sees the file; false after an unsynced delete.
    pub exists: bool,
    /// Bytes in the file.
    pub len: u64,
    /// Bytes at its beginning that survive a power cut.
    pub durable_len: u64,
    /// Syncs under way: when each is done and the length it makes durable.
    pub syncing: Vec<(Time, u64)>,
    /// Set while a replace or delete is not synced: what a power cut brings back (`Some(None)`:
    /// no such file).
    pub before: Option<Option<Bytes>>,
    /// When its content last changed.
    pub modified: Time,
}

impl VolumeDelta {
    /// True when nothing changed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes of file content in it.
    pub fn size_bytes(&self) -> usize {
        self.files.iter().map(|file| file.tail.len()).sum()
    }
}
