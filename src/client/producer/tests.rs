mod trouble;

use crate::base::trace::LogLevel;
use crate::base::{Endpoint, ProcessId, Span, TopicPartition, TraceEvent};
use crate::client::ProducerProcess;
use crate::client::fake_cluster::FakeCluster;
use crate::network::testbed::{Bench, spec};
use crate::node::{Command, Input, OutgoingRecord, ProcessView, Program, Properties};
use crate::wire::ErrorCode;
use crate::wire::batch::RecordBatchView;
use crate::wire::kafka::ApiKey;

fn producer(cluster: FakeCluster, pairs: &[(&str, &str)]) -> (Bench<FakeCluster>, ProcessId) {
    let mut properties = Properties::of([("bootstrap.servers", "broker-1:9092,broker-2:9092")]);
    for (key, value) in pairs {
        properties.set(key, *value);
    }
    let spec = spec(1, Program::Producer, properties);
    let process = Box::new(ProducerProcess::new(&spec).expect("sound properties"));
    let mut bench = Bench::new(cluster);
    let id = bench.start(spec, process);
    bench.run(Span::from_millis(20));
    (bench, id)
}

fn record(key: Option<&str>, value: &str, partition: Option<i32>) -> OutgoingRecord {
    let bytes = |text: &str| bytes::Bytes::copy_from_slice(text.as_bytes());
    let (key, value) = (key.map(bytes), Some(bytes(value)));
    OutgoingRecord { key, value, partition, ..OutgoingRecord::default() }
}

fn produce(topic: &str, records: Vec<OutgoingRecord>) -> Command {
    Command::Produce { topic: topic.to_owned(), records }
}

fn answers(bench: &Bench<FakeCluster>) -> Vec<Result<&str, &str>> {
    let outcomes = bench.answers.iter().map(|(_, _, outcome)| outcome);
    outcomes.map(|outcome| outcome.as_deref().map_err(String::as_str)).collect()
}

fn values(bench: &Bench<FakeCluster>, partition: i32) -> Vec<String> {
    let records = bench.servers.records(&TopicPartition::new("t", partition));
    records.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn keyed_records_land_where_their_hash_says() {
    let (mut bench, id) = producer(FakeCluster::new(2).with_topic("t", 3), &[]);
    let records = vec![
        record(Some("k1"), "a", None),
        record(Some("k2"), "b", None),
        record(Some("k10"), "c", None),
        record(Some("k3"), "d", None),
        record(None, "e", Some(2)),
    ];
    bench.tell(id, 7, produce("t", records));
    bench.run(Span::from_millis(50));
    assert_eq!(answers(&bench), [Ok("5 records: t-0@0, t-1@0..1, t-2@0..1")]);
    assert_eq!(
        (values(&bench, 0), values(&bench, 2)),
        (vec!["b".into()], vec!["a".into(), "e".into()])
    );
    let acknowledged = bench.traces.iter().filter_map(|(_, _, event)| match event {
        TraceEvent::RecordAcknowledged { record, partition, offset, acks: 1, checksum } => {
            Some((*record, partition.to_string(), *offset, *checksum))
        }
        _ => None,
    });
    let first = acknowledged.filter(|(record, ..)| *record == 1).collect::<Vec<_>>();
    let checksum = crate::client::record_checksum(Some(b"k1"), Some(b"a"));
    assert_eq!(first, [(1, "t-2".to_owned(), 0, checksum)]);
}

#[test]
fn a_moved_leader_is_found_and_the_batch_sent_again() {
    let (mut bench, id) = producer(FakeCluster::new(2).with_topic("t", 1), &[]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_millis(50));
    bench.servers.leaders.insert(TopicPartition::new("t", 0), 2);
    bench.tell(id, 2, produce("t", vec![record(None, "b", None)]));
    bench.run(Span::from_millis(500));
    assert_eq!(answers(&bench), [Ok("1 record: t-0@0"), Ok("1 record: t-0@1")]);
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    assert_eq!((view.retries, view.acknowledged, view.pending), (1, 2, 0));
    assert!(bench.traces.iter().any(|(_, _, event)| matches!(event,
        TraceEvent::RecordRetried { record: 2, error, .. } if error == "NOT_LEADER_OR_FOLLOWER")));
}

#[test]
fn a_dead_leader_costs_the_delivery_timeout() {
    let pairs = [("delivery.timeout.ms", "3000"), ("request.timeout.ms", "1000")];
    let (mut bench, id) = producer(FakeCluster::new(2).with_topic("t", 1), &pairs);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_millis(50));
    bench.silence(&Endpoint::new("broker-1", 9092));
    bench.tell(id, 2, produce("t", vec![record(None, "b", None), record(None, "c", None)]));
    bench.run(Span::from_millis(2_990));
    assert_eq!(answers(&bench).len(), 1);
    bench.run(Span::from_millis(20));
    let expected = "REQUEST_TIMED_OUT: Expiring 2 record(s) for t-0:3000 ms has passed since \
                    batch creation (2 of 2 records failed)";
    assert_eq!(answers(&bench)[1], Err(expected));
}

#[test]
fn order_survives_a_retry_with_one_request_in_flight_only() {
    for (in_flight, in_order) in [("1", true), ("5", false)] {
        let pairs = [("max.in.flight.requests.per.connection", in_flight), ("batch.size", "100")];
        let mut cluster = FakeCluster::new(1).with_topic("t", 1);
        cluster.produce_errors.push_back(ErrorCode::NOT_ENOUGH_REPLICAS);
        let (mut bench, id) = producer(cluster, &pairs);
        let records = (0..10).map(|number| record(None, &format!("value-{number:020}"), None));
        bench.tell(id, 1, produce("t", records.collect()));
        bench.run(Span::from_secs(2));
        let values = values(&bench, 0);
        assert_eq!(values.len(), 10);
        assert_eq!(values.is_sorted(), in_order, "{in_flight} in flight: {values:?}");
        assert_eq!(answers(&bench), [Ok("10 records: t-0@0..9")]);
    }
}

#[test]
fn errors_come_in_kafkas_words() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.invalid_topics.push("a b".to_owned());
    let (mut bench, id) = producer(cluster, &[]);
    let large = "x".repeat(1_048_576);
    bench.tell(id, 1, produce("a b", vec![record(None, "v", None)]));
    bench.run(Span::from_millis(300));
    bench.tell(id, 2, produce("t", vec![record(None, &large, None), record(None, "v", None)]));
    bench.run(Span::from_millis(300));
    bench.tell(id, 3, produce("x", vec![record(None, "v", None)]));
    bench.run(Span::from_secs(61));
    bench.tell(id, 4, produce("t", vec![record(None, "v", Some(9))]));
    bench.run(Span::from_secs(61));
    assert_eq!(
        answers(&bench),
        [
            Err("INVALID_TOPIC_EXCEPTION: Invalid topics: [a b]"),
            Err("MESSAGE_TOO_LARGE: The message is 1048664 bytes when serialized which is larger \
                 than 1048576, which is the value of the max.request.size configuration. (1 of 2 \
                 records failed)"),
            Err("UNKNOWN_TOPIC_OR_PARTITION: Topic x not present in metadata after 60000 ms."),
            Err("REQUEST_TIMED_OUT: Partition 9 of topic t with partition count 1 is not present \
                 in metadata after 60000 ms."),
        ]
    );
    assert_eq!(values(&bench, 0), ["v"]);
}

#[test]
fn a_batch_too_large_for_the_broker_is_split() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.produce_errors.push_back(ErrorCode::MESSAGE_TOO_LARGE);
    let (mut bench, id) = producer(cluster, &[]);
    let records = (0..5).map(|number| record(None, &number.to_string(), None)).collect();
    bench.tell(id, 1, produce("t", records));
    bench.run(Span::from_secs(1));
    assert_eq!(values(&bench, 0), ["0", "1", "2", "3", "4"]);
    assert_eq!(bench.servers.count(ApiKey::Produce), 3);
}

#[test]
fn acks_0_asks_for_no_answer() {
    let (mut bench, id) = producer(FakeCluster::new(1).with_topic("t", 1), &[("acks", "0")]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_millis(300));
    assert_eq!(answers(&bench), [Ok("1 record: t-0@-1")]);
    assert_eq!(values(&bench, 0), ["a"]);
}

#[test]
fn a_pasted_megabyte_is_sent_in_batches() {
    let (mut bench, id) = producer(FakeCluster::new(3).with_topic("t", 3), &[("acks", "all")]);
    let records: Vec<_> = (0..30_000)
        .map(|number| record(Some(&format!("key-{number}")), &format!("line {number} of it"), None))
        .collect();
    bench.tell(id, 1, produce("t", records));
    bench.run(Span::from_secs(30));
    let stored: usize = (0..3).map(|partition| values(&bench, partition).len()).sum();
    assert_eq!(stored, 30_000);
    assert_eq!(answers(&bench).len(), 1);
    assert!(answers(&bench)[0].is_ok_and(|text| text.starts_with("30000 records: t-0@0..")));
    let produced = bench.servers.count(ApiKey::Produce);
    assert!((60..400).contains(&produced), "{produced} requests");
}

#[test]
fn linger_holds_records_back_and_stop_sends_them() {
    let (mut bench, id) = producer(FakeCluster::new(1).with_topic("t", 1), &[("linger.ms", "500")]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_millis(400));
    assert_eq!(values(&bench, 0).len(), 0);
    bench.run(Span::from_millis(110));
    assert_eq!(values(&bench, 0), ["a"]);
    bench.tell(id, 2, produce("t", vec![record(None, "b", None)]));
    bench.run(Span::from_millis(10));
    bench.give(id, Input::Stop);
    bench.run(Span::from_millis(10));
    assert_eq!(values(&bench, 0), ["a", "b"]);
    assert_eq!(bench.exits, [id]);
}

#[test]
fn sticky_and_round_robin_spread_records_without_keys() {
    let spread = |class| {
        let pairs = [("partitioner.class", class)];
        let (mut bench, id) = producer(FakeCluster::new(1).with_topic("t", 2), &pairs);
        let records = (0..6).map(|number| record(None, &number.to_string(), None)).collect();
        bench.tell(id, 1, produce("t", records));
        bench.run(Span::from_millis(100));
        let mut counts = [values(&bench, 0).len(), values(&bench, 1).len()];
        counts.sort_unstable();
        counts
    };
    assert_eq!(spread("default"), [0, 6], "a burst shares one batch");
    assert_eq!(spread("round-robin"), [3, 3]);
}

#[test]
fn a_generator_produces_until_told_to_stop() {
    let (mut bench, id) = producer(FakeCluster::new(1).with_topic("t", 1), &[]);
    let every = |interval_us, keys: &[&str]| Command::ProduceEvery {
        topic: "t".to_owned(),
        interval_us,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    bench.tell(id, 1, every(100_000, &["a", "b"]));
    bench.run(Span::from_millis(450));
    bench.tell(id, 2, every(0, &[]));
    bench.run(Span::from_secs(1));
    let expected = ["message-1", "message-2", "message-3", "message-4", "message-5"];
    assert_eq!(values(&bench, 0), expected);
    assert_eq!(
        answers(&bench),
        [Ok("Producing to t every 100 ms."), Ok("No longer producing to t."),]
    );
}

const IDEMPOTENT: (&str, &str) = ("enable.idempotence", "true");

#[test]
fn an_idempotent_producer_keeps_order_with_five_requests_in_flight() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.produce_errors.push_back(ErrorCode::NOT_ENOUGH_REPLICAS);
    let (mut bench, id) = producer(cluster, &[IDEMPOTENT, ("batch.size", "100")]);
    let records = (0..10).map(|number| record(None, &format!("value-{number:020}"), None));
    bench.tell(id, 1, produce("t", records.collect()));
    bench.run(Span::from_secs(5));
    assert_eq!(answers(&bench), [Ok("10 records: t-0@0..9")]);
    let values = values(&bench, 0);
    assert!(values.len() == 10 && values.is_sorted(), "{values:?}");
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    assert!(view.retries > 1, "those behind the refused batch were out of order");
    assert_eq!((view.acks, view.producer_id, view.producer_epoch), (-1, 1_000, 0));
}

#[test]
fn a_lost_answer_doubles_a_record_unless_the_producer_is_idempotent() {
    for (idempotent, copies) in [("false", 2), ("true", 1)] {
        let mut cluster = FakeCluster::new(1).with_topic("t", 1);
        cluster.lost_answers = 1;
        let pairs = [("enable.idempotence", idempotent), ("request.timeout.ms", "1000")];
        let (mut bench, id) = producer(cluster, &pairs);
        bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
        bench.run(Span::from_secs(5));
        assert_eq!(answers(&bench).len(), 1);
        assert!(answers(&bench)[0].is_ok());
        assert_eq!(values(&bench, 0).len(), copies, "idempotent {idempotent}");
    }
}

#[test]
fn a_gap_that_stays_raises_the_epoch() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.produce_errors.push_back(ErrorCode::INVALID_TIMESTAMP);
    let (mut bench, id) = producer(cluster, &[IDEMPOTENT, ("batch.size", "100")]);
    let records = (0..4).map(|number| record(None, &format!("value-{number:020}"), None));
    bench.tell(id, 1, produce("t", records.collect()));
    bench.run(Span::from_secs(5));
    let refused = "INVALID_TIMESTAMP: The timestamp of the message is out of acceptable range. (1 \
                   of 4 records failed)";
    assert!(answers(&bench)[0].is_err(), "{:?}", answers(&bench));
    let failed = answers(&bench)[0].expect_err("one was refused");
    assert!(failed == refused || failed.contains("2 of 4"), "{failed}");
    let values = values(&bench, 0);
    assert!(values.is_sorted() && values.len() >= 2, "{values:?}");
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    assert_eq!((view.producer_id, view.producer_epoch), (1_000, 1));
    assert_eq!(view.acknowledged + view.failed, 4);
}

#[test]
fn without_a_producer_id_nothing_is_sent() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.producers.init_errors.push(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    cluster.producers.init_errors.push(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let (mut bench, id) = producer(cluster, &[IDEMPOTENT]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_secs(2));
    assert_eq!(
        answers(&bench),
        [Err("CLUSTER_AUTHORIZATION_FAILED: Cluster authorization failed.")]
    );
    assert_eq!(bench.servers.count(ApiKey::InitProducerId), 2);
    assert_eq!(bench.servers.count(ApiKey::Produce), 0);
}

#[test]
fn headers_timestamps_and_compression_travel() {
    for codec in ["none", "gzip", "snappy", "lz4"] {
        let cluster = FakeCluster::new(1).with_topic("t", 1);
        let (mut bench, id) = producer(cluster, &[("compression.type", codec)]);
        let full = OutgoingRecord {
            headers: vec![("h".to_owned(), Some("v".into())), ("h".to_owned(), None)],
            timestamp: Some(1_234),
            ..record(Some("k"), &"text ".repeat(100), None)
        };
        bench.tell(id, 1, produce("t", vec![full.clone(), full]));
        let odd = OutgoingRecord { timestamp: Some(-1), ..record(None, "a", None) };
        bench.tell(id, 2, produce("t", vec![odd]));
        bench.run(Span::from_millis(50));
        let negative = "Invalid timestamp: -1. Timestamp should always be non-negative or null.";
        assert!(answers(&bench).contains(&Ok("2 records: t-0@0..1")));
        assert!(answers(&bench).contains(&Err(negative)));
        let log = &bench.servers.logs[&TopicPartition::new("t", 0)];
        let batch = RecordBatchView::first(log).expect("a batch");
        assert_eq!(batch.compression().to_string(), codec);
        assert_eq!(batch.size() < 1_000, codec != "none");
        let contents = batch.contents().expect("opens");
        for record in batch.records_in(&contents).expect("records") {
            let record = record.expect("sound");
            assert_eq!(record.timestamp, 1_234);
            let headers = record.headers.iter().map(|header| (header.key, header.value));
            assert_eq!(headers.collect::<Vec<_>>(), [("h", Some(&b"v"[..])), ("h", None)]);
        }
    }
}

#[test]
fn retries_are_told_as_kafka_logs_them() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.produce_errors.extend([ErrorCode::NOT_ENOUGH_REPLICAS; 2]);
    let (mut bench, id) = producer(cluster, &[("retries", "1")]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(Span::from_secs(1));
    let lines = bench.traces.iter().filter_map(|(_, _, event)| match event {
        TraceEvent::Logged { level: LogLevel::Warn, text, .. } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["[Producer clientId=process-1] Got error produce response with correlation id 3 on \
         topic-partition t-0, retrying (0 attempts left). Error: NOT_ENOUGH_REPLICAS"]
    );
    assert_eq!(
        answers(&bench),
        [Err(
            "NOT_ENOUGH_REPLICAS: Messages are rejected since there are fewer in-sync replicas than \
         required."
        )]
    );
}
