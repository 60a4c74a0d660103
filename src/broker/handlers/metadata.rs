//! Metadata: brokers, topics, leaders. A topic that is not there may be created.
//!
//! In Kafka: `KafkaApis.handleTopicMetadataRequest`.

use crate::base::SortedSet;
use crate::broker::metadata_cache::{MetadataCache, PartitionMetadata};
use crate::cluster::{BrokerConfig, topic_name};
use crate::wire::kafka::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::{ErrorCode, Uuid};

/// From here on nobody is told of missing replicas.
const FIRST_WITHOUT_REPLICA_ERRORS: i16 = 1;
/// What everybody may do to a topic where nobody is authorized: read, write, create, delete, alter,
/// describe, describe and alter configs; a bit for each (`AclOperation`).
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// What everybody may do to the cluster: create, alter, describe, cluster action, describe and alter
/// configs, idempotent write.
pub const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

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
    /// The broker's settings.
    pub config: &'a BrokerConfig,
    /// Topics that are being created because somebody asked for them.
    pub in_flight: &'a SortedSet<String>,
}

/// Answers.
pub fn handle(
    request: MetadataRequest,
    version: i16,
    metadata: &MetadataCache,
    identity: Identity<'_>,
) -> Answer {
    let mut create = Vec::new();
    let asked = request.topics.filter(|topics| version > 0 || !topics.is_empty());
    // Version 10 can name topics by their ids, which 2.8 does not take yet.
    let is_invalid =
        |topic: &MetadataRequestTopic| topic.name.is_none() || topic.topic_id != Uuid::ZERO;
    if let Some(topics) = asked.as_ref().filter(|topics| topics.iter().any(is_invalid)) {
        return Answer { response: invalid_request(topics), create };
    }
    let mut topics: Vec<MetadataResponseTopic> = match asked {
        None => metadata.topics().map(|name| known_topic(name, version, metadata)).collect(),
        Some(asked) => {
            let may_create = identity.config.auto_create_topics_enable
                && (version < 4 || request.allow_auto_topic_creation);
            let mut seen = SortedSet::new();
            let names = asked.into_iter().filter_map(|topic| topic.name);
            let names = names.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>();
            let (known, missing): (Vec<String>, Vec<String>) =
                names.into_iter().partition(|name| metadata.partitions(name).is_some());
            let known = known.iter().map(|name| known_topic(name, version, metadata));
            let missing = missing.into_iter().map(|name| {
                let error = missing_error(&name, may_create, metadata, identity);
                if error == ErrorCode::LEADER_NOT_AVAILABLE {
                    create.push(name.clone());
                }
                missing_topic(name, error)
            });
            known.chain(missing).collect()
        }
    };
    if request.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let brokers = metadata.live_brokers().map(|broker| MetadataResponseBroker {
        node_id: broker.id.0,
        host: broker.endpoint.host.clone(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.clone(),
    });
    let mut response = MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(identity.cluster_id.to_owned()),
        controller_id: metadata.controller().map_or(-1, |id| id.0),
        topics,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    Answer { response, create }
}

fn invalid_request(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let topics = topics.iter().map(|topic| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: topic.name.clone().unwrap_or_default(),
        topic_id: topic.topic_id,
        ..Default::default()
    });
    MetadataResponse { topics: topics.collect(), ..Default::default() }
}

/// Why a topic is not in the cache: a bad name, it is about to be created, cannot be, or is unknown.
///
/// In Kafka: `AutoTopicCreationManager.filterCreatableTopics`.
fn missing_error(
    name: &str,
    may_create: bool,
    metadata: &MetadataCache,
    identity: Identity<'_>,
) -> ErrorCode {
    let config = identity.config;
    let replicas = match name {
        topic_name::GROUP_METADATA_TOPIC_NAME => config.offsets_topic_replication_factor,
        topic_name::TRANSACTION_STATE_TOPIC_NAME => config.transaction_state_log_replication_factor,
        _ => config.default_replication_factor,
    };
    if topic_name::validate(name).is_err() {
        ErrorCode::INVALID_TOPIC_EXCEPTION
    } else if !may_create || identity.in_flight.contains(name) {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    } else if metadata.live_brokers().count() < usize::try_from(replicas).unwrap_or(0) {
        ErrorCode::INVALID_REPLICATION_FACTOR
    } else {
        ErrorCode::LEADER_NOT_AVAILABLE
    }
}

fn missing_topic(name: String, error_code: ErrorCode) -> MetadataResponseTopic {
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
    use crate::node::Properties;
    use crate::wire::kafka::{UpdateMetadataBroker, UpdateMetadataRequest};

    /// A cache that knows of `brokers` brokers.
    fn cache(brokers: i32) -> MetadataCache {
        let mut cache = MetadataCache::default();
        let live = (1..=brokers).map(|id| UpdateMetadataBroker { id, ..Default::default() });
        let live_brokers = live.collect();
        cache.update(&UpdateMetadataRequest { live_brokers, ..Default::default() });
        cache
    }

    fn topic(name: &str) -> MetadataRequestTopic {
        MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() }
    }

    fn ask(request: MetadataRequest, version: i16, properties: &[(&str, &str)]) -> Answer {
        let properties = properties.iter().map(|(key, value)| (*key, *value));
        let config = BrokerConfig::of(&Properties::of(properties)).expect("valid");
        let in_flight = SortedSet::from(["busy".to_owned()]);
        let identity = Identity { cluster_id: "c", config: &config, in_flight: &in_flight };
        handle(request, version, &cache(1), identity)
    }

    #[test]
    fn a_missing_topic_is_created_only_where_both_sides_allow_it() {
        let error = |name, version, allow_auto_topic_creation, properties: &[(&str, &str)]| {
            let request = MetadataRequest {
                topics: Some(vec![topic(name), topic(name)]),
                allow_auto_topic_creation,
                ..Default::default()
            };
            let answer = ask(request, version, properties);
            assert_eq!(answer.response.topics.len(), 1, "asked for twice, answered once");
            (answer.response.topics[0].error_code, answer.create.len())
        };
        let off = [("auto.create.topics.enable", "false")];
        assert_eq!(error("t", 9, true, &[]), (ErrorCode::LEADER_NOT_AVAILABLE, 1));
        assert_eq!(error("t", 9, false, &[]), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
        assert_eq!(error("t", 9, true, &off), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
        let created = (ErrorCode::LEADER_NOT_AVAILABLE, 1);
        assert_eq!(error("t", 1, false, &[]), created, "v1 cannot forbid it");
        assert_eq!(error("busy", 9, true, &[]), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
        assert_eq!(error("a b", 9, true, &[]), (ErrorCode::INVALID_TOPIC_EXCEPTION, 0));
        let two = [("default.replication.factor", "2")];
        assert_eq!(error("t", 9, true, &two), (ErrorCode::INVALID_REPLICATION_FACTOR, 0));
    }

    #[test]
    fn an_empty_list_means_all_topics_in_version_0_only() {
        let request = || MetadataRequest { topics: Some(vec![]), ..Default::default() };
        assert!(ask(request(), 1, &[]).response.topics.is_empty());
        assert!(ask(request(), 0, &[]).response.topics.is_empty());
    }

    #[test]
    fn topics_are_not_asked_for_by_id() {
        let by_id = MetadataRequestTopic { topic_id: Uuid([7; 16]), ..topic("t") };
        let request = MetadataRequest { topics: Some(vec![by_id]), ..Default::default() };
        let answer = ask(request, 11, &[]);
        assert_eq!(answer.response.topics[0].error_code, ErrorCode::INVALID_REQUEST);
        assert!(answer.create.is_empty());
    }

    #[test]
    fn who_asks_is_told_what_everybody_may_do() {
        let request = MetadataRequest {
            topics: Some(vec![topic("t")]),
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        let response = ask(request, 9, &[]).response;
        assert_eq!(response.cluster_authorized_operations, 8_096);
        assert_eq!(response.topics[0].topic_authorized_operations, 3_576);
    }
}
