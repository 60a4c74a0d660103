//! One thread: tests, the simulator, benchmarks and time travel run worlds here, natively and in
//! the browser alike.

use crate::base::{ConnId, ProcessId, Rng, SortedMap, StableHasher, Time};
use crate::disk::{Volume, VolumeDelta};
use crate::node::{Process, ProcessSpec, Runner};
use crate::world::{HostOrder, NodeResult, NodeTask, Round, World, WorldSnapshot};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Makes the process of a spec.
pub type Launch = fn(&ProcessSpec) -> Box<dyn Process>;

/// Runs a world on this thread.
pub struct LocalHost {
    world: World,
    launch: Launch,
    nodes: SortedMap<ProcessId, Node>,
}

/// A process, or only its volume while it is dead.
enum Node {
    Alive(Box<Runner>),
    Dead(Volume),
}

impl Node {
    fn volume(&self) -> &Volume {
        match self {
            Self::Alive(runner) => runner.volume(),
            Self::Dead(volume) => volume,
        }
    }

    fn volume_mut(&mut self) -> &mut Volume {
        match self {
            Self::Alive(runner) => runner.volume_mut(),
            Self::Dead(volume) => volume,
        }
    }

    fn into_volume(self) -> Volume {
        match self {
            Self::Alive(runner) => runner.into_volume(),
            Self::Dead(volume) => volume,
        }
    }
}

impl LocalHost {
    /// Runs `world`, whose processes `launch` makes.
    pub fn new(world: World, launch: Launch) -> Self {
        Self { world, launch, nodes: SortedMap::new() }
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, to act on it.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Lets time pass until `until`.
    pub fn run_until(&mut self, until: Time) {
        while self.run_round(until) {}
    }

    /// Runs the next round that ends at `until` at the latest; false when nothing more happens
    /// before `until`.
    pub fn run_round(&mut self, until: Time) -> bool {
        let Some(round) = self.world.plan(until) else {
            return false;
        };
        let results = self.execute(round);
        self.world.finish(results);
        true
    }

    /// The volume of a process.
    pub fn volume(&self, process: ProcessId) -> Option<&Volume> {
        self.nodes.get(&process).map(Node::volume)
    }

    /// The runner of a living process.
    pub fn runner(&self, process: ProcessId) -> Option<&Runner> {
        match self.nodes.get(&process)? {
            Node::Alive(runner) => Some(runner),
            Node::Dead(_) => None,
        }
    }

    /// Goes on with another world on the same volumes, as a page does that was loaded again.
    pub fn replace_world(&mut self, world: World) {
        self.world = world;
        for node in self.nodes.values_mut() {
            let alive = std::mem::replace(node, Node::Dead(Volume::default()));
            *node = Node::Dead(alive.into_volume());
        }
    }

    /// A moment to go back to. The world must keep lives.
    pub fn snapshot(&mut self) -> Option<WorldSnapshot> {
        self.run_until(self.world.clock());
        self.world.snapshot()
    }

    /// Goes back to a moment.
    pub fn restore(&mut self, snapshot: &WorldSnapshot) {
        self.world.restore(snapshot);
        self.run_until(self.world.clock());
    }

    /// A number that two hosts share only when everything in their worlds is the same.
    pub fn digest(&mut self) -> u64 {
        self.run_until(self.world.clock());
        self.refresh_views();
        let nodes = self.nodes.iter().map(|(id, node)| {
            let runner = match node {
                Node::Alive(runner) => runner.digest(),
                Node::Dead(_) => 0,
            };
            let state = (runner, node.volume().to_delta());
            let bytes = postcard::to_stdvec(&state).expect("a delta is plain data");
            (*id, StableHasher::of(&bytes))
        });
        self.world.digest(nodes)
    }

    /// Takes the views that the world does not have yet.
    pub fn refresh_views(&mut self) {
        for process in self.world.stale_views() {
            if let Some(Node::Alive(runner)) = self.nodes.get(&process) {
                self.world.put_view(process, runner.process().view(), runner.volume().used());
            }
        }
    }

    /// Bytes that were sent on a connection from outside and not taken up by its other end yet.
    pub fn unread_from_outside(&self, conn: ConnId) -> usize {
        let Some((process, conn, on_the_way)) = self.world.inbound_from_outside(conn) else {
            return 0;
        };
        on_the_way + self.runner(process).map_or(0, |runner| runner.process().unread(conn))
    }

    /// Puts a volume under a process that has not begun to live yet.
    pub fn give_volume(&mut self, process: ProcessId, volume: Volume) {
        self.nodes.insert(process, Node::Dead(volume));
    }

    /// What changed on the volumes since the last call, by process name.
    pub fn take_deltas(&mut self) -> Vec<(String, VolumeDelta)> {
        let mut deltas = Vec::new();
        for (process, node) in &mut self.nodes {
            let delta = node.volume_mut().take_delta();
            if delta.is_empty() {
                continue;
            }
            let spec = self.world.specs().find(|spec| spec.id == *process);
            deltas.extend(spec.map(|spec| (spec.name.clone(), delta)));
        }
        deltas
    }

    fn execute(&mut self, round: Round) -> Vec<NodeResult> {
        let mut results: Vec<NodeResult> = Vec::with_capacity(round.tasks.len());
        for order in round.orders {
            self.obey(order, &mut results);
        }
        for task in round.tasks {
            let result = self.run(task);
            match results.iter_mut().find(|known| known.process == result.process) {
                Some(known) => {
                    let (cuts, started_on) =
                        (std::mem::take(&mut known.cuts), known.started_on.take());
                    *known = NodeResult { cuts, started_on, ..result };
                }
                None => results.push(result),
            }
        }
        results
    }

    fn obey(&mut self, order: HostOrder, results: &mut Vec<NodeResult>) {
        match order {
            HostOrder::Start { spec, incarnation } => {
                let id = spec.id;
                let volume = self.nodes.remove(&id).map(Node::into_volume).unwrap_or_default();
                let started_on =
                    Some(Rc::new(volume.to_delta())).filter(|_| self.world.keeps_lives());
                let process = (self.launch)(&spec);
                let runner = Runner::new((*spec).clone(), incarnation, process, volume);
                self.nodes.insert(id, Node::Alive(Box::new(runner)));
                result_of(results, id).started_on = started_on;
            }
            HostOrder::Terminate { process } => {
                if let Some(node) = self.nodes.remove(&process) {
                    self.nodes.insert(process, Node::Dead(node.into_volume()));
                }
            }
            HostOrder::PowerCut { process, at, seed } => {
                let node = self.nodes.entry(process).or_insert(Node::Dead(Volume::default()));
                let cuts = node.volume_mut().power_cut(at, &mut Rng::new(seed));
                let volume_bytes = node.volume().used();
                let result = result_of(results, process);
                result.cuts.extend(cuts);
                result.volume_bytes = volume_bytes;
            }
            HostOrder::Restore { spec, life, alive } => {
                let runner = life.live_again(&spec, (self.launch)(&spec));
                result_of(results, spec.id).volume_bytes = runner.volume().used();
                let node = if alive {
                    Node::Alive(Box::new(runner))
                } else {
                    Node::Dead(runner.into_volume())
                };
                self.nodes.insert(spec.id, node);
            }
            HostOrder::Remove { process } => {
                self.nodes.remove(&process);
            }
        }
    }

    fn run(&mut self, task: NodeTask) -> NodeResult {
        let mut result = NodeResult::of(task.process);
        let Some(Node::Alive(runner)) = self.nodes.get_mut(&task.process) else {
            result.crashed = Some("it was never started".to_owned());
            return result;
        };
        let ran = catch_unwind(AssertUnwindSafe(|| runner.run(task.batch)));
        match ran {
            Ok(output) => result.output = Some(output),
            Err(panic) => {
                result.crashed = Some(words_of(panic.as_ref()));
                // As in a browser, where a broken worker has stored nothing of its last batch.
                if let Some(life) = self.world.life_before_batch(task.process) {
                    let process = (self.launch)(runner.spec());
                    **runner = life.live_again(&runner.spec().clone(), process);
                }
            }
        }
        result.volume_bytes = runner.volume().used();
        result.view = task.view.then(|| runner.process().view());
        result
    }
}

fn result_of(results: &mut Vec<NodeResult>, process: ProcessId) -> &mut NodeResult {
    let place = results.iter().position(|result| result.process == process);
    let place = place.unwrap_or_else(|| {
        results.push(NodeResult::of(process));
        results.len() - 1
    });
    &mut results[place]
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "panicked".to_owned())
}
