//! Storing groups and offsets in `__consumer_offsets`, loading them when this broker becomes the
//! leader of a partition of it, and giving them up when it is no more.
//!
//! In Kafka: GroupMetadataManager.storeGroup, loadGroupsAndOffsets, removeGroupsForPartition;
//! GroupCoordinator.onElection, onResignation.

use super::offsets::Committing;
use super::state::GroupState;
use super::static_member::Replacing;
use super::{GroupAction, GroupCoordinator, TimerKey, records};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Span, Time};
use crate::broker::action::{Action, AppendOutcome};
use crate::cluster::BrokerConfig;
use crate::wire::ErrorCode;
use bytes::Bytes;

/// What is being stored.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Pending {
    /// A generation with its assignment.
    Assignment {
        /// Of which group.
        group: String,
        /// Which generation.
        generation: i32,
        /// Assignment of each member.
        assignment: SortedMap<String, Bytes>,
    },
    /// A group that has become empty.
    EmptyGroup {
        /// Which.
        group: String,
    },
    /// Offsets that somebody commits.
    Offsets(Committing),
    /// The new member id of a static member.
    StaticMember(Replacing),
    /// That offsets, or the group, are no more.
    Tombstones {
        /// Of which group.
        group: String,
        /// How many offsets.
        count: usize,
    },
}

impl GroupCoordinator {
    /// This broker leads partition `partition` of `__consumer_offsets` now, and reading the
    /// `log_bytes` of it takes a while: until then everybody is answered
    /// COORDINATOR_LOAD_IN_PROGRESS. A disk's latency is counted for each
    /// `offsets.load.buffer.size` begun.
    #[must_use]
    pub fn on_elected(&mut self, now: Time, partition: i32, log_bytes: u64) -> Vec<GroupAction> {
        self.now = now;
        // A leader that is told again of its leadership has newer groups than its log.
        if self.owned.contains(&partition) || !self.loading.insert(partition) {
            return Vec::new();
        }
        self.info(format!("Elected as the group coordinator for partition {partition}"));
        let buffers = log_bytes.div_ceil(self.config.offsets_load_buffer_size.max(1) as u64).max(1);
        let micros = self.read_latency.as_micros().saturating_mul(buffers);
        self.timers.set(TimerKey::Load { partition }, now + Span::from_micros(micros));
        self.take_actions()
    }

    /// The batches of a partition from its beginning to its end have been read.
    #[must_use]
    pub fn on_partition_loaded(
        &mut self,
        now: Time,
        partition: i32,
        batches: &[u8],
    ) -> Vec<GroupAction> {
        self.now = now;
        if !self.loading.remove(&partition) {
            return Vec::new();
        }
        self.owned.insert(partition);
        let loaded = records::load(batches);
        for complaint in loaded.complaints {
            self.log(LogLevel::Error, complaint);
        }
        for (id, group) in loaded.groups {
            let timeouts: Vec<(String, i32)> = group
                .members
                .values()
                .map(|member| (member.id.clone(), member.session_timeout_ms))
                .collect();
            let (generation, size) = (group.generation, group.members.len());
            self.groups.insert(id.clone(), group);
            self.info(format!("Loading group metadata for {id} with generation {generation}"));
            if i64::try_from(size).unwrap_or(i64::MAX) > i64::from(self.config.group_max_size) {
                let reason = self.over_capacity_text();
                self.prepare_rebalance(&id, &reason);
            }
            // The members have the whole session timeout to find this coordinator.
            for (member, timeout) in timeouts {
                self.set_session_timer(&id, &member, timeout);
            }
        }
        self.schedule_expiry();
        self.take_actions()
    }

    /// Kafka's words, with what its string template makes of the configuration.
    fn over_capacity_text(&self) -> String {
        let BrokerConfig {
            group_min_session_timeout_ms: min,
            group_max_session_timeout_ms: max,
            group_max_size: size,
            ..
        } = self.config;
        let delay = self.config.group_initial_rebalance_delay.as_millis();
        format!(
            "Freshly-loaded group is over capacity (GroupConfig({min},{max},{size},{delay})\
             .groupMaxSize). Rebalacing in order to give a chance for consumers to commit offsets"
        )
    }

    /// This broker does not lead that partition any more: whoever waits is sent away.
    #[must_use]
    pub fn on_partition_lost(&mut self, now: Time, partition: i32) -> Vec<GroupAction> {
        self.now = now;
        let was_loading = self.loading.remove(&partition);
        self.timers.cancel(&TimerKey::Load { partition });
        if self.owned.remove(&partition) || was_loading {
            self.info(format!("Resigned as the group coordinator for partition {partition}"));
        }
        let ids: Vec<String> =
            self.groups.keys().filter(|id| self.partition_of(id) == partition).cloned().collect();
        for id in ids {
            let generation = self.groups.get(&id).map_or(0, |group| group.generation);
            self.info(format!("Unloading group metadata for {id} with generation {generation}"));
            self.unload(&id);
        }
        self.take_actions()
    }

    /// Forgets a group; whoever waits is told to look for another coordinator.
    pub(super) fn unload(&mut self, id: &str) {
        let Some(mut group) = self.groups.remove(id) else { return };
        group.state = GroupState::Dead;
        self.timers.cancel(&TimerKey::Join { group: id.to_owned() });
        self.timers.cancel(&TimerKey::Sync { group: id.to_owned() });
        for member in group.pending_members {
            self.timers.cancel(&TimerKey::PendingMember { group: id.to_owned(), member });
        }
        for (member, its) in group.members {
            let key = TimerKey::Session { group: id.to_owned(), member: member.clone() };
            self.timers.cancel(&key);
            if let Some(token) = its.awaiting_join {
                self.refuse_join(token, &member, ErrorCode::NOT_COORDINATOR);
            }
            if let Some(token) = its.awaiting_sync {
                self.refuse_sync(token, ErrorCode::NOT_COORDINATOR);
            }
        }
    }

    /// What was to be stored is committed, or was refused.
    #[must_use]
    pub fn on_appended(&mut self, now: Time, tag: u64, outcome: AppendOutcome) -> Vec<GroupAction> {
        self.now = now;
        let error = outcome.err().unwrap_or(ErrorCode::NONE);
        match self.pending.remove(&tag) {
            Some(Pending::Assignment { group, generation, assignment }) => {
                self.on_assignment_stored(&group, generation, &assignment, of_group(error));
            }
            Some(Pending::EmptyGroup { group }) if error.is_error() => {
                let text = error.message();
                self.log(
                    LogLevel::Warn,
                    format!("Failed to write empty metadata for group {group}: {text}"),
                );
            }
            Some(Pending::Offsets(committing)) => self.on_offsets_stored(committing, tag, outcome),
            Some(Pending::StaticMember(replacing)) => {
                self.on_static_member_stored(replacing, of_group(error));
            }
            Some(Pending::Tombstones { group, count }) if error.is_error() => {
                let text = error.message();
                self.log(
                    LogLevel::Error,
                    format!(
                        "Failed to append {count} tombstones for expired/deleted offsets and/or \
                         metadata for group {group}: {text}"
                    ),
                );
            }
            _ => {}
        }
        self.take_actions()
    }

    pub(super) fn store_group(&mut self, id: &str, assignment: SortedMap<String, Bytes>) {
        let Some(group) = self.groups.get(id) else { return };
        let records = records::group_batch(self.now, group, &assignment);
        let generation = group.generation;
        let pending = Pending::Assignment { group: id.to_owned(), generation, assignment };
        self.append(id, records, pending);
    }

    pub(super) fn store_empty_group(&mut self, id: &str) {
        let Some(group) = self.groups.get(id) else { return };
        let records = records::group_batch(self.now, group, &SortedMap::new());
        self.append(id, records, Pending::EmptyGroup { group: id.to_owned() });
    }

    /// Stores the group as it is.
    pub(super) fn store_members(&mut self, id: &str, pending: Pending) {
        let Some(group) = self.groups.get(id) else { return };
        let assignment = group
            .members
            .values()
            .map(|member| (member.id.clone(), member.assignment.clone()))
            .collect();
        let records = records::group_batch(self.now, group, &assignment);
        self.append(id, records, pending);
    }

    /// Appends, and waits as `offsets.commit.required.acks` says; the tag.
    pub(super) fn append(&mut self, group: &str, records: Bytes, pending: Pending) -> u64 {
        let acks = self.config.offsets_commit_required_acks;
        self.append_with_acks(group, records, pending, acks)
    }

    pub(super) fn append_with_acks(
        &mut self,
        group: &str,
        records: Bytes,
        pending: Pending,
        acks: i16,
    ) -> u64 {
        let tag = self.next_append;
        self.next_append += 1;
        self.pending.insert(tag, pending);
        let partition = self.partition_of(group);
        self.actions.push(Action::AppendOffsets { partition, records, acks, tag });
        tag
    }
}

/// What a member is told when its group could not be stored.
fn of_group(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => {
            ErrorCode::NOT_COORDINATOR
        }
        ErrorCode::REQUEST_TIMED_OUT => ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_FETCH_SIZE => ErrorCode::UNKNOWN_SERVER_ERROR,
        other => other,
    }
}
