//! A group: its members, generation, protocol and committed offsets, and what follows from them
//! without talking to anybody.
//!
//! In Kafka: kafka.coordinator.group.GroupMetadata, MemberMetadata. Left out: offsets of transactions.

use super::state::GroupState;
use crate::base::{SortedMap, SortedSet, Span, TopicPartition};
use crate::broker::action::RequestToken;
use crate::wire::kafka::{ConsumerProtocolSubscription, JoinGroupResponseMember, Versioned};
use bytes::Bytes;

/// The protocol type of consumers (org.apache.kafka.clients.consumer.internals.ConsumerProtocol).
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    /// `group.instance.id` of a static member (KIP-345).
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    /// Host, as Kafka prints it.
    pub(super) client_host: String,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    /// Protocols that it supports, most wanted first, each with its metadata.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// Its JoinGroup that waits for the others.
    pub(super) awaiting_join: Option<RequestToken>,
    /// Its SyncGroup that waits for the leader's.
    pub(super) awaiting_sync: Option<RequestToken>,
    /// It has not been part of a generation yet.
    pub(super) is_new: bool,
}

impl Member {
    /// The metadata for `protocol`.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Whether its silence is no reason to remove it: it waits for us. A member that never was part
    /// of a generation may vanish while it waits.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CommittedOffset {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) metadata: String,
    pub(super) commit_timestamp_ms: i64,
    /// When it expires, if the client said so itself.
    pub(super) expire_timestamp_ms: Option<i64>,
    /// Where in its partition of `__consumer_offsets` it is, once it is there: of two commits the
    /// one with the higher offset counts, whatever the order in which they are heard of.
    pub(super) record_offset: Option<i64>,
}

/// How the rebalance that is going on ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum JoinPhase {
    /// The first rebalance of an empty group: it waits a while for more members.
    Initial {
        /// How long the current wait is.
        delay: Span,
        /// How much longer it may be drawn out.
        remaining: Span,
    },
    /// It ends when all members have joined again.
    AllMembers,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: GroupState,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: SortedMap<String, Member>,
    /// Member id of each static member by its `group.instance.id`.
    pub(super) static_members: SortedMap<String, String>,
    /// Member ids given out to clients that have not joined with them yet.
    pub(super) pending_members: SortedSet<String>,
    /// Members of this generation that have not sent SyncGroup yet.
    pub(super) pending_sync: SortedSet<String>,
    /// A member came during the initial delay.
    pub(super) new_member_added: bool,
    pub(super) join_phase: JoinPhase,
    pub(super) state_timestamp_ms: i64,
    pub(super) offsets: SortedMap<TopicPartition, CommittedOffset>,
    /// Commits that are being stored: the tag of the newest append of each partition.
    pub(super) pending_commits: SortedMap<TopicPartition, u64>,
    /// What its members subscribe to, as far as that can be read.
    pub(super) subscribed_topics: Option<SortedSet<String>>,
}

impl Group {
    /// A group without members.
    pub(super) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            state: GroupState::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: SortedMap::new(),
            static_members: SortedMap::new(),
            pending_members: SortedSet::new(),
            pending_sync: SortedSet::new(),
            new_member_added: false,
            join_phase: JoinPhase::AllMembers,
            state_timestamp_ms: -1,
            offsets: SortedMap::new(),
            pending_commits: SortedMap::new(),
            subscribed_topics: None,
        }
    }

    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// Adds a member; the first one leads.
    pub(super) fn add(&mut self, protocol_type: &str, member: Member) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.pending_members.remove(&member.id);
        if let Some(instance) = &member.group_instance_id {
            self.static_members.insert(instance.clone(), member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// The member id that belongs to a `group.instance.id` now.
    pub(super) fn static_member(&self, instance: Option<&str>) -> Option<&str> {
        self.static_members.get(instance?).map(String::as_str)
    }

    /// Whether `member` speaks for a static member that another process has replaced.
    pub(super) fn is_fenced(&self, member: &str, instance: Option<&str>) -> bool {
        self.static_member(instance).is_some_and(|current| current != member)
    }

    /// A static member goes on under a new id; whoever waits under the old one is handed back.
    pub(super) fn replace_static_member(
        &mut self,
        old: &str,
        new: &str,
    ) -> Option<(Option<RequestToken>, Option<RequestToken>)> {
        let mut member = self.members.remove(old)?;
        let waiting = (member.awaiting_join.take(), member.awaiting_sync.take());
        new.clone_into(&mut member.id);
        if self.is_leader(old) {
            self.leader = Some(new.to_owned());
        }
        if self.pending_sync.remove(old) {
            self.pending_sync.insert(new.to_owned());
        }
        if let Some(instance) = &member.group_instance_id {
            self.static_members.insert(instance.clone(), new.to_owned());
        }
        self.members.insert(new.to_owned(), member);
        Some(waiting)
    }

    /// Removes a member; if it led, another one does.
    pub(super) fn remove(&mut self, member: &str) -> Option<Member> {
        let removed = self.members.remove(member);
        if self.is_leader(member) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_members.remove(member);
        self.pending_sync.remove(member);
        if let Some(instance) = removed.as_ref().and_then(|gone| gone.group_instance_id.as_ref())
            && self.static_members.get(instance).is_some_and(|current| current == member)
        {
            self.static_members.remove(instance);
        }
        removed
    }

    /// The longest time that any member wants to have for a rebalance.
    pub(super) fn rebalance_timeout(&self) -> Span {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        Span::from_millis(longest.unwrap_or(0).max(0) as u64)
    }

    pub(super) fn has_all_members_joined(&self) -> bool {
        self.pending_members.is_empty()
            && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// How many members wait for the end of the rebalance.
    pub(super) fn awaiting_join_count(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// The leader has to be one that joined: another member takes over if it did not. False when
    /// nobody can.
    pub(super) fn maybe_elect_new_joined_leader(&mut self) -> bool {
        let has_joined =
            |id: &String| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        match &self.leader {
            None => false,
            Some(leader) if has_joined(leader) => true,
            Some(_) => {
                let next = self.members.values().find(|member| member.awaiting_join.is_some());
                let next = next.map(|member| member.id.clone());
                if next.is_some() {
                    self.leader.clone_from(&next);
                }
                next.is_some()
            }
        }
    }

    /// Whether a member with these protocols can be part of the group: all others must support one
    /// of them too.
    pub(super) fn supports_protocols(
        &self,
        protocol_type: &str,
        protocols: &[(String, Bytes)],
    ) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|(name, _)| self.is_supported_by_all(name))
    }

    fn is_supported_by_all(&self, protocol: &str) -> bool {
        let supports = |member: &Member| member.protocols.iter().any(|(name, _)| name == protocol);
        self.members.values().all(supports)
    }

    /// Every member votes for the first of its protocols that all support; the most votes win.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: SortedMap<&str, usize> = SortedMap::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().find(|(name, _)| self.is_supported_by_all(name));
            if let Some((name, _)) = choice {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().max().copied()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Begins the next generation with whoever is here.
    pub(super) fn init_next_generation(&mut self, now_ms: i64) {
        self.generation += 1;
        self.protocol = self.select_protocol();
        let next = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::CompletingRebalance
        };
        self.transition_to(next, now_ms);
        self.pending_sync.clear();
        self.subscribed_topics = self.compute_subscribed_topics();
    }

    pub(super) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// What the members subscribe to; `None` when the group is not one of consumers, or one of them
    /// tells something that cannot be read.
    pub(super) fn compute_subscribed_topics(&self) -> Option<SortedSet<String>> {
        if !self.is_consumer_group() {
            return None;
        }
        let mut topics = SortedSet::new();
        if self.members.is_empty() {
            return Some(topics);
        }
        let protocol = self.protocol.as_deref()?;
        for member in self.members.values() {
            let subscription = ConsumerProtocolSubscription::from_bytes(&member.metadata(protocol));
            for topic in subscription.ok()?.topics {
                topics.insert(topic);
            }
        }
        Some(topics)
    }

    /// Whether its members read `topic`, as far as is known: of what cannot be read everything is
    /// believed.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed_topics.as_ref().is_none_or(|topics| topics.contains(topic))
    }

    pub(super) fn has_offsets(&self) -> bool {
        !self.offsets.is_empty() || !self.pending_commits.is_empty()
    }

    /// A commit is stored: it counts unless it was given up meanwhile, or a newer one was faster.
    pub(super) fn on_commit_stored(
        &mut self,
        partition: TopicPartition,
        committed: CommittedOffset,
        tag: u64,
    ) -> bool {
        let Some(newest) = self.pending_commits.get(&partition).copied() else { return false };
        if newest == tag {
            self.pending_commits.remove(&partition);
        }
        let known = self.offsets.get(&partition);
        let is_newer = known.is_none_or(|known| known.record_offset < committed.record_offset);
        if is_newer {
            self.offsets.insert(partition, committed);
        }
        is_newer
    }

    /// A commit could not be stored.
    pub(super) fn on_commit_failed(&mut self, partition: &TopicPartition, tag: u64) {
        if self.pending_commits.get(partition) == Some(&tag) {
            self.pending_commits.remove(partition);
        }
    }

    /// Removes committed offsets, with the commits that are being stored; those that there were.
    pub(super) fn remove_offsets(
        &mut self,
        partitions: Vec<TopicPartition>,
    ) -> Vec<TopicPartition> {
        let mut removed = partitions;
        removed.retain(|partition| {
            self.pending_commits.remove(partition);
            self.offsets.remove(partition).is_some()
        });
        removed
    }

    /// The partitions whose offsets have expired (KIP-211): of an empty group, `retention` after it
    /// became empty; of a group of consumers, those of topics that it does not read any more; of one
    /// that only stores offsets, `retention` after each commit. A client that gave a retention of
    /// its own has that instead.
    pub(super) fn expired_offsets(&self, now_ms: i64, retention: Span) -> Vec<TopicPartition> {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let since_empty = self.protocol_type.is_some() && self.state == GroupState::Empty;
        let is_read = |topic: &str| match self.protocol_type {
            Some(_) if since_empty => false,
            Some(_) => {
                let known = self.is_consumer_group() && self.subscribed_topics.is_some();
                !known || self.state != GroupState::Stable || self.is_subscribed_to(topic)
            }
            None => false,
        };
        let is_expired = |(partition, committed): &(&TopicPartition, &CommittedOffset)| {
            if is_read(&partition.topic) || self.pending_commits.contains_key(*partition) {
                return false;
            }
            let base_ms = match self.state_timestamp_ms {
                since if since_empty && since >= 0 => since,
                _ => committed.commit_timestamp_ms,
            };
            match committed.expire_timestamp_ms {
                Some(expires) => now_ms >= expires,
                None => now_ms.saturating_sub(base_ms) >= retention_ms,
            }
        };
        self.offsets.iter().filter(is_expired).map(|(partition, _)| partition.clone()).collect()
    }

    pub(super) fn transition_to(&mut self, state: GroupState, now_ms: i64) {
        self.state = state;
        self.state_timestamp_ms = now_ms;
    }

    /// Every member with its metadata, for the leader.
    pub(super) fn member_metadata(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let of = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.values().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, protocols: &[&str]) -> Member {
        Member {
            id: id.to_owned(),
            group_instance_id: None,
            client_id: String::new(),
            client_host: String::new(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocols: protocols.iter().map(|name| ((*name).to_owned(), Bytes::new())).collect(),
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: true,
        }
    }

    #[test]
    fn the_protocol_with_most_votes_that_all_support_wins() {
        let mut group = Group::new("g");
        group.add("consumer", member("a", &["range", "sticky"]));
        group.add("consumer", member("b", &["sticky", "range"]));
        group.add("consumer", member("c", &["roundrobin", "sticky"]));
        assert_eq!(group.select_protocol().as_deref(), Some("sticky"));
        group.remove("c");
        group.add("consumer", member("d", &["range", "sticky"]));
        assert_eq!(group.select_protocol().as_deref(), Some("range"));
        group.state = GroupState::Stable;
        let protocols = |name: &str| vec![(name.to_owned(), Bytes::new())];
        assert!(group.supports_protocols("consumer", &protocols("sticky")));
        assert!(!group.supports_protocols("consumer", &protocols("roundrobin")));
        assert!(!group.supports_protocols("connect", &protocols("sticky")));
    }

    #[test]
    fn the_first_member_leads_until_it_goes() {
        let mut group = Group::new("g");
        group.add("consumer", member("b", &["range"]));
        group.add("consumer", member("a", &["range"]));
        assert!(group.is_leader("b"));
        group.remove("b");
        assert!(group.is_leader("a"));
    }
}
