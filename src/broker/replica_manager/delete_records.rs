//! Deleting the beginning of logs at a client's wish. The answer waits until every living replica
//! begins there.
//!
//! In Kafka: `ReplicaManager.deleteRecords`, `DelayedDeleteRecords`.

use super::{Completion, ReplicaManager};
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::partition::Partition;
use crate::cluster::topic_name;
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// A wish to delete records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteRecordsParams {
    /// Names the request.
    pub token: RequestToken,
    /// How long to wait for the other replicas.
    pub timeout: Span,
    /// Where logs should begin, −1 for their high watermark, in the order of the request.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// How it stands with one partition.
#[derive(Clone, Debug)]
struct PartitionDelete {
    partition: TopicPartition,
    /// Set while a replica begins below this offset.
    required: Option<i64>,
    outcome: Result<i64, ErrorCode>,
}

/// A deletion that waits.
#[derive(Clone, Debug)]
pub(super) struct DelayedDeleteRecords {
    token: RequestToken,
    deletes: Vec<PartitionDelete>,
}

impl DelayedDeleteRecords {
    pub(super) fn describe(&self) -> String {
        let waits = self.deletes.iter().filter_map(|delete| {
            delete.required.map(|offset| format!("{}@{offset}", delete.partition))
        });
        format!("low watermark of {}", waits.collect::<Vec<_>>().join(", "))
    }

    /// Looks at every partition again; true when none waits any more.
    fn advance<'a>(
        &mut self,
        partition: impl Fn(&TopicPartition) -> Option<&'a Partition>,
        is_alive: impl Fn(i32) -> bool,
    ) -> bool {
        for delete in &mut self.deletes {
            let Some(required) = delete.required else { continue };
            let low = partition(&delete.partition).and_then(|one| one.low_watermark(&is_alive));
            match low {
                Some(low) if low < required => continue,
                Some(low) => delete.outcome = Ok(low),
                None => delete.outcome = Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            }
            delete.required = None;
        }
        self.deletes.iter().all(|delete| delete.required.is_none())
    }

    fn into_response(self) -> DeleteRecordsResponse {
        let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
        for PartitionDelete { partition: id, outcome, .. } in self.deletes {
            if topics.last().is_none_or(|last| last.name != id.topic) {
                topics.push(DeleteRecordsTopicResult { name: id.topic, partitions: Vec::new() });
            }
            let result = DeleteRecordsPartitionResult {
                partition_index: id.partition,
                low_watermark: outcome.unwrap_or(-1),
                error_code: outcome.err().unwrap_or(ErrorCode::NONE),
            };
            if let Some(last) = topics.last_mut() {
                last.partitions.push(result);
            }
        }
        DeleteRecordsResponse { throttle_time_ms: 0, topics }
    }
}

impl ReplicaManager {
    /// Deletes what is below the wanted offsets; the answer comes later when other replicas still
    /// have it.
    pub fn delete_records(
        &mut self,
        params: DeleteRecordsParams,
        volume: &mut Volume,
        now: Time,
    ) -> Option<DeleteRecordsResponse> {
        let DeleteRecordsParams { token, timeout, offsets } = params;
        let deletes = offsets.into_iter().map(|(id, offset)| {
            let outcome = self.delete_records_of(&id, offset, volume);
            PartitionDelete { partition: id, required: outcome.ok(), outcome }
        });
        let mut delayed = DelayedDeleteRecords { token, deletes: deletes.collect() };
        let (partitions, live) = (&self.partitions, &self.live_brokers);
        if delayed.advance(|id| partitions.get(id), |broker| live.contains(&broker)) {
            return Some(delayed.into_response());
        }
        let keys: Vec<TopicPartition> =
            delayed.deletes.iter().map(|delete| delete.partition.clone()).collect();
        self.delayed_delete_records.park(delayed, keys, now + timeout);
        None
    }

    fn delete_records_of(
        &mut self,
        id: &TopicPartition,
        offset: i64,
        volume: &mut Volume,
    ) -> Result<i64, ErrorCode> {
        if topic_name::is_internal(&id.topic) {
            return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        let missing = self.missing_error(id);
        let partition = self.partitions.get_mut(id).ok_or(missing)?;
        partition.delete_records_on_leader(offset, volume, &mut self.changes)
    }

    pub(super) fn complete_delayed_delete_records(&mut self, partition: &TopicPartition) {
        for id in self.delayed_delete_records.watching(partition) {
            let (partitions, live) = (&self.partitions, &self.live_brokers);
            let done = self.delayed_delete_records.get_mut(id).is_some_and(|delayed| {
                delayed.advance(|id| partitions.get(id), |broker| live.contains(&broker))
            });
            if done && let Some(delayed) = self.delayed_delete_records.take(id) {
                self.completions.push(reply(delayed));
            }
        }
    }

    pub(super) fn expire_delayed_delete_records(&mut self, now: Time) {
        while let Some(mut delayed) = self.delayed_delete_records.pop_due(now) {
            for delete in &mut delayed.deletes {
                if delete.required.take().is_some() {
                    delete.outcome = Err(ErrorCode::REQUEST_TIMED_OUT);
                }
            }
            self.completions.push(reply(delayed));
        }
    }
}

fn reply(delayed: DelayedDeleteRecords) -> Completion {
    Completion::Reply(delayed.token, delayed.into_response().into())
}
