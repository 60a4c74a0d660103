//! The group protocol: finding the coordinator, joining, staying, leaving.
//!
//! In Kafka: the schemas of FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup in
//! `clients/src/main/resources/common/message`.

use bytes::Bytes;

use super::contents;
use crate::wire::ErrorCode;

messages! {
    /// Asks which broker coordinates a group (key type 0) or a transactional id (1).
    FindCoordinatorRequest {
        key: String = 0+;
        key_type: i8 = 1+;
    }

    /// The coordinating broker.
    FindCoordinatorResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 0+;
        error_message: Option<String> = 1+ null 1+;
        node_id: i32 = 0+;
        host: String = 0+;
        port: i32 = 0+;
    }

    /// Joins a group, or joins it again at a rebalance.
    JoinGroupRequest {
        group_id: String = 0+;
        session_timeout_ms: i32 = 0+;
        rebalance_timeout_ms: i32 = 1+ default -1;
        member_id: String = 0+;
        group_instance_id: Option<String> = 5+ null 5+;
        protocol_type: String = 0+;
        protocols: Vec<JoinGroupRequestProtocol> = 0+;
    }

    /// One of the `protocols` in [`JoinGroupRequest`].
    JoinGroupRequestProtocol {
        name: String = 0+;
        metadata: Bytes = 0+ holds contents::subscription;
    }

    /// Member id and generation; the leader also gets every member with its subscription.
    JoinGroupResponse {
        throttle_time_ms: i32 = 2+;
        error_code: ErrorCode = 0+;
        generation_id: i32 = 0+ default -1;
        protocol_type: Option<String> = 7+ null 7+;
        protocol_name: Option<String> = 0+ null 7+;
        leader: String = 0+;
        member_id: String = 0+;
        members: Vec<JoinGroupResponseMember> = 0+;
    }

    /// One of the `members` in [`JoinGroupResponse`].
    JoinGroupResponseMember {
        member_id: String = 0+;
        group_instance_id: Option<String> = 5+ null 5+;
        metadata: Bytes = 0+ holds contents::subscription;
    }

    /// The leader hands in the assignment, the others ask for theirs.
    SyncGroupRequest {
        group_id: String = 0+;
        generation_id: i32 = 0+;
        member_id: String = 0+;
        group_instance_id: Option<String> = 3+ null 3+;
        protocol_type: Option<String> = 5+ null 5+;
        protocol_name: Option<String> = 5+ null 5+;
        assignments: Vec<SyncGroupRequestAssignment> = 0+;
    }

    /// One of the `assignments` in [`SyncGroupRequest`].
    SyncGroupRequestAssignment {
        member_id: String = 0+;
        assignment: Bytes = 0+ holds contents::assignment;
    }

    /// The assignment of the member that asked.
    SyncGroupResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 0+;
        protocol_type: Option<String> = 5+ null 5+;
        protocol_name: Option<String> = 5+ null 5+;
        assignment: Bytes = 0+ holds contents::assignment;
    }

    /// A member of a group is alive.
    HeartbeatRequest {
        group_id: String = 0+;
        generation_id: i32 = 0+;
        member_id: String = 0+;
        group_instance_id: Option<String> = 3+ null 3+;
    }

    /// Whether it still belongs to the generation, or must join again.
    HeartbeatResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 0+;
    }

    /// Members leave their group at once, without waiting for the session to expire.
    LeaveGroupRequest {
        group_id: String = 0+;
        member_id: String = 0-2;
        members: Vec<MemberIdentity> = 3+;
    }

    /// One of the `members` in [`LeaveGroupRequest`].
    MemberIdentity {
        member_id: String = 3+;
        group_instance_id: Option<String> = 3+ null 3+;
    }

    /// The outcome for each member.
    LeaveGroupResponse {
        throttle_time_ms: i32 = 1+;
        error_code: ErrorCode = 0+;
        members: Vec<MemberResponse> = 3+;
    }

    /// One of the `members` in [`LeaveGroupResponse`].
    MemberResponse {
        member_id: String = 3+;
        group_instance_id: Option<String> = 3+ null 3+;
        error_code: ErrorCode = 3+;
    }
}
