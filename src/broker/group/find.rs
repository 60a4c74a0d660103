//! Which broker coordinates a group: the leader of the partition of `__consumer_offsets` that the
//! group's id hashes to.
//!
//! In Kafka: KafkaApis.handleFindCoordinatorRequest, GroupMetadataManager.partitionFor.

use super::{GroupAction, GroupCoordinator};
use crate::base::BrokerId;
use crate::broker::action::{Action, RequestContext};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::topic_name::GROUP_METADATA_TOPIC_NAME;
use crate::wire::ErrorCode;
use crate::wire::kafka::{FindCoordinatorRequest, FindCoordinatorResponse};

const KEY_TYPE_GROUP: i8 = 0;
const KEY_TYPE_TRANSACTION: i8 = 1;

/// The partition of `__consumer_offsets` that keeps `group`, out of `partitions`.
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    // String.hashCode counts UTF-16 units.
    let hash = group
        .encode_utf16()
        .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let positive = if hash == i32::MIN { 0 } else { hash.abs() };
    positive % partitions.max(1)
}

impl GroupCoordinator {
    /// FindCoordinator. Makes the server create `__consumer_offsets` when there is none.
    #[must_use]
    pub fn handle_find_coordinator(
        &mut self,
        context: &RequestContext,
        request: &FindCoordinatorRequest,
        metadata: &MetadataCache,
    ) -> Vec<GroupAction> {
        let response = match request.key_type {
            KEY_TYPE_GROUP => self.find(&request.key, metadata),
            KEY_TYPE_TRANSACTION => failed(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            _ => failed(ErrorCode::INVALID_REQUEST),
        };
        self.reply(context.token, response);
        self.take_actions()
    }

    fn find(&mut self, group: &str, metadata: &MetadataCache) -> FindCoordinatorResponse {
        if metadata.partitions(GROUP_METADATA_TOPIC_NAME).is_none() {
            self.actions.push(Action::CreateOffsetsTopic);
            return failed(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let partition = metadata.partition(GROUP_METADATA_TOPIC_NAME, self.partition_of(group));
        let leader = partition.map(|one| BrokerId(one.leader));
        match leader.and_then(|leader| metadata.broker(leader)) {
            Some(broker) => FindCoordinatorResponse {
                error_code: ErrorCode::NONE,
                error_message: Some("NONE".to_owned()),
                node_id: broker.id.0,
                host: broker.endpoint.host.clone(),
                port: i32::from(broker.endpoint.port),
                ..FindCoordinatorResponse::default()
            },
            None => failed(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }
}

fn failed(error_code: ErrorCode) -> FindCoordinatorResponse {
    FindCoordinatorResponse {
        error_code,
        error_message: Some(error_code.message().to_owned()),
        node_id: -1,
        host: String::new(),
        port: -1,
        ..FindCoordinatorResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Kafka's own class.
    #[test]
    fn groups_hash_to_kafkas_partitions() {
        let vectors = [
            ("my-group", 12),
            ("test-consumer-group", 31),
            ("cg", 22),
            ("group1", 40),
            ("g1", 42),
            ("consumer1", 49),
            ("console-consumer-12345", 6),
        ];
        for (group, partition) in vectors {
            assert_eq!(partition_for(group, 50), partition, "{group}");
        }
        // The hash of this one is the smallest number, which has no positive twin.
        assert_eq!(partition_for("polygenelubricants", 50), 0);
    }
}
