//! When records are acknowledged, and what a crash makes of it.

use super::*;
use crate::node::{ConsumerCommand, CrashPoint};

fn crashing(
    bench: &mut Bench<FakeCluster>,
    acknowledge: &str,
    point: CrashPoint,
) -> (Vec<i64>, Option<i64>) {
    let pairs = [
        ("enable.auto.commit", "false"),
        ("acknowledge", acknowledge),
        ("process.ms", "100"),
        ("max.poll.records", "2"),
    ];
    let id = start(bench, 1, &pairs);
    let crash = ConsumerCommand::CrashAfter { records: 3, point };
    bench.tell(id, 1, Command::Consumer(crash));
    bench.run(Span::from_secs(3));
    assert_eq!(bench.exits, [id]);
    let offsets = consumed(bench, id).into_iter().map(|(_, offset)| offset).collect();
    let committed = bench.servers.offsets.get(&("g".to_owned(), TopicPartition::new("t", 0)));
    (offsets, committed.copied())
}

#[test]
fn a_crash_loses_or_doubles_records_by_when_they_are_acknowledged() {
    use CrashPoint::{Acknowledged, Processed, Received};
    // Five records, two a poll; the third is the first of the second poll.
    for (acknowledge, point, processed, committed) in [
        ("before", Received, vec![0, 1], 4),
        ("before", Processed, vec![0, 1, 2], 4),
        ("after", Received, vec![0, 1], 2),
        ("after", Processed, vec![0, 1, 2], 2),
        ("after", Acknowledged, vec![0, 1, 2, 3], 4),
        ("each", Processed, vec![0, 1, 2], 2),
        ("each", Acknowledged, vec![0, 1, 2], 3),
    ] {
        let mut bench = Bench::new(cluster(1, 5));
        let outcome = crashing(&mut bench, acknowledge, point);
        assert_eq!(outcome, (processed, Some(committed)), "{acknowledge}, {point:?}");
    }
}

#[test]
fn records_take_their_time_and_heartbeats_go_on() {
    let mut bench = Bench::new(cluster(1, 10));
    let pairs = [("process.ms", "1000"), ("heartbeat.interval.ms", "500")];
    let id = start(&mut bench, 1, &pairs);
    bench.run(Span::from_millis(5_500));
    let done = consumed(&bench, id).len();
    assert!((4..=5).contains(&done), "{done} in 5.5 s");
    assert!(bench.servers.count(ApiKey::Heartbeat) >= 8);
    let faster = ConsumerCommand::ProcessFor { micros: 1_000 };
    bench.tell(id, 1, Command::Consumer(faster));
    bench.run(Span::from_millis(1_500));
    assert_eq!(consumed(&bench, id).len(), 10);
}

#[test]
fn odd_settings_are_refused() {
    let properties = Properties::of([
        ("bootstrap.servers", "b:1"),
        ("group.id", "g"),
        ("topics", "t"),
        ("acknowledge", "sometimes"),
    ]);
    let spec = spec(1, Program::Consumer, properties);
    let error = ConsumerProcess::new(&spec).map(drop).expect_err("no such way");
    assert_eq!(error.key, "acknowledge");
}
