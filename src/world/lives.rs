//! The processes of a world as the world knows them: what they run, which life they are in, and
//! what waits for them.

use super::link::Who;
use super::round::LifeLog;
use crate::base::timers::Wakeup;
use crate::base::{Cause, Incarnation, ProcessId, Time};
use crate::disk::{DiskFault, Health};
use crate::node::{Emission, ProcessSpec, ProcessView, TimedInput};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Where a process stands in its life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Life {
    /// It runs.
    Running,
    /// It runs but does nothing.
    Paused,
    /// It is gone.
    Dead {
        /// Why, in words for the stage.
        why: String,
        /// When.
        since: Time,
        /// When its supervisor starts it again.
        restart_at: Option<Time>,
        /// What it died of.
        cause: Cause,
    },
}

/// A process.
#[derive(Clone)]
pub(super) struct Proc {
    pub spec: Rc<ProcessSpec>,
    pub life: Life,
    pub incarnation: Incarnation,
    pub view: Option<Rc<ProcessView>>,
    /// True when steps were made since the view was taken.
    pub view_is_stale: bool,
    pub volume_bytes: u64,
    pub wake: Option<Wakeup>,
    /// Inputs that wait for the next batch.
    pub inputs: Vec<TimedInput>,
    /// Set when it was resumed, for the next batch.
    pub not_before: Option<Time>,
    /// How its disk is.
    pub disk: Health,
    /// What happened to its disk, for the next batch.
    pub disk_faults: Vec<DiskFault>,
    /// What would have left while it was paused.
    pub stalled: Vec<Emission>,
    /// Whether power brings it back.
    pub starts_with_power: bool,
    /// Its life so far, for going back.
    pub log: LifeLog,
}

impl Proc {
    /// A process that was never started.
    pub fn new(spec: ProcessSpec) -> Self {
        Self {
            spec: Rc::new(spec),
            life: Life::Dead {
                why: "not started".to_owned(),
                since: Time::ZERO,
                restart_at: None,
                cause: Cause::Beginning,
            },
            incarnation: Incarnation(0),
            view: None,
            view_is_stale: false,
            volume_bytes: 0,
            wake: None,
            inputs: Vec::new(),
            not_before: None,
            disk: Health::Good,
            disk_faults: Vec::new(),
            stalled: Vec::new(),
            starts_with_power: false,
            log: LifeLog::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> ProcessId {
        self.spec.id
    }

    /// Its present life.
    pub fn who(&self) -> Who {
        Who { process: self.spec.id, incarnation: self.incarnation }
    }

    /// True while it has a life, paused or not.
    pub fn is_alive(&self) -> bool {
        !matches!(self.life, Life::Dead { .. })
    }

    /// True while it works.
    pub fn is_running(&self) -> bool {
        self.life == Life::Running
    }
}
