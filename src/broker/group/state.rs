//! Where a group is in its life.
//!
//! In Kafka: kafka.coordinator.group.GroupState in GroupMetadata.scala.

/// State of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// The group has no members, but lives on until its offsets have expired. A group that only
    /// commits offsets and has no members ever is here too.
    ///
    /// action: JoinGroup of a new member starts a rebalance; SyncGroup, Heartbeat and LeaveGroup are
    /// answered UNKNOWN_MEMBER_ID; OffsetCommit without a generation is taken
    /// transition: a member joins → PreparingRebalance; its last offset expires or is deleted, it is
    /// deleted itself, its partition moves away → Dead
    Empty,
    /// The group is about to rebalance: its members have to join again.
    ///
    /// action: JoinGroup is parked until all members have come or the rebalance timeout has passed;
    /// Heartbeat and SyncGroup are answered REBALANCE_IN_PROGRESS; LeaveGroup removes the member;
    /// OffsetCommit of the old generation is taken
    /// transition: members have joined → CompletingRebalance; all have left → Empty; its partition
    /// moves away → Dead
    PreparingRebalance,
    /// The group waits for its leader's assignment.
    ///
    /// action: SyncGroup of followers is parked until the leader's arrives; Heartbeat is answered
    /// NONE; OffsetCommit REBALANCE_IN_PROGRESS
    /// transition: assignment stored → Stable; a member joins anew, leaves or fails →
    /// PreparingRebalance; its partition moves away → Dead
    CompletingRebalance,
    /// Every member has its assignment.
    ///
    /// action: Heartbeat is answered NONE; SyncGroup with the current assignment; JoinGroup of a
    /// follower with unchanged metadata with the current generation, and of a static member that
    /// comes back with the current generation once its new id is stored; OffsetCommit is taken
    /// transition: a member fails, leaves or joins anew → PreparingRebalance; its partition moves
    /// away → Dead
    Stable,
    /// The group is being removed from this coordinator.
    ///
    /// action: everything is answered COORDINATOR_NOT_AVAILABLE
    /// transition: none
    Dead,
}

impl GroupState {
    /// Whether a rebalance may begin here.
    pub fn can_rebalance(self) -> bool {
        matches!(self, Self::Empty | Self::CompletingRebalance | Self::Stable)
    }

    /// Its name in Kafka's protocol and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}
