//! Looking at groups and deleting them.
//!
//! In Kafka: the schemas of DescribeGroups, ListGroups, DeleteGroups, OffsetDelete in
//! `clients/src/main/resources/common/message`.

use bytes::Bytes;

use super::contents;
use crate::wire::ErrorCode;

messages! {
    /// Asks for state, protocol and members of groups.
    DescribeGroupsRequest {
        groups: Vec<String> = 0+;
        include_authorized_operations: bool = 3+;
    }

    /// The groups described.
    DescribeGroupsResponse {
        throttle_time_ms: i32 = 1+;
        groups: Vec<DescribedGroup> = 0+;
    }

    /// One of the `groups` in [`DescribeGroupsResponse`].
    DescribedGroup {
        error_code: ErrorCode = 0+;
        group_id: String = 0+;
        group_state: String = 0+;
        protocol_type: String = 0+;
        protocol_data: String = 0+;
        members: Vec<DescribedGroupMember> = 0+;
        authorized_operations: i32 = 3+ default -2_147_483_648;
    }

    /// One of the `members` in [`DescribedGroup`].
    DescribedGroupMember {
        member_id: String = 0+;
        group_instance_id: Option<String> = 4+ null 4+;
        client_id: String = 0+;
        client_host: String = 0+;
        member_metadata: Bytes = 0+ holds contents::subscription;
        member_assignment: Bytes = 0+ holds contents::assignment;
    }

    /// Asks a broker for the groups it coordinates.
    ListGroupsRequest {
        states_filter: Vec<String> = 4+;
    }

    /// The groups, with their state from version 4 on.
    ListGroupsResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 0+;
        groups: Vec<ListedGroup> = 0+;
    }

    /// One of the `groups` in [`ListGroupsResponse`].
    ListedGroup {
        group_id: String = 0+;
        protocol_type: String = 0+;
        group_state: String = 4+;
    }

    /// Deletes empty groups.
    DeleteGroupsRequest {
        groups_names: Vec<String> = 0+;
    }

    /// The outcome for each group.
    DeleteGroupsResponse {
        throttle_time_ms: i32 = 0+;
        results: Vec<DeletableGroupResult> = 0+;
    }

    /// One of the `results` in [`DeleteGroupsResponse`].
    DeletableGroupResult {
        group_id: String = 0+;
        error_code: ErrorCode = 0+;
    }

    /// Deletes committed offsets of a group.
    OffsetDeleteRequest {
        group_id: String = 0+;
        topics: Vec<OffsetDeleteRequestTopic> = 0+;
    }

    /// One of the `topics` in [`OffsetDeleteRequest`].
    OffsetDeleteRequestTopic {
        name: String = 0+;
        partitions: Vec<OffsetDeleteRequestPartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetDeleteRequestTopic`].
    OffsetDeleteRequestPartition {
        partition_index: i32 = 0+;
    }

    /// The outcome for each partition.
    OffsetDeleteResponse {
        error_code: ErrorCode = 0+;
        throttle_time_ms: i32 = 0+;
        topics: Vec<OffsetDeleteResponseTopic> = 0+;
    }

    /// One of the `topics` in [`OffsetDeleteResponse`].
    OffsetDeleteResponseTopic {
        name: String = 0+;
        partitions: Vec<OffsetDeleteResponsePartition> = 0+;
    }

    /// One of the `partitions` in [`OffsetDeleteResponseTopic`].
    OffsetDeleteResponsePartition {
        partition_index: i32 = 0+;
        error_code: ErrorCode = 0+;
    }
}
