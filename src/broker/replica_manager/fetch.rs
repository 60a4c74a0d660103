//! Fetches of consumers and followers, and those of them that wait until there is enough to send.
//!
//! In Kafka: `ReplicaManager.fetchMessages`, `DelayedFetch`.

use super::{Completion, ReplicaManager};
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::partition::{ReadInfo, ReadRequest};
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    FetchPartition, FetchResponse, FetchResponseEpochEndOffset, FetchablePartitionResponse,
    FetchableTopicResponse,
};

/// A fetch.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchParams {
    /// Names the request.
    pub token: RequestToken,
    /// The follower that fetches, −1 for a consumer.
    pub replica_id: i32,
    /// Whether only leaders may answer.
    pub from_leader_only: bool,
    /// How long to wait for `min_bytes`.
    pub max_wait: Span,
    /// Bytes that are worth an answer.
    pub min_bytes: usize,
    /// Bytes at most, of all partitions.
    pub max_bytes: usize,
    /// What to read, in the order of the request.
    pub partitions: Vec<(TopicPartition, FetchPartition)>,
}

/// A fetch that waits.
#[derive(Clone, Debug)]
pub(super) struct DelayedFetch {
    pub(super) params: FetchParams,
}

impl DelayedFetch {
    pub(super) fn describe(&self) -> String {
        let who = match self.params.replica_id {
            id if id >= 0 => format!("replica {id}"),
            _ => "consumer".to_owned(),
        };
        let partitions = self.params.partitions.iter();
        let wanted: Vec<String> =
            partitions.map(|(id, wanted)| format!("{id}@{}", wanted.fetch_offset)).collect();
        format!("{} byte(s) for {who} from {}", self.params.min_bytes, wanted.join(", "))
    }
}

/// What one pass over the partitions of a fetch found.
pub(super) struct FetchOutcome {
    results: Vec<(TopicPartition, Result<ReadInfo, ErrorCode>)>,
}

impl FetchOutcome {
    fn bytes(&self) -> usize {
        let infos = self.results.iter().filter_map(|(_, result)| result.as_ref().ok());
        infos.map(|info| info.records.len()).sum()
    }

    /// True when something must be said at once: an error, or that the logs part.
    fn is_urgent(&self) -> bool {
        self.results
            .iter()
            .any(|(_, result)| result.as_ref().map_or(true, |info| info.diverging_epoch.is_some()))
    }

    pub(super) fn into_response(self) -> FetchResponse {
        let mut responses: Vec<FetchableTopicResponse> = Vec::new();
        for (TopicPartition { topic, partition }, result) in self.results {
            if responses.last().is_none_or(|last| last.topic != topic) {
                responses.push(FetchableTopicResponse { topic, partition_responses: Vec::new() });
            }
            if let Some(last) = responses.last_mut() {
                last.partition_responses.push(partition_response(partition, result));
            }
        }
        FetchResponse { responses, ..Default::default() }
    }
}

fn partition_response(
    partition: i32,
    result: Result<ReadInfo, ErrorCode>,
) -> FetchablePartitionResponse {
    match result {
        Ok(info) => FetchablePartitionResponse {
            partition,
            high_watermark: info.high_watermark,
            // Without transactions everything below the high watermark is stable.
            last_stable_offset: info.high_watermark,
            log_start_offset: info.log_start_offset,
            diverging_epoch: info.diverging_epoch.map_or_else(Default::default, |(epoch, end)| {
                FetchResponseEpochEndOffset { epoch, end_offset: end }
            }),
            record_set: Some(info.records),
            ..Default::default()
        },
        Err(error_code) => FetchablePartitionResponse {
            partition,
            error_code,
            high_watermark: -1,
            record_set: Some(bytes::Bytes::new()),
            ..Default::default()
        },
    }
}

impl ReplicaManager {
    /// Reads for a consumer or a follower. When there is too little to send yet the answer comes
    /// later; otherwise it is returned.
    pub fn fetch_messages(
        &mut self,
        params: FetchParams,
        volume: &Volume,
        now: Time,
    ) -> Option<FetchResponse> {
        // The high watermark in the answer is the one before this fetch moved it: a follower
        // learns of it one round later.
        let outcome = self.read_for(&params, volume);
        if params.replica_id >= 0 {
            self.note_follower_positions(&params, &outcome, now);
        }
        let enough = outcome.bytes() >= params.min_bytes;
        let at_once = params.max_wait == Span::ZERO || params.partitions.is_empty();
        if enough || at_once || outcome.is_urgent() {
            return Some(outcome.into_response());
        }
        let keys: Vec<TopicPartition> =
            params.partitions.iter().map(|(partition, _)| partition.clone()).collect();
        let deadline = now + params.max_wait;
        self.delayed_fetch.park(DelayedFetch { params }, keys, deadline);
        None
    }

    fn note_follower_positions(&mut self, params: &FetchParams, outcome: &FetchOutcome, now: Time) {
        for ((id, result), (_, wanted)) in outcome.results.iter().zip(&params.partitions) {
            let Ok(info) = result else { continue };
            if info.diverging_epoch.is_some() {
                continue;
            }
            let Some(partition) = self.partitions.get_mut(id) else { continue };
            partition.update_follower_fetch_state(
                params.replica_id,
                wanted.fetch_offset,
                wanted.log_start_offset,
                now,
                &mut self.changes,
            );
        }
    }

    /// Reads every partition of a fetch; the first that has anything gives at least one batch.
    pub(super) fn read_for(&self, params: &FetchParams, volume: &Volume) -> FetchOutcome {
        let mut left = params.max_bytes;
        let mut at_least_one = true;
        let mut results = Vec::with_capacity(params.partitions.len());
        for (id, wanted) in &params.partitions {
            let most = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
            let request = ReadRequest {
                fetch_offset: wanted.fetch_offset,
                current_leader_epoch: wanted.current_leader_epoch,
                last_fetched_epoch: wanted.last_fetched_epoch,
                max_bytes: most.min(left),
                at_least_one,
                is_follower: params.replica_id >= 0,
                from_leader_only: params.from_leader_only,
            };
            let result = match self.partitions.get(id) {
                Some(partition) => partition.read_records(&request, volume),
                None => Err(self.missing_error(id)),
            };
            if let Ok(info) = &result
                && !info.records.is_empty()
            {
                at_least_one = false;
                left = left.saturating_sub(info.records.len());
            }
            results.push((id.clone(), result));
        }
        FetchOutcome { results }
    }

    pub(super) fn complete_delayed_fetch(&mut self, partition: &TopicPartition, volume: &Volume) {
        for id in self.delayed_fetch.watching(partition) {
            let Some(delayed) = self.delayed_fetch.get_mut(id) else { continue };
            let params = delayed.params.clone();
            let outcome = self.read_for(&params, volume);
            if outcome.is_urgent() || outcome.bytes() >= params.min_bytes {
                self.delayed_fetch.take(id);
                let response = outcome.into_response().into();
                self.completions.push(Completion::Reply(params.token, response));
            }
        }
    }
}
