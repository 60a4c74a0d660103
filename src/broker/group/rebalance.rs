//! The rebalance: members join again, the generation goes up, whoever stays away is given up.
//!
//! In Kafka: GroupCoordinator.prepareRebalance, onCompleteJoin, onExpirePendingSync; DelayedJoin,
//! InitialDelayedJoin, DelayedSync.

use super::join::millis;
use super::metadata::JoinPhase;
use super::state::GroupState;
use super::{GroupCoordinator, TimerKey};
use crate::base::trace::LogLevel;
use crate::base::{Span, TraceEvent};
use crate::wire::ErrorCode;

impl GroupCoordinator {
    pub(super) fn maybe_prepare_rebalance(&mut self, group: &str, reason: &str) {
        if self.state_of(group).is_some_and(GroupState::can_rebalance) {
            self.prepare_rebalance(group, reason);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, id: &str, reason: &str) {
        if self.state_of(id) == Some(GroupState::CompletingRebalance) {
            self.propagate_assignment_error(id, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.timers.cancel(&TimerKey::Sync { group: id.to_owned() });
        let (now_ms, initial_delay) = (self.now_ms(), self.config.group_initial_rebalance_delay);
        let Some(group) = self.groups.get_mut(id) else { return };
        group.pending_sync.clear();
        let timeout = group.rebalance_timeout();
        let wait = if group.state == GroupState::Empty {
            let remaining = less(timeout, initial_delay);
            group.join_phase = JoinPhase::Initial { delay: initial_delay, remaining };
            initial_delay
        } else {
            group.join_phase = JoinPhase::AllMembers;
            timeout
        };
        group.new_member_added = false;
        group.transition_to(GroupState::PreparingRebalance, now_ms);
        let generation = group.generation;
        self.timers.set(TimerKey::Join { group: id.to_owned() }, self.now + wait);
        let partition = self.partition_name(id);
        self.info(format!(
            "Preparing to rebalance group {id} in state PreparingRebalance with old generation \
             {generation} ({partition}) (reason: {reason})"
        ));
        let (group, reason) = (id.to_owned(), reason.to_owned());
        self.trace(TraceEvent::RebalanceStarted { group, generation, reason });
        self.maybe_complete_join(id);
    }

    /// Ends the rebalance if all members are here and it need not wait for more.
    pub(super) fn maybe_complete_join(&mut self, id: &str) {
        let Some(group) = self.groups.get(id) else { return };
        let is_complete = group.state == GroupState::PreparingRebalance
            && group.join_phase == JoinPhase::AllMembers
            && group.has_all_members_joined();
        if is_complete {
            self.complete_join(id);
        }
    }

    pub(super) fn on_join_timeout(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.state != GroupState::PreparingRebalance {
            return;
        }
        if let JoinPhase::Initial { delay: last, remaining } = group.join_phase
            && group.new_member_added
            && remaining > Span::ZERO
        {
            group.new_member_added = false;
            let delay = self.config.group_initial_rebalance_delay.min(remaining);
            group.join_phase = JoinPhase::Initial { delay, remaining: less(remaining, last) };
            self.timers.set(TimerKey::Join { group: id.to_owned() }, self.now + delay);
            return;
        }
        self.complete_join(id);
    }

    fn complete_join(&mut self, id: &str) {
        self.timers.cancel(&TimerKey::Join { group: id.to_owned() });
        self.remove_not_yet_rejoined(id);
        let now_ms = self.now_ms();
        let Some(group) = self.groups.get_mut(id) else { return };
        if !group.maybe_elect_new_joined_leader() && !group.members.is_empty() {
            let timeout = group.rebalance_timeout();
            group.join_phase = JoinPhase::AllMembers;
            self.timers.set(TimerKey::Join { group: id.to_owned() }, self.now + timeout);
            self.log(
                LogLevel::Error,
                format!("Group {id} could not complete rebalance because no members rejoined"),
            );
            return;
        }
        group.init_next_generation(now_ms);
        let (generation, size) = (group.generation, group.members.len());
        let partition = self.partition_name(id);
        if size == 0 {
            self.info(format!(
                "Group {id} with generation {generation} is now empty ({partition})"
            ));
            return self.store_empty_group(id);
        }
        self.info(format!(
            "Stabilized group {id} generation {generation} ({partition}) with {size} members"
        ));
        self.answer_all_joins(id);
    }

    fn remove_not_yet_rejoined(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let absent: Vec<String> = group
            .members
            .values()
            // A static member keeps its place until its session expires.
            .filter(|member| member.awaiting_join.is_none() && member.group_instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        if absent.is_empty() {
            return;
        }
        for member in &absent {
            group.remove(member);
        }
        let names = absent.join(", ");
        self.info(format!("Group {id} removed dynamic members who haven't joined: Set({names})"));
        for member in absent {
            self.forget_member(id, &member, "did not join again in time");
        }
    }

    fn answer_all_joins(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let timeout = group.rebalance_timeout();
        let mut waiting = Vec::new();
        for member in group.members.values_mut() {
            member.is_new = false;
            waiting.push((
                member.id.clone(),
                member.session_timeout_ms,
                member.awaiting_join.take(),
            ));
        }
        group.pending_sync = waiting.iter().map(|(member, ..)| member.clone()).collect();
        for (member, session_timeout_ms, token) in waiting {
            if let Some(token) = token {
                self.answer_join(token, id, &member);
            }
            self.set_session_timer(id, &member, session_timeout_ms);
        }
        self.timers.set(TimerKey::Sync { group: id.to_owned() }, self.now + timeout);
    }

    /// The member has been heard of.
    pub(super) fn set_session_timer(&mut self, group: &str, member: &str, timeout_ms: i32) {
        let key = TimerKey::Session { group: group.to_owned(), member: member.to_owned() };
        self.timers.set(key, self.now + millis(timeout_ms));
    }

    /// A member is no more: its timers go, and the trace says why.
    pub(super) fn forget_member(&mut self, group: &str, member: &str, reason: &str) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let key = TimerKey::Session { group: group.clone(), member: member.clone() };
        self.timers.cancel(&key);
        let reason = reason.to_owned();
        self.trace(TraceEvent::MemberLeft { group, member, reason });
    }

    pub(super) fn on_sync_timeout(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let waits = matches!(group.state, GroupState::CompletingRebalance | GroupState::Stable);
        if !waits || group.pending_sync.is_empty() {
            return;
        }
        let absent: Vec<String> = group.pending_sync.iter().cloned().collect();
        for member in &absent {
            group.remove(member);
        }
        for member in &absent {
            self.forget_member(id, member, "did not ask for its assignment in time");
        }
        let names = absent.join(", ");
        let reason = format!("Removing Set({names}) on pending sync request expiration");
        self.prepare_rebalance(id, &reason);
    }
}

/// `span` less `other`, not below zero.
fn less(span: Span, other: Span) -> Span {
    Span::from_micros(span.as_micros().saturating_sub(other.as_micros()))
}
