//! Fetch: reads for consumers and followers.
//!
//! In Kafka: `KafkaApis.handleFetchRequest`.

use super::Handled;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::fetch_session::SessionRequest;
use crate::broker::partition::FetchIsolation;
use crate::broker::replica_manager::{FetchParams, ReplicaManager};
use crate::disk::Volume;
use crate::wire::kafka::FetchRequest;

/// The first version in which a consumer says where it is, and may so be answered by a follower.
const RACK_AWARE: i16 = 11;
/// Isolation level of a consumer that reads committed records only.
const READ_COMMITTED: i8 = 1;
/// A consumer, also one that debugs (−2); replicas in the making (−3) and brokers are none.
const LEAST_CONSUMER_ID: i32 = -2;

/// Answers, unless it must wait for enough bytes.
pub fn handle(
    context: &RequestContext,
    request: FetchRequest,
    fetch_max_bytes: i32,
    replicas: &mut ReplicaManager,
    volume: &Volume,
    now: Time,
) -> Handled {
    let is_follower = request.replica_id >= 0;
    let is_consumer = !is_follower && request.replica_id >= LEAST_CONSUMER_ID;
    let max_bytes = request.max_bytes.min(fetch_max_bytes);
    let params = FetchParams {
        token: context.token,
        replica_id: request.replica_id,
        isolation: match request.isolation_level {
            _ if !is_consumer => FetchIsolation::LogEnd,
            READ_COMMITTED => FetchIsolation::TxnCommitted,
            _ => FetchIsolation::HighWatermark,
        },
        rack: (!is_follower && context.api_version >= RACK_AWARE).then_some(request.rack_id),
        max_wait: Span::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        min_bytes: usize::try_from(request.min_bytes.min(max_bytes)).unwrap_or(0),
        max_bytes: usize::try_from(max_bytes).unwrap_or(0),
    };
    let wanted = request.topics.into_iter().flat_map(|topic| {
        let name = topic.topic;
        let partitions = topic.partitions.into_iter();
        partitions.map(move |wanted| (TopicPartition::new(name.clone(), wanted.partition), wanted))
    });
    let forgotten = request.forgotten_topics_data.into_iter().flat_map(|topic| {
        let name = topic.topic;
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| TopicPartition::new(name.clone(), partition))
    });
    let session = SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        wanted: wanted.collect(),
        forgotten: forgotten.collect(),
        is_follower,
    };
    replicas.fetch_messages(params, session, volume, now).map_or(Handled::Later, Handled::from)
}
