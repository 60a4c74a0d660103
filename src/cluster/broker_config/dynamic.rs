//! The configs of a broker that can change while it runs: what its properties say, then what holds
//! for all brokers of the cluster, then what holds for this one.
//!
//! In Kafka: kafka.server.DynamicBrokerConfig, ConfigHelper (synonyms), KIP-226.

use super::BrokerConfig;
pub use super::keys::key;
use super::keys::{all_keys, topic_config_synonym};
use crate::base::SortedSet;
use crate::node::{ConfigError, Properties};

/// Where a config comes from: the numbers of `DescribeConfigsResponse.ConfigSource`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic sets it.
    DynamicTopicConfig = 1,
    /// Set while this broker runs.
    DynamicBrokerConfig = 2,
    /// Set while the cluster runs, for all brokers.
    DynamicDefaultBrokerConfig = 3,
    /// The broker's properties file.
    StaticBrokerConfig = 4,
    /// Kafka's default.
    DefaultConfig = 5,
    /// A logger's level.
    DynamicBrokerLoggerConfig = 6,
}

/// A config of another name, or of another place, that stands behind a config.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigSynonym {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it is set.
    pub source: ConfigSource,
}

/// The configs of one broker, and where each comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DynamicBrokerConfig {
    /// `server.properties`.
    fixed: Properties,
    /// `/config/brokers/<default>`.
    default: Properties,
    /// `/config/brokers/N`.
    own: Properties,
    /// The machine's name: where a broker is reached whose listener names no host.
    host: String,
    current: BrokerConfig,
}

impl DynamicBrokerConfig {
    /// What the properties file says, and nothing else yet.
    pub fn new(fixed: &Properties) -> Result<Self, ConfigError> {
        Ok(Self {
            fixed: fixed.clone(),
            default: Properties::default(),
            own: Properties::default(),
            host: String::new(),
            current: BrokerConfig::of(fixed)?,
        })
    }

    /// Says where this broker is reached, where its properties leave that to its machine.
    pub fn advertise(&mut self, host: &str) {
        host.clone_into(&mut self.host);
        name_host(&mut self.current, host);
    }

    /// The configs that hold now.
    pub fn current(&self) -> &BrokerConfig {
        &self.current
    }

    /// Takes in what is set for all brokers of the cluster.
    pub fn set_default(&mut self, set: Properties) -> Result<(), ConfigError> {
        self.set(valid(set), true)
    }

    /// Takes in what is set for this broker.
    pub fn set_own(&mut self, set: Properties) -> Result<(), ConfigError> {
        self.set(valid(set), false)
    }

    fn set(&mut self, set: Properties, is_default: bool) -> Result<(), ConfigError> {
        let (default, own) = if is_default { (&set, &self.own) } else { (&self.default, &set) };
        let mut all = overridden(&self.fixed, default, own);
        // What listens already listens where it does; only what it says of that can change.
        match self.fixed.get("listeners") {
            Some(listeners) => all.set("listeners", listeners),
            None => drop(all.0.remove("listeners")),
        }
        let mut current = BrokerConfig::of(&all)?;
        name_host(&mut current, &self.host);
        self.current = current;
        if is_default {
            self.default = set;
        } else {
            self.own = set;
        }
        Ok(())
    }

    /// Refuses, in Kafka's words, configs that cannot be set while a broker runs. `per_broker` tells
    /// whether they are for this broker or for all.
    pub fn validate(&self, set: &Properties, per_broker: bool) -> Result<(), String> {
        let is_fixed = |name: &&String| key(name).is_some_and(|key| !key.is_dynamic);
        let fixed: Vec<&str> = set.0.keys().filter(is_fixed).map(String::as_str).collect();
        if !fixed.is_empty() {
            let names = fixed.join(", ");
            return Err(format!("Cannot update these configs dynamically: Set({names})"));
        }
        for (name, value) in &set.0 {
            if let Some(key) = key(name) {
                key.check(value).map_err(|error| error.to_string())?;
            }
        }
        if !per_broker {
            let own: Vec<&str> =
                set.0.keys().map(String::as_str).filter(|name| is_of_one_broker(name)).collect();
            if !own.is_empty() {
                let names = own.join(", ");
                return Err(format!(
                    "Cannot update these configs at default cluster level, broker id must be \
                     specified: Set({names})"
                ));
            }
        }
        let (default, own) = if per_broker { (&self.default, set) } else { (set, &self.own) };
        BrokerConfig::of(&overridden(&self.fixed, default, own))
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    /// What is set for all brokers of the cluster.
    pub fn dynamic_default(&self) -> &Properties {
        &self.default
    }

    /// All names that [`Self::value`] knows: Kafka's, and others that the properties set.
    pub fn names(&self) -> SortedSet<&str> {
        let set = [&self.fixed, &self.default, &self.own].into_iter();
        let set = set.flat_map(|properties| properties.0.keys().map(String::as_str));
        all_keys().map(|key| key.name).chain(set).collect()
    }

    /// The value of `name` that holds now; none is null.
    pub fn value(&self, name: &str) -> Option<&str> {
        let set = [&self.own, &self.default, &self.fixed];
        let set = set.into_iter().find_map(|properties| properties.get(name));
        set.or_else(|| key(name).and_then(|key| key.default))
    }

    /// What stands behind the broker config `name`, what holds first.
    pub fn synonyms(&self, name: &str) -> Vec<ConfigSynonym> {
        let names = broker_synonyms(name);
        let mut synonyms = Vec::new();
        let mut add = |source: ConfigSource, value_of: &dyn Fn(&str) -> Option<String>| {
            for name in &names {
                if let Some(value) = value_of(name) {
                    synonyms.push(ConfigSynonym { name: (*name).to_owned(), value, source });
                }
            }
        };
        let of = |properties: &Properties, name: &str| properties.get(name).map(str::to_owned);
        add(ConfigSource::DynamicBrokerConfig, &|name| of(&self.own, name));
        add(ConfigSource::DynamicDefaultBrokerConfig, &|name| of(&self.default, name));
        add(ConfigSource::StaticBrokerConfig, &|name| of(&self.fixed, name));
        add(ConfigSource::DefaultConfig, &|name| {
            key(name).and_then(|key| key.default).map(str::to_owned)
        });
        let first = synonyms.iter().position(|synonym| synonym.name == name);
        synonyms.drain(..first.unwrap_or(synonyms.len()));
        synonyms
    }

    /// What stands behind the topic config `name` where the topic does not set it.
    pub fn topic_synonyms(&self, name: &str) -> Vec<ConfigSynonym> {
        topic_config_synonym(name).map(|name| self.synonyms(name)).unwrap_or_default()
    }

    /// Whether `name` can be set while the broker runs.
    pub fn is_dynamic(name: &str) -> bool {
        key(name).is_some_and(|key| key.is_dynamic)
    }
}

/// Whether a config that can change while a broker runs can only be set for one broker: its listeners,
/// and what secures them.
///
/// In Kafka: `DynamicBrokerConfig.PerBrokerConfigs`.
fn is_of_one_broker(name: &str) -> bool {
    const LISTENERS: [&str; 4] = [
        "advertised.listeners",
        "listener.security.protocol.map",
        "listeners",
        "principal.builder.class",
    ];
    let is_security = name.starts_with("ssl.") || name.starts_with("sasl.");
    DynamicBrokerConfig::is_dynamic(name) && (is_security || LISTENERS.contains(&name))
}

fn name_host(config: &mut BrokerConfig, host: &str) {
    if config.advertised_listener.host.is_empty() {
        host.clone_into(&mut config.advertised_listener.host);
    }
}

/// What can be used of configs that were read: the rest would stop nobody, and is left out.
fn valid(set: Properties) -> Properties {
    let is_valid = |name: &String, value: &mut String| match key(name) {
        Some(key) => key.is_dynamic && key.check(value).is_ok(),
        None => true,
    };
    let mut set = set;
    set.0.retain(is_valid);
    set
}

fn overridden(fixed: &Properties, default: &Properties, own: &Properties) -> Properties {
    let mut all = fixed.clone();
    for set in [default, own] {
        for (name, value) in &set.0 {
            for synonym in broker_synonyms(name) {
                all.0.remove(synonym);
            }
            all.set(name, value);
        }
    }
    all
}

/// Configs that mean the same in other units; the finest first.
fn broker_synonyms(name: &str) -> Vec<&str> {
    const GROUPS: [&[&str]; 4] = [
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    ];
    let group = GROUPS.into_iter().find(|group| group.contains(&name));
    match group {
        Some(_) if name == "log.flush.scheduler.interval.ms" => vec![name],
        Some(group) => group.to_vec(),
        None => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> DynamicBrokerConfig {
        let fixed =
            [("broker.id", "1"), ("log.retention.hours", "24"), ("min.insync.replicas", "2")];
        DynamicBrokerConfig::new(&Properties::of(fixed)).unwrap()
    }

    fn shown(synonyms: &[ConfigSynonym]) -> Vec<(&str, &str, i8)> {
        synonyms
            .iter()
            .map(|one| (one.name.as_str(), one.value.as_str(), one.source as i8))
            .collect()
    }

    #[test]
    fn the_nearest_setting_holds_and_replaces_its_synonyms() {
        let mut config = config();
        let retention = |config: &DynamicBrokerConfig| {
            config.current().topic_config(&Properties::default()).unwrap().retention_ms
        };
        assert_eq!(retention(&config), 86_400_000);
        config.set_default(Properties::of([("log.retention.ms", "5000")])).unwrap();
        assert_eq!(retention(&config), 5_000);
        config.set_own(Properties::of([("log.retention.ms", "7000")])).unwrap();
        assert_eq!(retention(&config), 7_000);
        assert_eq!(config.value("log.retention.ms"), Some("7000"));
        assert_eq!(
            shown(&config.topic_synonyms("retention.ms")),
            [
                ("log.retention.ms", "7000", 2),
                ("log.retention.ms", "5000", 3),
                ("log.retention.hours", "24", 4),
                ("log.retention.hours", "168", 5)
            ]
        );
        config.set_own(Properties::default()).unwrap();
        config.set_default(Properties::default()).unwrap();
        assert_eq!(retention(&config), 86_400_000);
    }

    #[test]
    fn synonyms_are_kafkas() {
        let config = config();
        assert_eq!(
            shown(&config.topic_synonyms("min.insync.replicas")),
            [("min.insync.replicas", "2", 4), ("min.insync.replicas", "1", 5)]
        );
        assert_eq!(
            shown(&config.topic_synonyms("segment.bytes")),
            [("log.segment.bytes", "1073741824", 5)]
        );
        // Kafka looks for the millisecond key, which nobody sets, and drops what is before it.
        assert!(config.topic_synonyms("retention.ms").is_empty());
        assert!(config.topic_synonyms("leader.replication.throttled.replicas").is_empty());
    }

    #[test]
    fn what_cannot_change_is_refused() {
        let config = config();
        let refused = |pairs: &[(&str, &str)]| {
            config.validate(&Properties::of(pairs.iter().copied()), true).unwrap_err()
        };
        assert_eq!(
            refused(&[("broker.id", "2"), ("zookeeper.connect", "z:1")]),
            "Cannot update these configs dynamically: Set(broker.id, zookeeper.connect)"
        );
        assert_eq!(
            refused(&[("log.retention.ms", "x")]),
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG"
        );
        assert_eq!(config.validate(&Properties::of([("my.own", "x")]), true), Ok(()));
    }

    #[test]
    fn where_a_broker_says_it_is_can_change_and_where_it_listens_not() {
        let mut config = config();
        config.advertise("machine-1");
        let said = |config: &DynamicBrokerConfig| {
            (config.current().port, config.current().advertised_listener.to_string())
        };
        assert_eq!(said(&config), (9092, "machine-1:9092".to_owned()));
        let moved = [
            ("advertised.listeners", "PLAINTEXT://elsewhere:9093"),
            ("listeners", "PLAINTEXT://:9094"),
        ];
        config.set_own(Properties::of(moved)).unwrap();
        assert_eq!(said(&config), (9092, "elsewhere:9093".to_owned()));
        config.set_own(Properties::default()).unwrap();
        assert_eq!(said(&config), (9092, "machine-1:9092".to_owned()));
        let refused = config.validate(&Properties::of(moved), false).unwrap_err();
        assert_eq!(
            refused,
            "Cannot update these configs at default cluster level, broker id must be specified: \
             Set(advertised.listeners, listeners)"
        );
        assert_eq!(config.validate(&Properties::of(moved), true), Ok(()));
    }

    #[test]
    fn what_is_read_and_cannot_be_used_is_left_out() {
        let mut config = config();
        let set = [("broker.id", "9"), ("log.retention.ms", "x"), ("min.insync.replicas", "3")];
        config.set_own(Properties::of(set)).unwrap();
        assert_eq!(config.current().broker_id, 1);
        assert_eq!(config.value("min.insync.replicas"), Some("3"));
        assert!(config.names().contains("log.segment.bytes"));
    }
}
