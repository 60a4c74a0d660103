//! Static membership: a consumer with a `group.instance.id` that comes back takes its own place,
//! with its partitions, under a new member id; whoever still uses the old one is fenced.
//!
//! In Kafka: GroupCoordinator.updateStaticMemberAndRebalance, GroupMetadata.replaceStaticMember;
//! KIP-345.

use super::join::Joining;
use super::state::GroupState;
use super::store::Pending;
use super::{GroupCoordinator, TimerKey};
use crate::base::TraceEvent;
use crate::base::trace::LogLevel;
use crate::broker::action::RequestToken;
use crate::wire::ErrorCode;
use crate::wire::kafka::JoinGroupResponse;
use bytes::Bytes;

/// A static member whose new member id is being stored.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Replacing {
    group: String,
    old: String,
    new: String,
    /// What it supported before.
    protocols: Vec<(String, Bytes)>,
    /// Who led the group then. A member that leads and comes back is told its own old id, so that it
    /// does not hand in an assignment that nobody would get.
    leader: String,
}

impl GroupCoordinator {
    /// Whether `member` is fenced as a static member, with Kafka's complaint about it.
    pub(super) fn is_fenced(
        &mut self,
        group: &str,
        member: &str,
        instance: Option<&str>,
        operation: &str,
    ) -> bool {
        let Some(known) = self.groups.get(group) else { return false };
        if !known.is_fenced(member, instance) {
            return false;
        }
        let current = known.static_member(instance).unwrap_or_default();
        let instance = instance.unwrap_or_default();
        let text = format!(
            "given member.id {member} is identified as a known static member {instance}, but not \
             matching the expected member.id {current} during {operation}, will respond with \
             instance fenced error"
        );
        self.log(LogLevel::Error, text);
        true
    }

    /// A known instance joins with an unknown member id: it is given `new`.
    pub(super) fn update_static_member_and_rebalance(
        &mut self,
        joining: Joining<'_>,
        old: String,
        new: String,
    ) {
        let Joining { token, request, protocols, .. } = joining;
        let id = request.group_id;
        let instance = request.group_instance_id.unwrap_or_default();
        self.info(format!(
            "Static member Some({instance}) of group {id} with unknown member id rejoins, assigning \
             new member id {new}, while old member id {old} will be removed."
        ));
        let Some(group) = self.groups.get_mut(&id) else { return };
        let leader = group.leader.clone().unwrap_or_default();
        let waiting = group.replace_static_member(&old, &new);
        let Some(member) = group.members.get_mut(&new) else { return };
        let before = std::mem::replace(&mut member.protocols, protocols);
        member.awaiting_join = Some(token);
        let session_timeout_ms = member.session_timeout_ms;
        let (state, chosen) = (group.state, group.select_protocol());
        let keeps_protocol = group.protocol == chosen;
        self.fence(waiting, &old);
        self.timers.cancel(&TimerKey::Session { group: id.clone(), member: old.clone() });
        self.set_session_timer(&id, &new, session_timeout_ms);
        self.trace(TraceEvent::MemberReplaced {
            group: id.clone(),
            instance: instance.clone(),
            old: old.clone(),
            member: new.clone(),
        });
        match state {
            GroupState::Stable if keeps_protocol => {
                self.info(
                    "Static member which joins during Stable stage and doesn't affect selectProtocol \
                     will not trigger rebalance.",
                );
                let protocols = before;
                let replacing = Replacing { group: id.clone(), old, new, protocols, leader };
                self.store_members(&id, Pending::StaticMember(replacing));
            }
            GroupState::Stable => {
                let reason = format!(
                    "Group's selectedProtocol will change because static member {new} with instance \
                     id Some({instance}) joined with change of protocol"
                );
                self.maybe_prepare_rebalance(&id, &reason);
            }
            GroupState::CompletingRebalance => {
                // The leader knows it by its old id, and so would its assignment.
                let reason = format!(
                    "Updating metadata for static member {new} with instance id Some({instance})"
                );
                self.maybe_prepare_rebalance(&id, &reason);
            }
            GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => {}
        }
    }

    /// Whoever waits under a member id that another process has taken over.
    fn fence(
        &mut self,
        waiting: Option<(Option<RequestToken>, Option<RequestToken>)>,
        member: &str,
    ) {
        let (join, sync) = waiting.unwrap_or_default();
        if let Some(token) = join {
            self.refuse_join(token, member, ErrorCode::FENCED_INSTANCE_ID);
        }
        if let Some(token) = sync {
            self.refuse_sync(token, ErrorCode::FENCED_INSTANCE_ID);
        }
    }

    /// The new member id is stored, or not; then the old one counts again.
    pub(super) fn on_static_member_stored(&mut self, replacing: Replacing, error: ErrorCode) {
        let Replacing { group: id, old, new, protocols, leader } = replacing;
        let Some(group) = self.groups.get_mut(&id) else { return };
        let Some(member) = group.members.get_mut(&new) else { return };
        // A rebalance may have answered it meanwhile.
        let Some(token) = member.awaiting_join.take() else { return };
        let session_timeout_ms = member.session_timeout_ms;
        let mut response = JoinGroupResponse {
            error_code: error,
            generation_id: group.generation,
            protocol_type: group.protocol_type.clone(),
            protocol_name: group.protocol.clone(),
            leader,
            member_id: new.clone(),
            ..JoinGroupResponse::default()
        };
        if error.is_error() {
            if let Some(member) = group.members.get_mut(&new) {
                member.protocols = protocols;
            }
            let waiting = group.replace_static_member(&new, &old);
            let text = format!("Failed to persist metadata for group {id}: {}", error.message());
            self.log(LogLevel::Warn, text);
            self.fence(waiting, &new);
            self.timers.cancel(&TimerKey::Session { group: id.clone(), member: new });
            self.set_session_timer(&id, &old, session_timeout_ms);
            response.member_id = String::new();
        }
        self.reply(token, response);
    }
}
