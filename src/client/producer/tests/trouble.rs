//! Memory that runs out, leaders that go away with requests in flight, answers that never come.

use super::*;

/// Records so large that each fills a batch.
fn large(count: usize, partition: Option<i32>) -> Vec<OutgoingRecord> {
    let value = |number| format!("{number}{}", ".".repeat(10_000));
    (0..count).map(|number| record(None, &value(number), partition)).collect()
}

fn seconds(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

#[test]
fn who_finds_no_memory_waits_for_max_block_ms_and_no_longer() {
    let pairs = [
        ("buffer.memory", "40000"),
        ("max.block.ms", "1000"),
        ("request.timeout.ms", "20000"),
        ("max.in.flight.requests.per.connection", "1"),
    ];
    let cluster = FakeCluster { produce_delay: Span::from_millis(1_500), ..FakeCluster::new(1) };
    let (mut bench, id) = producer(cluster.with_topic("t", 1), &pairs);
    bench.tell(id, 1, produce("t", large(1, None)));
    bench.run(seconds(1));
    bench.tell(id, 2, produce("t", large(3, None)));
    bench.run(Span::from_millis(450));
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    assert_eq!((view.pending, view.failed), (4, 0), "two have their memory, two wait");
    // The first answer frees a batch, and the third record goes on; the fourth waits in vain.
    bench.run(seconds(10));
    let text = "REQUEST_TIMED_OUT: Failed to allocate memory within the configured max blocking time \
                1000 ms. (1 of 3 records failed)";
    assert_eq!(answers(&bench), [Ok("1 record: t-0@0"), Err(text)]);
    assert_eq!(values(&bench, 0).len(), 3);
    // Nothing stays behind: all memory is free again.
    bench.servers.produce_delay = Span::ZERO;
    bench.tell(id, 3, produce("t", large(2, None)));
    bench.run(seconds(1));
    assert_eq!(answers(&bench)[2], Ok("2 records: t-0@3..4"));
}

#[test]
fn what_has_no_leader_waits_in_its_place_until_delivery_times_out() {
    let pairs = [("delivery.timeout.ms", "3000"), ("request.timeout.ms", "1000")];
    let mut cluster = FakeCluster::new(2).with_topic("t", 2);
    cluster.leaders.insert(TopicPartition::new("t", 0), -1);
    let (mut bench, id) = producer(cluster, &pairs);
    let both = vec![record(None, "a", Some(0)), record(None, "b", Some(1))];
    bench.tell(id, 1, produce("t", both));
    bench.run(Span::from_millis(500));
    assert_eq!(values(&bench, 1), ["b"], "the other partition does not wait for it");
    bench.run(seconds(3));
    let text = "REQUEST_TIMED_OUT: Expiring 1 record(s) for t-0:3000 ms has passed since batch \
                creation (1 of 2 records failed)";
    assert_eq!(answers(&bench), [Err(text)]);
    bench.tell(id, 2, produce("t", vec![record(None, "c", Some(0))]));
    bench.run(seconds(1));
    bench.servers.leaders.insert(TopicPartition::new("t", 0), 2);
    bench.run(seconds(1));
    assert_eq!(answers(&bench)[1], Ok("1 record: t-0@0"));
}

/// The old leader dies with five requests under way that it had carried out, and its follower has all of it.
#[test]
fn a_leader_that_dies_with_requests_in_flight_is_replaced_and_nothing_is_lost() {
    for (idempotent, exact) in [("true", true), ("false", false)] {
        let mut cluster = FakeCluster::new(2).with_topic("t", 1);
        cluster.produce_delay = seconds(1);
        let pairs = [("enable.idempotence", idempotent), ("batch.size", "100"), ("acks", "all")];
        let (mut bench, id) = producer(cluster, &pairs);
        let records = (0..10).map(|number| record(None, &format!("value-{number:020}"), None));
        bench.tell(id, 1, produce("t", records.collect()));
        bench.run(Span::from_millis(200));
        assert_eq!(bench.servers.count(ApiKey::Produce), 5, "as many as may be in flight");
        bench.servers.down.push(1);
        bench.servers.leaders.insert(TopicPartition::new("t", 0), 2);
        bench.servers.produce_delay = Span::ZERO;
        bench.reset(&Endpoint::new("broker-1", 9092));
        bench.run(seconds(5));
        let mut values = values(&bench, 0);
        assert!(answers(&bench)[0].is_ok(), "{:?}", answers(&bench));
        assert_eq!(values.is_sorted() && values.len() == 10, exact, "{values:?}");
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 10);
        let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
        assert_eq!((view.acknowledged, view.failed, view.pending), (10, 0, 0));
    }
}

#[test]
fn an_answer_that_never_comes_is_a_network_exception_once_retries_are_used_up() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.lost_answers = 9;
    let (mut bench, id) = producer(cluster, &[("request.timeout.ms", "1000"), ("retries", "1")]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(seconds(5));
    let text = "NETWORK_EXCEPTION: The server disconnected before a response was received.";
    assert_eq!(answers(&bench), [Err(text)]);
    assert_eq!(values(&bench, 0), ["a", "a"], "it was written all the same, and twice");
}

#[test]
fn every_record_has_an_outcome_of_its_own_with_kafkas_name() {
    let mut cluster = FakeCluster::new(1).with_topic("t", 1);
    cluster.invalid_topics.push("a b".to_owned());
    let (mut bench, id) = producer(cluster, &[("retries", "0"), ("batch.size", "0")]);
    let large = "x".repeat(1_048_577);
    bench.tell(
        id,
        1,
        produce("t", vec![record(Some("k"), "fine", None), record(None, &large, None)]),
    );
    bench.tell(id, 2, produce("a b", vec![record(None, "v", None)]));
    bench.run(seconds(1));
    bench.servers.produce_errors.push_back(ErrorCode::NOT_ENOUGH_REPLICAS);
    bench.tell(id, 3, produce("t", vec![record(None, "refused", None)]));
    bench.run(seconds(1));
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    let mut outcomes: Vec<_> =
        view.outcomes.iter().map(|one| (one.record, one.result.as_deref())).collect();
    outcomes.sort_unstable();
    let expected = [
        (1, Ok("t-0@0")),
        (2, Err("MESSAGE_TOO_LARGE")),
        (3, Err("INVALID_TOPIC_EXCEPTION")),
        (4, Err("NOT_ENOUGH_REPLICAS")),
    ];
    let expected = expected.map(|(record, result)| (record, result.map_err(str::to_owned)));
    let outcomes: Vec<_> = outcomes
        .into_iter()
        .map(|(record, result)| (record, result.map_err(Clone::clone)))
        .collect();
    assert_eq!(outcomes, expected);
    assert_eq!((view.acknowledged, view.failed), (1, 3));
    let failed = bench.traces.iter().filter_map(|(_, _, event)| match event {
        TraceEvent::RecordFailed { record, error } => Some((*record, error.as_str())),
        _ => None,
    });
    assert_eq!(failed.count(), 3, "the ledger hears of each");
}

#[test]
fn a_generator_sends_as_much_as_there_is_room_for() {
    let pairs = [
        ("topic", "t"),
        ("interval.ms", "10"),
        ("records.per.interval", "50"),
        ("record.size", "1000"),
        ("buffer.memory", "65536"),
        ("acks", "all"),
    ];
    let cluster = FakeCluster { produce_delay: Span::from_millis(100), ..FakeCluster::new(1) };
    let (mut bench, id) = producer(cluster.with_topic("t", 1), &pairs);
    bench.run(seconds(2));
    let ProcessView::Producer(view) = bench.view(id) else { panic!("a producer") };
    // Four batches of 16 records are on their way at a time, and the rest of one burst waits.
    assert!((700..1_300).contains(&view.acknowledged), "{}", view.acknowledged);
    assert!(view.pending < 150 && view.failed == 0, "{}", view.pending);
    let values = values(&bench, 0);
    assert!(values.iter().all(|value| value.len() == 1_000));
    assert!(values[0].starts_with("message-1.") && values[9].starts_with("message-10."));
    let odd = Properties::of([("bootstrap.servers", "b:1"), ("records.per.interval", "100001")]);
    let error = ProducerProcess::new(&spec(2, Program::Producer, odd)).map(drop);
    assert_eq!(error.map_err(|error| error.key), Err("records.per.interval".to_owned()));
}

/// Kafka's caller is held up inside of `send`, after the partition was chosen.
#[test]
fn who_waits_for_memory_keeps_the_partition_whose_turn_it_was() {
    let pairs = [
        ("partitioner.class", "round-robin"),
        ("buffer.memory", "20000"),
        ("max.in.flight.requests.per.connection", "1"),
    ];
    let cluster = FakeCluster { produce_delay: Span::from_millis(50), ..FakeCluster::new(1) };
    let (mut bench, id) = producer(cluster.with_topic("t", 4), &pairs);
    bench.tell(id, 1, produce("t", large(12, None)));
    bench.run(seconds(20));
    let counts: Vec<_> = (0..4).map(|partition| values(&bench, partition).len()).collect();
    assert_eq!(counts, [3; 4], "equally shared, whoever had to wait");
}

#[test]
fn a_bootstrap_server_that_is_gone_is_passed_over() {
    let cluster = FakeCluster::new(1).with_topic("t", 1);
    let (mut bench, id) =
        producer(cluster, &[("bootstrap.servers", "broker-8:9092,broker-9:9092,broker-1:9092")]);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(seconds(2));
    assert_eq!(answers(&bench), [Ok("1 record: t-0@0")]);
}

#[test]
fn new_partitions_are_found_by_the_age_of_the_metadata() {
    let pairs = [("metadata.max.age.ms", "5000"), ("partitioner.class", "round-robin")];
    let (mut bench, id) = producer(FakeCluster::new(2).with_topic("t", 1), &pairs);
    bench.tell(id, 1, produce("t", vec![record(None, "a", None)]));
    bench.run(seconds(1));
    bench.servers.leaders.insert(TopicPartition::new("t", 1), 2);
    bench.tell(id, 2, produce("t", (0..2).map(|_| record(None, "b", None)).collect()));
    bench.run(seconds(3));
    assert_eq!((values(&bench, 0).len(), values(&bench, 1).len()), (3, 0), "it does not know yet");
    bench.run(seconds(2));
    bench.tell(id, 3, produce("t", (0..2).map(|_| record(None, "c", None)).collect()));
    bench.run(seconds(1));
    assert_eq!((values(&bench, 0).len(), values(&bench, 1).len()), (4, 1));
}
