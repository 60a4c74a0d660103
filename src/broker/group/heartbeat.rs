//! Heartbeat and LeaveGroup, and what happens to members that are silent for too long.
//!
//! In Kafka: GroupCoordinator.handleHeartbeat, handleLeaveGroup, onExpireHeartbeat.

use super::join::option_text;
use super::state::GroupState;
use super::{GroupAction, GroupCoordinator, TimerKey};
use crate::base::Time;
use crate::broker::action::RequestContext;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, MemberIdentity,
    MemberResponse,
};

/// From here on several members can leave in one request.
const FIRST_VERSION_WITH_MEMBERS: i16 = 3;

impl GroupCoordinator {
    /// Heartbeat.
    #[must_use]
    pub fn handle_heartbeat(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: &HeartbeatRequest,
    ) -> Vec<GroupAction> {
        self.now = now;
        let error_code = self.heartbeat(request);
        self.reply(context.token, HeartbeatResponse { error_code, ..HeartbeatResponse::default() });
        self.take_actions()
    }

    fn heartbeat(&mut self, request: &HeartbeatRequest) -> ErrorCode {
        match self.group_error(&request.group_id, false) {
            // Whether the member is one will be known soon.
            Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => return ErrorCode::NONE,
            Some(error) => return error,
            None => {}
        }
        let (id, instance) = (&request.group_id, request.group_instance_id.as_deref());
        let is_fenced = self.is_fenced(id, &request.member_id, instance, "heartbeat");
        let Some(group) = self.groups.get(&request.group_id) else {
            return ErrorCode::UNKNOWN_MEMBER_ID;
        };
        if group.state == GroupState::Dead {
            return ErrorCode::COORDINATOR_NOT_AVAILABLE;
        }
        if is_fenced {
            return ErrorCode::FENCED_INSTANCE_ID;
        }
        let Some(member) = group.members.get(&request.member_id) else {
            return ErrorCode::UNKNOWN_MEMBER_ID;
        };
        if request.generation_id != group.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        let (state, timeout) = (group.state, member.session_timeout_ms);
        if state == GroupState::Empty {
            return ErrorCode::UNKNOWN_MEMBER_ID;
        }
        self.set_session_timer(&request.group_id, &request.member_id, timeout);
        match state {
            GroupState::PreparingRebalance => ErrorCode::REBALANCE_IN_PROGRESS,
            _ => ErrorCode::NONE,
        }
    }

    /// LeaveGroup.
    #[must_use]
    pub fn handle_leave_group(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: LeaveGroupRequest,
    ) -> Vec<GroupAction> {
        self.now = now;
        let has_members = context.api_version >= FIRST_VERSION_WITH_MEMBERS;
        let leaving = if has_members {
            request.members
        } else {
            vec![MemberIdentity { member_id: request.member_id, group_instance_id: None }]
        };
        let is_dead = self.state_of(&request.group_id) == Some(GroupState::Dead);
        let error = self
            .group_error(&request.group_id, false)
            .or(is_dead.then_some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        let mut response = LeaveGroupResponse::default();
        if let Some(error) = error {
            response.error_code = error;
        } else {
            for identity in leaving {
                let error_code = self.leave(&request.group_id, &identity);
                let MemberIdentity { member_id, group_instance_id } = identity;
                response.members.push(MemberResponse { member_id, group_instance_id, error_code });
            }
            if let [only] = &response.members[..]
                && !has_members
            {
                response.error_code = only.error_code;
            }
        }
        self.reply(context.token, response);
        self.take_actions()
    }

    fn leave(&mut self, id: &str, identity: &MemberIdentity) -> ErrorCode {
        let asked = &identity.member_id;
        let instance = identity.group_instance_id.as_deref();
        // An administrator removes a static member by its instance alone.
        if !asked.is_empty() && self.is_fenced(id, asked, instance, "leave-group") {
            return ErrorCode::FENCED_INSTANCE_ID;
        }
        let Some(group) = self.groups.get_mut(id) else { return ErrorCode::UNKNOWN_MEMBER_ID };
        let member = group.static_member(instance).unwrap_or(asked).to_owned();
        let member = member.as_str();
        if instance.is_none() && group.pending_members.remove(member) {
            let key = TimerKey::PendingMember { group: id.to_owned(), member: member.to_owned() };
            self.timers.cancel(&key);
            self.info(format!("Pending member {member} is leaving group {id}."));
            self.maybe_complete_join(id);
        } else if let Some(known) = group.members.get(member) {
            let instance = option_text(known.group_instance_id.as_deref());
            self.info(format!(
                "Member[group.instance.id {instance}, member.id {member}] in group {id} has left, \
                 removing it from the group"
            ));
            let reason = format!("removing member {asked} on LeaveGroup");
            self.remove_member_and_update_group(id, member, &reason);
        } else {
            return ErrorCode::UNKNOWN_MEMBER_ID;
        }
        ErrorCode::NONE
    }

    fn remove_member_and_update_group(&mut self, id: &str, member: &str, reason: &str) {
        let removed = self.groups.get_mut(id).and_then(|group| group.remove(member));
        let Some(removed) = removed else { return };
        if let Some(token) = removed.awaiting_join {
            self.refuse_join(token, "", ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if let Some(token) = removed.awaiting_sync {
            self.refuse_sync(token, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.forget_member(id, member, reason);
        match self.state_of(id) {
            Some(GroupState::Stable | GroupState::CompletingRebalance) => {
                self.maybe_prepare_rebalance(id, reason);
            }
            Some(GroupState::PreparingRebalance) => self.maybe_complete_join(id),
            _ => {}
        }
    }

    pub(super) fn on_session_timeout(&mut self, id: &str, member: &str) {
        let known = self.groups.get(id).and_then(|group| group.members.get(member));
        if known.is_some_and(|known| !known.is_excused()) {
            self.info(format!(
                "Member {member} in group {id} has failed, removing it from the group"
            ));
            let reason = format!("removing member {member} on heartbeat expiration");
            self.remove_member_and_update_group(id, member, &reason);
        }
    }

    pub(super) fn on_pending_member_timeout(&mut self, id: &str, member: &str) {
        let removed = self.groups.get_mut(id).is_some_and(|one| one.pending_members.remove(member));
        if removed {
            self.info(format!(
                "Pending member {member} in group {id} has been removed after session timeout \
                 expiration."
            ));
            self.maybe_complete_join(id);
        }
    }
}
