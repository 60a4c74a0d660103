//! Produce: appends records to the partitions that this broker leads.
//!
//! In Kafka: `KafkaApis.handleProduceRequest`, `ProduceRequest.validateRecords`.

use super::Handled;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::partition::ProduceError;
use crate::broker::replica_manager::{AppendRequest, AppendTarget, Completion, ReplicaManager};
use crate::cluster::topic_name;
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::batch::{BatchError, RecordBatchView};
use crate::wire::compression::Compression;
use crate::wire::kafka::{AnyResponse, ProduceRequest};
use bytes::Bytes;

/// The client that may write to internal topics (`AdminUtils.AdminClientId`).
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// The first version in which records may be compressed with zstd.
const ZSTD: i16 = 7;

/// Answers, unless it must wait for the in-sync replicas.
pub fn handle(
    context: &RequestContext,
    request: ProduceRequest,
    replicas: &mut ReplicaManager,
    volume: &mut Volume,
    now: Time,
) -> Handled {
    let acks = request.acks;
    let append = AppendRequest {
        target: AppendTarget::Reply(context.token),
        acks,
        timeout: Span::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        records: records_of(context, request, replicas),
    };
    let done = replicas.append_records(append, volume, now);
    let Some(Completion::Reply(_, response)) = done else { return Handled::Later };
    if acks != 0 {
        return Handled::Reply(response);
    }
    // Nobody waits for an answer; a closed connection makes the producer look up its leaders.
    match first_error(&response) {
        Some(error) => Handled::Close(format!(
            "Closing connection due to error during produce request with correlation id from client id {} with ack=0: {error}",
            context.client_id
        )),
        None => Handled::NoReply,
    }
}

/// The records by partition, or why they are refused before they come to a log.
fn records_of(
    context: &RequestContext,
    request: ProduceRequest,
    replicas: &ReplicaManager,
) -> Vec<(TopicPartition, Result<Bytes, ProduceError>)> {
    let (acks, has_transactional_id) = (request.acks, request.transactional_id.is_some());
    let topics = request.topic_data.into_iter();
    let partitions: Vec<(TopicPartition, Bytes)> = topics
        .flat_map(|topic| {
            let name = topic.name;
            topic.partition_data.into_iter().map(move |data| {
                let id = TopicPartition::new(name.clone(), data.index);
                (id, data.records.unwrap_or_default())
            })
        })
        .collect();
    let is_transactional = partitions.iter().any(|(_, records)| {
        RecordBatchView::first(records).is_ok_and(|batch| batch.is_transactional())
    });
    let check = |id: &TopicPartition, records: &Bytes| {
        if is_transactional && !has_transactional_id {
            Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        } else if !replicas.is_known(id) {
            Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        } else {
            validate(records, context.api_version)?;
            if !(-1..=1).contains(&acks) {
                Err(ErrorCode::INVALID_REQUIRED_ACKS)
            } else if topic_name::is_internal(&id.topic) && context.client_id != ADMIN_CLIENT_ID {
                Err(ErrorCode::INVALID_TOPIC_EXCEPTION)
            } else {
                Ok(())
            }
        }
    };
    partitions
        .into_iter()
        .map(|(id, records)| match check(&id, &records) {
            Ok(()) => (id, Ok(records)),
            Err(code) => (id, Err(ProduceError::from(code))),
        })
        .collect()
}

/// One batch a partition, of the newest format.
fn validate(records: &[u8], version: i16) -> Result<(), ErrorCode> {
    let batch = match RecordBatchView::first(records) {
        Ok(batch) => batch,
        Err(BatchError::UnsupportedMagic(_)) => return Err(ErrorCode::INVALID_RECORD),
        Err(_) if records.is_empty() => return Err(ErrorCode::INVALID_RECORD),
        Err(_) => return Err(ErrorCode::CORRUPT_MESSAGE),
    };
    if version < ZSTD && batch.compression() == Compression::Zstd {
        Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE)
    } else if batch.size() < records.len() {
        Err(ErrorCode::INVALID_RECORD)
    } else {
        Ok(())
    }
}

fn first_error(response: &AnyResponse) -> Option<ErrorCode> {
    let AnyResponse::Produce(response) = response else { return None };
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| partition.error_code).find(|error| error.is_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::RecordBatchBuilder;

    #[test]
    fn exactly_one_batch_a_partition_is_taken() {
        let mut builder = RecordBatchBuilder::default();
        builder.append(1_000, None, Some(b"v"), &[]);
        let batch = builder.build();
        assert_eq!(validate(&batch, 9), Ok(()));
        assert_eq!(validate(&[], 9), Err(ErrorCode::INVALID_RECORD));
        assert_eq!(validate(&[&batch[..], &batch[..]].concat(), 9), Err(ErrorCode::INVALID_RECORD));
        assert_eq!(validate(&batch[..batch.len() - 1], 9), Err(ErrorCode::CORRUPT_MESSAGE));
        let mut old = batch.to_vec();
        old[16] = 1;
        assert_eq!(validate(&old, 9), Err(ErrorCode::INVALID_RECORD));
        let mut zstd = batch.to_vec();
        zstd[22] = 4;
        assert_eq!(validate(&zstd, 6), Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE));
        assert_eq!(validate(&zstd, 7), Ok(()));
    }
}
