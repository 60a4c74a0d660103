//! OffsetCommit: offsets are stored as records and count once they are committed.
//!
//! In Kafka: KafkaApis.handleOffsetCommitRequest, GroupCoordinator.doCommitOffsets,
//! GroupMetadataManager.storeOffsets.

use super::metadata::{CommittedOffset, Group};
use super::records;
use super::state::GroupState;
use super::store::Pending;
use super::{GroupAction, GroupCoordinator};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::{Time, TopicPartition, TraceEvent};
use crate::broker::action::{AppendOutcome, RequestContext, RequestToken};
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
    /// In the order asked.
    offsets: Vec<(TopicPartition, CommittedOffset)>,
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
        let error = self.commit_error(&request).unwrap_or(ErrorCode::NONE);
        let mut results = all(&request, error);
        for (partition, result) in &mut results {
            if metadata.partition(&partition.topic, partition.partition).is_none() {
                *result = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
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
        let partitions: Vec<TopicPartition> =
            offsets.iter().map(|(partition, _)| partition.clone()).collect();
        let pending = Committing { token, group, member, generation, results, offsets };
        let tag = self.append(&id, records, Pending::Offsets(pending));
        if let Some(group) = self.groups.get_mut(&id) {
            group.pending_commits.extend(partitions.into_iter().map(|partition| (partition, tag)));
        }
        self.schedule_expiry();
    }

    /// Why nothing of a commit can be taken, if so.
    fn commit_error(&mut self, request: &OffsetCommitRequest) -> Option<ErrorCode> {
        if let Some(error) = self.group_error(&request.group_id, true) {
            return Some(error);
        }
        if is_planted(Mutant::FencedMemberCommits) {
            return None;
        }
        let (id, instance) = (&request.group_id, request.group_instance_id.as_deref());
        let is_fenced = self.is_fenced(id, &request.member_id, instance, "commit-offsets");
        let has_no_generation = request.generation_id <= NO_GENERATION;
        let Some(group) = self.groups.get(&request.group_id) else {
            return (!has_no_generation).then_some(ErrorCode::ILLEGAL_GENERATION);
        };
        if group.state == GroupState::Dead {
            Some(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        } else if is_fenced {
            Some(ErrorCode::FENCED_INSTANCE_ID)
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
    ) -> Vec<(TopicPartition, CommittedOffset)> {
        let now_ms = self.now_ms();
        let metadata_length_max = self.config.offset_metadata_max_bytes;
        let retention = Some(request.retention_time_ms).filter(|ms| *ms != UNSPECIFIED_MS);
        let mut offsets: Vec<(TopicPartition, CommittedOffset)> = Vec::new();
        let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        for ((partition, result), wanted) in results.iter_mut().zip(asked) {
            if result.is_error() {
                continue;
            }
            let metadata = wanted.committed_metadata.clone().unwrap_or_default();
            // Kafka counts the characters of a Java string, whatever the key's name says.
            if metadata.encode_utf16().count() as i64 > i64::from(metadata_length_max) {
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
                record_offset: None,
            };
            // Of two for one partition the later one counts.
            let mut partition = partition.clone();
            if is_planted(Mutant::CommitToFirstPartition) {
                partition.partition = 0;
            }
            match offsets.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, known)) => *known = committed,
                None => offsets.push((partition, committed)),
            }
        }
        offsets
    }

    /// Offsets are committed, or were refused.
    pub(super) fn on_offsets_stored(
        &mut self,
        committing: Committing,
        tag: u64,
        outcome: AppendOutcome,
    ) {
        let Committing { token, group, member, generation, mut results, offsets } = committing;
        let error = of_offsets(outcome.err().unwrap_or(ErrorCode::NONE));
        for (_, result) in &mut results {
            if result.is_ok() {
                *result = error;
            }
        }
        for (partition, mut committed) in offsets {
            let Some(known) = self.groups.get_mut(&group) else { break };
            let Ok(record_offset) = outcome else {
                known.on_commit_failed(&partition, tag);
                continue;
            };
            committed.record_offset = Some(record_offset);
            let offset = committed.offset;
            if known.on_commit_stored(partition.clone(), committed, tag) {
                let (group, member) = (group.clone(), member.clone());
                self.trace(TraceEvent::OffsetCommitted {
                    group,
                    partition,
                    offset,
                    member,
                    generation,
                });
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
