//! The volume: synchronous and pure, lent to a process for the length of a step. The host that owns
//! it takes the delta of every round and stores it before anything that the round emitted is let
//! out (output commit).
//!
//! A *killed process* loses nothing here. A *power cut* leaves of each file a seeded length between
//! what was synced and its end, and takes back replaces and deletes that were not synced. A
//! truncation is metadata and counts at once, as on a journalling file system.

use super::delta::{FileDelta, FileMeta, VolumeDelta};
use crate::base::{Rng, SortedMap, Time, limits};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A disk refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DiskError {
    /// No space left on the device.
    Full,
    /// The device fails every operation.
    Failed,
    /// No such file, or the range lies beyond its end.
    NotFound,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "No space left on device",
            Self::Failed => "Input/output error",
            Self::NotFound => "No such file or directory",
        })
    }
}

impl std::error::Error for DiskError {}

/// The state that the world gave a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Health {
    /// It works.
    #[default]
    Good,
    /// It takes no more bytes.
    Full,
    /// It fails every operation.
    Failed,
}

/// Something that the world does to a disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DiskFault {
    /// It works, takes no more bytes, or fails.
    Health(Health),
    /// One byte of a file reads as another from now on; a file that is not there or not so long
    /// stays as it is.
    Corrupt {
        /// The file.
        file: String,
        /// Which byte, from 0.
        position: u64,
    },
}

/// What a power cut did to one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Its length before.
    pub from: u64,
    /// Its length after.
    pub to: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct File {
    data: Vec<u8>,
    exists: bool,
    durable_len: u64,
    syncing: Vec<(Time, u64)>,
    before: Option<Option<Bytes>>,
    modified: Time,
}

/// A volume of named files. Names are paths with `/`, such as `orders-0/00000000000000000000.log`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Volume {
    files: SortedMap<String, File>,
    dirty: SortedMap<String, u64>,
    used: u64,
    /// Most bytes of all files; none is [`limits::VOLUME_BYTES_MAX`].
    bytes_max: Option<u64>,
    health: Health,
    now: Time,
    /// When the next sync is done.
    next_sync: Option<Time>,
}

impl Volume {
    /// An empty volume with room for `bytes_max` bytes.
    pub fn with_room(bytes_max: u64) -> Self {
        Self { bytes_max: Some(bytes_max), ..Self::default() }
    }

    /// The bytes of `name`, or none when there is no such file.
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).filter(|file| file.exists).map(|file| file.data.as_slice())
    }

    /// `len` bytes of `name` from `from`, or fewer at its end.
    pub fn read_range(&self, name: &str, from: u64, len: usize) -> Result<&[u8], DiskError> {
        let data = self.read(name).ok_or(DiskError::NotFound)?;
        let tail = usize::try_from(from).ok().and_then(|from| data.get(from..));
        let tail = tail.ok_or(DiskError::NotFound)?;
        Ok(&tail[..len.min(tail.len())])
    }

    /// Bytes in `name`, or none when there is no such file.
    pub fn len(&self, name: &str) -> Option<u64> {
        self.read(name).map(|data| data.len() as u64)
    }

    /// True when no process sees a file here.
    pub fn is_empty(&self) -> bool {
        self.files.values().all(|file| !file.exists)
    }

    /// The names that begin with `prefix`, in order.
    pub fn list<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.files
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter(|(_, file)| file.exists)
            .map(|(name, _)| name.as_str())
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Bytes of `name` that would survive a power cut now.
    pub fn durable_len(&self, name: &str) -> u64 {
        match self.files.get(name) {
            Some(file) if file.before.is_none() => file.durable_len,
            Some(_) | None => 0,
        }
    }

    /// When the content of `name` last changed, by the time of the step that did it.
    pub fn modified(&self, name: &str) -> Option<Time> {
        self.files.get(name).filter(|file| file.exists).map(|file| file.modified)
    }

    /// Sets when `name` counts as last changed, as `utimes` does.
    pub fn set_modified(&mut self, name: &str, at: Time) -> Result<(), DiskError> {
        self.check_works()?;
        let file = self.files.get_mut(name).filter(|file| file.exists);
        let file = file.ok_or(DiskError::NotFound)?;
        file.modified = at;
        let len = file.data.len() as u64;
        self.touch(name, len);
        Ok(())
    }

    /// Takes what the world does to the disk.
    pub fn suffer(&mut self, fault: &DiskFault) {
        match fault {
            DiskFault::Health(health) => self.health = *health,
            DiskFault::Corrupt { file, position } => {
                let at = usize::try_from(*position).unwrap_or(usize::MAX);
                let found = self.files.get_mut(file).filter(|file| file.exists);
                if let Some(byte) = found.and_then(|file| file.data.get_mut(at)) {
                    *byte = !*byte;
                    self.touch(file, *position);
                }
            }
        }
    }

    fn check_room(&self, more: usize) -> Result<(), DiskError> {
        match self.health {
            Health::Failed => Err(DiskError::Failed),
            Health::Full => Err(DiskError::Full),
            Health::Good if self.used + more as u64 > self.room() => Err(DiskError::Full),
            Health::Good => Ok(()),
        }
    }

    fn room(&self) -> u64 {
        self.bytes_max.unwrap_or(limits::VOLUME_BYTES_MAX)
    }

    fn check_works(&self) -> Result<(), DiskError> {
        if self.health == Health::Failed { Err(DiskError::Failed) } else { Ok(()) }
    }

    fn touch(&mut self, name: &str, from: u64) {
        match self.dirty.get_mut(name) {
            Some(dirty) => *dirty = from.min(*dirty),
            None => {
                self.dirty.insert(name.to_owned(), from);
            }
        }
    }

    /// Appends `bytes` to `name`, which is created when missing.
    pub fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.append_with(name, bytes, |_| ())
    }

    /// Appends `bytes` to `name` and lets `fill_in` change them where they lie.
    pub fn append_with(
        &mut self,
        name: &str,
        bytes: &[u8],
        fill_in: impl FnOnce(&mut [u8]),
    ) -> Result<(), DiskError> {
        self.check_room(bytes.len())?;
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), File::default());
        }
        let now = self.now;
        let from = self.files.get_mut(name).map_or(0, |file| {
            file.exists = true;
            file.modified = now;
            let from = file.data.len();
            file.data.extend_from_slice(bytes);
            fill_in(&mut file.data[from..]);
            from as u64
        });
        self.used += bytes.len() as u64;
        self.touch(name, from);
        Ok(())
    }

    /// Gives back the memory that was kept for `name` to grow: nobody will append to it any more.
    pub fn seal(&mut self, name: &str) {
        if let Some(file) = self.files.get_mut(name) {
            file.data.shrink_to_fit();
        }
    }

    /// Gives `name` the content `bytes` at once, as writing a temporary file and renaming it does.
    /// Until it is synced a power cut brings the old content back whole.
    pub fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.check_room(bytes.len())?;
        self.overwrite(name, Some(bytes));
        Ok(())
    }

    /// Removes `name`. Until that is synced a power cut brings it back whole.
    pub fn delete(&mut self, name: &str) -> Result<(), DiskError> {
        self.check_works()?;
        if self.read(name).is_none() {
            return Err(DiskError::NotFound);
        }
        self.overwrite(name, None);
        Ok(())
    }

    /// Gives the file `from` the name `to`, in place of what had that name. Like a truncation it
    /// counts at once.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.check_works()?;
        if self.read(from).is_none() {
            return Err(DiskError::NotFound);
        }
        let Some(file) = self.files.remove(from) else { return Err(DiskError::NotFound) };
        if let Some(replaced) = self.files.insert(to.to_owned(), file) {
            self.used -= replaced.data.len() as u64;
            self.find_next_sync();
        }
        self.touch(from, 0);
        self.touch(to, 0);
        Ok(())
    }

    fn overwrite(&mut self, name: &str, bytes: Option<&[u8]>) {
        let now = self.now;
        let file = self.files.entry(name.to_owned()).or_default();
        if file.before.is_none() {
            let durable = usize::try_from(file.durable_len).unwrap_or(usize::MAX);
            let durable = &file.data[..durable.min(file.data.len())];
            file.before = Some(file.exists.then(|| Bytes::copy_from_slice(durable)));
        }
        self.used -= file.data.len() as u64;
        file.exists = bytes.is_some();
        file.modified = now;
        file.data = bytes.unwrap_or_default().to_vec();
        file.durable_len = 0;
        let was_syncing = !file.syncing.is_empty();
        file.syncing.clear();
        self.used += file.data.len() as u64;
        if was_syncing {
            self.find_next_sync();
        }
        self.touch(name, 0);
    }

    /// Cuts `name` to `len` bytes; it must be that long.
    pub fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.check_works()?;
        let file = self.files.get_mut(name).filter(|file| file.exists);
        let file = file.ok_or(DiskError::NotFound)?;
        let old = file.data.len() as u64;
        if len > old {
            return Err(DiskError::NotFound);
        }
        file.modified = self.now;
        file.data.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        file.durable_len = file.durable_len.min(len);
        for (_, mark) in &mut file.syncing {
            *mark = (*mark).min(len);
        }
        self.used -= old - len;
        self.touch(name, len);
        Ok(())
    }

    /// Starts a sync of `name` that is done at `at`. Processes call [`crate::node::Ctx::fsync`],
    /// which also takes the disk's time.
    pub fn sync(&mut self, name: &str, at: Time) -> Result<(), DiskError> {
        self.check_works()?;
        let file = self.files.get_mut(name).ok_or(DiskError::NotFound)?;
        let len = file.data.len() as u64;
        file.syncing.push((at, len));
        self.next_sync = Some(self.next_sync.map_or(at, |next| next.min(at)));
        self.touch(name, len);
        Ok(())
    }

    /// Counts the syncs that are done at `now`, the time from now on.
    pub fn settle(&mut self, now: Time) {
        self.now = now;
        if self.next_sync.is_none_or(|next| next > now) {
            return;
        }
        let mut settled = Vec::new();
        for (name, file) in &mut self.files {
            let done = file.syncing.iter().filter(|(at, _)| *at <= now).map(|(_, len)| *len).max();
            if let Some(done) = done {
                file.syncing.retain(|(at, _)| *at > now);
                file.durable_len = file.durable_len.max(done);
                file.before = None;
                settled.push((name.clone(), file.data.len() as u64, file.exists));
            }
        }
        for (name, len, exists) in settled {
            self.touch(&name, len);
            if !exists {
                self.files.remove(&name);
            }
        }
        self.find_next_sync();
    }

    fn find_next_sync(&mut self) {
        let syncing = self.files.values().flat_map(|file| &file.syncing);
        self.next_sync = syncing.map(|(at, _)| *at).min();
    }

    /// The power goes at `at`: what was not synced by then may be lost.
    pub fn power_cut(&mut self, at: Time, rng: &mut Rng) -> Vec<Cut> {
        self.settle(at);
        self.next_sync = None;
        let mut cuts = Vec::new();
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            let Some(file) = self.files.get_mut(&name) else {
                continue;
            };
            let from = file.data.len() as u64;
            file.syncing.clear();
            match file.before.take() {
                Some(Some(old)) => {
                    file.data = old.to_vec();
                    file.exists = true;
                }
                Some(None) => {
                    file.data.clear();
                    file.exists = false;
                }
                None => {
                    let keep = rng.between(file.durable_len, from);
                    file.data.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
                }
            }
            let to = file.data.len() as u64;
            file.durable_len = to;
            let exists = file.exists;
            self.used = self.used + to - from;
            if from != to || !exists {
                cuts.push(Cut { file: name.clone(), from, to });
            }
            self.touch(&name, 0);
            if !exists {
                self.files.remove(&name);
            }
        }
        cuts
    }

    /// What changed since the last call, for the host to store.
    pub fn take_delta(&mut self) -> VolumeDelta {
        let dirty = std::mem::take(&mut self.dirty);
        let files = dirty.into_iter().map(|(name, from)| match self.files.get(&name) {
            None => FileDelta { name, from: 0, tail: Bytes::new(), meta: None },
            Some(file) => {
                let start = usize::try_from(from).unwrap_or(usize::MAX).min(file.data.len());
                let meta = FileMeta {
                    exists: file.exists,
                    len: file.data.len() as u64,
                    durable_len: file.durable_len,
                    syncing: file.syncing.clone(),
                    before: file.before.clone(),
                    modified: file.modified,
                };
                let tail = Bytes::copy_from_slice(&file.data[start..]);
                FileDelta { name, from: start as u64, tail, meta: Some(meta) }
            }
        });
        VolumeDelta { files: files.collect() }
    }

    /// Applies a delta that another copy of this volume took, as a host does when it loads.
    pub fn apply(&mut self, delta: &VolumeDelta) {
        for change in &delta.files {
            let old = self.files.get(&change.name).map_or(0, |file| file.data.len() as u64);
            self.used -= old;
            let Some(meta) = &change.meta else {
                self.files.remove(&change.name);
                continue;
            };
            let file = self.files.entry(change.name.clone()).or_default();
            file.data.truncate(usize::try_from(change.from).unwrap_or(usize::MAX));
            file.data.extend_from_slice(&change.tail);
            file.exists = meta.exists;
            file.durable_len = meta.durable_len;
            file.syncing.clone_from(&meta.syncing);
            file.before.clone_from(&meta.before);
            file.modified = meta.modified;
            self.used += file.data.len() as u64;
        }
        self.find_next_sync();
    }

    /// The whole volume as one delta from nothing, in the form that [`Volume::apply`] takes.
    pub fn to_delta(&self) -> VolumeDelta {
        let mut copy = self.clone();
        copy.dirty = copy.files.keys().map(|name| (name.clone(), 0)).collect();
        copy.take_delta()
    }
}

#[cfg(test)]
mod tests;
