//! The settings of a consumer, with the defaults of 2.8.
//!
//! In Kafka: org.apache.kafka.clients.consumer.ConsumerConfig.

use super::assignor::Assignor;
use super::metadata::MetadataConfig;
use super::subscription_type::{SubscriptionType, TopicPattern};
use crate::base::{Span, TopicPartition};
use crate::network::NetworkConfig;
use crate::node::{ConfigError, Properties};

/// `auto.offset.reset`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetReset {
    /// To the first offset there is.
    Earliest,
    /// To the end.
    Latest,
    /// Not at all: the consumer fails.
    None,
}

impl OffsetReset {
    /// The timestamp that asks a broker for this offset.
    pub fn timestamp(self) -> Option<i64> {
        match self {
            Self::Earliest => Some(-2),
            Self::Latest => Some(-1),
            Self::None => None,
        }
    }
}

/// `isolation.level`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Nothing of a transaction that is open or was aborted.
    ReadCommitted,
}

impl IsolationLevel {
    /// Its number in requests.
    pub fn id(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// How a consumer behaves.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// `client.id`.
    pub client_id: String,
    /// `group.id`.
    pub group_id: String,
    /// `group.instance.id`: a static member, which keeps its place when it restarts (KIP-345).
    pub group_instance_id: Option<String>,
    /// `topics`, `topics.pattern` or `partitions`: what it wants at first.
    pub subscription: SubscriptionType,
    /// `partition.assignment.strategy`, in order of preference.
    pub assignors: Vec<Assignor>,
    /// `exclude.internal.topics`: a pattern does not match them.
    pub exclude_internal_topics: bool,
    /// `session.timeout.ms`.
    pub session_timeout: Span,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Span,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Span,
    /// `max.poll.records`.
    pub max_poll_records: usize,
    /// `poll.interval.ms`: how often the application polls; zero is as soon as there is something.
    pub poll_interval: Span,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `enable.auto.commit`.
    pub auto_commit: bool,
    /// `on.partitions.revoked=commit`: the rebalance listener of the application calls commitSync when partitions go.
    pub commit_on_revoke: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Span,
    /// `offsets.storage=zookeeper`: offsets are kept where consumers up to 0.8.2 kept them.
    pub offsets_in_zookeeper: bool,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Span,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `isolation.level`.
    pub isolation_level: IsolationLevel,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `default.api.timeout.ms`: how long commitSync and the like are tried.
    pub api_timeout: Span,
    /// Connections.
    pub network: NetworkConfig,
    /// Metadata.
    pub metadata: MetadataConfig,
}

fn error(properties: &Properties, key: &str, reason: &str) -> ConfigError {
    ConfigError {
        key: key.to_owned(),
        value: properties.get(key).unwrap_or_default().to_owned(),
        reason: reason.to_owned(),
    }
}

/// A number of bytes that is not below zero.
fn bytes(properties: &Properties, key: &str, default: i32) -> Result<i32, ConfigError> {
    match properties.parse(key, default)? {
        negative if negative < 0 => Err(error(properties, key, "Value must be at least 0")),
        bytes => Ok(bytes),
    }
}

impl ConsumerConfig {
    /// Whether rebalances are cooperative: all assignors must be (KIP-429).
    pub fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| assignor.is_cooperative())
    }

    /// Whether a member commits before it gives partitions up: by itself, or by its rebalance listener.
    pub fn commits_on_revoke(&self) -> bool {
        self.auto_commit || self.commit_on_revoke
    }

    /// What its log lines begin with.
    pub fn log_context(&self) -> String {
        format!("[Consumer clientId={}, groupId={}] ", self.client_id, self.group_id)
    }

    /// The settings in `properties`; `name` is the client id when they have none.
    pub fn from_properties(properties: &Properties, name: &str) -> Result<Self, ConfigError> {
        let metadata = MetadataConfig::from_properties(properties)?;
        let config = Self {
            client_id: properties.get("client.id").unwrap_or(name).to_owned(),
            group_id: properties.get("group.id").unwrap_or_default().to_owned(),
            group_instance_id: properties.get("group.instance.id").map(str::to_owned),
            subscription: subscription(properties)?,
            assignors: Assignor::from_properties(properties)?,
            exclude_internal_topics: super::boolean(properties, "exclude.internal.topics", true)?,
            session_timeout: properties.millis("session.timeout.ms", 10_000)?,
            heartbeat_interval: properties.millis("heartbeat.interval.ms", 3_000)?,
            max_poll_interval: properties.millis("max.poll.interval.ms", 300_000)?,
            max_poll_records: properties.parse("max.poll.records", 500)?,
            poll_interval: properties.millis("poll.interval.ms", 0)?,
            auto_offset_reset: offset_reset(properties)?,
            auto_commit: auto_commit(properties)?,
            commit_on_revoke: commit_on_revoke(properties)?,
            auto_commit_interval: properties.millis("auto.commit.interval.ms", 5_000)?,
            offsets_in_zookeeper: offsets_storage(properties)?,
            fetch_min_bytes: bytes(properties, "fetch.min.bytes", 1)?,
            fetch_max_wait: properties.millis("fetch.max.wait.ms", 500)?,
            fetch_max_bytes: bytes(properties, "fetch.max.bytes", 52_428_800)?,
            max_partition_fetch_bytes: bytes(properties, "max.partition.fetch.bytes", 1_048_576)?,
            isolation_level: isolation_level(properties)?,
            retry_backoff: metadata.retry_backoff,
            api_timeout: properties.millis("default.api.timeout.ms", 60_000)?,
            network: NetworkConfig {
                max_in_flight: 100,
                ..NetworkConfig::from_properties(properties)?
            },
            metadata,
        };
        if config.group_id.is_empty() && config.subscription.is_auto() {
            let reason = "To use the group management or offset commit APIs, you must provide a \
                          valid group.id in the consumer configuration.";
            return Err(error(properties, "group.id", reason));
        }
        if let SubscriptionType::None = config.subscription {
            let reason = "Consumer is not subscribed to any topics or assigned any partitions";
            return Err(error(properties, "topics", reason));
        }
        if config.group_instance_id.as_ref().is_some_and(String::is_empty) {
            let reason = "Non-empty string expected";
            return Err(error(properties, "group.instance.id", reason));
        }
        if config.heartbeat_interval >= config.session_timeout {
            let reason = "Heartbeat must be set lower than the session timeout";
            return Err(error(properties, "heartbeat.interval.ms", reason));
        }
        if config.max_poll_records == 0 {
            return Err(error(properties, "max.poll.records", "Value must be at least 1"));
        }
        Ok(config)
    }
}

/// `topics` as a list, `topics.pattern`, or `partitions` as a list of TOPIC-PARTITION: one of them.
fn subscription(properties: &Properties) -> Result<SubscriptionType, ConfigError> {
    let topics = properties.list("topics");
    let partitions = properties.list("partitions");
    let pattern = properties.get("topics.pattern");
    match (topics.is_empty(), pattern, partitions.is_empty()) {
        (true, None, true) => Ok(SubscriptionType::None),
        (false, None, true) => Ok(SubscriptionType::AutoTopics(topics)),
        (true, Some(pattern), true) => {
            let parsed = TopicPattern::parse(pattern);
            let parsed = parsed.map_err(|why| error(properties, "topics.pattern", &why))?;
            Ok(SubscriptionType::AutoPattern(parsed))
        }
        (true, None, false) => {
            let parse = |text: &String| text.parse::<TopicPartition>().ok();
            let parsed: Option<Vec<_>> = partitions.iter().map(parse).collect();
            let reason = "should be TOPIC-PARTITION,TOPIC-PARTITION…";
            let parsed = parsed.ok_or_else(|| error(properties, "partitions", reason))?;
            Ok(SubscriptionType::UserAssigned(parsed))
        }
        _ => {
            let reason = "Subscription to topics, partitions and pattern are mutually exclusive";
            Err(error(properties, "topics", reason))
        }
    }
}

/// Without a group there is nothing to commit for.
fn auto_commit(properties: &Properties) -> Result<bool, ConfigError> {
    let key = "enable.auto.commit";
    if properties.get("group.id").unwrap_or_default().is_empty() {
        if super::boolean(properties, key, false)? {
            let reason = "enable.auto.commit cannot be set to true when default group id (null) is \
                          used.";
            return Err(error(properties, key, reason));
        }
        return Ok(false);
    }
    super::boolean(properties, key, true)
}

fn isolation_level(properties: &Properties) -> Result<IsolationLevel, ConfigError> {
    let key = "isolation.level";
    match properties.get(key).map(str::trim) {
        None | Some("read_uncommitted") => Ok(IsolationLevel::ReadUncommitted),
        Some("read_committed") => Ok(IsolationLevel::ReadCommitted),
        Some(_) => {
            let reason = "String must be one of: read_committed, read_uncommitted";
            Err(error(properties, key, reason))
        }
    }
}

fn offset_reset(properties: &Properties) -> Result<OffsetReset, ConfigError> {
    let key = "auto.offset.reset";
    match properties.get(key).map(str::trim) {
        None | Some("latest") => Ok(OffsetReset::Latest),
        Some("earliest") => Ok(OffsetReset::Earliest),
        Some("none") => Ok(OffsetReset::None),
        Some(_) => Err(error(properties, key, "String must be one of: latest, earliest, none")),
    }
}

fn commit_on_revoke(properties: &Properties) -> Result<bool, ConfigError> {
    let key = "on.partitions.revoked";
    match properties.get(key).map(str::trim) {
        None | Some("nothing") => Ok(false),
        Some("commit") => Ok(true),
        Some(_) => Err(error(properties, key, "String must be one of: nothing, commit")),
    }
}

fn offsets_storage(properties: &Properties) -> Result<bool, ConfigError> {
    let key = "offsets.storage";
    match properties.get(key).map(str::trim) {
        None | Some("kafka") => Ok(false),
        Some("zookeeper") => Ok(true),
        Some(_) => Err(error(properties, key, "String must be one of: zookeeper, kafka")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pairs: &[(&str, &str)]) -> Result<(), String> {
        let mut properties =
            Properties::of([("bootstrap.servers", "b:9092"), ("group.id", "g"), ("topics", "t")]);
        for (key, value) in pairs {
            properties.set(key, *value);
        }
        ConsumerConfig::from_properties(&properties, "c").map(drop).map_err(|error| error.key)
    }

    #[test]
    fn bad_values_are_named() {
        assert_eq!(key(&[]), Ok(()));
        for (name, value) in [
            ("group.id", ""),
            ("topics", " , "),
            ("auto.offset.reset", "first"),
            ("heartbeat.interval.ms", "10000"),
            ("offsets.storage", "disk"),
            ("enable.auto.commit", "yes"),
            ("max.poll.records", "0"),
            ("fetch.min.bytes", "x"),
            ("fetch.max.bytes", "-1"),
            ("isolation.level", "serializable"),
            ("on.partitions.revoked", "panic"),
            ("partition.assignment.strategy", "fair"),
            ("group.instance.id", ""),
        ] {
            assert_eq!(key(&[(name, value)]), Err(name.to_owned()));
        }
    }

    #[test]
    fn there_is_one_way_to_subscribe_at_a_time_and_a_group_only_for_topics() {
        let none = ("topics", "");
        assert_eq!(key(&[("topics.pattern", "t.*")]), Err("topics".to_owned()));
        assert_eq!(key(&[("topics.pattern", "t.*"), none]), Ok(()));
        assert_eq!(key(&[("topics.pattern", "*"), none]), Err("topics.pattern".to_owned()));
        assert_eq!(key(&[("partitions", "t-0,a-b-1"), none]), Ok(()));
        assert_eq!(key(&[("partitions", "t-0"), none, ("group.id", "")]), Ok(()));
        assert_eq!(key(&[("partitions", "t"), none]), Err("partitions".to_owned()));
        let auto = ("enable.auto.commit", "true");
        let alone = [("partitions", "t-0"), none, ("group.id", ""), auto];
        assert_eq!(key(&alone), Err("enable.auto.commit".to_owned()));
    }
}
