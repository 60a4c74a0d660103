//! What a process can do to the rest of the world.

use crate::base::{Cause, ConnId, Endpoint, Time, TraceEvent};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One effect of a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Effect {
    /// Accept connections on a port of this machine.
    Listen(u16),
    /// Connect to somebody; [`super::LinkInput::Opened`] or `Closed` will answer, or nothing at all
    /// when the network is silent.
    Dial {
        /// The name of the connection from now on.
        conn: ConnId,
        /// Where to.
        to: Endpoint,
    },
    /// Send one frame, without its length prefix.
    Send {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: Bytes,
    },
    /// Close a connection; what was sent before still arrives.
    Hangup(ConnId),
    /// Outcome of a command.
    Answer {
        /// The command's number.
        command: u64,
        /// A sentence for the person; an error begins with Kafka's error name where Kafka has one.
        outcome: Result<String, String>,
    },
    /// Something worth knowing happened.
    Trace(TraceEvent),
    /// The process ends; nothing after this effect counts.
    Exit(ExitReason),
}

/// How a process ended by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExitReason {
    /// True for a non-zero exit status: the supervisor starts the process again.
    pub failure: bool,
    /// The last words, as in the server's log.
    pub message: String,
}

/// An effect with the time at which it leaves the process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Emission {
    /// When it leaves: the step's time plus what its syncs took.
    pub at: Time,
    /// Counts the emissions of one life.
    pub seq: u64,
    /// What caused the step.
    pub cause: Cause,
    /// The effect.
    pub effect: Effect,
}
