//! Electing leaders and moving replicas.
//!
//! In Kafka: the schemas of ElectLeaders, AlterPartitionReassignments,
//! ListPartitionReassignments, AlterReplicaLogDirs, DescribeLogDirs in
//! `clients/src/main/resources/common/message`.

use crate::wire::ErrorCode;

messages! {
    /// Elects the preferred (type 0) or, uncleanly, any live (1) replica.
    ElectLeadersRequest {
        election_type: i8 = 1+;
        topic_partitions: Option<Vec<TopicPartitions>> = 0+ null 0+;
        timeout_ms: i32 = 0+ default 60_000;
    }

    /// One of the `topic_partitions` in [`ElectLeadersRequest`].
    TopicPartitions {
        topic: String = 0+;
        partition_id: Vec<i32> = 0+;
    }

    /// The outcome for each partition.
    ElectLeadersResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 1+;
        replica_election_results: Vec<ReplicaElectionResult> = 0+;
    }

    /// One of the `replica_election_results` in [`ElectLeadersResponse`].
    ReplicaElectionResult {
        topic: String = 0+;
        partition_result: Vec<PartitionResult> = 0+;
    }

    /// One of the `partition_result` in [`ReplicaElectionResult`].
    PartitionResult {
        partition_id: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }

    /// Starts or cancels moving partitions to other replicas.
    AlterPartitionReassignmentsRequest {
        timeout_ms: i32 = 0+ default 60_000;
        topics: Vec<ReassignableTopic> = 0+;
    }

    /// One of the `topics` in [`AlterPartitionReassignmentsRequest`].
    ReassignableTopic {
        name: String = 0+;
        partitions: Vec<ReassignablePartition> = 0+;
    }

    /// One of the `partitions` in [`ReassignableTopic`].
    ReassignablePartition {
        partition_index: i32 = 0+;
        replicas: Option<Vec<i32>> = 0+ null 0+;
    }

    /// The outcome for each partition.
    AlterPartitionReassignmentsResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        responses: Vec<ReassignableTopicResponse> = 0+;
    }

    /// One of the `responses` in [`AlterPartitionReassignmentsResponse`].
    ReassignableTopicResponse {
        name: String = 0+;
        partitions: Vec<ReassignablePartitionResponse> = 0+;
    }

    /// One of the `partitions` in [`ReassignableTopicResponse`].
    ReassignablePartitionResponse {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
    }

    /// Asks for reassignments that are under way.
    ListPartitionReassignmentsRequest {
        timeout_ms: i32 = 0+ default 60_000;
        topics: Option<Vec<ListPartitionReassignmentsTopics>> = 0+ null 0+;
    }

    /// One of the `topics` in [`ListPartitionReassignmentsRequest`].
    ListPartitionReassignmentsTopics {
        name: String = 0+;
        partition_indexes: Vec<i32> = 0+;
    }

    /// Replicas, and those being added and removed.
    ListPartitionReassignmentsResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 0+ null 0+;
        topics: Vec<OngoingTopicReassignment> = 0+;
    }

    /// One of the `topics` in [`ListPartitionReassignmentsResponse`].
    OngoingTopicReassignment {
        name: String = 0+;
        partitions: Vec<OngoingPartitionReassignment> = 0+;
    }

    /// One of the `partitions` in [`OngoingTopicReassignment`].
    OngoingPartitionReassignment {
        partition_index: i32 = 0+;
        replicas: Vec<i32> = 0+;
        adding_replicas: Vec<i32> = 0+;
        removing_replicas: Vec<i32> = 0+;
    }

    /// Moves replicas between log directories of a broker.
    AlterReplicaLogDirsRequest {
        dirs: Vec<AlterReplicaLogDir> = 0+;
    }

    /// One of the `dirs` in [`AlterReplicaLogDirsRequest`].
    AlterReplicaLogDir {
        path: String = 0+;
        topics: Vec<AlterReplicaLogDirTopic> = 0+;
    }

    /// One of the `topics` in [`AlterReplicaLogDir`].
    AlterReplicaLogDirTopic {
        name: String = 0+;
        partitions: Vec<i32> = 0+;
    }

    /// The outcome for each replica.
    AlterReplicaLogDirsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<AlterReplicaLogDirTopicResult> = 0+;
    }

    /// One of the `results` in [`AlterReplicaLogDirsResponse`].
    AlterReplicaLogDirTopicResult {
        topic_name: String = 0+;
        partitions: Vec<AlterReplicaLogDirPartitionResult> = 0+;
    }

    /// One of the `partitions` in [`AlterReplicaLogDirTopicResult`].
    AlterReplicaLogDirPartitionResult {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Asks for the size of the replicas in each log directory.
    DescribeLogDirsRequest {
        topics: Option<Vec<DescribableLogDirTopic>> = 0+ null 0+;
    }

    /// One of the `topics` in [`DescribeLogDirsRequest`].
    DescribableLogDirTopic {
        topic: String = 0+;
        partition_index: Vec<i32> = 0+;
    }

    /// The log directories with their replicas.
    DescribeLogDirsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<DescribeLogDirsResult> = 0+;
    }

    /// One of the `results` in [`DescribeLogDirsResponse`].
    DescribeLogDirsResult {
        error_code: ErrorCode = 0+;
        log_dir: String = 0+;
        topics: Vec<DescribeLogDirsTopic> = 0+;
    }

    /// One of the `topics` in [`DescribeLogDirsResult`].
    DescribeLogDirsTopic {
        name: String = 0+;
        partitions: Vec<DescribeLogDirsPartition> = 0+;
    }

    /// One of the `partitions` in [`DescribeLogDirsTopic`].
    DescribeLogDirsPartition {
        partition_index: i32 = 0+;
        partition_size: i64 = 0+;
        offset_lag: i64 = 0+;
        is_future_key: bool = 0+;
    }
}
