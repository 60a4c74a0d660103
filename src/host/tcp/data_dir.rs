//! Volumes as directories: each file of a volume is a file under `DIR/PROCESS/`, in Kafka's and
//! ZooKeeper's own layout, so that their tools can read it.

use crate::base::Time;
use crate::disk::{Volume, VolumeDelta};
use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

/// The directory.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The directory `path`, made when it is missing.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// The volume of `process` as its directory has it. What is there counts as synced.
    pub fn load(&self, process: &str) -> io::Result<Volume> {
        let root = self.0.join(process);
        let mut volume = Volume::default();
        if root.is_dir() {
            load_into(&mut volume, &root, &root)?;
        }
        volume.settle(Time::ZERO);
        volume.take_delta();
        Ok(volume)
    }

    /// Writes what changed on the volume of `process`.
    pub fn store(&self, process: &str, delta: &VolumeDelta) -> io::Result<()> {
        for change in &delta.files {
            let path = self.0.join(process).join(inside(&change.name)?);
            if !change.meta.as_ref().is_some_and(|meta| meta.exists) {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => continue,
                }
            }
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(false).open(&path)?;
            file.set_len(change.from)?;
            file.seek(SeekFrom::Start(change.from))?;
            file.write_all(&change.tail)?;
        }
        Ok(())
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
        let path = entry?.path();
        if path.is_dir() {
            load_into(volume, root, &path)?;
            continue;
        }
        let relative = path.strip_prefix(root).map_err(io::Error::other)?;
        let Some(name) = relative.to_str() else {
            continue;
        };
        let name = name.replace(std::path::MAIN_SEPARATOR, "/");
        let full = || io::Error::other(format!("{}: the volume is full", path.display()));
        volume.append(&name, &fs::read(&path)?).map_err(|_| full())?;
        volume.sync(&name, Time::ZERO).map_err(|_| full())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_comes_back_from_its_directory() {
        let root = std::env::temp_dir().join(format!("kafkarium-data-{}", std::process::id()));
        let data = DataDir::open(&root).expect("a temporary directory");
        let mut volume = Volume::default();
        volume.append("orders-0/0.log", b"one two").expect("room");
        volume.append("gone", b"x").expect("room");
        data.store("broker-1", &volume.take_delta()).expect("stored");
        volume.truncate("orders-0/0.log", 4).expect("file");
        volume.append("orders-0/0.log", b"three").expect("room");
        volume.delete("gone").expect("file");
        data.store("broker-1", &volume.take_delta()).expect("stored");
        let loaded = data.load("broker-1").expect("loaded");
        assert_eq!(loaded.read("orders-0/0.log"), Some(&b"one three"[..]));
        assert_eq!(loaded.durable_len("orders-0/0.log"), 9);
        assert_eq!(loaded.read("gone"), None);
        assert!(data.load("nobody").expect("no directory, no files").is_empty());
        fs::remove_dir_all(root).expect("removed");
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        for name in ["../x", "/etc/x", "a/../../x"] {
            assert!(inside(name).is_err(), "{name}");
        }
    }
}
