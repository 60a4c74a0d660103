//! The conductor's own database: what is needed to find the world again after the page was closed.

use crate::world::WorldCheckpoint;
use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, TransactionMode};
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use std::future::IntoFuture;
use wasm_bindgen::JsValue;

const DATABASE: &str = "kafkarium";
const STORE: &str = "worlds";
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
    database: Database,
}

impl Archive {
    /// Opens the database, making it when it is missing.
    pub async fn open() -> Result<Self, String> {
        let factory = Factory::new().map_err(words)?;
        let mut request = factory.open(DATABASE, Some(1)).map_err(words)?;
        request.on_upgrade_needed(|event| {
            if let Ok(database) = event.database() {
                // A failure here fails the opening too, which is reported there.
                let _ = database.create_object_store(STORE, ObjectStoreParams::new());
            }
        });
        Ok(Self { database: request.await.map_err(words)? })
    }

    /// The kept world, if there is one that this build can read.
    pub async fn load(&self) -> Result<Option<Kept>, String> {
        let transaction = self.database.transaction(&[STORE], TransactionMode::ReadOnly);
        let transaction = transaction.map_err(words)?;
        let store = transaction.object_store(STORE).map_err(words)?;
        let value = store.get(JsValue::from_str(SANDBOX)).map_err(words)?;
        let value = value.await.map_err(words)?;
        Ok(value.and_then(|value| postcard::from_bytes(&Uint8Array::new(&value).to_vec()).ok()))
    }

    /// Keeps `kept` in place of what was kept before.
    pub async fn save(&self, kept: &Kept) -> Result<(), String> {
        let bytes = postcard::to_stdvec(kept).map_err(|error| error.to_string())?;
        let transaction = self.database.transaction(&[STORE], TransactionMode::ReadWrite);
        let transaction = transaction.map_err(words)?;
        let store = transaction.object_store(STORE).map_err(words)?;
        let value = Uint8Array::from(bytes.as_slice());
        let key = JsValue::from_str(SANDBOX);
        let _put = store.put(&value, Some(&key)).map_err(words)?;
        // The future listens from here on: made later, it could miss the end of the transaction.
        let committed = transaction.commit().map_err(words)?.into_future();
        let committed = committed.await.map_err(words)?;
        if committed.is_committed() { Ok(()) } else { Err("the transaction was aborted".into()) }
    }
}

fn words(error: idb::Error) -> String {
    error.to_string()
}
