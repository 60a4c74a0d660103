//! What the active controller knows of the cluster: brokers, topics, assignments, and the leader and
//! ISR of every partition. It is read from ZooKeeper when the controller takes office and kept up to
//! date with everything that the controller itself writes.
//!
//! In Kafka: kafka.controller.ControllerContext.

use super::partition_state::PartitionState;
use super::replica_state::ReplicaState;
use crate::base::mutant::{Mutant, is_planted};
use crate::base::{BrokerId, Endpoint, SortedMap, SortedSet, TopicPartition};
use crate::cluster::znode_data::{self, ReplicaAssignment};
use crate::wire::Uuid;

/// The leader of a partition that has none.
pub const NO_LEADER: i32 = -1;
/// The leader that brokers are told of a partition that is being deleted.
pub const LEADER_DURING_DELETE: i32 = -2;
/// No leader epoch.
pub const NO_EPOCH: i32 = -1;
/// The leader epoch in a StopReplica that deletes a topic: higher than any.
pub const EPOCH_DURING_DELETE: i32 = -2;

/// A live broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveBroker {
    /// czxid of its registration: a new life has a higher one.
    pub epoch: i64,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// Leader and ISR of a partition, as they stand in ZooKeeper (LeaderIsrAndControllerEpoch).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leadership {
    /// The leader, or [`NO_LEADER`].
    pub leader: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Version of the znode.
    pub zk_version: i32,
    /// Epoch of the controller that wrote it.
    pub controller_epoch: i32,
}

impl Leadership {
    /// The leadership in a state znode of version `zk_version`.
    pub fn of(state: znode_data::PartitionState, zk_version: i32) -> Self {
        Self {
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            isr: state.isr,
            zk_version,
            controller_epoch: state.controller_epoch,
        }
    }

    /// The next leadership: another leader or ISR, in the next leader epoch.
    pub fn next(&self, leader: i32, isr: Vec<i32>) -> Self {
        let leader_epoch = self.leader_epoch + i32::from(!is_planted(Mutant::KeepLeaderEpoch));
        Self { leader, leader_epoch, isr, ..self.clone() }
    }

    /// What is written into the state znode.
    pub fn to_znode(&self) -> znode_data::PartitionState {
        znode_data::PartitionState {
            controller_epoch: self.controller_epoch,
            leader: self.leader,
            version: 1,
            leader_epoch: self.leader_epoch,
            isr: self.isr.clone(),
        }
    }

    /// The ISR as broker ids.
    pub fn isr_ids(&self) -> Vec<BrokerId> {
        self.isr.iter().map(|id| BrokerId(*id)).collect()
    }
}

/// A replica: a partition on a broker.
pub type Replica = (TopicPartition, i32);

/// What the controller knows.
#[derive(Clone, Debug, Default)]
pub struct ControllerContext {
    /// This controller's epoch.
    pub epoch: i32,
    /// Version of `/controller_epoch` that this controller made; every write checks it.
    pub epoch_zk_version: i32,
    /// Live brokers, those that are shutting down among them.
    pub brokers: SortedMap<i32, LiveBroker>,
    /// Brokers that asked for a controlled shutdown.
    pub shutting_down: SortedSet<i32>,
    /// Topics.
    pub topics: SortedSet<String>,
    /// Their ids.
    pub topic_ids: SortedMap<String, Uuid>,
    /// Replicas of every partition.
    pub assignments: SortedMap<TopicPartition, ReplicaAssignment>,
    /// Leader and ISR of every partition that ever had one.
    pub leaderships: SortedMap<TopicPartition, Leadership>,
    /// Where every partition is in its life.
    pub partition_states: SortedMap<TopicPartition, PartitionState>,
    /// Where every replica is in its life.
    pub replica_states: SortedMap<Replica, ReplicaState>,
    /// Partitions without a leader that have been reported as such.
    pub reported_offline: SortedSet<TopicPartition>,
    /// Replicas in failed log directories, by broker.
    pub offline_dirs: SortedMap<i32, SortedSet<TopicPartition>>,
    /// Topics that shall be deleted.
    pub topics_to_be_deleted: SortedSet<String>,
    /// Those whose partitions count as gone already.
    pub topics_with_deletion_started: SortedSet<String>,
    /// Those that cannot be deleted now: a replica is offline, or a reassignment is under way.
    pub topics_ineligible_for_deletion: SortedSet<String>,
    /// Partitions whose replicas are being moved.
    pub being_reassigned: SortedSet<TopicPartition>,
}

impl ControllerContext {
    /// Brokers that are alive and not shutting down.
    pub fn live_brokers(&self) -> SortedSet<i32> {
        self.brokers.keys().filter(|id| !self.shutting_down.contains(id)).copied().collect()
    }

    /// Ids of all brokers that are registered.
    pub fn live_or_shutting_down(&self) -> SortedSet<i32> {
        self.brokers.keys().copied().collect()
    }

    /// Whether `broker` can serve its replica of `partition`.
    pub fn is_replica_online(&self, broker: i32, partition: &TopicPartition) -> bool {
        !self.shutting_down.contains(&broker)
            && self.is_replica_online_or_shutting_down(broker, partition)
    }

    /// As [`Self::is_replica_online`], brokers that are shutting down included.
    pub fn is_replica_online_or_shutting_down(
        &self,
        broker: i32,
        partition: &TopicPartition,
    ) -> bool {
        let is_dir_offline =
            self.offline_dirs.get(&broker).is_some_and(|offline| offline.contains(partition));
        self.brokers.contains_key(&broker) && !is_dir_offline
    }

    /// Replicas of a partition in assignment order.
    pub fn replicas(&self, partition: &TopicPartition) -> &[i32] {
        self.assignments.get(partition).map_or(&[], |assignment| &assignment.replicas)
    }

    /// Partitions that have a replica on one of `brokers`, each with the broker.
    pub fn replicas_on_brokers(&self, brokers: &SortedSet<i32>) -> Vec<Replica> {
        let on = |(partition, assignment): (&TopicPartition, &ReplicaAssignment)| {
            let here = assignment.replicas.iter().filter(|id| brokers.contains(id));
            here.map(|id| (partition.clone(), *id)).collect::<Vec<_>>()
        };
        self.assignments.iter().flat_map(on).collect()
    }

    /// All replicas of `partitions`.
    pub fn replicas_of<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Vec<Replica> {
        let of = |partition: &TopicPartition| {
            let replicas = self.replicas(partition).iter();
            replicas.map(|id| (partition.clone(), *id)).collect::<Vec<_>>()
        };
        partitions.into_iter().flat_map(of).collect()
    }

    /// Whether `topic` shall be deleted.
    pub fn is_queued_for_deletion(&self, topic: &str) -> bool {
        self.topics_to_be_deleted.contains(topic)
    }

    /// The partitions of `topic`.
    pub fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        let from = TopicPartition::new(topic, i32::MIN);
        let all = self.assignments.range(from..).map(|(partition, _)| partition);
        all.take_while(|partition| partition.topic == topic).cloned().collect()
    }

    /// All replicas of `topic`.
    pub fn replicas_of_topic(&self, topic: &str) -> Vec<Replica> {
        self.replicas_of(&self.partitions_of(topic))
    }

    /// The replicas of `topic` that are in `state`.
    pub fn replicas_in_state(&self, topic: &str, state: ReplicaState) -> Vec<Replica> {
        let mut replicas = self.replicas_of_topic(topic);
        replicas.retain(|replica| self.replica_state(replica) == state);
        replicas
    }

    /// Partitions that have or had a leader and shall not be deleted.
    pub fn partitions_with_leaders(&self) -> Vec<TopicPartition> {
        let known = self.leaderships.keys();
        known.filter(|partition| !self.is_queued_for_deletion(&partition.topic)).cloned().collect()
    }

    /// Partitions whose leader is not alive, without those that shall be deleted.
    pub fn partitions_with_offline_leader(&self) -> Vec<TopicPartition> {
        self.leaderships
            .iter()
            .filter(|(partition, leadership)| {
                !self.is_replica_online(leadership.leader, partition)
                    && !self.is_queued_for_deletion(&partition.topic)
            })
            .map(|(partition, _)| partition.clone())
            .collect()
    }

    /// Partitions with more than one replica that `broker` leads.
    pub fn partition_leaders_on_broker(&self, broker: i32) -> Vec<TopicPartition> {
        self.leaderships
            .iter()
            .filter(|(partition, leadership)| {
                leadership.leader == broker
                    && self.replicas(partition).len() > 1
                    && !self.is_queued_for_deletion(&partition.topic)
            })
            .map(|(partition, _)| partition.clone())
            .collect()
    }

    /// Partitions in one of `states`.
    pub fn partitions_in_states(&self, states: &[PartitionState]) -> Vec<TopicPartition> {
        self.partition_states
            .iter()
            .filter(|(_, state)| states.contains(state))
            .map(|(partition, _)| partition.clone())
            .collect()
    }

    /// Moves a partition to `target` if that is a valid transition; true when it was.
    pub fn move_partition(&mut self, partition: &TopicPartition, target: PartitionState) -> bool {
        let current = self.partition_state(partition);
        let is_valid = target.is_valid_after(current);
        if is_valid {
            self.partition_states.insert(partition.clone(), target);
        }
        is_valid
    }

    /// Where a partition is in its life.
    pub fn partition_state(&self, partition: &TopicPartition) -> PartitionState {
        self.partition_states.get(partition).copied().unwrap_or_default()
    }

    /// Where a replica is in its life.
    pub fn replica_state(&self, replica: &Replica) -> ReplicaState {
        self.replica_states.get(replica).copied().unwrap_or_default()
    }

    /// Moves a replica to `target` if that is a valid transition; true when it was.
    pub fn move_replica(&mut self, replica: &Replica, target: ReplicaState) -> bool {
        let current = self.replica_state(replica);
        let is_valid = target.is_valid_after(current);
        if is_valid {
            self.replica_states.insert(replica.clone(), target);
        }
        is_valid
    }

    /// Forgets a topic that is gone.
    pub fn remove_topic(&mut self, topic: &str) {
        self.topics.remove(topic);
        self.topic_ids.remove(topic);
        self.assignments.retain(|partition, _| partition.topic != topic);
        self.leaderships.retain(|partition, _| partition.topic != topic);
        self.partition_states.retain(|partition, _| partition.topic != topic);
        self.replica_states.retain(|(partition, _), _| partition.topic != topic);
        self.reported_offline.retain(|partition| partition.topic != topic);
        self.being_reassigned.retain(|partition| partition.topic != topic);
        self.topics_to_be_deleted.remove(topic);
        self.topics_with_deletion_started.remove(topic);
        self.topics_ineligible_for_deletion.remove(topic);
    }
}
