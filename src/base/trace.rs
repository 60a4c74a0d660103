//! The one vocabulary of what happens in a world. Animation, event list, lessons, checkers and
//! screen-reader text are all made from these events; each has an id and what caused it.

use super::ids::{BrokerId, ConnId, Incarnation, ProcessId, TopicPartition};
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Position of an event in the trace of its world, from 1.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct EventId(pub u64);

/// What made an event happen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cause {
    /// The beginning of the world.
    Beginning,
    /// An earlier event: the action, the frame that arrived, the connection that closed.
    Event(EventId),
    /// A timer of the process that acted, with its reason.
    Timer(Cow<'static, str>),
}

/// One event with its place in the run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub at: Time,
    /// Who did it; `None` is the world itself.
    pub source: Option<ProcessId>,
    /// What made it happen.
    pub cause: Cause,
    /// What happened.
    pub event: TraceEvent,
}

/// Why a leader was elected (kafka.controller.PartitionLeaderElectionStrategy).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum ElectionReason {
    /// A new partition.
    New,
    /// The old leader went offline.
    Offline,
    /// The old leader went offline and no in-sync replica was left.
    Unclean,
    /// Reassignment.
    Reassign,
    /// Preferred replica election.
    Preferred,
    /// Controlled shutdown of the old leader.
    ControlledShutdown,
}

/// Severity of a server's log line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum LogLevel {
    /// `INFO`.
    Info,
    /// `WARN`.
    Warn,
    /// `ERROR`.
    Error,
}

/// What happened. Variants are in the past tense; fields carry Kafka's and ZooKeeper's own terms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the field names are the field's own terms; each variant is explained"
)]
pub enum TraceEvent {
    // ---- the world ----
    /// A person, lesson, script or the supervisor acted; the text is the terminal's words.
    ActionTaken { text: String },
    /// A process began a life.
    ProcessStarted { process: ProcessId, incarnation: Incarnation },
    /// A process was killed (`kill -9`): its memory is gone, its volume stays.
    ProcessKilled { process: ProcessId },
    /// A process ended by itself.
    ProcessExited { process: ProcessId, failure: bool, message: String },
    /// A process broke an invariant and stopped (a bug, shown with its message).
    ProcessCrashed { process: ProcessId, message: String },
    /// A process stopped working as in a long garbage collection.
    ProcessPaused { process: ProcessId },
    /// It works again.
    ProcessResumed { process: ProcessId },
    /// A machine lost power; unsynced bytes of its volumes may be gone.
    MachinePoweredOff { machine: String },
    /// It has power again.
    MachinePoweredOn { machine: String },
    /// A machine was cut from the network (`inbound` and `outbound` tell the directions).
    MachineIsolated { machine: String, inbound: bool, outbound: bool },
    /// It is connected again.
    MachineHealed { machine: String },
    /// What a power cut did to a file.
    FileCut { process: ProcessId, file: String, from: u64, to: u64 },

    // ---- links ----
    /// A connection stands between two processes.
    ConnectionOpened { conn: ConnId, from: ProcessId, to: ProcessId },
    /// A dial found nobody listening.
    ConnectionRefused { conn: ConnId },
    /// A connection ended for one side.
    ConnectionClosed { conn: ConnId, at: ProcessId, reset: bool },
    /// A frame left; it arrives at `due` unless something happens to it.
    FrameSent { conn: ConnId, from: ProcessId, to: ProcessId, due: Time, bytes: u32, checksum: u64 },
    /// A frame will never arrive.
    FrameLost { frame: EventId },

    // ---- ZooKeeper ----
    /// A server became what it is in its ensemble.
    ZooKeeperRoleChanged { role: String, epoch: u64 },
    /// A server has the history of the leader of that epoch on its disk.
    ZooKeeperEpochEntered { epoch: u64 },
    /// A session began.
    SessionCreated { session: i64, timeout_ms: u32 },
    /// A session ended by itself.
    SessionClosed { session: i64 },
    /// A session was not heard of for its timeout; its ephemeral znodes go.
    SessionExpired { session: i64 },
    /// A transaction was applied to the tree.
    TransactionApplied { zxid: i64, op: String, path: String },
    /// A watch fired.
    WatchFired { session: i64, path: String, kind: String },

    // ---- controller ----
    /// A broker became the controller.
    ControllerElected { broker: BrokerId, epoch: i32 },
    /// A broker gave up being the controller.
    ControllerResigned { broker: BrokerId, epoch: i32 },
    /// The controller saw a broker come or go.
    BrokersChanged { added: Vec<BrokerId>, removed: Vec<BrokerId> },
    /// The controller chose a leader.
    LeaderElected {
        partition: TopicPartition,
        leader: BrokerId,
        leader_epoch: i32,
        isr: Vec<BrokerId>,
        reason: ElectionReason,
    },
    /// No replica could lead.
    PartitionWentOffline { partition: TopicPartition, leader_epoch: i32, isr: Vec<BrokerId> },
    /// A topic was created.
    TopicCreated { topic: String, partitions: i32, replication_factor: i32 },
    /// The last replica of a topic is gone, and so is the topic.
    TopicDeleted { topic: String },
    /// The controller gave a partition another assignment; `replicas` holds those being added and
    /// removed too.
    ReplicasReassigned {
        partition: TopicPartition,
        replicas: Vec<BrokerId>,
        adding: Vec<BrokerId>,
        removing: Vec<BrokerId>,
    },

    // ---- replicas ----
    /// A replica became the leader.
    BecameLeader {
        partition: TopicPartition,
        broker: BrokerId,
        leader_epoch: i32,
        start_offset: i64,
    },
    /// A replica became a follower.
    BecameFollower {
        partition: TopicPartition,
        broker: BrokerId,
        leader_epoch: i32,
        leader: BrokerId,
    },
    /// Records were appended to a replica's log.
    Appended {
        partition: TopicPartition,
        broker: BrokerId,
        leader_epoch: i32,
        base_offset: i64,
        last_offset: i64,
        as_leader: bool,
    },
    /// A replica's log was cut back.
    Truncated { partition: TopicPartition, broker: BrokerId, from: i64, to: i64 },
    /// A log was recovered after an unclean stop.
    LogRecovered {
        partition: TopicPartition,
        broker: BrokerId,
        log_end_offset: i64,
        bytes_dropped: u64,
    },
    /// The high watermark of a replica moved.
    HighWatermarkAdvanced {
        partition: TopicPartition,
        broker: BrokerId,
        from: i64,
        to: i64,
        leader: bool,
    },
    /// A leader asked for a smaller ISR and got it.
    IsrShrunk {
        partition: TopicPartition,
        isr: Vec<BrokerId>,
        out: Vec<BrokerId>,
        leader_epoch: i32,
    },
    /// A leader asked for a larger ISR and got it.
    IsrExpanded {
        partition: TopicPartition,
        isr: Vec<BrokerId>,
        added: Vec<BrokerId>,
        leader_epoch: i32,
    },

    // ---- groups ----
    /// A group left the stable state.
    RebalanceStarted { group: String, generation: i32, reason: String },
    /// A member is known to the coordinator.
    MemberJoined { group: String, member: String },
    /// A member left or was removed.
    MemberLeft { group: String, member: String, reason: String },
    /// A static member came back under a new member id; whoever uses the old one is fenced.
    MemberReplaced { group: String, instance: String, old: String, member: String },
    /// A generation has its assignment.
    GroupStabilized { group: String, generation: i32, members: Vec<String> },
    /// The coordinator stored an offset.
    OffsetCommitted {
        group: String,
        partition: TopicPartition,
        offset: i64,
        member: String,
        generation: i32,
    },

    // ---- clients ----
    /// A producer was given a record. `record` counts within one life of the producer.
    RecordSent { record: u64, partition: TopicPartition, acks: i16, checksum: u64 },
    /// The broker acknowledged it (offset −1 with acks=0).
    RecordAcknowledged {
        record: u64,
        partition: TopicPartition,
        offset: i64,
        acks: i16,
        checksum: u64,
    },
    /// It was given up, with Kafka's error name.
    RecordFailed { record: u64, error: String },
    /// A producer tries again.
    RecordRetried { record: u64, partition: TopicPartition, error: String },
    /// A consumer was assigned partitions.
    PartitionsAssigned {
        group: String,
        member: String,
        generation: i32,
        partitions: Vec<TopicPartition>,
    },
    /// A consumer gave partitions up, or lost them without a chance to commit.
    PartitionsRevoked {
        group: String,
        member: String,
        generation: i32,
        partitions: Vec<TopicPartition>,
        lost: bool,
    },
    /// An application processed a record that its consumer handed to it.
    RecordConsumed {
        group: String,
        member: String,
        partition: TopicPartition,
        offset: i64,
        checksum: u64,
    },

    // ---- the queue ----
    /// A sender was given a message. `number` counts within one life of the sender.
    QueueMessageSent { number: i64, checksum: u64 },
    /// The queue server has it on its disk, under an id of its own.
    QueueMessageStored { message: i64, checksum: u64 },
    /// It handed the message to one receiver.
    QueueMessageDelivered { message: i64, receiver: String, deliveries: u32 },
    /// A receiver read it.
    QueueMessageConsumed { message: i64, checksum: u64 },
    /// The receiver was gone before it acknowledged; the message is in the queue again.
    QueueMessageReturned { message: i64, receiver: String },
    /// The receiver acknowledged it; it is gone for good.
    QueueMessageRemoved { message: i64, receiver: String },

    /// A server wrote a log line in Kafka's own words.
    Logged { level: LogLevel, text: String, logger: String },
}
