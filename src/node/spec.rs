//! What a process is: its program and its properties, as a server's `.properties` file has them.

use crate::base::{MachineId, ProcessId, SortedMap, Span};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The programs of a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Program {
    /// A Kafka broker; `server.properties`.
    Broker,
    /// A ZooKeeper server; `zookeeper.properties`.
    ZooKeeper,
    /// A producer; `producer.properties` plus `topic`.
    Producer,
    /// A consumer; `consumer.properties` plus `topics`.
    Consumer,
    /// An admin client.
    Admin,
    /// A point-to-point queue server.
    Queue,
    /// Sends to a queue.
    QueueSender,
    /// Receives from a queue.
    QueueReceiver,
}

impl Program {
    const ALL: [Self; 8] = [
        Self::Broker,
        Self::ZooKeeper,
        Self::Producer,
        Self::Consumer,
        Self::Admin,
        Self::Queue,
        Self::QueueSender,
        Self::QueueReceiver,
    ];

    /// Its word in the terminal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::ZooKeeper => "zookeeper",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
            Self::Queue => "queue",
            Self::QueueSender => "queue-sender",
            Self::QueueReceiver => "queue-receiver",
        }
    }

    /// The program with that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.word() == word)
    }
}

/// Everything needed to start a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Its number.
    pub id: ProcessId,
    /// Its name on the stage, such as `broker-1`.
    pub name: String,
    /// The machine it runs on.
    pub machine: MachineId,
    /// Host name of that machine.
    pub host: String,
    /// What it runs.
    pub program: Program,
    /// Its configuration by dotted keys.
    pub properties: Properties,
    /// Virtual time that one fsync takes on its volume.
    pub sync_latency: Span,
    /// Seed of the world; the process draws from a stream of its own.
    pub seed: u64,
}

/// Configuration by dotted keys, as in a `.properties` file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Properties(pub SortedMap<String, String>);

/// A configuration value that cannot be used (org.apache.kafka.common.config.ConfigException).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The key.
    pub key: String,
    /// What was given.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, reason } = self;
        write!(f, "Invalid value {value} for configuration {key}: {reason}")
    }
}

impl std::error::Error for ConfigError {}

impl Properties {
    /// Properties from pairs; a later pair replaces an earlier one of the same key.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// The value of `key`, if set.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets `key`.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The value of `key` as a `T`, or `default` when it is not set.
    pub fn parse<T: FromStr>(&self, key: &str, default: T) -> Result<T, ConfigError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.trim().parse().map_err(|_| ConfigError {
                key: key.to_owned(),
                value: value.to_owned(),
                reason: "Not a number of the right type".to_owned(),
            }),
        }
    }

    /// The value of `key` in milliseconds, or `default_ms` when it is not set.
    pub fn millis(&self, key: &str, default_ms: u64) -> Result<Span, ConfigError> {
        self.parse(key, default_ms).map(Span::from_millis)
    }

    /// The comma-separated values of `key`, without empty ones.
    pub fn list(&self, key: &str) -> Vec<String> {
        let values = self.get(key).unwrap_or_default().split(',').map(str::trim);
        values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_strictly() {
        let properties = Properties::of([("a", "5"), ("b", "x"), ("c", "h1:1, ,h2:2")]);
        assert_eq!(properties.millis("a", 1), Ok(Span::from_millis(5)));
        assert_eq!(properties.parse::<i32>("missing", 7), Ok(7));
        assert_eq!(properties.parse::<i32>("b", 7).map_err(|error| error.key), Err("b".into()));
        assert_eq!(properties.list("c"), ["h1:1", "h2:2"]);
    }
}
