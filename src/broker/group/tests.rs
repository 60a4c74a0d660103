mod cleanup;
mod desk;
mod golden;
mod static_members;

use super::state::GroupState;
use crate::base::{Span, TraceEvent};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, JoinGroupRequest, LeaveGroupRequest, MemberIdentity, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use bytes::Bytes;
use desk::{Desk, commit_of, ms};

/// Two members of group `g` in generation 1 or later, stable.
fn stable_pair() -> (Desk, String, String) {
    let mut desk = Desk::new();
    let leader = desk.new_member("c1");
    let (first, second) = (desk.join(&leader), desk.ask_for_member_id("c2"));
    let second_join = desk.join(&second);
    desk.pass(ms(3_000));
    desk.pass(ms(3_000));
    assert_eq!(desk.joined(first).generation_id, 1);
    assert_eq!(desk.joined(second_join).generation_id, 1);
    let (one, two) =
        (desk.sync(&leader, 1, &[(&leader, "a"), (&second, "b")]), desk.sync(&second, 1, &[]));
    assert_eq!(desk.synced(one), (ErrorCode::NONE, Bytes::from("a")));
    assert_eq!(desk.synced(two), (ErrorCode::NONE, Bytes::from("b")));
    (desk, leader, second)
}

#[test]
fn a_new_member_is_given_an_id_first_and_comes_again_with_it() {
    let mut desk = Desk::new();
    let token = desk.join("");
    let response = desk.joined(token);
    assert_eq!(response.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(response.member_id.starts_with("client-") && response.member_id.len() == 7 + 36);
    // Whoever does not come back is forgotten.
    desk.pass(ms(10_000));
    let token = desk.join(&response.member_id);
    assert_eq!(desk.joined(token).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    // Old clients join at once.
    desk.api_version = 3;
    let token = desk.join("");
    desk.pass(ms(3_000));
    let response = desk.joined(token);
    assert_eq!((response.error_code, response.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(response.leader, response.member_id);
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
}

#[test]
fn the_first_rebalance_waits_and_waits_longer_while_members_come() {
    let mut desk = Desk::new();
    let first = desk.new_member("c1");
    let first_join = desk.join(&first);
    desk.pass(ms(2_000));
    let second = desk.ask_for_member_id("c2");
    let second_join = desk.join(&second);
    desk.pass(ms(1_000));
    assert!(desk.reply_to(first_join).is_none(), "drawn out by the second member");
    desk.pass(ms(3_000));
    let response = desk.joined(first_join);
    assert_eq!((response.generation_id, response.members.len()), (1, 2));
    assert_eq!(response.leader, first);
    let follower = desk.joined(second_join);
    assert_eq!((follower.members.len(), follower.leader), (0, first));
}

#[test]
fn the_assignment_reaches_everybody_once_it_is_stored() {
    let mut desk = Desk::new();
    desk.hold_appends = true;
    let leader = desk.new_member("c1");
    desk.join(&leader);
    desk.pass(ms(3_000));
    let sync = desk.sync(&leader, 1, &[(&leader, "all")]);
    assert!(desk.reply_to(sync).is_none(), "not stored yet");
    assert_eq!(desk.state(), Some(GroupState::CompletingRebalance));
    desk.release_appends(Ok(0));
    assert_eq!(desk.synced(sync), (ErrorCode::NONE, Bytes::from("all")));
    assert_eq!(desk.state(), Some(GroupState::Stable));
    let stabilized = TraceEvent::GroupStabilized {
        group: "g".to_owned(),
        generation: 1,
        members: vec![leader.clone()],
    };
    assert!(desk.traces.contains(&stabilized));
    let expected = "[GroupCoordinator 1]: Stabilized group g generation 1 (__consumer_offsets-3) \
                    with 1 members";
    assert!(desk.logs.iter().any(|line| line == expected), "{:#?}", desk.logs);
    // Asking again gives the same.
    let again = desk.sync(&leader, 1, &[]);
    assert_eq!(desk.synced(again), (ErrorCode::NONE, Bytes::from("all")));
}

#[test]
fn an_assignment_that_cannot_be_stored_starts_the_rebalance_again() {
    let mut desk = Desk::new();
    desk.hold_appends = true;
    let leader = desk.new_member("c1");
    desk.join(&leader);
    desk.pass(ms(3_000));
    let sync = desk.sync(&leader, 1, &[(&leader, "all")]);
    desk.release_appends(Err(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!(desk.synced(sync).0, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
}

/// The table of requests and states.
#[test]
fn every_request_has_its_answer_in_every_state() {
    let (mut desk, leader, second) = stable_pair();
    // Stable.
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::NONE);
    assert_eq!(desk.heartbeat(&leader, 0), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.heartbeat("nobody", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.commit(&second, 1, 5), ErrorCode::NONE);
    assert_eq!(desk.commit(&second, 0, 5), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.commit("nobody", 1, 5), ErrorCode::UNKNOWN_MEMBER_ID);
    let unchanged = desk.join(&second);
    assert_eq!(desk.joined(unchanged).generation_id, 1);
    assert_eq!(desk.state(), Some(GroupState::Stable));

    // PreparingRebalance: a leader that joins again starts it.
    let leader_join = desk.join(&leader);
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    assert_eq!(desk.heartbeat(&second, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(desk.commit(&second, 1, 6), ErrorCode::NONE);
    let sync = desk.sync(&second, 1, &[]);
    assert_eq!(desk.synced(sync).0, ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(desk.reply_to(leader_join).is_none(), "parked");
    let second_join = desk.join(&second);

    // CompletingRebalance: all have joined.
    assert_eq!(desk.state(), Some(GroupState::CompletingRebalance));
    assert_eq!(desk.joined(leader_join).generation_id, 2);
    assert_eq!(desk.joined(second_join).generation_id, 2);
    assert_eq!(desk.heartbeat(&second, 2), ErrorCode::NONE);
    assert_eq!(desk.commit(&second, 2, 7), ErrorCode::REBALANCE_IN_PROGRESS);
    let parked = desk.sync(&second, 2, &[]);
    assert!(desk.reply_to(parked).is_none());
    let resent = desk.join(&second);
    assert_eq!(desk.joined(resent).generation_id, 2);
    // A new member now breaks it off; whoever waits is told so.
    let third = desk.ask_for_member_id("c3");
    desk.join(&third);
    assert_eq!(desk.synced(parked).0, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));

    // Empty: all leave.
    for member in [&leader, &second, &third] {
        assert_eq!(desk.leave(member), ErrorCode::NONE);
    }
    assert_eq!(desk.state(), Some(GroupState::Empty));
    assert_eq!(desk.heartbeat(&leader, 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.leave(&leader), ErrorCode::UNKNOWN_MEMBER_ID);
    let sync = desk.sync(&leader, 2, &[]);
    assert_eq!(desk.synced(sync).0, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.commit("", -1, 8), ErrorCode::NONE, "without a generation");
    assert_eq!(desk.committed(0), (8, ErrorCode::NONE));
    let join = desk.join(&leader);
    assert_eq!(desk.joined(join).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_silent_member_is_removed_and_its_partitions_go_to_the_rest() {
    let (mut desk, leader, second) = stable_pair();
    desk.pass(ms(6_000));
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::NONE);
    desk.pass(ms(4_000));
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    let failed = format!(
        "[GroupCoordinator 1]: Member {second} in group g has failed, removing it \
                          from the group"
    );
    assert!(desk.logs.contains(&failed), "{:#?}", desk.logs);
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let join = desk.join(&leader);
    let response = desk.joined(join);
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
    assert_eq!(desk.commit(&second, 1, 9), ErrorCode::UNKNOWN_MEMBER_ID, "fenced");
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_given_up() {
    let (mut desk, leader, second) = stable_pair();
    let join = desk.join(&leader);
    for _ in 0..12 {
        desk.pass(ms(5_000));
        desk.heartbeat(&second, 1);
    }
    let response = desk.joined(join);
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
    assert_eq!(desk.heartbeat(&second, 1), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_member_that_does_not_sync_in_time_is_given_up() {
    let mut desk = Desk::new();
    let leader = desk.new_member("c1");
    let join = desk.join(&leader);
    desk.pass(ms(3_000));
    assert_eq!(desk.joined(join).generation_id, 1);
    for _ in 0..12 {
        desk.pass(ms(5_000));
        desk.heartbeat(&leader, 1);
    }
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.state(), Some(GroupState::Empty));
}

#[test]
fn the_next_coordinator_goes_on_where_the_last_one_stopped() {
    let (mut desk, leader, second) = stable_pair();
    assert_eq!(desk.commit(&leader, 1, 42), ErrorCode::NONE);
    let parked = desk.join(&leader);
    desk.lose_partition();
    assert_eq!(desk.joined(parked).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::NOT_COORDINATOR);
    assert_eq!(desk.commit(&leader, 1, 43), ErrorCode::NOT_COORDINATOR);
    assert_eq!(desk.committed(0), (-1, ErrorCode::NOT_COORDINATOR));

    desk.load_partition();
    assert_eq!(desk.state(), Some(GroupState::Stable));
    assert_eq!(desk.heartbeat(&leader, 1), ErrorCode::NONE);
    assert_eq!(desk.heartbeat(&second, 1), ErrorCode::NONE);
    assert_eq!(desk.committed(0), (42, ErrorCode::NONE));
    let sync = desk.sync(&second, 1, &[]);
    assert_eq!(desk.synced(sync), (ErrorCode::NONE, Bytes::from("b")));
    // Nobody is heard of again: the group empties.
    desk.pass(Span::from_secs(200));
    assert_eq!(desk.state(), Some(GroupState::Empty));
    desk.lose_partition();
    desk.load_partition();
    assert_eq!(desk.state(), Some(GroupState::Empty));
    assert_eq!(desk.committed(0), (42, ErrorCode::NONE));
}

#[test]
fn a_leader_told_again_of_its_leadership_keeps_its_groups() {
    let (mut desk, leader, second) = stable_pair();
    let parked = desk.join(&leader);
    desk.load_partition();
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    desk.join(&second);
    assert_eq!(desk.joined(parked).generation_id, 2);
}

#[test]
fn a_commit_that_waits_is_answered_when_the_leader_is_lost() {
    let (mut desk, leader, _) = stable_pair();
    desk.hold_appends = true;
    let token = desk.ask_commit(&leader, 1, 5);
    desk.lose_partition();
    desk.release_appends(Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    let response = desk.reply_to(token).cloned();
    assert_eq!(commit_of(response), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn commits_are_refused_one_by_one() {
    let mut desk = Desk::new();
    let results = desk.commit_many(&[("t", 0, "m"), ("nope", 0, ""), ("t", 1, &"x".repeat(4097))]);
    let expected = [
        ErrorCode::NONE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::OFFSET_METADATA_TOO_LARGE,
    ];
    assert_eq!(results, expected);
    assert_eq!(desk.committed(1), (-1, ErrorCode::NONE));
    let committed =
        desk.traces.iter().filter(|one| matches!(one, TraceEvent::OffsetCommitted { .. }));
    assert_eq!(committed.count(), 1);
}

#[test]
fn bad_joins_are_refused_with_kafkas_errors() {
    let (mut desk, _, _) = stable_pair();
    let mut check = |change: fn(&mut JoinGroupRequest), expected| {
        let mut request = Desk::join_request("");
        change(&mut request);
        let token = desk.ask_join(request);
        assert_eq!(desk.joined(token).error_code, expected);
    };
    check(|join| join.session_timeout_ms = 5_999, ErrorCode::INVALID_SESSION_TIMEOUT);
    check(|join| join.group_id = String::new(), ErrorCode::INVALID_GROUP_ID);
    check(|join| join.group_id = "elsewhere".to_owned(), ErrorCode::NOT_COORDINATOR);
    check(|join| join.protocol_type = "connect".to_owned(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(|join| join.protocols.clear(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(|join| join.member_id = "nobody".to_owned(), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn several_members_can_leave_in_one_request() {
    let (mut desk, leader, _) = stable_pair();
    let identity =
        |member: &str| MemberIdentity { member_id: member.to_owned(), group_instance_id: None };
    let request = LeaveGroupRequest {
        group_id: "g".to_owned(),
        members: vec![identity(&leader), identity("nobody")],
        ..LeaveGroupRequest::default()
    };
    let context = desk.context();
    desk.act(|one, now| one.handle_leave_group(now, &context, request));
    let Some(AnyResponse::LeaveGroup(response)) = desk.reply_to(context.token) else {
        panic!("answered")
    };
    let codes: Vec<ErrorCode> = response.members.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID]);
    assert_eq!(response.error_code, ErrorCode::NONE);
}

#[test]
fn version_0_keeps_offsets_in_zookeeper() {
    let mut desk = Desk::new();
    desk.api_version = 0;
    assert_eq!(desk.committed(0), (-1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(desk.commit("", -1, 7), ErrorCode::NONE);
    assert_eq!(desk.znodes["/consumers/g/offsets/t/0"], "7");
    assert_eq!(desk.commit("", -1, 9), ErrorCode::NONE);
    assert_eq!(desk.committed(0), (9, ErrorCode::NONE));
    assert!(desk.log.is_empty(), "nothing in __consumer_offsets");
}

#[test]
fn the_view_shows_members_and_offsets() {
    let (mut desk, leader, _) = stable_pair();
    desk.commit(&leader, 1, 3);
    let view = desk.coordinator.view();
    assert_eq!((view.len(), view[0].state.as_str(), view[0].generation), (1, "Stable", 1));
    assert_eq!(view[0].leader.as_ref(), Some(&leader));
    assert!(view[0].members.iter().all(|member| member.session_expires.is_some()));
    assert_eq!(view[0].offsets[0].1, 3);
}

#[test]
fn a_group_id_may_be_any_text() {
    let mut desk = Desk::with(&[("offsets.topic.num.partitions", "1")]);
    desk.lose_partition();
    desk.act(|one, now| one.on_elected(now, 0, 0));
    desk.pass(desk::READ_LATENCY);
    let ids = ["grüße", "a/b c", "🦀", "\0", "..", &"x".repeat(5_000)];
    let request = |id: &str| OffsetCommitRequest {
        group_id: id.to_owned(),
        generation_id: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: "t".to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: 5,
                ..OffsetCommitRequestPartition::default()
            }],
        }],
        ..OffsetCommitRequest::default()
    };
    for id in ids {
        let token = desk.ask_commit_request(request(id));
        assert_eq!(commit_of(desk.reply_to(token).cloned()), ErrorCode::NONE, "{id}");
    }
    desk.act(|one, now| one.on_partition_lost(now, 0));
    desk.act(|one, now| one.on_elected(now, 0, 0));
    desk.pass(desk::READ_LATENCY);
    for id in ids {
        assert_eq!(desk.state_of(id), Some(GroupState::Empty), "{id}");
    }
}
