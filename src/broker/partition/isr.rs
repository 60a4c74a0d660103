//! The in-sync replicas as their leader knows them, with the change that is under way.
//!
//! In Kafka: `kafka.cluster.IsrState`, `kafka.cluster.Replica`, KIP-497.

use crate::base::{Span, Time};

/// State of the ISR.
/// action: the leader proposes a change (AlterIsr). transition: Committed → `PendingExpand` or
/// `PendingShrink`; the controller's answer or a new LeaderAndIsr → Committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IsrState {
    /// The controller's last word.
    Committed(Vec<i32>),
    /// A follower has caught up and the controller was asked to let it in.
    PendingExpand {
        /// Committed ISR.
        isr: Vec<i32>,
        /// Who should come in.
        added: i32,
    },
    /// Followers lag and the controller was asked to take them out.
    PendingShrink {
        /// Committed ISR.
        isr: Vec<i32>,
        /// Who should go.
        out: Vec<i32>,
    },
}

impl IsrState {
    /// The ISR that the controller knows of.
    pub fn committed(&self) -> &[i32] {
        match self {
            Self::Committed(isr)
            | Self::PendingExpand { isr, .. }
            | Self::PendingShrink { isr, .. } => isr,
        }
    }

    /// Every replica that may already be in the ISR: the high watermark waits for all of them,
    /// since the controller may elect any of them.
    pub fn is_maximal_member(&self, replica: i32) -> bool {
        self.committed().contains(&replica)
            || matches!(self, Self::PendingExpand { added, .. } if *added == replica)
    }

    /// How many replicas are in the maximal ISR.
    pub fn maximal_len(&self) -> usize {
        self.committed().len() + usize::from(matches!(self, Self::PendingExpand { .. }))
    }

    /// True while the controller has not answered.
    pub fn is_in_flight(&self) -> bool {
        !matches!(self, Self::Committed(_))
    }

    /// The ISR as it will be once the controller has agreed.
    pub fn proposed(&self) -> Vec<i32> {
        match self {
            Self::Committed(isr) => isr.clone(),
            Self::PendingExpand { isr, added } => isr.iter().copied().chain([*added]).collect(),
            Self::PendingShrink { isr, out } => {
                isr.iter().copied().filter(|id| !out.contains(id)).collect()
            }
        }
    }
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoteReplica {
    /// Its log end offset by its last fetch, −1 before it fetched.
    pub log_end_offset: i64,
    /// Its log start offset.
    pub log_start_offset: i64,
    /// When it last held everything that the leader held.
    pub last_caught_up: Time,
    /// When it last fetched.
    pub last_fetch: Time,
    /// The leader's log end offset at that time.
    pub leader_end_at_last_fetch: i64,
}

impl RemoteReplica {
    /// A follower of a leader that begins now. Members of the ISR count as caught up, so that they
    /// have a full `replica.lag.time.max.ms` to show themselves.
    pub fn new(in_isr: bool, now: Time) -> Self {
        Self {
            log_end_offset: -1,
            log_start_offset: -1,
            last_caught_up: if in_isr { now } else { Time::ZERO },
            last_fetch: Time::ZERO,
            leader_end_at_last_fetch: -1,
        }
    }

    /// The follower fetched from `offset` while the leader's log ended at `leader_end`.
    pub fn on_fetch(&mut self, offset: i64, log_start_offset: i64, now: Time, leader_end: i64) {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(now);
        } else if offset >= self.leader_end_at_last_fetch {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_end_offset = offset;
        self.log_start_offset = log_start_offset;
        self.leader_end_at_last_fetch = leader_end;
        self.last_fetch = now;
    }

    /// True when it has everything, or had it within `lag_time_max`.
    pub fn is_caught_up(&self, lag_time_max: Span, now: Time) -> bool {
        now.since(self.last_caught_up) <= lag_time_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_change_counts_both_ways_where_it_must() {
        let expanding = IsrState::PendingExpand { isr: vec![1, 2], added: 3 };
        assert!(expanding.is_maximal_member(3) && expanding.maximal_len() == 3);
        assert_eq!(expanding.committed(), [1, 2]);
        assert_eq!(expanding.proposed(), [1, 2, 3]);
        let shrinking = IsrState::PendingShrink { isr: vec![1, 2, 3], out: vec![2] };
        assert!(shrinking.is_maximal_member(2), "it may still be elected");
        assert_eq!(shrinking.proposed(), [1, 3]);
        assert!(shrinking.is_in_flight());
    }

    #[test]
    fn caught_up_is_judged_by_what_the_leader_had_at_the_previous_fetch() {
        let at = Time::from_millis;
        let mut replica = RemoteReplica::new(false, at(0));
        replica.on_fetch(5, 0, at(100), 10);
        assert_eq!(replica.last_caught_up, at(0));
        replica.on_fetch(10, 0, at(200), 15);
        assert_eq!(replica.last_caught_up, at(100), "it has what the leader had at 100 ms");
        replica.on_fetch(15, 0, at(300), 15);
        assert_eq!(replica.last_caught_up, at(300));
        assert!(replica.is_caught_up(Span::from_millis(50), at(350)));
        assert!(!replica.is_caught_up(Span::from_millis(50), at(351)));
    }
}
