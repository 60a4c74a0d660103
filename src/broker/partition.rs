//! One replica of a partition on this broker: its log, its role, and when it leads what it knows of
//! the others.
//!
//! state: NotStarted. action: LeaderAndIsr names this broker. transition: → Leader.
//! state: any. action: LeaderAndIsr names another. transition: → Follower.
//!
//! In Kafka: `kafka.cluster.Partition`.

mod follower;
mod isr;
mod leader;
mod read;

pub use isr::{IsrState, RemoteReplica};
pub use leader::{ProduceError, ProduceProgress};
pub use read::{FetchIsolation, ReadInfo, ReadRequest};

use super::changes::Changes;
use crate::base::{BrokerId, SortedMap, Span, Time, TopicPartition, TraceEvent};
use crate::disk::Volume;
use crate::log::{LogConfig, LogError, PartitionLog};
use crate::node::view::{RECORDS_SHOWN_MAX, RecordView, ReplicaView};
use crate::wire::ErrorCode;
use crate::wire::kafka::LeaderAndIsrPartitionState;
use std::rc::Rc;

const STATE_CHANGE: &str = "state.change.logger";

/// What a partition is told of its broker and topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionConfig {
    /// This broker.
    pub broker: i32,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: Span,
    /// `min.insync.replicas` of the topic.
    pub min_insync_replicas: usize,
    /// The settings of the log.
    pub log: LogConfig,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Role {
    NotStarted,
    Leader {
        /// Offset at which the leader's epoch began.
        start_offset: i64,
        remote: SortedMap<i32, RemoteReplica>,
    },
    Follower,
}

/// A replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    id: TopicPartition,
    config: PartitionConfig,
    log: PartitionLog,
    role: Role,
    leader: i32,
    leader_epoch: i32,
    isr_version: i32,
    isr: IsrState,
    assigned_replicas: Vec<i32>,
    high_watermark: i64,
    /// The newest records, for the view, which has no access to the volume.
    shown: Vec<Rc<RecordView>>,
}

impl Partition {
    /// A replica that no controller has told anything yet. `high_watermark` is the checkpointed
    /// one; it cannot lie beyond the log's end.
    pub fn new(
        id: TopicPartition,
        config: PartitionConfig,
        log: PartitionLog,
        high_watermark: i64,
        volume: &Volume,
    ) -> Self {
        let high_watermark = high_watermark.clamp(log.log_start_offset(), log.log_end_offset());
        let shown = log.newest_records(volume, RECORDS_SHOWN_MAX);
        Self {
            id,
            config,
            log,
            role: Role::NotStarted,
            leader: -1,
            leader_epoch: -1,
            isr_version: 0,
            isr: IsrState::Committed(Vec::new()),
            assigned_replicas: Vec::new(),
            high_watermark,
            shown,
        }
    }

    /// Which partition this is.
    pub fn id(&self) -> &TopicPartition {
        &self.id
    }

    /// The log.
    pub fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// The log, for what is done to it at its own time.
    pub fn log_mut(&mut self) -> &mut PartitionLog {
        &mut self.log
    }

    /// Gives up the replica for its log.
    pub fn into_log(self) -> PartitionLog {
        self.log
    }

    /// Epoch of the leader, −1 before the first LeaderAndIsr.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Version of the ISR that the controller knows of.
    pub fn isr_version(&self) -> i32 {
        self.isr_version
    }

    /// True when this replica leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// True when this replica follows.
    pub fn is_follower(&self) -> bool {
        self.role == Role::Follower
    }

    /// The leader, −1 for none.
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// Up to here (exclusive) consumers may read.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Up to here (exclusive) consumers of committed records may read.
    pub fn last_stable_offset(&self) -> i64 {
        let unstable = self.log.producers().first_unstable_offset();
        unstable.map_or(self.high_watermark, |offset| offset.min(self.high_watermark))
    }

    /// What the leader knows of its followers; none on a follower.
    pub fn remote_replicas(&self) -> Option<&SortedMap<i32, RemoteReplica>> {
        match &self.role {
            Role::Leader { remote, .. } => Some(remote),
            Role::Follower | Role::NotStarted => None,
        }
    }

    /// The ISR, as the leader knows it; empty on a follower.
    pub fn isr(&self) -> &IsrState {
        &self.isr
    }

    /// Gives up what retention no longer keeps, below the high watermark.
    pub fn delete_old_segments(
        &mut self,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(), LogError> {
        let count = self.log.delete_old_segments(volume, self.high_watermark, now)?;
        if count > 0 {
            self.note_new_start(volume, changes);
        }
        Ok(())
    }

    /// Puts compacted segments in the place of the old ones; returns up to where the log is clean.
    pub fn swap_cleaned(
        &mut self,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<Option<i64>, LogError> {
        let clean = self.log.swap_cleaned(volume, now)?;
        changes.take_notes_of(&mut self.log);
        self.shown = self.log.newest_records(volume, RECORDS_SHOWN_MAX);
        Ok(clean)
    }

    /// The log begins later than before.
    fn note_new_start(&mut self, volume: &Volume, changes: &mut Changes) {
        changes.take_notes_of(&mut self.log);
        changes.to_sync.insert(self.log.epochs_file());
        changes.moved.insert(self.id.clone());
        self.shown = self.log.newest_records(volume, RECORDS_SHOWN_MAX);
        self.set_high_watermark(self.high_watermark.max(self.log.log_start_offset()), changes);
    }

    /// New settings of the topic.
    pub fn set_config(&mut self, config: PartitionConfig) {
        self.log.set_config(config.log.clone());
        self.config = config;
    }

    /// Becomes the leader, or stays it with a newer epoch. True when it did not lead before.
    ///
    /// In Kafka: `Partition.makeLeader`.
    pub fn make_leader(
        &mut self,
        state: &LeaderAndIsrPartitionState,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<bool, LogError> {
        let start_offset = self.log.log_end_offset();
        let adding = list(&state.adding_replicas);
        let removing = list(&state.removing_replicas);
        let (isr, hw, old) = (list(&state.isr), self.high_watermark, self.leader_epoch);
        changes.info(
            STATE_CHANGE,
            format!(
                "[Broker id={}] Leader {} starts at leader epoch {} from offset {start_offset} with high watermark {hw} ISR [{isr}] addingReplicas [{adding}] removingReplicas [{removing}]. Previous leader epoch was {old}.",
                self.config.broker, self.id, state.leader_epoch
            ),
        );
        let was_leader = self.is_leader();
        self.take_state(state, state.isr.clone(), changes);
        // Followers may hold entries of a later epoch than any in this log: noting where the new
        // epoch begins lets them find where to cut, even before a record is appended.
        if self.log.assign_epoch_start(volume, self.leader_epoch)? {
            changes.to_sync.insert(self.log.epochs_file());
        }
        let others = self.assigned_replicas.iter().filter(|id| **id != self.config.broker);
        let remote = others
            .map(|id| {
                let mut replica = RemoteReplica::new(state.isr.contains(id), now);
                if let Role::Leader { remote, .. } = &self.role
                    && let Some(known) = remote.get(id)
                {
                    replica.log_end_offset = known.log_end_offset;
                    replica.leader_end_at_last_fetch = start_offset;
                    replica.last_fetch = now;
                }
                (*id, replica)
            })
            .collect();
        self.role = Role::Leader { start_offset, remote };
        changes.trace(TraceEvent::BecameLeader {
            partition: self.id.clone(),
            broker: BrokerId(self.config.broker),
            leader_epoch: self.leader_epoch,
            start_offset,
        });
        changes.moved.insert(self.id.clone());
        // The ISR could be down to this replica alone.
        self.maybe_increment_high_watermark(now, changes);
        Ok(!was_leader)
    }

    /// Becomes a follower, or follows somebody else or in a newer epoch. True when there is
    /// something new to follow.
    ///
    /// In Kafka: `Partition.makeFollower`.
    pub fn make_follower(
        &mut self,
        state: &LeaderAndIsrPartitionState,
        changes: &mut Changes,
    ) -> bool {
        let (end, hw, old) = (self.log.log_end_offset(), self.high_watermark, self.leader_epoch);
        changes.info(
            STATE_CHANGE,
            format!(
                "[Broker id={}] Follower {} starts at leader epoch {} from offset {end} with high watermark {hw}. Previous leader epoch was {old}.",
                self.config.broker, self.id, state.leader_epoch
            ),
        );
        let is_new = self.leader != state.leader || self.leader_epoch != state.leader_epoch;
        self.take_state(state, Vec::new(), changes);
        self.role = Role::Follower;
        changes.trace(TraceEvent::BecameFollower {
            partition: self.id.clone(),
            broker: BrokerId(self.config.broker),
            leader_epoch: self.leader_epoch,
            leader: BrokerId(self.leader),
        });
        changes.moved.insert(self.id.clone());
        is_new
    }

    fn take_state(
        &mut self,
        state: &LeaderAndIsrPartitionState,
        isr: Vec<i32>,
        changes: &mut Changes,
    ) {
        self.leader = state.leader;
        self.leader_epoch = state.leader_epoch;
        self.isr_version = state.zk_version;
        self.isr = IsrState::Committed(isr);
        self.assigned_replicas.clone_from(&state.replicas);
        changes.withdrawn.insert(self.id.clone());
    }

    /// Refuses a request made under another leader epoch than this replica knows; −1 is no epoch
    /// at all and passes.
    ///
    /// In Kafka: `Partition.checkCurrentLeaderEpoch`.
    pub fn check_leader_epoch(&self, current_leader_epoch: i32) -> Result<(), ErrorCode> {
        match current_leader_epoch {
            -1 => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH),
            epoch if epoch > self.leader_epoch => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }

    /// Checks the epoch, then that this replica leads if that is wanted.
    pub fn check_access(&self, current_leader_epoch: i32, lead: bool) -> Result<(), ErrorCode> {
        self.check_leader_epoch(current_leader_epoch)?;
        let may = match self.role {
            Role::Leader { .. } => true,
            Role::Follower => !lead,
            Role::NotStarted => false,
        };
        if may { Ok(()) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    fn set_high_watermark(&mut self, to: i64, changes: &mut Changes) {
        let from = self.high_watermark;
        if from == to {
            return;
        }
        self.high_watermark = to;
        self.log.on_high_watermark_updated(to);
        changes.moved.insert(self.id.clone());
        // A truncation can only take it back; that is told by its own event.
        if to > from {
            changes.trace(TraceEvent::HighWatermarkAdvanced {
                partition: self.id.clone(),
                broker: BrokerId(self.config.broker),
                from,
                to,
                leader: self.is_leader(),
            });
        }
    }

    /// A picture of the replica. `known_isr` is what the metadata cache says, for a follower.
    pub fn view(&self, known_isr: &[i32]) -> ReplicaView {
        let (followers, isr) = match &self.role {
            Role::Leader { remote, .. } => (
                remote.iter().map(|(id, replica)| (*id, replica.log_end_offset)).collect(),
                self.isr.committed(),
            ),
            Role::Follower | Role::NotStarted => (SortedMap::new(), known_isr),
        };
        ReplicaView {
            partition: self.id.clone(),
            is_leader: self.is_leader(),
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            assigned_replicas: self.assigned_replicas.clone(),
            isr: isr.to_vec(),
            log_start_offset: self.log.log_start_offset(),
            log_end_offset: self.log.log_end_offset(),
            high_watermark: self.high_watermark,
            followers,
            leader_epochs: self.log.leader_epochs().entries().to_vec(),
            records: self.shown.clone(),
            batch_crcs: self.log.batch_crcs(self.high_watermark, RECORDS_SHOWN_MAX),
            online: true,
        }
    }
}

fn list(ids: &[i32]) -> String {
    let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
    ids.join(",")
}

#[cfg(test)]
mod tests;
