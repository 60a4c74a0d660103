use super::*;
use crate::base::Endpoint;
use crate::broker::action::RequestToken;
use crate::broker::kafka_zk::Write;
use crate::cluster::znode_data::{BrokerRegistration, ConfigOverrides, TopicAssignment};
use crate::node::Properties;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, CreatableReplicaAssignment, CreateTopicsResponse, UpdateMetadataBroker,
    UpdateMetadataEndpoint, UpdateMetadataPartitionState, UpdateMetadataRequest,
    UpdateMetadataTopicState,
};
use bytes::Bytes;

mod requests;

/// An admin manager on a ZooKeeper that is a map, in a cluster of some brokers.
struct Desk {
    manager: AdminManager,
    znodes: SortedMap<String, Bytes>,
    metadata: MetadataCache,
    now: Time,
    replies: Vec<CreateTopicsResponse>,
    others: Vec<AnyResponse>,
    /// Another broker makes every znode just before.
    is_raced: bool,
}

impl Desk {
    fn new(brokers: i32) -> Self {
        let properties = Properties::of([("min.insync.replicas", "2")]);
        let config = DynamicBrokerConfig::new(&properties).unwrap();
        let mut desk = Self {
            manager: AdminManager::new(BrokerId(1), config, Rng::new(1)),
            znodes: SortedMap::new(),
            metadata: MetadataCache::default(),
            now: Time::from_millis(1_000),
            replies: Vec::new(),
            others: Vec::new(),
            is_raced: false,
        };
        desk.metadata.update(&Self::update(brokers, "", 0));
        for id in 1..=brokers {
            desk.register(id, None);
        }
        desk
    }

    fn update(brokers: i32, topic: &str, partitions: i32) -> UpdateMetadataRequest {
        let live_brokers = (1..=brokers).map(|id| UpdateMetadataBroker {
            id,
            endpoints: vec![UpdateMetadataEndpoint {
                host: format!("broker-{id}"),
                port: 9092,
                ..UpdateMetadataEndpoint::default()
            }],
            ..UpdateMetadataBroker::default()
        });
        let states = (0..partitions).map(|partition_index| UpdateMetadataPartitionState {
            partition_index,
            leader: 1,
            ..UpdateMetadataPartitionState::default()
        });
        let state = UpdateMetadataTopicState {
            topic_name: topic.to_owned(),
            partition_states: states.collect(),
            ..UpdateMetadataTopicState::default()
        };
        UpdateMetadataRequest {
            live_brokers: live_brokers.collect(),
            topic_states: if topic.is_empty() { Vec::new() } else { vec![state] },
            ..UpdateMetadataRequest::default()
        }
    }

    /// Puts a broker into ZooKeeper.
    fn register(&mut self, id: i32, rack: Option<&str>) {
        let registration = BrokerRegistration {
            endpoint: Endpoint::new(format!("broker-{id}"), 9092),
            rack: rack.map(str::to_owned),
            timestamp_ms: 0,
        };
        self.znodes.insert(format!("/brokers/ids/{id}"), registration.to_json().into());
    }

    fn apply(&mut self, actions: Vec<AdminAction>) {
        for action in actions {
            match action {
                Action::Zookeeper { request, tag } => {
                    let answer = self.zookeeper(request);
                    let metadata = &self.metadata;
                    let next = self.manager.on_zookeeper(self.now, tag, answer, metadata);
                    self.apply(next);
                }
                Action::Reply { response: AnyResponse::CreateTopics(response), .. } => {
                    self.replies.push(response);
                }
                Action::Reply { response, .. } => self.others.push(response),
                Action::Log { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn zookeeper(&mut self, op: Op) -> Answer {
        let no_node = Answer::Failed(KeeperCode::NO_NODE);
        match op {
            Op::Exists { path, .. } => {
                if self.znodes.contains_key(&path) {
                    Answer::Found
                } else {
                    no_node
                }
            }
            Op::GetData { path, .. } => match self.znodes.get(&path) {
                Some(data) => Answer::Data { data: data.clone(), version: 0, czxid: 1 },
                None => no_node,
            },
            Op::Write(Write::CreateSequential { path, data }) => {
                let number = self.znodes.keys().filter(|at| at.starts_with(&path)).count();
                self.znodes.insert(format!("{path}{number:010}"), data);
                Answer::Written { version: 0 }
            }
            Op::GetChildren { path, .. } => {
                let names =
                    self.znodes.keys().filter_map(|at| at.strip_prefix(&format!("{path}/")));
                Answer::Children(names.map(str::to_owned).collect())
            }
            Op::Write(Write::SetData { path, .. }) if !self.znodes.contains_key(&path) => no_node,
            Op::Write(Write::SetData { path, data, .. }) => {
                self.znodes.insert(path, data);
                Answer::Written { version: 1 }
            }
            Op::Write(Write::Create { path, data }) => {
                self.znodes.insert(path, data.unwrap_or_default());
                if self.is_raced {
                    return Answer::Failed(KeeperCode::NODE_EXISTS);
                }
                Answer::Written { version: 0 }
            }
            other => panic!("{other:?}"),
        }
    }

    fn context(api_version: i16) -> RequestContext {
        RequestContext {
            token: RequestToken(1),
            api_version,
            correlation_id: 1,
            client_id: "admin".to_owned(),
            client_host: "/here".to_owned(),
        }
    }

    fn ask(&mut self, topics: Vec<CreatableTopic>, timeout_ms: i32, validate_only: bool) {
        let request = CreateTopicsRequest { topics, timeout_ms, validate_only };
        let context = Self::context(7);
        let metadata = &self.metadata;
        let actions =
            self.manager.handle_create_topics(self.now, &context, request, true, metadata);
        self.apply(actions);
    }

    /// Code and sentence for one topic, asked for validation only.
    fn refused(&mut self, topic: CreatableTopic) -> (ErrorCode, String) {
        self.ask(vec![topic], 30_000, true);
        let result = self.replies.pop().expect("validation is answered at once").topics.remove(0);
        (result.error_code, result.error_message.unwrap_or_default())
    }
}

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    let name = name.to_owned();
    CreatableTopic { name, num_partitions, replication_factor, ..CreatableTopic::default() }
}

fn with_config(key: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreateableTopicConfig { name: key.to_owned(), value: value.map(str::to_owned) };
    CreatableTopic { configs: vec![config], ..topic("t", 1, 1) }
}

fn assigned(partitions: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments =
        partitions.iter().map(|(partition_index, replicas)| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: replicas.to_vec(),
        });
    CreatableTopic { assignments: assignments.collect(), ..topic("t", -1, -1) }
}

#[test]
fn a_topic_is_written_and_answered_when_its_leaders_are_known() {
    let mut desk = Desk::new(3);
    desk.ask(vec![topic("orders", 3, 2)], 30_000, false);
    assert!(desk.replies.is_empty(), "no leaders yet");
    let written = TopicAssignment::from_json(&desk.znodes["/brokers/topics/orders"]).unwrap();
    assert_eq!(written.partitions.len(), 3);
    assert!(written.partitions.values().all(|one| one.replicas.len() == 2));
    let configs = ConfigOverrides::from_json(&desk.znodes["/config/topics/orders"]).unwrap();
    assert!(configs.config.is_empty());

    desk.metadata.update(&Desk::update(3, "orders", 2));
    let actions = desk.manager.on_metadata_updated(&desk.metadata);
    assert!(actions.is_empty(), "one leader is missing");
    desk.metadata.update(&Desk::update(3, "orders", 3));
    let actions = desk.manager.on_metadata_updated(&desk.metadata);
    desk.apply(actions);
    let result = &desk.replies[0].topics[0];
    assert_eq!((result.error_code, result.error_message.clone()), (ErrorCode::NONE, None));
    assert_eq!((result.num_partitions, result.replication_factor), (3, 2));
    assert_eq!(Some(result.topic_id), written.topic_id);
    let configs = result.configs.as_ref().unwrap();
    assert_eq!(configs.len(), 26);
    let min_isr = configs.iter().find(|one| one.name == "min.insync.replicas").unwrap();
    assert_eq!((min_isr.value.as_deref(), min_isr.config_source), (Some("2"), 4));
    assert_eq!(desk.manager.next_wakeup(), None);
}

#[test]
fn without_leaders_in_time_the_request_times_out_though_the_topic_is_made() {
    let mut desk = Desk::new(3);
    desk.ask(vec![topic("orders", 1, 1), topic("bad topic!", 1, 1)], 5_000, false);
    assert_eq!(desk.manager.next_wakeup().unwrap().at, Time::from_millis(6_000));
    desk.now = Time::from_millis(6_000);
    let actions = desk.manager.on_wake(desk.now, &desk.metadata);
    desk.apply(actions);
    let codes: Vec<ErrorCode> =
        desk.replies[0].topics.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::REQUEST_TIMED_OUT, ErrorCode::INVALID_TOPIC_EXCEPTION]);
    assert!(desk.znodes.contains_key("/brokers/topics/orders"));
}

#[test]
fn what_is_wrong_is_said_in_kafkas_words() {
    let mut desk = Desk::new(1);
    desk.znodes.insert("/brokers/topics/a_b".to_owned(), Bytes::new());
    let cases = [
        (
            topic("t", 0, 1),
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions must be larger than 0.",
        ),
        (
            topic("t", 1, 0),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0.",
        ),
        (
            topic("t", 1, 2),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor: 2 larger than available brokers: 1.",
        ),
        (
            topic("", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic name is illegal, it can't be empty",
        ),
        (topic("a_b", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS, "Topic 'a_b' already exists."),
        (
            topic("a.b", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic 'a.b' collides with existing topics: a_b",
        ),
        (
            with_config("foo", Some("1")),
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: foo",
        ),
        (
            with_config("retention.ms", Some("abc")),
            ErrorCode::INVALID_CONFIG,
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (
            with_config("retention.ms", None),
            ErrorCode::INVALID_REQUEST,
            "Null value not supported for topic configs : retention.ms",
        ),
        (
            CreatableTopic { num_partitions: 1, ..assigned(&[(0, &[1])]) },
            ErrorCode::INVALID_REQUEST,
            "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot \
             be used at the same time.",
        ),
        (
            assigned(&[(0, &[1, 2]), (1, &[1])]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "All partitions should have the same number of replicas",
        ),
        (
            assigned(&[(0, &[1]), (2, &[1])]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            assigned(&[(0, &[1, 1]), (1, &[1, 2])]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Duplicate replica assignment found: Map(0 -> ArrayBuffer(1, 1), 1 -> ArrayBuffer(1, \
             2))",
        ),
        // A broker that is not there may be named.
        (assigned(&[(0, &[7])]), ErrorCode::NONE, ""),
    ];
    for (topic, code, sentence) in cases {
        assert_eq!(desk.refused(topic), (code, sentence.to_owned()));
    }
    desk.ask(vec![topic("t", 1, 1), topic("t", 1, 1)], 1, false);
    let twice = &desk.replies[0].topics;
    assert_eq!((twice.len(), twice[0].error_code), (1, ErrorCode::INVALID_REQUEST));
    assert_eq!(desk.znodes.len(), 2, "nothing was written beside the broker and the topic");
}

#[test]
fn a_request_for_more_partitions_than_a_broker_bears_is_refused_at_once() {
    let mut desk = Desk::new(3);
    for topics in [
        vec![topic("t", i32::MAX, 1)],
        vec![topic("a", 5_000, 1), topic("b", 5_001, 1)],
        (0..10_001).map(|_| topic("same", -1, -1)).collect(),
    ] {
        let count = topics.len();
        desk.ask(topics, 30_000, true);
        let results = desk.replies.pop().expect("refused at once").topics;
        assert_eq!(results.len(), count);
        assert!(results.iter().all(|result| result.error_code == ErrorCode::POLICY_VIOLATION));
    }
    desk.ask(vec![topic("t", 10_000, 1)], 30_000, true);
    assert_eq!(desk.replies.pop().expect("validated").topics[0].error_code, ErrorCode::NONE);
}

#[test]
fn topics_that_are_asked_for_are_made_once_and_the_internal_one_is_compacted() {
    let mut desk = Desk::new(3);
    let actions = desk.manager.create_offsets_topic(desk.now, &desk.metadata);
    let again = desk.manager.create_offsets_topic(desk.now, &desk.metadata);
    assert!(again.is_empty(), "it is under way");
    desk.apply(actions);
    let path = "/config/topics/__consumer_offsets";
    let configs = ConfigOverrides::from_json(&desk.znodes[path]).unwrap();
    assert_eq!(configs.config["cleanup.policy"], "compact");
    assert_eq!(configs.config["segment.bytes"], "104857600");
    let written = &desk.znodes["/brokers/topics/__consumer_offsets"];
    assert_eq!(TopicAssignment::from_json(written).unwrap().partitions.len(), 50);
}

#[test]
fn a_race_for_the_same_topic_is_lost_with_a_clear_word() {
    let mut desk = Desk::new(3);
    desk.is_raced = true;
    desk.ask(vec![topic("t", 1, 1)], 1, false);
    let result = &desk.replies[0].topics[0];
    assert_eq!(result.error_code, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(result.error_message.as_deref(), Some("Topic 't' already exists."));
}

#[test]
fn what_a_lost_connection_swallowed_is_asked_again() {
    let mut desk = Desk::new(3);
    let mut actions = desk.manager.auto_create(desk.now, &["t".to_owned()], &desk.metadata);
    let Some(Action::Zookeeper { tag, .. }) = actions.pop() else { panic!("nothing was asked") };
    let lost = Answer::Failed(KeeperCode::CONNECTION_LOSS);
    assert!(desk.manager.on_zookeeper(desk.now, tag, lost, &desk.metadata).is_empty());
    let actions = desk.manager.on_reconnected();
    desk.apply(actions);
    assert!(desk.znodes.contains_key("/brokers/topics/t"));
}
