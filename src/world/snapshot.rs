//! Going back. A snapshot holds the world as it was between two rounds; processes are brought back
//! by living their present life again, with effects muted, on the volume it began on. So nothing
//! of a process has to be copied, and what comes back is exactly what was there.

use super::link::What;
use super::lives::Proc;
use super::round::HostOrder;
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

    /// A number that two worlds share only when everything in them is the same: clock, states,
    /// views, frames under way, and the volumes, whose hashes the host gives. Views must be fresh.
    pub fn digest(&self, volumes: impl IntoIterator<Item = (ProcessId, u64)>) -> u64 {
        let mut hasher = StableHasher::default();
        add(&mut hasher, &(self.clock, self.trace.hash(), &self.network.machines));
        for process in &self.processes {
            add(&mut hasher, &(process.spec.as_ref(), &process.life, process.incarnation));
            // The last view of a dead process was taken whenever somebody last looked.
            let view = process.view.as_deref().filter(|_| process.is_alive());
            add(&mut hasher, &(view, &process.wake, process.not_before));
            add(&mut hasher, &(&process.inputs, &process.stalled));
        }
        for (conn, side, item) in self.network.items() {
            let bytes = match &item.what {
                What::Frame { bytes, .. } => Some(bytes),
                What::Syn { .. } | What::Accepted { .. } | What::Opened | What::Close(_) => None,
            };
            add(&mut hasher, &(conn, side.index() as u32, item.seq, item.sent, item.due, bytes));
        }
        for (key, emission) in &self.emissions {
            add(&mut hasher, &(key, emission));
        }
        for volume in volumes {
            add(&mut hasher, &volume);
        }
        hasher.finish()
    }
}

fn add(hasher: &mut StableHasher, value: &impl Serialize) {
    let bytes = postcard::to_stdvec(value).expect("a world is plain data, which postcard encodes");
    hasher.write(&bytes);
}
