//! What CreateTopics answers.
//!
//! In Kafka: KafkaApis.handleCreateTopicsRequest, ZkAdminManager.maybePopulateMetadataAndConfigs.

use super::creation::NewTopic;
use super::description::{Told, topic_entry};
use crate::broker::api_error::ApiError;
use crate::cluster::DynamicBrokerConfig;
use crate::cluster::topic_config::TOPIC_CONFIG_KEYS;
use crate::node::Properties;
use crate::wire::kafka::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use crate::wire::{ErrorCode, Uuid};

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
    config: &DynamicBrokerConfig,
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
fn configs(config: &DynamicBrokerConfig, topic: &NewTopic) -> Vec<CreatableTopicConfigs> {
    let own = Properties(topic.configs.clone());
    let entry = |name: &str| {
        let entry = topic_entry(config, &own, name, Told::default());
        CreatableTopicConfigs {
            name: entry.name,
            value: entry.value,
            read_only: entry.read_only,
            config_source: entry.config_source,
            is_sensitive: entry.is_sensitive,
        }
    };
    TOPIC_CONFIG_KEYS.iter().map(|key| entry(key.name)).collect()
}
