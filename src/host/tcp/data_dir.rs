//! Volumes as directories: each file of a volume is a file under `DIR/PROCESS/`, in Kafka's and
//! ZooKeeper's own layout, so that their tools can read it.
//!
//! What was stored outlives the gateway's process, however it ends; nothing is synced to the real
//! disk, so a power cut of this machine may take the newest bytes.

use crate::base::{SortedMap, Time};
use crate::disk::delta::FileDelta;
use crate::disk::{Volume, VolumeDelta};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

/// Says that a gateway uses the directory, as Kafka's own `.lock` does.
const LOCK: &str = ".lock";
/// A file that is open at its end.
#[derive(Debug)]
struct Open {
    file: File,
    len: u64,
}

/// The end of the name of a file that is being written, as in Kafka.
const UNFINISHED: &str = ".tmp";

/// Most files that are kept open for the next bytes; beyond them all are closed.
const OPEN_MAX: usize = 64;

/// The directory.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    open: SortedMap<PathBuf, Open>,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl DataDir {
    /// The directory `root`, made when it is missing, for this gateway alone.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        let lock =
            OpenOptions::new().create(true).write(true).truncate(false).open(root.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, open: SortedMap::new(), _lock: lock }),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                let text = format!("{}: another gateway uses it", root.display());
                Err(io::Error::new(io::ErrorKind::WouldBlock, text))
            }
        }
    }

    /// The volume of `process` as its directory has it, with room for `bytes_max` bytes. What is
    /// there counts as synced.
    pub fn load(&self, process: &str, bytes_max: u64) -> io::Result<Volume> {
        let root = self.root.join(inside(process)?);
        let mut volume = Volume::with_room(bytes_max);
        if root.is_dir() {
            load_into(&mut volume, &root, &root)?;
        }
        volume.settle(Time::ZERO);
        volume.take_delta();
        Ok(volume)
    }

    /// Writes what changed on the volume of `process`.
    pub fn store(&mut self, process: &str, delta: &VolumeDelta) -> io::Result<()> {
        let root = self.root.join(inside(process)?);
        for change in &delta.files {
            self.store_file(root.join(inside(&change.name)?), change)?;
        }
        Ok(())
    }

    fn store_file(&mut self, path: PathBuf, change: &FileDelta) -> io::Result<()> {
        if !change.meta.as_ref().is_some_and(|meta| meta.exists) {
            self.open.remove(&path);
            return match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        if change.from == 0 && path.exists() {
            // Whoever reads the file sees the old content or the new one, and no mixture.
            self.open.remove(&path);
            let mut unfinished = path.as_os_str().to_owned();
            unfinished.push(UNFINISHED);
            fs::write(&unfinished, &change.tail)?;
            return fs::rename(unfinished, path);
        }
        // What fails may have written a part: the file is looked at anew before it is used again.
        let mut open = match self.open.remove(&path) {
            Some(open) => open,
            None => Open::at_end(&path)?,
        };
        if open.len != change.from {
            open.file.set_len(change.from)?;
            open.file.seek(SeekFrom::Start(change.from))?;
        }
        open.file.write_all(&change.tail)?;
        open.len = change.from + change.tail.len() as u64;
        if self.open.len() >= OPEN_MAX {
            self.open.clear();
        }
        self.open.insert(path, open);
        Ok(())
    }
}

impl Open {
    fn at_end(path: &Path) -> io::Result<Self> {
        let open = || OpenOptions::new().create(true).write(true).truncate(false).open(path);
        let mut file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                open()?
            }
            opened => opened?,
        };
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, len })
    }
}

/// A file name of a volume as a path that stays inside its directory.
fn inside(name: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: not a plain path")))
    }
}

fn load_into(volume: &mut Volume, root: &Path, dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            load_into(volume, root, &path)?;
            continue;
        }
        let relative = path.strip_prefix(root).map_err(io::Error::other)?;
        let Some(name) = relative.to_str().filter(|name| !name.ends_with(UNFINISHED)) else {
            continue;
        };
        if !kind.is_file() || name == LOCK {
            continue;
        }
        let name = name.replace(std::path::MAIN_SEPARATOR, "/");
        let full = |_| io::Error::other(format!("{}: the volume has no room", path.display()));
        volume.append(&name, &fs::read(&path)?).map_err(full)?;
        volume.sync(&name, Time::ZERO).map_err(full)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: u64 = 1 << 20;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("kafkarium-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_volume_comes_back_from_its_directory() {
        let root = scratch("data");
        let mut data = DataDir::open(&root).expect("a temporary directory");
        let mut volume = Volume::default();
        volume.append("orders-0/0.log", b"one two").expect("room");
        volume.append("gone", b"x").expect("room");
        volume.replace("checkpoint", b"old and long").expect("room");
        data.store("broker-1", &volume.take_delta()).expect("stored");
        volume.truncate("orders-0/0.log", 4).expect("file");
        volume.append("orders-0/0.log", b"three").expect("room");
        volume.replace("checkpoint", b"new").expect("room");
        volume.delete("gone").expect("file");
        data.store("broker-1", &volume.take_delta()).expect("stored");
        fs::write(root.join("broker-1/checkpoint.tmp"), b"half").expect("written");
        let loaded = data.load("broker-1", ROOM).expect("loaded");
        assert_eq!(loaded.read("orders-0/0.log"), Some(&b"one three"[..]));
        assert_eq!(loaded.read("checkpoint"), Some(&b"new"[..]));
        assert_eq!(loaded.durable_len("orders-0/0.log"), 9);
        assert_eq!(loaded.list("").collect::<Vec<_>>(), ["checkpoint", "orders-0/0.log"]);
        assert!(data.load("nobody", ROOM).expect("no directory, no files").is_empty());
        assert!(data.load("broker-1", 5).is_err(), "no room");
        fs::remove_dir_all(root).expect("removed");
    }

    #[test]
    fn files_that_come_and_go_are_written_where_they_are_now() {
        let root = scratch("reuse");
        let mut data = DataDir::open(&root).expect("a temporary directory");
        let mut volume = Volume::default();
        for turn in 0..OPEN_MAX as u64 + 10 {
            let name = format!("orders-{turn}/0.log");
            volume.append("index", b"i").expect("room");
            volume.append(&name, b"one").expect("room");
            data.store("b", &volume.take_delta()).expect("stored");
            volume.append(&name, b" two").expect("room");
            data.store("b", &volume.take_delta()).expect("stored");
            volume.delete(&name).expect("file");
            data.store("b", &volume.take_delta()).expect("stored");
            volume.append(&name, b"three").expect("room");
            volume.truncate("index", turn / 2).expect("file");
            data.store("b", &volume.take_delta()).expect("stored");
            assert_eq!(fs::read(root.join("b").join(&name)).expect("a file"), b"three");
        }
        let loaded = data.load("b", ROOM).expect("loaded");
        for name in volume.list("") {
            assert_eq!(loaded.read(name), volume.read(name), "{name}");
        }
        assert!(data.open.len() <= OPEN_MAX);
        fs::remove_dir_all(root).expect("removed");
    }

    #[test]
    fn a_directory_has_one_gateway() {
        let root = scratch("lock");
        let first = DataDir::open(&root).expect("a temporary directory");
        assert!(DataDir::open(&root).is_err());
        drop(first);
        DataDir::open(&root).expect("free again");
        fs::remove_dir_all(root).expect("removed");
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        for name in ["../x", "/etc/x", "a/../../x", "./x"] {
            assert!(inside(name).is_err(), "{name}");
        }
    }
}
