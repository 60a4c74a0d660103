//! Storing groups and offsets in `__consumer_offsets`, loading them when this broker becomes the
//! leader of a partition of it, and giving them up when it is no more.
//!
//! In Kafka: GroupMetadataManager.storeGroup, loadGroupsAndOffsets, removeGroupsForPartition;
//! GroupCoordinator.onElection, onResignation.

use super::offsets::Committing;
use super::state::GroupState;
use super::{GroupAction, GroupCoordinator, TimerKey, records};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time};
use crate::broker::action::{Action, AppendOutcome};
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
}

impl GroupCoordinator {
    /// This broker leads partition `partition` of `__consumer_offsets`, whose batches from its
    /// beginning to its end are `batches`. Reading them takes no time here, so nobody is ever
    /// answered COORDINATOR_LOAD_IN_PROGRESS.
    #[must_use]
    pub fn on_partition_loaded(
        &mut self,
        now: Time,
        partition: i32,
        batches: &[u8],
    ) -> Vec<GroupAction> {
        self.now = now;
        // A leader that is told again of its leadership has newer groups than its log.
        if !self.owned.insert(partition) {
            return Vec::new();
        }
        self.info(format!("Elected as the group coordinator for partition {partition}"));
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
            let (generation, is_empty) = (group.generation, group.members.is_empty());
            self.groups.insert(id.clone(), group);
            if !is_empty {
                self.info(format!("Loading group metadata for {id} with generation {generation}"));
            }
            // The members have the whole session timeout to find this coordinator.
            for (member, timeout) in timeouts {
                self.set_session_timer(&id, &member, timeout);
            }
        }
        self.take_actions()
    }

    /// This broker does not lead that partition any more: whoever waits is sent away.
    #[must_use]
    pub fn on_partition_lost(&mut self, now: Time, partition: i32) -> Vec<GroupAction> {
        self.now = now;
        if self.owned.remove(&partition) {
            self.info(format!("Resigned as the group coordinator for partition {partition}"));
        }
        let ids: Vec<String> =
            self.groups.keys().filter(|id| self.partition_of(id) == partition).cloned().collect();
        for id in ids {
            self.unload(&id);
        }
        self.take_actions()
    }

    fn unload(&mut self, id: &str) {
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
            Some(Pending::Offsets(committing)) => self.on_offsets_stored(committing, error),
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

    pub(super) fn append(&mut self, group: &str, records: Bytes, pending: Pending) {
        let tag = self.next_append;
        self.next_append += 1;
        self.pending.insert(tag, pending);
        let partition = self.partition_of(group);
        self.actions.push(Action::AppendOffsets { partition, records, tag });
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
