//! Static membership: who comes back takes its own place, who was replaced is fenced.

use super::desk::{Desk, ms};
use crate::base::{Span, TraceEvent};
use crate::broker::action::RequestToken;
use crate::broker::group::state::GroupState;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, MemberIdentity,
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, SyncGroupRequest,
};
use bytes::Bytes;

fn join_request(member: &str, instance: &str) -> JoinGroupRequest {
    let group_instance_id = Some(instance.to_owned());
    JoinGroupRequest { group_instance_id, ..Desk::join_request(member) }
}

fn join(desk: &mut Desk, member: &str, instance: &str) -> RequestToken {
    desk.ask_join(join_request(member, instance))
}

/// Two static members in generation 1, stable: the leader with `a`, the other with `b`.
fn stable_pair() -> (Desk, String, String) {
    let mut desk = Desk::new();
    let (first, second) = (join(&mut desk, "", "i1"), join(&mut desk, "", "i2"));
    desk.pass(ms(6_000));
    let (leader, second) = (desk.joined(first), desk.joined(second));
    assert_eq!((leader.error_code, leader.generation_id), (ErrorCode::NONE, 1));
    assert!(leader.member_id.starts_with("i1-"), "{}", leader.member_id);
    let instances: Vec<_> =
        leader.members.iter().map(|member| member.group_instance_id.as_deref()).collect();
    assert_eq!(instances, [Some("i1"), Some("i2")]);
    let (leader, second) = (leader.member_id, second.member_id);
    desk.sync(&leader, 1, &[(&leader, "a"), (&second, "b")]);
    desk.sync(&second, 1, &[]);
    assert_eq!(desk.state(), Some(GroupState::Stable));
    (desk, leader, second)
}

fn heartbeat(desk: &mut Desk, member: &str, instance: &str) -> ErrorCode {
    let context = desk.context();
    let request = HeartbeatRequest {
        group_id: "g".to_owned(),
        generation_id: 1,
        member_id: member.to_owned(),
        group_instance_id: Some(instance.to_owned()),
    };
    desk.act(|one, now| one.handle_heartbeat(now, &context, &request));
    match desk.reply_to(context.token) {
        Some(AnyResponse::Heartbeat(response)) => response.error_code,
        other => panic!("{other:?}"),
    }
}

fn sync(desk: &mut Desk, member: &str, instance: &str) -> (ErrorCode, Bytes) {
    let context = desk.context();
    let request = SyncGroupRequest {
        group_id: "g".to_owned(),
        generation_id: 1,
        member_id: member.to_owned(),
        group_instance_id: Some(instance.to_owned()),
        ..SyncGroupRequest::default()
    };
    desk.act(|one, now| one.handle_sync_group(now, &context, request));
    desk.synced(context.token)
}

fn commit(desk: &mut Desk, member: &str, instance: &str) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 7,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic { name: "t".to_owned(), partitions: vec![partition] };
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        generation_id: 1,
        member_id: member.to_owned(),
        group_instance_id: Some(instance.to_owned()),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    let token = desk.ask_commit_request(request);
    super::desk::commit_of(desk.reply_to(token).cloned())
}

fn leave(desk: &mut Desk, member: &str, instance: &str) -> ErrorCode {
    let identity = MemberIdentity {
        member_id: member.to_owned(),
        group_instance_id: Some(instance.to_owned()),
    };
    let request = LeaveGroupRequest {
        group_id: "g".to_owned(),
        members: vec![identity],
        ..LeaveGroupRequest::default()
    };
    let context = desk.context();
    desk.act(|one, now| one.handle_leave_group(now, &context, request));
    match desk.reply_to(context.token) {
        Some(AnyResponse::LeaveGroup(response)) => response.members[0].error_code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_instance_that_comes_back_takes_its_place_without_a_rebalance() {
    let (mut desk, leader, old) = stable_pair();
    let token = join(&mut desk, "", "i2");
    let back = desk.joined(token);
    assert_eq!((back.error_code, back.generation_id), (ErrorCode::NONE, 1));
    assert!(back.member_id.starts_with("i2-") && back.member_id != old);
    assert_eq!(desk.state(), Some(GroupState::Stable));
    assert_eq!(sync(&mut desk, &back.member_id, "i2"), (ErrorCode::NONE, Bytes::from("b")));
    let replaced = TraceEvent::MemberReplaced {
        group: "g".to_owned(),
        instance: "i2".to_owned(),
        old: old.clone(),
        member: back.member_id.clone(),
    };
    assert!(desk.traces.contains(&replaced));

    // The process that had the old id still runs: every request of it is fenced.
    assert_eq!(heartbeat(&mut desk, &old, "i2"), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(sync(&mut desk, &old, "i2").0, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(commit(&mut desk, &old, "i2"), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(desk.committed(0), (-1, ErrorCode::NONE));
    assert_eq!(leave(&mut desk, &old, "i2"), ErrorCode::FENCED_INSTANCE_ID);
    let token = join(&mut desk, &old, "i2");
    assert_eq!(desk.joined(token).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let complaint = format!(
        "[GroupCoordinator 1]: given member.id {old} is identified as a known static member i2, but \
         not matching the expected member.id {} during heartbeat, will respond with instance fenced \
         error",
        back.member_id
    );
    assert!(desk.logs.contains(&complaint), "{:#?}", desk.logs);

    assert_eq!(commit(&mut desk, &back.member_id, "i2"), ErrorCode::NONE);
    assert_eq!(heartbeat(&mut desk, &leader, "i1"), ErrorCode::NONE);
}

#[test]
fn a_leader_that_comes_back_is_not_told_that_it_leads() {
    let (mut desk, leader, _) = stable_pair();
    let token = join(&mut desk, "", "i1");
    let back = desk.joined(token);
    assert_eq!((back.leader.as_str(), back.members.len()), (leader.as_str(), 0));
    // When it joins by its new id, it leads: a rebalance begins.
    join(&mut desk, &back.member_id, "i1");
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn the_next_coordinator_knows_static_members() {
    let (mut desk, _, old) = stable_pair();
    let token = join(&mut desk, "", "i2");
    let back = desk.joined(token).member_id;
    desk.lose_partition();
    desk.load_partition();
    assert_eq!(heartbeat(&mut desk, &old, "i2"), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(heartbeat(&mut desk, &back, "i2"), ErrorCode::NONE);
    assert_eq!(sync(&mut desk, &back, "i2"), (ErrorCode::NONE, Bytes::from("b")));
}

#[test]
fn a_new_member_id_that_cannot_be_stored_is_taken_back() {
    let (mut desk, _, old) = stable_pair();
    desk.hold_appends = true;
    let token = join(&mut desk, "", "i2");
    assert!(desk.reply_to(token).is_none(), "not stored yet");
    desk.release_appends(Err(ErrorCode::NOT_ENOUGH_REPLICAS));
    let refused = desk.joined(token);
    assert_eq!(refused.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(refused.member_id, "");
    assert_eq!(heartbeat(&mut desk, &old, "i2"), ErrorCode::NONE);
}

#[test]
fn an_instance_that_comes_back_while_the_assignment_is_awaited_starts_the_rebalance_again() {
    let mut desk = Desk::new();
    let (first, second) = (join(&mut desk, "", "i1"), join(&mut desk, "", "i2"));
    desk.pass(ms(6_000));
    let (leader, second) = (desk.joined(first).member_id, desk.joined(second).member_id);
    assert_eq!(desk.state(), Some(GroupState::CompletingRebalance));
    let context = desk.context();
    let request = SyncGroupRequest {
        group_id: "g".to_owned(),
        generation_id: 1,
        member_id: second,
        ..SyncGroupRequest::default()
    };
    desk.act(|one, now| one.handle_sync_group(now, &context, request));
    let token = join(&mut desk, "", "i2");
    assert_eq!(desk.synced(context.token).0, ErrorCode::FENCED_INSTANCE_ID, "it waited");
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    join(&mut desk, &leader, "i1");
    let back = desk.joined(token);
    assert_eq!((back.error_code, back.generation_id), (ErrorCode::NONE, 2));
}

#[test]
fn a_changed_protocol_of_an_instance_that_comes_back_needs_a_rebalance() {
    let (mut desk, _, _) = stable_pair();
    let mut request = join_request("", "i1");
    let sticky = Bytes::from("subscription");
    request.protocols.insert(
        0,
        crate::wire::kafka::JoinGroupRequestProtocol {
            name: "sticky".to_owned(),
            metadata: sticky,
        },
    );
    let mut other = join_request("", "i2");
    other.protocols.clone_from(&request.protocols);
    desk.ask_join(request);
    assert_eq!(desk.state(), Some(GroupState::Stable), "i2 supports range only");
    let token = desk.ask_join(other);
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    assert!(desk.reply_to(token).is_none());
}

#[test]
fn a_static_member_that_is_away_keeps_its_place_until_its_session_ends() {
    let (mut desk, leader, away) = stable_pair();
    join(&mut desk, &leader, "i1");
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    // Its session, 10 s, ends before the rebalance timeout, 60 s.
    desk.pass(ms(9_900));
    assert_eq!(heartbeat(&mut desk, &away, "i2"), ErrorCode::REBALANCE_IN_PROGRESS);
    desk.pass(ms(10_100));
    assert_eq!(desk.state(), Some(GroupState::CompletingRebalance), "without i2");

    // With a session longer than the rebalance it stays, assigned what the leader gives it.
    let mut desk = Desk::new();
    let patient = JoinGroupRequest { session_timeout_ms: 100_000, ..join_request("", "i2") };
    let (first, second) = (join(&mut desk, "", "i1"), desk.ask_join(patient));
    desk.pass(ms(6_000));
    let (leader, away) = (desk.joined(first).member_id, desk.joined(second).member_id);
    desk.sync(&leader, 1, &[(&leader, "a"), (&away, "b")]);
    desk.sync(&away, 1, &[]);
    let token = join(&mut desk, &leader, "i1");
    desk.pass(Span::from_secs(60));
    let joined = desk.joined(token);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 2));
}

#[test]
fn an_administrator_removes_a_static_member_by_its_instance() {
    let (mut desk, _, second) = stable_pair();
    assert_eq!(leave(&mut desk, "", "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(leave(&mut desk, "", "i2"), ErrorCode::NONE);
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    let left = format!(
        "[GroupCoordinator 1]: Member[group.instance.id Some(i2), member.id {second}] in group g has \
         left, removing it from the group"
    );
    assert!(desk.logs.contains(&left), "{:#?}", desk.logs);
    // The place is free: the instance joins as a new member.
    assert_eq!(heartbeat(&mut desk, &second, "i2"), ErrorCode::UNKNOWN_MEMBER_ID);
    let token = join(&mut desk, &second, "i2");
    assert_eq!(desk.joined(token).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
