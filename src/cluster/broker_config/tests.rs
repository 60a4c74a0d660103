use super::*;

/// All keys, read out of Kafka 2.8.2's own classes.
#[test]
fn keys_and_defaults_are_those_of_2_8() {
    let recorded = include_str!("../../../tests/golden/broker-configs.txt").lines();
    let recorded: Vec<&str> = recorded.filter(|line| !line.starts_with('#')).collect();
    for line in &recorded {
        let words: Vec<&str> = line.split(' ').collect();
        let key = keys::key(words[0]).unwrap_or_else(|| panic!("no {line}"));
        let default = key.default.map_or("-".to_owned(), |default| format!("\"{default}\""));
        let dynamic = if key.is_dynamic { "dynamic" } else { "fixed" };
        assert_eq!(words, [key.name, key.kind.name(), &default, dynamic]);
    }
    assert_eq!(keys::all_keys().count(), recorded.len());
}

#[test]
fn whatever_can_be_described_is_documented() {
    for key in keys::all_keys() {
        let text = documentation::of_broker_config(key.name).unwrap_or_default();
        let is_used = BROKER_CONFIG_KEYS.iter().any(|used| used.name == key.name);
        let is_of_old_formats = key.name.starts_with("log.message.");
        let is_inert = key.name == "log.preallocate" || key.name == "compression.type";
        let says_unused = text == "Nothing here depends on it.";
        assert!(is_used != says_unused || is_of_old_formats || is_inert, "{}: {text}", key.name);
    }
    assert_eq!(documentation::of_broker_config("my.own"), None);
    assert_eq!(documentation::of_topic_config("my.own"), None);
    assert_eq!(
        documentation::of_broker_config("log.segment.bytes").as_deref(),
        Some(
            "For topics that do not set segment.bytes: Size at which a segment is closed and the \
             next one begun."
        )
    );
}

#[test]
fn what_nobody_sets_is_as_in_2_8() {
    let config = BrokerConfig::of(&Properties::default()).unwrap();
    assert_eq!(config.advertised_listener, Endpoint::new("", 9092));
    assert_eq!(config.zookeeper_connection_timeout, Span::from_secs(18));
    assert_eq!(config.log_dirs, ["/tmp/kafka-logs"]);
    assert_eq!(config.topic_config(&Properties::default()), Ok(TopicConfig::default()));
}

#[test]
fn every_default_is_valid() {
    for key in keys::all_keys() {
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
    assert_eq!(
        refused("num.io.threads", "0"),
        "Invalid value 0 for configuration num.io.threads: Value must be at least 1"
    );
    assert!(refused("listeners", "9092").contains("Unable to parse"));
    assert!(refused("port", "70000").contains("Not a port"));
}

#[test]
fn older_names_of_listeners_are_understood() {
    let of = |pairs: &[(&str, &str)]| {
        let config = BrokerConfig::of(&Properties::of(pairs.iter().copied())).unwrap();
        (config.port, config.advertised_listener)
    };
    let old = [("host.name", "here"), ("port", "9095")];
    assert_eq!(of(&old), (9095, Endpoint::new("here", 9095)));
    assert_eq!(of(&[("advertised.host.name", "there")]), (9092, Endpoint::new("there", 9092)));
    let both = [("host.name", "here"), ("advertised.port", "1")];
    assert_eq!(of(&both), (9092, Endpoint::new("here", 1)));
}
