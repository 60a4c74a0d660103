//! Requests about groups that a real 2.8.2 cluster was sent, and what it answered, byte for byte.

use super::desk::Desk;
use crate::broker::group::{GroupAction, GroupCoordinator};
use crate::wire::batch::Batches;
use crate::wire::kafka::{AnyRequest, ApiKey, ListGroupsResponse, decode_request, decode_response};
use bytes::Bytes;

const FRAMES: &str = include_str!("../../../../tests/golden/kafka-frames.txt");
/// The cluster's `offsets.topic.num.partitions`.
const PARTITIONS: (&str, &str) = ("offsets.topic.num.partitions", "5");
const SEGMENT_0: &[u8] =
    include_bytes!("../../../../tests/golden/segments/__consumer_offsets-0.segment");
const SEGMENT_2: &[u8] =
    include_bytes!("../../../../tests/golden/segments/__consumer_offsets-2.segment");

fn bytes(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// The request and response of an API and version with that correlation id.
fn recorded(api: ApiKey, version: i16, correlation_id: i32) -> (AnyRequest, Bytes) {
    let prefix = format!("{} {version} ", api as i16);
    for line in FRAMES.lines().filter(|line| line.starts_with(&prefix)) {
        let mut words = line.split(' ').skip(2);
        let request = bytes(words.next().expect("a request"));
        let (header, request) = decode_request(&request).expect("a recorded request");
        if header.correlation_id == correlation_id {
            return (request, bytes(words.next().expect("a response")));
        }
    }
    panic!("{prefix}{correlation_id} is not recorded")
}

/// The answer to a recorded request, in bytes.
fn answer(desk: &mut Desk, version: i16, correlation_id: i32, request: AnyRequest) -> Bytes {
    desk.api_version = version;
    let context = desk.context();
    let metadata = desk.metadata.clone();
    desk.act(|one: &mut GroupCoordinator, now| -> Vec<GroupAction> {
        match request {
            AnyRequest::OffsetCommit(request) => {
                one.handle_offset_commit(now, &context, request, &metadata)
            }
            AnyRequest::OffsetFetch(request) => {
                one.handle_offset_fetch(now, &context, request, &metadata)
            }
            AnyRequest::Heartbeat(request) => one.handle_heartbeat(now, &context, &request),
            AnyRequest::DescribeGroups(request) => one.handle_describe_groups(&context, &request),
            AnyRequest::ListGroups(request) => one.handle_list_groups(&context, &request),
            AnyRequest::DeleteGroups(request) => one.handle_delete_groups(now, &context, &request),
            other => panic!("not about groups: {other:?}"),
        }
    });
    let response = desk.reply_to(context.token).expect("it is answered");
    response.to_frame(version, correlation_id)
}

fn check(desk: &mut Desk, api: ApiKey, version: i16, correlation_id: i32) {
    let (request, expected) = recorded(api, version, correlation_id);
    let ours = answer(desk, version, correlation_id, request);
    assert_eq!(ours, expected, "{api:?} v{version} #{correlation_id}");
}

/// A coordinator of one partition, with what the real one had in it.
fn coordinator(partition: i32, log: &[u8]) -> Desk {
    let mut desk = Desk::with(&[PARTITIONS]);
    desk.lose_partition();
    desk.log = log.to_vec();
    let size = log.len() as u64;
    desk.act(|one, now| one.on_elected(now, partition, size));
    desk.pass(super::desk::READ_LATENCY);
    desk
}

#[test]
fn offsets_in_zookeeper_are_answered_as_kafka_does() {
    let mut desk = coordinator(0, SEGMENT_0);
    desk.add_topic("orders", 3);
    for (partition, offset) in [("0", "5"), ("1", "7")] {
        let path = format!("/consumers/legacy-group/offsets/orders/{partition}");
        desk.znodes.insert(path, Bytes::from(offset));
    }
    check(&mut desk, ApiKey::OffsetFetch, 0, 102);
    desk.znodes.clear();
    check(&mut desk, ApiKey::OffsetCommit, 0, 103);
    assert_eq!(desk.znodes["/consumers/legacy-group/offsets/orders/1"], "7");
    assert!(desk.znodes.contains_key("/consumers/legacy-group"), "parents are made");
    check(&mut desk, ApiKey::OffsetCommit, 0, 105);
    check(&mut desk, ApiKey::OffsetFetch, 0, 106);
}

#[test]
fn a_group_elsewhere_is_answered_as_kafka_does() {
    check(&mut coordinator(1, &[]), ApiKey::Heartbeat, 0, 129);
}

#[test]
fn groups_are_listed_as_kafka_does_but_for_their_order() {
    let (request, expected) = recorded(ApiKey::ListGroups, 4, 3);
    let ours = answer(&mut coordinator(0, SEGMENT_0), 4, 3, request);
    assert_eq!(ours.len(), expected.len());
    let sorted = |frame: &Bytes| {
        let decoded = decode_response::<ListGroupsResponse>(frame, 4);
        let (_, mut response) = decoded.expect("a response");
        response.groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        response
    };
    assert_eq!(sorted(&ours), sorted(&expected));
}

#[test]
fn a_group_is_described_and_deleted_as_kafka_does() {
    // The recorded partition ends with the tombstones of that deletion.
    let last = Batches::new(SEGMENT_2).last().expect("a batch").size();
    let mut desk = coordinator(2, &SEGMENT_2[..SEGMENT_2.len() - last]);
    check(&mut desk, ApiKey::DescribeGroups, 5, 5);
    let before = desk.log.len();
    check(&mut desk, ApiKey::DeleteGroups, 2, 5);
    assert_eq!(desk.log.len() - before, last, "the same tombstones, in another order");
}
