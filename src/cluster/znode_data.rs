//! What lies in ZooKeeper, as values: each with the JSON that Kafka writes and reads. Readers take
//! keys in any order and ignore unknown ones, as Kafka's do.
//!
//! In Kafka: kafka.zk.ZkData.

mod notifications;

use crate::base::{BrokerId, Endpoint, SortedMap, SortedSet, TopicPartition};
use crate::wire::Uuid;
pub use notifications::{IsrChangeNotification, LogDirEvent};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The data of a znode is not what Kafka writes there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadZnode {
    /// What was expected.
    pub expected: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for BadZnode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failed to parse {}: {}", self.expected, self.reason)
    }
}

impl std::error::Error for BadZnode {}

fn parse<'a, T: Deserialize<'a>>(expected: &'static str, data: &'a [u8]) -> Result<T, BadZnode> {
    serde_json::from_slice(data).map_err(|error| BadZnode { expected, reason: error.to_string() })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structs with text keys are JSON")
}

/// `/brokers/ids/N`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRegistration {
    /// Where others reach it.
    pub endpoint: Endpoint,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// When it registered.
    pub timestamp_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct BrokerJson {
    listener_security_protocol_map: SortedMap<String, String>,
    endpoints: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rack: Option<String>,
    jmx_port: i32,
    #[serde(default)]
    features: SortedMap<String, serde_json::Value>,
    host: Option<String>,
    timestamp: String,
    port: i32,
    version: i32,
}

impl BrokerRegistration {
    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        json(&BrokerJson {
            listener_security_protocol_map: SortedMap::from([(
                "PLAINTEXT".to_owned(),
                "PLAINTEXT".to_owned(),
            )]),
            endpoints: vec![format!("PLAINTEXT://{}", self.endpoint)],
            rack: self.rack.clone(),
            jmx_port: -1,
            features: SortedMap::new(),
            host: Some(self.endpoint.host.clone()),
            timestamp: self.timestamp_ms.to_string(),
            port: i32::from(self.endpoint.port),
            version: 5,
        })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let expected = "the broker info from zookeeper";
        let bad = |reason: &str| BadZnode { expected, reason: reason.to_owned() };
        let value: BrokerJson = parse(expected, data)?;
        let endpoint = value.endpoints.first().ok_or_else(|| bad("no endpoint"))?;
        let (_, address) = endpoint.split_once("://").ok_or_else(|| bad("bad endpoint"))?;
        Ok(Self {
            endpoint: address.parse().map_err(|_| bad("bad endpoint"))?,
            rack: value.rack,
            timestamp_ms: value.timestamp.parse().map_err(|_| bad("bad timestamp"))?,
        })
    }
}

/// `/controller`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControllerRegistration {
    /// The active controller.
    pub broker: BrokerId,
    /// When it won.
    pub timestamp_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct ControllerJson {
    version: i32,
    brokerid: i32,
    timestamp: String,
}

impl ControllerRegistration {
    /// Its JSON.
    pub fn to_json(self) -> Vec<u8> {
        let timestamp = self.timestamp_ms.to_string();
        json(&ControllerJson { version: 1, brokerid: self.broker.0, timestamp })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let expected = "the controller info from zookeeper";
        let value: ControllerJson = parse(expected, data)?;
        let timestamp_ms = value
            .timestamp
            .parse()
            .map_err(|_| BadZnode { expected, reason: "bad timestamp".to_owned() })?;
        Ok(Self { broker: BrokerId(value.brokerid), timestamp_ms })
    }
}

/// `/controller_epoch`: a plain number.
pub fn controller_epoch_to_data(epoch: i32) -> Vec<u8> {
    epoch.to_string().into_bytes()
}

/// Reads `/controller_epoch`.
pub fn controller_epoch_from_data(data: &[u8]) -> Result<i32, BadZnode> {
    let expected = "the controller epoch";
    let bad = |reason: &str| BadZnode { expected, reason: reason.to_owned() };
    let text = std::str::from_utf8(data).map_err(|_| bad("not text"))?;
    text.trim().parse().map_err(|_| bad("not a number"))
}

/// Replicas of one partition, with those that come and go in a reassignment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplicaAssignment {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those being added.
    pub adding_replicas: Vec<i32>,
    /// Those being removed.
    pub removing_replicas: Vec<i32>,
}

impl ReplicaAssignment {
    /// An assignment that is not being changed.
    pub fn of(replicas: Vec<i32>) -> Self {
        Self { replicas, ..Self::default() }
    }

    /// Whether replicas are being moved.
    pub fn is_being_reassigned(&self) -> bool {
        !self.adding_replicas.is_empty() || !self.removing_replicas.is_empty()
    }

    /// The replicas once a reassignment is done.
    pub fn target_replicas(&self) -> Vec<i32> {
        self.replicas.iter().copied().filter(|id| !self.removing_replicas.contains(id)).collect()
    }

    /// The replicas as they were before the reassignment.
    pub fn origin_replicas(&self) -> Vec<i32> {
        self.replicas.iter().copied().filter(|id| !self.adding_replicas.contains(id)).collect()
    }

    /// The assignment on the way to `target`: all of its replicas first, then those that will go.
    #[must_use]
    pub fn reassign_to(&self, target: &[i32]) -> Self {
        let origin = self.origin_replicas();
        let mut replicas: Vec<i32> = Vec::new();
        for id in target.iter().chain(&origin) {
            if !replicas.contains(id) {
                replicas.push(*id);
            }
        }
        let without = |others: &[i32]| {
            replicas.iter().copied().filter(|id| !others.contains(id)).collect::<Vec<_>>()
        };
        let (adding_replicas, removing_replicas) = (without(&origin), without(target));
        Self { replicas, adding_replicas, removing_replicas }
    }

    /// Takes a replica out.
    pub fn remove_replica(&mut self, broker: i32) {
        for replicas in [&mut self.replicas, &mut self.adding_replicas, &mut self.removing_replicas]
        {
            replicas.retain(|id| *id != broker);
        }
    }
}

/// As Kafka prints it in its logs.
impl fmt::Display for ReplicaAssignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        write!(
            f,
            "ReplicaAssignment(replicas={}, addingReplicas={}, removingReplicas={})",
            list(&self.replicas),
            list(&self.adding_replicas),
            list(&self.removing_replicas)
        )
    }
}

/// `/brokers/topics/T`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicAssignment {
    /// Its id; a topic made by an old tool has none until the controller gives it one.
    pub topic_id: Option<Uuid>,
    /// Replicas by partition.
    pub partitions: SortedMap<i32, ReplicaAssignment>,
}

#[derive(Serialize, Deserialize)]
struct TopicJson {
    #[serde(default)]
    removing_replicas: SortedMap<i32, Vec<i32>>,
    partitions: SortedMap<i32, Vec<i32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic_id: Option<String>,
    #[serde(default)]
    adding_replicas: SortedMap<i32, Vec<i32>>,
    version: i32,
}

impl TopicAssignment {
    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let pick = |replicas: fn(&ReplicaAssignment) -> &Vec<i32>| {
            let all = self.partitions.iter().map(|(index, one)| (*index, replicas(one).clone()));
            all.filter(|(_, replicas)| !replicas.is_empty()).collect()
        };
        json(&TopicJson {
            removing_replicas: pick(|one| &one.removing_replicas),
            partitions: self
                .partitions
                .iter()
                .map(|(index, one)| (*index, one.replicas.clone()))
                .collect(),
            topic_id: self.topic_id.map(|id| id.to_string()),
            adding_replicas: pick(|one| &one.adding_replicas),
            version: 3,
        })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let mut value: TopicJson = parse("the topic info from zookeeper", data)?;
        let partitions = value
            .partitions
            .into_iter()
            .map(|(index, replicas)| {
                let adding_replicas = value.adding_replicas.remove(&index).unwrap_or_default();
                let removing_replicas = value.removing_replicas.remove(&index).unwrap_or_default();
                (index, ReplicaAssignment { replicas, adding_replicas, removing_replicas })
            })
            .collect();
        Ok(Self { topic_id: value.topic_id.as_deref().and_then(Uuid::parse), partitions })
    }
}

/// `/brokers/topics/T/partitions/P/state`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartitionState {
    /// Epoch of the controller that decided.
    pub controller_epoch: i32,
    /// The leader, −1 for none.
    pub leader: i32,
    /// Version of the format.
    pub version: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// In-sync replicas.
    pub isr: Vec<i32>,
}

impl PartitionState {
    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        parse("the partition state from zookeeper", data)
    }
}

/// `/config/topics/T` and its like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigOverrides {
    /// Version of the format.
    pub version: i32,
    /// Values by dotted key.
    pub config: SortedMap<String, String>,
}

impl ConfigOverrides {
    /// Overrides as Kafka writes them.
    pub fn of(config: SortedMap<String, String>) -> Self {
        Self { version: 1, config }
    }

    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        parse("the config from zookeeper", data)
    }
}

/// `/config/changes/config_change_N`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigChange {
    version: i32,
    /// What has new configs, such as `topics/orders` or `brokers/1`.
    pub entity_path: String,
}

impl ConfigChange {
    /// A change of the configs of `entity_path`.
    pub fn of(entity_path: impl Into<String>) -> Self {
        Self { version: 2, entity_path: entity_path.into() }
    }

    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        parse("the config change from zookeeper", data)
    }
}

/// `/admin/reassign_partitions`: the replicas that partitions shall have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartitionReassignments(pub SortedMap<TopicPartition, Vec<i32>>);

#[derive(Serialize, Deserialize)]
struct ReassignmentJson {
    topic: String,
    partition: i32,
    replicas: Vec<i32>,
}

#[derive(Serialize, Deserialize)]
struct ReassignmentsJson {
    version: i32,
    partitions: Vec<ReassignmentJson>,
}

impl PartitionReassignments {
    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let partitions = self.0.iter().map(|(partition, replicas)| ReassignmentJson {
            topic: partition.topic.clone(),
            partition: partition.partition,
            replicas: replicas.clone(),
        });
        json(&ReassignmentsJson { version: 1, partitions: partitions.collect() })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let value: ReassignmentsJson = parse("the partition reassignment from zookeeper", data)?;
        let partitions = value.partitions.into_iter();
        Ok(Self(
            partitions
                .map(|one| (TopicPartition::new(one.topic, one.partition), one.replicas))
                .collect(),
        ))
    }
}

/// `/admin/preferred_replica_election`: partitions whose preferred replica shall lead.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PreferredReplicaElection(pub SortedSet<TopicPartition>);

#[derive(Serialize, Deserialize)]
struct PartitionJson {
    topic: String,
    partition: i32,
}

#[derive(Serialize, Deserialize)]
struct ElectionJson {
    version: i32,
    partitions: Vec<PartitionJson>,
}

impl PreferredReplicaElection {
    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let partitions = self
            .0
            .iter()
            .map(|one| PartitionJson { topic: one.topic.clone(), partition: one.partition });
        json(&ElectionJson { version: 1, partitions: partitions.collect() })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let value: ElectionJson = parse("the preferred replica election from zookeeper", data)?;
        let partitions = value.partitions.into_iter();
        Ok(Self(partitions.map(|one| TopicPartition::new(one.topic, one.partition)).collect()))
    }
}

/// `/cluster/id`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClusterId {
    version: String,
    /// The cluster's id: a UUID as Kafka writes it.
    pub id: String,
}

impl ClusterId {
    /// The cluster `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { version: "1".to_owned(), id: id.into() }
    }

    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        parse("the cluster id json", data)
    }
}

/// `/feature` as a controller of 2.8 writes it: feature versioning on, no features.
pub const FEATURE_ENABLED: &str = r#"{"features":{},"version":1,"status":1}"#;

/// `/latest_producer_id_block`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerIdBlock {
    /// Who took the block.
    pub broker: i32,
    /// Its first id.
    pub block_start: i64,
    /// Its last id.
    pub block_end: i64,
}

/// The block as it is written: with the ids as text.
#[derive(Serialize, Deserialize)]
struct ProducerIdBlockJson {
    version: i32,
    broker: i32,
    block_start: String,
    block_end: String,
}

impl ProducerIdBlock {
    /// The ids from `block_start` to `block_end`, taken by `broker`.
    pub fn new(broker: i32, block_start: i64, block_end: i64) -> Self {
        Self { broker, block_start, block_end }
    }

    /// Its JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let (block_start, block_end) = (self.block_start.to_string(), self.block_end.to_string());
        json(&ProducerIdBlockJson { version: 1, broker: self.broker, block_start, block_end })
    }

    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let expected = "the producerId block json";
        let read: ProducerIdBlockJson = parse(expected, data)?;
        let number = |text: &str| {
            text.parse().map_err(|_| BadZnode { expected, reason: format!("{text} is no id") })
        };
        Ok(Self::new(read.broker, number(&read.block_start)?, number(&read.block_end)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same_json(ours: &[u8], recorded: &str) {
        let ours: serde_json::Value = serde_json::from_slice(ours).unwrap();
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        assert_eq!(ours, recorded);
    }

    #[test]
    fn a_broker_registration_is_kafkas() {
        let recorded = r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://localhost:9092"],"jmx_port":-1,"features":{},"host":"localhost","timestamp":"1795379624610","port":9092,"version":5}"#;
        let registration = BrokerRegistration::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(registration.endpoint, Endpoint::new("localhost", 9092));
        same_json(&registration.to_json(), recorded);
        assert!(BrokerRegistration::from_json(b"{}").is_err());
    }

    #[test]
    fn a_topic_is_kafkas_with_or_without_an_id() {
        let recorded = r#"{"removing_replicas":{},"partitions":{"2":[0,1],"1":[2,0],"0":[1,2]},"topic_id":"k8GQXvd1RZ2MGohhFgQAjw","adding_replicas":{},"version":3}"#;
        let topic = TopicAssignment::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(topic.partitions[&1].replicas, [2, 0]);
        same_json(&topic.to_json(), recorded);
        let old = br#"{"version":1,"partitions":{"0":[1]}}"#;
        assert_eq!(TopicAssignment::from_json(old).unwrap().topic_id, None);
        let moving = ReplicaAssignment {
            replicas: vec![4, 1, 2],
            adding_replicas: vec![4],
            removing_replicas: vec![2],
        };
        assert_eq!(moving.target_replicas(), [4, 1]);
        let topic = TopicAssignment { topic_id: None, partitions: [(0, moving)].into() };
        assert_eq!(TopicAssignment::from_json(&topic.to_json()), Ok(topic));
    }

    #[test]
    fn a_reassignment_holds_old_and_new_replicas_until_it_is_done() {
        let check = |from: &ReplicaAssignment, to: &[i32], expected: [&[i32]; 3]| {
            let [replicas, adding_replicas, removing_replicas] = expected.map(<[i32]>::to_vec);
            let expected = ReplicaAssignment { replicas, adding_replicas, removing_replicas };
            assert_eq!(from.reassign_to(to), expected);
            expected
        };
        let still = ReplicaAssignment::of(vec![1, 2, 3]);
        let moving = check(&still, &[4, 2], [&[4, 2, 1, 3], &[4], &[1, 3]]);
        assert_eq!(
            (moving.origin_replicas(), moving.target_replicas()),
            (vec![2, 1, 3], vec![4, 2])
        );
        // Another goal on the way, and the way back.
        check(&moving, &[5], [&[5, 2, 1, 3], &[5], &[2, 1, 3]]);
        check(&moving, &moving.origin_replicas(), [&[2, 1, 3], &[], &[]]);
        check(&still, &[3, 2, 1], [&[3, 2, 1], &[], &[]]);
        let mut less = moving.clone();
        less.remove_replica(3);
        less.remove_replica(4);
        assert_eq!(
            less.to_string(),
            "ReplicaAssignment(replicas=2,1, addingReplicas=, removingReplicas=1)"
        );
    }

    #[test]
    fn partition_states_and_controllers_are_kafkas() {
        let recorded =
            r#"{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}"#;
        let state = PartitionState::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(state.to_json()).unwrap(), recorded);
        let recorded = r#"{"version":1,"brokerid":0,"timestamp":"1795379624892"}"#;
        let controller = ControllerRegistration::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(controller.to_json()).unwrap(), recorded);
        assert_eq!(controller_epoch_from_data(b"12"), Ok(12));
        assert!(controller_epoch_from_data(b"x").is_err());
        let recorded = r#"{"version":1,"config":{"min.insync.replicas":"2"}}"#;
        let config = ConfigOverrides::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(config.to_json()).unwrap(), recorded);
        let recorded = r#"{"version":2,"entity_path":"topics/t6"}"#;
        let change = ConfigChange::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(change.to_json()).unwrap(), recorded);
        let recorded =
            r#"{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[3,1]}]}"#;
        let moves = PartitionReassignments::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(moves.to_json()).unwrap(), recorded);
        let recorded = r#"{"version":1,"partitions":[{"topic":"t","partition":1}]}"#;
        let election = PreferredReplicaElection::from_json(recorded.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(election.to_json()).unwrap(), recorded);
        assert!(ClusterId::from_json(&ClusterId::new("aRPO4LseSk2YrB6JFGfVuQ").to_json()).is_ok());
    }
}
