//! LeaderAndIsr: the controller tells who leads and who follows.
//!
//! In Kafka: `KafkaApis.handleLeaderAndIsrRequest`.

use crate::base::{SortedSet, Time, TopicPartition};
use crate::broker::metadata_cache::MetadataCache;
use crate::broker::replica_manager::{ReplicaManager, RoleChange};
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    LeaderAndIsrPartitionError, LeaderAndIsrRequest, LeaderAndIsrResponse, LeaderAndIsrTopicError,
};

/// The first version that groups its answer by topic id.
const TOPIC_IDS: i16 = 5;

/// Answers and takes the roles. The request came in `version` with `correlation_id`.
pub fn handle(
    request: &LeaderAndIsrRequest,
    (version, correlation_id): (i16, i32),
    own_broker_epoch: i64,
    replicas: &mut ReplicaManager,
    metadata: &MetadataCache,
    volume: &mut Volume,
    now: Time,
) -> (LeaderAndIsrResponse, Vec<RoleChange>) {
    let checked = super::check_broker_epoch(request.broker_epoch, own_broker_epoch)
        .and_then(|()| replicas.check_controller_epoch(request.controller_epoch));
    if let Err(error_code) = checked {
        return (LeaderAndIsrResponse { error_code, ..Default::default() }, Vec::new());
    }
    let (errors, roles) =
        replicas.become_leader_or_follower(request, correlation_id, metadata, volume, now);
    (response(request, version, &errors), roles)
}

/// The topics that the request names.
pub fn topics(request: &LeaderAndIsrRequest) -> SortedSet<String> {
    let grouped = request.topic_states.iter().map(|topic| &topic.topic_name);
    let ungrouped = request.ungrouped_partition_states.iter().map(|state| &state.topic_name);
    grouped.chain(ungrouped).cloned().collect()
}

fn response(
    request: &LeaderAndIsrRequest,
    version: i16,
    errors: &[(TopicPartition, ErrorCode)],
) -> LeaderAndIsrResponse {
    let error_of =
        |id: &TopicPartition, error: ErrorCode, topic_name: &str| LeaderAndIsrPartitionError {
            topic_name: topic_name.to_owned(),
            partition_index: id.partition,
            error_code: error,
        };
    if version < TOPIC_IDS {
        let errors = errors.iter().map(|(id, error)| error_of(id, *error, &id.topic));
        let partition_errors = errors.collect();
        return LeaderAndIsrResponse { partition_errors, ..Default::default() };
    }
    let topics = request.topic_states.iter().map(|topic| {
        let own = errors.iter().filter(|(id, _)| id.topic == topic.topic_name);
        LeaderAndIsrTopicError {
            topic_id: topic.topic_id,
            partition_errors: own.map(|(id, error)| error_of(id, *error, "")).collect(),
        }
    });
    LeaderAndIsrResponse { topics: topics.collect(), ..Default::default() }
}
