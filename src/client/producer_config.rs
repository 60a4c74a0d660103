//! The settings of a producer, with the defaults of 2.8.
//!
//! In Kafka: org.apache.kafka.clients.producer.ProducerConfig.

use super::metadata::MetadataConfig;
use super::partitioner::Partitioner;
use crate::base::Span;
use crate::network::NetworkConfig;
use crate::node::{ConfigError, Properties};

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
    /// `partitioner.class`.
    pub partitioner: Partitioner,
    /// Connections.
    pub network: NetworkConfig,
    /// Metadata.
    pub metadata: MetadataConfig,
}

impl ProducerConfig {
    /// The settings in `properties`; `name` is the client id when they have none.
    pub fn from_properties(properties: &Properties, name: &str) -> Result<Self, ConfigError> {
        let network = NetworkConfig::from_properties(properties)?;
        let linger = properties.millis("linger.ms", 0)?;
        let metadata = MetadataConfig::from_properties(properties)?;
        Ok(Self {
            client_id: properties.get("client.id").unwrap_or(name).to_owned(),
            acks: acks(properties)?,
            batch_size: properties.parse("batch.size", 16_384)?,
            buffer_memory: properties.parse("buffer.memory", 33_554_432)?,
            retries: properties.parse("retries", i32::MAX as u32)?,
            retry_backoff: metadata.retry_backoff,
            delivery_timeout: delivery_timeout(properties, linger + network.request_timeout)?,
            max_block: properties.millis("max.block.ms", 60_000)?,
            max_request_size: properties.parse("max.request.size", 1_048_576)?,
            partitioner: Partitioner::from_properties(properties)?,
            linger,
            network,
            // The producer always lets the broker create a topic.
            metadata: MetadataConfig { allow_auto_topic_creation: true, ..metadata },
        })
    }
}

fn acks(properties: &Properties) -> Result<i16, ConfigError> {
    match properties.get("acks").map(str::trim) {
        None | Some("1") => Ok(1),
        Some("all" | "-1") => Ok(-1),
        Some("0") => Ok(0),
        Some(other) => Err(ConfigError {
            key: "acks".to_owned(),
            value: other.to_owned(),
            reason: "String must be one of: all, -1, 0, 1".to_owned(),
        }),
    }
}

/// Kafka refuses a delivery time-out that is too short only when it was set by hand.
fn delivery_timeout(properties: &Properties, least: Span) -> Result<Span, ConfigError> {
    let key = "delivery.timeout.ms";
    let timeout = properties.millis(key, 120_000)?;
    match properties.get(key) {
        Some(value) if timeout < least => Err(ConfigError {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: "should be equal to or larger than linger.ms + request.timeout.ms".to_owned(),
        }),
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
    }
}
