//! The volume in IndexedDB, in a worker of a headless browser, by the same contract as the one in memory.
#![cfg(target_arch = "wasm32")]

use kafkarium::disk::{Volume, VolumeDelta};
use kafkarium::host::browser::volume_store::{VolumeStore, delete};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[path = "it/volume_contract.rs"]
mod volume_contract;

struct InBrowser {
    name: String,
    store: Option<VolumeStore>,
}

impl volume_contract::Shelf for InBrowser {
    async fn commit(&mut self, delta: &VolumeDelta, volume: &Volume) {
        let store = self.store.as_mut().expect("opened before");
        store.commit(delta, volume).await.expect("the browser stores");
    }

    async fn reopen(&mut self) -> Volume {
        if let Some(store) = self.store.take() {
            store.close();
        }
        let (store, volume) = VolumeStore::open(&self.name).await.expect("the browser opens");
        self.store = Some(store);
        volume
    }
}

#[wasm_bindgen_test]
async fn indexed_db_keeps_volumes() {
    for seed in 0..5 {
        let name = format!("contract/{seed}");
        let mut shelf = InBrowser { name: name.clone(), store: None };
        volume_contract::comes_back_as_it_was(&mut shelf, seed).await;
        if let Some(store) = shelf.store.take() {
            store.close();
        }
        delete(&name).await.expect("nobody has it open");
    }
}

#[wasm_bindgen_test]
async fn what_was_not_committed_is_not_there() {
    let (mut store, mut volume) = VolumeStore::open("uncommitted").await.expect("opens");
    volume.append("log", b"stored").expect("room");
    store.commit(&volume.take_delta(), &volume).await.expect("stores");
    volume.append("log", b" and lost").expect("room");
    store.close();
    let (store, again) = VolumeStore::open("uncommitted").await.expect("opens");
    assert_eq!(again.read("log"), Some(&b"stored"[..]));
    store.close();
    delete("uncommitted").await.expect("nobody has it open");
}
