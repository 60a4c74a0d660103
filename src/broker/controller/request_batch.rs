//! What brokers have to be told after a change, gathered over one change and sent as one request of
//! each kind to each broker: LeaderAndIsr, then UpdateMetadata, then StopReplica.
//!
//! In Kafka: kafka.controller.ControllerBrokerRequestBatch.

use super::context::{
    ControllerContext, EPOCH_DURING_DELETE, LEADER_DURING_DELETE, Leadership, NO_EPOCH, Replica,
};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::wire::Uuid;
use crate::wire::kafka::{
    AnyRequest, LeaderAndIsrLiveLeader, LeaderAndIsrPartitionState, LeaderAndIsrRequest,
    LeaderAndIsrTopicState, StopReplicaPartitionState, StopReplicaRequest, StopReplicaTopicState,
    UpdateMetadataBroker, UpdateMetadataEndpoint, UpdateMetadataPartitionState,
    UpdateMetadataRequest, UpdateMetadataTopicState,
};

type PerBroker<T> = SortedMap<i32, SortedMap<TopicPartition, T>>;

/// The batch.
#[derive(Clone, Debug, Default)]
pub struct RequestBatch {
    leader_and_isr: PerBroker<LeaderAndIsrPartitionState>,
    stop_replica: PerBroker<StopReplicaPartitionState>,
    update_metadata_brokers: SortedSet<i32>,
    update_metadata: SortedMap<TopicPartition, UpdateMetadataPartitionState>,
}

impl RequestBatch {
    /// Tells `brokers` the leader and ISR of `partition`, and all brokers in their metadata.
    pub fn add_leader_and_isr(
        &mut self,
        context: &ControllerContext,
        brokers: &[i32],
        partition: &TopicPartition,
        leadership: &Leadership,
        is_new: bool,
    ) {
        let assignment = context.assignments.get(partition).cloned().unwrap_or_default();
        for broker in brokers {
            let states = self.leader_and_isr.entry(*broker).or_default();
            let already_new = states.get(partition).is_some_and(|state| state.is_new);
            let state = LeaderAndIsrPartitionState {
                topic_name: partition.topic.clone(),
                partition_index: partition.partition,
                controller_epoch: leadership.controller_epoch,
                leader: leadership.leader,
                leader_epoch: leadership.leader_epoch,
                isr: leadership.isr.clone(),
                zk_version: leadership.zk_version,
                replicas: assignment.replicas.clone(),
                adding_replicas: assignment.adding_replicas.clone(),
                removing_replicas: assignment.removing_replicas.clone(),
                is_new: is_new || already_new,
            };
            states.insert(partition.clone(), state);
        }
        self.add_update_metadata(context, context.live_or_shutting_down(), [partition]);
    }

    /// Tells `brokers` the state of `partitions`, and which brokers are alive in any case.
    pub fn add_update_metadata<'a>(
        &mut self,
        context: &ControllerContext,
        brokers: impl IntoIterator<Item = i32>,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) {
        self.update_metadata_brokers.extend(brokers);
        for partition in partitions {
            let Some(leadership) = context.leaderships.get(partition) else { continue };
            let replicas = context.replicas(partition).to_vec();
            let is_offline = |id: &&i32| !context.is_replica_online(**id, partition);
            let (leader, leader_epoch, zk_version) =
                if context.is_queued_for_deletion(&partition.topic) {
                    (LEADER_DURING_DELETE, 0, 0)
                } else {
                    (leadership.leader, leadership.leader_epoch, leadership.zk_version)
                };
            let state = UpdateMetadataPartitionState {
                topic_name: partition.topic.clone(),
                partition_index: partition.partition,
                controller_epoch: leadership.controller_epoch,
                leader,
                leader_epoch,
                isr: leadership.isr.clone(),
                zk_version,
                offline_replicas: replicas.iter().filter(is_offline).copied().collect(),
                replicas,
            };
            self.update_metadata.insert(partition.clone(), state);
        }
    }

    /// Tells the broker of `replica` to stop it.
    pub fn add_stop_replica(
        &mut self,
        context: &ControllerContext,
        replica: &Replica,
        delete_partition: bool,
    ) {
        let (partition, broker) = replica;
        let leader_epoch = if context.is_queued_for_deletion(&partition.topic) {
            EPOCH_DURING_DELETE
        } else {
            context.leaderships.get(partition).map_or(NO_EPOCH, |one| one.leader_epoch)
        };
        let states = self.stop_replica.entry(*broker).or_default();
        let already = states.get(partition).is_some_and(|state| state.delete_partition);
        let state = StopReplicaPartitionState {
            partition_index: partition.partition,
            leader_epoch,
            delete_partition: delete_partition || already,
        };
        states.insert(partition.clone(), state);
    }

    /// Takes out what is to be sent, in order, each request with its broker. What is for brokers
    /// that are gone is dropped.
    pub fn take(&mut self, context: &ControllerContext, me: i32) -> Vec<(i32, AnyRequest)> {
        let batch = std::mem::take(self);
        let mut requests = Vec::new();
        for (broker, states) in batch.leader_and_isr {
            if let Some(live) = context.brokers.get(&broker) {
                let request = leader_and_isr_request(context, me, live.epoch, states);
                requests.push((broker, request.into()));
            }
        }
        for broker in batch.update_metadata_brokers {
            if let Some(live) = context.brokers.get(&broker) {
                let states = &batch.update_metadata;
                let request = update_metadata_request(context, me, live.epoch, states);
                requests.push((broker, request.into()));
            }
        }
        for (broker, states) in batch.stop_replica {
            if let Some(live) = context.brokers.get(&broker) {
                let request = stop_replica_request(context, me, live.epoch, states);
                requests.push((broker, request.into()));
            }
        }
        requests
    }
}

/// What the controller's log says of a request. It says nothing of UpdateMetadata, which goes to
/// everybody after every change.
pub fn announcement(broker: i32, request: &AnyRequest) -> Option<String> {
    match request {
        AnyRequest::LeaderAndIsr(request) => {
            let topics = request.topic_states.iter();
            let states = topics.flat_map(|topic| &topic.partition_states);
            let (leading, following): (Vec<_>, Vec<_>) =
                states.partition(|state| state.leader == broker);
            Some(format!(
                "Sending LeaderAndIsr request to broker {broker} with {} become-leader and {} \
                 become-follower partitions",
                leading.len(),
                following.len()
            ))
        }
        AnyRequest::StopReplica(request) => {
            let count: usize =
                request.topic_states.iter().map(|topic| topic.partition_states.len()).sum();
            Some(format!("Sending StopReplica request for {count} replicas to broker {broker}"))
        }
        _ => None,
    }
}

fn topic_id(context: &ControllerContext, topic: &str) -> Uuid {
    context.topic_ids.get(topic).copied().unwrap_or(Uuid::ZERO)
}

/// States by topic, in the order of the partitions.
fn by_topic<T>(states: SortedMap<TopicPartition, T>) -> SortedMap<String, Vec<T>> {
    let mut topics: SortedMap<String, Vec<T>> = SortedMap::new();
    for (partition, state) in states {
        topics.entry(partition.topic).or_default().push(state);
    }
    topics
}

fn leader_and_isr_request(
    context: &ControllerContext,
    me: i32,
    broker_epoch: i64,
    states: SortedMap<TopicPartition, LeaderAndIsrPartitionState>,
) -> LeaderAndIsrRequest {
    let leaders: SortedSet<i32> = states.values().map(|state| state.leader).collect();
    let live_leaders = leaders
        .iter()
        .filter_map(|leader| Some((leader, context.brokers.get(leader)?)))
        .map(|(leader, broker)| LeaderAndIsrLiveLeader {
            broker_id: *leader,
            host_name: broker.endpoint.host.clone(),
            port: i32::from(broker.endpoint.port),
        })
        .collect();
    let topic_states = by_topic(states)
        .into_iter()
        .map(|(topic, partition_states)| LeaderAndIsrTopicState {
            topic_id: topic_id(context, &topic),
            topic_name: topic,
            partition_states,
        })
        .collect();
    LeaderAndIsrRequest {
        controller_id: me,
        controller_epoch: context.epoch,
        broker_epoch,
        topic_states,
        live_leaders,
        ..LeaderAndIsrRequest::default()
    }
}

fn update_metadata_request(
    context: &ControllerContext,
    me: i32,
    broker_epoch: i64,
    states: &SortedMap<TopicPartition, UpdateMetadataPartitionState>,
) -> UpdateMetadataRequest {
    let topic_states = by_topic(states.clone())
        .into_iter()
        .map(|(topic, partition_states)| UpdateMetadataTopicState {
            topic_id: topic_id(context, &topic),
            topic_name: topic,
            partition_states,
        })
        .collect();
    let live_brokers = context
        .brokers
        .iter()
        .map(|(id, broker)| UpdateMetadataBroker {
            id: *id,
            endpoints: vec![UpdateMetadataEndpoint {
                port: i32::from(broker.endpoint.port),
                host: broker.endpoint.host.clone(),
                listener: "PLAINTEXT".to_owned(),
                security_protocol: 0,
            }],
            rack: broker.rack.clone(),
            ..UpdateMetadataBroker::default()
        })
        .collect();
    UpdateMetadataRequest {
        controller_id: me,
        controller_epoch: context.epoch,
        broker_epoch,
        topic_states,
        live_brokers,
        ..UpdateMetadataRequest::default()
    }
}

fn stop_replica_request(
    context: &ControllerContext,
    me: i32,
    broker_epoch: i64,
    states: SortedMap<TopicPartition, StopReplicaPartitionState>,
) -> StopReplicaRequest {
    let topic_states = by_topic(states)
        .into_iter()
        .map(|(topic_name, partition_states)| StopReplicaTopicState {
            topic_name,
            partition_states,
        })
        .collect();
    StopReplicaRequest {
        controller_id: me,
        controller_epoch: context.epoch,
        broker_epoch,
        topic_states,
        ..StopReplicaRequest::default()
    }
}
