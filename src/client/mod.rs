//! Layer 5: Kafka's client library as processes: producer, consumer, admin. They reach brokers over
//! the network only and know nothing of what is inside one.
//!
//! In Kafka: org.apache.kafka.clients.

pub mod accumulator;
pub mod admin_process;
pub mod application;
pub mod assignor;
pub mod committer;
pub mod completed_fetch;
pub mod consumer;
pub mod consumer_config;
pub mod consumer_link;
pub mod consumer_process;
pub mod coordinator;
pub mod fetch_session;
pub mod fetcher;
pub mod group_member;
pub mod group_protocol;
pub mod group_requests;
pub mod metadata;
pub mod partitioner;
pub mod positions;
pub mod producer;
pub mod producer_batch;
pub mod producer_config;
pub mod producer_error;
pub mod producer_process;
pub mod sequences;
pub mod subscription_type;
pub mod subscriptions;

#[cfg(test)]
pub(crate) mod fake_cluster;

pub use admin_process::AdminProcess;
pub use consumer::Consumer;
pub use consumer_process::ConsumerProcess;
pub use producer::{Producer, ProducerRecord};
pub use producer_process::ProducerProcess;

use crate::base::Endpoint;
pub use crate::base::record_checksum;
use crate::node::{ConfigError, Properties};

/// The addresses in `bootstrap.servers`.
pub(crate) fn bootstrap_servers(properties: &Properties) -> Result<Vec<Endpoint>, ConfigError> {
    let key = "bootstrap.servers";
    let error = |reason: String| ConfigError {
        key: key.to_owned(),
        value: properties.get(key).unwrap_or_default().to_owned(),
        reason,
    };
    let servers = properties.list(key);
    if servers.is_empty() {
        return Err(error("No resolvable bootstrap urls given in bootstrap.servers".to_owned()));
    }
    let parse = |server: &String| server.parse().map_err(|bad| error(format!("{bad}")));
    servers.iter().map(parse).collect()
}

/// The value of `key` as `true` or `false`.
pub(crate) fn boolean(
    properties: &Properties,
    key: &str,
    default: bool,
) -> Result<bool, ConfigError> {
    match properties.get(key).map(str::trim) {
        None => Ok(default),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) => Err(ConfigError {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: "Expected value to be either true or false".to_owned(),
        }),
    }
}
