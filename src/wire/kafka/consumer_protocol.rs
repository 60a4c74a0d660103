//! What consumers put into the opaque bytes of the group protocol.
//!
//! In Kafka: `ConsumerProtocol`, KIP-429, and the schemas in `StickyAssignor` and
//! `CooperativeStickyAssignor`.

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

    /// What a member with the sticky assignor tells the leader of its last assignment.
    StickyAssignorUserData {
        previous_assignment: Vec<StickyAssignorUserDataTopic> = 0+;
        generation: i32 = 1+;
    }

    /// One of the `previous_assignment` in [`StickyAssignorUserData`].
    StickyAssignorUserDataTopic {
        topic: String = 0+;
        partitions: Vec<i32> = 0+;
    }

    /// What a member with the cooperative sticky assignor tells the leader.
    CooperativeStickyAssignorUserData {
        generation: i32 = 0+;
    }
}
