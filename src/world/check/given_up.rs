//! Partitions that Kafka gives up for good.
//!
//! A move that is cancelled while the old replicas are away leaves a partition whose ISR names none of
//! its replicas: as long as somebody of the ISR lives, though it has no replica any more, the controller
//! elects nobody (`PartitionStateMachine.collectUncleanLeaderElectionState`).
//!
//! A controller whose connection to ZooKeeper broke while a partition's state was being written writes
//! it again, and if the first write did arrive the second is refused for its version. It answers the
//! leader INVALID_UPDATE_VERSION, and the leader of Kafka 2.8 asks no more until the next LeaderAndIsr
//! (`Partition.handleAlterIsrResponse`): the ISR is full in ZooKeeper, and short for everybody else.

use crate::base::{
    BrokerId, ProcessId, SortedMap, SortedSet, Span, Time, TopicPartition, TraceEvent, TraceRecord,
};

/// How long before such an answer the connection broke, at most.
const RETRIED_WITHIN: Span = Span::from_secs(30);

/// Partitions whose leaders have given up.
#[derive(Default)]
pub(super) struct GivenUp {
    disconnected: SortedMap<ProcessId, Time>,
    partitions: SortedSet<TopicPartition>,
    /// The replicas of partitions that were moved.
    moved: SortedMap<TopicPartition, Vec<BrokerId>>,
}

impl GivenUp {
    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord) {
        let Some(source) = record.source else { return };
        match &record.event {
            TraceEvent::Logged { text, .. } if text.ends_with("] Disconnected.") => {
                self.disconnected.insert(source, record.at);
            }
            TraceEvent::Logged { text, .. } => {
                let broke = self.disconnected.get(&source);
                if let Some(partition) = refused(text)
                    && broke.is_some_and(|at| record.at.since(*at) <= RETRIED_WITHIN)
                {
                    self.partitions.insert(partition);
                }
            }
            TraceEvent::ReplicasReassigned { partition, replicas, .. } => {
                self.moved.insert(partition.clone(), replicas.clone());
            }
            TraceEvent::PartitionWentOffline { partition, isr, .. }
                if self.moved.get(partition).is_some_and(|replicas| {
                    isr.iter().all(|broker| !replicas.contains(broker))
                }) =>
            {
                self.partitions.insert(partition.clone());
            }
            TraceEvent::LeaderElected { partition, .. } => {
                self.partitions.remove(partition);
            }
            _ => {}
        }
    }

    /// The partitions.
    pub fn partitions(&self) -> &SortedSet<TopicPartition> {
        &self.partitions
    }
}

/// The partition of which a controller says that its ISR was not changed.
fn refused(text: &str) -> Option<TopicPartition> {
    let (_, rest) = text.split_once("] Failed to update ISR to ")?;
    let (_, partition) = rest.strip_suffix(", bad ZK version.")?.split_once(" for partition ")?;
    partition.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::trace::{ElectionReason, LogLevel};
    use crate::base::{Cause, EventId};

    fn told(events: &[(u64, &str)]) -> GivenUp {
        let mut given_up = GivenUp::default();
        for (at, text) in events {
            let (level, logger) = (LogLevel::Info, String::new());
            let event = TraceEvent::Logged { level, text: (*text).to_owned(), logger };
            see(&mut given_up, Time::from_millis(at * 1_000), event);
        }
        given_up
    }

    fn see(given_up: &mut GivenUp, at: Time, event: TraceEvent) {
        let (id, source, cause) = (EventId(1), Some(ProcessId(1)), Cause::Beginning);
        given_up.see(&TraceRecord { id, at, source, cause, event });
    }

    const BROKE: &str = "[ZooKeeperClient Kafka server] Disconnected.";
    const REFUSED: &str =
        "[Controller id=1] Failed to update ISR to 2,3 for partition a-b-1, bad ZK version.";

    #[test]
    fn a_moved_partition_without_a_replica_in_its_isr_is_given_up() {
        let partition = TopicPartition::new("a", 0);
        let moved = |replica| TraceEvent::ReplicasReassigned {
            partition: partition.clone(),
            replicas: vec![BrokerId(replica)],
            adding: Vec::new(),
            removing: Vec::new(),
        };
        let offline = TraceEvent::PartitionWentOffline {
            partition: partition.clone(),
            leader_epoch: 3,
            isr: vec![BrokerId(2)],
        };
        for (replica, is_given_up) in [(2, false), (3, true)] {
            let mut given_up = GivenUp::default();
            see(&mut given_up, Time::from_millis(1), moved(replica));
            see(&mut given_up, Time::from_millis(2), offline.clone());
            assert_eq!(given_up.partitions().contains(&partition), is_given_up);
        }
    }

    #[test]
    fn only_after_a_broken_connection_and_until_the_next_election() {
        let partition = TopicPartition::new("a-b", 1);
        assert!(told(&[(1, REFUSED)]).partitions().is_empty());
        assert!(told(&[(1, BROKE), (40, REFUSED)]).partitions().is_empty());
        let mut given_up = told(&[(1, BROKE), (3, REFUSED)]);
        assert!(given_up.partitions().contains(&partition));
        let (leader, isr, reason) = (BrokerId(2), Vec::new(), ElectionReason::Preferred);
        let event = TraceEvent::LeaderElected { partition, leader, leader_epoch: 2, isr, reason };
        see(&mut given_up, Time::from_millis(4_000), event);
        assert!(given_up.partitions().is_empty());
    }
}
