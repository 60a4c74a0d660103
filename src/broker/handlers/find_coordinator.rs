//! FindCoordinator: which broker leads the partition of `__consumer_offsets` that a group's name
//! falls on.
//!
//! In Kafka: `KafkaApis.handleFindCoordinatorRequest`, `GroupMetadataManager.partitionFor`.

use crate::base::BrokerId;
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::topic_name::GROUP_METADATA_TOPIC_NAME;
use crate::wire::ErrorCode;
use crate::wire::kafka::{FindCoordinatorRequest, FindCoordinatorResponse};

/// Key type of a group.
const GROUP: i8 = 0;

/// The answer, and whether the topic should be created.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The answer.
    pub response: FindCoordinatorResponse,
    /// True when there is no `__consumer_offsets` yet.
    pub create_topic: bool,
}

/// Answers. `partitions` counts those of a topic that is not there yet.
pub fn handle(
    request: &FindCoordinatorRequest,
    metadata: &MetadataCache,
    partitions: i32,
) -> Found {
    if request.key_type != GROUP {
        // Transactional ids are coordinated once there are transactions.
        return Found { response: failure(ErrorCode::INVALID_REQUEST), create_topic: false };
    }
    let Some(known) = metadata.partitions(GROUP_METADATA_TOPIC_NAME) else {
        let response = failure(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        return Found { response, create_topic: true };
    };
    let count = i32::try_from(known.len()).unwrap_or(partitions);
    let partition = partition_for(&request.key, count);
    let leader = known.get(&partition).and_then(|known| metadata.broker(BrokerId(known.leader)));
    let response = match leader {
        None => failure(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Some(leader) => FindCoordinatorResponse {
            error_message: Some("NONE".to_owned()),
            node_id: leader.id.0,
            host: leader.endpoint.host.clone(),
            port: i32::from(leader.endpoint.port),
            ..Default::default()
        },
    };
    Found { response, create_topic: false }
}

fn failure(error_code: ErrorCode) -> FindCoordinatorResponse {
    FindCoordinatorResponse {
        error_code,
        error_message: Some(error_code.message().to_owned()),
        node_id: -1,
        port: -1,
        ..Default::default()
    }
}

/// The partition of `__consumer_offsets` that coordinates `group`.
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's Utils.abs: the one number without a positive counterpart counts as 0.
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_fall_where_javas_hash_code_puts_them() {
        let expected = [
            ("my-group", 12),
            ("test-consumer-group", 31),
            ("cg", 22),
            ("group1", 40),
            ("g1", 42),
            ("consumer1", 49),
            ("console-consumer-12345", 6),
        ];
        for (group, partition) in expected {
            assert_eq!(partition_for(group, 50), partition, "{group}");
        }
    }

    #[test]
    fn the_topic_is_created_when_first_needed() {
        let request = FindCoordinatorRequest { key: "g".to_owned(), key_type: GROUP };
        let found = handle(&request, &MetadataCache::default(), 50);
        assert!(found.create_topic);
        assert_eq!(found.response.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
}
