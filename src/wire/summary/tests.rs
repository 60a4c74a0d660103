//! The lines of recorded conversations, and of damaged ones.

use super::*;
use crate::base::SortedMap;
use crate::wire::batch::RecordBatchBuilder;
use crate::wire::conversation::{Conversation, Direction, Protocol};
use crate::wire::kafka::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchablePartitionResponse,
    FetchableTopicResponse, MetadataRequest, MetadataResponse, PartitionProduceData,
    ProduceRequest, TopicProduceData, encode_request, encode_response,
};

fn unhex(hex: &str) -> Bytes {
    (0..hex.len() / 2)
        .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex"))
        .collect()
}

fn kafka_frames() -> Vec<(Bytes, Option<Bytes>)> {
    include_str!("../../../tests/golden/kafka-frames.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (unhex(words[2]), (words[3] != "-").then(|| unhex(words[3])))
        })
        .collect()
}

/// The summaries of every recorded exchange, each on a connection of its own.
fn kafka_summaries() -> Vec<FrameSummary> {
    let mut summaries = Vec::new();
    for (request, response) in kafka_frames() {
        let mut conversation = Conversation::new(Protocol::Kafka);
        summaries.push(conversation.see(Direction::ToServer, &request));
        if let Some(response) = response {
            summaries.push(conversation.see(Direction::ToClient, &response));
        }
    }
    summaries
}

#[test]
fn recorded_requests_and_responses_have_their_lines() {
    let labels: Vec<String> = kafka_summaries().into_iter().map(|line| line.label).collect();
    for expected in EXPECTED_KAFKA {
        assert!(labels.iter().any(|label| label == expected), "{expected}\n{labels:#?}");
    }
}

#[test]
fn recorded_zookeeper_sessions_have_their_lines() {
    let mut conversations = SortedMap::new();
    let mut labels = Vec::new();
    let frames = include_str!("../../../tests/golden/zookeeper-frames.txt");
    for line in frames.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let conversation =
            conversations.entry(words[0]).or_insert_with(|| Conversation::new(Protocol::ZooKeeper));
        let direction = if words[1] == ">" { Direction::ToServer } else { Direction::ToClient };
        let summary = conversation.see(direction, &unhex(words[2]));
        assert_ne!(summary.shape, FrameShape::Opaque, "{}", summary.label);
        labels.push(summary.label);
    }
    for expected in EXPECTED_ZOOKEEPER {
        assert!(labels.iter().any(|label| label == expected), "{expected}\n{labels:#?}");
    }
}

#[test]
fn frames_have_the_kinds_of_the_stage() {
    let kinds: SortedMap<String, FrameKind> =
        kafka_summaries().into_iter().map(|line| (line.label, line.kind)).collect();
    assert_eq!(kinds["Produce v9 orders-1 ×5"], FrameKind::Produce);
    assert_eq!(kinds["Produce → test4-0 REQUEST_TIMED_OUT"], FrameKind::Answer);
    assert_eq!(kinds["Fetch → orders-1@0 54 records"], FrameKind::Fetch);
    assert_eq!(kinds["Fetch → no records"], FrameKind::Heartbeat);
    assert_eq!(kinds["JoinGroup → MEMBER_ID_REQUIRED"], FrameKind::Group);
    assert_eq!(kinds["Heartbeat v4 group analytics generation 1"], FrameKind::Heartbeat);
    assert_eq!(kinds["LeaderAndIsr v5 small-segments-0 leader 3 epoch 0"], FrameKind::Coordination);
}

#[test]
fn a_produce_tells_topic_partition_key_and_count() {
    let mut batch = RecordBatchBuilder::default();
    batch.append(1, None, Some(b"a"), &[]);
    batch.append(2, Some(b"k1"), Some(b"b"), &[]);
    let request = produce(-1, &batch.build());
    let mut conversation = Conversation::new(Protocol::Kafka);
    let frame = encode_request(&request, 9, 1, None);
    let summary = conversation.see(Direction::ToServer, &frame);
    assert_eq!(summary.label, "Produce v9 orders-2 ×2");
    assert_eq!((summary.topic.as_deref(), summary.partition), (Some("orders"), Some(2)));
    assert_eq!((summary.key.as_deref(), summary.records), (Some("k1"), 2));
    let tree = describe(&frame, summary.shape);
    assert_eq!(find(&tree, "key").expect("inside the batch").value, "null");
    assert_eq!(
        find(&tree, "[1]").expect("the second record").child("key").expect("key").value,
        "k1"
    );
}

#[test]
fn a_follower_replicates_and_repeats_itself_quietly() {
    let mut conversation = Conversation::new(Protocol::Kafka);
    let fetch = |offset| FetchRequest {
        replica_id: 2,
        topics: vec![FetchTopic {
            topic: "orders".to_owned(),
            partitions: vec![FetchPartition { fetch_offset: offset, ..Default::default() }],
        }],
        ..Default::default()
    };
    let mut ask = |correlation_id, offset| {
        let frame = encode_request(&fetch(offset), 12, correlation_id, None);
        conversation.see(Direction::ToServer, &frame)
    };
    let first = ask(1, 5);
    assert_eq!(first.label, "Fetch v12 by broker 2 orders-0@5");
    assert_eq!(first.kind, FrameKind::Replicate);
    assert_eq!(ask(2, 5).kind, FrameKind::Heartbeat);
    assert_eq!(ask(3, 6).kind, FrameKind::Replicate);
    let mut batch = RecordBatchBuilder::default();
    batch.fields.base_offset = 5;
    batch.append(1, Some(b"k"), None, &[]);
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "orders".to_owned(),
            partition_responses: vec![FetchablePartitionResponse {
                record_set: Some(batch.build()),
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let frame = encode_response(&response, 12, 1);
    let summary = conversation.see(Direction::ToClient, &frame);
    assert_eq!(summary.label, "Fetch → orders-0@5 1 record");
    assert_eq!((summary.kind, summary.is_response), (FrameKind::Replicate, true));
}

#[test]
fn a_request_without_an_answer_is_passed_over() {
    let mut conversation = Conversation::new(Protocol::Kafka);
    let unanswered = encode_request(&produce(0, &Bytes::new()), 9, 1, None);
    conversation.observe(Direction::ToServer, &unanswered);
    let frame = encode_request(&MetadataRequest::default(), 11, 2, None);
    conversation.observe(Direction::ToServer, &frame);
    let frame = encode_response(&MetadataResponse::default(), 11, 2);
    let summary = conversation.see(Direction::ToClient, &frame);
    assert_eq!(summary.label, "Metadata → 0 brokers");
    let again = conversation.observe(Direction::ToClient, &frame);
    assert_eq!(again, FrameShape::Opaque);
}

#[test]
fn a_conversation_survives_being_stored() {
    let mut conversation = Conversation::new(Protocol::Kafka);
    let frame = encode_request(&FetchRequest::default(), 12, 7, Some("c"));
    let summary = conversation.see(Direction::ToServer, &frame);
    let stored = postcard::to_stdvec(&(&conversation, &summary)).expect("storable");
    let restored: (Conversation, FrameSummary) = postcard::from_bytes(&stored).expect("readable");
    assert_eq!(restored, (conversation, summary));
}

#[test]
fn damaged_frames_have_lines_and_trees_too() {
    for (request, response) in kafka_frames().into_iter().step_by(5) {
        let mut conversation = Conversation::new(Protocol::Kafka);
        conversation.observe(Direction::ToServer, &request);
        let frames = [(Direction::ToServer, Some(request)), (Direction::ToClient, response)];
        for (direction, frame) in frames {
            let Some(frame) = frame else { continue };
            for position in (0..frame.len()).step_by(3) {
                let mut bytes = frame.to_vec();
                bytes[position] = !bytes[position];
                let bytes = Bytes::from(bytes);
                let summary = conversation.clone().see(direction, &bytes);
                assert!(!summary.label.is_empty());
                assert_eq!(describe(&bytes, summary.shape).end as usize, bytes.len());
            }
        }
    }
}

fn produce(acks: i16, records: &Bytes) -> ProduceRequest {
    ProduceRequest {
        acks,
        topic_data: vec![TopicProduceData {
            name: "orders".to_owned(),
            partition_data: vec![PartitionProduceData { index: 2, records: Some(records.clone()) }],
        }],
        ..Default::default()
    }
}

fn find<'a>(node: &'a FieldNode, name: &str) -> Option<&'a FieldNode> {
    if node.name == name {
        return Some(node);
    }
    node.children.iter().find_map(|child| find(child, name))
}

const EXPECTED_KAFKA: &[&str] = &[
    "AddPartitionsToTxn v0 tx-1 txn-1",
    "ApiVersions v3",
    "ApiVersions → UNSUPPORTED_VERSION",
    "ControlledShutdown v3 broker 3",
    "DescribeConfigs v4 test4",
    "EndTxn v1 tx-1 commit",
    "Fetch v12 orders-2@0",
    "Fetch → codecs-0 NOT_LEADER_OR_FOLLOWER",
    "Fetch → no records",
    "Fetch → orders-1@0 54 records",
    "FindCoordinator v3 group analytics",
    "FindCoordinator → broker 2",
    "Heartbeat v4 group analytics generation 1",
    "Heartbeat → ok",
    "JoinGroup v7 group analytics",
    "JoinGroup → MEMBER_ID_REQUIRED",
    "JoinGroup → generation 1 leader of 1 members",
    "LeaderAndIsr v5 small-segments-0 leader 3 epoch 0",
    "ListOffsets v6 txn-1 earliest",
    "ListOffsets → orders-0@0",
    "Metadata v11 all topics",
    "Metadata v11 orders",
    "Metadata → 3 brokers orders",
    "OffsetCommit v8 group analytics orders-2@25, orders-0@23, orders-1@54",
    "OffsetFetch v7 group analytics orders-2",
    "OffsetFetch → orders-2@25",
    "Produce v9 orders-1 ×5",
    "Produce → test4-0 REQUEST_TIMED_OUT",
    "StopReplica v3 gone-0",
    "SyncGroup v5 group analytics generation 3",
    "SyncGroup → orders-2",
    "UpdateMetadata v7 2 brokers",
];

const EXPECTED_ZOOKEEPER: &[&str] = &[
    "NodeChildrenChanged /brokers/ids",
    "NodeCreated /controller",
    "closeSession → ok",
    "connect timeout 6000 ms",
    "connect → session 0x100004f0f5b0000 timeout 6000 ms",
    "create /brokers/ids",
    "create → NodeExists",
    "exists /controller and watch",
    "exists → version 0",
    "getChildren2 /brokers/ids and watch",
    "getChildren2 → 3 children",
    "getData /controller and watch",
    "getData → 54 bytes, version 0",
    "multi check /controller_epoch, delete /admin/preferred_replica_election",
    "multi create /controller, setData /controller_epoch",
    "multi → 2 operations",
    "multi → NoNode",
    "ping → ok",
    "setData /config/topics/test4",
];
