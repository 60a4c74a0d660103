//! A cluster for the tests of this module only: it answers with real frames what a broker would, as
//! simply as possible, and can be told to refuse.

mod groups;
mod logs;
mod producers;

pub(crate) use groups::FakeGroup;
pub(crate) use logs::Sessions;

use crate::base::{ConnId, Endpoint, SortedMap, Span, Time, TopicPartition};
use crate::network::testbed::{Reply, Servers};
use crate::wire::batch::{Batches, RecordBatchMut};
use crate::wire::kafka::*;
use crate::wire::{ErrorCode, Uuid};
use bytes::Bytes;
use std::collections::VecDeque;

/// Brokers 1 to n at `broker-ID:9092`, all of one mind.
#[derive(Default)]
pub(crate) struct FakeCluster {
    pub brokers: Vec<i32>,
    pub down: Vec<i32>,
    pub leaders: SortedMap<TopicPartition, i32>,
    pub logs: SortedMap<TopicPartition, Vec<u8>>,
    pub ends: SortedMap<TopicPartition, i64>,
    /// Leader epochs, −1 for those that are not here.
    pub epochs: SortedMap<TopicPartition, i32>,
    /// Where an earlier epoch of a partition ends.
    pub epoch_ends: SortedMap<(TopicPartition, i32), i64>,
    /// Fetch sessions, when the brokers keep some.
    pub sessions: Option<Sessions>,
    pub internal_topics: Vec<String>,
    pub groups: SortedMap<String, FakeGroup>,
    pub offsets: SortedMap<(String, TopicPartition), i64>,
    pub commits: Vec<(Time, i16, TopicPartition, i64)>,
    pub requests: Vec<(Time, i32, ApiKey)>,
    /// Errors for the next produce requests, whatever they are for.
    pub produce_errors: VecDeque<ErrorCode>,
    pub produce_delay: Span,
    /// Errors for the next commits, the last one first.
    pub commit_errors: Vec<ErrorCode>,
    /// What every heartbeat is answered.
    pub heartbeat_error: Option<ErrorCode>,
    /// So many produce requests are carried out and not answered.
    pub lost_answers: usize,
    /// What the brokers know of idempotent producers.
    pub producers: producers::Producers,
    /// Topics that the broker refuses.
    pub invalid_topics: Vec<String>,
    pub controller: i32,
    pub coordinator: i32,
    pub created: Vec<CreatableTopic>,
    pub create_error: Option<(ErrorCode, String)>,
    pub not_controller_times: u32,
}

impl FakeCluster {
    pub(crate) fn new(brokers: i32) -> Self {
        let brokers = (1..=brokers).collect();
        Self { brokers, controller: 1, coordinator: 1, ..Self::default() }
    }

    /// Gives `topic` partitions led by the brokers in turn.
    pub(crate) fn with_topic(mut self, topic: &str, partitions: i32) -> Self {
        for number in 0..partitions {
            let leader = self.brokers[number as usize % self.brokers.len()];
            self.leaders.insert(TopicPartition::new(topic, number), leader);
        }
        self
    }

    /// Key and value of every record of a partition, by offset.
    pub(crate) fn records(&self, partition: &TopicPartition) -> Vec<(i64, String)> {
        let mut records = Vec::new();
        for batch in Batches::verified(self.logs.get(partition).map_or(&[], Vec::as_slice)) {
            for record in batch.records().expect("plain") {
                let record = record.expect("sound");
                let value = record.value.unwrap_or_default();
                records.push((record.offset, String::from_utf8_lossy(value).into_owned()));
            }
        }
        records
    }

    /// How many requests of an API arrived.
    pub(crate) fn count(&self, api: ApiKey) -> usize {
        self.requests.iter().filter(|(_, _, seen)| *seen == api).count()
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let mut all: Vec<String> = self.leaders.keys().map(|tp| tp.topic.clone()).collect();
        all.dedup();
        let wanted = request
            .topics
            .as_ref()
            .map_or(all, |topics| topics.iter().filter_map(|topic| topic.name.clone()).collect());
        let live = self.brokers.iter().filter(|broker| !self.down.contains(broker));
        MetadataResponse {
            brokers: live
                .map(|id| MetadataResponseBroker {
                    node_id: *id,
                    host: format!("broker-{id}"),
                    port: 9092,
                    rack: None,
                })
                .collect(),
            controller_id: self.controller,
            topics: wanted.into_iter().map(|name| self.topic(name)).collect(),
            ..Default::default()
        }
    }

    fn topic(&self, name: String) -> MetadataResponseTopic {
        let partitions: Vec<_> = self
            .leaders
            .iter()
            .filter(|(tp, _)| tp.topic == name)
            .map(|(tp, leader)| MetadataResponsePartition {
                partition_index: tp.partition,
                leader_id: *leader,
                leader_epoch: self.epochs.get(tp).copied().unwrap_or(-1),
                error_code: if *leader < 0 {
                    ErrorCode::LEADER_NOT_AVAILABLE
                } else {
                    ErrorCode::NONE
                },
                ..Default::default()
            })
            .collect();
        let error_code = match () {
            () if self.invalid_topics.contains(&name) => ErrorCode::INVALID_TOPIC_EXCEPTION,
            () if partitions.is_empty() => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            () => ErrorCode::NONE,
        };
        let topic_id = Uuid([1; 16]);
        let is_internal = self.internal_topics.contains(&name);
        let topic =
            MetadataResponseTopic { error_code, name, topic_id, partitions, ..Default::default() };
        MetadataResponseTopic { is_internal, ..topic }
    }

    pub(crate) fn append(&mut self, tp: &TopicPartition, records: &[u8]) -> i64 {
        let mut bytes = records.to_vec();
        let end = self.ends.entry(tp.clone()).or_default();
        let base = *end;
        let mut batch = RecordBatchMut::first(&mut bytes).expect("a batch");
        batch.view().verify().expect("clean");
        batch.set_base_offset(base);
        *end = batch.view().next_offset();
        self.logs.entry(tp.clone()).or_default().extend_from_slice(&bytes);
        base
    }

    fn offset_commit(
        &mut self,
        now: Time,
        header: &RequestHeader,
        request: OffsetCommitRequest,
    ) -> OffsetCommitResponse {
        let group = self.groups.entry(request.group_id.clone()).or_default();
        let error_code = match () {
            () if header.api_version == 0 => ErrorCode::NONE,
            () if request.generation_id == -1 && group.members.is_empty() => ErrorCode::NONE,
            () if request.generation_id != group.generation => ErrorCode::ILLEGAL_GENERATION,
            () => ErrorCode::NONE,
        };
        let error_code = self.commit_errors.pop().unwrap_or(error_code);
        let mut response = OffsetCommitResponse::default();
        for topic in request.topics {
            let mut partitions = Vec::new();
            for part in topic.partitions {
                let tp = TopicPartition::new(topic.name.clone(), part.partition_index);
                if error_code.is_ok() {
                    let offset = part.committed_offset;
                    self.commits.push((now, header.api_version, tp.clone(), offset));
                    self.offsets.insert((request.group_id.clone(), tp), offset);
                }
                let partition_index = part.partition_index;
                partitions.push(OffsetCommitResponsePartition { partition_index, error_code });
            }
            response.topics.push(OffsetCommitResponseTopic { name: topic.name, partitions });
        }
        response
    }

    fn offset_fetch(&self, request: &OffsetFetchRequest) -> OffsetFetchResponse {
        let topics = request.topics.iter().flatten().map(|topic| OffsetFetchResponseTopic {
            name: topic.name.clone(),
            partitions: topic
                .partition_indexes
                .iter()
                .map(|index| {
                    let tp = TopicPartition::new(topic.name.clone(), *index);
                    let known = self.offsets.get(&(request.group_id.clone(), tp));
                    OffsetFetchResponsePartition {
                        partition_index: *index,
                        committed_offset: known.copied().unwrap_or(-1),
                        ..Default::default()
                    }
                })
                .collect(),
        });
        OffsetFetchResponse { topics: topics.collect(), ..Default::default() }
    }

    fn create(&mut self, broker: i32, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let refused = if broker == self.controller && self.not_controller_times == 0 {
            self.create_error.clone()
        } else {
            self.not_controller_times = self.not_controller_times.saturating_sub(1);
            Some((ErrorCode::NOT_CONTROLLER, String::new()))
        };
        let topics = request.topics.iter().map(|topic| CreatableTopicResult {
            name: topic.name.clone(),
            error_code: refused.as_ref().map_or(ErrorCode::NONE, |refused| refused.0),
            error_message: refused.as_ref().map(|refused| refused.1.clone()),
            ..Default::default()
        });
        let response = CreateTopicsResponse { topics: topics.collect(), ..Default::default() };
        if refused.is_none() {
            self.created.extend(request.topics);
        }
        response
    }
}

fn api_versions() -> ApiVersionsResponse {
    let range = |api: &ApiKey| ApiVersion {
        api_key: *api as i16,
        min_version: *api.versions().start(),
        max_version: *api.versions().end(),
    };
    let api_keys = ApiKey::ALL.iter().map(range).collect();
    ApiVersionsResponse { api_keys, ..Default::default() }
}

impl Servers for FakeCluster {
    fn listens(&self, at: &Endpoint) -> bool {
        let listening = |id: &&i32| at.host == format!("broker-{id}");
        self.brokers.iter().find(listening).is_some_and(|id| !self.down.contains(id))
    }

    fn on_request(
        &mut self,
        now: Time,
        at: &Endpoint,
        conn: ConnId,
        header: RequestHeader,
        request: AnyRequest,
    ) -> Vec<Reply> {
        let broker: i32 = at.host.trim_start_matches("broker-").parse().expect("broker-ID");
        if self.down.contains(&broker) {
            return Vec::new();
        }
        self.requests.push((now, broker, request.api()));
        let mut after = Span::ZERO;
        let response: AnyResponse = match request {
            AnyRequest::ApiVersions(_) => api_versions().into(),
            AnyRequest::Metadata(request) => self.metadata(&request).into(),
            AnyRequest::Produce(request) => {
                let acks = request.acks;
                after = self.produce_delay;
                let response = self.produce(broker, request);
                let lost = self.lost_answers > 0;
                self.lost_answers -= usize::from(lost);
                if acks == 0 || lost {
                    return Vec::new();
                }
                response.into()
            }
            AnyRequest::Fetch(request) => {
                let response = self.fetch(broker, request.clone());
                let empty = |answer: &FetchablePartitionResponse| {
                    answer.error_code.is_ok()
                        && answer.record_set.as_ref().is_none_or(Bytes::is_empty)
                };
                if response.responses.iter().flat_map(|t| &t.partition_responses).all(empty) {
                    after = Span::from_millis(request.max_wait_ms.max(0) as u64);
                }
                response.into()
            }
            AnyRequest::InitProducerId(_) => self.producers.assign().into(),
            AnyRequest::ListOffsets(request) => self.list_offsets(&request).into(),
            AnyRequest::OffsetForLeaderEpoch(request) => self.epoch_ends(&request).into(),
            AnyRequest::FindCoordinator(_) => FindCoordinatorResponse {
                node_id: self.coordinator,
                host: format!("broker-{}", self.coordinator),
                port: 9092,
                ..Default::default()
            }
            .into(),
            AnyRequest::JoinGroup(request) => return self.join(conn, &header, request),
            AnyRequest::SyncGroup(request) => return self.sync(conn, &header, request),
            AnyRequest::Heartbeat(request) => self.heartbeat(&request).into(),
            AnyRequest::LeaveGroup(request) => {
                let mut replies = Vec::new();
                for member in request.members {
                    replies.extend(self.leave(&request.group_id, &member.member_id));
                }
                let left = LeaveGroupResponse::default();
                replies.push(Reply::to(&header, conn, left, Span::ZERO));
                return replies;
            }
            AnyRequest::OffsetCommit(request) => self.offset_commit(now, &header, request).into(),
            AnyRequest::OffsetFetch(request) => self.offset_fetch(&request).into(),
            AnyRequest::CreateTopics(request) => self.create(broker, request).into(),
            _ => return Vec::new(),
        };
        vec![Reply::to(&header, conn, response, after)]
    }
}
