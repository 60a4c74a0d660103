//! World actions: what a person, a lesson, a script or the supervisor does to a world. They are
//! timed, logged and replayed; each has the words in which the terminal, the gateway's script and
//! `window.kafkarium.act` give it.

use crate::base::Span;
use crate::node::Command;
use serde::{Deserialize, Serialize};

/// One action. Processes and machines are named as on the stage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// `kill broker-1`: `kill -9`.
    Kill(String),
    /// `stop broker-1`: SIGTERM.
    Stop(String),
    /// `restart broker-1`: starts it again, after a kill when it still runs.
    Restart(String),
    /// `pause broker-1`: it does nothing, as in a long garbage collection.
    Pause(String),
    /// `resume broker-1`.
    Resume(String),
    /// `power-off MACHINE-OR-PROCESS`.
    PowerOff(String),
    /// `power-on MACHINE-OR-PROCESS`; the processes that ran there start again.
    PowerOn(String),
    /// `isolate MACHINE [in|out]`: no frame passes, and nobody is told.
    Isolate {
        /// Machine or process name.
        machine: String,
        /// What arrives is held up.
        inbound: bool,
        /// What leaves is held up.
        outbound: bool,
    },
    /// `heal MACHINE`: what was held up is delivered, in order.
    Heal(String),
    /// `latency MACHINE MICROSECONDS`: one-way latency of its links; 0 is the world's default.
    Latency {
        /// Machine or process name.
        machine: String,
        /// One way.
        latency: Span,
    },
    /// `supervisor on|off`: whether a failed process is started again.
    Supervisor(bool),
    /// `start consumer-3 consumer group.id=g topics=orders …`: a new process (on a machine of its
    /// own unless `machine=NAME`).
    Spawn {
        /// Name of the process.
        name: String,
        /// `broker`, `zookeeper`, `producer`, `consumer`, `admin`.
        program: String,
        /// Its properties.
        properties: Vec<(String, String)>,
    },
    /// `tell PROCESS …`: a command for a client process.
    Tell {
        /// The process.
        process: String,
        /// What to do.
        command: Command,
    },
    /// The page was loaded again: every process restarts from its volume.
    Reload,
}
