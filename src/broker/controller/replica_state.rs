//! Where a replica is in its life, and which steps it can take.
//!
//! In Kafka: kafka.controller.ReplicaState in ReplicaStateMachine.scala.

/// State of a replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ReplicaState {
    /// The replica was never assigned.
    ///
    /// transition: partition created, or replica added → NewReplica
    #[default]
    NonExistentReplica,
    /// It can only follow.
    ///
    /// action: told of its leader once there is one
    /// transition: the partition has a leader → OnlineReplica; broker dies → OfflineReplica
    NewReplica,
    /// Its broker is alive; it leads or follows.
    ///
    /// action: LeaderAndIsr whenever leader or ISR changes
    /// transition: broker dies or shuts down → OfflineReplica
    OnlineReplica,
    /// Its broker is gone or shutting down.
    ///
    /// action: StopReplica, taken out of the ISR
    /// transition: broker comes back → OnlineReplica; to be deleted → ReplicaDeletionStarted;
    /// its topic is to be deleted and the broker is dead → ReplicaDeletionIneligible
    OfflineReplica,
    /// Its broker has been told to delete it.
    ///
    /// action: StopReplica with delete
    /// transition: answered → ReplicaDeletionSuccessful; failed → ReplicaDeletionIneligible
    ReplicaDeletionStarted,
    /// It is gone from its broker's disk.
    ///
    /// transition: all others of the topic are gone too → NonExistentReplica
    ReplicaDeletionSuccessful,
    /// It cannot be deleted now: its broker is dead, or failed to.
    ///
    /// transition: deletion is tried again → OfflineReplica; broker comes back → OnlineReplica
    ReplicaDeletionIneligible,
}

impl ReplicaState {
    /// Whether a replica may come here from `previous`.
    pub fn is_valid_after(self, previous: Self) -> bool {
        use ReplicaState::{
            NewReplica, NonExistentReplica, OfflineReplica, OnlineReplica,
            ReplicaDeletionIneligible, ReplicaDeletionStarted, ReplicaDeletionSuccessful,
        };
        match self {
            NewReplica => previous == NonExistentReplica,
            OnlineReplica | OfflineReplica => matches!(
                previous,
                NewReplica | OnlineReplica | OfflineReplica | ReplicaDeletionIneligible
            ),
            ReplicaDeletionStarted => previous == OfflineReplica,
            ReplicaDeletionSuccessful => previous == ReplicaDeletionStarted,
            ReplicaDeletionIneligible => {
                matches!(previous, OfflineReplica | ReplicaDeletionStarted)
            }
            NonExistentReplica => previous == ReplicaDeletionSuccessful,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReplicaState::{
        self, NewReplica, NonExistentReplica, OfflineReplica, OnlineReplica,
        ReplicaDeletionIneligible, ReplicaDeletionStarted, ReplicaDeletionSuccessful,
    };

    #[test]
    fn transitions_are_those_of_kafka() {
        let all = [
            NonExistentReplica,
            NewReplica,
            OnlineReplica,
            OfflineReplica,
            ReplicaDeletionStarted,
            ReplicaDeletionSuccessful,
            ReplicaDeletionIneligible,
        ];
        let before = |target: ReplicaState| {
            all.into_iter().filter(|previous| target.is_valid_after(*previous)).collect::<Vec<_>>()
        };
        let alive = [NewReplica, OnlineReplica, OfflineReplica, ReplicaDeletionIneligible];
        assert_eq!(before(NewReplica), [NonExistentReplica]);
        assert_eq!(before(OnlineReplica), alive);
        assert_eq!(before(OfflineReplica), alive);
        assert_eq!(before(ReplicaDeletionStarted), [OfflineReplica]);
        assert_eq!(before(ReplicaDeletionSuccessful), [ReplicaDeletionStarted]);
        assert_eq!(before(ReplicaDeletionIneligible), [OfflineReplica, ReplicaDeletionStarted]);
        assert_eq!(before(NonExistentReplica), [ReplicaDeletionSuccessful]);
    }
}
