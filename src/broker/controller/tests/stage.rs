//! A stage for controllers: ZooKeeper in memory, and brokers that say yes to everything they are told.

use super::zookeeper::Zookeeper;
use crate::base::{
    BrokerId, Endpoint, Rng, SortedMap, SortedSet, Span, Time, TopicPartition, TraceEvent,
};
use crate::broker::action::{Action, ElectionResults, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::controller::{ChannelTag, Controller, ControllerAction, ElectionType};
use crate::broker::kafka_zk::Answer;
use crate::cluster::znode_data::{
    BrokerRegistration, ConfigOverrides, PartitionState, ReplicaAssignment, TopicAssignment,
};
use crate::cluster::{BrokerConfig, znode_path};
use crate::node::Properties;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterIsrRequest, AlterIsrRequestPartitionData, AlterIsrRequestTopicData, AlterIsrResponse,
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, AnyRequest,
    AnyResponse, ControlledShutdownRequest, ControlledShutdownResponse, LeaderAndIsrResponse,
    ListPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
    StopReplicaPartitionError, StopReplicaResponse, UpdateMetadataResponse,
};
use bytes::Bytes;
use std::collections::VecDeque;

/// The stage.
pub struct Stage {
    pub now: Time,
    pub zookeeper: Zookeeper,
    pub controllers: SortedMap<i32, Controller>,
    /// What brokers were told, in order.
    pub told: Vec<(i32, AnyRequest)>,
    pub replies: Vec<(RequestToken, AnyResponse)>,
    pub traces: Vec<TraceEvent>,
    pub logs: Vec<String>,
    /// Brokers that do not answer.
    pub deaf: SortedSet<i32>,
    pub unanswered: Vec<(i32, ChannelTag)>,
    pub elections: Vec<(RequestToken, ElectionResults)>,
    /// Brokers that cannot delete what they are told to.
    pub stubborn: SortedSet<i32>,
    next_token: u64,
}

impl Stage {
    /// Brokers 1 to `brokers`, registered and running.
    pub fn new(brokers: i32) -> Self {
        let mut stage = Self {
            now: Time::from_millis(1_000),
            zookeeper: Zookeeper::new(),
            controllers: SortedMap::new(),
            told: Vec::new(),
            replies: Vec::new(),
            traces: Vec::new(),
            logs: Vec::new(),
            deaf: SortedSet::new(),
            unanswered: Vec::new(),
            elections: Vec::new(),
            stubborn: SortedSet::new(),
            next_token: 0,
        };
        for broker in 1..=brokers {
            stage.start_broker(broker);
        }
        stage
    }

    /// Starts a broker: a new life with a new registration.
    pub fn start_broker(&mut self, broker: i32) {
        let config = BrokerConfig::of(&Properties::default()).expect("defaults are valid");
        let controller = Controller::new(BrokerId(broker), config, Rng::new(broker as u64));
        self.controllers.insert(broker, controller);
        self.register(broker);
    }

    /// The session of a broker that runs expires.
    pub fn expire_session(&mut self, broker: i32) {
        self.zookeeper.expire(broker);
        self.act(broker, Controller::on_session_expired);
    }

    /// Registers a broker under a new session.
    pub fn register(&mut self, broker: i32) {
        let registration = BrokerRegistration {
            endpoint: Endpoint::new(format!("broker-{broker}"), 9092),
            rack: None,
            timestamp_ms: self.now.as_millis(),
        };
        let path = znode_path::broker(BrokerId(broker));
        self.zookeeper.put(&path, &registration.to_json(), Some(broker));
        self.act(broker, Controller::on_session_established);
    }

    /// Kills a broker; its session expires at once.
    pub fn kill_broker(&mut self, broker: i32) {
        self.controllers.remove(&broker);
        self.zookeeper.expire(broker);
        self.settle();
    }

    /// Lets a controller do something, and everything that follows from it.
    pub fn act(
        &mut self,
        broker: i32,
        act: impl FnOnce(&mut Controller, Time) -> Vec<ControllerAction>,
    ) {
        let controller = self.controllers.get_mut(&broker).expect("the broker runs");
        let actions = act(controller, self.now);
        self.apply(broker, actions);
        self.settle();
    }

    fn settle(&mut self) {
        while !self.zookeeper.fired.is_empty() {
            let (broker, path) = self.zookeeper.fired.remove(0);
            if let Some(controller) = self.controllers.get_mut(&broker) {
                let actions = controller.on_watch(self.now, &path);
                self.apply(broker, actions);
            }
        }
    }

    fn apply(&mut self, broker: i32, actions: Vec<ControllerAction>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let Some(controller) = self.controllers.get_mut(&broker) else { return };
            match action {
                Action::Zookeeper { request, tag } => {
                    let answer = Answer::from(self.zookeeper.answer(broker, request.into()));
                    queue.extend(controller.on_zookeeper(self.now, tag, answer));
                }
                Action::Send { to, request, tag } => {
                    if self.deaf.contains(&to.id.0) {
                        self.unanswered.push((broker, tag));
                        continue;
                    }
                    self.told.push((to.id.0, request.clone()));
                    let response = answer(&request, self.stubborn.contains(&to.id.0));
                    queue.extend(controller.on_response(self.now, tag, Ok(response)));
                }
                Action::Reply { token, response } => self.replies.push((token, response)),
                Action::Trace(event) => self.traces.push(event),
                Action::Log { text, .. } => self.logs.push(text),
                Action::ElectionHeld { token, results } => self.elections.push((token, results)),
                Action::Disconnect(_) => {}
                other => panic!("not done by a controller: {other:?}"),
            }
        }
    }

    /// Lets time pass, with the wake-ups in it.
    pub fn pass(&mut self, span: Span) {
        let until = self.now + span;
        loop {
            let next = self
                .controllers
                .iter()
                .filter_map(|(id, one)| Some((one.next_wakeup()?.at, *id)))
                .min();
            match next.filter(|(at, _)| *at <= until) {
                Some((at, broker)) => {
                    self.now = at.max(self.now);
                    self.act(broker, Controller::on_wake);
                }
                None => break,
            }
        }
        self.now = until;
    }

    /// Creates a topic as the admin manager does.
    pub fn create_topic(&mut self, topic: &str, partitions: &[&[i32]], configs: &[(&str, &str)]) {
        let config =
            configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let overrides = ConfigOverrides::of(config).to_json();
        self.zookeeper.put(&znode_path::topic_config(topic), &overrides, None);
        let replicas = (0..).zip(partitions.iter().map(|one| ReplicaAssignment::of(one.to_vec())));
        let assignment = TopicAssignment { topic_id: None, partitions: replicas.collect() };
        self.zookeeper.put(&znode_path::topic(topic), &assignment.to_json(), None);
        self.settle();
    }

    /// Somebody writes a znode.
    pub fn put(&mut self, path: &str, data: &[u8]) {
        self.zookeeper.put(path, data, None);
        self.settle();
    }

    /// Somebody changes the data of a znode.
    pub fn set(&mut self, path: &str, data: &[u8]) {
        let data = Bytes::copy_from_slice(data);
        self.zookeeper.set(path, data, -1).expect("it is there");
        self.settle();
    }

    /// The data of a znode, if it is there.
    pub fn data(&self, path: &str) -> Option<String> {
        let znode = self.zookeeper.nodes.get(path)?;
        Some(String::from_utf8_lossy(&znode.data).into_owned())
    }

    /// Changes the configs of a topic.
    pub fn set_config(&mut self, topic: &str, configs: &[(&str, &str)]) {
        let config =
            configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let data = Bytes::from(ConfigOverrides::of(config).to_json());
        self.zookeeper.set(&znode_path::topic_config(topic), data, -1).expect("it has configs");
    }

    /// Changes the assignment of a topic, as CreatePartitions does.
    pub fn set_partitions(&mut self, topic: &str, partitions: &[&[i32]]) {
        let replicas = (0..).zip(partitions.iter().map(|one| ReplicaAssignment::of(one.to_vec())));
        let assignment = TopicAssignment { topic_id: None, partitions: replicas.collect() };
        let data = Bytes::from(assignment.to_json());
        self.zookeeper.set(&znode_path::topic(topic), data, -1).expect("the topic exists");
        self.settle();
    }

    /// Whether a partition has a state in ZooKeeper.
    pub fn has_state(&self, topic: &str, partition: i32) -> bool {
        let path = znode_path::partition_state(&TopicPartition::new(topic, partition));
        self.zookeeper.nodes.contains_key(&path)
    }

    /// Leader, leader epoch and ISR of a partition in ZooKeeper.
    pub fn state(&self, topic: &str, partition: i32) -> (i32, i32, Vec<i32>) {
        let path = znode_path::partition_state(&TopicPartition::new(topic, partition));
        let state = PartitionState::from_json(&self.zookeeper.nodes[&path].data).expect("a state");
        (state.leader, state.leader_epoch, state.isr)
    }

    pub fn state_version(&self, topic: &str, partition: i32) -> i32 {
        let path = znode_path::partition_state(&TopicPartition::new(topic, partition));
        self.zookeeper.nodes[&path].version
    }

    pub fn broker_epoch(&self, broker: i32) -> i64 {
        self.zookeeper.nodes[&znode_path::broker(BrokerId(broker))].czxid
    }

    /// Who is active controller.
    pub fn active(&self) -> Vec<i32> {
        self.controllers.iter().filter(|(_, one)| one.is_active()).map(|(id, _)| *id).collect()
    }

    /// A leader asks controller `controller` for another ISR.
    pub fn alter_isr(
        &mut self,
        controller: i32,
        (broker, broker_epoch): (i32, i64),
        topic: &str,
        (leader_epoch, new_isr, version): (i32, &[i32], i32),
    ) -> AlterIsrResponse {
        let request = AlterIsrRequest {
            broker_id: broker,
            broker_epoch,
            topics: vec![AlterIsrRequestTopicData {
                name: topic.to_owned(),
                partitions: vec![AlterIsrRequestPartitionData {
                    partition_index: 0,
                    leader_epoch,
                    new_isr: new_isr.to_vec(),
                    current_isr_version: version,
                }],
            }],
        };
        let context = self.context();
        self.act(controller, |one, now| one.handle_alter_isr(now, &context, request));
        match self.reply_to(context.token) {
            AnyResponse::AlterIsr(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// A client asks controller `controller` to move partitions of `topic`; none is back.
    pub fn reassign(
        &mut self,
        controller: i32,
        topic: &str,
        moves: &[(i32, Option<&[i32]>)],
    ) -> AlterPartitionReassignmentsResponse {
        let partitions = moves.iter().map(|(partition_index, target)| ReassignablePartition {
            partition_index: *partition_index,
            replicas: target.map(<[i32]>::to_vec),
        });
        let topic = ReassignableTopic { name: topic.to_owned(), partitions: partitions.collect() };
        let request =
            AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
        let context = self.context();
        self.act(controller, |one, now| {
            one.handle_alter_partition_reassignments(now, &context, request)
        });
        match self.reply_to(context.token) {
            AnyResponse::AlterPartitionReassignments(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// Partitions that are being moved: replicas, those added, those removed.
    pub fn moving(&mut self, controller: i32) -> Vec<[Vec<i32>; 3]> {
        let context = self.context();
        let request = ListPartitionReassignmentsRequest::default();
        self.act(controller, |one, now| {
            one.handle_list_partition_reassignments(now, &context, request)
        });
        match self.reply_to(context.token) {
            AnyResponse::ListPartitionReassignments(response) => response
                .topics
                .into_iter()
                .flat_map(|topic| topic.partitions)
                .map(|one| [one.replicas, one.adding_replicas, one.removing_replicas])
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// A client asks controller `controller` for an election.
    pub fn elect(
        &mut self,
        controller: i32,
        kind: ElectionType,
        partitions: &[(&str, i32)],
    ) -> Vec<Result<i32, ApiError>> {
        let partitions =
            partitions.iter().map(|(topic, index)| TopicPartition::new(*topic, *index)).collect();
        let context = self.context();
        self.act(controller, |one, now| one.handle_elect_leaders(now, &context, kind, partitions));
        let (token, results) = self.elections.pop().expect("elections were held");
        assert_eq!(token, context.token);
        results.into_values().collect()
    }

    /// The assignment of a partition in ZooKeeper.
    pub fn assignment(&self, topic: &str, partition: i32) -> ReplicaAssignment {
        let data = &self.zookeeper.nodes[&znode_path::topic(topic)].data;
        let topic = TopicAssignment::from_json(data).expect("an assignment");
        topic.partitions[&partition].clone()
    }

    /// Asks for the deletion of a topic, as the admin manager does.
    pub fn delete_topic(&mut self, topic: &str) {
        self.zookeeper.put(&znode_path::delete_topic(topic), b"", None);
        self.settle();
    }

    /// What is left of a topic in ZooKeeper.
    pub fn znodes_of(&self, topic: &str) -> Vec<&str> {
        let parts = |path: &str| path.split('/').any(|part| part == topic);
        self.zookeeper.nodes.keys().map(String::as_str).filter(|path| parts(path)).collect()
    }

    /// A broker asks controller `controller` to let it stop.
    pub fn shut_down(&mut self, controller: i32, broker: i32) -> ControlledShutdownResponse {
        let broker_epoch = self.broker_epoch(broker);
        let request = ControlledShutdownRequest { broker_id: broker, broker_epoch };
        let context = self.context();
        self.act(controller, |one, now| one.handle_controlled_shutdown(now, &context, &request));
        match self.reply_to(context.token) {
            AnyResponse::ControlledShutdown(response) => response,
            other => panic!("{other:?}"),
        }
    }

    fn context(&mut self) -> RequestContext {
        self.next_token += 1;
        RequestContext {
            token: RequestToken(self.next_token),
            api_version: 0,
            correlation_id: 1,
            client_id: String::new(),
            client_host: "/broker".to_owned(),
        }
    }

    fn reply_to(&self, token: RequestToken) -> AnyResponse {
        let found = self.replies.iter().find(|(to, _)| *to == token);
        found.expect("the request was answered").1.clone()
    }
}

/// What a broker says to a request: yes, unless it `fails` to delete.
fn answer(request: &AnyRequest, fails: bool) -> AnyResponse {
    match request {
        AnyRequest::LeaderAndIsr(_) => LeaderAndIsrResponse::default().into(),
        AnyRequest::UpdateMetadata(_) => UpdateMetadataResponse::default().into(),
        AnyRequest::StopReplica(request) => {
            let mut response = StopReplicaResponse::default();
            for topic in &request.topic_states {
                for state in &topic.partition_states {
                    let failed = fails && state.delete_partition;
                    response.partition_errors.push(StopReplicaPartitionError {
                        topic_name: topic.topic_name.clone(),
                        partition_index: state.partition_index,
                        error_code: if failed {
                            ErrorCode::KAFKA_STORAGE_ERROR
                        } else {
                            ErrorCode::NONE
                        },
                    });
                }
            }
            response.into()
        }
        other => panic!("not said by a controller: {other:?}"),
    }
}
