//! What the components of a broker (controller, group coordinator) want done. They are state
//! machines without input or output of their own: the server hands them requests and outcomes, they
//! return actions, and the server applies them.
//!
//! In Kafka: what `KafkaController` and `GroupCoordinator` do through `KafkaZkClient`,
//! `ControllerChannelManager`, `RequestChannel` and `ReplicaManager.appendRecords`.

use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Endpoint, SortedMap, TopicPartition, TraceEvent};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::Op;
use crate::wire::ErrorCode;
use crate::wire::kafka::{AnyRequest, AnyResponse};
use bytes::Bytes;
use std::convert::Infallible;

/// Names a request that the server has read and not answered yet. The connection it came by is
/// muted until the reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestToken(pub u64);

/// Who asks, as far as a component may care.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestContext {
    /// Names the request for [`Action::Reply`].
    pub token: RequestToken,
    /// Version of the API; the reply is written in it.
    pub api_version: i16,
    /// Number that the client gave the request.
    pub correlation_id: i32,
    /// `client.id`, empty when the client gave none.
    pub client_id: String,
    /// The host it connected from, as Kafka prints it (`/host`).
    pub client_host: String,
}

/// A broker that a component wants to reach.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Node {
    /// `broker.id`.
    pub id: BrokerId,
    /// Where it listens.
    pub endpoint: Endpoint,
}

/// Why no response came. The channel is free for the next request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendError {
    /// The connection ended, or could not be made. Kafka's `NETWORK_EXCEPTION`.
    Disconnected,
    /// No response within the request timeout.
    TimedOut,
    /// The other side does not speak any version of the API that we do.
    UnsupportedVersion,
}

/// One thing to do. `Z` and `N` are the component's own names for the ZooKeeper requests and the
/// network requests that it makes; the outcome comes back with the name.
#[derive(Clone, PartialEq, Debug)]
pub enum Action<Z = Infallible, N = Infallible> {
    /// Send a request to ZooKeeper. Requests are answered in the order in which they were made.
    Zookeeper {
        /// The request.
        request: Op,
        /// Comes back with the outcome.
        tag: Z,
    },
    /// Send a request to another broker (or to this one), over the component's own connection to
    /// it. A broker answers the requests of one connection in order.
    Send {
        /// To whom.
        to: Node,
        /// The request.
        request: AnyRequest,
        /// Comes back with the response.
        tag: N,
    },
    /// Close the component's connection to a broker; what waits on it fails as disconnected and is
    /// not reported.
    Disconnect(BrokerId),
    /// Answer a request.
    Reply {
        /// Which.
        token: RequestToken,
        /// With what; written in the version of the request.
        response: AnyResponse,
    },
    /// The controller has held the elections that a request asked for. The request is answered once
    /// the new leaders are known here.
    ElectionHeld {
        /// The request.
        token: RequestToken,
        /// What came of it.
        results: ElectionResults,
    },
    /// Put an event into the trace.
    Trace(TraceEvent),
    /// Write a server log line.
    Log {
        /// Severity.
        level: LogLevel,
        /// The class that writes it in Kafka, such as `kafka.controller.KafkaController`.
        logger: &'static str,
        /// The line, in Kafka's words.
        text: String,
    },
    /// Append records to a partition of `__consumer_offsets`. The server calls
    /// `GroupCoordinator::on_appended(tag, outcome)` when they are committed, or refused.
    AppendOffsets {
        /// Partition of `__consumer_offsets`.
        partition: i32,
        /// Record batches with offsets from 0; the log gives them their own.
        records: Bytes,
        /// Which replicas must have them before they count.
        acks: i16,
        /// Comes back with the outcome: the base offset, or Kafka's error.
        tag: u64,
    },
    /// Read a partition of `__consumer_offsets` from its beginning to its end; the server calls
    /// `GroupCoordinator::on_partition_loaded` with what is in it.
    LoadOffsets {
        /// Which.
        partition: i32,
    },
    /// Create `__consumer_offsets` as `offsets.topic.*` say, unless that is under way. Nothing comes
    /// back: whoever needs it asks the metadata cache again.
    CreateOffsetsTopic,
    /// End the process with a failure: what Kafka does on a fatal error.
    Exit(String),
}

/// What elections came to: the new leader of each partition, or why there is none.
pub type ElectionResults = SortedMap<TopicPartition, Result<i32, ApiError>>;

/// Outcome of an append for the group coordinator.
pub type AppendOutcome = Result<i64, ErrorCode>;
