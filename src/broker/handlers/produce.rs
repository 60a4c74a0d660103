//! Produce: appends records to the partitions that this broker leads.
//!
//! In Kafka: `KafkaApis.handleProduceRequest`.

use super::Handled;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::partition::ProduceError;
use crate::broker::replica_manager::{AppendRequest, AppendTarget, Completion, ReplicaManager};
use crate::cluster::topic_name;
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{AnyResponse, ProduceRequest};
use bytes::Bytes;

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
        records: records_of(request),
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

fn records_of(request: ProduceRequest) -> Vec<(TopicPartition, Result<Bytes, ProduceError>)> {
    let acks = request.acks;
    let topics = request.topic_data.into_iter();
    let partitions = topics.flat_map(|topic| {
        let name = topic.name;
        topic.partition_data.into_iter().map(move |data| {
            let id = TopicPartition::new(name.clone(), data.index);
            (id, data.records.unwrap_or_default())
        })
    });
    partitions
        .map(|(id, records)| {
            let records = match check(&id, acks) {
                Ok(()) => Ok(records),
                Err(code) => Err(ProduceError::from(code)),
            };
            (id, records)
        })
        .collect()
}

fn check(id: &TopicPartition, acks: i16) -> Result<(), ErrorCode> {
    if !(-1..=1).contains(&acks) {
        Err(ErrorCode::INVALID_REQUIRED_ACKS)
    } else if topic_name::is_internal(&id.topic) {
        // Only coordinators write to internal topics (clients other than __admin_client).
        Err(ErrorCode::INVALID_TOPIC_EXCEPTION)
    } else {
        Ok(())
    }
}

fn first_error(response: &AnyResponse) -> Option<ErrorCode> {
    let AnyResponse::Produce(response) = response else { return None };
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| partition.error_code).find(|error| error.is_error())
}
