//! Identifiers. Processes and machines are numbered in the order in which a world makes them and
//! numbers are never used again, so an id from a past life finds nothing.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A process of a world: broker, ZooKeeper server, producer, consumer or tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// Whoever connects from outside the world, through the gateway.
    pub const OUTSIDE: Self = Self(u32::MAX);
}

/// A machine of a world, on which processes run and share power and network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MachineId(pub u32);

/// How many times a process has been started: 1 for its first life.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Incarnation(pub u32);

/// A Kafka broker id (`broker.id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BrokerId(pub i32);

/// A connection, named by who opened it. Never used again: `serial` counts within one incarnation
/// of the opener.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ConnId {
    /// The process that dialled.
    pub opener: ProcessId,
    /// The life in which it dialled.
    pub incarnation: Incarnation,
    /// Which dial of that life this was, from 0.
    pub serial: u32,
}

/// A host name and port, as in `bootstrap.servers` and `advertised.listeners`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Host name of a machine of the world.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A partition of a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: String,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl Endpoint {
    /// The endpoint `host:port`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::OUTSIDE { f.write_str("outside") } else { write!(f, "p{}", self.0) }
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.opener, self.incarnation.0, self.serial)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The text is not `topic-partition`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadTopicPartition(pub String);

impl fmt::Display for BadTopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} should be TOPIC-PARTITION", self.0)
    }
}

impl std::error::Error for BadTopicPartition {}

impl FromStr for TopicPartition {
    type Err = BadTopicPartition;

    fn from_str(text: &str) -> Result<Self, BadTopicPartition> {
        let parts = text.rsplit_once('-').filter(|(topic, _)| !topic.is_empty());
        let parsed = parts.and_then(|(topic, number)| {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            Some(Self::new(topic, number.parse().ok().filter(|_| digits)?))
        });
        parsed.ok_or_else(|| BadTopicPartition(text.to_owned()))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The text is not `host:port` with a port from 1 to 65535.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadEndpoint(pub String);

impl fmt::Display for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid url in bootstrap.servers: {}", self.0)
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;
    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse::<u16>().map_err(|_| bad())?;
        if host.is_empty() || port == 0 { Err(bad()) } else { Ok(Self::new(host, port)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_parse_strictly() {
        assert_eq!("broker-1:9092".parse(), Ok(Endpoint::new("broker-1", 9092)));
        for bad in ["", "nohost", ":1", "a:", "a:0", "a:65536", "a:-1"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
