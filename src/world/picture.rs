//! What the page gets to see: at most one picture an animation frame. Everything on the stage is a
//! function of the newest picture and its clock.

use super::ledger::LedgerSummary;
use crate::base::timers::Wakeup;
use crate::base::{EventId, Incarnation, ProcessId, Time, TraceRecord};
use crate::node::{ProcessView, Program};
use crate::wire::summary::FrameSummary;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// The world at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Picture {
    /// Virtual time shown.
    pub now: Time,
    /// Virtual time at which the world began.
    pub epoch: Time,
    /// Seed of the world.
    pub seed: u64,
    /// Events so far.
    pub events_total: u64,
    /// Running hash over all events.
    pub trace_hash: u64,
    /// All processes, in the order in which they were made.
    pub processes: Vec<ProcessCard>,
    /// Frames under way at `now`.
    pub flying: Vec<FlyingFrame>,
    /// Events since the last picture (the newest ones when there were very many).
    pub events: Vec<TraceRecord>,
    /// Whether failed processes are started again.
    pub supervisor: bool,
    /// What became of the records that producers sent.
    pub ledger: LedgerSummary,
}

/// A process as the stage shows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProcessCard {
    /// Its number.
    pub id: ProcessId,
    /// Its name.
    pub name: String,
    /// What it runs.
    pub program: Program,
    /// Name of its machine.
    pub machine: String,
    /// Whether that machine has power.
    pub powered: bool,
    /// Whether frames towards and from that machine are held up.
    pub isolated: (bool, bool),
    /// Its life.
    pub state: ProcessState,
    /// Which life.
    pub incarnation: Incarnation,
    /// Its view; after its death the last one. None before its first step.
    pub view: Option<Rc<ProcessView>>,
    /// Bytes on its volume.
    pub volume_bytes: u64,
    /// What it will do next by itself.
    pub wakeup: Option<Wakeup>,
}

/// Where a process stands in its life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It runs but does nothing.
    Paused,
    /// It is gone; why, and when its supervisor starts it again.
    Dead {
        /// `killed`, `power off`, `exited: …`, `crashed: …`.
        why: String,
        /// When.
        since: Time,
        /// When it will be started again.
        restart_at: Option<Time>,
    },
}

/// A frame on its way. Its place on the screen is a function of `sent`, `due` and the clock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FlyingFrame {
    /// The event of its sending: its name.
    pub id: EventId,
    /// From whom.
    pub from: ProcessId,
    /// To whom.
    pub to: ProcessId,
    /// When it left.
    pub sent: Time,
    /// When it arrives; later than every clock while it is held up.
    pub due: Time,
    /// Bytes.
    pub size_bytes: u32,
    /// What it is.
    pub summary: Rc<FrameSummary>,
}
