//! Where a replica is in its life, and which steps it can take.
//!
//! In Kafka: kafka.controller.ReplicaState in ReplicaStateMachine.scala. The states of topic
//! deletion come with it.

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
    /// transition: broker comes back → OnlineReplica
    OfflineReplica,
}

impl ReplicaState {
    /// Whether a replica may come here from `previous`.
    pub fn is_valid_after(self, previous: Self) -> bool {
        use ReplicaState::{NewReplica, NonExistentReplica, OfflineReplica, OnlineReplica};
        match self {
            NewReplica => previous == NonExistentReplica,
            OnlineReplica | OfflineReplica => {
                matches!(previous, NewReplica | OnlineReplica | OfflineReplica)
            }
            NonExistentReplica => false,
        }
    }
}
