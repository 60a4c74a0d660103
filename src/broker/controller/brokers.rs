//! Brokers come, go and bounce.
//!
//! In Kafka: KafkaController.processBrokerChange, onBrokerStartup, onBrokerFailure,
//! onReplicasBecomeOffline.

use super::context::LiveBroker;
use super::deletion::DeletionStep;
use super::election::ElectionStrategy;
use super::notifications::NotificationStep;
use super::partition_state::PartitionState;
use super::replicas::offline_steps;
use super::step::{Purpose, Step};
use super::{Controller, joined, reassignment};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, SortedMap, SortedSet, TopicPartition, TraceEvent};
use crate::broker::action::{Action, Node};
use crate::broker::kafka_zk::{Answer, Op};
use crate::cluster::znode_data::BrokerRegistration;
use crate::cluster::znode_path;
use crate::wire::ErrorCode;
use crate::wire::kafka::LeaderAndIsrResponse;

/// How leaders are looked for when brokers come and go.
const OFFLINE: ElectionStrategy = ElectionStrategy::Offline { allow_unclean: false };

impl Controller {
    pub(super) fn begin_brokers(&mut self, step: Step) {
        let ops = match &step {
            Step::ListBrokers(_) => vec![Op::watch_children(znode_path::BROKER_IDS)],
            Step::ReadBrokers(ids, _) => {
                ids.iter().map(|id| Op::get_data(znode_path::broker(BrokerId(*id)))).collect()
            }
            Step::BrokerStartup(brokers) => return self.on_broker_startup(brokers),
            Step::BrokerFailure(brokers) => return self.on_broker_failure(brokers),
            Step::AddBrokers(brokers) => return self.add_brokers(brokers.clone()),
            Step::UpdateMetadataOfBrokers => {
                let all = self.context.live_or_shutting_down();
                self.batch.add_update_metadata(&self.context, all, []);
                return self.send_requests();
            }
            _ => {
                let epochs = self.broker_epochs();
                return self.info(format!("Updated broker epochs cache: {epochs}"));
            }
        };
        self.ask(ops, step);
    }

    pub(super) fn finish_list_brokers(&mut self, purpose: Purpose, mut answers: Vec<Answer>) {
        let names = answers.pop().map(Answer::into_children).unwrap_or_default();
        let mut ids: Vec<i32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        self.go_on_with([Step::ReadBrokers(ids, purpose)]);
    }

    pub(super) fn finish_read_brokers(
        &mut self,
        ids: &[i32],
        purpose: Purpose,
        answers: Vec<Answer>,
    ) {
        let mut found = SortedMap::new();
        for (id, answer) in ids.iter().zip(answers) {
            // Between the list and the read a broker may have gone; the watch will tell.
            let Answer::Data { data, czxid, .. } = answer else { continue };
            match BrokerRegistration::from_json(&data) {
                Ok(BrokerRegistration { endpoint, rack, .. }) => {
                    found.insert(*id, LiveBroker { epoch: czxid, endpoint, rack });
                }
                Err(error) => self.log(LogLevel::Error, format!("Broker {id}: {error}")),
            }
        }
        if purpose == Purpose::Failover {
            let ids = found.keys().copied().collect();
            self.add_brokers(found);
            let epochs = self.broker_epochs();
            self.info(format!("Initialized broker epochs cache: {epochs}"));
            self.go_on_with([Step::Notification(NotificationStep::WatchBrokers(ids))]);
        } else {
            self.compare_brokers(found);
        }
    }

    fn broker_epochs(&self) -> String {
        let epochs = self.context.brokers.iter().map(|(id, one)| format!("{id} -> {}", one.epoch));
        format!("Map({})", joined(epochs, ", "))
    }

    fn compare_brokers(&mut self, current: SortedMap<i32, LiveBroker>) {
        let known = &self.context.brokers;
        let is_bounced =
            |id: &&i32| known.get(id).is_some_and(|before| current[*id].epoch > before.epoch);
        let bounced: SortedSet<i32> = current.keys().filter(is_bounced).copied().collect();
        let added: SortedSet<i32> =
            current.keys().filter(|id| !known.contains_key(id)).copied().collect();
        let dead: SortedSet<i32> =
            known.keys().filter(|id| !current.contains_key(id)).copied().collect();
        self.info(format!(
            "Newly added brokers: {}, deleted brokers: {}, bounced brokers: {}, \
             all live brokers: {}",
            joined(&added, ","),
            joined(&dead, ","),
            joined(&bounced, ","),
            joined(current.keys(), ",")
        ));
        if added.is_empty() && dead.is_empty() && bounced.is_empty() {
            return;
        }
        let ids = |set: &SortedSet<i32>| set.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
        self.trace(TraceEvent::BrokersChanged {
            added: ids(&added.union(&bounced).copied().collect()),
            removed: ids(&dead.union(&bounced).copied().collect()),
        });
        let (mut arrived, mut returned) = (SortedMap::new(), SortedMap::new());
        for (id, broker) in current {
            if added.contains(&id) {
                arrived.insert(id, broker);
            } else if bounced.contains(&id) {
                returned.insert(id, broker);
            }
        }
        let mut steps = Vec::new();
        if !arrived.is_empty() {
            steps.extend([Step::AddBrokers(arrived), Step::BrokerStartup(added)]);
        }
        if !bounced.is_empty() {
            steps.extend([
                Step::BrokerFailure(bounced.clone()),
                Step::AddBrokers(returned),
                Step::BrokerStartup(bounced),
            ]);
        }
        if !dead.is_empty() {
            steps.push(Step::BrokerFailure(dead));
        }
        steps.push(Step::LogBrokerEpochs);
        self.go_on_with(steps);
    }

    fn add_brokers(&mut self, brokers: SortedMap<i32, LiveBroker>) {
        for (id, broker) in brokers {
            self.channels.add_broker(Node { id: BrokerId(id), endpoint: broker.endpoint.clone() });
            self.context.brokers.insert(id, broker);
        }
    }

    fn on_broker_startup(&mut self, brokers: &SortedSet<i32>) {
        self.info(format!("New broker startup callback for {}", joined(brokers, ",")));
        self.context.offline_dirs.retain(|id, _| !brokers.contains(id));
        let all = self.context.live_or_shutting_down();
        let others: Vec<i32> = all.difference(brokers).copied().collect();
        self.batch.add_update_metadata(&self.context, others, []);
        self.send_requests();
        // Whoever is new needs to know everything.
        let partitions = self.context.partitions_with_leaders();
        self.batch.add_update_metadata(&self.context, brokers.iter().copied(), &partitions);
        self.send_requests();
        let replicas = self.context.replicas_on_brokers(brokers);
        let mut to_delete = replicas.clone();
        to_delete.retain(|(partition, _)| self.context.is_queued_for_deletion(&partition.topic));
        let mut steps = vec![Step::OnlineReplicas(replicas), Step::TriggerOnline(None)];
        for partition in &self.context.being_reassigned {
            let Some(moving) = self.context.assignments.get(partition) else { continue };
            if moving.target_replicas().iter().any(|id| brokers.contains(id)) {
                steps.push(reassignment::begin_step(partition.clone(), moving.clone()));
            }
        }
        if !to_delete.is_empty() {
            let names = to_delete.iter().map(|(partition, broker)| {
                let TopicPartition { topic, partition } = partition;
                format!("[Topic={topic},Partition={partition},Replica={broker}]")
            });
            let (names, brokers) = (joined(names, ","), joined(brokers, ","));
            let queued = joined(&self.context.topics_to_be_deleted, ",");
            self.info(format!(
                "Some replicas {names} for topics scheduled for deletion {queued} are on the newly \
                 restarted brokers {brokers}. Signaling restart of topic deletion for these topics"
            ));
            let topics = to_delete.into_iter().map(|(partition, _)| partition.topic).collect();
            steps.push(Step::Deletion(DeletionStep::Resume(topics)));
        }
        let ids = brokers.iter().copied().collect();
        steps.push(Step::Notification(NotificationStep::WatchBrokers(ids)));
        self.go_on_with(steps);
    }

    fn on_broker_failure(&mut self, brokers: &SortedSet<i32>) {
        for id in brokers {
            self.context.brokers.remove(id);
            let gone = self.channels.remove_broker(*id);
            self.actions.extend(gone.map(Action::Disconnect));
        }
        self.info(format!("Broker failure callback for {}", joined(brokers, ",")));
        self.context.offline_dirs.retain(|id, _| !brokers.contains(id));
        let stopped: Vec<i32> = self.context.shutting_down.intersection(brokers).copied().collect();
        if !stopped.is_empty() {
            self.context.shutting_down.retain(|id| !brokers.contains(id));
            let stopped = joined(&stopped, ",");
            self.info(format!("Removed {stopped} from list of shutting down brokers."));
        }
        let replicas = self.context.replicas_on_brokers(brokers);
        self.on_replicas_become_offline(replicas);
    }

    /// Replicas are lost: elect other leaders, then take the lost ones out of the ISRs.
    pub(super) fn on_replicas_become_offline(&mut self, replicas: Vec<(TopicPartition, i32)>) {
        let leaderless = self.context.partitions_with_offline_leader();
        for partition in &leaderless {
            self.context.move_partition(partition, PartitionState::OfflinePartition);
        }
        let (to_delete, others): (Vec<_>, Vec<_>) = replicas
            .into_iter()
            .partition(|(partition, _)| self.context.is_queued_for_deletion(&partition.topic));
        let mut steps = vec![Step::TriggerOnline(None)];
        steps.extend(offline_steps(others));
        if !to_delete.is_empty() {
            steps.push(Step::Deletion(DeletionStep::Fail(to_delete)));
        }
        if leaderless.is_empty() {
            steps.push(Step::UpdateMetadataOfBrokers);
        }
        self.go_on_with(steps);
    }

    /// A broker's answer to LeaderAndIsr tells which of its replicas lie in failed directories.
    pub(super) fn note_offline_dirs(&mut self, broker: i32, response: &LeaderAndIsrResponse) {
        if response.error_code.is_error() {
            let error = response.error_code;
            let text = format!("Received error {error} in LeaderAndIsr response from {broker}");
            return self.log_state_change(LogLevel::Error, text);
        }
        let names: SortedMap<_, _> =
            self.context.topic_ids.iter().map(|(name, id)| (*id, name.clone())).collect();
        let mut newly_offline = Vec::new();
        let offline = self.context.offline_dirs.entry(broker).or_default();
        for topic in &response.topics {
            let Some(name) = names.get(&topic.topic_id) else { continue };
            for error in &topic.partition_errors {
                let partition = TopicPartition::new(name.clone(), error.partition_index);
                if error.error_code == ErrorCode::KAFKA_STORAGE_ERROR {
                    if offline.insert(partition.clone()) {
                        newly_offline.push((partition, broker));
                    }
                } else if error.error_code.is_ok() {
                    offline.remove(&partition);
                }
            }
        }
        if !newly_offline.is_empty() {
            let partitions = joined(newly_offline.iter().map(|(partition, _)| partition), ",");
            let text = format!("Mark replicas {partitions} on broker {broker} as offline");
            self.log_state_change(LogLevel::Info, text);
            self.on_replicas_become_offline(newly_offline);
        }
    }

    /// How partitions (of `topic`, or all) that have no leader get one.
    pub(super) fn trigger_online(&mut self, topic: Option<&str>) {
        let mut waiting = self.context.partitions_in_states(&[
            PartitionState::OfflinePartition,
            PartitionState::NewPartition,
        ]);
        waiting.retain(|partition| {
            topic.is_none_or(|topic| partition.topic == topic)
                && !self.context.is_queued_for_deletion(&partition.topic)
        });
        self.go_on_with([Step::OnlinePartitions(waiting, OFFLINE)]);
    }
}
