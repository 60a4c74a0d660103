//! OffsetFetch: the committed offsets of a group.
//!
//! In Kafka: KafkaApis.handleOffsetFetchRequest, GroupMetadataManager.getOffsets.

use super::metadata::CommittedOffset;
use super::state::GroupState;
use super::{GroupAction, GroupCoordinator};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::{SortedMap, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::metadata_cache::MetadataCache;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

/// No offset is committed.
const INVALID_OFFSET: i64 = -1;
/// Until here every partition carries the group's error.
const LAST_VERSION_WITHOUT_GROUP_ERROR: i16 = 1;

impl GroupCoordinator {
    /// OffsetFetch.
    #[must_use]
    pub fn handle_offset_fetch(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: OffsetFetchRequest,
        metadata: &MetadataCache,
    ) -> Vec<GroupAction> {
        self.now = now;
        if context.api_version == 0 {
            self.fetch_from_zookeeper(context.token, request, metadata);
        } else {
            let response = self.fetch(context.api_version, request);
            self.reply(context.token, response);
        }
        self.take_actions()
    }

    fn fetch(&self, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
        if let Some(error) = self.group_error(&request.group_id, true) {
            let topics = match request.topics {
                Some(topics) if version <= LAST_VERSION_WITHOUT_GROUP_ERROR => topics
                    .into_iter()
                    .map(|topic| OffsetFetchResponseTopic {
                        name: topic.name,
                        partitions: topic
                            .partition_indexes
                            .into_iter()
                            .map(|partition| fetched(partition, None, error))
                            .collect(),
                    })
                    .collect(),
                _ => Vec::new(),
            };
            return OffsetFetchResponse { error_code: error, topics, ..Default::default() };
        }
        let nothing = SortedMap::new();
        let offsets = match self.groups.get(&request.group_id) {
            Some(group) if group.state != GroupState::Dead => &group.offsets,
            _ => &nothing,
        };
        let topics = match request.topics {
            None => all_topics(offsets),
            Some(topics) => topics
                .into_iter()
                .map(|topic| OffsetFetchResponseTopic {
                    partitions: topic
                        .partition_indexes
                        .into_iter()
                        .map(|index| {
                            let partition = TopicPartition::new(topic.name.clone(), index);
                            fetched(index, offsets.get(&partition), ErrorCode::NONE)
                        })
                        .collect(),
                    name: topic.name,
                })
                .collect(),
        };
        OffsetFetchResponse { topics, ..OffsetFetchResponse::default() }
    }
}

fn all_topics(
    offsets: &SortedMap<TopicPartition, CommittedOffset>,
) -> Vec<OffsetFetchResponseTopic> {
    let mut topics: Vec<OffsetFetchResponseTopic> = Vec::new();
    for (TopicPartition { topic, partition }, committed) in offsets {
        let result = fetched(*partition, Some(committed), ErrorCode::NONE);
        if let Some(last) = topics.last_mut().filter(|last| last.name == *topic) {
            last.partitions.push(result);
        } else {
            let name = topic.clone();
            topics.push(OffsetFetchResponseTopic { name, partitions: vec![result] });
        }
    }
    topics
}

/// One partition of the answer.
pub(super) fn fetched(
    partition_index: i32,
    committed: Option<&CommittedOffset>,
    error_code: ErrorCode,
) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: committed
            .filter(|_| !is_planted(Mutant::ForgetCommittedOffsets))
            .map_or(INVALID_OFFSET, |one| one.offset),
        committed_leader_epoch: committed.map_or(-1, |one| one.leader_epoch),
        metadata: Some(committed.map(|one| one.metadata.clone()).unwrap_or_default()),
        error_code,
    }
}
