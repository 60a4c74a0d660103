//! What CreateTopics answers.
//!
//! In Kafka: KafkaApis.handleCreateTopicsRequest, ZkAdminManager.maybePopulateMetadataAndConfigs.

use super::creation::NewTopic;
use crate::cluster::BrokerConfig;
use crate::cluster::topic_config::TOPIC_CONFIG_KEYS;
use crate::wire::kafka::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use crate::wire::{ErrorCode, Uuid};

/// Where a config comes from (ConfigSource).
const DYNAMIC_TOPIC_CONFIG: i8 = 1;
const STATIC_BROKER_CONFIG: i8 = 4;
const DEFAULT_CONFIG: i8 = 5;

/// An error with its sentence, if it has one of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    pub(super) code: ErrorCode,
    pub(super) message: Option<String>,
}

impl ApiError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }
}

/// This broker is not the controller.
pub(super) fn not_controller(topics: &[CreatableTopic]) -> CreateTopicsResponse {
    let topics = topics
        .iter()
        .map(|topic| CreatableTopicResult {
            name: topic.name.clone(),
            error_code: ErrorCode::NOT_CONTROLLER,
            ..CreatableTopicResult::default()
        })
        .collect();
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

/// The answer; `timed_out` tells of a topic that was created whether it lacks leaders.
pub(super) fn response(
    config: &BrokerConfig,
    topics: &[NewTopic],
    timed_out: impl Fn(&NewTopic) -> bool,
) -> CreateTopicsResponse {
    let result = |topic: &NewTopic| {
        let error = match &topic.outcome {
            Some(Err(error)) => Some(error.clone()),
            _ if timed_out(topic) => {
                Some(ApiError { code: ErrorCode::REQUEST_TIMED_OUT, message: None })
            }
            _ => None,
        };
        match error {
            Some(error) => CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: Uuid::ZERO,
                error_code: error.code,
                error_message: error.message,
                num_partitions: -1,
                replication_factor: -1,
                configs: Some(Vec::new()),
                ..CreatableTopicResult::default()
            },
            None => CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                num_partitions: topic.assignment.len() as i32,
                replication_factor: topic.assignment.values().next().map_or(0, Vec::len) as i16,
                configs: Some(configs(config, topic)),
                ..CreatableTopicResult::default()
            },
        }
    };
    let topics = topics.iter().map(result).collect();
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

/// All configs of the topic, each with where it comes from.
fn configs(config: &BrokerConfig, topic: &NewTopic) -> Vec<CreatableTopicConfigs> {
    let entry = |name: &str, default: Option<&str>| {
        let own = topic.configs.get(name).map(String::as_str);
        let config_source = if own.is_some() {
            DYNAMIC_TOPIC_CONFIG
        } else if config.static_topic_defaults.contains(name) {
            STATIC_BROKER_CONFIG
        } else {
            DEFAULT_CONFIG
        };
        let value = own.or_else(|| config.topic_defaults.get(name)).or(default);
        CreatableTopicConfigs {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            read_only: false,
            config_source,
            is_sensitive: false,
        }
    };
    TOPIC_CONFIG_KEYS.iter().map(|key| entry(key.name, key.default)).collect()
}
