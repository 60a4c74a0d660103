//! Every request that was recorded from a real cluster, of clients, tools and brokers, sent to ours:
//! what it answers has the form of what was recorded. Where the words matter too, `golden_requests`
//! and the tests beside the group coordinator compare them.

use super::golden_requests::{Recorded, recorded};
use super::outside::Outside;
use kafkarium::base::{SortedMap, SortedSet, Span};
use kafkarium::wire::kafka::*;
use kafkarium::wire::{FieldNode, Uuid};

/// APIs of transactions, which are not answered yet, and one that Kafka does not know.
const NOT_ANSWERED: [i16; 6] = [24, 25, 26, 27, 28, 99];

/// APIs whose outcome hangs on what went before, of which the recording keeps only some: fetches,
/// members of groups, what was created or changed already, brokers that were dead.
const HANG_ON_THE_PAST: [ApiKey; 16] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::LeaderAndIsr,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::CreateTopics,
    ApiKey::InitProducerId,
    ApiKey::CreatePartitions,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::AlterIsr,
    ApiKey::DeleteRecords,
];

/// What differs between two frames in form: names and types of fields, at the path told. Elements of
/// a list are alike, so a list that is empty in one of them can be compared no further.
fn difference(ours: &FieldNode, theirs: &FieldNode, path: &str) -> Option<String> {
    let path = format!("{path}/{}", theirs.name);
    if ours.type_name != theirs.type_name {
        return Some(format!("{path}: {} and {}", ours.type_name, theirs.type_name));
    }
    let (ours, theirs) = (parts(ours), parts(theirs));
    let (Some(first), Some(like)) = (ours.first(), theirs.first()) else { return None };
    if first.name == "[0]" && like.name == "[0]" {
        return ours.iter().find_map(|one| difference(one, like, &path));
    }
    let names = |parts: &[&FieldNode]| -> Vec<String> {
        parts.iter().map(|part| part.name.to_string()).collect()
    };
    if names(&ours) != names(&theirs) {
        return Some(format!("{path}: {:?} and {:?}", names(&ours), names(&theirs)));
    }
    ours.iter().zip(&theirs).find_map(|(ours, theirs)| difference(ours, theirs, &path))
}

/// The fields inside a field. The records of a batch, which stand beside its other fields and may be
/// compressed, are what a producer sent.
fn parts(node: &FieldNode) -> Vec<&FieldNode> {
    let is_record = |part: &&FieldNode| part.type_name == "record" || part.name == "records";
    let is_batch = node.children.iter().any(|part| part.name == "base_sequence");
    let is_compressed = |part: &&FieldNode| part.type_name == "compressed_records";
    let parts = node.children.iter();
    parts.filter(|part| !(is_batch && (is_record(part) || is_compressed(part)))).collect()
}

/// All error codes of a frame.
fn errors(node: &FieldNode, into: &mut SortedSet<String>) {
    if node.name == "error_code" {
        into.insert(node.value.clone());
    }
    for child in &node.children {
        errors(child, into);
    }
}

/// Names that a cluster gives itself, of the recorded one and of ours.
#[derive(Default)]
struct Renamed {
    topics: SortedMap<Uuid, Uuid>,
    members: SortedMap<String, String>,
}

impl Renamed {
    fn topic(&self, id: &mut Uuid) {
        *id = self.topics.get(id).copied().unwrap_or(*id);
    }

    fn member(&self, id: &mut String) {
        if let Some(ours) = self.members.get(id) {
            ours.clone_into(id);
        }
    }
}

/// The topics of the recorded cluster as they were in the middle of the recording.
fn topics() -> Vec<MetadataResponseTopic> {
    let all = recorded().into_iter().filter(|one| one.api == ApiKey::Metadata as i16);
    let all = all.filter_map(|one| {
        let (_, response) = decode_response::<MetadataResponse>(&one.response, one.version).ok()?;
        Some(response.topics)
    });
    let mut topics = all.max_by_key(Vec::len).expect("all topics were asked for");
    // One that was there in another part of the recording.
    let replicas = [vec![1, 2, 3], vec![3, 1, 2], vec![2, 3, 1]];
    let partitions = (0..).zip(replicas).map(|(partition_index, replica_nodes)| {
        MetadataResponsePartition { partition_index, replica_nodes, ..Default::default() }
    });
    let name = "test4".to_owned();
    topics.push(MetadataResponseTopic {
        name,
        partitions: partitions.collect(),
        ..Default::default()
    });
    topics
}

fn create_topics(cluster: &mut Outside, renamed: &mut Renamed) {
    for topic in topics() {
        let assignments = topic.partitions.iter().map(|one| CreatableReplicaAssignment {
            partition_index: one.partition_index,
            broker_ids: one.replica_nodes.clone(),
        });
        let wanted = CreatableTopic {
            name: topic.name.clone(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![wanted], timeout_ms: 10_000, validate_only: false };
        let AnyResponse::CreateTopics(response) = cluster.ask(1, request, 7) else {
            panic!("another answer")
        };
        renamed.topics.insert(topic.topic_id, response.topics[0].topic_id);
    }
}

/// The broker that leads the partition in our cluster.
fn leader(cluster: &Outside, topic: &str, partition: i32) -> i32 {
    let leads = |broker: &i32| cluster.led_by(*broker, topic).contains(&partition);
    (1..=3).find(leads).unwrap_or(1)
}

fn coordinator(cluster: &mut Outside, group: &str) -> i32 {
    let request = FindCoordinatorRequest { key: group.to_owned(), key_type: 0 };
    let AnyResponse::FindCoordinator(response) = cluster.ask(1, request, 3) else {
        panic!("another answer")
    };
    response.node_id
}

/// Puts our names into a request, and says whom to send it to.
fn address(cluster: &mut Outside, request: &mut AnyRequest, renamed: &Renamed) -> i32 {
    let controller_epoch = |cluster: &Outside| {
        let controller = cluster.controller();
        let view = cluster.broker(controller).expect("it lives");
        (controller, view.controller_epoch.expect("the controller"))
    };
    match request {
        AnyRequest::Produce(request) => {
            let topic = &request.topic_data[0];
            leader(cluster, &topic.name, topic.partition_data[0].index)
        }
        AnyRequest::Fetch(request) => request
            .topics
            .first()
            .map_or(1, |topic| leader(cluster, &topic.topic, topic.partitions[0].partition)),
        AnyRequest::ListOffsets(request) => {
            let topic = &request.topics[0];
            leader(cluster, &topic.name, topic.partitions[0].partition_index)
        }
        AnyRequest::JoinGroup(request) => {
            renamed.member(&mut request.member_id);
            coordinator(cluster, &request.group_id)
        }
        AnyRequest::SyncGroup(request) => {
            renamed.member(&mut request.member_id);
            for assignment in &mut request.assignments {
                renamed.member(&mut assignment.member_id);
            }
            coordinator(cluster, &request.group_id)
        }
        AnyRequest::Heartbeat(request) => {
            renamed.member(&mut request.member_id);
            coordinator(cluster, &request.group_id)
        }
        AnyRequest::LeaveGroup(request) => {
            renamed.member(&mut request.member_id);
            for member in &mut request.members {
                renamed.member(&mut member.member_id);
            }
            coordinator(cluster, &request.group_id)
        }
        AnyRequest::OffsetCommit(request) => {
            renamed.member(&mut request.member_id);
            coordinator(cluster, &request.group_id)
        }
        AnyRequest::DeleteRecords(request) => {
            let topic = &request.topics[0];
            leader(cluster, &topic.name, topic.partitions[0].partition_index)
        }
        AnyRequest::OffsetFetch(request) => coordinator(cluster, &request.group_id),
        AnyRequest::DescribeGroups(request) => coordinator(cluster, &request.groups[0]),
        AnyRequest::DeleteGroups(request) => coordinator(cluster, &request.groups_names[0]),
        AnyRequest::OffsetDelete(request) => coordinator(cluster, &request.group_id),
        AnyRequest::LeaderAndIsr(request) => {
            (request.controller_id, request.controller_epoch) = controller_epoch(cluster);
            request.broker_epoch = -1;
            for topic in &mut request.topic_states {
                renamed.topic(&mut topic.topic_id);
            }
            2
        }
        AnyRequest::StopReplica(request) => {
            (request.controller_id, request.controller_epoch) = controller_epoch(cluster);
            request.broker_epoch = -1;
            2
        }
        AnyRequest::UpdateMetadata(request) => {
            (request.controller_id, request.controller_epoch) = controller_epoch(cluster);
            request.broker_epoch = -1;
            for broker in &mut request.live_brokers {
                broker.endpoints[0].host = format!("broker-{}", broker.id);
                broker.endpoints[0].port = 9092;
            }
            for topic in &mut request.topic_states {
                renamed.topic(&mut topic.topic_id);
            }
            2
        }
        AnyRequest::AlterIsr(request) => {
            let view = cluster.broker(request.broker_id).expect("it lives");
            request.broker_epoch = view.broker_epoch;
            cluster.controller()
        }
        AnyRequest::ControlledShutdown(request) => {
            let view = cluster.broker(request.broker_id).expect("it lives");
            request.broker_epoch = view.broker_epoch;
            cluster.controller()
        }
        _ => cluster.controller(),
    }
}

/// Whether what a request comes to is the same in both clusters.
fn is_comparable(api: ApiKey, version: i16) -> bool {
    // The oldest lists of offsets were asked of a follower, to see it refuse.
    !HANG_ON_THE_PAST.contains(&api) && (api, version) != (ApiKey::ListOffsets, 0)
}

#[test]
fn every_recorded_request_is_answered_in_kafkas_form() {
    let properties =
        [("offsets.topic.num.partitions", "5"), ("auto.create.topics.enable", "false")];
    let mut cluster = Outside::new(3, &properties);
    let mut renamed = Renamed::default();
    create_topics(&mut cluster, &mut renamed);
    cluster.pass(Span::from_secs(2));
    let mut forms = SortedSet::new();
    let (mut answered, mut compared) = (0, 0);
    for Recorded { api: key, version, request, response } in recorded() {
        if NOT_ANSWERED.contains(&key) || response.is_empty() {
            continue;
        }
        let api = ApiKey::from_number(key).expect("a known API");
        let (frame, broker) = match decode_request(&request) {
            Ok((header, mut request)) => {
                let broker = address(&mut cluster, &mut request, &renamed);
                let client = header.client_id.as_deref();
                (request.to_frame(version, header.correlation_id, client), broker)
            }
            // A version that neither knows.
            Err(_) => (request.clone(), 1),
        };
        let answer = cluster.ask_frame(broker, frame);
        let answer = answer.unwrap_or_else(|| panic!("{api:?} v{version}: no answer"));
        answered += 1;
        forms.insert((key, version));
        let of = |frame| describe_response(frame, api, version);
        let (ours, theirs) = (of(&answer), of(&response));
        let difference = difference(&ours, &theirs, "");
        assert_eq!(difference, None, "{api:?} v{version}, exchange {answered}");
        if is_comparable(api, version) {
            let (mut our_errors, mut their_errors) = (SortedSet::new(), SortedSet::new());
            errors(&ours, &mut our_errors);
            errors(&theirs, &mut their_errors);
            assert_eq!(our_errors, their_errors, "{api:?} v{version}, exchange {answered}");
            compared += 1;
        }
        let decoded = |frame| decode_any_response(frame, api, version).map(|(_, it)| it);
        if let (Ok(AnyResponse::JoinGroup(ours)), Ok(AnyResponse::JoinGroup(theirs))) =
            (decoded(&answer), decoded(&response))
        {
            renamed.members.insert(theirs.member_id, ours.member_id);
        }
    }
    assert_eq!((answered, compared, forms.len()), (216, 105, 53));
}
