//! What the controller begins to do when something happens.
//!
//! In Kafka: KafkaController.process.

use super::Controller;
use super::deletion::DeletionStep;
use super::notifications::NotificationStep;
use super::step::{Event, Purpose, Step};
use super::zk_triggered::ZkTriggeredStep;

impl Controller {
    pub(super) fn process(&mut self, event: Event) {
        self.outcomes.clear();
        match event {
            Event::ControllerChange => self.steps.push_back(Step::ReadController),
            Event::BrokerChange if self.is_active => {
                self.steps.push_back(Step::ListBrokers(Purpose::Change));
            }
            Event::BrokerModifications(broker) if self.is_active => {
                self.steps.push_back(Step::Notification(NotificationStep::ReadBroker(broker)));
            }
            Event::Notified(kind) if self.is_active => {
                self.steps.push_back(Step::Notification(NotificationStep::List(kind)));
            }
            Event::TopicChange if self.is_active => {
                self.steps.push_back(Step::ListTopics(Purpose::Change));
            }
            Event::PartitionModifications(topic) if self.is_active => {
                self.steps.push_back(Step::ReadTopics(vec![topic], Purpose::Modification));
            }
            Event::AutoPreferredReplicaLeaderElection if self.is_active => {
                self.check_leader_imbalance();
            }
            Event::LeaderAndIsrResponse(broker, response) if self.is_active => {
                self.note_offline_dirs(broker, &response);
            }
            Event::TopicDeletion if self.is_active => {
                self.steps.push_back(Step::Deletion(DeletionStep::List(Purpose::Change)));
            }
            Event::ZkPartitionReassignment if self.is_active => {
                let read = ZkTriggeredStep::ReadReassignments;
                self.steps.push_back(Step::ZkTriggered(read));
            }
            Event::ZkPreferredReplicaElection if self.is_active => {
                self.steps.push_back(Step::ZkTriggered(ZkTriggeredStep::ReadElections));
            }
            Event::ReplicasDeleted(outcomes) if self.is_active => {
                self.process_replicas_deleted(outcomes);
            }
            Event::UncleanLeaderElectionEnable(topic) if self.is_active => {
                self.process_unclean_leader_election_enable(topic);
            }
            Event::AlterReassignments(token, request) => {
                self.process_alter_reassignments(token, request);
            }
            Event::ListReassignments(token, request) => {
                self.process_list_reassignments(token, request);
            }
            Event::ElectLeaders(token, kind, partitions) => {
                self.process_elect_leaders(token, kind, partitions);
            }
            Event::AlterIsr(token, request) => self.process_alter_isr(token, request),
            Event::ControlledShutdown { token, broker, broker_epoch } => {
                self.process_controlled_shutdown(token, broker, broker_epoch);
            }
            Event::BrokerChange
            | Event::BrokerModifications(_)
            | Event::Notified(_)
            | Event::TopicChange
            | Event::PartitionModifications(_)
            | Event::AutoPreferredReplicaLeaderElection
            | Event::LeaderAndIsrResponse(..)
            | Event::TopicDeletion
            | Event::ZkPartitionReassignment
            | Event::ZkPreferredReplicaElection
            | Event::ReplicasDeleted(_)
            | Event::UncleanLeaderElectionEnable(_) => {}
        }
    }
}
