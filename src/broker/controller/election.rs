//! Who becomes leader: the four strategies, as pure functions of what the controller knows.
//!
//! In Kafka: kafka.controller.Election, PartitionLeaderElectionAlgorithms.

use super::context::{ControllerContext, Leadership};
use crate::base::trace::ElectionReason;
use crate::base::{Mutant, SortedSet, TopicPartition, is_planted};

/// Why and how a leader is elected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElectionStrategy {
    /// The leader is gone, or there was none yet.
    Offline {
        /// Whether a replica out of sync may lead even where the topic's config forbids it.
        allow_unclean: bool,
    },
    /// Reassignment: the leader must be one of the target replicas.
    Reassign,
    /// The first replica of the assignment shall lead.
    Preferred,
    /// The leader is shutting down.
    ControlledShutdown,
}

impl ElectionStrategy {
    /// Its name in Kafka's messages.
    pub fn name(self) -> String {
        match self {
            Self::Offline { allow_unclean } => {
                format!("OfflinePartitionLeaderElectionStrategy({allow_unclean})")
            }
            Self::Reassign => "ReassignPartitionLeaderElectionStrategy".to_owned(),
            Self::Preferred => "PreferredReplicaPartitionLeaderElectionStrategy".to_owned(),
            Self::ControlledShutdown => {
                "ControlledShutdownPartitionLeaderElectionStrategy".to_owned()
            }
        }
    }
}

/// Outcome of an election that found a leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elected {
    /// What is to be written.
    pub leadership: Leadership,
    /// Brokers that must hear of it.
    pub recipients: Vec<i32>,
    /// Why.
    pub reason: ElectionReason,
}

/// The first replica of `assignment` that is live and in the ISR; failing that, where
/// `unclean_enabled`, the first that is live. The flag says whether the choice was unclean.
pub fn elect_offline(
    assignment: &[i32],
    isr: &[i32],
    live: &SortedSet<i32>,
    unclean_enabled: bool,
) -> Option<(i32, bool)> {
    let live_replicas = || assignment.iter().copied().filter(|id| live.contains(id));
    let in_sync = |id: &i32| isr.contains(id) || is_planted(Mutant::ElectOutOfIsr);
    let clean = live_replicas().find(in_sync).map(|id| (id, false));
    clean.or_else(|| live_replicas().next().filter(|_| unclean_enabled).map(|id| (id, true)))
}

/// The first of the target replicas that is live and in the ISR.
pub fn elect_reassign(target: &[i32], isr: &[i32], live: &SortedSet<i32>) -> Option<i32> {
    target.iter().copied().find(|id| live.contains(id) && isr.contains(id))
}

/// The first replica of the assignment if it is live and in the ISR.
pub fn elect_preferred(assignment: &[i32], isr: &[i32], live: &SortedSet<i32>) -> Option<i32> {
    assignment.first().copied().filter(|id| live.contains(id) && isr.contains(id))
}

/// The first replica that is live, in the ISR and not shutting down.
pub fn elect_controlled_shutdown(
    assignment: &[i32],
    isr: &[i32],
    live: &SortedSet<i32>,
    shutting_down: &SortedSet<i32>,
) -> Option<i32> {
    let may_lead = |id: &i32| live.contains(id) && isr.contains(id) && !shutting_down.contains(id);
    assignment.iter().copied().find(may_lead)
}

/// Elects a leader for `partition`, whose state in ZooKeeper is `current`.
pub fn elect(
    context: &ControllerContext,
    partition: &TopicPartition,
    current: &Leadership,
    strategy: ElectionStrategy,
    unclean_enabled: bool,
) -> Option<Elected> {
    let assignment = context.replicas(partition);
    let online = |id: &&i32| context.is_replica_online(**id, partition);
    let live: SortedSet<i32> = assignment.iter().filter(online).copied().collect();
    let in_order = |ids: &SortedSet<i32>| {
        assignment.iter().copied().filter(|id| ids.contains(id)).collect::<Vec<_>>()
    };
    let isr = &current.isr;
    match strategy {
        ElectionStrategy::Offline { allow_unclean } => {
            let unclean_enabled = unclean_enabled || allow_unclean;
            let (leader, is_unclean) = elect_offline(assignment, isr, &live, unclean_enabled)?;
            let new_isr = if is_unclean {
                vec![leader]
            } else {
                isr.iter().copied().filter(|id| context.is_replica_online(*id, partition)).collect()
            };
            let reason = if is_unclean { ElectionReason::Unclean } else { ElectionReason::Offline };
            let leadership = current.next(leader, new_isr);
            Some(Elected { leadership, recipients: in_order(&live), reason })
        }
        ElectionStrategy::Reassign => {
            let target = context.assignments.get(partition)?.target_replicas();
            let leader = elect_reassign(&target, isr, &live)?;
            let leadership = current.next(leader, isr.clone());
            Some(Elected { leadership, recipients: target, reason: ElectionReason::Reassign })
        }
        ElectionStrategy::Preferred => {
            let leader = elect_preferred(assignment, isr, &live)?;
            let leadership = current.next(leader, isr.clone());
            let recipients = assignment.to_vec();
            Some(Elected { leadership, recipients, reason: ElectionReason::Preferred })
        }
        ElectionStrategy::ControlledShutdown => {
            let online = |id: &&i32| context.is_replica_online_or_shutting_down(**id, partition);
            let live: SortedSet<i32> = assignment.iter().filter(online).copied().collect();
            let stopping = &context.shutting_down;
            let leader = elect_controlled_shutdown(assignment, isr, &live, stopping)?;
            let new_isr = isr.iter().copied().filter(|id| !stopping.contains(id)).collect();
            let leadership = current.next(leader, new_isr);
            let reason = ElectionReason::ControlledShutdown;
            Some(Elected { leadership, recipients: in_order(&live), reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<const N: usize>(ids: [i32; N]) -> SortedSet<i32> {
        ids.into()
    }

    #[test]
    fn offline_takes_the_first_live_in_sync_replica_in_assignment_order() {
        let assignment = [3, 4, 5];
        let check = |isr: &[i32], live, unclean, expected| {
            assert_eq!(elect_offline(&assignment, isr, &live, unclean), expected, "{isr:?}");
        };
        check(&[5, 4, 3], set([3, 4, 5]), false, Some((3, false)));
        check(&[5, 4], set([3, 4, 5]), false, Some((4, false)));
        check(&[3], set([4, 5]), false, None);
        check(&[3], set([4, 5]), true, Some((4, true)));
        check(&[3], set([]), true, None);
        check(&[4], set([3, 4]), true, Some((4, false)));
    }

    #[test]
    fn preferred_is_the_first_or_nobody() {
        assert_eq!(elect_preferred(&[1, 2], &[2, 1], &set([1, 2])), Some(1));
        assert_eq!(elect_preferred(&[1, 2], &[2], &set([1, 2])), None);
        assert_eq!(elect_preferred(&[1, 2], &[1, 2], &set([2])), None);
    }

    #[test]
    fn reassign_chooses_among_the_targets() {
        assert_eq!(elect_reassign(&[4, 5], &[1, 5, 4], &set([1, 4, 5])), Some(4));
        assert_eq!(elect_reassign(&[4, 5], &[1, 5], &set([1, 4, 5])), Some(5));
        assert_eq!(elect_reassign(&[4, 5], &[1], &set([1, 4, 5])), None);
    }

    #[test]
    fn a_controlled_shutdown_passes_over_whoever_stops() {
        let elect = |isr: &[i32], stopping: SortedSet<i32>| {
            elect_controlled_shutdown(&[1, 2, 3], isr, &set([1, 2, 3]), &stopping)
        };
        assert_eq!(elect(&[1, 2, 3], set([1])), Some(2));
        assert_eq!(elect(&[1, 3], set([1])), Some(3));
        assert_eq!(elect(&[1, 2], set([1, 2])), None);
    }
}
