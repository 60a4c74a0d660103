//! Fetches of consumers and followers, and those of them that wait until there is enough to send.
//!
//! In Kafka: `ReplicaManager.fetchMessages`, `DelayedFetch`, `findPreferredReadReplica` (KIP-392).

use super::{Completion, ReplicaManager};
use crate::base::trace::LogLevel;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::fetch_session::{
    AnsweredPartitions, FetchContext, SessionRequest, WantedPartitions,
};
use crate::broker::partition::{FetchIsolation, Partition, ReadInfo, ReadRequest};
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    FetchPartition, FetchResponse, FetchResponseEpochEndOffset, FetchablePartitionResponse,
    FetchableTopicResponse,
};
use bytes::Bytes;

/// A fetch, but for its partitions.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchParams {
    /// Names the request.
    pub token: RequestToken,
    /// The follower that fetches, −1 for a consumer.
    pub replica_id: i32,
    /// How far it may read.
    pub isolation: FetchIsolation,
    /// The rack of a consumer that may be answered by a follower; none when only leaders may answer.
    pub rack: Option<String>,
    /// How long to wait for `min_bytes`.
    pub max_wait: Span,
    /// Bytes that are worth an answer.
    pub min_bytes: usize,
    /// Bytes at most, of all partitions.
    pub max_bytes: usize,
}

impl FetchParams {
    fn is_from_follower(&self) -> bool {
        self.replica_id >= 0
    }

    fn is_for_leaders_only(&self) -> bool {
        self.rack.is_none()
    }
}

/// A fetch that waits.
#[derive(Clone, Debug)]
pub(super) struct DelayedFetch {
    params: FetchParams,
    context: FetchContext,
    /// All partitions of the request or its session, in order.
    wanted: WantedPartitions,
    /// Those of them that this broker has heard nothing of; nobody waits for them.
    erroneous: Vec<TopicPartition>,
}

impl DelayedFetch {
    pub(super) fn describe(&self) -> String {
        let who = match self.params.replica_id {
            id if id >= 0 => format!("replica {id}"),
            _ => "consumer".to_owned(),
        };
        let wanted: Vec<String> = self
            .interesting()
            .map(|(id, wanted)| format!("{id}@{}", wanted.fetch_offset))
            .collect();
        format!("{} byte(s) for {who} from {}", self.params.min_bytes, wanted.join(", "))
    }

    fn interesting(&self) -> impl Iterator<Item = &(TopicPartition, FetchPartition)> {
        self.wanted.iter().filter(|(id, _)| !self.erroneous.contains(id))
    }
}

/// What one pass over the partitions of a fetch found.
struct FetchOutcome {
    results: Vec<(TopicPartition, Result<ReadInfo, ErrorCode>)>,
}

impl FetchOutcome {
    fn bytes(&self) -> usize {
        let infos = self.results.iter().filter_map(|(_, result)| result.as_ref().ok());
        infos.map(|info| info.records.len()).sum()
    }

    /// True when something must be said at once: an error, that the logs part, or that what is
    /// read ends with its segment.
    fn is_urgent(&self) -> bool {
        self.results
            .iter()
            .any(|(_, result)| result.as_ref().map_or(true, |info| info.diverging_epoch.is_some()))
    }

    fn into_answers(self, erroneous: Vec<TopicPartition>) -> AnsweredPartitions {
        let unknown = erroneous.into_iter();
        let unknown = unknown.map(|id| (id, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)));
        let all = self.results.into_iter().chain(unknown);
        all.map(|(id, result)| {
            let answer = partition_response(id.partition, result);
            (id, answer)
        })
        .collect()
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
            last_stable_offset: info.last_stable_offset,
            log_start_offset: info.log_start_offset,
            diverging_epoch: info.diverging_epoch.map_or_else(Default::default, |(epoch, end)| {
                FetchResponseEpochEndOffset { epoch, end_offset: end }
            }),
            preferred_read_replica: info.preferred_read_replica.unwrap_or(-1),
            record_set: Some(info.records),
            ..Default::default()
        },
        Err(error_code) => FetchablePartitionResponse {
            partition,
            error_code,
            high_watermark: -1,
            record_set: Some(Bytes::new()),
            ..Default::default()
        },
    }
}

/// The answer, by topic; a topic may come twice where its partitions do not stand together.
fn response(session_id: i32, answers: AnsweredPartitions) -> FetchResponse {
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (TopicPartition { topic, .. }, answer) in answers {
        if responses.last().is_none_or(|last| last.topic != topic) {
            responses.push(FetchableTopicResponse { topic, partition_responses: Vec::new() });
        }
        if let Some(last) = responses.last_mut() {
            last.partition_responses.push(answer);
        }
    }
    FetchResponse { session_id, responses, ..Default::default() }
}

impl ReplicaManager {
    /// Reads for a consumer or a follower. When there is too little to send yet the answer comes
    /// later; otherwise it is returned.
    pub fn fetch_messages(
        &mut self,
        params: FetchParams,
        session: SessionRequest,
        volume: &Volume,
        now: Time,
    ) -> Option<FetchResponse> {
        let (context, wanted) = match self.fetch_sessions.context_of(session, now) {
            Ok(known) => known,
            Err(error_code) => return Some(FetchResponse { error_code, ..Default::default() }),
        };
        let unknown = wanted.iter().map(|(id, _)| id).filter(|id| !self.known.contains(*id));
        let erroneous = unknown.cloned().collect();
        let fetch = DelayedFetch { params, context, wanted, erroneous };
        // The high watermark in the answer is the one before this fetch moved it: a follower
        // learns of it one round later.
        let mut outcome = self.read_for(&fetch, volume, now);
        if fetch.params.is_from_follower() {
            self.note_follower_positions(&fetch, &mut outcome, now);
        }
        let enough = outcome.bytes() >= fetch.params.min_bytes;
        let at_once = fetch.params.max_wait == Span::ZERO || outcome.results.is_empty();
        if enough || at_once || outcome.is_urgent() {
            return Some(self.respond(fetch, outcome, now));
        }
        let keys: Vec<TopicPartition> = fetch.interesting().map(|(id, _)| id.clone()).collect();
        let deadline = now + fetch.params.max_wait;
        self.delayed_fetch.park(fetch, keys, deadline);
        None
    }

    fn respond(&mut self, fetch: DelayedFetch, outcome: FetchOutcome, now: Time) -> FetchResponse {
        let DelayedFetch { context, wanted, erroneous, .. } = fetch;
        let answers = outcome.into_answers(erroneous);
        match self.fetch_sessions.answer(context, &wanted, answers, now) {
            Ok((session_id, answers)) => response(session_id, answers),
            Err((session_id, error_code)) => {
                FetchResponse { error_code, session_id, ..Default::default() }
            }
        }
    }

    fn note_follower_positions(
        &mut self,
        fetch: &DelayedFetch,
        outcome: &mut FetchOutcome,
        now: Time,
    ) {
        let follower = fetch.params.replica_id;
        for ((id, result), (_, wanted)) in outcome.results.iter_mut().zip(fetch.interesting()) {
            let Ok(info) = result else { continue };
            if info.diverging_epoch.is_some() {
                continue;
            }
            let Some(partition) = self.partitions.get_mut(id) else { continue };
            let is_known = partition.update_follower_fetch_state(
                follower,
                wanted.fetch_offset,
                wanted.log_start_offset,
                now,
                &mut self.changes,
            );
            if !is_known {
                let text = format!(
                    "[ReplicaManager broker={}] Leader {} failed to record follower {follower}'s position {}, and last sent HW since the replica is not recognized to be one of the assigned replicas for partition {id}. Empty records will be returned for this partition.",
                    self.config.broker_id, self.config.broker_id, wanted.fetch_offset
                );
                self.changes.log(LogLevel::Warn, "kafka.server.ReplicaManager", text);
                info.records = Bytes::new();
            }
        }
    }

    /// Reads every partition of a fetch; the first that has anything gives at least one batch.
    fn read_for(&self, fetch: &DelayedFetch, volume: &Volume, now: Time) -> FetchOutcome {
        let params = &fetch.params;
        let mut left = params.max_bytes;
        let mut at_least_one = true;
        let mut results = Vec::with_capacity(fetch.wanted.len());
        for (id, wanted) in fetch.interesting() {
            let most = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
            let request = ReadRequest {
                fetch_offset: wanted.fetch_offset,
                current_leader_epoch: wanted.current_leader_epoch,
                last_fetched_epoch: wanted.last_fetched_epoch,
                max_bytes: most.min(left),
                at_least_one,
                isolation: params.isolation,
                from_leader_only: params.is_for_leaders_only(),
            };
            let result = match self.partitions.get(id) {
                Some(partition) => {
                    match self.preferred_read_replica(partition, params, &request, now) {
                        Some(replica) => partition.redirect(&request, replica),
                        None => partition.read_records(&request, volume),
                    }
                }
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

    /// The follower in the consumer's rack that has most, if the leader itself is elsewhere.
    ///
    /// In Kafka: `RackAwareReplicaSelector`.
    fn preferred_read_replica(
        &self,
        partition: &Partition,
        params: &FetchParams,
        request: &ReadRequest,
        now: Time,
    ) -> Option<i32> {
        let rack = params.rack.as_deref().filter(|rack| !rack.is_empty())?;
        if params.is_from_follower() || !self.config.rack_aware_replica_selector {
            return None;
        }
        let is_there = |broker: i32| self.racks.get(&broker).is_some_and(|known| known == rack);
        if is_there(self.config.broker_id) {
            return None;
        }
        let candidates = partition.remote_replicas()?.iter().filter(|(id, replica)| {
            let offset = request.fetch_offset;
            let has_offset = replica.log_end_offset >= offset && replica.log_start_offset <= offset;
            has_offset && is_there(**id)
        });
        let best = candidates.max_by_key(|(id, replica)| {
            let behind = now.since(replica.last_caught_up);
            (replica.log_end_offset, std::cmp::Reverse(behind), **id)
        });
        best.map(|(id, _)| *id)
    }

    pub(super) fn complete_delayed_fetch(
        &mut self,
        partition: &TopicPartition,
        volume: &Volume,
        now: Time,
    ) {
        for id in self.delayed_fetch.watching(partition) {
            let Some(fetch) = self.delayed_fetch.get(id) else { continue };
            let outcome = self.read_for(fetch, volume, now);
            if (outcome.is_urgent()
                || self.reads_older_segment(fetch)
                || outcome.bytes() >= fetch.params.min_bytes)
                && let Some(fetch) = self.delayed_fetch.take(id)
            {
                self.complete_fetch(fetch, outcome, now);
            }
        }
    }

    /// Whether what is read ends before the active segment begins: there will not come more of it.
    fn reads_older_segment(&self, fetch: &DelayedFetch) -> bool {
        fetch.interesting().any(|(id, wanted)| {
            let partition = self.partitions.get(id);
            partition.is_some_and(|partition| {
                partition.ends_in_later_segment(wanted.fetch_offset, fetch.params.isolation)
            })
        })
    }

    pub(super) fn expire_delayed_fetches(&mut self, volume: &Volume, now: Time) {
        while let Some(fetch) = self.delayed_fetch.pop_due(now) {
            let outcome = self.read_for(&fetch, volume, now);
            self.complete_fetch(fetch, outcome, now);
        }
    }

    fn complete_fetch(&mut self, fetch: DelayedFetch, outcome: FetchOutcome, now: Time) {
        let token = fetch.params.token;
        let response = self.respond(fetch, outcome, now);
        self.completions.push(Completion::Reply(token, response.into()));
    }
}
