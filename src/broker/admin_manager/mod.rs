//! What a broker does in ZooKeeper for admin clients. Any broker may run it: the controller hears of
//! a new topic from ZooKeeper, whoever wrote it there.
//!
//! In Kafka: kafka.server.ZkAdminManager, AutoTopicCreationManager. Left out: quotas and policies.

mod alteration;
mod creation;
mod deletion;
mod description;
mod growth;
mod log_levels;
mod results;
mod topic_purgatory;

#[cfg(test)]
mod tests;

use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Rng, SortedMap, SortedSet, Time};
use crate::broker::action::{Action, RequestContext};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op};
use crate::broker::loggers::Loggers;
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::{AssignmentError, BrokerMetadata, DynamicBrokerConfig, topic_name};
use crate::wire::ErrorCode;
use crate::wire::kafka::{CreatableTopic, CreateTopicsRequest, CreateableTopicConfig};
use crate::wire::zookeeper::KeeperCode;
use alteration::{Alteration, AlterationStep};
use creation::{CreationStep, Requester};
use deletion::DeletionStep;
use description::Description;
use growth::GrowthStep;
use topic_purgatory::TopicJob;

/// Names a request of the admin manager to ZooKeeper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AdminTag {
    /// Which request of a client it is for.
    job: u64,
    /// Which topic or resource of that request.
    item: usize,
    step: Step,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Creation(CreationStep),
    Deletion(DeletionStep),
    Growth(GrowthStep),
    Alteration(AlterationStep),
    /// The configs of a topic that is described.
    Description,
}

/// What the admin manager wants done.
pub type AdminAction = Action<AdminTag>;

const LOGGER: &str = "kafka.server.ZkAdminManager";

/// Creates, grows and deletes topics, and looks after configs.
pub struct AdminManager {
    me: i32,
    config: DynamicBrokerConfig,
    loggers: Loggers,
    rng: Rng,
    topic_jobs: SortedMap<u64, TopicJob>,
    alterations: SortedMap<u64, Alteration>,
    descriptions: SortedMap<u64, Description>,
    next_job: u64,
    /// Topics that are being created because somebody asked for their metadata.
    in_flight: SortedSet<String>,
    /// What ZooKeeper has not answered yet.
    asked: SortedMap<AdminTag, Op>,
    /// What went down with a connection.
    lost: SortedSet<AdminTag>,
    actions: Vec<AdminAction>,
}

impl AdminManager {
    /// The admin manager of broker `me`. `rng` places replicas and makes topic ids.
    pub fn new(me: BrokerId, config: DynamicBrokerConfig, rng: Rng) -> Self {
        Self {
            me: me.0,
            config,
            loggers: Loggers::default(),
            rng,
            topic_jobs: SortedMap::new(),
            alterations: SortedMap::new(),
            descriptions: SortedMap::new(),
            next_job: 0,
            in_flight: SortedSet::new(),
            asked: SortedMap::new(),
            lost: SortedSet::new(),
            actions: Vec::new(),
        }
    }

    /// The broker's configs have changed.
    pub fn set_config(&mut self, config: DynamicBrokerConfig) {
        self.config = config;
    }

    /// The broker's loggers, which admin clients may change.
    pub fn loggers(&self) -> &Loggers {
        &self.loggers
    }

    /// CreateTopics. Only the active controller takes it, which the caller knows.
    #[must_use]
    pub fn handle_create_topics(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: CreateTopicsRequest,
        is_controller: bool,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let requester = Requester::Client { token: context.token, timeout_ms: request.timeout_ms };
        if is_controller {
            self.create(now, requester, request.topics, request.validate_only, metadata);
        } else {
            let response = results::not_controller(&request.topics);
            self.actions.push(Action::Reply { token: context.token, response: response.into() });
        }
        std::mem::take(&mut self.actions)
    }

    /// Creates topics that somebody asked for and that do not exist. Nobody waits for the outcome:
    /// it shows in the metadata.
    #[must_use]
    pub fn auto_create(
        &mut self,
        now: Time,
        topics: &[String],
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let mut wanted = Vec::new();
        for topic in topics {
            if topic_name::validate(topic).is_ok() && self.in_flight.insert(topic.clone()) {
                wanted.push(self.creatable_topic(topic));
            }
        }
        self.create(now, Requester::Nobody, wanted, false, metadata);
        std::mem::take(&mut self.actions)
    }

    /// Topics that are being created because somebody asked for their metadata.
    pub fn in_flight(&self) -> &SortedSet<String> {
        &self.in_flight
    }

    /// Creates `__consumer_offsets`, unless that is under way.
    #[must_use]
    pub fn create_offsets_topic(
        &mut self,
        now: Time,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        self.auto_create(now, &[topic_name::GROUP_METADATA_TOPIC_NAME.to_owned()], metadata)
    }

    /// ZooKeeper answered.
    #[must_use]
    pub fn on_zookeeper(
        &mut self,
        now: Time,
        tag: AdminTag,
        answer: Answer,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        if answer == Answer::Failed(KeeperCode::CONNECTION_LOSS) {
            self.lost.insert(tag);
        } else if self.asked.remove(&tag).is_some() {
            self.go_on(now, tag, answer, metadata);
        }
        std::mem::take(&mut self.actions)
    }

    /// The session goes on over a new connection: what was lost is asked again.
    #[must_use]
    pub fn on_reconnected(&mut self) -> Vec<AdminAction> {
        for tag in std::mem::take(&mut self.lost) {
            if let Some(request) = self.asked.get(&tag).cloned() {
                self.actions.push(Action::Zookeeper { request, tag });
            }
        }
        std::mem::take(&mut self.actions)
    }

    /// The session is gone: what was under way has failed.
    #[must_use]
    pub fn on_session_expired(&mut self, now: Time, metadata: &MetadataCache) -> Vec<AdminAction> {
        self.lost.clear();
        for tag in std::mem::take(&mut self.asked).into_keys() {
            let expired = Answer::Failed(KeeperCode::SESSION_EXPIRED);
            self.go_on(now, tag, expired, metadata);
        }
        std::mem::take(&mut self.actions)
    }

    /// The metadata cache has changed: a topic that somebody waits for may have its leaders.
    #[must_use]
    pub fn on_metadata_updated(&mut self, metadata: &MetadataCache) -> Vec<AdminAction> {
        self.answer_shown(metadata, |_| false);
        std::mem::take(&mut self.actions)
    }

    /// When to call [`Self::on_wake`].
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        self.next_deadline()
    }

    /// The time has come.
    #[must_use]
    pub fn on_wake(&mut self, now: Time, metadata: &MetadataCache) -> Vec<AdminAction> {
        self.answer_shown(metadata, |at| at <= now);
        std::mem::take(&mut self.actions)
    }

    fn next_job(&mut self) -> u64 {
        self.next_job += 1;
        self.next_job
    }

    fn ask(&mut self, tag: AdminTag, request: Op) {
        self.asked.insert(tag, request.clone());
        self.actions.push(Action::Zookeeper { request, tag });
    }

    /// Goes on with a request once ZooKeeper has answered.
    fn go_on(&mut self, now: Time, tag: AdminTag, answer: Answer, metadata: &MetadataCache) {
        match tag.step {
            Step::Creation(step) => self.go_on_with_creation(now, tag, step, answer, metadata),
            Step::Deletion(step) => self.go_on_with_deletion(now, tag, step, &answer, metadata),
            Step::Growth(step) => self.go_on_with_growth(now, tag, step, &answer, metadata),
            Step::Alteration(step) => self.go_on_with_alteration(tag, step, &answer),
            Step::Description => self.go_on_with_description(tag, &answer),
        }
    }

    /// A topic as Kafka creates it by itself.
    fn creatable_topic(&self, name: &str) -> CreatableTopic {
        let config = self.config.current();
        let internal = |partitions, replication_factor, configs: &[(&str, String)]| {
            let set = |(name, value): &(&str, String)| CreateableTopicConfig {
                name: (*name).to_owned(),
                value: Some(value.clone()),
            };
            (partitions, replication_factor, configs.iter().map(set).collect())
        };
        let (num_partitions, replication_factor, configs) = match name {
            topic_name::GROUP_METADATA_TOPIC_NAME => internal(
                config.offsets_topic_num_partitions,
                config.offsets_topic_replication_factor,
                &[
                    ("cleanup.policy", "compact".to_owned()),
                    ("compression.type", "producer".to_owned()),
                    ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
                ],
            ),
            topic_name::TRANSACTION_STATE_TOPIC_NAME => internal(
                config.transaction_state_log_num_partitions,
                config.transaction_state_log_replication_factor,
                &[
                    ("cleanup.policy", "compact".to_owned()),
                    ("compression.type", "uncompressed".to_owned()),
                    ("min.insync.replicas", config.transaction_state_log_min_isr.to_string()),
                    ("segment.bytes", config.transaction_state_log_segment_bytes.to_string()),
                    ("unclean.leader.election.enable", "false".to_owned()),
                ],
            ),
            _ => internal(config.num_partitions, config.default_replication_factor, &[]),
        };
        CreatableTopic {
            name: name.to_owned(),
            num_partitions,
            replication_factor,
            assignments: Vec::new(),
            configs,
        }
    }

    fn log(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let text = format!("[Admin Manager on Broker {}]: {}", self.me, text.as_ref());
        self.actions.push(Action::Log { level, logger: LOGGER, text });
    }
}

/// The live brokers as placement sees them.
fn live_brokers(metadata: &MetadataCache) -> Vec<BrokerMetadata> {
    metadata
        .live_brokers()
        .map(|broker| BrokerMetadata { id: broker.id.0, rack: broker.rack.clone() })
        .collect()
}

fn assignment_error(error: &AssignmentError) -> ApiError {
    let code = match error {
        AssignmentError::InvalidPartitions => ErrorCode::INVALID_PARTITIONS,
        AssignmentError::IncompleteRacks => return ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR),
        AssignmentError::InvalidReplicationFactor | AssignmentError::TooFewBrokers { .. } => {
            ErrorCode::INVALID_REPLICATION_FACTOR
        }
    };
    ApiError::new(code, error.to_string())
}
