//! The configs of a broker: their keys, what they are by default in 2.8, and the typed values of those
//! that something here depends on.
//!
//! In Kafka: kafka.server.KafkaConfig.

pub mod documentation;
pub mod dynamic;
mod keys;

use super::config_def::{ConfigValues, conflict, span_of_millis};
use super::topic_config::TopicConfig;
use crate::base::{Endpoint, Span};
use crate::node::{ConfigError, Properties};
pub use dynamic::DynamicBrokerConfig;
use keys::{BROKER_CONFIG_KEYS, UNUSED_BROKER_CONFIG_KEYS};
use serde::{Deserialize, Serialize};

/// The `replica.selector.class` that lets consumers read from a follower in their rack (KIP-392).
const RACK_AWARE_REPLICA_SELECTOR: &str =
    "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// The configs of one broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerConfig {
    /// `broker.id`, −1 to have one generated.
    pub broker_id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Port of the PLAINTEXT listener in `listeners`.
    pub port: u16,
    /// Host and port in `advertised.listeners`, or in `listeners`; an empty host means the machine's.
    pub advertised_listener: Endpoint,
    /// `zookeeper.connect`: servers and chroot, as the ZooKeeper client reads them.
    pub zookeeper_connect: String,
    /// `zookeeper.session.timeout.ms`.
    pub zookeeper_session_timeout: Span,
    /// `zookeeper.connection.timeout.ms`, by default the session timeout.
    pub zookeeper_connection_timeout: Span,
    /// `log.dirs`, or `log.dir`.
    pub log_dirs: Vec<String>,
    /// `num.partitions` of a new topic.
    pub num_partitions: i32,
    /// `default.replication.factor` of a new topic.
    pub default_replication_factor: i16,
    /// `auto.create.topics.enable`.
    pub auto_create_topics_enable: bool,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance_enable: bool,
    /// `leader.imbalance.per.broker.percentage`.
    pub leader_imbalance_per_broker_percentage: i32,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check_interval: Span,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown_enable: bool,
    /// `controlled.shutdown.max.retries`.
    pub controlled_shutdown_max_retries: i32,
    /// `controlled.shutdown.retry.backoff.ms`.
    pub controlled_shutdown_retry_backoff: Span,
    /// `controller.socket.timeout.ms`.
    pub controller_socket_timeout: Span,
    /// `request.timeout.ms`.
    pub request_timeout: Span,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: Span,
    /// `replica.socket.timeout.ms`.
    pub replica_socket_timeout: Span,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max: Span,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: Span,
    /// `replica.fetch.min.bytes`.
    pub replica_fetch_min_bytes: i32,
    /// `replica.fetch.max.bytes` of one partition.
    pub replica_fetch_max_bytes: i32,
    /// `replica.fetch.response.max.bytes`.
    pub replica_fetch_response_max_bytes: i32,
    /// Whether `replica.selector.class` is `RackAwareReplicaSelector`.
    pub rack_aware_replica_selector: bool,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub replica_high_watermark_checkpoint_interval: Span,
    /// `log.retention.check.interval.ms`.
    pub log_retention_check_interval: Span,
    /// `log.flush.scheduler.interval.ms`.
    pub log_flush_scheduler_interval: Span,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub log_flush_offset_checkpoint_interval: Span,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_flush_start_offset_checkpoint_interval: Span,
    /// `log.cleaner.enable`.
    pub log_cleaner_enable: bool,
    /// `log.cleaner.backoff.ms`.
    pub log_cleaner_backoff: Span,
    /// `fetch.max.bytes` of one response to a consumer.
    pub fetch_max_bytes: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub max_incremental_fetch_session_cache_slots: i32,
    /// `socket.request.max.bytes`.
    pub socket_request_max_bytes: i32,
    /// `connections.max.idle.ms`.
    pub connections_max_idle: Span,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay: Span,
    /// `group.max.size`.
    pub group_max_size: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub offsets_topic_replication_factor: i16,
    /// `offsets.load.buffer.size`: read at once when a coordinator takes over.
    pub offsets_load_buffer_size: i32,
    /// `offsets.topic.segment.bytes`.
    pub offsets_topic_segment_bytes: i32,
    /// `offsets.commit.timeout.ms`.
    pub offsets_commit_timeout: Span,
    /// `offsets.commit.required.acks`.
    pub offsets_commit_required_acks: i16,
    /// `offsets.retention.minutes`, as a span.
    pub offsets_retention: Span,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Span,
    /// `transactional.id.expiration.ms`, which is also how long an idle producer id is kept.
    pub transactional_id_expiration: Span,
    /// `transaction.state.log.num.partitions`.
    pub transaction_state_log_num_partitions: i32,
    /// `transaction.state.log.replication.factor`.
    pub transaction_state_log_replication_factor: i16,
    /// `transaction.state.log.min.isr`.
    pub transaction_state_log_min_isr: i32,
    /// `transaction.state.log.segment.bytes`.
    pub transaction_state_log_segment_bytes: i32,
    /// What a topic has unless it sets its own, by topic config key.
    pub topic_defaults: Properties,
}

impl BrokerConfig {
    /// The configs of a `server.properties`; unknown keys are ignored, as Kafka does.
    pub fn of(properties: &Properties) -> Result<Self, ConfigError> {
        ConfigValues::of(UNUSED_BROKER_CONFIG_KEYS, properties)?;
        let values = ConfigValues::of(BROKER_CONFIG_KEYS, properties)?;
        let listener = listener(&values)?;
        let advertised_listener = advertised_listener(&values, &listener)?;
        let session_timeout = values.span("zookeeper.session.timeout.ms");
        let config = Self {
            broker_id: values.int("broker.id"),
            rack: values.text("broker.rack").map(str::to_owned),
            port: listener.port,
            advertised_listener,
            zookeeper_connect: values.string("zookeeper.connect"),
            zookeeper_session_timeout: session_timeout,
            zookeeper_connection_timeout: values
                .maybe_number("zookeeper.connection.timeout.ms")
                .map_or(session_timeout, span_of_millis),
            log_dirs: match values.list("log.dirs") {
                dirs if dirs.is_empty() => values.list("log.dir"),
                dirs => dirs,
            },
            num_partitions: values.int("num.partitions"),
            default_replication_factor: i16::try_from(values.int("default.replication.factor"))
                .unwrap_or(i16::MAX),
            auto_create_topics_enable: values.boolean("auto.create.topics.enable"),
            delete_topic_enable: values.boolean("delete.topic.enable"),
            auto_leader_rebalance_enable: values.boolean("auto.leader.rebalance.enable"),
            leader_imbalance_per_broker_percentage: values
                .int("leader.imbalance.per.broker.percentage"),
            leader_imbalance_check_interval: span_of_millis(
                values.long("leader.imbalance.check.interval.seconds").saturating_mul(1_000),
            ),
            controlled_shutdown_enable: values.boolean("controlled.shutdown.enable"),
            controlled_shutdown_max_retries: values.int("controlled.shutdown.max.retries"),
            controlled_shutdown_retry_backoff: values.span("controlled.shutdown.retry.backoff.ms"),
            controller_socket_timeout: values.span("controller.socket.timeout.ms"),
            request_timeout: values.span("request.timeout.ms"),
            replica_lag_time_max: values.span("replica.lag.time.max.ms"),
            replica_socket_timeout: values.span("replica.socket.timeout.ms"),
            replica_fetch_wait_max: values.span("replica.fetch.wait.max.ms"),
            replica_fetch_backoff: values.span("replica.fetch.backoff.ms"),
            replica_fetch_min_bytes: values.int("replica.fetch.min.bytes"),
            replica_fetch_max_bytes: values.int("replica.fetch.max.bytes"),
            replica_fetch_response_max_bytes: values.int("replica.fetch.response.max.bytes"),
            rack_aware_replica_selector: values.text("replica.selector.class")
                == Some(RACK_AWARE_REPLICA_SELECTOR),
            replica_high_watermark_checkpoint_interval: values
                .span("replica.high.watermark.checkpoint.interval.ms"),
            log_retention_check_interval: values.span("log.retention.check.interval.ms"),
            log_flush_scheduler_interval: values.span("log.flush.scheduler.interval.ms"),
            log_flush_offset_checkpoint_interval: values
                .span("log.flush.offset.checkpoint.interval.ms"),
            log_flush_start_offset_checkpoint_interval: values
                .span("log.flush.start.offset.checkpoint.interval.ms"),
            log_cleaner_enable: values.boolean("log.cleaner.enable"),
            log_cleaner_backoff: values.span("log.cleaner.backoff.ms"),
            fetch_max_bytes: values.int("fetch.max.bytes"),
            max_incremental_fetch_session_cache_slots: values
                .int("max.incremental.fetch.session.cache.slots"),
            socket_request_max_bytes: values.int("socket.request.max.bytes"),
            connections_max_idle: values.span("connections.max.idle.ms"),
            group_min_session_timeout_ms: values.int("group.min.session.timeout.ms"),
            group_max_session_timeout_ms: values.int("group.max.session.timeout.ms"),
            group_initial_rebalance_delay: values.span("group.initial.rebalance.delay.ms"),
            group_max_size: values.int("group.max.size"),
            offset_metadata_max_bytes: values.int("offset.metadata.max.bytes"),
            offsets_topic_num_partitions: values.int("offsets.topic.num.partitions"),
            offsets_topic_replication_factor: values.long("offsets.topic.replication.factor")
                as i16,
            offsets_load_buffer_size: values.int("offsets.load.buffer.size"),
            offsets_topic_segment_bytes: values.int("offsets.topic.segment.bytes"),
            offsets_commit_timeout: values.span("offsets.commit.timeout.ms"),
            offsets_commit_required_acks: values.long("offsets.commit.required.acks") as i16,
            offsets_retention: span_of_millis(values.long("offsets.retention.minutes") * 60_000),
            offsets_retention_check_interval: values.span("offsets.retention.check.interval.ms"),
            transactional_id_expiration: values.span("transactional.id.expiration.ms"),
            transaction_state_log_num_partitions: values
                .int("transaction.state.log.num.partitions"),
            transaction_state_log_replication_factor: values
                .long("transaction.state.log.replication.factor")
                as i16,
            transaction_state_log_min_isr: values.int("transaction.state.log.min.isr"),
            transaction_state_log_segment_bytes: values.int("transaction.state.log.segment.bytes"),
            topic_defaults: topic_defaults(&values),
        };
        TopicConfig::of(&config.topic_defaults)?;
        Ok(config)
    }

    /// The log directory, under the name that the broker knows it by.
    pub fn log_dir(&self) -> &str {
        self.log_dirs.first().map_or("", String::as_str)
    }

    /// The configs of a topic that sets `overrides`: its own, then this broker's, then Kafka's.
    pub fn topic_config(&self, overrides: &Properties) -> Result<TopicConfig, ConfigError> {
        let mut properties = self.topic_defaults.clone();
        properties.0.extend(overrides.0.clone());
        TopicConfig::of(&properties)
    }
}

/// Broker configs under the names of the topic configs that they are the defaults of.
fn topic_defaults(values: &ConfigValues<'_>) -> Properties {
    let mut defaults = Properties::default();
    for (topic_key, broker_key) in keys::TOPIC_CONFIG_SYNONYMS {
        if let Some(value) = values.text(broker_key) {
            defaults.set(topic_key, value);
        }
    }
    // The broker has several keys for one time; the finest that is set wins.
    let finest = |keys: &[(&str, i64)]| {
        keys.iter().find_map(|(key, millis)| {
            values.maybe_number(key).map(|number| number.saturating_mul(*millis))
        })
    };
    let hour = 3_600_000;
    if let Some(roll) = finest(&[("log.roll.ms", 1), ("log.roll.hours", hour)]) {
        defaults.set("segment.ms", roll.to_string());
    }
    if let Some(jitter) = finest(&[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", hour)]) {
        defaults.set("segment.jitter.ms", jitter.to_string());
    }
    if let Some(retention) = finest(&[
        ("log.retention.ms", 1),
        ("log.retention.minutes", 60_000),
        ("log.retention.hours", hour),
    ]) {
        let retention = if retention < 0 { -1 } else { retention };
        defaults.set("retention.ms", retention.to_string());
    }
    if let Some(flush) =
        finest(&[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)])
    {
        defaults.set("flush.ms", flush.to_string());
    }
    defaults
}

/// Where to listen: `listeners`, or the two older configs.
fn listener(values: &ConfigValues<'_>) -> Result<Endpoint, ConfigError> {
    match values.text("listeners") {
        Some(text) => parse_listener("listeners", text),
        None => Ok(Endpoint::new(values.string("host.name"), port(values, "port")?)),
    }
}

/// What others are told: `advertised.listeners`, or the two older configs, or where the broker listens.
fn advertised_listener(
    values: &ConfigValues<'_>,
    listener: &Endpoint,
) -> Result<Endpoint, ConfigError> {
    if let Some(text) = values.text("advertised.listeners") {
        return parse_listener("advertised.listeners", text);
    }
    let host = values.text("advertised.host.name");
    if host.is_none() && values.text("advertised.port").is_none() {
        return Ok(listener.clone());
    }
    let host = host.map_or_else(|| values.string("host.name"), str::to_owned);
    let key = if values.text("advertised.port").is_some() { "advertised.port" } else { "port" };
    Ok(Endpoint::new(host, port(values, key)?))
}

fn port(values: &ConfigValues<'_>, key: &str) -> Result<u16, ConfigError> {
    let number = values.int(key);
    u16::try_from(number).map_err(|_| conflict(key, number, "Not a port"))
}

/// `PLAINTEXT://host:port`, of which only the first listener is used; the host may be empty.
fn parse_listener(key: &str, text: &str) -> Result<Endpoint, ConfigError> {
    let first = text.split(',').next().unwrap_or_default().trim();
    let bad = || conflict(key, text, "Unable to parse it to a broker endpoint");
    let (_, address) = first.split_once("://").ok_or_else(bad)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    Ok(Endpoint::new(host, port.parse().map_err(|_| bad())?))
}

#[cfg(test)]
mod tests;
