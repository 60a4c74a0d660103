use super::*;

/// Defaults read out of Kafka 2.8.2's own classes, for the keys that this table has.
#[test]
fn defaults_are_those_of_2_8() {
    let recorded = [
        ("zookeeper.session.timeout.ms", "18000"),
        ("num.partitions", "1"),
        ("default.replication.factor", "1"),
        ("leader.imbalance.check.interval.seconds", "300"),
        ("replica.lag.time.max.ms", "30000"),
        ("replica.fetch.wait.max.ms", "500"),
        ("log.retention.check.interval.ms", "300000"),
        ("group.initial.rebalance.delay.ms", "3000"),
        ("offsets.topic.num.partitions", "50"),
        ("offsets.topic.replication.factor", "3"),
        ("offsets.retention.minutes", "10080"),
        ("fetch.max.bytes", "57671680"),
        ("offsets.commit.required.acks", "-1"),
        ("transaction.state.log.min.isr", "2"),
    ];
    for (name, default) in recorded {
        let key = BROKER_CONFIG_KEYS.iter().find(|key| key.name == name).unwrap();
        assert_eq!(key.default, Some(default), "{name}");
    }
    let config = BrokerConfig::of(&Properties::default()).unwrap();
    assert_eq!(config.advertised_listener, Endpoint::new("", 9092));
    assert_eq!(config.zookeeper_connection_timeout, Span::from_secs(18));
    assert_eq!(config.log_dirs, ["/tmp/kafka-logs"]);
    assert_eq!(config.topic_config(&Properties::default()), Ok(TopicConfig::default()));
}

#[test]
fn every_default_is_valid() {
    for key in BROKER_CONFIG_KEYS {
        if let Some(default) = key.default {
            assert_eq!(key.check(default), Ok(()), "{}", key.name);
        }
    }
}

#[test]
fn a_servers_properties_are_read() {
    let config = BrokerConfig::of(&Properties::of([
        ("broker.id", "2"),
        ("listeners", "PLAINTEXT://:9093"),
        ("advertised.listeners", "PLAINTEXT://broker-2:9093"),
        ("zookeeper.connect", "zookeeper-1:2181,zookeeper-2"),
        ("log.retention.hours", "1"),
        ("log.retention.minutes", "5"),
        ("min.insync.replicas", "2"),
    ]))
    .unwrap();
    assert_eq!((config.broker_id, config.port), (2, 9093));
    assert_eq!(config.advertised_listener, Endpoint::new("broker-2", 9093));
    assert_eq!(config.zookeeper_connect, "zookeeper-1:2181,zookeeper-2");
    let topic = config.topic_config(&Properties::of([("min.insync.replicas", "1")])).unwrap();
    assert_eq!((topic.retention_ms, topic.min_insync_replicas), (300_000, 1));
}

#[test]
fn bad_properties_are_refused() {
    let refused =
        |key, value| BrokerConfig::of(&Properties::of([(key, value)])).unwrap_err().to_string();
    assert_eq!(
        refused("num.partitions", "0"),
        "Invalid value 0 for configuration num.partitions: Value must be at least 1"
    );
    assert!(refused("listeners", "9092").contains("Unable to parse"));
}
