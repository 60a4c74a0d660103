//! SyncGroup: the leader hands in the assignment, everybody gets theirs once it is stored.
//!
//! In Kafka: GroupCoordinator.doSyncGroup, propagateAssignment.

use super::state::GroupState;
use super::{GroupAction, GroupCoordinator, TimerKey};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time, TraceEvent};
use crate::broker::action::{RequestContext, RequestToken};
use crate::wire::ErrorCode;
use crate::wire::kafka::{SyncGroupRequest, SyncGroupResponse};
use bytes::Bytes;

impl GroupCoordinator {
    /// SyncGroup.
    #[must_use]
    pub fn handle_sync_group(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: SyncGroupRequest,
    ) -> Vec<GroupAction> {
        self.now = now;
        match self.sync_error(&request) {
            Some(error) => self.refuse_sync(context.token, error),
            None => self.sync(context.token, request),
        }
        self.take_actions()
    }

    fn sync_error(&mut self, request: &SyncGroupRequest) -> Option<ErrorCode> {
        if let Some(error) = self.group_error(&request.group_id, false) {
            // Old clients do not know the error, and the group has to join again anyway.
            return Some(match error {
                ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => ErrorCode::REBALANCE_IN_PROGRESS,
                error => error,
            });
        }
        let (id, instance) = (&request.group_id, request.group_instance_id.as_deref());
        let is_fenced = self.is_fenced(id, &request.member_id, instance, "sync-group");
        let Some(group) = self.groups.get(&request.group_id) else {
            return Some(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let differs =
            |asked: &Option<String>, known: &Option<String>| asked.is_some() && asked != known;
        if group.state == GroupState::Dead {
            Some(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        } else if is_fenced {
            Some(ErrorCode::FENCED_INSTANCE_ID)
        } else if !group.members.contains_key(&request.member_id) {
            Some(ErrorCode::UNKNOWN_MEMBER_ID)
        } else if request.generation_id != group.generation {
            Some(ErrorCode::ILLEGAL_GENERATION)
        } else if differs(&request.protocol_type, &group.protocol_type)
            || differs(&request.protocol_name, &group.protocol)
        {
            Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else {
            match group.state {
                GroupState::Empty => Some(ErrorCode::UNKNOWN_MEMBER_ID),
                GroupState::PreparingRebalance => Some(ErrorCode::REBALANCE_IN_PROGRESS),
                _ => None,
            }
        }
    }

    fn sync(&mut self, token: RequestToken, request: SyncGroupRequest) {
        let id = request.group_id.clone();
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.pending_sync.remove(&request.member_id);
        if group.pending_sync.is_empty() {
            self.timers.cancel(&TimerKey::Sync { group: id.clone() });
        }
        let is_leader = group.is_leader(&request.member_id);
        let is_stable = group.state == GroupState::Stable;
        let Some(member) = group.members.get_mut(&request.member_id) else { return };
        if is_stable {
            let (assignment, timeout) = (member.assignment.clone(), member.session_timeout_ms);
            self.answer_sync(token, &id, assignment);
            self.set_session_timer(&id, &request.member_id, timeout);
            return;
        }
        let earlier = member.awaiting_sync.replace(token);
        if let Some(earlier) = earlier {
            self.refuse_sync(earlier, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if is_leader {
            self.take_assignment(request);
        }
    }

    fn take_assignment(&mut self, request: SyncGroupRequest) {
        let id = request.group_id;
        let Some(group) = self.groups.get(&id) else { return };
        let (generation, size) = (group.generation, group.members.len());
        let of_static = group.static_members.len();
        let mut assignment: SortedMap<String, Bytes> =
            request.assignments.into_iter().map(|one| (one.member_id, one.assignment)).collect();
        let missing: Vec<String> =
            group.members.keys().filter(|id| !assignment.contains_key(*id)).cloned().collect();
        self.info(format!(
            "Assignment received from leader for group {id} for generation {generation}. The group \
             has {size} members, {of_static} of which are static."
        ));
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.log(
                LogLevel::Warn,
                format!(
                    "Setting empty assignments for members Set({names}) of {id} for generation \
                     {generation}"
                ),
            );
        }
        assignment.extend(missing.into_iter().map(|member| (member, Bytes::new())));
        self.store_group(&id, assignment);
    }

    /// The assignment is stored, or not: everybody who waits for it is answered.
    pub(super) fn on_assignment_stored(
        &mut self,
        id: &str,
        generation: i32,
        assignment: &SortedMap<String, Bytes>,
        error: ErrorCode,
    ) {
        let now_ms = self.now_ms();
        let Some(group) = self.groups.get_mut(id) else { return };
        // Another member may have joined meanwhile; then this assignment is of the past.
        if group.state != GroupState::CompletingRebalance || group.generation != generation {
            return;
        }
        if error.is_error() {
            self.propagate_assignment_error(id, error);
            let reason = "error when storing group assignment during SyncGroup";
            return self.maybe_prepare_rebalance(id, reason);
        }
        for (member, its) in &mut group.members {
            its.assignment = assignment.get(member).cloned().unwrap_or_default();
        }
        group.transition_to(GroupState::Stable, now_ms);
        let members: Vec<String> = group.members.keys().cloned().collect();
        self.propagate_assignment(id);
        let group = id.to_owned();
        self.trace(TraceEvent::GroupStabilized { group, generation, members });
    }

    fn propagate_assignment(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let first = group.members.values().map(|member| member.assignment.clone()).next();
        let shared = first.filter(|_| is_planted(Mutant::AssignEverythingToAll));
        let waiting: Vec<_> = group
            .members
            .values_mut()
            .filter_map(|member| {
                let token = member.awaiting_sync.take()?;
                let assignment = shared.clone().unwrap_or_else(|| member.assignment.clone());
                Some((token, member.id.clone(), assignment, member.session_timeout_ms))
            })
            .collect();
        let generation = group.generation;
        for (token, member, assignment, timeout) in waiting {
            if assignment.is_empty() {
                self.log(
                    LogLevel::Warn,
                    format!(
                        "Sending empty assignment to member {member} of {id} for generation \
                         {generation} with no errors"
                    ),
                );
            }
            self.answer_sync(token, id, assignment);
            self.set_session_timer(id, &member, timeout);
        }
    }

    /// Nobody gets an assignment: whoever waits for it is told why.
    pub(super) fn propagate_assignment_error(&mut self, id: &str, error: ErrorCode) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let mut waiting = Vec::new();
        for member in group.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(token) = member.awaiting_sync.take() {
                waiting.push((token, member.id.clone(), member.session_timeout_ms));
            }
        }
        for (token, member, timeout) in waiting {
            self.refuse_sync(token, error);
            self.set_session_timer(id, &member, timeout);
        }
    }

    fn answer_sync(&mut self, token: RequestToken, id: &str, assignment: Bytes) {
        let Some(group) = self.groups.get(id) else { return };
        let response = SyncGroupResponse {
            error_code: ErrorCode::NONE,
            protocol_type: group.protocol_type.clone(),
            protocol_name: group.protocol.clone(),
            assignment,
            ..SyncGroupResponse::default()
        };
        self.reply(token, response);
    }

    pub(super) fn refuse_sync(&mut self, token: RequestToken, error: ErrorCode) {
        self.reply(token, SyncGroupResponse { error_code: error, ..SyncGroupResponse::default() });
    }
}
