//! UpdateMetadata: the controller tells what the cluster looks like.
//!
//! In Kafka: `KafkaApis.handleUpdateMetadataRequest`.

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
    own_broker_epoch: i64,
    replicas: &mut ReplicaManager,
    metadata: &mut MetadataCache,
) -> Updated {
    let checked = super::check_broker_epoch(request.broker_epoch, own_broker_epoch)
        .and_then(|()| replicas.check_controller_epoch(request.controller_epoch));
    match checked {
        Ok(()) => {
            let deleted = metadata.update(request);
            replicas.on_metadata_updated(metadata);
            let response = UpdateMetadataResponse { error_code: ErrorCode::NONE };
            Updated { response, deleted }
        }
        Err(error_code) => {
            Updated { response: UpdateMetadataResponse { error_code }, deleted: Vec::new() }
        }
    }
}
