//! ListOffsets: the first or last offset of a partition, or the first at or after a timestamp.
//!
//! In Kafka: `KafkaApis.handleListOffsetRequest`.

use crate::base::TopicPartition;
use crate::broker::partition::{FetchIsolation, Partition};
use crate::broker::replica_manager::ReplicaManager;
use crate::disk::Volume;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

/// The replica id of a client.
const CONSUMER: i32 = -1;
/// Isolation level of a consumer that reads committed records only.
const READ_COMMITTED: i8 = 1;
/// A client that debugs may ask any replica.
const DEBUGGING_CONSUMER: i32 = -2;

/// The first version that knows OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE_SINCE: i16 = 5;

/// Answers.
pub fn handle(
    request: ListOffsetsRequest,
    version: i16,
    replicas: &ReplicaManager,
    volume: &Volume,
) -> ListOffsetsResponse {
    let replica_id = request.replica_id;
    let isolation = match request.isolation_level {
        _ if replica_id != CONSUMER => FetchIsolation::LogEnd,
        READ_COMMITTED => FetchIsolation::TxnCommitted,
        _ => FetchIsolation::HighWatermark,
    };
    let topics = request.topics.into_iter().map(|topic| {
        let answers = topic.partitions.iter().map(|wanted| {
            let id = TopicPartition::new(&topic.name, wanted.partition_index);
            let partition = replicas.partition(&id).ok_or_else(|| replicas.missing_error(&id));
            answer(partition, wanted, (replica_id, isolation), version, volume)
        });
        let partitions = answers.collect();
        ListOffsetsTopicResponse { name: topic.name, partitions }
    });
    ListOffsetsResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn answer(
    partition: Result<&Partition, ErrorCode>,
    wanted: &ListOffsetsPartition,
    (replica_id, isolation): (i32, FetchIsolation),
    version: i16,
    volume: &Volume,
) -> ListOffsetsPartitionResponse {
    let partition_index = wanted.partition_index;
    let found = partition.and_then(|partition| {
        let lead = replica_id != DEBUGGING_CONSUMER;
        partition.check_access(wanted.current_leader_epoch, lead)?;
        partition.offset_for_timestamp(wanted.timestamp, isolation, volume)
    });
    let mut answer = ListOffsetsPartitionResponse { partition_index, ..Default::default() };
    match found {
        Ok((offset, _, _)) if version == 0 => {
            answer.old_style_offsets.extend((offset >= 0).then_some(offset));
        }
        Ok((offset, timestamp, leader_epoch)) => {
            answer.offset = offset;
            answer.timestamp = timestamp;
            answer.leader_epoch = leader_epoch;
        }
        // Clients of that time know no better error.
        Err(ErrorCode::OFFSET_NOT_AVAILABLE) if version < OFFSET_NOT_AVAILABLE_SINCE => {
            answer.error_code = ErrorCode::LEADER_NOT_AVAILABLE;
        }
        Err(error) => answer.error_code = error,
    }
    answer
}
