//! What the controller says about replicas: who leads, who follows whom, what to stop.
//!
//! In Kafka: `ReplicaManager.becomeLeaderOrFollower`, `stopReplicas`, `maybeUpdateMetadataCache`.

use super::ReplicaManager;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::broker::action::Node;
use crate::broker::fetcher::FetchPosition;
use crate::broker::metadata_cache::MetadataCache;
use crate::broker::partition::Partition;
use crate::disk::Volume;
use crate::log::{LogError, LogStart, PartitionLog};
use crate::wire::kafka::{
    LeaderAndIsrPartitionState, LeaderAndIsrRequest, LeaderAndIsrTopicState, StopReplicaRequest,
};
use crate::wire::{ErrorCode, Uuid};

const STATE_CHANGE: &str = "state.change.logger";
/// Leader epoch of a StopReplica that deletes a topic (`LeaderAndIsr.EpochDuringDelete`).
const EPOCH_DURING_DELETE: i32 = -2;
/// Leader epoch of a StopReplica that names none (`LeaderAndIsr.NoEpoch`).
const NO_EPOCH: i32 = -1;

/// A replica on this broker took or gave up a leadership, for the coordinators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoleChange {
    /// It leads now and did not before.
    Leader(TopicPartition),
    /// It follows somebody new, or was stopped.
    Follower(TopicPartition),
}

/// One partition of a LeaderAndIsr or StopReplica request and what became of it.
pub type PartitionErrors = Vec<(TopicPartition, ErrorCode)>;

impl ReplicaManager {
    /// Refuses a request of a controller that has been replaced.
    pub fn check_controller_epoch(&mut self, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < self.controller_epoch {
            return Err(ErrorCode::STALE_CONTROLLER_EPOCH);
        }
        self.controller_epoch = epoch;
        Ok(())
    }

    /// Takes the roles that the controller gives. The request's epochs were checked.
    pub fn become_leader_or_follower(
        &mut self,
        request: &LeaderAndIsrRequest,
        metadata: &MetadataCache,
        volume: &mut Volume,
        now: Time,
    ) -> (PartitionErrors, Vec<RoleChange>) {
        let (mut errors, mut roles) = (Vec::new(), Vec::new());
        for (id, topic_id, state) in states_of(request) {
            let error = match self.take_role(&id, topic_id, state, metadata, volume, now) {
                Ok(role) => {
                    roles.extend(role);
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            errors.push((id, error));
        }
        // The first LeaderAndIsr starts the checkpoint thread.
        if self.next_checkpoint.is_none() {
            self.next_checkpoint =
                Some(now + self.config.replica_high_watermark_checkpoint_interval);
        }
        (errors, roles)
    }

    fn take_role(
        &mut self,
        id: &TopicPartition,
        topic_id: Uuid,
        state: &LeaderAndIsrPartitionState,
        metadata: &MetadataCache,
        volume: &mut Volume,
        now: Time,
    ) -> Result<Option<RoleChange>, ErrorCode> {
        let me = self.broker().0;
        let current = self.partitions.get(id).map_or(-1, Partition::leader_epoch);
        if state.leader_epoch <= current {
            let text = format!(
                "[Broker id={me}] Ignoring LeaderAndIsr request for partition {id} since its associated leader epoch {} is not higher than the current leader epoch {current}",
                state.leader_epoch
            );
            self.changes.log(LogLevel::Warn, STATE_CHANGE, text);
            return Err(ErrorCode::STALE_CONTROLLER_EPOCH);
        }
        if !state.replicas.contains(&me) {
            let text = format!(
                "[Broker id={me}] Ignoring LeaderAndIsr request for partition {id} as broker {me} is not in assigned replica list {:?}",
                state.replicas
            );
            self.changes.log(LogLevel::Warn, STATE_CHANGE, text);
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        let changed = self.apply_role(id, topic_id, state, metadata, volume, now);
        changed.map_err(|error| {
            self.disk_failed(error);
            ErrorCode::KAFKA_STORAGE_ERROR
        })
    }

    fn apply_role(
        &mut self,
        id: &TopicPartition,
        topic_id: Uuid,
        state: &LeaderAndIsrPartitionState,
        metadata: &MetadataCache,
        volume: &mut Volume,
        now: Time,
    ) -> Result<Option<RoleChange>, LogError> {
        let me = self.broker().0;
        self.create_if_missing(id, topic_id, volume, now)?;
        let Some(partition) = self.partitions.get_mut(id) else { return Ok(None) };
        let changes = &mut self.changes;
        if state.leader == me {
            self.fetchers.remove(id);
            let is_new = partition.make_leader(state, volume, now, changes)?;
            return Ok(is_new.then(|| RoleChange::Leader(id.clone())));
        }
        let leader = metadata.live_brokers().find(|broker| broker.id.0 == state.leader);
        let Some(leader) = leader else {
            // The replica stays what it was until a leader is known that lives.
            let text = format!(
                "[Broker id={me}] Received LeaderAndIsrRequest from controller for partition {id} (last update controller epoch {}) but cannot become follower since the new leader {} is unavailable.",
                state.controller_epoch, state.leader
            );
            changes.log(LogLevel::Error, STATE_CHANGE, text);
            return Ok(None);
        };
        if partition.make_follower(state, changes) {
            self.fetchers.remove(id);
            let (fetch_offset, last_fetched_epoch) =
                partition.start_fetching(volume, now, changes)?;
            let current_leader_epoch = state.leader_epoch;
            let position = FetchPosition { fetch_offset, last_fetched_epoch, current_leader_epoch };
            let node = Node { id: leader.id, endpoint: leader.endpoint.clone() };
            let text = format!(
                "[ReplicaFetcherManager on broker {me}] Added fetcher to broker {} for partitions Map({id} -> (offset={fetch_offset}, leaderEpoch={current_leader_epoch}))",
                leader.id
            );
            changes.info("kafka.server.ReplicaFetcherManager", text);
            self.fetchers.add(node, id.clone(), position);
        }
        Ok(Some(RoleChange::Follower(id.clone())))
    }

    /// Gives the partition a replica, from the log that was loaded or from nothing.
    fn create_if_missing(
        &mut self,
        id: &TopicPartition,
        topic_id: Uuid,
        volume: &mut Volume,
        now: Time,
    ) -> Result<(), LogError> {
        if self.partitions.contains_key(id) {
            return Ok(());
        }
        let config = self.partition_config(&id.topic);
        let mut log = if let Some(log) = self.logs.remove(id) {
            log
        } else {
            let start = LogStart { is_clean: true, recovery_point: 0, log_start_offset: 0, now };
            let (log, _) = PartitionLog::open(volume, id.clone(), config.log.clone(), start)?;
            self.changes
                .info("kafka.log.LogManager", format!("Created log for partition {id} in /{id}"));
            log
        };
        log.set_config(config.log.clone());
        if topic_id != Uuid::ZERO {
            let metadata = format!("version: 0\ntopic_id: {topic_id}");
            let name = format!("{id}/partition.metadata");
            if volume.read(&name) != Some(metadata.as_bytes()) {
                volume.replace(&name, metadata.as_bytes())?;
            }
        }
        let high_watermark = self.checkpointed.remove(id).unwrap_or(0);
        let partition = Partition::new(id.clone(), config, log, high_watermark, volume);
        self.partitions.insert(id.clone(), partition);
        Ok(())
    }

    /// Stops replicas, and deletes those that the request says. The request's epochs were checked.
    pub fn stop_replicas(
        &mut self,
        request: &StopReplicaRequest,
        volume: &mut Volume,
        now: Time,
    ) -> (PartitionErrors, Vec<RoleChange>) {
        let (mut errors, mut roles) = (Vec::new(), Vec::new());
        for (id, leader_epoch, delete) in stops_of(request) {
            let current = self.partitions.get(&id).map_or(-1, Partition::leader_epoch);
            let stale = leader_epoch != EPOCH_DURING_DELETE
                && leader_epoch != NO_EPOCH
                && leader_epoch <= current;
            if stale {
                errors.push((id, ErrorCode::FENCED_LEADER_EPOCH));
                continue;
            }
            self.fetchers.remove(&id);
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

/// The partitions of a LeaderAndIsr request with their topic ids, in its order.
fn states_of(
    request: &LeaderAndIsrRequest,
) -> impl Iterator<Item = (TopicPartition, Uuid, &LeaderAndIsrPartitionState)> {
    let grouped = request.topic_states.iter().flat_map(|topic| {
        let LeaderAndIsrTopicState { topic_name, topic_id, partition_states } = topic;
        partition_states.iter().map(move |state| {
            (TopicPartition::new(topic_name, state.partition_index), *topic_id, state)
        })
    });
    let ungrouped = request.ungrouped_partition_states.iter().map(|state| {
        (TopicPartition::new(&state.topic_name, state.partition_index), Uuid::ZERO, state)
    });
    grouped.chain(ungrouped)
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
