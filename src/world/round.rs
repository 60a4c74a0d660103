//! What a world asks of its host, and what the host gives back. A round is a window of virtual time
//! no longer than the shortest link, so the nodes can run it side by side: nothing that one sends in
//! it can reach another before its end (conservative synchronisation, Chandy and Misra).

use crate::base::{Incarnation, ProcessId, Rng, Time};
use crate::disk::volume::Cut;
use crate::disk::{Volume, VolumeDelta};
use crate::node::{Batch, Process, ProcessSpec, ProcessView, RunOutput, Runner};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A window of time to run: first the orders, one after the other, then the tasks, in any order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Round {
    /// First instant of the window.
    pub start: Time,
    /// First instant after it.
    pub end: Time,
    /// Processes to start, end and cut.
    pub orders: Vec<HostOrder>,
    /// Processes that have something to do.
    pub tasks: Vec<NodeTask>,
}

/// Something that a host does to a process or its volume.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum HostOrder {
    /// Begin a life on the process's volume, which is empty the first time. The first batch
    /// follows as a task.
    Start {
        /// What to run.
        spec: Rc<ProcessSpec>,
        /// Which life.
        incarnation: Incarnation,
    },
    /// End the life of a process; its volume stays.
    Terminate {
        /// Which.
        process: ProcessId,
    },
    /// Take from the volume of a process what a power cut takes; the result carries the cuts.
    PowerCut {
        /// Whose volume.
        process: ProcessId,
        /// When the power went.
        at: Time,
        /// Seed of what is left.
        seed: u64,
    },
    /// Put a process and its volume where they were at a snapshot: run this life again on this
    /// volume with its effects muted.
    Restore {
        /// What to run.
        spec: Rc<ProcessSpec>,
        /// The life to live again.
        life: LifeLog,
        /// False when the life was over; only its volume is wanted then.
        alive: bool,
    },
    /// Forget a process and its volume: it did not exist yet.
    Remove {
        /// Which.
        process: ProcessId,
    },
}

/// What a process needs to run a window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeTask {
    /// Which process.
    pub process: ProcessId,
    /// Its inputs.
    pub batch: Batch,
    /// Whether a view is wanted with the result.
    pub view: bool,
}

/// What came of the orders and the task of one process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeResult {
    /// Which process.
    pub process: ProcessId,
    /// What its batch emitted; none when it was handed none.
    pub output: Option<RunOutput>,
    /// Its view, if it was wanted.
    pub view: Option<ProcessView>,
    /// Bytes on its volume.
    pub volume_bytes: u64,
    /// What a power cut took.
    pub cuts: Vec<Cut>,
    /// Set when the process panicked or its worker died.
    pub crashed: Option<String>,
    /// The volume at the start of a life, if the world keeps lives.
    pub started_on: Option<Rc<VolumeDelta>>,
}

impl NodeResult {
    /// A result of `process` that says nothing.
    pub fn of(process: ProcessId) -> Self {
        Self {
            process,
            output: None,
            view: None,
            volume_bytes: 0,
            cuts: Vec::new(),
            crashed: None,
            started_on: None,
        }
    }
}

/// A life as it can be lived again: the volume it began on and everything it was given since.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct LifeLog {
    /// Which life.
    pub incarnation: Incarnation,
    /// The volume at its start.
    pub volume: Rc<VolumeDelta>,
    /// What happened to it.
    pub steps: Rc<Vec<LifeStep>>,
}

impl LifeLog {
    /// The last batch counts for nothing: the process broke in it.
    pub(super) fn forget_last_batch(&mut self) {
        if let Some(LifeStep::Ran(_)) = self.steps.last() {
            Rc::make_mut(&mut self.steps).pop();
        }
    }

    /// Lives this life again: `process`, as it was launched, does on the volume it began on what it
    /// did then. What it emitted was emitted then, and what it wrote is the host's already.
    pub fn live_again(&self, spec: &ProcessSpec, process: Box<dyn Process>) -> Runner {
        let mut volume = Volume::default();
        volume.apply(&self.volume);
        let mut runner = Runner::new(spec.clone(), self.incarnation, process, volume);
        for step in self.steps.iter() {
            match step {
                LifeStep::Ran(batch) => {
                    runner.run((**batch).clone());
                }
                LifeStep::PowerCut { at, seed } => {
                    runner.volume_mut().power_cut(*at, &mut Rng::new(*seed));
                }
            }
        }
        runner.volume_mut().take_delta();
        runner
    }
}

/// Something that happened to a process or its volume.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum LifeStep {
    /// It was handed a batch.
    Ran(Rc<Batch>),
    /// The power went.
    PowerCut {
        /// When.
        at: Time,
        /// Seed of what is left.
        seed: u64,
    },
}
