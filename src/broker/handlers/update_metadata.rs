//! UpdateMetadata: the controller tells what the cluster looks like.
//!
//! In Kafka: `KafkaApis.handleUpdateMetadataRequest`.

use crate::base::trace::LogLevel;
use crate::broker::metadata_cache::MetadataCache;
use crate::broker::replica_manager::ReplicaManager;
use crate::wire::ErrorCode;
use crate::wire::kafka::{UpdateMetadataRequest, UpdateMetadataResponse};

/// What came of an update.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Updated {
    /// The answer.
    pub response: UpdateMetadataResponse,
    /// Partitions whose topic is being deleted.
    pub deleted: Vec<(String, i32)>,
}

/// Answers and updates the cache.
pub fn handle(
    request: &UpdateMetadataRequest,
    correlation_id: i32,
    own_broker_epoch: i64,
    replicas: &mut ReplicaManager,
    metadata: &mut MetadataCache,
) -> Updated {
    let checked = super::check_broker_epoch(request.broker_epoch, own_broker_epoch)
        .and_then(|()| replicas.check_controller_epoch(request.controller_epoch));
    match checked {
        Ok(()) => {
            let deleted = metadata.update(request);
            let of_topics = request.topic_states.iter().map(|one| one.partition_states.len());
            let count = of_topics.sum::<usize>() + request.ungrouped_partition_states.len();
            if count > 0 {
                let (gone, added) = (deleted.len(), count - deleted.len());
                let text = format!(
                    "Add {added} partitions and deleted {gone} partitions from metadata cache in response to UpdateMetadata request sent by controller {} epoch {} with correlation id {correlation_id}",
                    request.controller_id, request.controller_epoch
                );
                replicas.log_state_change(LogLevel::Info, text);
            }
            replicas.on_metadata_updated(metadata);
            let response = UpdateMetadataResponse { error_code: ErrorCode::NONE };
            Updated { response, deleted }
        }
        Err(error_code) => {
            Updated { response: UpdateMetadataResponse { error_code }, deleted: Vec::new() }
        }
    }
}
