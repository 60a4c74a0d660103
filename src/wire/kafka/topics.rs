//! Creating, growing and deleting topics.
//!
//! In Kafka: the schemas of CreateTopics, DeleteTopics, CreatePartitions in
//! `clients/src/main/resources/common/message`.

use crate::wire::{ErrorCode, Uuid};

messages! {
    /// Creates topics, with a replication factor or a manual assignment.
    CreateTopicsRequest {
        topics: Vec<CreatableTopic> = 0+;
        timeout_ms: i32 = 0+ default 60_000;
        validate_only: bool = 1+;
    }

    /// One of the `topics` in [`CreateTopicsRequest`].
    CreatableTopic {
        name: String = 0+;
        num_partitions: i32 = 0+;
        replication_factor: i16 = 0+;
        assignments: Vec<CreatableReplicaAssignment> = 0+;
        configs: Vec<CreateableTopicConfig> = 0+;
    }

    /// One of the `assignments` in [`CreatableTopic`].
    CreatableReplicaAssignment {
        partition_index: i32 = 0+;
        broker_ids: Vec<i32> = 0+;
    }

    /// One of the `configs` in [`CreatableTopic`].
    CreateableTopicConfig {
        name: String = 0+;
        value: Option<String> = 0+ null 0+;
    }

    /// The outcome for each topic.
    CreateTopicsResponse {
        throttle_time_ms: i32 = 2+;
        topics: Vec<CreatableTopicResult> = 0+;
    }

    /// One of the `topics` in [`CreateTopicsResponse`].
    CreatableTopicResult {
        name: String = 0+;
        topic_id: Uuid = 7+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 1+ null 0+;
        topic_config_error_code: ErrorCode = 5+ tag 0;
        num_partitions: i32 = 5+ default -1;
        replication_factor: i16 = 5+ default -1;
        configs: Option<Vec<CreatableTopicConfigs>> = 5+ null 5+;
    }

    /// One of the `configs` in [`CreatableTopicResult`].
    CreatableTopicConfigs {
        name: String = 5+;
        value: Option<String> = 5+ null 5+;
        read_only: bool = 5+;
        config_source: i8 = 5+ default -1;
        is_sensitive: bool = 5+;
    }

    /// Deletes topics by name, from version 6 on also by id.
    DeleteTopicsRequest {
        topics: Vec<DeleteTopicState> = 6+;
        topic_names: Vec<String> = 0-5;
        timeout_ms: i32 = 0+;
    }

    /// One of the `topics` in [`DeleteTopicsRequest`].
    DeleteTopicState {
        name: Option<String> = 6+ null 6+;
        topic_id: Uuid = 6+;
    }

    /// The outcome for each topic.
    DeleteTopicsResponse {
        throttle_time_ms: i32 = 1+;
        responses: Vec<DeletableTopicResult> = 0+;
    }

    /// One of the `responses` in [`DeleteTopicsResponse`].
    DeletableTopicResult {
        name: Option<String> = 0+ null 6+;
        topic_id: Uuid = 6+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 5+ null 5+;
    }

    /// Raises the number of partitions of topics.
    CreatePartitionsRequest {
        topics: Vec<CreatePartitionsTopic> = 0+;
        timeout_ms: i32 = 0+;
        validate_only: bool = 0+;
    }

    /// One of the `topics` in [`CreatePartitionsRequest`].
    CreatePartitionsTopic {
        name: String = 0+;
        count: i32 = 0+;
        assignments: Option<Vec<CreatePartitionsAssignment>> = 0+ null 0+;
    }

    /// One of the `assignments` in [`CreatePartitionsTopic`].
    CreatePartitionsAssignment {
        broker_ids: Vec<i32> = 0+;
    }

    /// The outcome for each topic.
    CreatePartitionsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<CreatePartitionsTopicResult> = 0+;
    }

    /// One of the `results` in [`CreatePartitionsResponse`].
    CreatePartitionsTopicResult {
        name: String = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }
}
