//! Idempotent and transactional producers (KIP-98).
//!
//! In Kafka: the schemas of InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn,
//! WriteTxnMarkers, TxnOffsetCommit, DescribeProducers in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Asks for a producer id and epoch, for idempotence or a transactional id.
    InitProducerIdRequest {
        transactional_id: Option<String> = 0+ null 0+;
        transaction_timeout_ms: i32 = 0+;
        producer_id: i64 = 3+ default -1;
        producer_epoch: i16 = 3+ default -1;
    }

    /// The producer id and epoch.
    InitProducerIdResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        producer_id: i64 = 0+ default -1;
        producer_epoch: i16 = 0+;
    }

    /// Adds partitions to a transaction before they are written to.
    AddPartitionsToTxnRequest {
        transactional_id: String = 0+;
        producer_id: i64 = 0+;
        producer_epoch: i16 = 0+;
        topics: Vec<AddPartitionsToTxnTopic> = 0+;
    }

    /// One of the `topics` in [`AddPartitionsToTxnRequest`].
    AddPartitionsToTxnTopic {
        name: String = 0+;
        partitions: Vec<i32> = 0+;
    }

    /// The outcome for each partition.
    AddPartitionsToTxnResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<AddPartitionsToTxnTopicResult> = 0+;
    }

    /// One of the `results` in [`AddPartitionsToTxnResponse`].
    AddPartitionsToTxnTopicResult {
        name: String = 0+;
        results: Vec<AddPartitionsToTxnPartitionResult> = 0+;
    }

    /// One of the `results` in [`AddPartitionsToTxnTopicResult`].
    AddPartitionsToTxnPartitionResult {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Adds the offsets partition of a group to a transaction.
    AddOffsetsToTxnRequest {
        transactional_id: String = 0+;
        producer_id: i64 = 0+;
        producer_epoch: i16 = 0+;
        group_id: String = 0+;
    }

    /// The outcome.
    AddOffsetsToTxnResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Commits or aborts a transaction.
    EndTxnRequest {
        transactional_id: String = 0+;
        producer_id: i64 = 0+;
        producer_epoch: i16 = 0+;
        committed: bool = 0+;
    }

    /// The outcome.
    EndTxnResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Coordinator to broker: write commit or abort markers.
    WriteTxnMarkersRequest {
        markers: Vec<WritableTxnMarker> = 0+;
    }

    /// One of the `markers` in [`WriteTxnMarkersRequest`].
    WritableTxnMarker {
        producer_id: i64 = 0+;
        producer_epoch: i16 = 0+;
        transaction_result: bool = 0+;
        topics: Vec<WritableTxnMarkerTopic> = 0+;
        coordinator_epoch: i32 = 0+;
    }

    /// One of the `topics` in [`WritableTxnMarker`].
    WritableTxnMarkerTopic {
        name: String = 0+;
        partition_indexes: Vec<i32> = 0+;
    }

    /// The outcome for each partition.
    WriteTxnMarkersResponse {
        markers: Vec<WritableTxnMarkerResult> = 0+;
    }

    /// One of the `markers` in [`WriteTxnMarkersResponse`].
    WritableTxnMarkerResult {
        producer_id: i64 = 0+;
        topics: Vec<WritableTxnMarkerTopicResult> = 0+;
    }

    /// One of the `topics` in [`WritableTxnMarkerResult`].
    WritableTxnMarkerTopicResult {
        name: String = 0+;
        partitions: Vec<WritableTxnMarkerPartitionResult> = 0+;
    }

    /// One of the `partitions` in [`WritableTxnMarkerTopicResult`].
    WritableTxnMarkerPartitionResult {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Commits offsets as part of a transaction.
    TxnOffsetCommitRequest {
        transactional_id: String = 0+;
        group_id: String = 0+;
        producer_id: i64 = 0+;
        producer_epoch: i16 = 0+;
        generation_id: i32 = 3+ default -1;
        member_id: String = 3+;
        group_instance_id: Option<String> = 3+ null 3+;
        topics: Vec<TxnOffsetCommitRequestTopic> = 0+;
    }

    /// One of the `topics` in [`TxnOffsetCommitRequest`].
    TxnOffsetCommitRequestTopic {
        name: String = 0+;
        partitions: Vec<TxnOffsetCommitRequestPartition> = 0+;
    }

    /// One of the `partitions` in [`TxnOffsetCommitRequestTopic`].
    TxnOffsetCommitRequestPartition {
        partition_index: i32 = 0+;
        committed_offset: i64 = 0+;
        committed_leader_epoch: i32 = 2+ default -1;
        committed_metadata: Option<String> = 0+ null 0+;
    }

    /// The outcome for each partition.
    TxnOffsetCommitResponse {
        throttle_time_ms: i32 = 0+;
        topics: Vec<TxnOffsetCommitResponseTopic> = 0+;
    }

    /// One of the `topics` in [`TxnOffsetCommitResponse`].
    TxnOffsetCommitResponseTopic {
        name: String = 0+;
        partitions: Vec<TxnOffsetCommitResponsePartition> = 0+;
    }

    /// One of the `partitions` in [`TxnOffsetCommitResponseTopic`].
    TxnOffsetCommitResponsePartition {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Asks a leader for the producers that are active in its partitions.
    DescribeProducersRequest {
        topics: Vec<TopicRequest> = 0+;
    }

    /// One of the `topics` in [`DescribeProducersRequest`].
    TopicRequest {
        name: String = 0+;
        partition_indexes: Vec<i32> = 0+;
    }

    /// The active producers of each partition.
    DescribeProducersResponse {
        throttle_time_ms: i32 = 0+;
        topics: Vec<TopicResponse> = 0+;
    }

    /// One of the `topics` in [`DescribeProducersResponse`].
    TopicResponse {
        name: String = 0+;
        partitions: Vec<PartitionResponse> = 0+;
    }

    /// One of the `partitions` in [`TopicResponse`].
    PartitionResponse {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        active_producers: Vec<ProducerState> = 0+;
    }

    /// One of the `active_producers` in [`PartitionResponse`].
    ProducerState {
        producer_id: i64 = 0+;
        producer_epoch: i32 = 0+;
        last_sequence: i32 = 0+ default -1;
        last_timestamp: i64 = 0+ default -1;
        coordinator_epoch: i32 = 0+;
        current_txn_start_offset: i64 = 0+ default -1;
    }
}
