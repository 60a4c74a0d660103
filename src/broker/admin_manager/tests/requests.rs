//! Requests other than CreateTopics.

use super::*;
use crate::cluster::znode_data::{ConfigChange, ReplicaAssignment};
use crate::wire::Uuid;
use crate::wire::kafka::*;

impl Desk {
    /// Puts a topic into ZooKeeper and the metadata.
    fn give_topic(&mut self, name: &str, replicas: &[&[i32]]) {
        let partitions = (0..).zip(replicas.iter().map(|ids| ReplicaAssignment::of(ids.to_vec())));
        let topic = TopicAssignment { topic_id: None, partitions: partitions.collect() };
        self.znodes.insert(format!("/brokers/topics/{name}"), topic.to_json().into());
        self.metadata.update(&Self::update(3, name, replicas.len() as i32));
    }

    fn delete(&mut self, request: DeleteTopicsRequest, version: i16) -> Vec<ErrorCode> {
        let (context, metadata) = (Self::context(version), &self.metadata);
        let actions =
            self.manager.handle_delete_topics(self.now, &context, request, true, metadata);
        self.apply(actions);
        match self.others.pop() {
            Some(AnyResponse::DeleteTopics(response)) => {
                response.responses.iter().map(|one| one.error_code).collect()
            }
            _ => Vec::new(),
        }
    }

    fn grow(
        &mut self,
        name: &str,
        count: i32,
        assignments: Given<'_>,
        validate_only: bool,
    ) -> (ErrorCode, String) {
        let given = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: ids.to_vec() };
        let assignments = assignments.map(|list| list.iter().map(given).collect());
        let topic = CreatePartitionsTopic { name: name.to_owned(), count, assignments };
        self.grow_all(vec![topic], validate_only).remove(0)
    }

    /// What each topic of a request is answered.
    fn grow_all(
        &mut self,
        topics: Vec<CreatePartitionsTopic>,
        validate_only: bool,
    ) -> Vec<(ErrorCode, String)> {
        let request = CreatePartitionsRequest { topics, timeout_ms: 0, validate_only };
        let (context, metadata) = (Self::context(3), &self.metadata);
        let is_queued = |topic: &str| topic == "doomed";
        let actions = self
            .manager
            .handle_create_partitions(self.now, &context, request, true, is_queued, metadata);
        self.apply(actions);
        let Some(AnyResponse::CreatePartitions(response)) = self.others.pop() else {
            panic!("no answer")
        };
        let results = response.results.into_iter();
        results.map(|one| (one.error_code, one.error_message.unwrap_or_default())).collect()
    }

    /// Changes configs one by one: (name, operation, value).
    fn alter(&mut self, kind: i8, name: &str, changes: &[Change<'_>]) -> (ErrorCode, String) {
        let configs = changes.iter().map(|(name, config_operation, value)| {
            IncrementalAlterConfigsRequestAlterableConfig {
                name: (*name).to_owned(),
                config_operation: *config_operation,
                value: value.map(str::to_owned),
            }
        });
        let resource = IncrementalAlterConfigsRequestAlterConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configs: configs.collect(),
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        let (context, metadata) = (Self::context(1), &self.metadata);
        let actions = self.manager.handle_incremental_alter_configs(&context, request, metadata);
        self.apply(actions);
        let Some(AnyResponse::IncrementalAlterConfigs(response)) = self.others.pop() else {
            panic!("no answer")
        };
        let result = response.responses[0].clone();
        (result.error_code, result.error_message.unwrap_or_default())
    }

    fn describe(&mut self, kind: i8, name: &str, keys: &[&str]) -> DescribeConfigsResult {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configuration_keys: (!keys.is_empty()).then_some(keys),
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            include_documentation: true,
        };
        let (context, metadata) = (Self::context(4), &self.metadata);
        let actions = self.manager.handle_describe_configs(&context, request, metadata);
        self.apply(actions);
        match self.others.pop() {
            Some(AnyResponse::DescribeConfigs(mut response)) => response.results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn overrides(&self, path: &str) -> Vec<(String, String)> {
        let data = ConfigOverrides::from_json(&self.znodes[path]).expect("configs");
        data.config.into_iter().collect()
    }
}

/// Assignments of new partitions.
type Given<'a> = Option<&'a [&'a [i32]]>;
/// A change of a config: name, operation, value.
type Change<'a> = (&'a str, i8, Option<&'a str>);

fn named(names: &[&str], timeout_ms: i32) -> DeleteTopicsRequest {
    let topic_names = names.iter().map(|name| (*name).to_owned()).collect();
    DeleteTopicsRequest { topic_names, timeout_ms, ..Default::default() }
}

#[test]
fn a_deletion_is_answered_when_the_topic_is_gone_from_the_metadata() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    assert!(desk.delete(named(&["t", "nope"], 5_000), 5).is_empty(), "it is there still");
    assert!(desk.znodes.contains_key("/admin/delete_topics/t"));
    desk.metadata.update(&Desk::leaderless("t"));
    let actions = desk.manager.on_metadata_updated(&desk.metadata);
    desk.apply(actions);
    let Some(AnyResponse::DeleteTopics(response)) = desk.others.pop() else { panic!("no answer") };
    let codes: Vec<ErrorCode> = response.responses.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(desk.manager.next_wakeup(), None);
}

impl Desk {
    /// The update that makes brokers forget a topic.
    fn leaderless(topic: &str) -> UpdateMetadataRequest {
        let mut request = Self::update(3, topic, 1);
        request.topic_states[0].partition_states[0].leader = -2;
        request
    }
}

#[test]
fn a_deletion_that_takes_too_long_times_out() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    assert_eq!(desk.delete(named(&["t"], 0), 5), [ErrorCode::REQUEST_TIMED_OUT]);
    assert!(desk.delete(named(&["t"], 5_000), 5).is_empty(), "twice is no error");
    desk.now = desk.manager.next_wakeup().unwrap().at;
    let actions = desk.manager.on_wake(desk.now, &desk.metadata);
    desk.apply(actions);
    let Some(AnyResponse::DeleteTopics(response)) = desk.others.pop() else { panic!("no answer") };
    assert_eq!(response.responses[0].error_code, ErrorCode::REQUEST_TIMED_OUT);
}

#[test]
fn topics_can_be_named_by_id_and_deletion_can_be_forbidden() {
    let mut desk = Desk::new(3);
    let by = |name: Option<&str>, topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: name.map(str::to_owned), topic_id }],
        timeout_ms: 0,
        ..Default::default()
    };
    assert_eq!(desk.delete(by(None, Uuid([7; 16])), 6), [ErrorCode::UNKNOWN_TOPIC_ID]);
    assert_eq!(desk.delete(by(Some("t"), Uuid([7; 16])), 6), [ErrorCode::INVALID_REQUEST]);
    let forbidden = DynamicBrokerConfig::new(&Properties::of([("delete.topic.enable", "false")]));
    desk.manager.set_config(forbidden.unwrap());
    assert_eq!(desk.delete(named(&["t"], 0), 5), [ErrorCode::TOPIC_DELETION_DISABLED]);
    assert_eq!(desk.delete(named(&["t"], 0), 2), [ErrorCode::INVALID_REQUEST]);
}

#[test]
fn more_partitions_than_a_broker_bears_are_refused_at_once() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[2, 3]]);
    desk.give_topic("u", &[&[2, 3]]);
    let told = desk.grow("t", i32::MAX, None, false);
    let text = "Excessively large number of partitions per request.".to_owned();
    assert_eq!(told, (ErrorCode::POLICY_VIOLATION, text));
    let topic = |name: &str, count| CreatePartitionsTopic {
        name: name.to_owned(),
        count,
        assignments: None,
    };
    let told = desk.grow_all(vec![topic("t", 6_001), topic("u", 4_002)], true);
    assert_eq!((told[0].0, told[1].0), (ErrorCode::NONE, ErrorCode::POLICY_VIOLATION));
    let told = desk.grow_all(vec![topic("t", 6_001), topic("u", 4_001)], true);
    assert_eq!((told[0].0, told[1].0), (ErrorCode::NONE, ErrorCode::NONE));
}

#[test]
fn partitions_are_added_or_refused_in_kafkas_words() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[2, 3], &[3, 1]]);
    let cases: [(i32, Given<'_>, ErrorCode, &str); 7] = [
        (
            1,
            None,
            ErrorCode::INVALID_PARTITIONS,
            "Topic currently has 2 partitions, which is higher than the requested 1.",
        ),
        (2, None, ErrorCode::INVALID_PARTITIONS, "Topic already has 2 partitions."),
        (
            3,
            Some(&[&[9, 8]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Unknown broker(s) in replica assignment: 8, 9.",
        ),
        (
            4,
            Some(&[&[1, 2]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Increasing the number of partitions by 2 but 1 assignments provided.",
        ),
        (
            3,
            Some(&[&[1, 1]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Duplicate brokers not allowed in replica assignment: 1, 1 for partition id 2.",
        ),
        (
            3,
            Some(&[&[]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Cannot have replication factor of 0 for partition id 2.",
        ),
        (
            4,
            Some(&[&[1], &[1, 2, 3]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Inconsistent replication factor between partitions, partition 0 has 2 while \
             partitions [2, 3] have replication factors [1, 3], respectively.",
        ),
    ];
    for (count, assignments, code, text) in cases {
        assert_eq!(desk.grow("t", count, assignments, false), (code, text.to_owned()));
    }
    let missing = desk.grow("nope", 3, None, false);
    let text = "The topic 'nope' does not exist.".to_owned();
    assert_eq!(missing, (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text));
    let doomed = desk.grow("doomed", 3, None, false);
    let text = "The topic is queued for deletion.".to_owned();
    assert_eq!(doomed, (ErrorCode::INVALID_TOPIC_EXCEPTION, text));

    assert_eq!(desk.grow("t", 4, None, true).0, ErrorCode::NONE);
    // Without time to wait the new leaders are never seen.
    assert_eq!(desk.grow("t", 4, None, false).0, ErrorCode::REQUEST_TIMED_OUT);
    let written = TopicAssignment::from_json(&desk.znodes["/brokers/topics/t"]).unwrap();
    assert_eq!(written.partitions.len(), 4);
    assert_eq!(written.partitions[&1].replicas, [3, 1]);

    let mut moving = written;
    let assignment = moving.partitions[&0].reassign_to(&[1]);
    moving.partitions.insert(0, assignment);
    desk.znodes.insert("/brokers/topics/t".to_owned(), moving.to_json().into());
    let text = "A partition reassignment is in progress for the topic 't'.".to_owned();
    let refused = desk.grow("t", 9, None, false);
    assert_eq!(refused, (ErrorCode::REASSIGNMENT_IN_PROGRESS, text));
}

#[test]
fn a_config_change_is_written_and_then_announced() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    let (topic, none) = (2, (ErrorCode::NONE, String::new()));
    assert_eq!(desk.alter(topic, "t", &[("retention.ms", 0, Some("5"))]), none);
    let announced =
        ConfigChange::from_json(&desk.znodes["/config/changes/config_change_0000000000"]);
    assert_eq!(announced.unwrap().entity_path, "topics/t");
    // Other settings stay.
    assert_eq!(desk.alter(topic, "t", &[("cleanup.policy", 2, Some("compact"))]), none);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let path = "/config/topics/t";
    let expected = [pair("cleanup.policy", "delete,compact"), pair("retention.ms", "5")];
    assert_eq!(desk.overrides(path), expected);
    let changes = [("cleanup.policy", 3, Some("delete")), ("retention.ms", 1, None)];
    assert_eq!(desk.alter(topic, "t", &changes), none);
    assert_eq!(desk.overrides(path), [pair("cleanup.policy", "compact")]);
    // A default for all brokers, under a name of its own.
    assert_eq!(desk.alter(4, "", &[("message.max.bytes", 0, Some("77"))]), none);
    let path = "/config/brokers/<default>";
    assert_eq!(desk.overrides(path), [pair("message.max.bytes", "77")]);
}

#[test]
fn config_changes_are_refused_in_kafkas_words() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    let invalid = ErrorCode::INVALID_REQUEST;
    let cases: [(i8, &str, &[Change<'_>], ErrorCode, &str); 9] = [
        (
            2,
            "nope",
            &[("retention.ms", 0, Some("5"))],
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "The topic 'nope' does not exist.",
        ),
        (
            2,
            "t",
            &[("foo", 0, Some("5"))],
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: foo",
        ),
        (
            2,
            "t",
            &[("retention.ms", 0, Some("x"))],
            invalid,
            "Invalid config value for resource ConfigResource(type=TOPIC, name='t'): Invalid value \
             x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            2,
            "t",
            &[("retention.ms", 0, None)],
            invalid,
            "Null value not supported for : SET:retention.ms",
        ),
        (
            2,
            "t",
            &[("retention.ms", 0, Some("1")), ("retention.ms", 1, None)],
            invalid,
            "Error due to duplicate config keys : retention.ms",
        ),
        (
            2,
            "t",
            &[("retention.ms", 2, Some("1"))],
            invalid,
            "Config value append is not allowed for config key: retention.ms",
        ),
        (
            4,
            "7",
            &[("message.max.bytes", 0, Some("1"))],
            invalid,
            "Unexpected broker id, expected 1, but received 7",
        ),
        (
            4,
            "1",
            &[("broker.id", 0, Some("1"))],
            invalid,
            "Invalid config value for resource ConfigResource(type=BROKER, name='1'): Cannot update \
             these configs dynamically: Set(broker.id)",
        ),
        (
            7,
            "1",
            &[("root", 0, Some("INFO"))],
            invalid,
            "AlterConfigs is only supported for topics and brokers, but resource type is UNKNOWN",
        ),
    ];
    for (kind, name, changes, code, text) in cases {
        assert_eq!(desk.alter(kind, name, changes), (code, text.to_owned()));
    }
    assert!(!desk.znodes.keys().any(|path| path.starts_with("/config")), "nothing was written");
}

#[test]
fn what_alter_configs_does_not_name_goes_back_to_its_default() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    desk.alter(2, "t", &[("retention.ms", 0, Some("5"))]);
    let config = AlterConfigsRequestAlterableConfig {
        name: "segment.bytes".to_owned(),
        value: Some("1000".to_owned()),
    };
    let resource = AlterConfigsRequestAlterConfigsResource {
        resource_type: 2,
        resource_name: "t".to_owned(),
        configs: vec![config],
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    let (context, metadata) = (Desk::context(1), &desk.metadata);
    let actions = desk.manager.handle_alter_configs(&context, request, metadata);
    desk.apply(actions);
    let Some(AnyResponse::AlterConfigs(response)) = desk.others.pop() else { panic!("no answer") };
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
    let set = ("segment.bytes".to_owned(), "1000".to_owned());
    assert_eq!(desk.overrides("/config/topics/t"), [set]);
}

#[test]
fn a_topic_is_described_with_what_stands_behind_each_config() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[1]]);
    desk.alter(2, "t", &[("min.insync.replicas", 0, Some("3"))]);
    let all = desk.describe(2, "t", &[]);
    assert_eq!((all.error_code, all.error_message.as_deref()), (ErrorCode::NONE, Some("")));
    assert_eq!(all.configs.len(), 26);
    assert!(all.configs.iter().all(|one| one.documentation.is_some()));
    let one = desk.describe(2, "t", &["min.insync.replicas"]).configs.remove(0);
    assert_eq!((one.value.as_deref(), one.config_source, one.config_type), (Some("3"), 1, 3));
    let behind: Vec<(String, i8)> =
        one.synonyms.into_iter().map(|synonym| (synonym.value.unwrap(), synonym.source)).collect();
    assert_eq!(behind, [("3".to_owned(), 1), ("2".to_owned(), 4), ("1".to_owned(), 5)]);
    let missing = desk.describe(2, "nope", &[]);
    assert_eq!(missing.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(missing.configs.is_empty());
    let bad = desk.describe(2, "a b", &[]);
    assert_eq!(bad.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn a_broker_is_described_by_itself_only() {
    let mut desk = Desk::new(3);
    let properties = [("broker.id", "1"), ("my.secret", "x"), ("log.retention.hours", "5")];
    desk.manager.set_config(DynamicBrokerConfig::new(&Properties::of(properties)).unwrap());
    let all = desk.describe(4, "1", &[]);
    let find = |name: &str| all.configs.iter().find(|one| one.name == name).cloned().unwrap();
    let id = find("broker.id");
    assert_eq!((id.value.as_deref(), id.config_source, id.read_only), (Some("1"), 4, true));
    let secret = find("my.secret");
    assert_eq!((secret.value, secret.is_sensitive, secret.config_type), (None, true, 0));
    assert_eq!(secret.documentation, None);
    let password = find("ssl.key.password");
    assert_eq!((password.is_sensitive, password.config_type), (true, 9));
    let documentation = find("num.io.threads").documentation;
    assert_eq!(documentation.as_deref(), Some("Nothing here depends on it."));
    assert_eq!(find("message.max.bytes").config_source, 5);
    assert!(!find("message.max.bytes").read_only);
    assert_eq!(find("log.retention.hours").value.as_deref(), Some("5"));
    assert!(desk.describe(4, "", &[]).configs.is_empty(), "nothing is set for all");
    let other = desk.describe(4, "2", &[]);
    let text = "Unexpected broker id, expected 1 or empty string, but received 2";
    assert_eq!(other.error_message.as_deref(), Some(text));
}

#[test]
fn levels_of_loggers_are_described_and_changed() {
    let mut desk = Desk::new(3);
    let level = |desk: &mut Desk, logger: &str| {
        let mut described = desk.describe(8, "1", &[logger]).configs;
        assert_eq!((described.len(), described[0].config_source), (1, 6));
        described.remove(0).value.unwrap()
    };
    let (controller, none) = ("kafka.controller.KafkaController", (ErrorCode::NONE, String::new()));
    assert_eq!(level(&mut desk, controller), "TRACE");
    assert_eq!(desk.alter(8, "1", &[(controller, 0, Some("ERROR"))]), none);
    assert_eq!(level(&mut desk, controller), "ERROR");
    assert!(!desk.manager.loggers().writes(controller, LogLevel::Warn));
    assert_eq!(desk.alter(8, "1", &[(controller, 1, None)]), none);
    assert_eq!(level(&mut desk, controller), "TRACE");
    assert_eq!(desk.describe(8, "1", &[]).configs.len(), 44);

    let resource = "Invalid config value for resource ConfigResource(type=BROKER_LOGGER, name='1')";
    let cases: [(&str, Change<'_>, String); 5] = [
        ("1", ("root", 1, None), "Removing the log level of the root logger is not allowed".into()),
        (
            "1",
            ("root", 2, Some("INFO")),
            "APPEND operation is not allowed for the BROKER_LOGGER resource".into(),
        ),
        ("1", ("no.such", 0, Some("INFO")), format!("{resource}: Logger no.such does not exist!")),
        (
            "1",
            ("root", 0, Some("LOUD")),
            format!(
                "{resource}: Cannot set the log level of root to LOUD as it is not a supported log \
                 level. Valid log levels are TRACE, ERROR, INFO, FATAL, DEBUG, WARN"
            ),
        ),
        ("2", ("root", 0, Some("INFO")), "Unexpected broker id, expected 1, but received 2".into()),
    ];
    for (name, change, text) in cases {
        // Together with a change that could be made, which is not made then.
        let refused = desk.alter(8, name, &[(controller, 0, Some("WARN")), change]);
        assert_eq!(refused, (ErrorCode::INVALID_REQUEST, text));
    }
    assert_eq!(level(&mut desk, controller), "TRACE");
    let text = |result: DescribeConfigsResult| result.error_message.unwrap();
    assert_eq!(text(desk.describe(8, "", &[])), "Broker id must not be empty");
    let other = "Unexpected broker id, expected 1 but received 2";
    assert_eq!(text(desk.describe(8, "2", &[])), other);
}

#[test]
fn new_partitions_go_to_the_brokers_that_zookeeper_knows() {
    let mut desk = Desk::new(3);
    desk.give_topic("t", &[&[2]]);
    // The metadata have not heard of it yet.
    desk.register(4, None);
    assert_eq!(desk.grow("t", 4, None, false).0, ErrorCode::REQUEST_TIMED_OUT);
    let written = TopicAssignment::from_json(&desk.znodes["/brokers/topics/t"]).unwrap();
    let leaders: Vec<i32> = written.partitions.values().map(|one| one.replicas[0]).collect();
    assert_eq!(leaders, [2, 3, 4, 1]);
    // Some say where they stand and some do not.
    desk.register(4, Some("r1"));
    assert_eq!(desk.grow("t", 5, None, false).0, ErrorCode::UNKNOWN_SERVER_ERROR);
    desk.znodes.retain(|path, _| !path.starts_with("/brokers/ids"));
    let text = "Replication factor: 1 larger than available brokers: 0.".to_owned();
    let refused = desk.grow("t", 5, None, false);
    assert_eq!(refused, (ErrorCode::INVALID_REPLICATION_FACTOR, text));
}
