//! The table of broker configs with the defaults of 2.8: first those that something here depends on,
//! then, in `keys::unused`, the rest. And which of them are defaults of topics.
//!
//! In Kafka: kafka.server.KafkaConfig.configDef, kafka.log.LogConfig.

mod unused;

use crate::cluster::config_def::ConfigKey;
use crate::cluster::config_def::ConfigType::{
    Boolean, Double, Int, List, Long, Short, String as Text,
};
pub use unused::UNUSED_BROKER_CONFIG_KEYS;

const INT_MAX: &str = "2147483647";
const LONG_MAX: &str = "9223372036854775807";
const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];

/// The keys that something here depends on, in Kafka's order.
pub const BROKER_CONFIG_KEYS: &[ConfigKey] = &[
    ConfigKey::null("zookeeper.connect", Text),
    ConfigKey::any("zookeeper.session.timeout.ms", Int, "18000"),
    ConfigKey::null("zookeeper.connection.timeout.ms", Int),
    ConfigKey::any("broker.id", Int, "-1"),
    ConfigKey::at_least(0, "message.max.bytes", Int, "1048588").dynamic(),
    ConfigKey::any("request.timeout.ms", Int, "30000"),
    ConfigKey::any("port", Int, "9092"),
    ConfigKey::any("host.name", Text, ""),
    ConfigKey::null("listeners", Text).dynamic(),
    ConfigKey::null("advertised.host.name", Text),
    ConfigKey::null("advertised.port", Int),
    ConfigKey::null("advertised.listeners", Text).dynamic(),
    ConfigKey::at_least(1, "socket.request.max.bytes", Int, "104857600"),
    ConfigKey::any("connections.max.idle.ms", Long, "600000"),
    ConfigKey::null("broker.rack", Text),
    ConfigKey::at_least(1, "num.partitions", Int, "1"),
    ConfigKey::any("log.dir", Text, "/tmp/kafka-logs"),
    ConfigKey::null("log.dirs", Text),
    ConfigKey::at_least(14, "log.segment.bytes", Int, "1073741824").dynamic(),
    ConfigKey::null("log.roll.ms", Long).dynamic(),
    ConfigKey::at_least(1, "log.roll.hours", Int, "168"),
    ConfigKey::null("log.roll.jitter.ms", Long).dynamic(),
    ConfigKey::at_least(0, "log.roll.jitter.hours", Int, "0"),
    ConfigKey::null("log.retention.ms", Long).dynamic(),
    ConfigKey::null("log.retention.minutes", Int),
    ConfigKey::any("log.retention.hours", Int, "168"),
    ConfigKey::any("log.retention.bytes", Long, "-1").dynamic(),
    ConfigKey::at_least(1, "log.retention.check.interval.ms", Long, "300000"),
    ConfigKey::one_of(CLEANUP_POLICIES, "log.cleanup.policy", List, "delete").dynamic(),
    ConfigKey::at_least(0, "log.cleaner.backoff.ms", Long, "15000").dynamic(),
    ConfigKey::any("log.cleaner.min.cleanable.ratio", Double, "0.5").dynamic(),
    ConfigKey::any("log.cleaner.enable", Boolean, "true"),
    ConfigKey::any("log.cleaner.delete.retention.ms", Long, "86400000").dynamic(),
    ConfigKey::any("log.cleaner.min.compaction.lag.ms", Long, "0").dynamic(),
    ConfigKey::any("log.cleaner.max.compaction.lag.ms", Long, LONG_MAX).dynamic(),
    ConfigKey::at_least(4, "log.index.size.max.bytes", Int, "10485760").dynamic(),
    ConfigKey::at_least(0, "log.index.interval.bytes", Int, "4096").dynamic(),
    ConfigKey::at_least(1, "log.flush.interval.messages", Long, LONG_MAX).dynamic(),
    ConfigKey::at_least(0, "log.segment.delete.delay.ms", Long, "60000").dynamic(),
    ConfigKey::any("log.flush.scheduler.interval.ms", Long, LONG_MAX),
    ConfigKey::null("log.flush.interval.ms", Long).dynamic(),
    ConfigKey::at_least(0, "log.flush.offset.checkpoint.interval.ms", Int, "60000"),
    ConfigKey::at_least(0, "log.flush.start.offset.checkpoint.interval.ms", Int, "60000"),
    ConfigKey::any("log.preallocate", Boolean, "false").dynamic(),
    ConfigKey::any("auto.create.topics.enable", Boolean, "true"),
    ConfigKey::at_least(1, "min.insync.replicas", Int, "1").dynamic(),
    ConfigKey::any("log.message.format.version", Text, "2.8-IV1"),
    ConfigKey::one_of(TIMESTAMP_TYPES, "log.message.timestamp.type", Text, "CreateTime").dynamic(),
    ConfigKey::any("log.message.timestamp.difference.max.ms", Long, LONG_MAX).dynamic(),
    ConfigKey::any("log.message.downconversion.enable", Boolean, "true").dynamic(),
    ConfigKey::any("controller.socket.timeout.ms", Int, "30000"),
    ConfigKey::any("default.replication.factor", Int, "1"),
    ConfigKey::any("replica.lag.time.max.ms", Long, "30000"),
    ConfigKey::any("replica.socket.timeout.ms", Int, "30000"),
    ConfigKey::at_least(0, "replica.fetch.max.bytes", Int, "1048576"),
    ConfigKey::any("replica.fetch.wait.max.ms", Int, "500"),
    ConfigKey::at_least(0, "replica.fetch.backoff.ms", Int, "1000"),
    ConfigKey::any("replica.fetch.min.bytes", Int, "1"),
    ConfigKey::at_least(0, "replica.fetch.response.max.bytes", Int, "10485760"),
    ConfigKey::any("replica.high.watermark.checkpoint.interval.ms", Long, "5000"),
    ConfigKey::any("auto.leader.rebalance.enable", Boolean, "true"),
    ConfigKey::any("leader.imbalance.per.broker.percentage", Int, "10"),
    ConfigKey::any("leader.imbalance.check.interval.seconds", Long, "300"),
    ConfigKey::any("unclean.leader.election.enable", Boolean, "false").dynamic(),
    ConfigKey::null("replica.selector.class", Text),
    ConfigKey::any("controlled.shutdown.max.retries", Int, "3"),
    ConfigKey::any("controlled.shutdown.retry.backoff.ms", Long, "5000"),
    ConfigKey::any("controlled.shutdown.enable", Boolean, "true"),
    ConfigKey::any("group.min.session.timeout.ms", Int, "6000"),
    ConfigKey::any("group.max.session.timeout.ms", Int, "1800000"),
    ConfigKey::any("group.initial.rebalance.delay.ms", Int, "3000"),
    ConfigKey::at_least(1, "group.max.size", Int, INT_MAX),
    ConfigKey::any("offset.metadata.max.bytes", Int, "4096"),
    ConfigKey::at_least(1, "offsets.load.buffer.size", Int, "5242880"),
    ConfigKey::at_least(1, "offsets.topic.replication.factor", Short, "3"),
    ConfigKey::at_least(1, "offsets.topic.num.partitions", Int, "50"),
    ConfigKey::at_least(1, "offsets.topic.segment.bytes", Int, "104857600"),
    ConfigKey::at_least(1, "offsets.retention.minutes", Int, "10080"),
    ConfigKey::at_least(1, "offsets.retention.check.interval.ms", Long, "600000"),
    ConfigKey::at_least(1, "offsets.commit.timeout.ms", Int, "5000"),
    ConfigKey::any("offsets.commit.required.acks", Short, "-1"),
    ConfigKey::any("delete.topic.enable", Boolean, "true"),
    ConfigKey::any("compression.type", Text, "producer").dynamic(),
    ConfigKey::at_least(1, "transactional.id.expiration.ms", Int, "604800000"),
    ConfigKey::at_least(1, "transaction.state.log.min.isr", Int, "2"),
    ConfigKey::at_least(1, "transaction.state.log.replication.factor", Short, "3"),
    ConfigKey::at_least(1, "transaction.state.log.num.partitions", Int, "50"),
    ConfigKey::at_least(1, "transaction.state.log.segment.bytes", Int, "104857600"),
    ConfigKey::at_least(0, "max.incremental.fetch.session.cache.slots", Int, "1000"),
    ConfigKey::at_least(1024, "fetch.max.bytes", Int, "57671680"),
];

/// The key of a broker config, if Kafka has one of that name.
pub fn key(name: &str) -> Option<&'static ConfigKey> {
    all_keys().find(|key| key.name == name)
}

/// All keys, used or not.
pub fn all_keys() -> impl Iterator<Item = &'static ConfigKey> {
    BROKER_CONFIG_KEYS.iter().chain(UNUSED_BROKER_CONFIG_KEYS)
}

/// Topic configs whose default is one broker config. Times, which have several, are apart.
pub const TOPIC_CONFIG_SYNONYMS: &[(&str, &str)] = &[
    ("cleanup.policy", "log.cleanup.policy"),
    ("compression.type", "compression.type"),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    ("flush.messages", "log.flush.interval.messages"),
    ("index.interval.bytes", "log.index.interval.bytes"),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("max.message.bytes", "message.max.bytes"),
    ("message.downconversion.enable", "log.message.downconversion.enable"),
    ("message.format.version", "log.message.format.version"),
    ("message.timestamp.difference.max.ms", "log.message.timestamp.difference.max.ms"),
    ("message.timestamp.type", "log.message.timestamp.type"),
    ("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("preallocate", "log.preallocate"),
    ("retention.bytes", "log.retention.bytes"),
    ("segment.bytes", "log.segment.bytes"),
    ("segment.index.bytes", "log.index.size.max.bytes"),
    ("unclean.leader.election.enable", "unclean.leader.election.enable"),
];

/// Topic configs whose default is one of several broker configs, with the finest of them.
const TOPIC_CONFIG_TIME_SYNONYMS: &[(&str, &str)] = &[
    ("flush.ms", "log.flush.interval.ms"),
    ("retention.ms", "log.retention.ms"),
    ("segment.jitter.ms", "log.roll.jitter.ms"),
    ("segment.ms", "log.roll.ms"),
];

/// The topic config that has its default from the broker config `name`, if one has.
pub fn topic_config_of(name: &str) -> Option<&'static str> {
    let all = TOPIC_CONFIG_SYNONYMS.iter().chain(TOPIC_CONFIG_TIME_SYNONYMS);
    all.copied().find(|(_, broker_key)| *broker_key == name).map(|(topic_key, _)| topic_key)
}

/// The broker config that the topic config `name` has its default from, if there is one.
///
/// In Kafka: `LogConfig.TopicConfigSynonyms`.
pub fn topic_config_synonym(name: &str) -> Option<&'static str> {
    let all = TOPIC_CONFIG_SYNONYMS.iter().chain(TOPIC_CONFIG_TIME_SYNONYMS);
    all.copied().find(|(topic_key, _)| *topic_key == name).map(|(_, broker_key)| broker_key)
}
