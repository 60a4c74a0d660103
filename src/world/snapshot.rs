//! Going back. A snapshot holds the world as it was between two rounds; processes are brought back
//! by living their present life again, with effects muted, on the volume it began on. So nothing
//! of a process has to be copied, and what comes back is exactly what was there.

use super::lives::Proc;
use super::round::{HostOrder, LifeLog};
use super::state::World;
use crate::base::{ProcessId, StableHasher, Time};
use serde::Serialize;

/// A moment to which a world can go back. Logs are shared, so it costs little.
#[derive(Clone)]
pub struct WorldSnapshot {
    world: World,
}

impl WorldSnapshot {
    /// Virtual time of that moment.
    pub fn clock(&self) -> Time {
        self.world.clock
    }
}

impl World {
    /// The world as it is now. None while orders wait that the host has not carried out (a round
    /// that ends at the clock does that) or when lives are not kept.
    pub fn snapshot(&self) -> Option<WorldSnapshot> {
        let possible = self.window.is_none() && self.orders.is_empty() && self.lives_kept;
        possible.then(|| WorldSnapshot { world: self.clone() })
    }

    /// The life of a process as it was before the batch that it was handed last; none unless lives
    /// are kept.
    pub fn life_before_batch(&self, process: ProcessId) -> Option<LifeLog> {
        let mut life = self.proc(process).filter(|_| self.lives_kept)?.log.clone();
        life.forget_last_batch();
        Some(life)
    }

    /// Goes back to `snapshot`, or forward to one that was taken on a road not taken since. The
    /// orders of the next round bring the processes back.
    pub fn restore(&mut self, snapshot: &WorldSnapshot) {
        assert!(self.window.is_none(), "a world goes back between rounds");
        let then = &snapshot.world;
        let newer = self.processes.iter().skip(then.processes.len()).map(Proc::id);
        let mut orders: Vec<HostOrder> =
            newer.map(|process| HostOrder::Remove { process }).collect();
        orders.extend(then.processes.iter().map(|process| HostOrder::Restore {
            spec: process.spec.clone(),
            life: process.log.clone(),
            alive: process.is_alive(),
        }));
        *self = then.clone();
        self.orders = orders;
        for process in &mut self.processes {
            process.view_is_stale = process.is_alive();
        }
    }

    /// A number that two worlds share only when everything in them is the same: clock, trace, what
    /// is to come, links with all that is under way, processes with their views, and what only the
    /// host can see: `nodes` are the hashes of its runners and volumes. Views must be fresh.
    pub fn digest(&self, nodes: impl IntoIterator<Item = (ProcessId, u64)>) -> u64 {
        let mut hasher = StableHasher::default();
        add(&mut hasher, &(self.seed, self.epoch, self.clock, self.sync_latency));
        add(&mut hasher, &(self.restart_back_off, self.supervisor, self.next_command));
        add(&mut hasher, &(self.trace.mark(), &self.defaults, &self.network));
        add(&mut hasher, &(&self.scheduled, &self.recorded, &self.restarts, &self.wakes));
        add(&mut hasher, &(&self.ready, &self.answers, &self.cuts, self.outside_dials));
        for process in &self.processes {
            add(&mut hasher, &(process.spec.as_ref(), &process.life, process.incarnation));
            // The last view of a dead process was taken whenever somebody last looked.
            let view = process.view.as_deref().filter(|_| process.is_alive());
            add(
                &mut hasher,
                &(
                    view,
                    &process.wake,
                    process.not_before,
                    process.disk,
                    &process.disk_faults,
                    process.volume_bytes,
                ),
            );
            add(&mut hasher, &(&process.inputs, &process.stalled, process.starts_with_power));
        }
        for emission in self.emissions.iter() {
            add(&mut hasher, emission);
        }
        for node in nodes {
            add(&mut hasher, &node);
        }
        hasher.finish()
    }
}

fn add(hasher: &mut StableHasher, value: &impl Serialize) {
    let bytes = postcard::to_stdvec(value).expect("a world is plain data, which postcard encodes");
    hasher.write(&bytes);
}
