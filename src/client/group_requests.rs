//! The requests of the group protocol, as a consumer makes them.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.

use super::assignor::{Assignment, Assignor, LastAssignment};
use super::consumer_config::ConsumerConfig;
use super::group_protocol::{Subscription, encode_assignment, encode_subscription};
use crate::base::TopicPartition;
use crate::wire::kafka::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest,
    MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
};

const PROTOCOL_TYPE: &str = "consumer";

/// Joins, as `member_id` or without one, telling each assignor's leader what the member wants, what
/// it owns and what it had.
pub fn join(
    config: &ConsumerConfig,
    member_id: &str,
    topics: &[String],
    owned: &[TopicPartition],
    last: Option<&LastAssignment>,
) -> JoinGroupRequest {
    let protocol = |assignor: &Assignor| {
        let subscription = Subscription {
            topics: topics.to_vec(),
            user_data: assignor.user_data(last),
            owned: owned.to_vec(),
            group_instance_id: None,
        };
        JoinGroupRequestProtocol {
            name: assignor.name().to_owned(),
            metadata: encode_subscription(&subscription),
        }
    };
    JoinGroupRequest {
        group_id: config.group_id.clone(),
        session_timeout_ms: config.session_timeout.as_millis() as i32,
        rebalance_timeout_ms: config.max_poll_interval.as_millis() as i32,
        member_id: member_id.to_owned(),
        group_instance_id: config.group_instance_id.clone(),
        protocol_type: PROTOCOL_TYPE.to_owned(),
        protocols: config.assignors.iter().map(protocol).collect(),
    }
}

/// Asks for the assignment made by `assignor`; the leader hands in everybody's.
pub fn sync(
    config: &ConsumerConfig,
    generation_id: i32,
    member_id: &str,
    assignor: Assignor,
    assignments: Assignment,
) -> SyncGroupRequest {
    let assignments = assignments.into_iter().map(|(member_id, partitions)| {
        let assignment = encode_assignment(&partitions);
        SyncGroupRequestAssignment { member_id, assignment }
    });
    SyncGroupRequest {
        group_id: config.group_id.clone(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: config.group_instance_id.clone(),
        protocol_type: Some(PROTOCOL_TYPE.to_owned()),
        protocol_name: Some(assignor.name().to_owned()),
        assignments: assignments.collect(),
    }
}

/// Says that the member is alive.
pub fn heartbeat(config: &ConsumerConfig, generation_id: i32, member_id: &str) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: config.group_id.clone(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: config.group_instance_id.clone(),
    }
}

/// Leaves; old versions name the member in one place, new ones in the other.
pub fn leave(config: &ConsumerConfig, member_id: &str) -> LeaveGroupRequest {
    let member = MemberIdentity { member_id: member_id.to_owned(), group_instance_id: None };
    LeaveGroupRequest {
        group_id: config.group_id.clone(),
        member_id: member_id.to_owned(),
        members: vec![member],
    }
}
