//! Fetch: reads for consumers and followers.
//!
//! In Kafka: `KafkaApis.handleFetchRequest`. Every answer is sessionless (KIP-227 lets a broker
//! refuse a session by giving it the id 0).

use super::Handled;
use crate::base::{Span, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::replica_manager::{FetchParams, ReplicaManager};
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{FetchRequest, FetchResponse};

/// Session epoch of a request that has no session and wants none.
const FINAL_EPOCH: i32 = -1;
/// The first version in which a consumer says where it is, and may so be answered by a follower.
const RACK_AWARE: i16 = 11;

/// Answers, unless it must wait for enough bytes.
pub fn handle(
    context: &RequestContext,
    request: FetchRequest,
    replicas: &mut ReplicaManager,
    volume: &Volume,
    now: Time,
) -> Handled {
    // Of a session that was never given out only a previous broker can have told.
    if request.session_id != 0 && request.session_epoch > 0 {
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
        return FetchResponse { error_code, ..Default::default() }.into();
    }
    if request.session_id != 0 && request.session_epoch == FINAL_EPOCH {
        return FetchResponse::default().into();
    }
    let is_follower = request.replica_id >= 0;
    let partitions = request
        .topics
        .into_iter()
        .flat_map(|topic| {
            let name = topic.topic;
            let partitions = topic.partitions.into_iter();
            partitions
                .map(move |wanted| (TopicPartition::new(name.clone(), wanted.partition), wanted))
        })
        .collect();
    let params = FetchParams {
        token: context.token,
        replica_id: request.replica_id,
        from_leader_only: is_follower || context.api_version < RACK_AWARE,
        max_wait: Span::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        min_bytes: usize::try_from(request.min_bytes.min(request.max_bytes)).unwrap_or(0),
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0),
        partitions,
    };
    replicas.fetch_messages(params, volume, now).map_or(Handled::Later, Handled::from)
}
