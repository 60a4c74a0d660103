//! What the controller tells brokers and they tell it.
//!
//! In Kafka: the schemas of LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown,
//! AlterIsr in `clients/src/main/resources/common/message`.

use crate::wire::{ErrorCode, Uuid};

messages! {
    /// Controller to broker: these partitions you lead or follow, at these epochs.
    LeaderAndIsrRequest {
        controller_id: i32 = 0+;
        controller_epoch: i32 = 0+;
        broker_epoch: i64 = 2+ default -1;
        type_: i8 = 5+;
        ungrouped_partition_states: Vec<LeaderAndIsrPartitionState> = 0-1;
        topic_states: Vec<LeaderAndIsrTopicState> = 2+;
        live_leaders: Vec<LeaderAndIsrLiveLeader> = 0+;
    }

    /// One of the `ungrouped_partition_states` in [`LeaderAndIsrRequest`].
    LeaderAndIsrPartitionState {
        topic_name: String = 0-1;
        partition_index: i32 = 0+;
        controller_epoch: i32 = 0+;
        leader: i32 = 0+;
        leader_epoch: i32 = 0+;
        isr: Vec<i32> = 0+;
        zk_version: i32 = 0+;
        replicas: Vec<i32> = 0+;
        adding_replicas: Vec<i32> = 3+;
        removing_replicas: Vec<i32> = 3+;
        is_new: bool = 1+;
    }

    /// One of the `topic_states` in [`LeaderAndIsrRequest`].
    LeaderAndIsrTopicState {
        topic_name: String = 2+;
        topic_id: Uuid = 5+;
        partition_states: Vec<LeaderAndIsrPartitionState> = 2+;
    }

    /// One of the `live_leaders` in [`LeaderAndIsrRequest`].
    LeaderAndIsrLiveLeader {
        broker_id: i32 = 0+;
        host_name: String = 0+;
        port: i32 = 0+;
    }

    /// Which partitions took the new state.
    LeaderAndIsrResponse {
        error_code: ErrorCode = 0+;
        partition_errors: Vec<LeaderAndIsrPartitionError> = 0-4;
        topics: Vec<LeaderAndIsrTopicError> = 5+;
    }

    /// One of the `partition_errors` in [`LeaderAndIsrResponse`].
    LeaderAndIsrPartitionError {
        topic_name: String = 0-4;
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// One of the `topics` in [`LeaderAndIsrResponse`].
    LeaderAndIsrTopicError {
        topic_id: Uuid = 5+;
        partition_errors: Vec<LeaderAndIsrPartitionError> = 5+;
    }

    /// Controller to broker: stop these replicas, and delete them where it says so.
    StopReplicaRequest {
        controller_id: i32 = 0+;
        controller_epoch: i32 = 0+;
        broker_epoch: i64 = 1+ default -1;
        delete_partitions: bool = 0-2;
        ungrouped_partitions: Vec<StopReplicaPartitionV0> = 0-0;
        topics: Vec<StopReplicaTopicV1> = 1-2;
        topic_states: Vec<StopReplicaTopicState> = 3+;
    }

    /// One of the `ungrouped_partitions` in [`StopReplicaRequest`].
    StopReplicaPartitionV0 {
        topic_name: String = 0-0;
        partition_index: i32 = 0-0;
    }

    /// One of the `topics` in [`StopReplicaRequest`].
    StopReplicaTopicV1 {
        name: String = 1-2;
        partition_indexes: Vec<i32> = 1-2;
    }

    /// One of the `topic_states` in [`StopReplicaRequest`].
    StopReplicaTopicState {
        topic_name: String = 3+;
        partition_states: Vec<StopReplicaPartitionState> = 3+;
    }

    /// One of the `partition_states` in [`StopReplicaTopicState`].
    StopReplicaPartitionState {
        partition_index: i32 = 3+;
        leader_epoch: i32 = 3+ default -1;
        delete_partition: bool = 3+;
    }

    /// Which replicas stopped.
    StopReplicaResponse {
        error_code: ErrorCode = 0+;
        partition_errors: Vec<StopReplicaPartitionError> = 0+;
    }

    /// One of the `partition_errors` in [`StopReplicaResponse`].
    StopReplicaPartitionError {
        topic_name: String = 0+;
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Controller to broker: what to answer in Metadata from now on.
    UpdateMetadataRequest {
        controller_id: i32 = 0+;
        controller_epoch: i32 = 0+;
        broker_epoch: i64 = 5+ default -1;
        ungrouped_partition_states: Vec<UpdateMetadataPartitionState> = 0-4;
        topic_states: Vec<UpdateMetadataTopicState> = 5+;
        live_brokers: Vec<UpdateMetadataBroker> = 0+;
    }

    /// One of the `ungrouped_partition_states` in [`UpdateMetadataRequest`].
    UpdateMetadataPartitionState {
        topic_name: String = 0-4;
        partition_index: i32 = 0+;
        controller_epoch: i32 = 0+;
        leader: i32 = 0+;
        leader_epoch: i32 = 0+;
        isr: Vec<i32> = 0+;
        zk_version: i32 = 0+;
        replicas: Vec<i32> = 0+;
        offline_replicas: Vec<i32> = 4+;
    }

    /// One of the `topic_states` in [`UpdateMetadataRequest`].
    UpdateMetadataTopicState {
        topic_name: String = 5+;
        topic_id: Uuid = 7+;
        partition_states: Vec<UpdateMetadataPartitionState> = 5+;
    }

    /// One of the `live_brokers` in [`UpdateMetadataRequest`].
    UpdateMetadataBroker {
        id: i32 = 0+;
        v0_host: String = 0-0;
        v0_port: i32 = 0-0;
        endpoints: Vec<UpdateMetadataEndpoint> = 1+;
        rack: Option<String> = 2+ null 0+;
    }

    /// One of the `endpoints` in [`UpdateMetadataBroker`].
    UpdateMetadataEndpoint {
        port: i32 = 1+;
        host: String = 1+;
        listener: String = 3+;
        security_protocol: i16 = 1+;
    }

    /// Whether the metadata was taken.
    UpdateMetadataResponse {
        error_code: ErrorCode = 0+;
    }

    /// Broker to controller: move my leaders away, I am going to stop.
    ControlledShutdownRequest {
        broker_id: i32 = 0+;
        broker_epoch: i64 = 2+ default -1;
    }

    /// The partitions that still have their leader on the stopping broker.
    ControlledShutdownResponse {
        error_code: ErrorCode = 0+;
        remaining_partitions: Vec<RemainingPartition> = 0+;
    }

    /// One of the `remaining_partitions` in [`ControlledShutdownResponse`].
    RemainingPartition {
        topic_name: String = 0+;
        partition_index: i32 = 0+;
    }

    /// Leader to controller: the ISR I propose for these partitions.
    AlterIsrRequest {
        broker_id: i32 = 0+;
        broker_epoch: i64 = 0+ default -1;
        topics: Vec<AlterIsrRequestTopicData> = 0+;
    }

    /// One of the `topics` in [`AlterIsrRequest`].
    AlterIsrRequestTopicData {
        name: String = 0+;
        partitions: Vec<AlterIsrRequestPartitionData> = 0+;
    }

    /// One of the `partitions` in [`AlterIsrRequestTopicData`].
    AlterIsrRequestPartitionData {
        partition_index: i32 = 0+;
        leader_epoch: i32 = 0+;
        new_isr: Vec<i32> = 0+;
        current_isr_version: i32 = 0+;
    }

    /// Leader and ISR as the controller wrote them.
    AlterIsrResponse {
        throttle_time_ms: i32 = 0+;
        error_code: ErrorCode = 0+;
        topics: Vec<AlterIsrResponseTopicData> = 0+;
    }

    /// One of the `topics` in [`AlterIsrResponse`].
    AlterIsrResponseTopicData {
        name: String = 0+;
        partitions: Vec<AlterIsrResponsePartitionData> = 0+;
    }

    /// One of the `partitions` in [`AlterIsrResponseTopicData`].
    AlterIsrResponsePartitionData {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
        leader_id: i32 = 0+;
        leader_epoch: i32 = 0+;
        isr: Vec<i32> = 0+;
        current_isr_version: i32 = 0+;
    }
}
