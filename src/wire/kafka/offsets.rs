//! Committed offsets.
//!
//! In Kafka: the schemas of OffsetCommit, OffsetFetch in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Stores how far a group has read.
    OffsetCommitRequest {
        group_id: String = 0+;
        generation_id: i32 = 1+ default -1;
        member_id: String = 1+;
        group_instance_id: Option<String> = 7+ null 7+;
        retention_time_ms: i64 = 2-4 default -1;
        topics: Vec<OffsetCommitRequestTopic> = 0+;
    }

    /// One of the `topics` in [`OffsetCommitRequest`].
    OffsetCommitRequestTopic {
        name: String = 0+;
        partitions: Vec<OffsetCommitRequestPartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetCommitRequestTopic`].
    OffsetCommitRequestPartition {
        partition_index: i32 = 0+;
        committed_offset: i64 = 0+;
        committed_leader_epoch: i32 = 6+ default -1;
        commit_timestamp: i64 = 1-1 default -1;
        committed_metadata: Option<String> = 0+ null 0+;
    }

    /// The outcome for each partition.
    OffsetCommitResponse {
        throttle_time_ms: i32 = 3+;
        topics: Vec<OffsetCommitResponseTopic> = 0+;
    }

    /// One of the `topics` in [`OffsetCommitResponse`].
    OffsetCommitResponseTopic {
        name: String = 0+;
        partitions: Vec<OffsetCommitResponsePartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetCommitResponseTopic`].
    OffsetCommitResponsePartition {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Asks for the committed offsets of a group; null topics mean all (from version 2).
    OffsetFetchRequest {
        group_id: String = 0+;
        topics: Option<Vec<OffsetFetchRequestTopic>> = 0+ null 2+;
        require_stable: bool = 7+;
    }

    /// One of the `topics` in [`OffsetFetchRequest`].
    OffsetFetchRequestTopic {
        name: String = 0+;
        partition_indexes: Vec<i32> = 0+;
    }

    /// The committed offset of each partition, -1 where there is none.
    OffsetFetchResponse {
        throttle_time_ms: i32 = 3+;
        topics: Vec<OffsetFetchResponseTopic> = 0+;
        error_code: ErrorCode = 2+;
    }

    /// One of the `topics` in [`OffsetFetchResponse`].
    OffsetFetchResponseTopic {
        name: String = 0+;
        partitions: Vec<OffsetFetchResponsePartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetFetchResponseTopic`].
    OffsetFetchResponsePartition {
        partition_index: i32 = 0+;
        committed_offset: i64 = 0+;
        committed_leader_epoch: i32 = 5+ default -1;
        metadata: Option<String> = 0+ null 0+;
        error_code: ErrorCode = 0+;
    }
}
