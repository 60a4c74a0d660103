//! What an admin client does to a whole cluster.

use super::outside::Outside;
use kafkarium::base::{EventId, Span, TopicPartition, TraceEvent};
use kafkarium::disk::Volume;
use kafkarium::wire::ErrorCode;
use kafkarium::wire::batch::{BatchFields, RecordBatchBuilder};
use kafkarium::wire::kafka::*;

/// A topic with these replicas.
fn create(cluster: &mut Outside, topic: &str, replicas: &[&[i32]]) {
    let assignments = (0..).zip(replicas).map(|(partition_index, ids)| {
        CreatableReplicaAssignment { partition_index, broker_ids: ids.to_vec() }
    });
    let topic = CreatableTopic {
        name: topic.to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: assignments.collect(),
        ..Default::default()
    };
    create_topic(cluster, topic);
}

fn create_topic(cluster: &mut Outside, topic: CreatableTopic) {
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    let controller = cluster.controller();
    let AnyResponse::CreateTopics(response) = cluster.ask(controller, request, 7) else {
        panic!("another answer")
    };
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{:?}", response.topics[0]);
}

fn delete(cluster: &mut Outside, topic: &str, timeout_ms: i32) -> ErrorCode {
    let topic_names = vec![topic.to_owned()];
    let request = DeleteTopicsRequest { topic_names, timeout_ms, ..Default::default() };
    let controller = cluster.controller();
    let AnyResponse::DeleteTopics(response) = cluster.ask(controller, request, 5) else {
        panic!("another answer")
    };
    response.responses[0].error_code
}

/// Partitions of a topic as metadata has them: leader, replicas, ISR.
fn described(cluster: &mut Outside, broker: i32, topic: &str) -> Vec<(i32, Vec<i32>, Vec<i32>)> {
    let wanted = MetadataRequestTopic { name: Some(topic.to_owned()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![wanted]), ..Default::default() };
    let request = MetadataRequest { allow_auto_topic_creation: false, ..request };
    let AnyResponse::Metadata(response) = cluster.ask(broker, request, 9) else {
        panic!("another answer")
    };
    let mut partitions = response.topics[0].partitions.clone();
    partitions.sort_by_key(|one| one.partition_index);
    let one = |one: MetadataResponsePartition| (one.leader_id, one.replica_nodes, one.isr_nodes);
    partitions.into_iter().map(one).collect()
}

fn reassign(cluster: &mut Outside, topic: &str, partition: i32, to: Option<&[i32]>) -> ErrorCode {
    let replicas = to.map(<[i32]>::to_vec);
    let partition = ReassignablePartition { partition_index: partition, replicas };
    let topic = ReassignableTopic { name: topic.to_owned(), partitions: vec![partition] };
    let request = AlterPartitionReassignmentsRequest { timeout_ms: 10_000, topics: vec![topic] };
    let controller = cluster.controller();
    let AnyResponse::AlterPartitionReassignments(response) = cluster.ask(controller, request, 0)
    else {
        panic!("another answer")
    };
    response.responses[0].partitions[0].error_code
}

fn alter(cluster: &mut Outside, broker: i32, kind: i8, name: &str, set: (&str, &str)) -> ErrorCode {
    let config = IncrementalAlterConfigsRequestAlterableConfig {
        name: set.0.to_owned(),
        config_operation: 0,
        value: Some(set.1.to_owned()),
    };
    let resource = IncrementalAlterConfigsRequestAlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let AnyResponse::IncrementalAlterConfigs(response) = cluster.ask(broker, request, 1) else {
        panic!("another answer")
    };
    response.responses[0].error_code
}

/// Value and source of a config.
fn config(cluster: &mut Outside, broker: i32, kind: i8, name: &str, key: &str) -> (String, i8) {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: Some(vec![key.to_owned()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let AnyResponse::DescribeConfigs(response) = cluster.ask(broker, request, 4) else {
        panic!("another answer")
    };
    let configs = &response.results[0].configs;
    assert_eq!(configs.len(), 1, "{response:?}");
    (configs[0].value.clone().unwrap_or_default(), configs[0].config_source)
}

/// Sends values to the leader of partition 0, with acks=all.
fn produce(cluster: &mut Outside, leader: i32, topic: &str, value: &str) -> ErrorCode {
    let mut builder = RecordBatchBuilder::new(BatchFields::default());
    builder.append(0, None, Some(value.as_bytes()), &[]);
    let data = PartitionProduceData { index: 0, records: Some(builder.build()) };
    let topic = TopicProduceData { name: topic.to_owned(), partition_data: vec![data] };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let AnyResponse::Produce(response) = cluster.ask(leader, request, 9) else {
        panic!("another answer")
    };
    response.responses[0].partition_responses[0].error_code
}

fn has_files(cluster: &Outside, broker: i32, dir: &str) -> bool {
    let process = cluster.host.world().process_named(&format!("broker-{broker}")).expect("known");
    let volume = cluster.host.volume(process).expect("a volume");
    volume.list("").any(|name| name.starts_with(&format!("{dir}/")))
}

#[test]
fn a_topic_is_deleted_with_its_logs_and_can_be_made_again() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[&[1, 2], &[2, 3]]);
    assert!(has_files(&cluster, 2, "t-0"));
    assert_eq!(delete(&mut cluster, "t", 10_000), ErrorCode::NONE);
    cluster.pass(Span::from_secs(61));
    for (broker, dir) in [(1, "t-0"), (2, "t-0"), (2, "t-1"), (3, "t-1")] {
        assert!(!has_files(&cluster, broker, dir), "{dir} on {broker}");
    }
    assert!(described(&mut cluster, 2, "t").is_empty());
    assert_eq!(delete(&mut cluster, "t", 10_000), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    create(&mut cluster, "t", &[&[3, 1]]);
    assert_eq!(described(&mut cluster, 2, "t"), [(3, vec![3, 1], vec![3, 1])]);
}

#[test]
fn a_topic_on_a_broker_that_is_down_is_deleted_when_it_is_back() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[&[1, 2], &[1, 3]]);
    cluster.act("kill broker-3");
    cluster.pass(Span::from_secs(8));
    // Metadata shows the topic no more, though a replica is left.
    assert_eq!(delete(&mut cluster, "t", 5_000), ErrorCode::NONE);
    let is_deleted = |cluster: &Outside| {
        let gone = TraceEvent::TopicDeleted { topic: "t".to_owned() };
        cluster.events(EventId::default()).contains(&gone)
    };
    cluster.pass(Span::from_secs(5));
    assert!(!is_deleted(&cluster));
    cluster.act("restart broker-3");
    cluster.pass(Span::from_secs(10));
    assert!(is_deleted(&cluster));
}

#[test]
fn a_new_broker_takes_over_load_without_a_gap() {
    let mut cluster = Outside::new(2, &[]);
    create(&mut cluster, "t", &[&[1, 2]]);
    assert_eq!(produce(&mut cluster, 1, "t", "before"), ErrorCode::NONE);
    cluster.add_broker(3, &[]);
    cluster.pass(Span::from_secs(3));
    assert!(cluster.led_by(3, "t").is_empty(), "it has nothing yet");
    assert_eq!(reassign(&mut cluster, "t", 0, Some(&[3, 2])), ErrorCode::NONE);
    // While it moves, somebody always leads.
    let mut moved = false;
    for _ in 0..200 {
        let leader = if cluster.led_by(3, "t").is_empty() { 1 } else { 3 };
        let outcome = produce(&mut cluster, leader, "t", "meanwhile");
        let is_handover = outcome == ErrorCode::NOT_LEADER_OR_FOLLOWER;
        assert!(outcome == ErrorCode::NONE || is_handover, "{outcome}");
        moved |= leader == 3 && outcome == ErrorCode::NONE;
    }
    assert!(moved);
    cluster.pass(Span::from_secs(2));
    assert_eq!(described(&mut cluster, 3, "t"), [(3, vec![3, 2], vec![2, 3])]);
    cluster.pass(Span::from_secs(61));
    assert!(!has_files(&cluster, 1, "t-0"), "the old replica is gone");
}

#[test]
fn a_reassignment_that_cannot_finish_is_taken_back() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[&[1, 2]]);
    // The new replica never catches up.
    cluster.act("pause broker-3");
    assert_eq!(reassign(&mut cluster, "t", 0, Some(&[3, 2])), ErrorCode::NONE);
    let listing = |cluster: &mut Outside| {
        let request = ListPartitionReassignmentsRequest::default();
        let AnyResponse::ListPartitionReassignments(response) = cluster.ask(1, request, 0) else {
            panic!("another answer")
        };
        assert_eq!(response.error_message.as_deref(), Some(""));
        response.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>()
    };
    assert_eq!(listing(&mut cluster), 1);
    assert_eq!(reassign(&mut cluster, "t", 0, None), ErrorCode::NONE);
    assert_eq!(listing(&mut cluster), 0);
    let again = reassign(&mut cluster, "t", 0, None);
    assert_eq!(again, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
}

#[test]
fn a_broker_with_an_empty_disk_takes_the_place_of_a_dead_one() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[&[1, 2], &[2, 3], &[3, 1]]);
    assert_eq!(produce(&mut cluster, 1, "t", "kept"), ErrorCode::NONE);
    cluster.act("kill broker-1");
    cluster.pass(Span::from_secs(8));
    // Another machine with another disk, under the same id.
    let process = cluster.host.world().process_named("broker-1").expect("known");
    cluster.host.give_volume(process, Volume::default());
    cluster.act("restart broker-1");
    cluster.pass(Span::from_secs(10));
    for (leader, replicas, mut isr) in described(&mut cluster, 2, "t") {
        isr.sort_unstable();
        let mut all = replicas.clone();
        all.sort_unstable();
        assert_eq!(isr, all, "led by {leader}");
    }
    assert!(has_files(&cluster, 1, "t-0") && has_files(&cluster, 1, "t-2"));
    let replica = cluster.broker(1).expect("it lives").replicas;
    let first = TopicPartition::new("t", 0);
    let replica = replica.iter().find(|one| one.partition == first).expect("it is back");
    assert_eq!(replica.log_end_offset, 1);
}

#[test]
fn partitions_are_added_where_kafka_puts_them() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[&[2, 3]]);
    let grow = |cluster: &mut Outside, count| {
        let topic = CreatePartitionsTopic { name: "t".to_owned(), count, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 10_000,
            validate_only: false,
        };
        let controller = cluster.controller();
        let AnyResponse::CreatePartitions(response) = cluster.ask(controller, request, 2) else {
            panic!("another answer")
        };
        let result = response.results[0].clone();
        (result.error_code, result.error_message)
    };
    assert_eq!(grow(&mut cluster, 4), (ErrorCode::NONE, None));
    let replicas: Vec<Vec<i32>> =
        described(&mut cluster, 1, "t").into_iter().map(|(_, replicas, _)| replicas).collect();
    assert_eq!(replicas, [[2, 3], [3, 2], [1, 3], [2, 3]]);
    let text = "Topic already has 4 partitions.".to_owned();
    assert_eq!(grow(&mut cluster, 4), (ErrorCode::INVALID_PARTITIONS, Some(text)));
}

#[test]
fn configs_change_while_brokers_run() {
    let mut cluster = Outside::new(2, &[]);
    create(&mut cluster, "t", &[&[1, 2]]);
    assert_eq!(config(&mut cluster, 1, 2, "t", "max.message.bytes"), ("1048588".to_owned(), 5));
    assert_eq!(produce(&mut cluster, 1, "t", &"x".repeat(500)), ErrorCode::NONE);
    // A topic's own setting, through the broker that does not lead it.
    let set = ("max.message.bytes", "200");
    assert_eq!(alter(&mut cluster, 2, 2, "t", set), ErrorCode::NONE);
    cluster.pass(Span::from_secs(1));
    assert_eq!(config(&mut cluster, 1, 2, "t", "max.message.bytes"), ("200".to_owned(), 1));
    assert!(cluster.logged(
        "Processing override for entityPath: topics/t with config: Map(max.message.bytes -> 200)"
    ));
    let outcome = produce(&mut cluster, 1, "t", &"x".repeat(500));
    assert_eq!(outcome, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(produce(&mut cluster, 1, "t", "x"), ErrorCode::NONE);
    // A default for all brokers.
    let set = ("min.insync.replicas", "2");
    assert_eq!(alter(&mut cluster, 1, 4, "", set), ErrorCode::NONE);
    cluster.pass(Span::from_secs(1));
    for broker in [1, 2] {
        let found = config(&mut cluster, broker, 2, "t", "min.insync.replicas");
        assert_eq!(found, ("2".to_owned(), 3));
    }
    cluster.act("kill broker-2");
    cluster.pass(Span::from_secs(12));
    let leader = described(&mut cluster, 1, "t")[0].0;
    assert_eq!(produce(&mut cluster, leader, "t", "x"), ErrorCode::NOT_ENOUGH_REPLICAS);
    // It outlives a restart.
    cluster.act("restart broker-2");
    cluster.pass(Span::from_secs(5));
    let found = config(&mut cluster, 2, 4, "2", "min.insync.replicas");
    assert_eq!(found, ("2".to_owned(), 3));
    let refused = alter(&mut cluster, 1, 4, "1", ("broker.id", "7"));
    assert_eq!(refused, ErrorCode::INVALID_REQUEST);
}

#[test]
fn a_broker_that_says_it_is_elsewhere_is_looked_for_there() {
    let mut cluster = Outside::new(3, &[]);
    let told = |cluster: &mut Outside, by: i32| {
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        let AnyResponse::Metadata(response) = cluster.ask(by, request, 9) else {
            panic!("another answer")
        };
        let brokers = response.brokers.into_iter().filter(|broker| broker.node_id == 2);
        brokers.map(|broker| format!("{}:{}", broker.host, broker.port)).collect::<Vec<_>>()
    };
    let key = "advertised.listeners";
    let set = (key, "PLAINTEXT://elsewhere:9099");
    assert_eq!(alter(&mut cluster, 2, 4, "", set), ErrorCode::INVALID_REQUEST);
    assert_eq!(alter(&mut cluster, 2, 4, "2", set), ErrorCode::NONE);
    cluster.pass(Span::from_secs(1));
    for by in 1..=3 {
        assert_eq!(told(&mut cluster, by), ["elsewhere:9099"]);
    }
    // It still listens where it did, and so it can be told to come back.
    let back = (key, "PLAINTEXT://broker-2:9092");
    assert_eq!(alter(&mut cluster, 2, 4, "2", back), ErrorCode::NONE);
    cluster.pass(Span::from_secs(1));
    assert_eq!(told(&mut cluster, 3), ["broker-2:9092"]);
    assert!(cluster.logged("[Controller id=1] Broker info update callback for 2"));
}

#[test]
fn a_logger_that_is_turned_down_says_no_more() {
    let mut cluster = Outside::new(1, &[]);
    let loggers = |cluster: &Outside| -> Vec<String> {
        let events = cluster.host.world().trace().after(EventId::default()).filter_map(|record| {
            let source = record.source?;
            let broker = cluster.host.world().process_named("broker-1");
            match &record.event {
                TraceEvent::Logged { logger, .. } if Some(source) == broker => Some(logger.clone()),
                _ => None,
            }
        });
        events.collect()
    };
    create(&mut cluster, "t", &[&[1]]);
    // Whoever speaks is listed.
    for logger in loggers(&cluster) {
        assert_eq!(config(&mut cluster, 1, 8, "1", &logger).1, 6, "{logger}");
    }
    let count = |cluster: &Outside, logger: &str| {
        loggers(cluster).iter().filter(|one| *one == logger).count()
    };
    let (logger, other) = ("kafka.controller.KafkaController", "kafka.log.LogManager");
    assert_eq!(alter(&mut cluster, 1, 8, "1", (logger, "WARN")), ErrorCode::NONE);
    let before = (count(&cluster, logger), count(&cluster, other));
    create(&mut cluster, "u", &[&[1]]);
    assert_eq!(count(&cluster, logger), before.0);
    assert!(count(&cluster, other) > before.1);
}

#[test]
fn a_preferred_leader_comes_back_when_asked_for() {
    let mut cluster = Outside::new(3, &[("auto.leader.rebalance.enable", "false")]);
    create(&mut cluster, "t", &[&[2, 3]]);
    cluster.act("kill broker-2");
    cluster.pass(Span::from_secs(8));
    cluster.act("restart broker-2");
    cluster.pass(Span::from_secs(8));
    assert_eq!(described(&mut cluster, 1, "t")[0].0, 3);
    let elect = |cluster: &mut Outside| {
        let partition = TopicPartitions { topic: "t".to_owned(), partition_id: vec![0] };
        let request = ElectLeadersRequest {
            election_type: 0,
            topic_partitions: Some(vec![partition]),
            timeout_ms: 5_000,
        };
        let controller = cluster.controller();
        let AnyResponse::ElectLeaders(response) = cluster.ask(controller, request, 2) else {
            panic!("another answer")
        };
        response.replica_election_results[0].partition_result[0].error_code
    };
    assert_eq!(elect(&mut cluster), ErrorCode::NONE);
    assert_eq!(described(&mut cluster, 1, "t")[0].0, 2);
    assert_eq!(elect(&mut cluster), ErrorCode::ELECTION_NOT_NEEDED);
}

/// N partitions of one replica on N brokers, on more, and on fewer: where the leaders are.
#[test]
fn the_textbooks_table_of_partitions_on_brokers() {
    let spread = |brokers: i32, partitions: i32, replication_factor: i16| -> Vec<usize> {
        let mut cluster = Outside::new(brokers, &[]);
        let topic = CreatableTopic {
            name: "t".to_owned(),
            num_partitions: partitions,
            replication_factor,
            ..Default::default()
        };
        create_topic(&mut cluster, topic);
        let described = described(&mut cluster, 1, "t");
        assert_eq!(described.len(), partitions as usize);
        for (leader, replicas, isr) in &described {
            assert_eq!(replicas.len(), replication_factor as usize);
            assert_eq!((leader, isr), (&replicas[0], replicas));
        }
        // What metadata says is what the brokers do.
        (1..=brokers).map(|broker| cluster.led_by(broker, "t").len()).collect()
    };
    let sorted = |mut counts: Vec<usize>| {
        counts.sort_unstable();
        counts
    };
    // N on N: one each.
    assert_eq!(spread(3, 3, 1), [1, 1, 1]);
    // N on N + M: M brokers have none.
    assert_eq!(sorted(spread(5, 3, 1)), [0, 0, 1, 1, 1]);
    // N on N − M: some share more than others.
    assert_eq!(sorted(spread(2, 3, 1)), [1, 2]);
    assert_eq!(spread(2, 4, 1), [2, 2]);
    // More replicas change nothing about who leads.
    assert_eq!(spread(3, 3, 2), [1, 1, 1]);
    assert_eq!(sorted(spread(5, 3, 3)), [0, 0, 1, 1, 1]);
}

/// The lines of a broker's life, with what is of this run only left out.
#[test]
fn a_broker_says_what_kafka_says_when_it_starts_and_stops() {
    let mut cluster = Outside::new(1, &[]);
    cluster.act("stop broker-1");
    cluster.pass(Span::from_secs(3));
    let said: Vec<String> = cluster
        .events(EventId::default())
        .into_iter()
        .filter_map(|event| match event {
            TraceEvent::Logged { text, logger, .. } => Some(format!("{text} ({logger})")),
            _ => None,
        })
        .collect();
    // This run has other names, and another id for its broker.
    let renamed = [
        ("localhost:2181", "zookeeper-1:2181"),
        ("localhost:9092", "broker-1:9092"),
        ("/tmp/k0", "/tmp/kafka-logs"),
        ("15ms", "0ms"),
        ("=0]", "=1]"),
        ("broker 0", "broker 1"),
        ("ids/0", "ids/1"),
        ("Coordinator 0", "Coordinator 1"),
    ];
    let ours = |line: &str| {
        let line = line.split("czxid").next().unwrap_or_default().to_owned();
        renamed.iter().fold(line, |line, (theirs, ours)| line.replace(theirs, ours))
    };
    let recorded = include_str!("../golden/logs/broker-start-stop.txt");
    let mut from = 0;
    for line in recorded.lines().filter(|line| !line.starts_with('#')).map(ours) {
        let is_it = |one: &String| one.split("czxid").next() == Some(line.as_str());
        let place = said[from..].iter().position(is_it);
        let place = place.unwrap_or_else(|| panic!("{line}\nis not among\n{:#?}", &said[from..]));
        from += place + 1;
    }
}
