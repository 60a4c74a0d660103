//! A volume in IndexedDB: one database a process, files in chunks below the size at which browsers
//! move a value into a file of its own, and the marks of each file beside them.
//!
//! What a round wrote goes in with one transaction, all puts at once and no await between them and
//! the commit, and is acknowledged only when the transaction is complete.

use crate::base::SortedMap;
use crate::disk::{FileDelta, FileMeta, Volume, VolumeDelta};
use bytes::Bytes;
use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, TransactionMode};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbTransactionMode};

/// Bytes of a chunk: small enough that rewriting the tail at every commit costs little.
const CHUNK_BYTES: usize = 16 * 1024;
const CHUNKS: &str = "chunks";
const METAS: &str = "metas";

/// The database of one volume.
pub struct VolumeStore {
    database: IdbDatabase,
    /// Chunks that each file has in the database.
    chunks: SortedMap<String, usize>,
}

impl VolumeStore {
    /// Opens the database `name`, making it when it is missing, and reads the volume in it.
    pub async fn open(name: &str) -> Result<(Self, Volume), String> {
        let factory = Factory::new().map_err(words)?;
        let mut request = factory.open(name, Some(1)).map_err(words)?;
        request.on_upgrade_needed(|event| {
            if let Ok(database) = event.database() {
                for store in [CHUNKS, METAS] {
                    // A failure here fails the opening too, which is reported there.
                    let _ = database.create_object_store(store, ObjectStoreParams::new());
                }
            }
        });
        let database = request.await.map_err(words)?;
        let (volume, chunks) = read(&database).await.map_err(words)?;
        let database: IdbDatabase = database.into();
        // Another tab that deletes the world must not wait for us for ever.
        let closing = database.clone();
        let on_version_change = Closure::once_into_js(move || closing.close());
        database.set_onversionchange(Some(on_version_change.unchecked_ref()));
        Ok((Self { database, chunks }, volume))
    }

    /// Stores `delta`, which was just taken from `volume`.
    pub async fn commit(&mut self, delta: &VolumeDelta, volume: &Volume) -> Result<(), String> {
        if delta.is_empty() {
            return Ok(());
        }
        let stores = Array::of2(&CHUNKS.into(), &METAS.into());
        let transaction = self
            .database
            .transaction_with_str_sequence_and_mode(&stores, IdbTransactionMode::Readwrite)
            .map_err(js_words)?;
        let chunks = transaction.object_store(CHUNKS).map_err(js_words)?;
        let metas = transaction.object_store(METAS).map_err(js_words)?;
        for file in &delta.files {
            let name = JsValue::from_str(&file.name);
            let data = volume.read(&file.name).unwrap_or_default();
            let first = (file.from as usize) / CHUNK_BYTES;
            let pieces = data.chunks(CHUNK_BYTES).enumerate().skip(first);
            for (index, piece) in pieces {
                let key = chunk_key(&name, index);
                chunks.put_with_key(&Uint8Array::from(piece), &key).map_err(js_words)?;
            }
            let now = data.len().div_ceil(CHUNK_BYTES);
            let before = self.chunks.insert(file.name.clone(), now).unwrap_or(0);
            for index in now..before {
                chunks.delete(&chunk_key(&name, index)).map_err(js_words)?;
            }
            if let Some(meta) = file.meta.as_ref().and_then(|meta| postcard::to_stdvec(meta).ok()) {
                metas.put_with_key(&Uint8Array::from(&meta[..]), &name).map_err(js_words)?;
            } else {
                metas.delete(&name).map_err(js_words)?;
                self.chunks.remove(&file.name);
            }
        }
        let done = Promise::new(&mut |resolve, reject| {
            let complete = Closure::once_into_js(move || resolve.call0(&JsValue::NULL));
            transaction.set_oncomplete(Some(complete.unchecked_ref()));
            let failing = transaction.clone();
            let abort = Closure::once_into_js(move || {
                let error = failing.error().map_or(JsValue::NULL, JsValue::from);
                reject.call1(&JsValue::NULL, &error)
            });
            transaction.set_onabort(Some(abort.unchecked_ref()));
        });
        #[expect(
            deprecated,
            reason = "web-sys marks what Safari lacked; without it a commit waits"
        )]
        transaction.commit().map_err(js_words)?;
        JsFuture::from(done).await.map(|_| ()).map_err(js_words)
    }

    /// Lets go of the database.
    pub fn close(self) {
        self.database.close();
    }
}

/// Deletes the database `name`. Nobody may have it open.
pub async fn delete(name: &str) -> Result<(), String> {
    let factory = Factory::new().map_err(words)?;
    factory.delete(name).map_err(words)?.await.map_err(words)
}

fn chunk_key(name: &JsValue, index: usize) -> JsValue {
    Array::of2(name, &JsValue::from_f64(index as f64)).into()
}

async fn read(database: &Database) -> Result<(Volume, SortedMap<String, usize>), idb::Error> {
    let transaction = database.transaction(&[CHUNKS, METAS], TransactionMode::ReadOnly)?;
    let (chunks, metas) = (transaction.object_store(CHUNKS)?, transaction.object_store(METAS)?);
    // All four requests stand before the first is awaited, so the transaction cannot end between.
    let meta_keys = metas.get_all_keys(None, None)?;
    let meta_values = metas.get_all(None, None)?;
    let chunk_keys = chunks.get_all_keys(None, None)?;
    let chunk_values = chunks.get_all(None, None)?;
    let (meta_keys, meta_values) = (meta_keys.await?, meta_values.await?);
    let (chunk_keys, chunk_values) = (chunk_keys.await?, chunk_values.await?);
    let mut data: SortedMap<String, (usize, Vec<u8>)> = SortedMap::new();
    for (key, value) in chunk_keys.into_iter().zip(chunk_values) {
        let Some(name) = Array::from(&key).get(0).as_string() else {
            continue;
        };
        let (count, bytes) = data.entry(name).or_default();
        *count += 1;
        bytes.extend_from_slice(&Uint8Array::new(&value).to_vec());
    }
    let mut delta = VolumeDelta::default();
    let mut counts = SortedMap::new();
    for (key, value) in meta_keys.into_iter().zip(meta_values) {
        let Some(name) = key.as_string() else {
            continue;
        };
        let meta = postcard::from_bytes::<FileMeta>(&Uint8Array::new(&value).to_vec()).ok();
        let (count, bytes) = data.remove(&name).unwrap_or_default();
        counts.insert(name.clone(), count);
        delta.files.push(FileDelta { name, from: 0, tail: Bytes::from(bytes), meta });
    }
    let mut volume = Volume::default();
    volume.apply(&delta);
    Ok((volume, counts))
}

fn words(error: idb::Error) -> String {
    error.to_string()
}

fn js_words(error: JsValue) -> String {
    match error.dyn_ref::<web_sys::DomException>() {
        Some(exception) => format!("{}: {}", exception.name(), exception.message()),
        None => format!("{error:?}"),
    }
}
