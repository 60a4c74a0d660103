//! The settings of a producer, with the defaults of 2.8.
//!
//! In Kafka: org.apache.kafka.clients.producer.ProducerConfig.

use super::metadata::MetadataConfig;
use super::partitioner::Partitioner;
use crate::base::Span;
use crate::network::NetworkConfig;
use crate::node::{ConfigError, Properties};
use crate::wire::compression::Compression;

/// How a producer behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerConfig {
    /// `client.id`.
    pub client_id: String,
    /// `acks`: 0, 1 or −1 (`all`).
    pub acks: i16,
    /// `batch.size` in bytes.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger: Span,
    /// `buffer.memory` in bytes.
    pub buffer_memory: usize,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Span,
    /// `max.block.ms`.
    pub max_block: Span,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `enable.idempotence`.
    pub idempotent: bool,
    /// `partitioner.class`.
    pub partitioner: Partitioner,
    /// Connections.
    pub network: NetworkConfig,
    /// Metadata.
    pub metadata: MetadataConfig,
}

impl ProducerConfig {
    /// What its log lines begin with.
    pub fn log_context(&self) -> String {
        format!("[Producer clientId={}] ", self.client_id)
    }

    /// The settings in `properties`; `name` is the client id when they have none.
    pub fn from_properties(properties: &Properties, name: &str) -> Result<Self, ConfigError> {
        let network = NetworkConfig::from_properties(properties)?;
        let linger = properties.millis("linger.ms", 0)?;
        let metadata = MetadataConfig::from_properties(properties)?;
        let idempotent = super::boolean(properties, "enable.idempotence", false)?;
        let retries = properties.parse("retries", i32::MAX as u32)?;
        if idempotent {
            check_idempotence(properties, retries, network.max_in_flight)?;
        }
        Ok(Self {
            client_id: properties.get("client.id").unwrap_or(name).to_owned(),
            acks: acks(properties, idempotent)?,
            batch_size: properties.parse("batch.size", 16_384)?,
            buffer_memory: properties.parse("buffer.memory", 33_554_432)?,
            retries,
            retry_backoff: metadata.retry_backoff,
            delivery_timeout: delivery_timeout(properties, linger + network.request_timeout)?,
            max_block: properties.millis("max.block.ms", 60_000)?,
            max_request_size: properties.parse("max.request.size", 1_048_576)?,
            compression: compression(properties)?,
            idempotent,
            partitioner: Partitioner::from_properties(properties)?,
            linger,
            network,
            // The producer always lets the broker create a topic.
            metadata: MetadataConfig { allow_auto_topic_creation: true, ..metadata },
        })
    }
}

fn error(properties: &Properties, key: &str, reason: &str) -> ConfigError {
    ConfigError {
        key: key.to_owned(),
        value: properties.get(key).unwrap_or_default().to_owned(),
        reason: reason.to_owned(),
    }
}

/// In Kafka: KafkaProducer.configureRetries, configureInflightRequests, configureAcks.
fn check_idempotence(
    properties: &Properties,
    retries: u32,
    max_in_flight: usize,
) -> Result<(), ConfigError> {
    let refuse = |key, reason| Err(error(properties, key, reason));
    if retries == 0 {
        let reason = "Must set retries to non-zero when using the idempotent producer.";
        return refuse("retries", reason);
    }
    if max_in_flight > 5 {
        let reason = "Must set max.in.flight.requests.per.connection to at most 5 to use the \
                      idempotent producer.";
        return refuse("max.in.flight.requests.per.connection", reason);
    }
    match properties.get("acks").map(str::trim) {
        None | Some("all" | "-1") => Ok(()),
        Some(_) => refuse(
            "acks",
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot \
             guarantee idempotence.",
        ),
    }
}

fn compression(properties: &Properties) -> Result<Compression, ConfigError> {
    let key = "compression.type";
    let Some(name) = properties.get(key).map(str::trim) else { return Ok(Compression::None) };
    match Compression::from_name(name) {
        Some(codec) if codec.can_compress() => Ok(codec),
        Some(_) => Err(error(properties, key, "there are none, gzip, snappy and lz4 here")),
        None => {
            let reason = "String must be one of: none, gzip, snappy, lz4, zstd";
            Err(error(properties, key, reason))
        }
    }
}

fn acks(properties: &Properties, idempotent: bool) -> Result<i16, ConfigError> {
    match properties.get("acks").map(str::trim) {
        None if idempotent => Ok(-1),
        None | Some("1") => Ok(1),
        Some("all" | "-1") => Ok(-1),
        Some("0") => Ok(0),
        Some(_) => Err(error(properties, "acks", "String must be one of: all, -1, 0, 1")),
    }
}

/// Kafka refuses a delivery time-out that is too short only when it was set by hand.
fn delivery_timeout(properties: &Properties, least: Span) -> Result<Span, ConfigError> {
    let key = "delivery.timeout.ms";
    let timeout = properties.millis(key, 120_000)?;
    match properties.get(key) {
        Some(_) if timeout < least => {
            let reason = "should be equal to or larger than linger.ms + request.timeout.ms";
            Err(error(properties, key, reason))
        }
        _ => Ok(timeout.max(least)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<ProducerConfig, ConfigError> {
        let mut properties = Properties::of(pairs.iter().copied());
        properties.set("bootstrap.servers", "broker-1:9092");
        ProducerConfig::from_properties(&properties, "producer-1")
    }

    #[test]
    fn defaults_are_those_of_2_8() {
        let config = config(&[]).expect("defaults");
        assert_eq!((config.acks, config.batch_size, config.linger), (1, 16_384, Span::ZERO));
        assert_eq!(config.delivery_timeout, Span::from_secs(120));
        assert_eq!(config.network.max_in_flight, 5);
        assert_eq!(config.client_id, "producer-1");
    }

    #[test]
    fn bad_values_are_named() {
        let reason = |pairs: &[(&str, &str)]| config(pairs).map_err(|error| error.key);
        assert_eq!(reason(&[("acks", "2")]), Err("acks".to_owned()));
        assert_eq!(
            reason(&[("delivery.timeout.ms", "100")]),
            Err("delivery.timeout.ms".to_owned())
        );
        assert_eq!(reason(&[("partitioner.class", "x")]), Err("partitioner.class".to_owned()));
        let none = ProducerConfig::from_properties(&Properties::default(), "p");
        assert_eq!(none.map_err(|error| error.key), Err("bootstrap.servers".to_owned()));
        assert_eq!(config(&[("acks", "all")]).map(|config| config.acks), Ok(-1));
        assert_eq!(reason(&[("compression.type", "zstd")]), Err("compression.type".to_owned()));
        assert_eq!(
            config(&[("compression.type", "LZ4")]).map(|config| config.compression),
            Ok(Compression::Lz4)
        );
    }

    #[test]
    fn idempotence_asks_for_what_it_needs() {
        let idempotent = |pair: (&'static str, &'static str)| {
            config(&[("enable.idempotence", "true"), pair]).map_err(|error| error.key)
        };
        for pair in
            [("acks", "1"), ("retries", "0"), ("max.in.flight.requests.per.connection", "6")]
        {
            assert_eq!(idempotent(pair).map(drop), Err(pair.0.to_owned()));
        }
        assert_eq!(idempotent(("linger.ms", "5")).map(|config| config.acks), Ok(-1));
    }
}
