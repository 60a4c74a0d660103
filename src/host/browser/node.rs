//! A worker that is one process: it runs batches on its volume, stores what they wrote, and only
//! then tells the conductor what came of them (output commit).

use super::inbox::Inbox;
use super::message::{FromNode, Storage, ToNode};
use super::port::{listen_port, send};
use super::volume_store::VolumeStore;
use crate::base::Incarnation;
use crate::disk::{Volume, VolumeDelta};
use crate::node::{ProcessSpec, Runner};
use crate::world::{NodeResult, NodeTask, launch};
use std::cell::RefCell;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessagePort;

thread_local! {
    /// Where last words go. A panic hook can hold nothing itself.
    static CONDUCTOR: RefCell<Option<MessagePort>> = const { RefCell::new(None) };
}

/// Begins to listen on `port`.
pub(super) fn begin(port: MessagePort) {
    CONDUCTOR.with(|conductor| *conductor.borrow_mut() = Some(port.clone()));
    std::panic::set_hook(Box::new(|panic| {
        let words = FromNode::Crashed(panic.to_string());
        CONDUCTOR.with(|conductor| {
            if let Ok(conductor) = conductor.try_borrow()
                && let Some(port) = conductor.as_ref()
            {
                send(port, &words, None);
            }
        });
    }));
    let inbox = Inbox::default();
    let filling = inbox.clone();
    let listener = listen_port(&port, move |message: ToNode| filling.push(message));
    // The worker listens until it is terminated.
    listener.forget();
    spawn_local(serve(inbox, port));
}

/// The process and where its volume is kept.
struct Node {
    runner: Runner,
    /// None while the conductor holds the volume.
    store: Option<VolumeStore>,
}

async fn serve(inbox: Inbox<ToNode>, port: MessagePort) {
    let mut node = None;
    loop {
        let reply = match (inbox.next().await, node.as_mut()) {
            (ToNode::Start { spec, incarnation, storage, volume, tell_volume }, _) => {
                let (born, reply) = start(spec, incarnation, storage, &volume, tell_volume).await;
                node = Some(born);
                reply
            }
            (ToNode::Restore { spec, life }, _) => {
                let runner = life.live_again(&spec, launch(&spec));
                let volume_bytes = runner.volume().used();
                node = Some(Node { runner, store: None });
                FromNode::Started { volume: None, volume_bytes, trouble: None }
            }
            (ToNode::Run(task), Some(node)) => run(node, task).await,
            (ToNode::Look, Some(node)) => FromNode::View {
                view: Box::new(node.runner.process().view()),
                volume_bytes: node.runner.volume().used(),
            },
            (ToNode::Keep(database), Some(node)) => keep(node, &database).await,
            (ToNode::Run(_) | ToNode::Look | ToNode::Keep(_), None) => {
                FromNode::Crashed("it was never started".to_owned())
            }
        };
        send(&port, &reply, None);
    }
}

async fn start(
    spec: ProcessSpec,
    incarnation: Incarnation,
    storage: Storage,
    held: &VolumeDelta,
    tell_volume: bool,
) -> (Node, FromNode) {
    let mut trouble = None;
    let (store, volume) = match storage {
        Storage::Conductor => (None, volume_of(held)),
        Storage::Database(name) => match VolumeStore::open(&name).await {
            Ok((store, volume)) => (Some(store), volume),
            Err(why) => {
                trouble = Some(why);
                (None, Volume::default())
            }
        },
    };
    let volume_bytes = volume.used();
    let told = tell_volume.then(|| volume.to_delta());
    let process = launch(&spec);
    let runner = Runner::new(spec, incarnation, process, volume);
    let reply = FromNode::Started { volume: told, volume_bytes, trouble };
    (Node { runner, store }, reply)
}

fn volume_of(delta: &VolumeDelta) -> Volume {
    let mut volume = Volume::default();
    volume.apply(delta);
    volume
}

async fn run(node: &mut Node, task: NodeTask) -> FromNode {
    let output = node.runner.run(task.batch);
    let mut result = NodeResult::of(task.process);
    result.output = Some(output);
    result.view = task.view.then(|| node.runner.process().view());
    result.volume_bytes = node.runner.volume().used();
    let mut delta = node.runner.volume_mut().take_delta();
    let mut trouble = None;
    let stored = node.store.is_some() && !delta.is_empty();
    if let Some(store) = node.store.as_mut() {
        // The conductor gets a copy only of what no database holds.
        match store.commit(&delta, node.runner.volume()).await {
            Ok(()) => delta = VolumeDelta::default(),
            Err(why) => {
                node.store = None;
                delta = node.runner.volume().to_delta();
                trouble = Some(why);
            }
        }
    }
    FromNode::Ran { result: Box::new(result), delta, stored, trouble }
}

async fn keep(node: &mut Node, database: &str) -> FromNode {
    let trouble = match VolumeStore::open(database).await {
        Err(why) => Some(why),
        Ok((mut store, _)) => {
            let whole = node.runner.volume().to_delta();
            let stored = store.commit(&whole, node.runner.volume()).await;
            if stored.is_ok() {
                node.store = Some(store);
            }
            stored.err()
        }
    };
    FromNode::Kept { trouble }
}
