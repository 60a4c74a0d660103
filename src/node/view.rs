//! What the page and the checkers see of a process. A view is a picture: it is made from the state
//! and never fed back.

use crate::base::{BrokerId, SortedMap, Time, TopicPartition};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A picture of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProcessView {
    /// A broker.
    Broker(BrokerView),
    /// A ZooKeeper server.
    ZooKeeper(ZooKeeperView),
    /// A producer.
    Producer(ProducerView),
    /// A consumer.
    Consumer(ConsumerView),
    /// An admin client.
    Admin(AdminView),
    /// A queue server.
    Queue(QueueView),
    /// A receiver at a queue.
    QueueReceiver(QueueReceiverView),
}

/// A broker.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BrokerView {
    /// `broker.id`.
    pub broker_id: i32,
    /// What it is doing: `Starting`, `Running`, `PendingControlledShutdown`, `NotRunning`.
    pub state: String,
    /// Its registration's czxid, −1 before it registered.
    pub broker_epoch: i64,
    /// Its ZooKeeper session, 0 without one.
    pub zookeeper_session: i64,
    /// Whether it is the active controller, and then of which epoch.
    pub controller_epoch: Option<i32>,
    /// Whom it believes to be the controller.
    pub known_controller: Option<BrokerId>,
    /// Its replicas, by topic and partition.
    pub replicas: Vec<ReplicaView>,
    /// The groups it coordinates.
    pub groups: Vec<GroupView>,
    /// Requests parked in purgatory: produce waiting for the ISR, fetch waiting for bytes.
    pub waiting: Vec<WaitingView>,
}

/// One replica on a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Whether this replica leads.
    pub is_leader: bool,
    /// The leader as this broker knows it, −1 for none.
    pub leader: i32,
    /// Leader epoch as this broker knows it.
    pub leader_epoch: i32,
    /// Replicas in assignment order.
    pub assigned_replicas: Vec<i32>,
    /// ISR as this broker knows it.
    pub isr: Vec<i32>,
    /// First offset in the log.
    pub log_start_offset: i64,
    /// Offset of the next record.
    pub log_end_offset: i64,
    /// High watermark as this replica knows it.
    pub high_watermark: i64,
    /// On the leader: what it knows of its followers' log end offsets.
    pub followers: SortedMap<i32, i64>,
    /// Leader epochs and where each began.
    pub leader_epochs: Vec<(i32, i64)>,
    /// The newest records (at most [`RECORDS_SHOWN_MAX`]), oldest first.
    pub records: Vec<Rc<RecordView>>,
    /// Checksum of every batch below the high watermark that is still shown: (last offset, CRC).
    pub batch_crcs: Vec<(i64, u32)>,
    /// False while its log directory is offline.
    pub online: bool,
}

/// How many records of a replica a view carries.
pub const RECORDS_SHOWN_MAX: usize = 64;
/// How many bytes of a key or value a view carries.
pub const PREVIEW_BYTES_MAX: usize = 48;

/// A record as the stage shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordView {
    /// Its offset.
    pub offset: i64,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
    /// Timestamp in ms.
    pub timestamp: i64,
    /// Beginning of the key as text, if it has one.
    pub key: Option<String>,
    /// Beginning of the value as text; none is a tombstone.
    pub value: Option<String>,
    /// Bytes of key and value together.
    pub size_bytes: u32,
    /// True for a control record.
    pub control: bool,
}

/// A request that waits on a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitingView {
    /// `Produce`, `Fetch`, `JoinGroup` …
    pub api: String,
    /// What it waits for.
    pub what: String,
    /// When it will be answered all the same.
    pub until: Time,
}

/// A consumer group on its coordinator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupView {
    /// Group id.
    pub group: String,
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`.
    pub state: String,
    /// Generation id.
    pub generation: i32,
    /// Chosen assignor.
    pub protocol: Option<String>,
    /// Member id of the group's leader.
    pub leader: Option<String>,
    /// Members by member id.
    pub members: Vec<MemberView>,
    /// Committed offsets.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberView {
    /// Member id.
    pub member: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Its host.
    pub host: String,
    /// When it expires unless it is heard of.
    pub session_expires: Option<Time>,
    /// What it was assigned.
    pub assignment: Vec<TopicPartition>,
}

/// A ZooKeeper server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ZooKeeperView {
    /// `standalone`, `leader`, `follower`, `looking`.
    pub role: String,
    /// The epoch that it is in, 0 for a server on its own.
    pub epoch: u32,
    /// Whether it serves clients.
    pub is_serving: bool,
    /// Its number in the ensemble, 0 for a server on its own.
    pub server: u8,
    /// For whom it votes, or whom it has as its leader, 0 for a server on its own.
    pub vote: u8,
    /// Zxid of the last transaction it applied.
    pub last_zxid: i64,
    /// Open sessions.
    pub sessions: Vec<SessionView>,
    /// How many znodes there are.
    pub znode_count: u32,
    /// The znodes, in path order (at most some hundreds).
    pub znodes: Vec<ZnodeView>,
    /// The watches on this server, in path order (at most some hundreds).
    pub watches: Vec<WatchView>,
}

/// A watch on a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WatchView {
    /// What is watched; there may be no such znode yet.
    pub path: String,
    /// Whether it waits for children to come and go, not for the data.
    pub is_child: bool,
    /// Whose it is.
    pub session: i64,
}

/// A session on a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionView {
    /// Session id.
    pub id: i64,
    /// Negotiated timeout in ms.
    pub timeout_ms: u32,
    /// When it expires unless it is heard of.
    pub expires: Time,
    /// When it was last heard of.
    pub last_heard: Time,
    /// Host of the client, empty while it is not connected.
    pub client: String,
    /// Its ephemeral znodes.
    pub ephemerals: Vec<String>,
    /// Paths it watches.
    pub watches: u32,
}

/// A znode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ZnodeView {
    /// Path.
    pub path: String,
    /// Beginning of the data as text.
    pub data: String,
    /// Data version.
    pub version: i32,
    /// Owner session, 0 for a persistent znode.
    pub ephemeral_owner: i64,
    /// Zxid of the last change of its data.
    pub mzxid: i64,
    /// Bytes of its data.
    pub data_bytes: u32,
    /// How many children it has.
    pub children: u32,
    /// Watches on it.
    pub watches: u32,
}

/// A producer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProducerView {
    /// `client.id`.
    pub client_id: String,
    /// Records given to it so far.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Given up.
    pub failed: u64,
    /// Retries so far.
    pub retries: u64,
    /// Records in the accumulator or in flight.
    pub pending: u64,
    /// The newest outcomes, oldest first.
    pub outcomes: Vec<Rc<OutcomeView>>,
    /// Interval of its generator in µs, 0 when it has none.
    pub interval_us: u64,
    /// Its `acks` setting.
    pub acks: i16,
    /// Id of an idempotent producer, −1 for none.
    pub producer_id: i64,
    /// Epoch of that id, −1 for none.
    pub producer_epoch: i16,
}

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutcomeView {
    /// Its number on this producer.
    pub record: u64,
    /// Beginning of the key.
    pub key: Option<String>,
    /// Beginning of the value.
    pub value: Option<String>,
    /// `topic-partition@offset`, or Kafka's error name.
    pub result: Result<String, String>,
}

/// A consumer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConsumerView {
    /// `client.id`.
    pub client_id: String,
    /// `group.id`.
    pub group: String,
    /// Member id, empty before the coordinator gave one.
    pub member: String,
    /// Generation it belongs to, −1 for none.
    pub generation: i32,
    /// What it is doing: `FindingCoordinator`, `Joining`, `Syncing`, `Stable` …
    pub state: String,
    /// Its topics.
    pub topics: Vec<String>,
    /// Partitions it owns: position (next offset to read), committed (−1 for none), lag as far as
    /// the last fetch told (−1 unknown).
    pub owned: Vec<OwnedView>,
    /// Records handed to the application so far.
    pub consumed: u64,
    /// The newest of them, oldest first.
    pub records: Vec<Rc<(TopicPartition, RecordView)>>,
}

/// A partition that a consumer owns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OwnedView {
    /// Which.
    pub partition: TopicPartition,
    /// Offset of the next record it will read.
    pub position: i64,
    /// Last offset it committed, −1 for none.
    pub committed: i64,
    /// High watermark less position, −1 when not known.
    pub lag: i64,
}

/// An admin client.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AdminView {
    /// Commands under way.
    pub pending: u32,
    /// Outcomes, oldest first.
    pub outcomes: Vec<Result<String, String>>,
}

/// How many messages of a queue a view carries.
pub const QUEUE_MESSAGES_SHOWN_MAX: usize = 64;

/// A queue server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct QueueView {
    /// Messages that nobody has.
    pub ready: u64,
    /// Messages that a receiver has and has not acknowledged.
    pub delivered: u64,
    /// Messages stored in this life.
    pub stored: u64,
    /// Messages acknowledged, and so gone, in this life.
    pub removed: u64,
    /// The oldest messages (at most [`QUEUE_MESSAGES_SHOWN_MAX`]), oldest first.
    pub messages: Vec<QueueMessageView>,
    /// Who receives.
    pub receivers: Vec<QueueReceiverState>,
}

/// A message in a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueueMessageView {
    /// Its id.
    pub message: i64,
    /// Beginning of its body.
    pub body: String,
    /// The receiver that has it.
    pub holder: Option<String>,
    /// How often it was handed out in this life of the server.
    pub deliveries: u32,
}

/// A receiver as its server knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueueReceiverState {
    /// Its name.
    pub name: String,
    /// Messages that it has and has not acknowledged.
    pub held: u64,
    /// Most that it may have.
    pub prefetch: u64,
}

/// A receiver.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct QueueReceiverView {
    /// Whether its connection stands.
    pub is_connected: bool,
    /// Messages that it began to work on.
    pub received: u64,
    /// Messages that are gone because it acknowledged them.
    pub acknowledged: u64,
    /// The message that it works on.
    pub current: Option<i64>,
    /// Messages that it has and has not begun with.
    pub waiting: u64,
    /// The newest messages, oldest first.
    pub messages: Vec<(i64, String)>,
}

/// The beginning of `bytes` as text, cut at [`PREVIEW_BYTES_MAX`]; bytes that are not UTF-8 are
/// shown as replacement characters.
pub fn preview(bytes: &[u8]) -> String {
    if bytes.len() <= PREVIEW_BYTES_MAX {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        let mut text = String::from_utf8_lossy(&bytes[..PREVIEW_BYTES_MAX]).into_owned();
        text.push('…');
        text
    }
}
