//! What a page keeps of a world beside the volumes: enough to go on after it was closed. Memory and
//! frames under way are gone then, as with a machine room that lost power without losing a byte;
//! going on is an action like any other, so the run stays replayable.

use super::action::Action;
use super::link::{Machine, Network};
use super::lives::{Life, Proc};
use super::state::World;
use super::trace_log::{TraceLog, TraceMark};
use crate::base::{Cause, Incarnation, ProcessId, SortedMap, Span, Time, TraceEvent};
use crate::node::{ProcessSpec, Program, Properties};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A world without its processes' memory and without anything under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WorldCheckpoint {
    seed: u64,
    epoch: Time,
    clock: Time,
    sync_latency: Span,
    restart_back_off: Span,
    latency: Span,
    jitter: Span,
    seq: u64,
    defaults: SortedMap<Program, Properties>,
    machines: Vec<Machine>,
    processes: Vec<KeptProcess>,
    trace: TraceMark,
    scheduled: Vec<(Time, Action)>,
    recorded: Vec<(Time, Action)>,
    restarts: Vec<(Time, ProcessId)>,
    supervisor: bool,
    next_command: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct KeptProcess {
    spec: Rc<ProcessSpec>,
    life: Life,
    incarnation: Incarnation,
    volume_bytes: u64,
    starts_with_power: bool,
}

impl WorldCheckpoint {
    /// The same, going on at `clock` if that is later: a host that keeps a world now and then lets
    /// the kept clock run ahead, so that time never goes back.
    pub fn at_least(mut self, clock: Time) -> Self {
        self.clock = self.clock.max(clock);
        self
    }

    /// Numbers of the processes, whose volumes belong to it.
    pub fn process_ids(&self) -> impl Iterator<Item = ProcessId> {
        self.processes.iter().map(|process| process.spec.id)
    }
}

impl World {
    /// What to keep of this world, between two rounds.
    pub fn checkpoint(&self) -> WorldCheckpoint {
        let kept = |process: &Proc| KeptProcess {
            spec: process.spec.clone(),
            life: process.life.clone(),
            incarnation: process.incarnation,
            volume_bytes: process.volume_bytes,
            starts_with_power: process.starts_with_power,
        };
        let (latency, jitter) = self.network.pace();
        WorldCheckpoint {
            seed: self.seed,
            epoch: self.epoch,
            clock: self.clock,
            sync_latency: self.sync_latency,
            restart_back_off: self.restart_back_off,
            latency,
            jitter,
            seq: self.network.seq(),
            defaults: self.defaults.clone(),
            machines: self.network.machines.clone(),
            processes: self.processes.iter().map(kept).collect(),
            trace: self.trace.mark(),
            scheduled: self.scheduled.iter().cloned().collect(),
            recorded: self.recorded.clone(),
            restarts: self.restarts.iter().copied().collect(),
            supervisor: self.supervisor,
            next_command: self.next_command,
        }
    }

    /// The world that `kept` was, going on: the first thing that happens is [`Action::Reload`],
    /// which starts every process that lived on its volume again.
    pub fn resume(kept: WorldCheckpoint) -> Self {
        let mut config = super::WorldConfig::new(kept.seed);
        config.epoch = kept.epoch;
        config.sync_latency = kept.sync_latency;
        config.restart_back_off = kept.restart_back_off;
        config.supervisor = kept.supervisor;
        config.defaults = kept.defaults;
        config.actions = kept.scheduled;
        let mut world = Self::new(config);
        world.network = Network::new(kept.machines, kept.latency, kept.jitter, kept.seed);
        world.network.set_seq(kept.seq);
        world.clock = kept.clock;
        world.trace = TraceLog::resume(&kept.trace);
        world.recorded = kept.recorded;
        world.restarts = kept.restarts.into_iter().collect();
        world.next_command = kept.next_command;
        for process in kept.processes {
            let mut revived = Proc::new((*process.spec).clone());
            revived.life = process.life;
            revived.incarnation = process.incarnation;
            revived.volume_bytes = process.volume_bytes;
            revived.starts_with_power = process.starts_with_power;
            world.processes.push(revived);
        }
        let text = Action::Reload.to_string();
        let event = world.log(Cause::Beginning, TraceEvent::ActionTaken { text });
        world.recorded.push((world.clock, Action::Reload));
        world.reload(&Cause::Event(event));
        world
    }
}
