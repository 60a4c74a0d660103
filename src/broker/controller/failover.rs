//! Taking office: read everything, then start the state machines of replicas and partitions, which
//! finds the leaders that are missing.
//!
//! In Kafka: KafkaController.onControllerFailover, initializeControllerContext,
//! ReplicaStateMachine.startup, PartitionStateMachine.startup.

use super::context::{Leadership, NO_LEADER};
use super::deletion::DeletionStep;
use super::partition_state::PartitionState;
use super::replica_state::ReplicaState;
use super::replicas::offline_steps;
use super::step::{Purpose, Step};
use super::zk_triggered::ZkTriggeredStep;
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedSet, Span, TopicPartition};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::{znode_data, znode_path};

/// When the first check for preferred leaders comes.
const FIRST_REBALANCE_DELAY: Span = Span::from_secs(5);

const REPLICA_STATE_MACHINE: &str = "kafka.controller.ZkReplicaStateMachine";
const PARTITION_STATE_MACHINE: &str = "kafka.controller.ZkPartitionStateMachine";

impl Controller {
    /// The steps of a new controller, in Kafka's order.
    pub(super) fn begin_office(&mut self) {
        self.go_on_with([
            Step::ReadFeature,
            Step::ListNotifications,
            Step::ListBrokers(Purpose::Failover),
            Step::ListTopics(Purpose::Failover),
            Step::ContextInitialized,
            Step::Deletion(DeletionStep::List(Purpose::Failover)),
            Step::StartStateMachines,
        ]);
    }

    pub(super) fn begin_failover(&mut self, step: Step) {
        let ops = match &step {
            Step::ReadFeature => vec![Op::get_data(znode_path::FEATURE)],
            Step::CreateFeature => {
                self.info(
                    "Creating FeatureZNode at path: /feature with contents: \
                     FeatureZNode(Enabled,Features{})",
                );
                vec![self.fenced(Write::Create {
                    path: znode_path::FEATURE.to_owned(),
                    data: Some(znode_data::FEATURE_ENABLED.into()),
                })]
            }
            Step::ListNotifications => {
                self.info("Registering handlers");
                self.info("Deleting log dir event notifications");
                self.info("Deleting isr change notifications");
                self.info("Initializing controller context");
                vec![
                    Op::watch_children(znode_path::LOG_DIR_EVENT_NOTIFICATION),
                    Op::watch_children(znode_path::ISR_CHANGE_NOTIFICATION),
                ]
            }
            Step::DeleteNotifications(paths) => {
                let delete = |path: &String| self.fenced(Write::Delete { path: path.clone() });
                paths.iter().map(delete).collect()
            }
            Step::ReadPartitionStates(partitions) => partitions
                .iter()
                .map(|partition| Op::get_data(znode_path::partition_state(partition)))
                .collect(),
            Step::ContextInitialized => return self.log_context(),
            Step::StartStateMachines => return self.start_state_machines(),
            Step::StartPartitions => return self.start_partitions(),
            Step::StartScheduler => return self.start_scheduler(),
            _ => return self.be_ready(),
        };
        self.ask(ops, step);
    }

    pub(super) fn finish_failover(&mut self, step: Step, answers: Vec<Answer>) {
        match step {
            Step::ReadFeature if answers.iter().any(Answer::is_no_node) => {
                self.go_on_with([Step::CreateFeature]);
            }
            Step::ListNotifications => {
                let parents =
                    [znode_path::LOG_DIR_EVENT_NOTIFICATION, znode_path::ISR_CHANGE_NOTIFICATION];
                let mut paths = Vec::new();
                for (parent, answer) in parents.into_iter().zip(answers) {
                    let names = answer.into_children();
                    paths.extend(names.iter().map(|name| format!("{parent}/{name}")));
                }
                self.go_on_with([Step::DeleteNotifications(paths)]);
            }
            Step::ReadPartitionStates(partitions) => {
                for (partition, answer) in partitions.into_iter().zip(answers) {
                    self.note_partition_state(partition, &answer);
                }
            }
            _ => {}
        }
    }

    /// Keeps leader and ISR as read from ZooKeeper, if they are there.
    fn note_partition_state(&mut self, partition: TopicPartition, answer: &Answer) {
        if let Some(leadership) = self.read_partition_state(&partition, answer) {
            if leadership.leader == NO_LEADER {
                self.context.reported_offline.insert(partition.clone());
            }
            self.context.leaderships.insert(partition, leadership);
        }
    }

    /// Leader and ISR in the answer to a read of a state znode.
    pub(super) fn read_partition_state(
        &mut self,
        partition: &TopicPartition,
        answer: &Answer,
    ) -> Option<Leadership> {
        let Answer::Data { data, version, .. } = answer else { return None };
        match znode_data::PartitionState::from_json(data) {
            Ok(state) => Some(Leadership::of(state, *version)),
            Err(error) => {
                self.log(LogLevel::Error, format!("Partition {partition}: {error}"));
                None
            }
        }
    }

    fn log_context(&mut self) {
        let live = joined(self.context.live_brokers(), ", ");
        let topics = joined(&self.context.topics, ", ");
        self.info(format!("Currently active brokers in the cluster: Set({live})"));
        self.info("Currently shutting brokers in the cluster: Set()");
        self.info(format!("Current list of topics in the cluster: Set({topics})"));
        self.info("Fetching topic deletions in progress");
    }

    fn start_state_machines(&mut self) {
        self.info("Sending update metadata request");
        let all = self.context.live_or_shutting_down();
        self.batch.add_update_metadata(&self.context, all, []);
        self.send_requests();

        self.log_replicas("Initializing replica state");
        let all_partitions: Vec<TopicPartition> =
            self.context.assignments.keys().cloned().collect();
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        for replica in self.context.replicas_of(&all_partitions) {
            let (partition, broker) = &replica;
            let state = if self.context.is_replica_online(*broker, partition) {
                online.push(replica.clone());
                ReplicaState::OnlineReplica
            } else {
                offline.push(replica.clone());
                ReplicaState::ReplicaDeletionIneligible
            };
            self.context.replica_states.insert(replica, state);
        }
        self.log_replicas("Triggering online replica state changes");
        self.log_replicas("Triggering offline replica state changes");
        let mut steps = vec![Step::OnlineReplicas(online)];
        steps.extend(offline_steps(offline));
        steps.extend([Step::StartPartitions, Step::TriggerOnline(None), Step::Ready]);
        self.go_on_with(steps);
    }

    fn log_replicas(&mut self, text: &str) {
        let text = format!("[ReplicaStateMachine controllerId={}] {text}", self.me);
        self.log_as(LogLevel::Info, REPLICA_STATE_MACHINE, text);
    }

    fn log_partitions(&mut self, text: &str) {
        let text = format!("[PartitionStateMachine controllerId={}] {text}", self.me);
        self.log_as(LogLevel::Info, PARTITION_STATE_MACHINE, text);
    }

    /// What the state machines say when the controller leaves office.
    pub(super) fn log_state_machines_stopped(&mut self) {
        self.log_partitions("Stopped partition state machine");
        self.log_replicas("Stopped replica state machine");
    }

    fn start_partitions(&mut self) {
        self.log_partitions("Initializing partition state");
        let partitions: Vec<TopicPartition> = self.context.assignments.keys().cloned().collect();
        for partition in partitions {
            let state = match self.context.leaderships.get(&partition) {
                None => PartitionState::NewPartition,
                Some(one) if self.context.is_replica_online(one.leader, &partition) => {
                    PartitionState::OnlinePartition
                }
                Some(_) => PartitionState::OfflinePartition,
            };
            self.context.partition_states.insert(partition, state);
        }
        self.log_partitions("Triggering online partition state changes");
    }

    fn be_ready(&mut self) {
        let epoch = self.context.epoch;
        self.info(format!("Ready to serve as the new controller with epoch {epoch}"));
        let resumed = SortedSet::new();
        self.go_on_with([
            // What a znode wants, then what was under way already.
            Step::ZkTriggered(ZkTriggeredStep::ReadReassignments),
            Step::ZkTriggered(ZkTriggeredStep::ResumeReassignments(resumed)),
            Step::Deletion(DeletionStep::Try),
            Step::ZkTriggered(ZkTriggeredStep::ReadPendingElections),
            Step::StartScheduler,
        ]);
    }

    fn start_scheduler(&mut self) {
        self.info("Starting the controller scheduler");
        if self.config.auto_leader_rebalance_enable {
            self.next_rebalance = Some(self.now + FIRST_REBALANCE_DELAY);
        }
    }
}
