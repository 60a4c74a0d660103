//! The settings of a network client, with the defaults of Kafka's clients.
//!
//! In Kafka: org.apache.kafka.clients.CommonClientConfigs.

use super::backoff::ExponentialBackoff;
use crate::base::Span;
use crate::node::{ConfigError, Properties};

/// How a [`super::NetworkClient`] behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkConfig {
    /// `request.timeout.ms`: a request that is not answered in this time closes its connection.
    pub request_timeout: Span,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Span,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Span,
    /// `socket.connection.setup.timeout.ms`: a dial that is not answered in this time has failed.
    /// The time grows with each failure (KIP-601).
    pub connection_setup_timeout: Span,
    /// `socket.connection.setup.timeout.max.ms`.
    pub connection_setup_timeout_max: Span,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// Whether a new connection begins with ApiVersions. Clients do; the controller and the
    /// replica fetchers know their versions from `inter.broker.protocol.version` instead.
    pub discover_versions: bool,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            request_timeout: Span::from_millis(30_000),
            reconnect_backoff: Span::from_millis(50),
            reconnect_backoff_max: Span::from_millis(1_000),
            connection_setup_timeout: Span::from_millis(10_000),
            connection_setup_timeout_max: Span::from_millis(30_000),
            max_in_flight: 5,
            discover_versions: true,
        }
    }
}

impl NetworkConfig {
    /// The settings in a client's properties; what they leave out has Kafka's default.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let max_in_flight = properties.parse("max.in.flight.requests.per.connection", 5_usize)?;
        if max_in_flight == 0 {
            return Err(ConfigError {
                key: "max.in.flight.requests.per.connection".to_owned(),
                value: "0".to_owned(),
                reason: "Value must be at least 1".to_owned(),
            });
        }
        Ok(Self {
            request_timeout: properties.millis("request.timeout.ms", 30_000)?,
            reconnect_backoff: properties.millis("reconnect.backoff.ms", 50)?,
            reconnect_backoff_max: properties.millis("reconnect.backoff.max.ms", 1_000)?,
            connection_setup_timeout: properties
                .millis("socket.connection.setup.timeout.ms", 10_000)?,
            connection_setup_timeout_max: properties
                .millis("socket.connection.setup.timeout.max.ms", 30_000)?,
            max_in_flight,
            discover_versions: true,
        })
    }

    /// The back-off between two dials.
    pub(super) fn backoff(&self) -> ExponentialBackoff {
        ExponentialBackoff { initial: self.reconnect_backoff, max: self.reconnect_backoff_max }
    }

    /// How long a dial may take.
    pub(super) fn setup_timeout(&self) -> ExponentialBackoff {
        let initial = self.connection_setup_timeout;
        ExponentialBackoff { initial, max: self.connection_setup_timeout_max }
    }
}
