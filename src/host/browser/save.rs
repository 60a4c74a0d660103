//! The conductor's own database: what is needed to find the world again after the page was closed. It
//! is a volume like any other, with one file.

use super::volume_store::VolumeStore;
use crate::disk::Volume;
use crate::world::WorldCheckpoint;
use serde::{Deserialize, Serialize};

const DATABASE: &str = "kafkarium";
const SANDBOX: &str = "sandbox";

/// A world as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// Prefix of the databases of its volumes.
    pub databases: String,
    /// The world but for its processes' memories and volumes.
    pub world: WorldCheckpoint,
}

/// The database.
pub(super) struct Archive {
    store: VolumeStore,
    volume: Volume,
}

impl Archive {
    /// Opens the database, making it when it is missing.
    pub async fn open() -> Result<Self, String> {
        let (store, volume) = VolumeStore::open(DATABASE).await?;
        Ok(Self { store, volume })
    }

    /// The kept world, if there is one that this build can read.
    pub fn load(&self) -> Option<Kept> {
        self.volume.read(SANDBOX).and_then(|bytes| postcard::from_bytes(bytes).ok())
    }

    /// Keeps `kept` in place of what was kept before.
    pub async fn save(&mut self, kept: &Kept) -> Result<(), String> {
        let bytes = postcard::to_stdvec(kept).map_err(|error| error.to_string())?;
        if self.volume.read(SANDBOX).is_some() {
            self.volume.truncate(SANDBOX, 0).map_err(|error| error.to_string())?;
        }
        self.volume.append(SANDBOX, &bytes).map_err(|error| error.to_string())?;
        self.store.commit(&self.volume.take_delta(), &self.volume).await
    }
}
