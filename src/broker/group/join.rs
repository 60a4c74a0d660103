//! JoinGroup: a member comes, or comes again.
//!
//! In Kafka: GroupCoordinator.handleJoinGroup, doUnknownJoinGroup, doJoinGroup; KIP-394, KIP-389.

use super::metadata::{Group, Member};
use super::state::GroupState;
use super::{GroupAction, GroupCoordinator, TimerKey};
use crate::base::trace::LogLevel;
use crate::base::{Span, Time, TraceEvent};
use crate::broker::action::{RequestContext, RequestToken};
use crate::wire::ErrorCode;
use crate::wire::kafka::{JoinGroupRequest, JoinGroupResponse};
use bytes::Bytes;

/// From here on a new member is given its id first and must come again with it.
const FIRST_VERSION_REQUIRING_MEMBER_ID: i16 = 4;
/// How long a member that was never part of a generation may wait for the rebalance.
const NEW_MEMBER_JOIN_TIMEOUT: Span = Span::from_secs(300);

/// A join with its context.
pub(super) struct Joining<'a> {
    pub(super) token: RequestToken,
    pub(super) context: &'a RequestContext,
    pub(super) request: JoinGroupRequest,
    pub(super) protocols: Vec<(String, Bytes)>,
}

impl GroupCoordinator {
    /// JoinGroup.
    #[must_use]
    pub fn handle_join_group(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: JoinGroupRequest,
    ) -> Vec<GroupAction> {
        self.now = now;
        let group = request.group_id.clone();
        let member = request.member_id.clone();
        let timeouts =
            self.config.group_min_session_timeout_ms..=self.config.group_max_session_timeout_ms;
        let error = if let Some(error) = self.group_error(&group, false) {
            Some(error)
        } else if !timeouts.contains(&request.session_timeout_ms) {
            Some(ErrorCode::INVALID_SESSION_TIMEOUT)
        } else if !member.is_empty() && !self.groups.contains_key(&group) {
            Some(ErrorCode::UNKNOWN_MEMBER_ID)
        } else {
            None
        };
        match error {
            Some(error) => self.refuse_join(context.token, &member, error),
            None => self.join(context, request),
        }
        self.take_actions()
    }

    fn join(&mut self, context: &RequestContext, request: JoinGroupRequest) {
        let id = request.group_id.clone();
        let protocols =
            request.protocols.iter().map(|one| (one.name.clone(), one.metadata.clone())).collect();
        let joining = Joining { token: context.token, context, request, protocols };
        let group_size_max = usize::try_from(self.config.group_max_size).unwrap_or(usize::MAX);
        let group = self.groups.entry(id.clone()).or_insert_with(|| Group::new(&id));
        let member = joining.request.member_id.clone();
        let is_full = !has_room(group, &member, group_size_max);
        self.schedule_expiry();
        let Some(group) = self.groups.get_mut(&id) else { return };
        if is_full {
            if group.remove(&member).is_some() {
                self.forget_member(&id, &member, "the group has reached group.max.size");
            }
            self.refuse_join(joining.token, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
        } else if group.state == GroupState::Dead {
            self.refuse_join(joining.token, &member, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        } else if !group.supports_protocols(&joining.request.protocol_type, &joining.protocols) {
            self.refuse_join(joining.token, &member, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        } else if member.is_empty() {
            self.join_unknown(joining);
        } else {
            self.join_known(joining);
        }
        if self.state_of(&id) == Some(GroupState::PreparingRebalance) {
            self.maybe_complete_join(&id);
        }
    }

    fn join_unknown(&mut self, joining: Joining<'_>) {
        let id = joining.request.group_id.clone();
        let instance = joining.request.group_instance_id.as_deref();
        let prefix = instance.unwrap_or(&joining.context.client_id);
        let member = format!("{prefix}-{}", uuid_text(self.rng.uuid()));
        let replaced = self.groups.get(&id).and_then(|group| group.static_member(instance));
        if let Some(old) = replaced.map(str::to_owned) {
            self.update_static_member_and_rebalance(joining, old, member);
        } else if instance.is_none()
            && joining.context.api_version >= FIRST_VERSION_REQUIRING_MEMBER_ID
        {
            let timeout = millis(joining.request.session_timeout_ms);
            if let Some(group) = self.groups.get_mut(&id) {
                group.pending_members.insert(member.clone());
            }
            let key = TimerKey::PendingMember { group: id, member: member.clone() };
            self.timers.set(key, self.now + timeout);
            self.refuse_join(joining.token, &member, ErrorCode::MEMBER_ID_REQUIRED);
        } else {
            let state = self.state_of(&id).map_or("", GroupState::name);
            let kind = if instance.is_some() { "Static" } else { "Dynamic" };
            self.info(format!(
                "{kind} Member with unknown member id joins group {id} in {state} state. Created \
                 a new member id {member} for this member and add to the group."
            ));
            self.add_member_and_rebalance(joining, member);
        }
    }

    fn join_known(&mut self, joining: Joining<'_>) {
        let id = joining.request.group_id.clone();
        let member = joining.request.member_id.clone();
        let instance = joining.request.group_instance_id.clone();
        let Some(group) = self.groups.get(&id) else { return };
        // Ids that were given out and not taken up are those of dynamic members.
        if instance.is_none() && group.pending_members.contains(&member) {
            return self.add_member_and_rebalance(joining, member);
        }
        if self.is_fenced(&id, &member, instance.as_deref(), "join-group") {
            return self.refuse_join(joining.token, &member, ErrorCode::FENCED_INSTANCE_ID);
        }
        let Some(group) = self.groups.get(&id) else { return };
        if instance.is_some() && group.static_member(instance.as_deref()).is_none() {
            return self.refuse_join(joining.token, &member, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let Some(known) = group.members.get(&member) else {
            return self.refuse_join(joining.token, &member, ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let is_same = known.protocols == joining.protocols;
        let is_leader = group.is_leader(&member);
        let state = group.state.name();
        match group.state {
            GroupState::PreparingRebalance => {
                let reason = format!("Member {member} joining group during {state}");
                self.update_member_and_rebalance(joining, &reason);
            }
            GroupState::Stable if is_leader => {
                let reason = format!("leader {member} re-joining group during {state}");
                self.update_member_and_rebalance(joining, &reason);
            }
            GroupState::CompletingRebalance | GroupState::Stable if is_same => {
                // It may not have got the answer to its first JoinGroup.
                self.answer_join(joining.token, &id, &member);
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                let reason = format!("Updating metadata for member {member} during {state}");
                self.update_member_and_rebalance(joining, &reason);
            }
            GroupState::Empty | GroupState::Dead => {
                self.log(
                    LogLevel::Warn,
                    format!(
                        "Attempt to add rejoining member {member} of group {id} in unexpected group \
                         state {state}"
                    ),
                );
                self.refuse_join(joining.token, &member, ErrorCode::UNKNOWN_MEMBER_ID);
            }
        }
    }

    fn add_member_and_rebalance(&mut self, joining: Joining<'_>, id: String) {
        let Joining { token, context, request, protocols } = joining;
        // Version 0 has one timeout for both.
        let rebalance_timeout_ms = match request.rebalance_timeout_ms {
            timeout if timeout < 0 => request.session_timeout_ms,
            timeout => timeout,
        };
        let member = Member {
            id: id.clone(),
            group_instance_id: request.group_instance_id.clone(),
            client_id: context.client_id.clone(),
            client_host: context.client_host.clone(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms,
            protocols,
            assignment: Bytes::new(),
            awaiting_join: Some(token),
            awaiting_sync: None,
            is_new: true,
        };
        let Some(group) = self.groups.get_mut(&request.group_id) else { return };
        if group.state == GroupState::PreparingRebalance && group.generation == 0 {
            group.new_member_added = true;
        }
        group.add(&request.protocol_type, member);
        let (group, member) = (request.group_id.clone(), id.clone());
        self.timers
            .cancel(&TimerKey::PendingMember { group: group.clone(), member: member.clone() });
        let key = TimerKey::Session { group: group.clone(), member: member.clone() };
        self.timers.set(key, self.now + NEW_MEMBER_JOIN_TIMEOUT);
        self.trace(TraceEvent::MemberJoined { group: group.clone(), member });
        let instance = option_text(request.group_instance_id.as_deref());
        if request.group_instance_id.is_some() {
            self.info(format!(
                "Adding new static member {instance} to group {group} with member id {id}."
            ));
        }
        let reason = format!("Adding new member {id} with group instance id {instance}");
        self.maybe_prepare_rebalance(&group, &reason);
    }

    fn update_member_and_rebalance(&mut self, joining: Joining<'_>, reason: &str) {
        let Joining { token, request, protocols, .. } = joining;
        let replaced = self
            .groups
            .get_mut(&request.group_id)
            .and_then(|group| group.members.get_mut(&request.member_id))
            .and_then(|member| {
                member.protocols = protocols;
                member.awaiting_join.replace(token)
            });
        // A client that asks again has given up its first request.
        if let Some(earlier) = replaced {
            self.refuse_join(earlier, &request.member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.maybe_prepare_rebalance(&request.group_id, reason);
    }

    /// Answers a member with the current generation; the leader learns of all members.
    pub(super) fn answer_join(&mut self, token: RequestToken, group: &str, member: &str) {
        let Some(group) = self.groups.get(group) else { return };
        let members = if group.is_leader(member) { group.member_metadata() } else { Vec::new() };
        let response = JoinGroupResponse {
            error_code: ErrorCode::NONE,
            generation_id: group.generation,
            protocol_type: group.protocol_type.clone(),
            protocol_name: group.protocol.clone(),
            leader: group.leader.clone().unwrap_or_default(),
            member_id: member.to_owned(),
            members,
            ..JoinGroupResponse::default()
        };
        self.reply(token, response);
    }

    pub(super) fn refuse_join(&mut self, token: RequestToken, member: &str, error: ErrorCode) {
        let response = JoinGroupResponse {
            error_code: error,
            member_id: member.to_owned(),
            ..JoinGroupResponse::default()
        };
        self.reply(token, response);
    }
}

/// Whether a group of limited size takes the member.
fn has_room(group: &Group, member: &str, size_max: usize) -> bool {
    match group.state {
        GroupState::Empty | GroupState::Dead => true,
        GroupState::PreparingRebalance => {
            let is_waiting =
                group.members.get(member).is_some_and(|one| one.awaiting_join.is_some());
            is_waiting || group.awaiting_join_count() < size_max
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            group.members.contains_key(member) || group.members.len() < size_max
        }
    }
}

/// A timeout from the wire as a span.
pub(super) fn millis(millis: i32) -> Span {
    Span::from_millis(millis.max(0) as u64)
}

/// An option as Scala prints it.
pub(super) fn option_text(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({value})"))
}

/// A UUID as Java prints it.
fn uuid_text(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
