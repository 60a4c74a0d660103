//! The conductor's side of the nodes: asks the page for workers, hands rounds to them and waits for
//! what came of it.

use super::inbox::Inbox;
use super::message::{ConductorToPage, FromNode, PageToConductor, Storage, Ticket, ToNode};
use super::pace::Pace;
use super::port::{Listener, listen_port, send};
use super::volume_store::VolumeStore;
use crate::base::{ProcessId, Rng, SortedMap};
use crate::disk::{Volume, VolumeDelta};
use crate::host::protocol::{RoundPace, ToConductor};
use crate::node::ProcessView;
use crate::world::{HostOrder, NodeResult, Round, launch};
use gloo::timers::callback::Timeout;
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::{DedicatedWorkerGlobalScope, MessagePort};

/// Real time after which a node that does not answer counts as hung.
const HUNG_AFTER_MS: u32 = 15_000;

/// What arrives for one node's worker.
enum NodeEvent {
    Spawned(MessagePort),
    Terminated,
    Said(FromNode),
}

/// Where events go, and the last ticket that was given out.
#[derive(Default)]
struct Routes {
    inboxes: SortedMap<Ticket, Inbox<NodeEvent>>,
    last: u64,
}

/// A worker that runs a process.
struct Node {
    ticket: Ticket,
    inbox: Inbox<NodeEvent>,
    port: Option<MessagePort>,
    /// What the worker is told as soon as it runs.
    first: Option<ToNode>,
    /// Held for as long as the node may speak.
    listener: Option<Listener>,
}

/// All nodes of a world, alive or only a volume.
pub(super) struct Nodes {
    page: DedicatedWorkerGlobalScope,
    router: Rc<Router>,
    alive: SortedMap<ProcessId, Node>,
    /// Volumes that no database holds.
    held: SortedMap<ProcessId, Volume>,
    /// Prefix of the database names; none while volumes are in memory.
    databases: Option<String>,
    /// Why volumes are not kept although they should be.
    trouble: Option<String>,
    /// True once real time had a say: a hung or broken worker.
    unreproducible: bool,
    /// How long rounds take.
    pace: Pace,
}

/// The way by which the page's messages about workers reach the nodes.
#[derive(Default)]
pub(super) struct Router(RefCell<Routes>);

impl Router {
    /// Takes a message of the page; what is for the user interface comes back.
    pub fn route(
        &self,
        message: PageToConductor,
        port: Option<MessagePort>,
    ) -> Option<ToConductor> {
        let (ticket, event) = match message {
            PageToConductor::Ui(message) => return Some(*message),
            PageToConductor::Spawned(ticket) => (ticket, port.map(NodeEvent::Spawned)),
            PageToConductor::Terminated(ticket) => (ticket, Some(NodeEvent::Terminated)),
            PageToConductor::Failed(ticket, why) => {
                (ticket, Some(NodeEvent::Said(FromNode::Crashed(why))))
            }
        };
        if let (Some(inbox), Some(event)) = (self.0.borrow().inboxes.get(&ticket), event) {
            inbox.push(event);
        }
        None
    }

    /// A ticket for a new worker, whose events go to `inbox`.
    fn enter(&self, inbox: Inbox<NodeEvent>) -> Ticket {
        let mut routes = self.0.borrow_mut();
        routes.last += 1;
        let ticket = Ticket(routes.last);
        routes.inboxes.insert(ticket, inbox);
        ticket
    }

    fn leave(&self, ticket: Ticket) {
        self.0.borrow_mut().inboxes.remove(&ticket);
    }
}

impl Nodes {
    /// No nodes yet. Volumes go into databases named `databases` and a number, or stay in memory.
    pub fn new(
        page: DedicatedWorkerGlobalScope,
        router: Rc<Router>,
        databases: Option<String>,
    ) -> Self {
        Self {
            page,
            router,
            alive: SortedMap::new(),
            held: SortedMap::new(),
            databases,
            trouble: None,
            unreproducible: false,
            pace: Pace::default(),
        }
    }

    /// Why volumes are not kept although they should be, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// True, once, after a worker hung or broke, so that the run cannot be repeated.
    pub fn take_unreproducible(&mut self) -> bool {
        std::mem::take(&mut self.unreproducible)
    }

    /// How long rounds took so far, by the number of volumes they wrote to.
    pub fn pace(&self) -> Vec<RoundPace> {
        self.pace.counts()
    }

    /// The database of a process's volume.
    pub fn database_of(&self, process: ProcessId) -> Option<String> {
        self.databases.as_ref().map(|prefix| database_name(prefix, process))
    }

    /// Carries out a round.
    pub async fn execute(&mut self, round: Round, keep_lives: bool) -> Vec<NodeResult> {
        let mut results: SortedMap<ProcessId, NodeResult> = SortedMap::new();
        let mut starting: Vec<ProcessId> = Vec::new();
        for order in round.orders {
            if !matches!(order, HostOrder::Start { .. }) {
                self.await_started(&mut starting, &mut results).await;
            }
            match order {
                HostOrder::Start { spec, incarnation } => {
                    if starting.contains(&spec.id) {
                        self.await_started(&mut starting, &mut results).await;
                    }
                    let storage = self.storage_of(spec.id);
                    let volume = self.held_volume(spec.id);
                    let start = ToNode::Start {
                        spec: (*spec).clone(),
                        incarnation,
                        storage,
                        volume,
                        tell_volume: keep_lives,
                    };
                    self.spawn(spec.id, start);
                    starting.push(spec.id);
                }
                HostOrder::Terminate { process } => self.terminate(process).await,
                HostOrder::PowerCut { process, at, seed } => {
                    let cuts = self.power_cut(process, at, seed).await;
                    let result = results.entry(process).or_insert_with(|| NodeResult::of(process));
                    result.cuts.extend(cuts.0);
                    result.volume_bytes = cuts.1;
                }
                HostOrder::Restore { spec, life, alive } => {
                    self.terminate(spec.id).await;
                    let lived = life.live_again(&spec, launch(&spec));
                    self.held.insert(spec.id, lived.into_volume());
                    if alive {
                        let restore = ToNode::Restore { spec: (*spec).clone(), life };
                        self.spawn(spec.id, restore);
                        starting.push(spec.id);
                    }
                }
                HostOrder::Remove { process } => {
                    self.terminate(process).await;
                    self.held.remove(&process);
                }
            }
        }
        self.await_started(&mut starting, &mut results).await;
        self.pace.begin();
        let running: Vec<ProcessId> = round.tasks.iter().map(|task| task.process).collect();
        for task in round.tasks {
            let process = task.process;
            self.say(process, &ToNode::Run(task));
        }
        let is_round = !running.is_empty();
        for process in running {
            let reply = self.hear(process).await;
            let before = results.remove(&process);
            let result = self.ran(process, reply, before);
            results.insert(process, result);
        }
        if is_round {
            self.pace.end();
        }
        results.into_values().collect()
    }

    fn ran(
        &mut self,
        process: ProcessId,
        reply: FromNode,
        before: Option<NodeResult>,
    ) -> NodeResult {
        let before = before.unwrap_or_else(|| NodeResult::of(process));
        match reply {
            FromNode::Ran { result, delta, stored, trouble } => {
                if stored {
                    self.pace.stored();
                }
                self.hold(process, &delta);
                self.note_trouble(process, trouble);
                NodeResult { cuts: before.cuts, started_on: before.started_on, ..*result }
            }
            FromNode::Crashed(message) => {
                self.unreproducible = true;
                NodeResult { crashed: Some(message), ..before }
            }
            FromNode::Started { .. } | FromNode::View { .. } | FromNode::Kept { .. } => before,
        }
    }

    /// Applies what a node wrote to the copy that the conductor holds.
    fn hold(&mut self, process: ProcessId, delta: &VolumeDelta) {
        if !delta.is_empty() {
            self.held.entry(process).or_default().apply(delta);
        }
    }

    /// Notes that the database of `process` refused: the conductor holds its volume from now on.
    fn note_trouble(&mut self, process: ProcessId, trouble: Option<String>) {
        if let Some(why) = trouble {
            self.held.entry(process).or_default();
            self.trouble = Some(why);
        }
    }

    fn storage_of(&self, process: ProcessId) -> Storage {
        match self.database_of(process) {
            Some(name) if !self.held.contains_key(&process) => Storage::Database(name),
            Some(_) | None => Storage::Conductor,
        }
    }

    fn held_volume(&self, process: ProcessId) -> VolumeDelta {
        self.held.get(&process).map(Volume::to_delta).unwrap_or_default()
    }

    /// Asks the page for a worker; [`Nodes::started`] waits for it.
    fn spawn(&mut self, process: ProcessId, first: ToNode) {
        let inbox = Inbox::default();
        let ticket = self.router.enter(inbox.clone());
        send(&self.page, &ConductorToPage::Spawn(ticket), None);
        let node = Node { ticket, inbox, port: None, first: Some(first), listener: None };
        self.alive.insert(process, node);
    }

    async fn await_started(
        &mut self,
        starting: &mut Vec<ProcessId>,
        results: &mut SortedMap<ProcessId, NodeResult>,
    ) {
        for process in std::mem::take(starting) {
            let result = results.entry(process).or_insert_with(|| NodeResult::of(process));
            match self.started(process).await {
                FromNode::Started { volume, volume_bytes, trouble } => {
                    result.started_on = volume.map(Rc::new);
                    result.volume_bytes = volume_bytes;
                    self.note_trouble(process, trouble);
                }
                FromNode::Crashed(message) => {
                    self.unreproducible = true;
                    result.crashed = Some(message);
                }
                FromNode::Ran { .. } | FromNode::View { .. } | FromNode::Kept { .. } => {}
            }
        }
    }

    /// Waits for the worker of a new node, gives it its first message and waits for the answer.
    async fn started(&mut self, process: ProcessId) -> FromNode {
        let Some(node) = self.alive.get_mut(&process) else {
            return FromNode::Crashed("it was never started".to_owned());
        };
        let port = match node.inbox.next().await {
            NodeEvent::Spawned(port) => port,
            NodeEvent::Said(crash) => return crash,
            NodeEvent::Terminated => return FromNode::Crashed("terminated".to_owned()),
        };
        let filling = node.inbox.clone();
        let listen = move |said: FromNode| filling.push(NodeEvent::Said(said));
        node.listener = Some(listen_port(&port, listen));
        if let Some(first) = node.first.take() {
            send(&port, &first, None);
        }
        node.port = Some(port);
        self.hear(process).await
    }

    fn say(&self, process: ProcessId, message: &ToNode) {
        if let Some(port) = self.alive.get(&process).and_then(|node| node.port.as_ref()) {
            send(port, message, None);
        }
    }

    /// Waits for what a node says; a node that says nothing for long counts as crashed.
    async fn hear(&self, process: ProcessId) -> FromNode {
        let Some(node) = self.alive.get(&process).filter(|node| node.port.is_some()) else {
            return FromNode::Crashed("its worker is gone".to_owned());
        };
        let watching = node.inbox.clone();
        let watchdog = Timeout::new(HUNG_AFTER_MS, move || {
            let why = format!("no answer for {} s", HUNG_AFTER_MS / 1_000);
            watching.push(NodeEvent::Said(FromNode::Crashed(why)));
        });
        let said = loop {
            match node.inbox.next().await {
                NodeEvent::Said(said) => break said,
                NodeEvent::Spawned(_) | NodeEvent::Terminated => {}
            }
        };
        watchdog.cancel();
        said
    }

    /// Really terminates the worker of a process, and waits until the page says so.
    async fn terminate(&mut self, process: ProcessId) {
        let Some(node) = self.alive.remove(&process) else {
            return;
        };
        send(&self.page, &ConductorToPage::Terminate(node.ticket), None);
        while !matches!(node.inbox.next().await, NodeEvent::Terminated) {}
        self.router.leave(node.ticket);
    }

    async fn power_cut(
        &mut self,
        process: ProcessId,
        at: crate::base::Time,
        seed: u64,
    ) -> (Vec<crate::disk::Cut>, u64) {
        if let Storage::Database(name) = self.storage_of(process) {
            match VolumeStore::open(&name).await {
                Ok((mut store, mut volume)) => {
                    let cuts = volume.power_cut(at, &mut Rng::new(seed));
                    let stored = store.commit(&volume.take_delta(), &volume).await;
                    store.close();
                    self.note_trouble(process, stored.err());
                    return (cuts, volume.used());
                }
                Err(why) => self.note_trouble(process, Some(why)),
            }
        }
        let volume = self.held.entry(process).or_default();
        let cuts = volume.power_cut(at, &mut Rng::new(seed));
        volume.take_delta();
        (cuts, volume.used())
    }

    /// The views of `processes` as they are now.
    pub async fn look(&self, processes: &[ProcessId]) -> Vec<(ProcessId, ProcessView, u64)> {
        for process in processes {
            self.say(*process, &ToNode::Look);
        }
        let mut views = Vec::new();
        for process in processes {
            match self.hear(*process).await {
                FromNode::View { view, volume_bytes } => {
                    views.push((*process, *view, volume_bytes));
                }
                // A death is the world's to know: it hears of it with the next batch.
                FromNode::Crashed(message) => {
                    if let Some(node) = self.alive.get(process) {
                        node.inbox.push(NodeEvent::Said(FromNode::Crashed(message)));
                    }
                }
                FromNode::Started { .. } | FromNode::Ran { .. } | FromNode::Kept { .. } => {}
            }
        }
        views
    }

    /// Keeps all volumes in databases named `databases` from now on.
    pub async fn keep(&mut self, databases: &str, processes: &[ProcessId]) {
        self.databases = Some(databases.to_owned());
        for process in processes {
            let name = database_name(databases, *process);
            let trouble = if self.alive.contains_key(process) {
                self.say(*process, &ToNode::Keep(name));
                match self.hear(*process).await {
                    FromNode::Kept { trouble } => trouble,
                    FromNode::Crashed(why) => Some(why),
                    FromNode::Started { .. } | FromNode::Ran { .. } | FromNode::View { .. } => None,
                }
            } else {
                self.store_held(*process, &name).await.err()
            };
            match trouble {
                None => {
                    self.held.remove(process);
                }
                Some(why) => self.note_trouble(*process, Some(why)),
            }
        }
    }

    async fn store_held(&self, process: ProcessId, name: &str) -> Result<(), String> {
        let Some(volume) = self.held.get(&process) else {
            return Ok(());
        };
        let (mut store, _) = VolumeStore::open(name).await?;
        let stored = store.commit(&volume.to_delta(), volume).await;
        store.close();
        stored
    }

    /// Terminates every worker.
    pub async fn terminate_all(&mut self) {
        let alive: Vec<ProcessId> = self.alive.keys().copied().collect();
        for process in alive {
            self.terminate(process).await;
        }
    }
}

/// The database of the volume of `process` in the world `prefix`.
pub(super) fn database_name(prefix: &str, process: ProcessId) -> String {
    format!("{prefix}/volume/{}", process.0)
}
