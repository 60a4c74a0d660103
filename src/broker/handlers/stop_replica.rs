//! StopReplica: the controller takes replicas away from this broker.
//!
//! In Kafka: `KafkaApis.handleStopReplicaRequest`.

use crate::base::Time;
use crate::broker::replica_manager::{ReplicaManager, RoleChange};
use crate::disk::Volume;
use crate::wire::kafka::{StopReplicaPartitionError, StopReplicaRequest, StopReplicaResponse};

/// Answers and stops.
pub fn handle(
    request: &StopReplicaRequest,
    correlation_id: i32,
    own_broker_epoch: i64,
    replicas: &mut ReplicaManager,
    volume: &mut Volume,
    now: Time,
) -> (StopReplicaResponse, Vec<RoleChange>) {
    let checked = super::check_broker_epoch(request.broker_epoch, own_broker_epoch)
        .and_then(|()| replicas.check_controller_epoch(request.controller_epoch));
    if let Err(error_code) = checked {
        return (StopReplicaResponse { error_code, ..Default::default() }, Vec::new());
    }
    let (errors, roles) = replicas.stop_replicas(request, correlation_id, volume, now);
    let partition_errors = errors
        .into_iter()
        .map(|(id, error_code)| StopReplicaPartitionError {
            topic_name: id.topic,
            partition_index: id.partition,
            error_code,
        })
        .collect();
    (StopReplicaResponse { partition_errors, ..Default::default() }, roles)
}
