//! What page, conductor and nodes say to each other beside the user interface's own messages.
//! Everything travels as one transferred buffer of postcard.

use crate::base::Incarnation;
use crate::disk::VolumeDelta;
use crate::host::protocol::{FromConductor, ToConductor};
use crate::node::{ProcessSpec, ProcessView};
use crate::world::{LifeLog, NodeResult, NodeTask};
use serde::{Deserialize, Serialize};

/// The first message to a worker: what it is.
#[derive(Serialize, Deserialize)]
pub(super) enum Role {
    /// The conductor; it goes on talking to the page.
    Conductor,
    /// A node; a port to the conductor comes with the message.
    Node,
}

/// A worker of the page, named by the conductor. Never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Ticket(pub u64);

/// From the page to the conductor.
#[derive(Serialize, Deserialize)]
pub(super) enum PageToConductor {
    /// What the person does.
    Ui(Box<ToConductor>),
    /// A node's worker runs; a port to it comes with the message.
    Spawned(Ticket),
    /// A node's worker was terminated.
    Terminated(Ticket),
    /// A node's worker could not be started, or died with an error.
    Failed(Ticket, String),
}

/// From the conductor to the page.
#[derive(Serialize, Deserialize)]
pub(super) enum ConductorToPage {
    /// What the person sees.
    Ui(Box<FromConductor>),
    /// Start a worker for a node.
    Spawn(Ticket),
    /// Terminate it.
    Terminate(Ticket),
}

/// Where a node keeps its volume.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Storage {
    /// In the IndexedDB database of this name.
    Database(String),
    /// Nowhere: the conductor holds it.
    Conductor,
}

/// From the conductor to a node.
#[derive(Serialize, Deserialize)]
pub(super) enum ToNode {
    /// Begin a life.
    Start {
        /// What to run.
        spec: ProcessSpec,
        /// Which life.
        incarnation: Incarnation,
        /// Where the volume is.
        storage: Storage,
        /// The volume, when the conductor holds it.
        volume: VolumeDelta,
        /// Whether the conductor wants to know the volume that the life began on.
        tell_volume: bool,
    },
    /// Live a life again with its effects muted; the conductor holds the volume.
    Restore {
        /// What to run.
        spec: ProcessSpec,
        /// The life.
        life: LifeLog,
    },
    /// Run a window.
    Run(NodeTask),
    /// Send the view.
    Look,
    /// Keep the volume in the IndexedDB database of this name from now on.
    Keep(String),
}

/// From a node to the conductor.
#[derive(Serialize, Deserialize)]
pub(super) enum FromNode {
    /// It is ready for its first batch.
    Started {
        /// The volume it begins on, if that was wanted.
        volume: Option<VolumeDelta>,
        /// Bytes on it.
        volume_bytes: u64,
        /// Set when the database could not be read: the volume began empty.
        trouble: Option<String>,
    },
    /// A window was run, and what it wrote is stored.
    Ran {
        /// What came of it.
        result: Box<NodeResult>,
        /// What it wrote, when the conductor holds the volume.
        delta: VolumeDelta,
        /// Whether a transaction of its database was needed.
        stored: bool,
        /// Set when the database refused it.
        trouble: Option<String>,
    },
    /// The view as it is now.
    View {
        /// The view.
        view: Box<ProcessView>,
        /// Bytes on the volume.
        volume_bytes: u64,
    },
    /// The volume lies in its database.
    Kept {
        /// Set when it does not.
        trouble: Option<String>,
    },
    /// It panicked, or its worker died or hangs.
    Crashed(String),
}
