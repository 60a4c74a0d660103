//! Keys and values of `__consumer_offsets` and `__transaction_state`.
//!
//! In Kafka: `GroupMetadataManager`, `TransactionLog`,
//! `core/src/main/resources/common/message`.

use bytes::Bytes;

use super::contents;

messages! {
    /// Key of a committed offset; versions 0 and 1.
    OffsetCommitKey {
        group: String = 0-1;
        topic: String = 0-1;
        partition: i32 = 0-1;
    }

    /// A committed offset; a tombstone instead of it means that it expired or was deleted.
    OffsetCommitValue {
        offset: i64 = 0+;
        leader_epoch: i32 = 3+ default -1;
        metadata: String = 0+;
        commit_timestamp: i64 = 0+;
        expire_timestamp: i64 = 1-1 default -1;
    }

    /// Key of a group's metadata; version 2.
    GroupMetadataKey {
        group: String = 2-2;
    }

    /// A group with its members after a rebalance.
    GroupMetadataValue {
        protocol_type: String = 0+;
        generation: i32 = 0+;
        protocol: Option<String> = 0+ null 0+;
        leader: Option<String> = 0+ null 0+;
        current_state_timestamp: i64 = 2+ default -1;
        members: Vec<MemberMetadata> = 0+;
    }

    /// One of the `members` in [`GroupMetadataValue`].
    MemberMetadata {
        member_id: String = 0+;
        group_instance_id: Option<String> = 3+ null 3+;
        client_id: String = 0+;
        client_host: String = 0+;
        rebalance_timeout: i32 = 1+;
        session_timeout: i32 = 0+;
        subscription: Bytes = 0+ holds contents::subscription;
        assignment: Bytes = 0+ holds contents::assignment;
    }

    /// Key of a transaction; version 0.
    TransactionLogKey {
        transactional_id: String = 0-0;
    }

    /// State of a transaction.
    TransactionLogValue {
        producer_id: i64 = 0-0;
        producer_epoch: i16 = 0-0;
        transaction_timeout_ms: i32 = 0-0;
        transaction_status: i8 = 0-0;
        transaction_partitions: Option<Vec<PartitionsSchema>> = 0-0 null 0+;
        transaction_last_update_timestamp_ms: i64 = 0-0;
        transaction_start_timestamp_ms: i64 = 0-0;
    }

    /// One of the `transaction_partitions` in [`TransactionLogValue`].
    PartitionsSchema {
        topic: String = 0-0;
        partition_ids: Vec<i32> = 0-0;
    }
}
