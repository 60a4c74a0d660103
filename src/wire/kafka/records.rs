//! Writing, reading and finding records.
//!
//! In Kafka: the schemas of Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords in
//! `clients/src/main/resources/common/message`.

use bytes::Bytes;

use super::contents;
use crate::wire::ErrorCode;

messages! {
    /// Appends record batches to partitions; acks tell how many replicas must have them first.
    ProduceRequest {
        transactional_id: Option<String> = 3+ null 3+;
        acks: i16 = 0+;
        timeout_ms: i32 = 0+;
        topic_data: Vec<TopicProduceData> = 0+;
    }

    /// One of the `topic_data` in [`ProduceRequest`].
    TopicProduceData {
        name: String = 0+;
        partition_data: Vec<PartitionProduceData> = 0+;
    }

    /// One of the `partition_data` in [`TopicProduceData`].
    PartitionProduceData {
        index: i32 = 0+;
        records: Option<Bytes> = 0+ null 0+ holds contents::record_batches;
    }

    /// Offset or error of each batch appended.
    ProduceResponse {
        responses: Vec<TopicProduceResponse> = 0+;
        throttle_time_ms: i32 = 1+;
    }

    /// One of the `responses` in [`ProduceResponse`].
    TopicProduceResponse {
        name: String = 0+;
        partition_responses: Vec<PartitionProduceResponse> = 0+;
    }

    /// One of the `partition_responses` in [`TopicProduceResponse`].
    PartitionProduceResponse {
        index: i32 = 0+;
        error_code: ErrorCode = 0+;
        base_offset: i64 = 0+;
        log_append_time_ms: i64 = 2+ default -1;
        log_start_offset: i64 = 5+ default -1;
        record_errors: Vec<BatchIndexAndErrorMessage> = 8+;
        error_message: Option<String> = 8+ null 8+;
    }

    /// One of the `record_errors` in [`PartitionProduceResponse`].
    BatchIndexAndErrorMessage {
        batch_index: i32 = 8+;
        batch_index_error_message: Option<String> = 8+ null 8+;
    }

    /// Reads record batches from an offset on: consumers up to the high watermark, followers to
    /// the end.
    FetchRequest {
        cluster_id: Option<String> = 12+ null 12+ tag 0;
        replica_id: i32 = 0+;
        max_wait_ms: i32 = 0+;
        min_bytes: i32 = 0+;
        max_bytes: i32 = 3+ default 0x7fff_ffff;
        isolation_level: i8 = 4+;
        session_id: i32 = 7+;
        session_epoch: i32 = 7+ default -1;
        topics: Vec<FetchTopic> = 0+;
        forgotten_topics_data: Vec<ForgottenTopic> = 7+;
        rack_id: String = 11+;
    }

    /// One of the `topics` in [`FetchRequest`].
    FetchTopic {
        topic: String = 0+;
        partitions: Vec<FetchPartition> = 0+;
    }

    /// One of the `partitions` in [`FetchTopic`].
    FetchPartition {
        partition: i32 = 0+;
        current_leader_epoch: i32 = 9+ default -1;
        fetch_offset: i64 = 0+;
        last_fetched_epoch: i32 = 12+ default -1;
        log_start_offset: i64 = 5+ default -1;
        partition_max_bytes: i32 = 0+;
    }

    /// One of the `forgotten_topics_data` in [`FetchRequest`].
    ForgottenTopic {
        topic: String = 7+;
        partitions: Vec<i32> = 7+;
    }

    /// Record batches, high watermark and errors of each partition fetched.
    FetchResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 7+;
        session_id: i32 = 7+;
        responses: Vec<FetchableTopicResponse> = 0+;
    }

    /// One of the `responses` in [`FetchResponse`].
    FetchableTopicResponse {
        topic: String = 0+;
        partition_responses: Vec<FetchablePartitionResponse> = 0+;
    }

    /// One of the `partition_responses` in [`FetchableTopicResponse`].
    FetchablePartitionResponse {
        partition: i32 = 0+;
        error_code: ErrorCode = 0+;
        high_watermark: i64 = 0+;
        last_stable_offset: i64 = 4+ default -1;
        log_start_offset: i64 = 5+ default -1;
        diverging_epoch: FetchResponseEpochEndOffset = 12+ tag 0;
        current_leader: LeaderIdAndEpoch = 12+ tag 1;
        snapshot_id: SnapshotId = 12+ tag 2;
        aborted_transactions: Option<Vec<AbortedTransaction>> = 4+ null 4+;
        preferred_read_replica: i32 = 11+ default -1;
        record_set: Option<Bytes> = 0+ null 0+ holds contents::record_batches;
    }

    /// The `diverging_epoch` in [`FetchablePartitionResponse`].
    FetchResponseEpochEndOffset {
        epoch: i32 = 12+ default -1;
        end_offset: i64 = 12+ default -1;
    }

    /// The `current_leader` in [`FetchablePartitionResponse`].
    LeaderIdAndEpoch {
        leader_id: i32 = 12+ default -1;
        leader_epoch: i32 = 12+ default -1;
    }

    /// The `snapshot_id` in [`FetchablePartitionResponse`].
    SnapshotId {
        end_offset: i64 = 0+ default -1;
        epoch: i32 = 0+ default -1;
    }

    /// One of the `aborted_transactions` in [`FetchablePartitionResponse`].
    AbortedTransaction {
        producer_id: i64 = 4+;
        first_offset: i64 = 4+;
    }

    /// Asks for the earliest (-2) or latest (-1) offset, or the first at or after a timestamp.
    ListOffsetsRequest {
        replica_id: i32 = 0+;
        isolation_level: i8 = 2+;
        topics: Vec<ListOffsetsTopic> = 0+;
    }

    /// One of the `topics` in [`ListOffsetsRequest`].
    ListOffsetsTopic {
        name: String = 0+;
        partitions: Vec<ListOffsetsPartition> = 0+;
    }

    /// One of the `partitions` in [`ListOffsetsTopic`].
    ListOffsetsPartition {
        partition_index: i32 = 0+;
        current_leader_epoch: i32 = 4+ default -1;
        timestamp: i64 = 0+;
        max_num_offsets: i32 = 0-0 default 1;
    }

    /// The offset found in each partition.
    ListOffsetsResponse {
        throttle_time_ms: i32 = 2+;
        topics: Vec<ListOffsetsTopicResponse> = 0+;
    }

    /// One of the `topics` in [`ListOffsetsResponse`].
    ListOffsetsTopicResponse {
        name: String = 0+;
        partitions: Vec<ListOffsetsPartitionResponse> = 0+;
    }

    /// One of the `partitions` in [`ListOffsetsTopicResponse`].
    ListOffsetsPartitionResponse {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
        old_style_offsets: Vec<i64> = 0-0;
        timestamp: i64 = 1+ default -1;
        offset: i64 = 1+ default -1;
        leader_epoch: i32 = 4+ default -1;
    }

    /// Asks where the log of a leader epoch ends, to find where logs diverge.
    OffsetForLeaderEpochRequest {
        replica_id: i32 = 3+ default -2;
        topics: Vec<OffsetForLeaderTopic> = 0+;
    }

    /// One of the `topics` in [`OffsetForLeaderEpochRequest`].
    OffsetForLeaderTopic {
        topic: String = 0+;
        partitions: Vec<OffsetForLeaderPartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetForLeaderTopic`].
    OffsetForLeaderPartition {
        partition: i32 = 0+;
        current_leader_epoch: i32 = 2+ default -1;
        leader_epoch: i32 = 0+;
    }

    /// The end offset of each epoch asked for.
    OffsetForLeaderEpochResponse {
        throttle_time_ms: i32 = 2+;
        topics: Vec<OffsetForLeaderTopicResult> = 0+;
    }

    /// One of the `topics` in [`OffsetForLeaderEpochResponse`].
    OffsetForLeaderTopicResult {
        topic: String = 0+;
        partitions: Vec<OffsetForLeaderEpochResponseEpochEndOffset> = 0+;
    }

    /// One of the `partitions` in [`OffsetForLeaderTopicResult`].
    OffsetForLeaderEpochResponseEpochEndOffset {
        error_code: ErrorCode = 0+;
        partition: i32 = 0+;
        leader_epoch: i32 = 1+ default -1;
        end_offset: i64 = 0+ default -1;
    }

    /// Moves the log start offset forward.
    DeleteRecordsRequest {
        topics: Vec<DeleteRecordsTopic> = 0+;
        timeout_ms: i32 = 0+;
    }

    /// One of the `topics` in [`DeleteRecordsRequest`].
    DeleteRecordsTopic {
        name: String = 0+;
        partitions: Vec<DeleteRecordsPartition> = 0+;
    }

    /// One of the `partitions` in [`DeleteRecordsTopic`].
    DeleteRecordsPartition {
        partition_index: i32 = 0+;
        offset: i64 = 0+;
    }

    /// The new log start offset of each partition.
    DeleteRecordsResponse {
        throttle_time_ms: i32 = 0+;
        topics: Vec<DeleteRecordsTopicResult> = 0+;
    }

    /// One of the `topics` in [`DeleteRecordsResponse`].
    DeleteRecordsTopicResult {
        name: String = 0+;
        partitions: Vec<DeleteRecordsPartitionResult> = 0+;
    }

    /// One of the `partitions` in [`DeleteRecordsTopicResult`].
    DeleteRecordsPartitionResult {
        partition_index: i32 = 0+;
        low_watermark: i64 = 0+;
        error_code: ErrorCode = 0+;
    }
}
