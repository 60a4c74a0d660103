//! The requests of admin clients that were recorded from a real cluster, sent to ours: the answers
//! must say the same. Names of machines, ids and sizes may differ.

use super::outside::Outside;
use bytes::Bytes;
use kafkarium::base::Span;
use kafkarium::wire::FieldNode;
use kafkarium::wire::kafka::*;

/// One exchange; a request that was not answered has an empty response.
pub struct Recorded {
    pub api: i16,
    pub version: i16,
    pub request: Bytes,
    pub response: Bytes,
}

/// All of them, in the order in which they were recorded.
pub fn recorded() -> Vec<Recorded> {
    let lines = include_str!("../golden/kafka-frames.txt").lines();
    let hex = |text: &str| -> Bytes {
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len() / 2).map(|index| byte(index * 2)).collect()
    };
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split(' ');
            let number =
                |word: Option<&str>| word.and_then(|word| word.parse().ok()).expect("a number");
            Recorded {
                api: number(words.next()),
                version: number(words.next()),
                request: hex(words.next().expect("a request")),
                response: hex(words.next().unwrap_or_default().trim_start_matches('-')),
            }
        })
        .collect()
}

/// Fields that are of a run.
const OWN: [&str; 7] =
    ["cluster_id", "topic_id", "host", "port", "correlation_id", "log_dir", "partition_size"];

/// A frame as text; what has no order is sorted.
fn shown(node: &FieldNode) -> String {
    if OWN.contains(&node.name.as_ref()) {
        return format!("{}: …", node.name);
    }
    let mut children: Vec<String> = node.children.iter().map(shown).collect();
    let is_list = node.children.first().is_some_and(|child| child.name.starts_with('['));
    if is_list {
        // The names of elements are their places.
        for child in &mut children {
            *child = child.split_once(": ").map_or(child.clone(), |(_, rest)| rest.to_owned());
        }
        children.sort();
    }
    let value = if node.children.is_empty() { node.value.as_str() } else { "" };
    format!("{}: {value}{{{}}}", node.name, children.join(", "))
}

fn answer_of(cluster: &mut Outside, broker: i32, frame: &Bytes) -> Option<Bytes> {
    let answer = cluster.ask_frame(broker, frame.clone());
    cluster.pass(Span::from_secs(1));
    answer
}

/// The broker that a request went to: its own configs a broker tells and changes itself.
fn addressee(request: &AnyRequest) -> i32 {
    let resource = match request {
        AnyRequest::IncrementalAlterConfigs(request) => {
            request.resources.first().map(|one| (one.resource_type, one.resource_name.clone()))
        }
        _ => None,
    };
    match resource {
        Some((4, name)) => name.parse().expect("a broker"),
        _ => 1,
    }
}

/// Late in the recording broker 2 is dead.
fn lacks_a_broker(one: &Recorded) -> bool {
    one.api == ApiKey::DescribeCluster as i16
        && decode_response::<DescribeClusterResponse>(&one.response, one.version)
            .is_ok_and(|(_, response)| response.brokers.len() == 2)
}

#[test]
fn recorded_admin_requests_are_answered_as_kafka_answers_them() {
    let mut cluster = Outside::new(3, &[]);
    // A topic that was there before the recording began.
    let assignments = [[1, 2, 3], [3, 1, 2], [2, 3, 1]];
    let topic = CreatableTopic {
        name: "test4".to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..)
            .zip(assignments)
            .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index,
                broker_ids: broker_ids.to_vec(),
            })
            .collect(),
        configs: Vec::new(),
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    cluster.ask(1, request, 7);
    cluster.pass(Span::from_secs(1));

    let apis = [
        ApiKey::CreateTopics,
        ApiKey::DeleteTopics,
        ApiKey::DescribeConfigs,
        ApiKey::CreatePartitions,
        ApiKey::ElectLeaders,
        ApiKey::IncrementalAlterConfigs,
        ApiKey::AlterPartitionReassignments,
        ApiKey::ListPartitionReassignments,
        ApiKey::DescribeCluster,
    ];
    let mut asked = 0;
    for one in recorded() {
        let Some(api) = ApiKey::from_number(one.api).filter(|api| apis.contains(api)) else {
            continue;
        };
        let (_, request) = decode_request(&one.request).expect("a request");
        if lacks_a_broker(&one) {
            cluster.act("kill broker-2");
            cluster.pass(Span::from_secs(8));
        }
        let answer = answer_of(&mut cluster, addressee(&request), &one.request);
        let answer = answer.unwrap_or_else(|| panic!("{api:?} is not answered"));
        let ours = shown(&describe_response(&answer, api, one.version));
        let theirs = shown(&describe_response(&one.response, api, one.version));
        assert_eq!(ours, theirs, "{api:?} version {}: {request:?}", one.version);
        asked += 1;
    }
    assert_eq!(asked, 19);
}

/// Names of the fields of a frame, each once.
fn skeleton(node: &FieldNode) -> String {
    let mut children: Vec<String> = node.children.iter().map(skeleton).collect();
    children.dedup();
    let name = if node.name.starts_with('[') { "[]" } else { node.name.as_ref() };
    format!("{name}{{{}}}", children.join(", "))
}

#[test]
fn log_directories_are_described_in_kafkas_form() {
    let mut cluster = Outside::new(1, &[]);
    let topic = CreatableTopic {
        name: "t".to_owned(),
        num_partitions: 2,
        replication_factor: 1,
        ..Default::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    cluster.ask(1, request, 7);
    let one = recorded().into_iter().find(|one| one.api == 35).expect("it was recorded");
    let answer = answer_of(&mut cluster, 1, &one.request).expect("an answer");
    let of =
        |frame: &Bytes| skeleton(&describe_response(frame, ApiKey::DescribeLogDirs, one.version));
    assert_eq!(of(&answer), of(&one.response));
}

#[test]
fn versions_are_told_as_kafka_tells_them() {
    let mut cluster = Outside::new(1, &[]);
    let is = |one: &&Recorded, version| one.api == 18 && one.version == version;
    let all = recorded();
    let find = |version| all.iter().find(|one| is(one, version)).expect("it was recorded");
    // In a version that is too new it is answered in the oldest, with what it should ask in.
    let too_new = find(4);
    assert_eq!(answer_of(&mut cluster, 1, &too_new.request).as_ref(), Some(&too_new.response));
    // With a header that has no tagged fields, as versions so new should have, it is not answered.
    assert_eq!(find(99).response.len(), 0);
    assert_eq!(answer_of(&mut cluster, 1, &find(99).request), None);
    let unknown = all.iter().find(|one| one.api == 99).expect("it was recorded");
    assert_eq!(unknown.response.len(), 0);
    assert_eq!(answer_of(&mut cluster, 1, &unknown.request), None);

    for version in [0, 1, 2, 3] {
        let one = find(version);
        let answer = answer_of(&mut cluster, 1, &one.request).expect("an answer");
        let read = |frame: &Bytes| -> ApiVersionsResponse {
            decode_response(frame, version).expect("versions").1
        };
        let (ours, theirs) = (read(&answer), read(&one.response));
        assert_eq!(ours.error_code, theirs.error_code);
        assert_eq!(ours.finalized_features_epoch, theirs.finalized_features_epoch);
        for api in &ours.api_keys {
            let kafkas = theirs.api_keys.iter().find(|one| one.api_key == api.api_key);
            let kafkas = kafkas.unwrap_or_else(|| panic!("Kafka has no API {}", api.api_key));
            // Old message formats are not offered.
            let low = match api.api_key {
                0 => 3,
                1 => 4,
                _ => kafkas.min_version,
            };
            assert_eq!((api.min_version, api.max_version), (low, kafkas.max_version), "{api:?}");
        }
        let places = |response: &ApiVersionsResponse| -> Vec<i16> {
            response.api_keys.iter().map(|one| one.api_key).collect()
        };
        assert!(places(&ours).is_sorted() && places(&theirs).is_sorted());
    }
}
