//! Deletion and expiry of groups and offsets.

use super::desk::{Desk, ms};
use crate::base::{Span, TopicPartition};
use crate::broker::group::state::GroupState;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, ConsumerProtocolSubscription, DeleteGroupsRequest, DescribeGroupsRequest,
    JoinGroupRequest, JoinGroupRequestProtocol, ListGroupsRequest, OffsetDeleteRequest,
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, Versioned,
};

fn delete_groups(desk: &mut Desk, groups: &[&str]) -> Vec<ErrorCode> {
    let groups_names = groups.iter().map(|group| (*group).to_owned()).collect();
    let context = desk.context();
    desk.act(|one, now| {
        one.handle_delete_groups(now, &context, &DeleteGroupsRequest { groups_names })
    });
    match desk.reply_to(context.token) {
        Some(AnyResponse::DeleteGroups(response)) => {
            response.results.iter().map(|result| result.error_code).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn delete_offsets(desk: &mut Desk, group: &str, topics: &[&str]) -> (ErrorCode, Vec<ErrorCode>) {
    let topics = topics.iter().map(|topic| OffsetDeleteRequestTopic {
        name: (*topic).to_owned(),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    });
    let request = OffsetDeleteRequest { group_id: group.to_owned(), topics: topics.collect() };
    let token = desk.ask_offset_delete(&request);
    match desk.reply_to(token) {
        Some(AnyResponse::OffsetDelete(response)) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            (response.error_code, partitions.map(|one| one.error_code).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn described_state(desk: &mut Desk, group: &str) -> (ErrorCode, String) {
    let request = DescribeGroupsRequest {
        groups: vec![group.to_owned()],
        include_authorized_operations: true,
    };
    let context = desk.context();
    desk.act(|one, _| one.handle_describe_groups(&context, &request));
    match desk.reply_to(context.token) {
        Some(AnyResponse::DescribeGroups(response)) => {
            let group = &response.groups[0];
            let expected = if group.error_code.is_ok() { 328 } else { i32::MIN };
            assert_eq!(group.authorized_operations, expected);
            (group.error_code, group.group_state.clone())
        }
        other => panic!("{other:?}"),
    }
}

/// Joins and syncs one consumer that subscribes to `topic`; its member id.
fn consumer(desk: &mut Desk, topic: &str) -> String {
    let subscription = ConsumerProtocolSubscription {
        topics: vec![topic.to_owned()],
        ..ConsumerProtocolSubscription::default()
    };
    let metadata = subscription.to_bytes(1);
    let protocols = vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata }];
    let member = desk.ask_for_member_id("c1");
    desk.ask_join(JoinGroupRequest { protocols, ..Desk::join_request(&member) });
    desk.pass(ms(3_000));
    desk.sync(&member, 1, &[(&member, "a")]);
    assert_eq!(desk.state(), Some(GroupState::Stable));
    member
}

#[test]
fn only_empty_groups_can_be_deleted() {
    let mut desk = Desk::new();
    let member = consumer(&mut desk, "t");
    assert_eq!(desk.commit(&member, 1, 5), ErrorCode::NONE);
    assert_eq!(delete_groups(&mut desk, &["g"]), [ErrorCode::NON_EMPTY_GROUP]);
    assert_eq!(desk.leave(&member), ErrorCode::NONE);
    assert_eq!(
        delete_groups(&mut desk, &["g", "elsewhere"]),
        [ErrorCode::NONE, ErrorCode::NOT_COORDINATOR]
    );
    let deleted = "[GroupCoordinator 1]: The following groups were deleted: g. A total of 1 offsets \
                   were removed.";
    assert!(desk.logs.iter().any(|line| line == deleted), "{:#?}", desk.logs);
    assert_eq!(delete_groups(&mut desk, &["g"]), [ErrorCode::GROUP_ID_NOT_FOUND]);
    assert_eq!(described_state(&mut desk, "g"), (ErrorCode::NONE, "Dead".to_owned()));
    // The tombstones say so to the next coordinator.
    desk.lose_partition();
    desk.load_partition();
    assert_eq!(desk.state(), None);
    assert_eq!(desk.committed(0), (-1, ErrorCode::NONE));
}

#[test]
fn offsets_of_topics_that_are_read_cannot_be_deleted() {
    let mut desk = Desk::new();
    let nobody = (ErrorCode::GROUP_ID_NOT_FOUND, Vec::new());
    assert_eq!(delete_offsets(&mut desk, "g", &["t"]), nobody);
    assert_eq!(delete_offsets(&mut desk, "", &["t"]).0, ErrorCode::INVALID_GROUP_ID);
    let member = consumer(&mut desk, "t");
    assert_eq!(desk.commit(&member, 1, 5), ErrorCode::NONE);
    assert_eq!(desk.commit_to(&member, 1, "u", 6), ErrorCode::NONE);
    let errors = vec![
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
        ErrorCode::NONE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ];
    assert_eq!(delete_offsets(&mut desk, "g", &["t", "u", "nope"]), (ErrorCode::NONE, errors));
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    desk.leave(&member);
    assert_eq!(desk.state(), Some(GroupState::Empty));
    // The last offset takes the group with it.
    assert_eq!(delete_offsets(&mut desk, "g", &["t"]), (ErrorCode::NONE, vec![ErrorCode::NONE]));
    assert_eq!(desk.state(), None);
    let died = "[GroupCoordinator 1]: Group g transitioned to Dead in generation 2";
    assert!(desk.logs.iter().any(|line| line == died), "{:#?}", desk.logs);
}

#[test]
fn a_group_of_another_kind_keeps_its_offsets_while_it_has_members() {
    let mut desk = Desk::new();
    desk.api_version = 3;
    let request =
        JoinGroupRequest { protocol_type: "connect".to_owned(), ..Desk::join_request("") };
    desk.ask_join(request);
    desk.pass(ms(3_000));
    assert_eq!(delete_offsets(&mut desk, "g", &["t"]).0, ErrorCode::NON_EMPTY_GROUP);
}

#[test]
fn offsets_of_an_empty_group_expire_a_retention_after_its_last_member() {
    let mut desk = Desk::with(&[("offsets.retention.minutes", "60")]);
    let member = consumer(&mut desk, "t");
    desk.commit(&member, 1, 5);
    for _ in 0..1_000 {
        desk.pass(ms(9_000));
        desk.heartbeat(&member, 1);
    }
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE), "two and a half hours old, but read");
    desk.leave(&member);
    desk.pass(Span::from_secs(59 * 60));
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    // Looked at every ten minutes.
    desk.pass(Span::from_secs(11 * 60));
    assert_eq!(desk.committed(0), (-1, ErrorCode::NONE));
    assert_eq!(desk.state(), None, "nothing is left of it");
    let removed = "[GroupCoordinator 1]: Removed 1 expired offsets in 0 milliseconds.";
    assert!(desk.logs.iter().any(|line| line == removed), "{:#?}", desk.logs);
    desk.lose_partition();
    desk.load_partition();
    assert_eq!(desk.state(), None);
    assert!(desk.coordinator.next_wakeup().is_none(), "and nothing more to look at");
}

#[test]
fn offsets_of_a_topic_that_is_not_read_any_more_expire_while_the_group_lives() {
    let mut desk = Desk::with(&[("offsets.retention.minutes", "60")]);
    let member = consumer(&mut desk, "t");
    desk.commit(&member, 1, 5);
    desk.commit_to(&member, 1, "u", 6);
    for _ in 0..500 {
        desk.pass(ms(9_000));
        desk.heartbeat(&member, 1);
    }
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    assert_eq!(desk.committed_in("u"), (-1, ErrorCode::NONE));
}

#[test]
fn offsets_without_a_group_expire_a_retention_after_their_commit() {
    let mut desk = Desk::with(&[("offsets.retention.minutes", "60")]);
    assert_eq!(desk.commit("", -1, 5), ErrorCode::NONE);
    desk.pass(Span::from_secs(55 * 60));
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    assert_eq!(desk.commit("", -1, 6), ErrorCode::NONE);
    desk.pass(Span::from_secs(55 * 60));
    assert_eq!(desk.committed(0), (6, ErrorCode::NONE));
    desk.pass(Span::from_secs(16 * 60));
    assert_eq!(desk.committed(0), (-1, ErrorCode::NONE));
}

#[test]
fn an_offset_that_is_being_committed_does_not_expire() {
    let mut desk = Desk::with(&[("offsets.retention.minutes", "60")]);
    assert_eq!(desk.commit("", -1, 5), ErrorCode::NONE);
    desk.hold_appends = true;
    let token = desk.ask_commit("", -1, 6);
    desk.pass(Span::from_secs(3 * 60 * 60));
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    desk.release_appends(Ok(1_000));
    assert_eq!(super::desk::commit_of(desk.reply_to(token).cloned()), ErrorCode::NONE);
    assert_eq!(desk.committed(0), (6, ErrorCode::NONE));
}

#[test]
fn the_later_of_two_commits_counts_whichever_is_heard_of_first() {
    let mut desk = Desk::new();
    desk.hold_appends = true;
    desk.ask_commit("", -1, 5);
    desk.ask_commit("", -1, 6);
    desk.release_appends_backwards();
    assert_eq!(desk.committed(0), (6, ErrorCode::NONE));
}

#[test]
fn a_deleted_topic_takes_its_offsets_with_it() {
    let mut desk = Desk::new();
    desk.commit("", -1, 5);
    desk.commit_to("", -1, "u", 6);
    let gone = [TopicPartition::new("t", 0)];
    desk.act(|one, now| one.on_partitions_deleted(now, &gone));
    assert_eq!(desk.committed(0), (-1, ErrorCode::NONE));
    assert_eq!(desk.committed_in("u"), (6, ErrorCode::NONE));
}

#[test]
fn groups_are_listed_by_their_states() {
    let mut desk = Desk::new();
    desk.commit("", -1, 5);
    let mut list = |states: &[&str]| {
        let states_filter = states.iter().map(|state| (*state).to_owned()).collect();
        let context = desk.context();
        desk.act(|one, _| one.handle_list_groups(&context, &ListGroupsRequest { states_filter }));
        match desk.reply_to(context.token) {
            Some(AnyResponse::ListGroups(response)) => {
                response.groups.iter().map(|group| group.group_state.clone()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(&[]), ["Empty"]);
    assert_eq!(list(&["Stable", "Empty"]), ["Empty"]);
    assert!(list(&["Stable"]).is_empty());
}

#[test]
fn while_its_groups_are_read_a_coordinator_asks_for_patience() {
    let mut desk = Desk::new();
    let member = consumer(&mut desk, "t");
    desk.commit(&member, 1, 5);
    desk.lose_partition();
    desk.elect();
    let loading = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    let join = desk.join(&member);
    assert_eq!(desk.joined(join).error_code, loading);
    assert_eq!(desk.heartbeat(&member, 1), ErrorCode::NONE, "it may well be a member");
    let sync = desk.sync(&member, 1, &[]);
    assert_eq!(desk.synced(sync).0, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(desk.commit(&member, 1, 6), loading);
    assert_eq!(desk.committed(0), (-1, loading));
    assert_eq!(desk.leave(&member), loading);
    assert_eq!(delete_groups(&mut desk, &["g"]), [loading]);
    assert_eq!(described_state(&mut desk, "g").0, loading);
    desk.pass(super::desk::READ_LATENCY);
    assert_eq!(desk.committed(0), (5, ErrorCode::NONE));
    // A leadership that is lost meanwhile ends the reading.
    desk.lose_partition();
    desk.elect();
    desk.lose_partition();
    desk.pass(super::desk::READ_LATENCY);
    assert_eq!(desk.committed(0), (-1, ErrorCode::NOT_COORDINATOR));
}

#[test]
fn a_group_takes_no_more_members_than_its_limit() {
    let mut desk = Desk::with(&[("group.max.size", "1")]);
    consumer(&mut desk, "t");
    let refused = desk.join("");
    assert_eq!(desk.joined(refused).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(desk.joined(refused).member_id, "");
}

#[test]
fn a_group_that_is_over_its_limit_when_it_is_read_rebalances() {
    let mut desk = Desk::new();
    desk.api_version = 3;
    let (first, second) = (desk.join(""), desk.join(""));
    desk.pass(ms(6_000));
    let (leader, other) = (desk.joined(first).member_id, desk.joined(second).member_id);
    desk.sync(&leader, 1, &[(&leader, "a"), (&other, "b")]);
    let log = std::mem::take(&mut desk.log);

    let mut desk = Desk::with(&[("group.max.size", "1")]);
    desk.log = log;
    desk.lose_partition();
    desk.load_partition();
    assert_eq!(desk.state(), Some(GroupState::PreparingRebalance));
    let reason = "Freshly-loaded group is over capacity (GroupConfig(6000,1800000,1,3000)\
                  .groupMaxSize). Rebalacing in order to give a chance for consumers to commit \
                  offsets";
    assert!(desk.logs.iter().any(|line| line.contains(reason)), "{:#?}", desk.logs);
    // Whoever is faster stays.
    let stays = desk.join(&other);
    let goes = desk.join(&leader);
    assert_eq!(desk.joined(goes).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(desk.joined(stays).generation_id, 2);
}
