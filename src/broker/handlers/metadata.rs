//! Metadata: brokers, topics, leaders. A topic that is not there may be created.
//!
//! In Kafka: `KafkaApis.handleTopicMetadataRequest`.

use crate::broker::metadata_cache::{MetadataCache, PartitionMetadata};
use crate::cluster::topic_name;
use crate::wire::kafka::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::wire::{ErrorCode, Uuid};

/// From here on a partition whose leader's listener is missing has an error of its own, and a
/// missing replica none.
const FIRST_WITHOUT_REPLICA_ERRORS: i16 = 2;

/// The answer, and the topics that should be created for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The answer.
    pub response: MetadataResponse,
    /// Topics to create.
    pub create: Vec<String>,
}

/// What the broker adds to what the cache knows.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// `/cluster/id`.
    pub cluster_id: &'a str,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
}

/// Answers.
pub fn handle(
    request: MetadataRequest,
    version: i16,
    metadata: &MetadataCache,
    identity: Identity<'_>,
) -> Answer {
    let mut create = Vec::new();
    let wants_all = match &request.topics {
        None => true,
        // Version 0 cannot say null.
        Some(topics) => version == 0 && topics.is_empty(),
    };
    let topics = if wants_all {
        metadata.topics().map(|name| known_topic(name, version, metadata)).collect()
    } else {
        let may_create = identity.auto_create && (version < 4 || request.allow_auto_topic_creation);
        let wanted = request.topics.into_iter().flatten();
        let named = wanted.map(|topic| {
            let by_id = topic.topic_id != Uuid::ZERO;
            let name = if by_id {
                metadata.topic_name(topic.topic_id).map(str::to_owned)
            } else {
                topic.name
            };
            (name, topic.topic_id)
        });
        named
            .map(|(name, id)| match name {
                None => MetadataResponseTopic {
                    error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                    topic_id: id,
                    ..Default::default()
                },
                Some(name) if metadata.partitions(&name).is_some() => {
                    known_topic(&name, version, metadata)
                }
                Some(name) => missing_topic(name, may_create, &mut create),
            })
            .collect()
    };
    let brokers = metadata.live_brokers().map(|broker| MetadataResponseBroker {
        node_id: broker.id.0,
        host: broker.endpoint.host.clone(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.clone(),
    });
    let response = MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(identity.cluster_id.to_owned()),
        controller_id: metadata.controller().map_or(-1, |id| id.0),
        topics,
        ..Default::default()
    };
    Answer { response, create }
}

/// A topic that is not in the cache: bad name, to be created, or unknown.
fn missing_topic(
    name: String,
    may_create: bool,
    create: &mut Vec<String>,
) -> MetadataResponseTopic {
    let error_code = if topic_name::validate(&name).is_err() {
        ErrorCode::INVALID_TOPIC_EXCEPTION
    } else if may_create {
        create.push(name.clone());
        ErrorCode::LEADER_NOT_AVAILABLE
    } else {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    };
    let is_internal = topic_name::is_internal(&name);
    MetadataResponseTopic { error_code, name, is_internal, ..Default::default() }
}

fn known_topic(name: &str, version: i16, metadata: &MetadataCache) -> MetadataResponseTopic {
    let partitions = metadata.partitions(name).into_iter().flatten();
    MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: name.to_owned(),
        topic_id: metadata.topic_id(name),
        is_internal: topic_name::is_internal(name),
        partitions: partitions
            .map(|(index, known)| partition(*index, known, version, metadata))
            .collect(),
        ..Default::default()
    }
}

fn partition(
    partition_index: i32,
    known: &PartitionMetadata,
    version: i16,
    metadata: &MetadataCache,
) -> MetadataResponsePartition {
    let is_live = |id: &i32| metadata.broker(crate::base::BrokerId(*id)).is_some();
    let has_leader = is_live(&known.leader);
    let reports_replicas = version < FIRST_WITHOUT_REPLICA_ERRORS;
    let only_live = |ids: &[i32]| -> Vec<i32> {
        ids.iter().copied().filter(|id| !reports_replicas || is_live(id)).collect()
    };
    let (replica_nodes, isr_nodes) = (only_live(&known.replicas), only_live(&known.isr));
    let some_missing =
        replica_nodes.len() < known.replicas.len() || isr_nodes.len() < known.isr.len();
    MetadataResponsePartition {
        error_code: match (has_leader, some_missing) {
            (false, _) => ErrorCode::LEADER_NOT_AVAILABLE,
            (true, true) => ErrorCode::REPLICA_NOT_AVAILABLE,
            (true, false) => ErrorCode::NONE,
        },
        partition_index,
        leader_id: if has_leader { known.leader } else { -1 },
        leader_epoch: known.leader_epoch,
        replica_nodes,
        isr_nodes,
        offline_replicas: known.offline_replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::MetadataRequestTopic;

    #[test]
    fn a_missing_topic_is_created_only_where_both_sides_allow_it() {
        let cache = MetadataCache::default();
        let ask = |version, allow_auto_topic_creation, auto_create| {
            let topic = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
            let request = MetadataRequest {
                topics: Some(vec![topic]),
                allow_auto_topic_creation,
                ..Default::default()
            };
            let answer =
                handle(request, version, &cache, Identity { cluster_id: "c", auto_create });
            (answer.response.topics[0].error_code, answer.create.len())
        };
        assert_eq!(ask(9, true, true), (ErrorCode::LEADER_NOT_AVAILABLE, 1));
        assert_eq!(ask(9, false, true), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
        assert_eq!(ask(9, true, false), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
        assert_eq!(
            ask(1, false, true),
            (ErrorCode::LEADER_NOT_AVAILABLE, 1),
            "v1 cannot forbid it"
        );
    }

    #[test]
    fn an_empty_list_means_all_topics_in_version_0_only() {
        let cache = MetadataCache::default();
        let request = || MetadataRequest { topics: Some(vec![]), ..Default::default() };
        let identity = Identity { cluster_id: "c", auto_create: true };
        assert!(handle(request(), 1, &cache, identity).response.topics.is_empty());
        assert!(handle(request(), 0, &cache, identity).response.topics.is_empty());
    }
}
