//! Where a partition is in its life, and which steps it can take.
//!
//! In Kafka: kafka.controller.PartitionState in PartitionStateMachine.scala.

/// State of a partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum PartitionState {
    /// The partition was never created, or was deleted.
    ///
    /// transition: created → NewPartition
    #[default]
    NonExistentPartition,
    /// It has replicas assigned but no leader yet.
    ///
    /// action: first leader and ISR are chosen among the live replicas
    /// transition: leader and ISR written → OnlinePartition; no replica alive: stays;
    /// deleted → NonExistentPartition through OfflinePartition
    NewPartition,
    /// It has a leader.
    ///
    /// action: leader elections that move the leader; ISR changes
    /// transition: leader gone → OfflinePartition
    OnlinePartition,
    /// It had a leader, which is gone.
    ///
    /// action: a leader is elected whenever a broker comes or goes
    /// transition: leader elected → OnlinePartition; deleted → NonExistentPartition
    OfflinePartition,
}

impl PartitionState {
    /// Whether a partition may come here from `previous`.
    pub fn is_valid_after(self, previous: Self) -> bool {
        use PartitionState::{
            NewPartition, NonExistentPartition, OfflinePartition, OnlinePartition,
        };
        match self {
            NewPartition => previous == NonExistentPartition,
            OnlinePartition | OfflinePartition => {
                matches!(previous, NewPartition | OnlinePartition | OfflinePartition)
            }
            NonExistentPartition => previous == OfflinePartition,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PartitionState::{
        self, NewPartition, NonExistentPartition, OfflinePartition, OnlinePartition,
    };

    #[test]
    fn transitions_are_those_of_kafka() {
        let all = [NonExistentPartition, NewPartition, OnlinePartition, OfflinePartition];
        let before = |target: PartitionState| {
            all.into_iter().filter(|previous| target.is_valid_after(*previous)).collect::<Vec<_>>()
        };
        assert_eq!(before(NewPartition), [NonExistentPartition]);
        assert_eq!(before(OnlinePartition), [NewPartition, OnlinePartition, OfflinePartition]);
        assert_eq!(before(OfflinePartition), [NewPartition, OnlinePartition, OfflinePartition]);
        assert_eq!(before(NonExistentPartition), [OfflinePartition]);
    }
}
