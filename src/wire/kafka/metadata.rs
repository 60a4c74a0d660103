//! Who is who: brokers, topics, versions.
//!
//! In Kafka: the schemas of ApiVersions, Metadata, DescribeCluster in
//! `clients/src/main/resources/common/message`.

use crate::wire::{ErrorCode, Uuid};

messages! {
    /// Asks which versions of each API the broker speaks; the first request of a connection.
    ApiVersionsRequest {
        client_software_name: String = 3+;
        client_software_version: String = 3+;
    }

    /// The version range of each API.
    ApiVersionsResponse {
        error_code: ErrorCode = 0+;
        api_keys: Vec<ApiVersion> = 0+;
        throttle_time_ms: i32 = 1+;
        supported_features: Vec<SupportedFeatureKey> = 3+ tag 0;
        finalized_features_epoch: i64 = 3+ default -1 tag 1;
        finalized_features: Vec<FinalizedFeatureKey> = 3+ tag 2;
    }

    /// One of the `api_keys` in [`ApiVersionsResponse`].
    ApiVersion {
        api_key: i16 = 0+;
        min_version: i16 = 0+;
        max_version: i16 = 0+;
    }

    /// One of the `supported_features` in [`ApiVersionsResponse`].
    SupportedFeatureKey {
        name: String = 3+;
        min_version: i16 = 3+;
        max_version: i16 = 3+;
    }

    /// One of the `finalized_features` in [`ApiVersionsResponse`].
    FinalizedFeatureKey {
        name: String = 3+;
        max_version_level: i16 = 3+;
        min_version_level: i16 = 3+;
    }

    /// Asks for brokers, topics and partition leaders; a null list of topics means all.
    MetadataRequest {
        topics: Option<Vec<MetadataRequestTopic>> = 0+ null 1+;
        allow_auto_topic_creation: bool = 4+ default true;
        include_cluster_authorized_operations: bool = 8-10;
        include_topic_authorized_operations: bool = 8+;
    }

    /// One of the `topics` in [`MetadataRequest`].
    MetadataRequestTopic {
        topic_id: Uuid = 10+;
        name: Option<String> = 0+ null 10+;
    }

    /// The brokers, the controller, and leader, replicas and ISR of each partition.
    MetadataResponse {
        throttle_time_ms: i32 = 3+;
        brokers: Vec<MetadataResponseBroker> = 0+;
        cluster_id: Option<String> = 2+ null 2+;
        controller_id: i32 = 1+ default -1;
        topics: Vec<MetadataResponseTopic> = 0+;
        cluster_authorized_operations: i32 = 8-10 default -2_147_483_648;
    }

    /// One of the `brokers` in [`MetadataResponse`].
    MetadataResponseBroker {
        node_id: i32 = 0+;
        host: String = 0+;
        port: i32 = 0+;
        rack: Option<String> = 1+ null 1+;
    }

    /// One of the `topics` in [`MetadataResponse`].
    MetadataResponseTopic {
        error_code: ErrorCode = 0+;
        name: String = 0+;
        topic_id: Uuid = 10+;
        is_internal: bool = 1+;
        partitions: Vec<MetadataResponsePartition> = 0+;
        topic_authorized_operations: i32 = 8+ default -2_147_483_648;
    }

    /// One of the `partitions` in [`MetadataResponseTopic`].
    MetadataResponsePartition {
        error_code: ErrorCode = 0+;
        partition_index: i32 = 0+;
        leader_id: i32 = 0+;
        leader_epoch: i32 = 7+ default -1;
        replica_nodes: Vec<i32> = 0+;
        isr_nodes: Vec<i32> = 0+;
        offline_replicas: Vec<i32> = 5+;
    }

    /// Asks for the brokers and the controller of the cluster.
    DescribeClusterRequest {
        include_cluster_authorized_operations: bool = 0+;
    }

    /// The brokers and the controller.
    DescribeClusterResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        cluster_id: String = 0+;
        controller_id: i32 = 0+ default -1;
        brokers: Vec<DescribeClusterBroker> = 0+;
        cluster_authorized_operations: i32 = 0+ default -2_147_483_648;
    }

    /// One of the `brokers` in [`DescribeClusterResponse`].
    DescribeClusterBroker {
        broker_id: i32 = 0+;
        host: String = 0+;
        port: i32 = 0+;
        rack: Option<String> = 0+ null 0+;
    }
}
