//! Appends for producers and for the group coordinator, and those of them that wait until all
//! in-sync replicas have the records.
//!
//! In Kafka: `ReplicaManager.appendRecords`, `DelayedProduce`.

use super::{Completion, ReplicaManager};
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::partition::{Partition, ProduceError, ProduceProgress};
use crate::disk::Volume;
use crate::log::AppendOrigin;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use bytes::Bytes;

/// Whom to tell how an append ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppendTarget {
    /// A producer's request.
    Reply(RequestToken),
    /// The group coordinator, with its tag.
    Offsets(u64),
}

/// Records for some partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppendRequest {
    /// Whom to tell.
    pub target: AppendTarget,
    /// 0, 1 or −1.
    pub acks: i16,
    /// How long to wait for the in-sync replicas.
    pub timeout: Span,
    /// The records by partition, in the order of the request. An error stands for records that
    /// are refused before they come here.
    pub records: Vec<(TopicPartition, Result<Bytes, ProduceError>)>,
}

/// How the append to one partition stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionAppend {
    /// Which.
    pub partition: TopicPartition,
    /// The base offset, or why nothing was appended or acknowledged.
    pub outcome: Result<i64, ProduceError>,
    /// The timestamp that the log gave the records, −1 when they kept their own.
    pub log_append_time: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Set while the high watermark has not reached this offset.
    required_offset: Option<i64>,
}

/// An append that waits.
#[derive(Clone, Debug)]
pub(super) struct DelayedProduce {
    target: AppendTarget,
    appends: Vec<PartitionAppend>,
}

impl DelayedProduce {
    pub(super) fn describe(&self) -> String {
        let waits = self.appends.iter().filter_map(|append| {
            append.required_offset.map(|offset| format!("{}@{offset}", append.partition))
        });
        format!("high watermark of {}", waits.collect::<Vec<_>>().join(", "))
    }

    /// Looks at every append again; true when none waits any more.
    fn advance<'a>(
        &mut self,
        partition: impl Fn(&TopicPartition) -> Option<&'a Partition>,
    ) -> bool {
        for append in &mut self.appends {
            let Some(required) = append.required_offset else { continue };
            let progress = match partition(&append.partition) {
                Some(partition) => partition.produce_progress(required),
                None => ProduceProgress::Failed(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            };
            match progress {
                ProduceProgress::Waiting => continue,
                ProduceProgress::Committed => {}
                ProduceProgress::Failed(error) => append.outcome = Err(error.into()),
            }
            append.required_offset = None;
        }
        self.appends.iter().all(|append| append.required_offset.is_none())
    }

    fn time_out(&mut self) {
        for append in &mut self.appends {
            if append.required_offset.take().is_some() {
                append.outcome = Err(ErrorCode::REQUEST_TIMED_OUT.into());
            }
        }
    }

    fn complete(self) -> Completion {
        match self.target {
            AppendTarget::Reply(token) => {
                Completion::Reply(token, produce_response(&self.appends).into())
            }
            AppendTarget::Offsets(tag) => {
                let outcome = self.appends.into_iter().next().map(|append| append.outcome);
                let outcome = outcome.unwrap_or(Err(ErrorCode::UNKNOWN_SERVER_ERROR.into()));
                Completion::Offsets(tag, outcome.map_err(|error| error.code))
            }
        }
    }
}

impl ReplicaManager {
    /// Appends to the local logs. With acks=all the answer may come later; otherwise, and when
    /// nothing is left to wait for, it is returned.
    pub fn append_records(
        &mut self,
        request: AppendRequest,
        volume: &mut Volume,
        now: Time,
    ) -> Option<Completion> {
        let AppendRequest { target, acks, timeout, records } = request;
        let origin = match target {
            AppendTarget::Reply(_) => AppendOrigin::Client,
            AppendTarget::Offsets(_) => AppendOrigin::Coordinator,
        };
        let appends = records
            .into_iter()
            .map(|(id, records)| self.append_to(id, records, origin, acks, volume, now))
            .collect();
        let mut delayed = DelayedProduce { target, appends };
        if delayed.advance(|partition| self.partitions.get(partition)) {
            return Some(delayed.complete());
        }
        let keys: Vec<TopicPartition> =
            delayed.appends.iter().map(|append| append.partition.clone()).collect();
        self.delayed_produce.park(delayed, keys, now + timeout);
        None
    }

    fn append_to(
        &mut self,
        id: TopicPartition,
        records: Result<Bytes, ProduceError>,
        origin: AppendOrigin,
        acks: i16,
        volume: &mut Volume,
        now: Time,
    ) -> PartitionAppend {
        let appended = records.and_then(|records| {
            let missing = self.missing_error(&id);
            let partition = self.partitions.get_mut(&id).ok_or(missing)?;
            let changes = &mut self.changes;
            let info =
                partition.append_records_to_leader(&records, origin, acks, volume, now, changes)?;
            Ok((info, partition.log().log_start_offset()))
        });
        match appended {
            Ok((info, log_start_offset)) => PartitionAppend {
                partition: id,
                outcome: Ok(info.base_offset),
                log_append_time: info.log_append_time,
                log_start_offset,
                required_offset: (acks == -1).then_some(info.last_offset + 1),
            },
            Err(error) => {
                let log = self.partitions.get(&id).filter(|_| tells_log_start(error.code));
                PartitionAppend {
                    log_start_offset: log
                        .map_or(-1, |partition| partition.log().log_start_offset()),
                    partition: id,
                    outcome: Err(error),
                    log_append_time: -1,
                    required_offset: None,
                }
            }
        }
    }

    pub(super) fn complete_delayed_produce(&mut self, partition: &TopicPartition) {
        for id in self.delayed_produce.watching(partition) {
            let partitions = &self.partitions;
            let done = self
                .delayed_produce
                .get_mut(id)
                .is_some_and(|delayed| delayed.advance(|partition| partitions.get(partition)));
            if done && let Some(delayed) = self.delayed_produce.take(id) {
                self.completions.push(delayed.complete());
            }
        }
    }

    pub(super) fn expire_delayed_produces(&mut self, now: Time) {
        while let Some(mut delayed) = self.delayed_produce.pop_due(now) {
            delayed.time_out();
            self.completions.push(delayed.complete());
        }
    }
}

/// Whether a refusal says where the log starts: one that is not about where or how large the records are.
///
/// In Kafka: the last case of ReplicaManager.appendToLocalLog.
fn tells_log_start(error: ErrorCode) -> bool {
    !matches!(
        error,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::MESSAGE_TOO_LARGE
            | ErrorCode::RECORD_LIST_TOO_LARGE
            | ErrorCode::CORRUPT_MESSAGE
            | ErrorCode::KAFKA_STORAGE_ERROR
    )
}

/// The answer to a producer, by topic in the order of the request.
fn produce_response(appends: &[PartitionAppend]) -> ProduceResponse {
    let mut responses: Vec<TopicProduceResponse> = Vec::new();
    for append in appends {
        let TopicPartition { topic, partition } = &append.partition;
        if responses.last().is_none_or(|last| last.name != *topic) {
            let (name, partition_responses) = (topic.clone(), Vec::new());
            responses.push(TopicProduceResponse { name, partition_responses });
        }
        let mut answer = PartitionProduceResponse {
            index: *partition,
            base_offset: -1,
            log_start_offset: append.log_start_offset,
            ..Default::default()
        };
        match &append.outcome {
            Ok(base_offset) => {
                answer.base_offset = *base_offset;
                answer.log_append_time_ms = append.log_append_time;
            }
            Err(error) => {
                answer.error_code = error.code;
                // Words go out only where single records are to blame (RecordValidationException).
                if !error.records.is_empty() {
                    answer.error_message.clone_from(&error.message);
                }
                let records = error.records.iter();
                let blamed = records.map(|(index, why)| BatchIndexAndErrorMessage {
                    batch_index: *index,
                    batch_index_error_message: Some(why.clone()),
                });
                answer.record_errors = blamed.collect();
            }
        }
        if let Some(last) = responses.last_mut() {
            last.partition_responses.push(answer);
        }
    }
    ProduceResponse { responses, throttle_time_ms: 0 }
}
