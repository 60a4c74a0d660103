//! The 26 configs of a topic: their keys, what they are by default, and their typed values.
//!
//! In Kafka: kafka.log.LogConfig, org.apache.kafka.common.config.TopicConfig.

use super::config_def::ConfigType::{Boolean, Int, List, Long, String as Text};
use super::config_def::{ConfigKey, ConfigValues, unknown_names};
use crate::base::Span;
use crate::node::{ConfigError, Properties};
use serde::{Deserialize, Serialize};
use std::fmt;

const COMPRESSION_TYPES: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];
const LONG_MAX: &str = "9223372036854775807";

/// The keys, sorted by name.
pub const TOPIC_CONFIG_KEYS: &[ConfigKey] = &[
    ConfigKey::one_of(CLEANUP_POLICIES, "cleanup.policy", List, "delete"),
    ConfigKey::one_of(COMPRESSION_TYPES, "compression.type", Text, "producer"),
    ConfigKey::at_least(0, "delete.retention.ms", Long, "86400000"),
    ConfigKey::at_least(0, "file.delete.delay.ms", Long, "60000"),
    ConfigKey::at_least(0, "flush.messages", Long, LONG_MAX),
    ConfigKey::at_least(0, "flush.ms", Long, LONG_MAX),
    ConfigKey::any("follower.replication.throttled.replicas", List, ""),
    ConfigKey::at_least(0, "index.interval.bytes", Int, "4096"),
    ConfigKey::any("leader.replication.throttled.replicas", List, ""),
    ConfigKey::at_least(1, "max.compaction.lag.ms", Long, LONG_MAX),
    ConfigKey::at_least(0, "max.message.bytes", Int, "1048588"),
    ConfigKey::any("message.downconversion.enable", Boolean, "true"),
    ConfigKey::any("message.format.version", Text, "2.8-IV1"),
    ConfigKey::at_least(0, "message.timestamp.difference.max.ms", Long, LONG_MAX),
    ConfigKey::one_of(TIMESTAMP_TYPES, "message.timestamp.type", Text, "CreateTime"),
    ConfigKey::fraction("min.cleanable.dirty.ratio", "0.5"),
    ConfigKey::at_least(0, "min.compaction.lag.ms", Long, "0"),
    ConfigKey::at_least(1, "min.insync.replicas", Int, "1"),
    ConfigKey::any("preallocate", Boolean, "false"),
    ConfigKey::any("retention.bytes", Long, "-1"),
    ConfigKey::at_least(-1, "retention.ms", Long, "604800000"),
    ConfigKey::at_least(14, "segment.bytes", Int, "1073741824"),
    ConfigKey::at_least(0, "segment.index.bytes", Int, "10485760"),
    ConfigKey::at_least(0, "segment.jitter.ms", Long, "0"),
    ConfigKey::at_least(1, "segment.ms", Long, "604800000"),
    ConfigKey::any("unclean.leader.election.enable", Boolean, "false"),
];

/// The key of a topic config, if there is one of that name.
pub fn key(name: &str) -> Option<&'static ConfigKey> {
    TOPIC_CONFIG_KEYS.iter().find(|key| key.name == name)
}

/// The configs of one topic as its log needs them. Milliseconds stay numbers where they are compared
/// with timestamps of records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopicConfig {
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `compression.type`.
    pub compression_type: String,
    /// `delete.retention.ms`: how long a tombstone stays after compaction.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay: Span,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: i32,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`: largest record batch.
    pub max_message_bytes: i32,
    /// `message.timestamp.difference.max.ms`.
    pub message_timestamp_difference_max_ms: i64,
    /// `message.timestamp.type` is `LogAppendTime`.
    pub log_append_time: bool,
    /// `min.cleanable.dirty.ratio` in millionths.
    pub min_cleanable_dirty_ratio_millionths: u32,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `preallocate`.
    pub preallocate: bool,
    /// `retention.bytes`, −1 for no limit.
    pub retention_bytes: i64,
    /// `retention.ms`, −1 for no limit.
    pub retention_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: i32,
    /// `segment.index.bytes`.
    pub segment_index_bytes: i32,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self::of(&Properties::default()).expect("the defaults are valid")
    }
}

impl TopicConfig {
    /// The configs that `properties` set, over Kafka's defaults. For the configs of a real topic the
    /// broker's own go first: see [`super::BrokerConfig::topic_config`].
    pub fn of(properties: &Properties) -> Result<Self, ConfigError> {
        let values = ConfigValues::of(TOPIC_CONFIG_KEYS, properties)?;
        let policy = values.list("cleanup.policy");
        let config = Self {
            compact: policy.iter().any(|one| one == "compact"),
            delete: policy.iter().any(|one| one == "delete"),
            compression_type: values.string("compression.type"),
            delete_retention_ms: values.long("delete.retention.ms"),
            file_delete_delay: values.span("file.delete.delay.ms"),
            flush_messages: values.long("flush.messages"),
            flush_ms: values.long("flush.ms"),
            index_interval_bytes: values.int("index.interval.bytes"),
            max_compaction_lag_ms: values.long("max.compaction.lag.ms"),
            max_message_bytes: values.int("max.message.bytes"),
            message_timestamp_difference_max_ms: values.long("message.timestamp.difference.max.ms"),
            log_append_time: values.text("message.timestamp.type") == Some("LogAppendTime"),
            min_cleanable_dirty_ratio_millionths: values.millionths("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: values.long("min.compaction.lag.ms"),
            min_insync_replicas: values.int("min.insync.replicas"),
            preallocate: values.boolean("preallocate"),
            retention_bytes: values.long("retention.bytes"),
            retention_ms: values.long("retention.ms"),
            segment_bytes: values.int("segment.bytes"),
            segment_index_bytes: values.int("segment.index.bytes"),
            segment_jitter_ms: values.long("segment.jitter.ms"),
            segment_ms: values.long("segment.ms"),
            unclean_leader_election_enable: values.boolean("unclean.leader.election.enable"),
        };
        Ok(config)
    }
}

/// Why configs of a topic are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvalidTopicConfig {
    /// There is no config of that name (InvalidConfigurationException).
    UnknownName(String),
    /// A value cannot be used (ConfigException).
    Value(ConfigError),
    /// Two values cannot be used together (InvalidConfigurationException).
    CompactionLags {
        /// `min.compaction.lag.ms`.
        min: i64,
        /// `max.compaction.lag.ms`.
        max: i64,
    },
}

impl fmt::Display for InvalidTopicConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(name) => write!(f, "Unknown topic config name: {name}"),
            Self::Value(error) => write!(f, "{error}"),
            Self::CompactionLags { min, max } => write!(
                f,
                "conflict topic config setting min.compaction.lag.ms ({min}) > \
                 max.compaction.lag.ms ({max})"
            ),
        }
    }
}

impl std::error::Error for InvalidTopicConfig {}

/// Refuses configs of a topic that is to be created or altered, in Kafka's words.
pub fn validate(properties: &Properties) -> Result<(), InvalidTopicConfig> {
    let names = properties.0.keys().map(String::as_str);
    if let Some(unknown) = unknown_names(TOPIC_CONFIG_KEYS, names).first() {
        return Err(InvalidTopicConfig::UnknownName((*unknown).to_owned()));
    }
    let config = TopicConfig::of(properties).map_err(InvalidTopicConfig::Value)?;
    let (min, max) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min > max {
        return Err(InvalidTopicConfig::CompactionLags { min, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_2_8() {
        let config = TopicConfig::default();
        assert!(config.delete && !config.compact && !config.log_append_time);
        assert_eq!(config.retention_ms, 604_800_000);
        assert_eq!(config.segment_bytes, 1_073_741_824);
        assert_eq!(config.max_message_bytes, 1_048_588);
        assert_eq!(config.min_cleanable_dirty_ratio_millionths, 500_000);
        assert_eq!(TOPIC_CONFIG_KEYS.len(), 26);
        assert!(TOPIC_CONFIG_KEYS.is_sorted_by_key(|key| key.name));
    }

    #[test]
    fn bad_values_are_refused_in_kafkas_words() {
        let refused =
            |key, value| validate(&Properties::of([(key, value)])).unwrap_err().to_string();
        assert_eq!(refused("foo", "1"), "Unknown topic config name: foo");
        assert_eq!(
            refused("retention.ms", "abc"),
            "Invalid value abc for configuration retention.ms: Not a number of type LONG"
        );
        assert_eq!(
            refused("segment.bytes", "1"),
            "Invalid value 1 for configuration segment.bytes: Value must be at least 14"
        );
        assert_eq!(
            refused("cleanup.policy", "shred"),
            "Invalid value shred for configuration cleanup.policy: \
             String must be one of: compact, delete"
        );
        assert_eq!(
            refused("preallocate", "maybe"),
            "Invalid value maybe for configuration preallocate: \
             Expected value to be either true or false"
        );
        let conflicting = Properties::of([
            ("cleanup.policy", "compact"),
            ("min.compaction.lag.ms", "5"),
            ("max.compaction.lag.ms", "4"),
        ]);
        assert_eq!(
            validate(&conflicting).unwrap_err().to_string(),
            "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)"
        );
    }
}
