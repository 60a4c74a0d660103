//! Configs that change while the broker runs. Whoever changes one writes its znode and then a
//! notification; every broker watches the notifications, reads what they name, and applies it.
//!
//! In Kafka: `kafka.server.DynamicConfigManager`, `ZkNodeChangeNotificationListener`,
//! `TopicConfigHandler`, `BrokerConfigHandler`.

use super::Broker;
use super::zookeeper::ServerTag;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Span};
use crate::cluster::znode_data::{ConfigChange, ConfigOverrides};
use crate::node::{Ctx, Properties};
use crate::wire::zookeeper::Stat;
use bytes::Bytes;

const LOGGER: &str = "kafka.server.DynamicConfigManager";
/// How long a notification stays: every broker that lives has seen it by then.
const CHANGE_EXPIRATION: Span = Span::from_secs(15 * 60);
const UNCLEAN_LEADER_ELECTION: &str = "unclean.leader.election.enable";

/// Which notifications have been seen.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigChanges {
    /// Their names, and when each was written (ms).
    seen: SortedMap<String, i64>,
}

impl Broker {
    /// Notifications came or went: new ones are read, old ones deleted.
    pub(super) fn on_config_changes(&mut self, mut names: Vec<String>, ctx: &mut Ctx<'_>) {
        names.sort();
        self.config_changes.seen.retain(|name, _| names.contains(name));
        let expired_ms = ctx.now().as_millis() - CHANGE_EXPIRATION.as_millis() as i64;
        let seen = &self.config_changes.seen;
        let expired = seen.iter().filter(|(_, written_ms)| **written_ms < expired_ms);
        let expired: Vec<String> = expired.map(|(name, _)| name.clone()).collect();
        for name in names {
            if !self.config_changes.seen.contains_key(&name) {
                self.ask_zookeeper(ServerTag::ReadConfigChange(name), ctx);
            }
        }
        for name in expired {
            self.ask_zookeeper(ServerTag::DeleteConfigChange(name), ctx);
        }
    }

    /// A notification says what has new configs.
    pub(super) fn on_config_change(
        &mut self,
        name: String,
        data: &Bytes,
        stat: &Stat,
        ctx: &mut Ctx<'_>,
    ) {
        self.config_changes.seen.insert(name, stat.ctime);
        let change = match ConfigChange::from_json(data) {
            Ok(change) => change,
            Err(error) => return ctx.log(LogLevel::Error, LOGGER, error.to_string()),
        };
        match change.entity_path.split_once('/') {
            Some(("topics", topic)) => {
                self.ask_zookeeper(ServerTag::ReadChangedTopicConfig(topic.to_owned()), ctx);
            }
            Some(("brokers", "<default>")) => {
                self.ask_zookeeper(ServerTag::ReadBrokerConfig(None), ctx);
            }
            Some(("brokers", id)) if id.parse() == Ok(self.config.broker_id) => {
                let own = Some(self.config.broker_id);
                self.ask_zookeeper(ServerTag::ReadBrokerConfig(own), ctx);
            }
            _ => {}
        }
    }

    /// The new configs of a topic.
    pub(super) fn on_changed_topic_config(
        &mut self,
        topic: &str,
        config: Properties,
        ctx: &mut Ctx<'_>,
    ) {
        log_override(&format!("topics/{topic}"), &config, ctx);
        let enables_unclean = config
            .get(UNCLEAN_LEADER_ELECTION)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        // A topic that has no replica here is read when it gets one.
        if self.replicas.knows_config_of(topic) {
            self.replicas.set_topic_config(topic, config);
        }
        if enables_unclean && self.controller.is_active() {
            let actions = self.controller.enable_unclean_leader_election(ctx.now(), Some(topic));
            self.apply_controller(actions, ctx);
        }
    }

    /// Configs for all brokers, or for this one.
    pub(super) fn on_broker_config(
        &mut self,
        broker: Option<i32>,
        config: Properties,
        ctx: &mut Ctx<'_>,
    ) {
        let allowed_unclean = self.allows_unclean_leader_election();
        let result = match broker {
            None => self.dynamic_config.set_default(config),
            Some(_) => self.dynamic_config.set_own(config),
        };
        if let Err(error) = result {
            let text = match broker {
                None => format!("Cluster default configs could not be applied: {error}"),
                Some(id) => format!("Per-broker configs of {id} could not be applied: {error}"),
            };
            return ctx.log(LogLevel::Error, "kafka.server.DynamicBrokerConfig", text);
        }
        if self.config == *self.dynamic_config.current() {
            return;
        }
        let is_moved =
            self.config.advertised_listener != self.dynamic_config.current().advertised_listener;
        self.config = self.dynamic_config.current().clone();
        if is_moved && self.epoch >= 0 {
            self.ask_zookeeper(ServerTag::UpdateBrokerInfo, ctx);
        }
        self.replicas.set_broker_config(&self.config);
        self.admin.set_config(self.dynamic_config.clone());
        self.controller.set_config(self.config.clone());
        if self.allows_unclean_leader_election() && !allowed_unclean && self.controller.is_active()
        {
            let actions = self.controller.enable_unclean_leader_election(ctx.now(), None);
            self.apply_controller(actions, ctx);
        }
    }

    fn allows_unclean_leader_election(&self) -> bool {
        let default = self.config.topic_defaults.get(UNCLEAN_LEADER_ELECTION);
        default.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

fn log_override(entity_path: &str, config: &Properties, ctx: &mut Ctx<'_>) {
    let config = config.0.iter().map(|(name, value)| format!("{name} -> {value}"));
    let config = config.collect::<Vec<_>>().join(", ");
    let text =
        format!("Processing override for entityPath: {entity_path} with config: Map({config})");
    ctx.log(LogLevel::Info, LOGGER, text);
}

/// Configs as a config znode has them; what is not there or cannot be read sets nothing.
pub(super) fn overrides(data: &Bytes) -> Properties {
    ConfigOverrides::from_json(data).map(|read| Properties(read.config)).unwrap_or_default()
}
