//! What consumers put into the opaque bytes of the group protocol.
//!
//! In Kafka: `ConsumerProtocol`, KIP-429.

use bytes::Bytes;

messages! {
    /// What a consumer tells the group leader: its topics, and from version 1 on what it owns.
    ConsumerProtocolSubscription {
        topics: Vec<String> = 0+;
        user_data: Option<Bytes> = 0+ null 0+;
        owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition> = 1+;
    }

    /// One of the `owned_partitions` in [`ConsumerProtocolSubscription`].
    ConsumerProtocolSubscriptionTopicPartition {
        topic: String = 1+;
        partitions: Vec<i32> = 1+;
    }

    /// What the group leader gives a consumer.
    ConsumerProtocolAssignment {
        assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition> = 0+;
        user_data: Option<Bytes> = 0+ null 0+;
    }

    /// One of the `assigned_partitions` in [`ConsumerProtocolAssignment`].
    ConsumerProtocolAssignmentTopicPartition {
        topic: String = 0+;
        partitions: Vec<i32> = 0+;
    }
}
