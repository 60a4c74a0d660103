//! The broker's loggers and their levels, which an admin client can look at and change while the
//! broker runs. A line below its logger's level is not written.
//!
//! In Kafka: kafka.utils.Log4jController, config/log4j.properties, KIP-412.

use crate::base::SortedMap;
use crate::base::trace::LogLevel;
use std::fmt;
use std::str::FromStr;

/// The logger above all others.
pub const ROOT_LOGGER: &str = "root";

/// What `log4j.properties` of a new installation says.
const CONFIGURED: [(&str, Level); 9] = [
    (ROOT_LOGGER, Level::Info),
    ("kafka", Level::Info),
    ("kafka.authorizer.logger", Level::Info),
    ("kafka.controller", Level::Trace),
    ("kafka.log.LogCleaner", Level::Info),
    ("kafka.network.RequestChannel$", Level::Warn),
    ("kafka.request.logger", Level::Warn),
    ("org.apache.kafka", Level::Info),
    ("state.change.logger", Level::Info),
];

/// The other loggers of a broker here.
const OTHERS: [&str; 35] = [
    "kafka.Kafka$",
    "kafka.cluster.Partition",
    "kafka.controller.KafkaController",
    "kafka.controller.RequestSendThread",
    "kafka.controller.TopicDeletionManager",
    "kafka.controller.ZkPartitionStateMachine",
    "kafka.controller.ZkReplicaStateMachine",
    "kafka.coordinator.group.GroupCoordinator",
    "kafka.coordinator.transaction.ProducerIdManager",
    "kafka.log.Log",
    "kafka.log.LogManager",
    "kafka.network.Acceptor",
    "kafka.network.Processor",
    "kafka.network.SocketServer",
    "kafka.server.BrokerMetadataCheckpoint",
    "kafka.server.BrokerToControllerRequestThread",
    "kafka.server.DynamicBrokerConfig",
    "kafka.server.DynamicConfigManager",
    "kafka.server.KafkaServer",
    "kafka.server.LogDirFailureChannel",
    "kafka.server.ReplicaFetcherManager",
    "kafka.server.ReplicaFetcherThread",
    "kafka.server.ReplicaManager",
    "kafka.server.ZkAdminManager",
    "kafka.zk.AdminZkClient",
    "kafka.zk.KafkaZkClient",
    "kafka.zk.KafkaZkClient$CheckedEphemeral",
    "kafka.zookeeper.ZooKeeperClient",
    "org.apache.kafka.clients.FetchSessionHandler",
    "org.apache.kafka.common.errors.UnsupportedVersionException",
    "org.apache.kafka.common.utils.AppInfoParser",
    "org.apache.kafka.common.utils.LoggingSignalHandler",
    "org.apache.zookeeper",
    "org.apache.zookeeper.ClientCnxn",
    "org.apache.zookeeper.ZooKeeper",
];

/// How much a logger writes, the most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// `TRACE`; nothing here is written at that level.
    Trace,
    /// `DEBUG`; nothing here is written at that level.
    Debug,
    /// `INFO`.
    Info,
    /// `WARN`.
    Warn,
    /// `ERROR`.
    Error,
    /// `FATAL`; nothing here is written at that level.
    Fatal,
}

impl Level {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Trace, "TRACE"),
        (Self::Error, "ERROR"),
        (Self::Info, "INFO"),
        (Self::Fatal, "FATAL"),
        (Self::Debug, "DEBUG"),
        (Self::Warn, "WARN"),
    ];

    /// The names of all levels, as Kafka lists them.
    pub fn names() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(level, _)| level == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(level, _)| *level).ok_or(())
    }
}

/// The loggers of one broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loggers {
    /// Every logger, and the level that it was given itself.
    levels: SortedMap<&'static str, Option<Level>>,
    /// Whether somebody changed a level.
    are_changed: bool,
}

impl Default for Loggers {
    fn default() -> Self {
        let configured = CONFIGURED.map(|(name, level)| (name, Some(level)));
        let levels = OTHERS.map(|name| (name, None)).into_iter().chain(configured).collect();
        Self { levels, are_changed: false }
    }
}

impl Loggers {
    /// Whether somebody changed a level: before that every line of a broker is written.
    pub fn are_changed(&self) -> bool {
        self.are_changed
    }

    /// Whether there is a logger of that name.
    pub fn has(&self, logger: &str) -> bool {
        self.levels.contains_key(logger)
    }

    /// Gives a logger a level of its own.
    pub fn set(&mut self, logger: &str, level: Level) {
        self.change(logger, Some(level));
    }

    /// Takes a logger's own level away: it has that of the next logger above it.
    pub fn unset(&mut self, logger: &str) {
        self.change(logger, None);
    }

    fn change(&mut self, logger: &str, level: Option<Level>) {
        if let Some(own) = self.levels.get_mut(logger) {
            *own = level;
            self.are_changed = true;
        }
    }

    /// All loggers with the levels that hold for them.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Level)> + '_ {
        self.levels.keys().map(|name| (*name, self.level(name)))
    }

    /// The level that holds for a logger: its own, or that of the next above it.
    pub fn level(&self, logger: &str) -> Level {
        let mut name = logger;
        loop {
            if let Some(level) = self.levels.get(name).copied().flatten() {
                return level;
            }
            match name.rsplit_once('.') {
                Some((above, _)) => name = above,
                None if name == ROOT_LOGGER => return Level::Info,
                None => name = ROOT_LOGGER,
            }
        }
    }

    /// Whether a line of a logger is written.
    pub fn writes(&self, logger: &str, level: LogLevel) -> bool {
        let level = match level {
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
            LogLevel::Error => Level::Error,
        };
        level >= self.level(logger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logger_has_its_own_level_or_that_of_the_next_above() {
        let mut loggers = Loggers::default();
        let controller = "kafka.controller.KafkaController";
        assert_eq!(loggers.level(controller), Level::Trace);
        loggers.unset("kafka.controller");
        assert_eq!(loggers.level(controller), Level::Info);
        loggers.set("kafka", Level::Error);
        assert_eq!(loggers.level(controller), Level::Error);
        assert!(!loggers.writes(controller, LogLevel::Warn));
        assert!(loggers.writes(controller, LogLevel::Error));
        loggers.unset("kafka");
        assert_eq!(loggers.level(controller), Level::Info, "the root's");
        loggers.set(controller, Level::Fatal);
        assert!(!loggers.writes(controller, LogLevel::Error));
        assert!(loggers.writes("kafka.log.Log", LogLevel::Info), "others go on");
        loggers.set("no.such.logger", Level::Warn);
        assert!(!loggers.has("no.such.logger"));
    }

    #[test]
    fn levels_have_log4js_names() {
        assert_eq!(Level::names(), "TRACE, ERROR, INFO, FATAL, DEBUG, WARN");
        for (level, name) in Level::ALL {
            assert_eq!((level.to_string().as_str(), name.parse()), (name, Ok(level)));
        }
        assert_eq!("info".parse::<Level>(), Err(()));
    }
}
