//! Offsets in ZooKeeper, as consumers kept them before Kafka 0.9: OffsetCommit and OffsetFetch of
//! version 0 write and read `/consumers/GROUP/offsets/TOPIC/PARTITION`.
//!
//! In Kafka: KafkaZkClient.setOrCreateConsumerOffset, getConsumerOffset.

use super::fetch::fetched;
use super::metadata::CommittedOffset;
use super::offsets::{self, CommitResults};
use super::{GroupAction, GroupCoordinator};
use crate::base::{SortedMap, Time, TopicPartition};
use crate::broker::action::{Action, RequestToken};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::znode_path;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponsePartition,
    OffsetFetchResponseTopic,
};
use crate::wire::zookeeper::KeeperCode;
use bytes::Bytes;

/// Names a request of the coordinator to ZooKeeper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GroupZkTag {
    request: u64,
    /// Which partition of the request.
    index: usize,
    /// Whether this is the last write of a partition, or the read.
    is_last: bool,
}

/// What an answer is put together from.
#[derive(Clone, PartialEq, Debug)]
enum Wanted {
    Commit { results: CommitResults, offsets: SortedMap<usize, Bytes> },
    Fetch { topics: Vec<(String, i32)>, results: Vec<OffsetFetchResponsePartition> },
}

/// A request whose answer waits for ZooKeeper.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ZookeeperRequest {
    token: RequestToken,
    group: String,
    wanted: Wanted,
    /// Partitions that ZooKeeper has not answered yet.
    open: usize,
}

impl GroupCoordinator {
    pub(super) fn commit_to_zookeeper(
        &mut self,
        token: RequestToken,
        request: OffsetCommitRequest,
        metadata: &MetadataCache,
    ) {
        let mut results = offsets::all(&request, ErrorCode::NONE);
        let mut wanted = SortedMap::new();
        let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        for (index, ((partition, result), one)) in results.iter_mut().zip(asked).enumerate() {
            if metadata.partition(&partition.topic, partition.partition).is_none() {
                *result = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            } else {
                wanted.insert(index, Bytes::from(one.committed_offset.to_string()));
            }
        }
        if wanted.is_empty() {
            return self.reply(token, offsets::response(results));
        }
        let id = self.next_zookeeper;
        self.next_zookeeper += 1;
        for (index, data) in &wanted {
            let path = znode_path::consumer_offset(&request.group_id, &results[*index].0);
            let write = Write::SetData { path, data: data.clone(), version: -1 };
            let tag = GroupZkTag { request: id, index: *index, is_last: true };
            self.actions.push(Action::Zookeeper { request: Op::Write(write), tag });
        }
        let open = wanted.len();
        let wanted = Wanted::Commit { results, offsets: wanted };
        let group = request.group_id;
        self.zookeeper.insert(id, ZookeeperRequest { token, group, wanted, open });
    }

    pub(super) fn fetch_from_zookeeper(
        &mut self,
        token: RequestToken,
        request: OffsetFetchRequest,
        metadata: &MetadataCache,
    ) {
        let id = self.next_zookeeper;
        let group = request.group_id;
        let (mut topics, mut results, mut open) = (Vec::new(), Vec::new(), 0);
        for topic in request.topics.into_iter().flatten() {
            for index in topic.partition_indexes {
                let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                results.push(fetched(index, None, unknown));
                topics.push((topic.name.clone(), index));
                if metadata.partition(&topic.name, index).is_some() {
                    let partition = TopicPartition::new(topic.name.clone(), index);
                    let request = Op::get_data(znode_path::consumer_offset(&group, &partition));
                    let at = results.len() - 1;
                    let tag = GroupZkTag { request: id, index: at, is_last: true };
                    self.actions.push(Action::Zookeeper { request, tag });
                    open += 1;
                }
            }
        }
        self.next_zookeeper += 1;
        let wanted = Wanted::Fetch { topics, results };
        self.zookeeper.insert(id, ZookeeperRequest { token, group, wanted, open });
        self.maybe_answer_zookeeper(id);
    }

    /// ZooKeeper answered.
    #[must_use]
    pub fn on_zookeeper(&mut self, now: Time, tag: GroupZkTag, answer: Answer) -> Vec<GroupAction> {
        self.now = now;
        let Some(request) = self.zookeeper.get_mut(&tag.request) else { return Vec::new() };
        if !tag.is_last {
            return Vec::new();
        }
        match &mut request.wanted {
            Wanted::Commit { results, offsets } => {
                let Some((partition, result)) = results.get_mut(tag.index) else {
                    return Vec::new();
                };
                if answer.is_no_node()
                    && let Some(data) = offsets.remove(&tag.index)
                {
                    let path = znode_path::consumer_offset(&request.group, partition);
                    self.create_with_parents(&path, &data, tag);
                    return self.take_actions();
                }
                *result = match answer {
                    Answer::Written { .. } | Answer::Failed(KeeperCode::NODE_EXISTS) => {
                        ErrorCode::NONE
                    }
                    _ => ErrorCode::UNKNOWN_SERVER_ERROR,
                };
            }
            Wanted::Fetch { results, .. } => {
                if let Some(result) = results.get_mut(tag.index) {
                    *result = read(result.partition_index, &answer);
                }
            }
        }
        request.open -= 1;
        self.maybe_answer_zookeeper(tag.request);
        self.take_actions()
    }

    /// Makes a znode and what is missing above it. That a parent is there already is no matter.
    fn create_with_parents(&mut self, path: &str, data: &Bytes, tag: GroupZkTag) {
        for parent in znode_path::ancestors(path) {
            let write = Write::Create { path: parent.to_owned(), data: None };
            let tag = GroupZkTag { is_last: false, ..tag };
            self.actions.push(Action::Zookeeper { request: Op::Write(write), tag });
        }
        let write = Write::Create { path: path.to_owned(), data: Some(data.clone()) };
        self.actions.push(Action::Zookeeper { request: Op::Write(write), tag });
    }

    fn maybe_answer_zookeeper(&mut self, id: u64) {
        if self.zookeeper.get(&id).is_none_or(|request| request.open > 0) {
            return;
        }
        let Some(request) = self.zookeeper.remove(&id) else { return };
        match request.wanted {
            Wanted::Commit { results, .. } => {
                self.reply(request.token, offsets::response(results));
            }
            Wanted::Fetch { topics: asked, results } => {
                let mut topics: Vec<OffsetFetchResponseTopic> = Vec::new();
                for ((name, _), result) in asked.into_iter().zip(results) {
                    if let Some(last) = topics.last_mut().filter(|last| last.name == name) {
                        last.partitions.push(result);
                    } else {
                        let partitions = vec![result];
                        topics.push(OffsetFetchResponseTopic { name, partitions });
                    }
                }
                let response = OffsetFetchResponse { topics, ..OffsetFetchResponse::default() };
                self.reply(request.token, response);
            }
        }
    }
}

/// The offset in a znode; a group that committed nothing is an unknown partition to version 0.
fn read(partition: i32, answer: &Answer) -> OffsetFetchResponsePartition {
    match answer {
        Answer::Data { data, .. } => {
            let offset = std::str::from_utf8(data).ok().and_then(|text| text.trim().parse().ok());
            let Some(offset) = offset else {
                return fetched(partition, None, ErrorCode::UNKNOWN_SERVER_ERROR);
            };
            let committed = CommittedOffset {
                offset,
                leader_epoch: -1,
                metadata: String::new(),
                commit_timestamp_ms: -1,
                expire_timestamp_ms: None,
                record_offset: None,
            };
            fetched(partition, Some(&committed), ErrorCode::NONE)
        }
        answer if answer.is_no_node() => {
            fetched(partition, None, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        }
        _ => fetched(partition, None, ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}
