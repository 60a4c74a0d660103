//! Replicas come online and go offline. One that goes is stopped and taken out of the ISR; the others
//! hear of it.
//!
//! In Kafka: ReplicaStateMachine.doHandleStateChanges, removeReplicasFromIsr.

use super::context::{Leadership, NO_LEADER, Replica};
use super::replica_state::ReplicaState;
use super::step::Step;
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, TopicPartition};
use crate::broker::kafka_zk::{Answer, Op};
use crate::cluster::znode_path;
use crate::wire::zookeeper::KeeperCode;

impl Controller {
    pub(super) fn begin_replicas(&mut self, step: Step) {
        let ops = match &step {
            Step::OnlineReplicas(replicas) => return self.online_replicas(replicas),
            Step::OfflineReplicas(broker, partitions) => {
                return self.offline_replicas(*broker, partitions);
            }
            Step::ReadForIsrRemoval(_, partitions) => partitions
                .iter()
                .map(|partition| Op::get_data(znode_path::partition_state(partition)))
                .collect(),
            Step::WriteIsrRemoval(_, updates) => updates
                .iter()
                .map(|(partition, leadership)| self.write_state(partition, leadership))
                .collect(),
            _ => Vec::new(),
        };
        self.ask(ops, step);
    }

    pub(super) fn finish_replicas(&mut self, step: Step, answers: Vec<Answer>) {
        match step {
            Step::ReadForIsrRemoval(broker, partitions) => {
                self.finish_read_for_isr_removal(broker, partitions, answers);
            }
            Step::WriteIsrRemoval(broker, updates) => {
                self.finish_isr_removal(broker, updates, answers);
            }
            _ => {}
        }
    }

    fn online_replicas(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            let (partition, broker) = replica;
            let before = self.context.replica_state(replica);
            if !self.context.move_replica(replica, ReplicaState::OnlineReplica) {
                continue;
            }
            // A new replica has been told already, with the first leader of its partition.
            if before == ReplicaState::NewReplica {
                continue;
            }
            if let Some(leadership) = self.context.leaderships.get(partition).cloned() {
                let to = [*broker];
                self.batch.add_leader_and_isr(&self.context, &to, partition, &leadership, false);
            }
        }
        self.send_requests();
    }

    fn offline_replicas(&mut self, broker: i32, partitions: &[TopicPartition]) {
        let mut in_isr = Vec::new();
        for partition in partitions {
            let replica = (partition.clone(), broker);
            if !self.context.move_replica(&replica, ReplicaState::OfflineReplica) {
                continue;
            }
            self.batch.add_stop_replica(&self.context, &replica, false);
            if self.context.leaderships.contains_key(partition) {
                in_isr.push(partition.clone());
            } else {
                let all = self.context.live_or_shutting_down();
                self.batch.add_update_metadata(&self.context, all, [partition]);
            }
        }
        if !in_isr.is_empty() {
            self.go_on_with([Step::ReadForIsrRemoval(broker, in_isr)]);
        }
    }

    fn finish_read_for_isr_removal(
        &mut self,
        broker: i32,
        partitions: Vec<TopicPartition>,
        answers: Vec<Answer>,
    ) {
        let mut updates = Vec::new();
        for (partition, answer) in partitions.into_iter().zip(answers) {
            let Some(mut current) = self.read_partition_state(&partition, &answer) else {
                continue;
            };
            if current.controller_epoch > self.context.epoch {
                continue;
            }
            current.controller_epoch = self.context.epoch;
            if !current.isr.contains(&broker) {
                self.tell_remaining(broker, &partition, current);
                continue;
            }
            let leader = if current.leader == broker { NO_LEADER } else { current.leader };
            // The last one stays: it alone may lead again without loss.
            let isr = match current.isr.len() {
                1 => current.isr.clone(),
                _ => current.isr.iter().copied().filter(|id| *id != broker).collect(),
            };
            updates.push((partition, current.next(leader, isr)));
        }
        if !updates.is_empty() {
            self.go_on_with([Step::WriteIsrRemoval(broker, updates)]);
        }
    }

    fn finish_isr_removal(
        &mut self,
        broker: i32,
        updates: Vec<(TopicPartition, Leadership)>,
        answers: Vec<Answer>,
    ) {
        let mut retry = Vec::new();
        for ((partition, mut leadership), answer) in updates.into_iter().zip(answers) {
            match answer {
                Answer::Written { version } => {
                    leadership.zk_version = version;
                    self.tell_remaining(broker, &partition, leadership);
                }
                Answer::Failed(KeeperCode::BAD_VERSION) => retry.push(partition),
                Answer::Failed(code) => self.log_failed_change(&partition, &code.to_string()),
                _ => {}
            }
        }
        if !retry.is_empty() {
            self.go_on_with([Step::ReadForIsrRemoval(broker, retry)]);
        }
    }

    /// The other replicas hear that `broker` is out of the ISR.
    fn tell_remaining(&mut self, broker: i32, partition: &TopicPartition, leadership: Leadership) {
        let Leadership { leader, leader_epoch, zk_version, controller_epoch, .. } = leadership;
        let isr = joined(&leadership.isr, ",");
        self.log_state_change(
            LogLevel::Info,
            format!(
                "Partition {partition} state changed to (Leader:{leader},ISR:{isr},\
                 LeaderEpoch:{leader_epoch},ZkVersion:{zk_version},\
                 ControllerEpoch:{controller_epoch}) after removing replica {broker} from the ISR \
                 as part of transition to OfflineReplica"
            ),
        );
        let replicas = self.context.replicas(partition).iter();
        let others: Vec<i32> = replicas.copied().filter(|id| *id != broker).collect();
        self.context.leaderships.insert(partition.clone(), leadership.clone());
        if !self.context.is_queued_for_deletion(&partition.topic) {
            self.batch.add_leader_and_isr(&self.context, &others, partition, &leadership, false);
        }
    }
}

/// The steps that take replicas offline, broker by broker, and tell everybody at the end.
pub(super) fn offline_steps(replicas: Vec<Replica>) -> Vec<Step> {
    let mut by_broker: SortedMap<i32, Vec<TopicPartition>> = SortedMap::new();
    for (partition, broker) in replicas {
        by_broker.entry(broker).or_default().push(partition);
    }
    if by_broker.is_empty() {
        return Vec::new();
    }
    let offline = by_broker.into_iter().map(|(broker, its)| Step::OfflineReplicas(broker, its));
    offline.chain([Step::SendRequests]).collect()
}
