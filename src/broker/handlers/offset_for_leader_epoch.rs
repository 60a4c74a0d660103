//! OffsetForLeaderEpoch: where the log of a leader epoch ends.
//!
//! In Kafka: `KafkaApis.handleOffsetForLeaderEpochRequest`, KIP-101, KIP-320.

use crate::base::TopicPartition;
use crate::broker::replica_manager::ReplicaManager;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderEpochResponseEpochEndOffset, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

/// Answers.
pub fn handle(
    request: OffsetForLeaderEpochRequest,
    replicas: &ReplicaManager,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let answers = topic.partitions.iter().map(|wanted| {
            answer(replicas, &TopicPartition::new(&topic.topic, wanted.partition), wanted)
        });
        let partitions = answers.collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions }
    });
    OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn answer(
    replicas: &ReplicaManager,
    id: &TopicPartition,
    wanted: &OffsetForLeaderPartition,
) -> OffsetForLeaderEpochResponseEpochEndOffset {
    let partition = replicas.partition(id).ok_or_else(|| replicas.missing_error(id));
    let found = partition.and_then(|partition| {
        partition.last_offset_for_leader_epoch(wanted.current_leader_epoch, wanted.leader_epoch)
    });
    let (error_code, (leader_epoch, end_offset)) = match found {
        Ok(found) => (ErrorCode::NONE, found),
        Err(error) => (error, (-1, -1)),
    };
    OffsetForLeaderEpochResponseEpochEndOffset {
        error_code,
        partition: id.partition,
        leader_epoch,
        end_offset,
    }
}
