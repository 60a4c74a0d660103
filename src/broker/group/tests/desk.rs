//! A coordinator at its desk: a log in memory that commits what is appended at once or when told to,
//! and requests with their replies.

use crate::base::{BrokerId, Rng, SortedMap, Span, Time, TopicPartition, TraceEvent};
use crate::broker::action::{Action, AppendOutcome, RequestContext, RequestToken};
use crate::broker::group::state::GroupState;
use crate::broker::group::{GroupAction, GroupCoordinator};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::BrokerConfig;
use crate::node::Properties;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    LeaveGroupRequest, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetFetchRequestTopic, SyncGroupRequest,
    SyncGroupRequestAssignment, UpdateMetadataPartitionState, UpdateMetadataRequest,
    UpdateMetadataTopicState,
};
use crate::wire::zookeeper::KeeperCode;
use bytes::Bytes;

/// Time that loading the partition takes.
pub const READ_LATENCY: Span = Span::from_millis(2);

/// The partition of group `g`.
const PARTITION: i32 = 3;

pub fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

pub struct Desk {
    pub coordinator: GroupCoordinator,
    pub now: Time,
    pub api_version: i16,
    /// Batches of the partition.
    pub log: Vec<u8>,
    pub hold_appends: bool,
    pub traces: Vec<TraceEvent>,
    pub logs: Vec<String>,
    pub znodes: SortedMap<String, Bytes>,
    held: Vec<(u64, Bytes)>,
    replies: SortedMap<RequestToken, AnyResponse>,
    pub metadata: MetadataCache,
    client: String,
    next_token: u64,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// A coordinator with settings of its own.
    pub fn with(properties: &[(&str, &str)]) -> Self {
        let properties = Properties::of(properties.iter().copied());
        let config = BrokerConfig::of(&properties).expect("the test's settings are valid");
        let mut metadata = MetadataCache::default();
        metadata.update(&with_topics(&["t", "u"], 2));
        let mut desk = Self {
            coordinator: GroupCoordinator::new(BrokerId(1), config, Rng::new(5), READ_LATENCY),
            now: Time::from_millis(1_000_000),
            api_version: 5,
            log: Vec::new(),
            hold_appends: false,
            traces: Vec::new(),
            logs: Vec::new(),
            znodes: SortedMap::new(),
            held: Vec::new(),
            replies: SortedMap::new(),
            metadata,
            client: "client".to_owned(),
            next_token: 0,
        };
        desk.load_partition();
        desk
    }

    /// A topic comes to be.
    pub fn add_topic(&mut self, topic: &str, partitions: i32) {
        self.metadata.update(&with_topics(&[topic], partitions));
    }

    pub fn act(&mut self, act: impl FnOnce(&mut GroupCoordinator, Time) -> Vec<GroupAction>) {
        let actions = act(&mut self.coordinator, self.now);
        self.apply(actions);
    }

    fn apply(&mut self, actions: Vec<GroupAction>) {
        for action in actions {
            match action {
                Action::LoadOffsets { partition } => {
                    let log = self.log.clone();
                    let now = self.now;
                    let next = self.coordinator.on_partition_loaded(now, partition, &log);
                    self.apply(next);
                }
                Action::AppendOffsets { records, tag, .. } => {
                    if self.hold_appends {
                        self.held.push((tag, records));
                    } else {
                        let offset = self.log.len() as i64;
                        self.log.extend_from_slice(&records);
                        let next = self.coordinator.on_appended(self.now, tag, Ok(offset));
                        self.apply(next);
                    }
                }
                Action::Zookeeper { request, tag } => {
                    let answer = self.zookeeper(request);
                    let next = self.coordinator.on_zookeeper(self.now, tag, answer);
                    self.apply(next);
                }
                Action::Reply { token, response } => {
                    assert!(self.replies.insert(token, response).is_none(), "answered once");
                }
                Action::Trace(event) => self.traces.push(event),
                Action::Log { text, .. } => self.logs.push(text),
                other => panic!("not done by a coordinator: {other:?}"),
            }
        }
    }

    fn zookeeper(&mut self, op: Op) -> Answer {
        let no_node = Answer::Failed(KeeperCode::NO_NODE);
        match op {
            Op::GetData { path, .. } => match self.znodes.get(&path) {
                Some(data) => Answer::Data { data: data.clone(), version: 0, czxid: 1 },
                None => no_node,
            },
            Op::Write(Write::SetData { path, data, .. }) => match self.znodes.get_mut(&path) {
                Some(known) => {
                    *known = data;
                    Answer::Written { version: 1 }
                }
                None => no_node,
            },
            Op::Write(Write::Create { path, data }) => {
                self.znodes.insert(path, data.unwrap_or_default());
                Answer::Written { version: 0 }
            }
            other => panic!("not asked by a coordinator: {other:?}"),
        }
    }

    /// What was held back is committed, or refused.
    pub fn release_appends(&mut self, outcome: AppendOutcome) {
        for (tag, records) in std::mem::take(&mut self.held) {
            if outcome.is_ok() {
                self.log.extend_from_slice(&records);
            }
            self.act(|one, now| one.on_appended(now, tag, outcome));
        }
    }

    pub fn elect(&mut self) {
        let bytes = self.log.len() as u64;
        self.act(|one, now| one.on_elected(now, PARTITION, bytes));
    }

    /// What was held back is committed, the last first.
    pub fn release_appends_backwards(&mut self) {
        let held = std::mem::take(&mut self.held);
        for (offset, (tag, records)) in held.into_iter().enumerate().rev() {
            self.log.extend_from_slice(&records);
            self.act(|one, now| one.on_appended(now, tag, Ok(offset as i64)));
        }
    }

    pub fn load_partition(&mut self) {
        self.elect();
        self.pass(READ_LATENCY);
    }

    pub fn lose_partition(&mut self) {
        self.act(|one, now| one.on_partition_lost(now, PARTITION));
    }

    /// Lets time pass, with the wake-ups in it.
    pub fn pass(&mut self, span: Span) {
        let until = self.now + span;
        while let Some(at) =
            self.coordinator.next_wakeup().map(|wakeup| wakeup.at).filter(|at| *at <= until)
        {
            self.now = at.max(self.now);
            self.act(GroupCoordinator::on_wake);
        }
        self.now = until;
    }

    pub fn context(&mut self) -> RequestContext {
        self.next_token += 1;
        RequestContext {
            token: RequestToken(self.next_token),
            api_version: self.api_version,
            correlation_id: 1,
            client_id: self.client.clone(),
            client_host: "/here".to_owned(),
        }
    }

    pub fn reply_to(&self, token: RequestToken) -> Option<&AnyResponse> {
        self.replies.get(&token)
    }

    pub fn state(&self) -> Option<GroupState> {
        self.state_of("g")
    }

    pub fn state_of(&self, group: &str) -> Option<GroupState> {
        self.coordinator.state_of(group)
    }

    // ---- requests ----

    pub fn join_request(member: &str) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: member.to_owned(),
            group_instance_id: None,
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".to_owned(),
                metadata: Bytes::from("subscription"),
            }],
        }
    }

    pub fn ask_join(&mut self, request: JoinGroupRequest) -> RequestToken {
        let context = self.context();
        self.act(|one, now| one.handle_join_group(now, &context, request));
        context.token
    }

    pub fn join(&mut self, member: &str) -> RequestToken {
        let request = Self::join_request(member);
        self.ask_join(request)
    }

    pub fn joined(&self, token: RequestToken) -> JoinGroupResponse {
        match self.reply_to(token) {
            Some(AnyResponse::JoinGroup(response)) => response.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a member id as client `client`.
    pub fn ask_for_member_id(&mut self, client: &str) -> String {
        client.clone_into(&mut self.client);
        let token = self.join("");
        self.joined(token).member_id
    }

    pub fn new_member(&mut self, client: &str) -> String {
        self.ask_for_member_id(client)
    }

    pub fn sync(
        &mut self,
        member: &str,
        generation: i32,
        assignments: &[(&str, &str)],
    ) -> RequestToken {
        let assignments =
            assignments.iter().map(|(member, assignment)| SyncGroupRequestAssignment {
                member_id: (*member).to_owned(),
                assignment: Bytes::copy_from_slice(assignment.as_bytes()),
            });
        let request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id: generation,
            member_id: member.to_owned(),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        let context = self.context();
        self.act(|one, now| one.handle_sync_group(now, &context, request));
        context.token
    }

    pub fn synced(&self, token: RequestToken) -> (ErrorCode, Bytes) {
        match self.reply_to(token) {
            Some(AnyResponse::SyncGroup(response)) => {
                (response.error_code, response.assignment.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn heartbeat(&mut self, member: &str, generation_id: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id,
            member_id: member.to_owned(),
            group_instance_id: None,
        };
        let context = self.context();
        self.act(|one, now| one.handle_heartbeat(now, &context, &request));
        match self.reply_to(context.token) {
            Some(AnyResponse::Heartbeat(response)) => response.error_code,
            other => panic!("{other:?}"),
        }
    }

    /// Leaves as an old client does.
    pub fn leave(&mut self, member: &str) -> ErrorCode {
        let request = LeaveGroupRequest {
            group_id: "g".to_owned(),
            member_id: member.to_owned(),
            ..LeaveGroupRequest::default()
        };
        let context = RequestContext { api_version: 2, ..self.context() };
        self.act(|one, now| one.handle_leave_group(now, &context, request));
        match self.reply_to(context.token) {
            Some(AnyResponse::LeaveGroup(response)) => response.error_code,
            other => panic!("{other:?}"),
        }
    }

    fn ask_commits(
        &mut self,
        member: &str,
        generation_id: i32,
        commits: &[(&str, i32, i64, &str)],
    ) -> RequestToken {
        let topics = commits.iter().map(|(topic, partition_index, offset, metadata)| {
            OffsetCommitRequestTopic {
                name: (*topic).to_owned(),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: *partition_index,
                    committed_offset: *offset,
                    committed_metadata: Some((*metadata).to_owned()),
                    ..OffsetCommitRequestPartition::default()
                }],
            }
        });
        let request = OffsetCommitRequest {
            group_id: "g".to_owned(),
            generation_id,
            member_id: member.to_owned(),
            topics: topics.collect(),
            ..OffsetCommitRequest::default()
        };
        self.ask_commit_request(request)
    }

    pub fn ask_commit_request(&mut self, request: OffsetCommitRequest) -> RequestToken {
        let context = self.context();
        let metadata = self.metadata.clone();
        self.act(|one, now| one.handle_offset_commit(now, &context, request, &metadata));
        context.token
    }

    pub fn ask_offset_delete(&mut self, request: &OffsetDeleteRequest) -> RequestToken {
        let context = self.context();
        let metadata = self.metadata.clone();
        self.act(|one, now| one.handle_offset_delete(now, &context, request, &metadata));
        context.token
    }

    /// Commits an offset of partition 0 of `topic`.
    pub fn commit_to(
        &mut self,
        member: &str,
        generation: i32,
        topic: &str,
        offset: i64,
    ) -> ErrorCode {
        let token = self.ask_commits(member, generation, &[(topic, 0, offset, "")]);
        commit_of(self.reply_to(token).cloned())
    }

    pub fn ask_commit(&mut self, member: &str, generation: i32, offset: i64) -> RequestToken {
        self.ask_commits(member, generation, &[("t", 0, offset, "")])
    }

    pub fn commit(&mut self, member: &str, generation: i32, offset: i64) -> ErrorCode {
        let token = self.ask_commit(member, generation, offset);
        commit_of(self.reply_to(token).cloned())
    }

    /// Commits offset 1 of several partitions without a generation.
    pub fn commit_many(&mut self, commits: &[(&str, i32, &str)]) -> Vec<ErrorCode> {
        let commits: Vec<_> = commits
            .iter()
            .map(|(topic, partition, metadata)| (*topic, *partition, 1, *metadata))
            .collect();
        let token = self.ask_commits("", -1, &commits);
        match self.reply_to(token) {
            Some(AnyResponse::OffsetCommit(response)) => response
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .map(|partition| partition.error_code)
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The committed offset of a partition of `t`.
    pub fn committed(&mut self, partition: i32) -> (i64, ErrorCode) {
        self.committed_of(TopicPartition::new("t", partition))
    }

    /// The committed offset of partition 0 of `topic`.
    pub fn committed_in(&mut self, topic: &str) -> (i64, ErrorCode) {
        self.committed_of(TopicPartition::new(topic, 0))
    }

    fn committed_of(&mut self, partition: TopicPartition) -> (i64, ErrorCode) {
        let request = OffsetFetchRequest {
            group_id: "g".to_owned(),
            topics: Some(vec![OffsetFetchRequestTopic {
                name: partition.topic,
                partition_indexes: vec![partition.partition],
            }]),
            require_stable: false,
        };
        let context = self.context();
        let metadata = self.metadata.clone();
        self.act(|one, now| one.handle_offset_fetch(now, &context, request, &metadata));
        match self.reply_to(context.token) {
            Some(AnyResponse::OffsetFetch(response)) => match response.topics.first() {
                Some(topic) => {
                    let partition = &topic.partitions[0];
                    (partition.committed_offset, partition.error_code)
                }
                None => (-1, response.error_code),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn with_topics(topics: &[&str], partitions: i32) -> UpdateMetadataRequest {
    let states = (0..partitions).map(|partition_index| UpdateMetadataPartitionState {
        partition_index,
        leader: 1,
        ..UpdateMetadataPartitionState::default()
    });
    let topic_states = topics.iter().map(|topic| UpdateMetadataTopicState {
        topic_name: (*topic).to_owned(),
        partition_states: states.clone().collect(),
        ..UpdateMetadataTopicState::default()
    });
    UpdateMetadataRequest {
        topic_states: topic_states.collect(),
        ..UpdateMetadataRequest::default()
    }
}

pub fn commit_of(response: Option<AnyResponse>) -> ErrorCode {
    match response {
        Some(AnyResponse::OffsetCommit(response)) => response.topics[0].partitions[0].error_code,
        other => panic!("{other:?}"),
    }
}
