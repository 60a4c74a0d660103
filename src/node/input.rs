//! What can happen to a process.

use super::{AdminCommand, ConsumerCommand};
use crate::base::{Cause, ConnId, Endpoint, Incarnation, Time};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One input of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// The first input of a life: read the volume, listen, dial.
    Start {
        /// Which life this is.
        incarnation: Incarnation,
    },
    /// The time that [`super::Process::next_wakeup`] asked for has come.
    Wake,
    /// Something happened on the network.
    Link(LinkInput),
    /// A person, lesson or workload wants something of a client process.
    Command {
        /// Number by which [`super::Effect::Answer`] refers to it.
        id: u64,
        /// What is wanted.
        command: Command,
    },
    /// SIGTERM: finish cleanly, then [`super::Effect::Exit`].
    Stop,
}

impl Input {
    /// The connection that it is about, if any.
    pub fn connection(&self) -> Option<ConnId> {
        match self {
            Self::Link(
                LinkInput::Opened(conn)
                | LinkInput::Accepted { conn, .. }
                | LinkInput::Frame(conn, _)
                | LinkInput::Closed(conn, _),
            ) => Some(*conn),
            Self::Start { .. } | Self::Wake | Self::Command { .. } | Self::Stop => None,
        }
    }
}

/// What the network tells a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LinkInput {
    /// The connection that this process dialled stands.
    Opened(ConnId),
    /// Somebody connected to a port that this process listens on.
    Accepted {
        /// The new connection.
        conn: ConnId,
        /// The port.
        port: u16,
        /// The other side: its host, and the port number that stands for the connection.
        from: Endpoint,
    },
    /// A whole frame arrived, without its length prefix.
    Frame(ConnId, Bytes),
    /// The connection is gone. A dial that nobody answered ends with this too.
    Closed(ConnId, CloseReason),
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CloseReason {
    /// The other side hung up.
    HungUp,
    /// The other side died, or forgot the connection in a reboot.
    Reset,
    /// Nobody listens there.
    Refused,
    /// The host name is not known.
    UnknownHost,
}

/// What a client process can be told to do. Records travel as bytes: a key may be anything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Producer: send these records to `topic`, in order.
    Produce {
        /// Topic name, as typed.
        topic: String,
        /// The records.
        records: Vec<OutgoingRecord>,
    },
    /// Producer: send a numbered record every so often until told otherwise.
    ProduceEvery {
        /// Topic name.
        topic: String,
        /// Microseconds between two records; 0 stops.
        interval_us: u64,
        /// Keys to take in turn; none for records without a key.
        keys: Vec<String>,
    },
    /// Admin: create a topic.
    CreateTopic {
        /// Topic name.
        topic: String,
        /// Partitions, −1 for the broker's default.
        partitions: i32,
        /// Replicas of each, −1 for the broker's default.
        replication_factor: i16,
        /// Topic configs.
        configs: Vec<(String, String)>,
    },
    /// Consumer: go to an offset of a partition it owns.
    Seek {
        /// Topic name.
        topic: String,
        /// Partition.
        partition: i32,
        /// The offset of the next record to read.
        offset: i64,
    },
    /// Broker: tell what is in a file of its logs, as `kafka-dump-log.sh` on its machine would.
    DumpLog(String),
    /// Admin: whatever else is to be done with topics.
    Admin(AdminCommand),
    /// Consumer: whatever else its application may want.
    Consumer(ConsumerCommand),
}

/// A record as a person gives it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OutgoingRecord {
    /// Key, if any.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Explicit partition, if any.
    pub partition: Option<i32>,
    /// Headers, in order; a key may come twice.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Create time in ms since 1970; none is the time of sending.
    pub timestamp: Option<i64>,
}

/// An input with its place in time. Inputs of a process are handled in the order of (due, source,
/// sequence); its own wake-ups go first among those of one instant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimedInput {
    /// When it happens.
    pub due: Time,
    /// Number of the process it comes from; 0 is the world.
    pub source: u32,
    /// Counts the inputs from one source.
    pub seq: u64,
    /// What caused it.
    pub cause: Cause,
    /// The input.
    pub input: Input,
}
