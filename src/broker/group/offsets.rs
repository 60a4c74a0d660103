//! OffsetCommit: offsets are stored as records and count once they are committed.
//!
//! In Kafka: KafkaApis.handleOffsetCommitRequest, GroupCoordinator.doCommitOffsets,
//! GroupMetadataManager.storeOffsets.

use super::metadata::{CommittedOffset, Group};
use super::records;
use super::state::GroupState;
use super::store::Pending;
use super::{GroupAction, GroupCoordinator};
use crate::base::{SortedMap, Time, TopicPartition, TraceEvent};
use crate::broker::action::{RequestContext, RequestToken};
use crate::broker::metadata_cache::MetadataCache;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

/// A commit without a generation, by who is no member of a group.
const NO_GENERATION: i32 = -1;
/// A time that the client leaves to the broker.
const UNSPECIFIED_MS: i64 = -1;

/// What becomes of each partition of a commit, in the order asked.
pub(super) type CommitResults = Vec<(TopicPartition, ErrorCode)>;

/// A commit that is being stored.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Committing {
    pub(super) token: RequestToken,
    group: String,
    member: String,
    generation: i32,
    /// Partitions with what is known of them already; NONE for those that are being stored.
    results: CommitResults,
    offsets: SortedMap<TopicPartition, CommittedOffset>,
}

impl GroupCoordinator {
    /// OffsetCommit.
    #[must_use]
    pub fn handle_offset_commit(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: OffsetCommitRequest,
        metadata: &MetadataCache,
    ) -> Vec<GroupAction> {
        self.now = now;
        if context.api_version == 0 {
            self.commit_to_zookeeper(context.token, request, metadata);
        } else if request.group_instance_id.is_some() {
            let results = all(&request, ErrorCode::UNSUPPORTED_VERSION);
            self.reply(context.token, response(results));
        } else {
            self.commit(context.token, request, metadata);
        }
        self.take_actions()
    }

    fn commit(
        &mut self,
        token: RequestToken,
        request: OffsetCommitRequest,
        metadata: &MetadataCache,
    ) {
        let error = self.commit_error(&request);
        let mut results = all(&request, error.unwrap_or(ErrorCode::NONE));
        if error.is_none() {
            for (partition, result) in &mut results {
                if metadata.partition(&partition.topic, partition.partition).is_none() {
                    *result = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                }
            }
        }
        let offsets = self.accepted(&request, &mut results);
        if offsets.is_empty() {
            return self.reply(token, response(results));
        }
        let OffsetCommitRequest { group_id: group, member_id: member, generation_id, .. } = request;
        let records = records::offsets_batch(self.now, &group, &offsets);
        let known = self.groups.entry(group.clone()).or_insert_with(|| Group::new(&group));
        if let Some(timeout) = known.members.get(&member).map(|one| one.session_timeout_ms) {
            self.set_session_timer(&group, &member, timeout);
        }
        let id = group.clone();
        let generation = generation_id;
        let pending = Committing { token, group, member, generation, results, offsets };
        self.append(&id, records, Pending::Offsets(pending));
    }

    /// Why nothing of a commit can be taken, if so.
    fn commit_error(&self, request: &OffsetCommitRequest) -> Option<ErrorCode> {
        if let Some(error) = self.group_error(&request.group_id, true) {
            return Some(error);
        }
        let has_no_generation = request.generation_id <= NO_GENERATION;
        let Some(group) = self.groups.get(&request.group_id) else {
            return (!has_no_generation).then_some(ErrorCode::ILLEGAL_GENERATION);
        };
        if group.state == GroupState::Dead {
            Some(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        } else if has_no_generation && group.state == GroupState::Empty {
            None
        } else if !group.members.contains_key(&request.member_id) {
            Some(ErrorCode::UNKNOWN_MEMBER_ID)
        } else if request.generation_id != group.generation {
            Some(ErrorCode::ILLEGAL_GENERATION)
        } else if group.state == GroupState::CompletingRebalance {
            Some(ErrorCode::REBALANCE_IN_PROGRESS)
        } else {
            None
        }
    }

    /// The offsets to be stored; what is wrong with the others goes into `results`.
    fn accepted(
        &self,
        request: &OffsetCommitRequest,
        results: &mut CommitResults,
    ) -> SortedMap<TopicPartition, CommittedOffset> {
        let now_ms = self.now_ms();
        let metadata_bytes_max = self.config.offset_metadata_max_bytes;
        let retention = Some(request.retention_time_ms).filter(|ms| *ms != UNSPECIFIED_MS);
        let mut offsets = SortedMap::new();
        let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        for ((partition, result), wanted) in results.iter_mut().zip(asked) {
            if result.is_error() {
                continue;
            }
            let metadata = wanted.committed_metadata.clone().unwrap_or_default();
            if metadata.len() as i64 > i64::from(metadata_bytes_max) {
                *result = ErrorCode::OFFSET_METADATA_TOO_LARGE;
                continue;
            }
            let commit_timestamp_ms = match wanted.commit_timestamp {
                UNSPECIFIED_MS => now_ms,
                given => given,
            };
            let committed = CommittedOffset {
                offset: wanted.committed_offset,
                leader_epoch: wanted.committed_leader_epoch,
                metadata,
                commit_timestamp_ms,
                expire_timestamp_ms: retention.map(|ms| commit_timestamp_ms.saturating_add(ms)),
            };
            offsets.insert(partition.clone(), committed);
        }
        offsets
    }

    /// Offsets are committed, or were refused.
    pub(super) fn on_offsets_stored(&mut self, committing: Committing, error: ErrorCode) {
        let Committing { token, group, member, generation, mut results, offsets } = committing;
        let error = of_offsets(error);
        for (_, result) in &mut results {
            if result.is_ok() {
                *result = error;
            }
        }
        if error.is_ok() && self.groups.contains_key(&group) {
            for (partition, committed) in offsets {
                self.trace(TraceEvent::OffsetCommitted {
                    group: group.clone(),
                    partition: partition.clone(),
                    offset: committed.offset,
                    member: member.clone(),
                    generation,
                });
                if let Some(group) = self.groups.get_mut(&group) {
                    group.offsets.insert(partition, committed);
                }
            }
        }
        self.reply(token, response(results));
    }
}

/// What a client is told when its offsets could not be stored.
fn of_offsets(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => {
            ErrorCode::NOT_COORDINATOR
        }
        ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_FETCH_SIZE => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        other => other,
    }
}

/// The same outcome for every partition that was asked about.
pub(super) fn all(request: &OffsetCommitRequest, error: ErrorCode) -> CommitResults {
    let of_topic = |topic: &crate::wire::kafka::OffsetCommitRequestTopic| {
        let name = topic.name.clone();
        let partitions = topic.partitions.iter();
        partitions
            .map(|one| (TopicPartition::new(name.clone(), one.partition_index), error))
            .collect::<Vec<_>>()
    };
    request.topics.iter().flat_map(of_topic).collect()
}

pub(super) fn response(results: CommitResults) -> OffsetCommitResponse {
    let mut topics: Vec<OffsetCommitResponseTopic> = Vec::new();
    for (TopicPartition { topic, partition }, error_code) in results {
        let result = OffsetCommitResponsePartition { partition_index: partition, error_code };
        match topics.last_mut().filter(|last| last.name == topic) {
            Some(last) => last.partitions.push(result),
            None => {
                topics.push(OffsetCommitResponseTopic { name: topic, partitions: vec![result] });
            }
        }
    }
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}
