//! Runs one process on its volume: holds its inbox, its clock and its random stream. Every host uses
//! this same runner, so what a process does cannot depend on the host, and since inputs are handled
//! by their own time it cannot depend on how time was cut into windows either.

use super::effect::{Effect, Emission};
use super::input::{Input, TimedInput};
use super::process::{Ctx, Process};
use crate::base::timers::Wakeup;
use crate::base::{
    Cause, ConnId, Incarnation, MachineClock, Rng, SortedMap, SortedSet, StableHasher, Time,
};
use crate::disk::{DiskFault, Volume};
use crate::node::ProcessSpec;
use serde::{Deserialize, Serialize};

/// What a host hands to a runner: inputs that fall before `until`, and how far to go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The inputs, in any order.
    pub inputs: Vec<TimedInput>,
    /// Everything due before this time is handled.
    pub until: Time,
    /// Set when the process was paused: nothing is handled before this time.
    pub not_before: Option<Time>,
    /// What happened to the disk before these inputs.
    pub disk_faults: Vec<DiskFault>,
    /// How the machine's clock goes from now on.
    pub clock: MachineClock,
}

/// What came of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RunOutput {
    /// Effects, in the order in which they were made. Their times may lie past the batch's end.
    pub emissions: Vec<Emission>,
    /// When the process next has something to do by itself or in its inbox, and why.
    pub next_wake: Option<Wakeup>,
    /// Steps made.
    pub steps: u64,
}

/// One life of a process.
pub struct Runner {
    spec: ProcessSpec,
    incarnation: Incarnation,
    process: Box<dyn Process>,
    volume: Volume,
    rng: Rng,
    inbox: SortedMap<InboxKey, (Cause, Input)>,
    /// Connections that the process closed: it hears nothing more of them, not even what was
    /// already in its inbox, so it cannot matter when that got there.
    hung_up: SortedSet<ConnId>,
    busy_until: Time,
    clock: MachineClock,
    next_conn: u32,
    next_seq: u64,
    /// What the process asked for after its last step.
    wake: Option<Wakeup>,
    /// Set by [`Input::Start`]: before it there is no time at which a process could wake.
    started: bool,
    exited: bool,
}

/// Order of inputs: (due, source, sequence).
type InboxKey = (Time, u32, u64);

/// A process that asks to be woken at one instant for ever would stop virtual time; that is a bug.
const WAKES_PER_INSTANT_MAX: u32 = 10_000;

impl Runner {
    /// A life of `process` on `volume`. Its first input must be [`Input::Start`].
    pub fn new(
        spec: ProcessSpec,
        incarnation: Incarnation,
        process: Box<dyn Process>,
        volume: Volume,
    ) -> Self {
        let rng = Rng::new(spec.seed).fork(&format!("process {} {}", spec.id.0, incarnation.0));
        Self {
            spec,
            incarnation,
            process,
            volume,
            rng,
            inbox: SortedMap::new(),
            hung_up: SortedSet::new(),
            busy_until: Time::ZERO,
            clock: MachineClock::default(),
            next_conn: 0,
            next_seq: 0,
            wake: None,
            started: false,
            exited: false,
        }
    }

    /// What it runs.
    pub fn spec(&self) -> &ProcessSpec {
        &self.spec
    }

    /// Which life this is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// A number that two runners share only when everything in them is the same, their processes'
    /// memory and their volumes aside.
    pub fn digest(&self) -> u64 {
        let counters =
            (self.busy_until, self.clock, self.next_conn, self.next_seq, self.started, self.exited);
        let inbox: Vec<_> = self.inbox.iter().collect();
        let state = (self.incarnation, &self.rng, inbox, &self.hung_up, counters);
        StableHasher::of(&postcard::to_stdvec(&state).expect("plain data, which postcard encodes"))
    }

    /// The process, for its view.
    pub fn process(&self) -> &dyn Process {
        self.process.as_ref()
    }

    /// The volume.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The volume, for a host that stores its delta or applies a fault.
    pub fn volume_mut(&mut self) -> &mut Volume {
        &mut self.volume
    }

    /// Ends this life; the volume outlives it.
    pub fn into_volume(self) -> Volume {
        self.volume
    }

    /// The next thing to do: (when it is due, when it is done at the earliest, the input or a wake).
    fn next(&self) -> Option<(Time, Option<InboxKey>)> {
        if self.exited {
            return None;
        }
        let input = self.inbox.first_key_value().map(|(key, _)| *key);
        let wake = self.wake.as_ref().filter(|_| self.started);
        let wake = wake.map(|wakeup| self.clock.when(wakeup.at));
        let (due, key) = match (wake, input) {
            (Some(wake), Some(key)) if wake <= key.0 => (wake, None),
            (_, Some(key)) => (key.0, Some(key)),
            (Some(wake), None) => (wake, None),
            (None, None) => return None,
        };
        Some((due.max(self.busy_until), key))
    }

    /// Handles everything that is due before the batch's end.
    pub fn run(&mut self, batch: Batch) -> RunOutput {
        for fault in &batch.disk_faults {
            self.volume.suffer(fault);
        }
        if let Some(resumed) = batch.not_before {
            self.busy_until = self.busy_until.max(resumed);
        }
        self.clock = batch.clock;
        for timed in batch.inputs {
            if timed.input.connection().is_some_and(|conn| self.hung_up.contains(&conn)) {
                continue;
            }
            self.inbox.insert((timed.due, timed.source, timed.seq), (timed.cause, timed.input));
        }
        let mut output = RunOutput::default();
        let (mut instant, mut wakes) = (Time::ZERO, 0);
        while let Some((at, key)) = self.next().filter(|(at, _)| *at < batch.until) {
            let taken = key.and_then(|key| self.inbox.remove(&key));
            let (cause, input) = taken.unwrap_or_else(|| {
                let reason = self.wake.take().map(|wakeup| wakeup.reason);
                (Cause::Timer(reason.unwrap_or_default()), Input::Wake)
            });
            if input == Input::Wake {
                wakes = if at == instant { wakes + 1 } else { 0 };
                instant = at;
                assert!(wakes < WAKES_PER_INSTANT_MAX, "a wake-up must move the next one on");
            }
            self.step(at, cause, input, &mut output.emissions);
            output.steps += 1;
        }
        output.next_wake = self.next().map(|(at, key)| Wakeup {
            at,
            reason: match key {
                Some(_) => "disk".into(),
                None => self.wake.as_ref().map(|wakeup| wakeup.reason.clone()).unwrap_or_default(),
            },
        });
        output
    }

    fn step(&mut self, at: Time, cause: Cause, input: Input, emissions: &mut Vec<Emission>) {
        self.volume.settle(at);
        self.started |= matches!(input, Input::Start { .. });
        let first = emissions.len();
        let mut ctx = Ctx {
            at,
            clock: self.clock,
            me: self.spec.id,
            incarnation: self.incarnation,
            next_conn: &mut self.next_conn,
            next_seq: &mut self.next_seq,
            cause,
            sync_latency: self.spec.sync_latency,
            emissions,
            volume: &mut self.volume,
            rng: &mut self.rng,
        };
        self.process.step(input, &mut ctx);
        self.busy_until = ctx.at;
        self.wake = self.process.next_wakeup();
        for emission in emissions.iter().skip(first) {
            match &emission.effect {
                Effect::Exit(_) => {
                    self.exited = true;
                    self.inbox.clear();
                }
                Effect::Hangup(conn) => {
                    self.hung_up.insert(*conn);
                    self.inbox.retain(|_, (_, input)| input.connection() != Some(*conn));
                }
                Effect::Listen(_)
                | Effect::Dial { .. }
                | Effect::Send { .. }
                | Effect::Answer { .. }
                | Effect::Trace(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
