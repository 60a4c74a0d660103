//! Faults that can be planted in the engine, one at a time, to prove that the checkers see them
//! (mutation testing). Only builds with the feature `mutants` hold any of it; in all others
//! [`is_planted`] is `false` and what it guards is gone.

/// A planted fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mutant {
    /// acks=all is answered as soon as the leader has the records.
    AckBeforeIsr,
    /// The high watermark follows the leader's log alone.
    HighWatermarkFromLeaderOnly,
    /// A replica that becomes a follower keeps what its leader does not have.
    SkipTruncation,
    /// Consumers read what is not committed.
    ReadAboveHighWatermark,
    /// Any live replica is elected, in sync or not.
    ElectOutOfIsr,
    /// An election leaves the leader epoch as it was.
    KeepLeaderEpoch,
    /// A new controller goes on in the epoch of the one before.
    KeepControllerEpoch,
    /// Each member is told the whole group's assignment.
    AssignEverythingToAll,
    /// Commits are taken whoever sends them.
    FencedMemberCommits,
    /// All offsets of a topic are stored for its first partition.
    CommitToFirstPartition,
    /// Nobody is told what was committed.
    ForgetCommittedOffsets,
    /// A consumer commits one record more than it has read.
    CommitAhead,
    /// A consumer drops the last record of what it fetched.
    SkipFetchedRecord,
    /// A producer takes a failed batch for acknowledged.
    IgnoreProduceError,
    /// ZooKeeper acknowledges before its log is on disk.
    AckBeforeSync,
    /// A watch that was set is forgotten.
    ForgetWatch,
    /// A watch that fired stays set.
    KeepFiredWatch,
    /// Sessions never expire.
    NeverExpire,
    /// The end of a session leaves its ephemeral znodes.
    KeepEphemerals,
    /// A follower of an ensemble leaves out every third change of data.
    FollowerSkipsChange,
    /// The longer history does not count in an election.
    ElectAnybody,
}

/// Plants `mutant` on this thread from now on, or none.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.with(|planted| planted.set(mutant));
}

#[cfg(feature = "mutants")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether `mutant` is planted.
#[cfg(feature = "mutants")]
pub fn is_planted(mutant: Mutant) -> bool {
    PLANTED.with(|planted| planted.get() == Some(mutant))
}

/// Whether `mutant` is planted: never, in this build.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is_planted(_: Mutant) -> bool {
    false
}
