//! DeleteRecords: lets partitions that this broker leads begin later.
//!
//! In Kafka: `KafkaApis.handleDeleteRecordsRequest`.

use super::Handled;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::replica_manager::{DeleteRecordsParams, ReplicaManager};
use crate::disk::Volume;
use crate::wire::kafka::DeleteRecordsRequest;

/// Answers, unless it must wait for the other replicas.
pub fn handle(
    context: &RequestContext,
    request: DeleteRecordsRequest,
    replicas: &mut ReplicaManager,
    volume: &mut Volume,
    now: Time,
) -> Handled {
    let offsets = request.topics.into_iter().flat_map(|topic| {
        let name = topic.name;
        topic.partitions.into_iter().map(move |wanted| {
            (TopicPartition::new(name.clone(), wanted.partition_index), wanted.offset)
        })
    });
    let params = DeleteRecordsParams {
        token: context.token,
        timeout: Span::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        offsets: offsets.collect(),
    };
    replicas.delete_records(params, volume, now).map_or(Handled::Later, Handled::from)
}
