//! Replicas that the controller takes away from this broker.
//!
//! In Kafka: `ReplicaManager.stopReplicas`.

use super::ReplicaManager;
use super::roles::{PartitionErrors, RoleChange, Sender};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::broker::partition::Partition;
use crate::disk::Volume;
use crate::log::LogError;
use crate::wire::ErrorCode;
use crate::wire::kafka::StopReplicaRequest;

/// Leader epoch of a StopReplica that deletes a topic (`LeaderAndIsr.EpochDuringDelete`).
const EPOCH_DURING_DELETE: i32 = -2;
/// Leader epoch of a StopReplica that names none (`LeaderAndIsr.NoEpoch`).
const NO_EPOCH: i32 = -1;

impl ReplicaManager {
    /// Stops replicas, and deletes those that the request says. The request's epochs were checked.
    pub fn stop_replicas(
        &mut self,
        request: &StopReplicaRequest,
        correlation_id: i32,
        volume: &mut Volume,
        now: Time,
    ) -> (PartitionErrors, Vec<RoleChange>) {
        let sender = Sender::of(request.controller_id, request.controller_epoch, correlation_id);
        let (mut errors, mut roles) = (Vec::new(), Vec::new());
        let stops = stops_of(request);
        self.state_change(format!(
            "Handling StopReplica request correlationId {correlation_id} from {} for {} partitions",
            sender.from,
            stops.len()
        ));
        let mut stopped = Vec::new();
        for (id, leader_epoch, delete) in stops {
            let current = self.partitions.get(&id).map_or(-1, Partition::leader_epoch);
            let stale = leader_epoch != EPOCH_DURING_DELETE
                && leader_epoch != NO_EPOCH
                && leader_epoch <= current;
            if stale {
                let (level, how) = if leader_epoch < current {
                    (LogLevel::Warn, format!("is smaller than the current leader epoch {current}"))
                } else {
                    (LogLevel::Info, "matches the current leader epoch".to_owned())
                };
                let text = format!(
                    "Ignoring StopReplica request (delete={delete}) from {} for partition {id} since its associated leader epoch {leader_epoch} {how}",
                    sender.long
                );
                self.log_state_change(level, text);
                errors.push((id, ErrorCode::FENCED_LEADER_EPOCH));
                continue;
            }
            stopped.push(id.clone());
            let mut error = ErrorCode::NONE;
            if delete && let Err(failure) = self.delete_replica(&id, volume, now) {
                self.disk_failed(failure);
                error = ErrorCode::KAFKA_STORAGE_ERROR;
            }
            self.changes.moved.insert(id.clone());
            self.changes.withdrawn.insert(id.clone());
            if error == ErrorCode::NONE {
                roles.push(RoleChange::Follower(id.clone()));
            }
            errors.push((id, error));
        }
        self.stop_following(stopped.iter());
        (errors, roles)
    }

    fn delete_replica(
        &mut self,
        id: &TopicPartition,
        volume: &mut Volume,
        now: Time,
    ) -> Result<(), LogError> {
        let hosted = self.partitions.remove(id).map(Partition::into_log);
        let log = hosted.or_else(|| self.logs.remove(id));
        self.checkpointed.remove(id);
        self.forget_cleaned(id, None);
        if !self.partitions.keys().any(|known| known.topic == id.topic) {
            // A topic of the same name that is created later may have other settings.
            self.topic_configs.remove(&id.topic);
        }
        if let Some(log) = log {
            self.delete_log(log, volume, now)?;
        }
        Ok(())
    }
}

/// The partitions of a StopReplica request: (partition, leader epoch, delete).
fn stops_of(request: &StopReplicaRequest) -> Vec<(TopicPartition, i32, bool)> {
    let mut stops = SortedMap::new();
    for topic in &request.topic_states {
        for state in &topic.partition_states {
            let id = TopicPartition::new(&topic.topic_name, state.partition_index);
            stops.insert(id, (state.leader_epoch, state.delete_partition));
        }
    }
    for topic in &request.topics {
        for partition in &topic.partition_indexes {
            let id = TopicPartition::new(&topic.name, *partition);
            stops.insert(id, (NO_EPOCH, request.delete_partitions));
        }
    }
    for partition in &request.ungrouped_partitions {
        let id = TopicPartition::new(&partition.topic_name, partition.partition_index);
        stops.insert(id, (NO_EPOCH, request.delete_partitions));
    }
    stops.into_iter().map(|(id, (epoch, delete))| (id, epoch, delete)).collect()
}
