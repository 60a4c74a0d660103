//! The requests of the group protocol, as a consumer with the range assignor makes them.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.

use super::assignor::range;
use super::consumer_config::ConsumerConfig;
use super::group_protocol::{encode_assignment, encode_subscription};
use crate::base::{SortedMap, TopicPartition};
use crate::wire::kafka::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest,
    MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
};

const PROTOCOL_TYPE: &str = "consumer";

/// Joins, as `member_id` or without one. An eager member has given up what it owned before.
pub fn join(config: &ConsumerConfig, member_id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol {
        name: range::NAME.to_owned(),
        metadata: encode_subscription(&config.topics, &[]),
    };
    JoinGroupRequest {
        group_id: config.group_id.clone(),
        session_timeout_ms: config.session_timeout.as_millis() as i32,
        rebalance_timeout_ms: config.max_poll_interval.as_millis() as i32,
        member_id: member_id.to_owned(),
        group_instance_id: None,
        protocol_type: PROTOCOL_TYPE.to_owned(),
        protocols: vec![protocol],
    }
}

/// Asks for the assignment; the leader hands in everybody's.
pub fn sync(
    config: &ConsumerConfig,
    generation_id: i32,
    member_id: &str,
    assignments: SortedMap<String, Vec<TopicPartition>>,
) -> SyncGroupRequest {
    let assignments = assignments.into_iter().map(|(member_id, partitions)| {
        let assignment = encode_assignment(&partitions);
        SyncGroupRequestAssignment { member_id, assignment }
    });
    SyncGroupRequest {
        group_id: config.group_id.clone(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: None,
        protocol_type: Some(PROTOCOL_TYPE.to_owned()),
        protocol_name: Some(range::NAME.to_owned()),
        assignments: assignments.collect(),
    }
}

/// Says that the member is alive.
pub fn heartbeat(config: &ConsumerConfig, generation_id: i32, member_id: &str) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: config.group_id.clone(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: None,
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
