//! What a leader does: appends, moves the high watermark, follows its followers and asks for ISR
//! changes.
//!
//! In Kafka: the leader's half of `kafka.cluster.Partition`.

use super::{IsrState, Partition, Role, list};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Mutant, Time, TraceEvent, is_planted};
use crate::broker::changes::{Changes, IsrProposal};
use crate::disk::Volume;
use crate::log::{AppendError, AppendInfo, AppendOrigin, LogError, StartOffsetReason};
use crate::node::view::RECORDS_SHOWN_MAX;
use crate::wire::ErrorCode;
use crate::wire::kafka::AlterIsrResponsePartitionData;

const PARTITION: &str = "kafka.cluster.Partition";

/// Records were not appended: Kafka's error, and its sentence where it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProduceError {
    /// The error.
    pub code: ErrorCode,
    /// The sentence.
    pub message: Option<String>,
    /// The records to blame, by their number in the batch, and why.
    pub records: Vec<(i32, String)>,
}

impl From<ErrorCode> for ProduceError {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new() }
    }
}

/// How far an append with acks=all has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProduceProgress {
    /// The high watermark has not reached it.
    Waiting,
    /// Every in-sync replica has it.
    Committed,
    /// It cannot be acknowledged.
    Failed(ErrorCode),
}

impl Partition {
    /// Appends what a producer or a coordinator of this broker sent.
    ///
    /// In Kafka: `Partition.appendRecordsToLeader`.
    pub fn append_records_to_leader(
        &mut self,
        records: &[u8],
        origin: AppendOrigin,
        required_acks: i16,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<AppendInfo, ProduceError> {
        if !self.is_leader() {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER.into());
        }
        let (isr, least) = (self.isr.committed(), self.config.min_insync_replicas);
        if required_acks == -1 && isr.len() < least {
            let message = format!(
                "The size of the current ISR Set({}) is insufficient to satisfy the min.isr requirement of {least} for partition {}",
                list(isr).replace(',', ", "),
                self.id
            );
            let code = ErrorCode::NOT_ENOUGH_REPLICAS;
            return Err(ProduceError { code, message: Some(message), records: Vec::new() });
        }
        let appended = self.log.append_as_leader(volume, records, self.leader_epoch, origin, now);
        changes.take_notes_of(&mut self.log);
        let info = appended.map_err(|error| refusal(error, changes))?;
        if !info.is_duplicate {
            self.note_append(&info, volume, changes);
        }
        self.maybe_increment_high_watermark(now, changes);
        Ok(info)
    }

    pub(super) fn note_append(
        &mut self,
        info: &AppendInfo,
        volume: &Volume,
        changes: &mut Changes,
    ) {
        let count = usize::try_from(info.last_offset - info.base_offset + 1).unwrap_or(0);
        self.shown.extend(self.log.newest_records(volume, count.min(RECORDS_SHOWN_MAX)));
        let too_many = self.shown.len().saturating_sub(RECORDS_SHOWN_MAX);
        self.shown.drain(..too_many);
        if info.epochs_changed {
            changes.to_sync.insert(self.log.epochs_file());
        }
        changes.moved.insert(self.id.clone());
        changes.trace(TraceEvent::Appended {
            partition: self.id.clone(),
            broker: BrokerId(self.config.broker),
            leader_epoch: self.leader_epoch,
            base_offset: info.base_offset,
            last_offset: info.last_offset,
            as_leader: self.is_leader(),
        });
    }

    /// The high watermark is the least log end offset among the leader and every replica that is
    /// in the maximal ISR or caught up lately. It never goes back. Waiting for replicas that are
    /// caught up though not yet in the ISR lets them come in at all.
    ///
    /// In Kafka: `Partition.maybeIncrementLeaderHW`.
    pub(super) fn maybe_increment_high_watermark(&mut self, now: Time, changes: &mut Changes) {
        let Role::Leader { remote, .. } = &self.role else { return };
        let counts = remote.iter().filter(|(id, replica)| {
            self.isr.is_maximal_member(**id) || replica.is_caught_up(self.config.lag_time_max, now)
        });
        let least = counts.map(|(_, replica)| replica.log_end_offset).min();
        let end = self.log.log_end_offset();
        let least = least.filter(|_| !is_planted(Mutant::HighWatermarkFromLeaderOnly));
        let to = least.map_or(end, |least| least.min(end));
        if to > self.high_watermark {
            self.set_high_watermark(to, changes);
        }
    }

    /// A follower fetched from `offset`. False when this leader does not know it.
    ///
    /// In Kafka: `Partition.updateFollowerFetchState`.
    pub fn update_follower_fetch_state(
        &mut self,
        follower: i32,
        offset: i64,
        log_start_offset: i64,
        now: Time,
        changes: &mut Changes,
    ) -> bool {
        let end = self.log.log_end_offset();
        let Role::Leader { remote, .. } = &mut self.role else { return false };
        let Some(replica) = remote.get_mut(&follower) else { return false };
        let before = replica.log_end_offset;
        if replica.log_start_offset != log_start_offset {
            changes.moved.insert(self.id.clone());
        }
        replica.on_fetch(offset, log_start_offset, now, end);
        self.maybe_expand_isr(follower, changes);
        if before != offset {
            self.maybe_increment_high_watermark(now, changes);
        }
        true
    }

    /// Lets the log begin at `offset`, −1 for the high watermark; returns where that is.
    ///
    /// In Kafka: `Partition.deleteRecordsOnLeader`.
    pub fn delete_records_on_leader(
        &mut self,
        offset: i64,
        volume: &mut Volume,
        changes: &mut Changes,
    ) -> Result<i64, ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        if !self.log.config().delete {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let to = if offset == -1 { self.high_watermark } else { offset };
        if to < 0 || to > self.high_watermark {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let reason = StartOffsetReason::ClientRecordDeletion;
        match self.log.maybe_increment_log_start_offset(volume, to, reason) {
            Ok(true) => self.note_new_start(volume, changes),
            Ok(false) => {}
            Err(LogError::Disk(disk)) => {
                changes.disk_failure = Some(disk);
                return Err(ErrorCode::KAFKA_STORAGE_ERROR);
            }
        }
        Ok(to)
    }

    /// The offset below which no living replica has records any more; none when this one does not
    /// lead.
    ///
    /// In Kafka: `Partition.lowWatermarkIfLeader`.
    pub fn low_watermark(&self, is_alive: impl Fn(i32) -> bool) -> Option<i64> {
        let Role::Leader { remote, .. } = &self.role else { return None };
        let others = remote.iter().filter(|(id, _)| is_alive(**id));
        let least = others.map(|(_, replica)| replica.log_start_offset).min();
        let own = self.log.log_start_offset();
        Some(least.map_or(own, |least| least.min(own)))
    }

    fn maybe_expand_isr(&mut self, follower: i32, changes: &mut Changes) {
        let Role::Leader { start_offset, remote } = &self.role else { return };
        let IsrState::Committed(isr) = &self.isr else { return };
        let end = remote.get(&follower).map_or(-1, |replica| replica.log_end_offset);
        // Below the epoch's start the follower may lack what the former leader acknowledged.
        let in_sync = end >= self.high_watermark && end >= *start_offset;
        if isr.contains(&follower) || !in_sync {
            return;
        }
        let isr = isr.clone();
        let before = list(&isr);
        self.isr = IsrState::PendingExpand { isr, added: follower };
        let after = list(&self.isr.proposed());
        self.log_isr(&format!("Expanding ISR from {before} to {after}"), changes);
        self.propose(changes);
    }

    /// Asks for an ISR without the followers that have lagged too long.
    ///
    /// In Kafka: `Partition.maybeShrinkIsr`.
    pub fn maybe_shrink_isr(&mut self, now: Time, changes: &mut Changes) {
        let Role::Leader { remote, .. } = &self.role else { return };
        let IsrState::Committed(isr) = &self.isr else { return };
        let end = self.log.log_end_offset();
        let followers = isr.iter().filter(|id| **id != self.config.broker);
        let out: Vec<i32> = followers
            .filter(|id| {
                remote.get(id).is_none_or(|replica| {
                    replica.log_end_offset != end
                        && !replica.is_caught_up(self.config.lag_time_max, now)
                })
            })
            .copied()
            .collect();
        if out.is_empty() {
            return;
        }
        let laggards: Vec<String> = out
            .iter()
            .map(|id| {
                let end = remote.get(id).map_or(-1, |replica| replica.log_end_offset);
                format!("(brokerId: {id}, endOffset: {end})")
            })
            .collect();
        let isr = isr.clone();
        let before = list(&isr);
        self.isr = IsrState::PendingShrink { isr, out };
        let text = format!(
            "Shrinking ISR from {before} to {}. Leader: (highWatermark: {}, endOffset: {end}). Out of sync replicas: {}.",
            list(&self.isr.proposed()),
            self.high_watermark,
            laggards.join(" ")
        );
        self.log_isr(&text, changes);
        self.propose(changes);
        self.maybe_increment_high_watermark(now, changes);
    }

    fn log_isr(&self, text: &str, changes: &mut Changes) {
        let Self { id, config, .. } = self;
        changes.info(PARTITION, format!("[Partition {id} broker={}] {text}", config.broker));
    }

    fn propose(&self, changes: &mut Changes) {
        changes.proposals.push(IsrProposal {
            partition: self.id.clone(),
            leader_epoch: self.leader_epoch,
            new_isr: self.isr.proposed(),
            isr_version: self.isr_version,
        });
    }

    /// The controller answered an ISR change.
    ///
    /// In Kafka: `Partition.handleAlterIsrResponse`.
    pub fn on_alter_isr(
        &mut self,
        answer: &AlterIsrResponsePartitionData,
        proposal: &IsrProposal,
        now: Time,
        changes: &mut Changes,
    ) {
        let is_ours = self.isr.is_in_flight()
            && self.leader_epoch == proposal.leader_epoch
            && self.isr_version == proposal.isr_version
            && self.isr.proposed() == proposal.new_isr;
        if !is_ours {
            return;
        }
        match answer.error_code {
            ErrorCode::NONE => self.commit_isr(answer, now, changes),
            // The controller knows better and will say so with a LeaderAndIsr.
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::INVALID_UPDATE_VERSION => {}
            error => {
                let new_isr = list(&proposal.new_isr);
                let text = format!(
                    "[Partition {} broker={}] Failed to update ISR to {new_isr} due to unexpected {error}. Retrying.",
                    self.id, self.config.broker
                );
                changes.log(LogLevel::Warn, PARTITION, text);
                self.propose(changes);
            }
        }
    }

    fn commit_isr(
        &mut self,
        answer: &AlterIsrResponsePartitionData,
        now: Time,
        changes: &mut Changes,
    ) {
        if answer.leader_epoch != self.leader_epoch
            || answer.current_isr_version <= self.isr_version
        {
            return;
        }
        let isr: Vec<BrokerId> = answer.isr.iter().copied().map(BrokerId).collect();
        let (partition, leader_epoch) = (self.id.clone(), self.leader_epoch);
        let event = match &self.isr {
            IsrState::PendingExpand { added, .. } => {
                let added = vec![BrokerId(*added)];
                Some(TraceEvent::IsrExpanded { partition, isr, added, leader_epoch })
            }
            IsrState::PendingShrink { out, .. } => {
                let out = out.iter().copied().map(BrokerId).collect();
                Some(TraceEvent::IsrShrunk { partition, isr, out, leader_epoch })
            }
            IsrState::Committed(_) => None,
        };
        self.isr = IsrState::Committed(answer.isr.clone());
        self.isr_version = answer.current_isr_version;
        let (text, version) = (list(&answer.isr), self.isr_version);
        self.log_isr(&format!("ISR updated to {text} and version updated to [{version}]"), changes);
        changes.events.extend(event);
        // With a laggard out of the ISR the rest may already have more than the high watermark.
        changes.moved.insert(self.id.clone());
        self.maybe_increment_high_watermark(now, changes);
    }

    /// How an append with acks=all stands whose last record is before `required_offset`.
    ///
    /// In Kafka: `Partition.checkEnoughReplicasReachOffset`.
    pub fn produce_progress(&self, required_offset: i64) -> ProduceProgress {
        if !self.is_leader() {
            ProduceProgress::Failed(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        } else if self.high_watermark < required_offset && !is_planted(Mutant::AckBeforeIsr) {
            ProduceProgress::Waiting
        } else if self.isr.maximal_len() < self.config.min_insync_replicas {
            ProduceProgress::Failed(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)
        } else {
            ProduceProgress::Committed
        }
    }
}

/// Kafka's answer for a refused append. A failing disk also takes the log directory offline.
pub(super) fn refusal(error: AppendError, changes: &mut Changes) -> ProduceError {
    match error {
        AppendError::Refused { code, message, records } => {
            ProduceError { code, message: Some(message), records }
        }
        AppendError::OutOfOrder { .. } => ErrorCode::UNKNOWN_SERVER_ERROR.into(),
        AppendError::Log(LogError::Disk(disk)) => {
            changes.disk_failure = Some(disk);
            ErrorCode::KAFKA_STORAGE_ERROR.into()
        }
    }
}
