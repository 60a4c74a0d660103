mod application;
mod commands;
mod groups;

use crate::base::{Endpoint, ProcessId, Span, TopicPartition, TraceEvent};
use crate::client::ConsumerProcess;
use crate::client::fake_cluster::FakeCluster;
use crate::network::testbed::{Bench, spec};
use crate::node::view::ConsumerView;
use crate::node::{Command, Input, ProcessView, Program, Properties};
use crate::wire::batch::RecordBatchBuilder;
use crate::wire::kafka::ApiKey;

fn start(bench: &mut Bench<FakeCluster>, id: u32, pairs: &[(&str, &str)]) -> ProcessId {
    let mut properties = Properties::of([
        ("bootstrap.servers", "broker-1:9092,broker-2:9092"),
        ("group.id", "g"),
        ("topics", "t"),
        ("auto.offset.reset", "earliest"),
    ]);
    for (key, value) in pairs {
        properties.set(key, *value);
    }
    let spec = spec(id, Program::Consumer, properties);
    let process = Box::new(ConsumerProcess::new(&spec).expect("sound properties"));
    bench.start(spec, process)
}

/// Two brokers and a topic with records `0`, `1` … in each of its partitions.
fn cluster(partitions: i32, records: i32) -> FakeCluster {
    let mut cluster = FakeCluster::new(2).with_topic("t", partitions);
    for partition in 0..partitions {
        add(&mut cluster, partition, records);
    }
    cluster
}

fn add(cluster: &mut FakeCluster, partition: i32, records: i32) {
    for number in 0..records {
        let mut builder = RecordBatchBuilder::default();
        builder.append(1_000, None, Some(number.to_string().as_bytes()), &[]);
        cluster.append(&TopicPartition::new("t", partition), &builder.build());
    }
}

fn view(bench: &Bench<FakeCluster>, id: ProcessId) -> ConsumerView {
    let ProcessView::Consumer(view) = bench.view(id) else { panic!("a consumer") };
    view
}

fn owned(bench: &Bench<FakeCluster>, id: ProcessId) -> Vec<(String, i64, i64, i64)> {
    let owned = view(bench, id).owned.into_iter();
    owned.map(|o| (o.partition.to_string(), o.position, o.committed, o.lag)).collect()
}

/// Partition and offset of everything consumed by a process, in order.
fn consumed(bench: &Bench<FakeCluster>, id: ProcessId) -> Vec<(i32, i64)> {
    let traces = bench.traces.iter().filter(|(_, process, _)| *process == id);
    traces
        .filter_map(|(_, _, event)| match event {
            TraceEvent::RecordConsumed { partition, offset, .. } => {
                Some((partition.partition, *offset))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn reads_everything_and_commits_every_five_seconds_and_on_leaving() {
    let mut bench = Bench::new(cluster(2, 3));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let expected = [("t-0".to_owned(), 3, -1, 0), ("t-1".to_owned(), 3, -1, 0)];
    assert_eq!(owned(&bench, id), expected);
    assert_eq!(view(&bench, id).state, "Stable");
    assert_eq!(consumed(&bench, id).len(), 6);
    assert!(bench.servers.commits.is_empty());
    bench.run(Span::from_secs(5));
    assert_eq!(bench.servers.commits.len(), 2);
    assert_eq!(owned(&bench, id)[0], ("t-0".to_owned(), 3, 3, 0));
    add(&mut bench.servers, 0, 1);
    bench.run(Span::from_secs(1));
    bench.give(id, Input::Stop);
    bench.run(Span::from_secs(1));
    let group = TopicPartition::new("t", 0);
    assert_eq!(bench.servers.offsets.get(&("g".to_owned(), group)), Some(&4));
    assert_eq!((bench.exits.clone(), bench.servers.groups["g"].members.len()), (vec![id], 0));
}

#[test]
fn offsets_resume_where_the_group_stopped() {
    let mut cluster = cluster(1, 5);
    cluster.offsets.insert(("g".to_owned(), TopicPartition::new("t", 0)), 3);
    let mut bench = Bench::new(cluster);
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id), [(0, 3), (0, 4)]);
    let latest = start(&mut bench, 2, &[("group.id", "other"), ("auto.offset.reset", "latest")]);
    bench.run(Span::from_secs(1));
    add(&mut bench.servers, 0, 1);
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, latest), [(0, 5)]);
}

#[test]
fn two_consumers_share_by_range_and_take_over_from_each_other() {
    let mut bench = Bench::new(cluster(3, 2));
    let first = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let second = start(&mut bench, 2, &[]);
    bench.run(Span::from_secs(4));
    let names = |bench: &Bench<FakeCluster>, id| -> Vec<String> {
        owned(bench, id).into_iter().map(|owned| owned.0).collect()
    };
    assert_eq!(names(&bench, first), ["t-0", "t-1"]);
    assert_eq!(names(&bench, second), ["t-2"]);
    assert_eq!(consumed(&bench, first).len(), 6, "the second goes on where the first committed");
    assert_eq!(consumed(&bench, second), []);
    let generations = (view(&bench, first).generation, view(&bench, second).generation);
    assert_eq!(generations, (2, 2));
    bench.give(first, Input::Stop);
    bench.run(Span::from_secs(5));
    assert_eq!(names(&bench, second), ["t-0", "t-1", "t-2"]);
    assert_eq!(consumed(&bench, second), []);
    let assigned = bench.traces.iter().filter(|(_, _, event)| {
        matches!(event, TraceEvent::PartitionsAssigned { member, .. } if member.contains("process-2"))
    });
    assert_eq!(assigned.count(), 2);
}

#[test]
fn a_forgotten_member_joins_again_as_a_new_one() {
    let mut bench = Bench::new(cluster(1, 1));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let member = view(&bench, id).member;
    bench.servers.leave("g", &member);
    bench.run(Span::from_secs(4));
    let now = view(&bench, id);
    assert_eq!((now.state.as_str(), now.owned.len()), ("Stable", 1));
    assert_ne!(now.member, member);
    assert_eq!(consumed(&bench, id), [(0, 0), (0, 0)], "nothing was committed: at least once");
}

#[test]
fn a_moved_leader_and_a_moved_coordinator_are_found() {
    let mut bench = Bench::new(cluster(1, 1));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    bench.servers.down.push(1);
    bench.servers.coordinator = 2;
    bench.servers.leaders.insert(TopicPartition::new("t", 0), 2);
    bench.reset(&Endpoint::new("broker-1", 9092));
    add(&mut bench.servers, 0, 1);
    bench.run(Span::from_secs(4));
    assert_eq!(consumed(&bench, id), [(0, 0), (0, 1)]);
    assert_eq!(view(&bench, id).state, "Stable");
    assert_eq!(view(&bench, id).generation, 1, "it stayed a member");
}

#[test]
fn a_dead_coordinator_is_looked_for_with_growing_patience() {
    let mut cluster = cluster(1, 1);
    cluster.leaders.insert(TopicPartition::new("t", 0), 2);
    let mut bench = Bench::new(cluster);
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    bench.servers.down.push(1);
    bench.reset(&Endpoint::new("broker-1", 9092));
    add(&mut bench.servers, 0, 1);
    let before = bench.servers.count(ApiKey::FindCoordinator);
    bench.run(Span::from_secs(10));
    let asked = bench.servers.count(ApiKey::FindCoordinator) - before;
    assert!((5..25).contains(&asked), "{asked} requests in 10 s");
    assert_eq!(consumed(&bench, id), [(0, 0), (0, 1)], "it reads on meanwhile");
    bench.servers.down.clear();
    bench.run(Span::from_secs(5));
    assert_eq!((view(&bench, id).state.as_str(), view(&bench, id).generation), ("Stable", 1));
}

#[test]
fn max_poll_records_and_the_poll_interval_slow_it_down() {
    let mut bench = Bench::new(cluster(1, 10));
    let pairs = [("max.poll.records", "2"), ("poll.interval.ms", "100")];
    let id = start(&mut bench, 1, &pairs);
    bench.run(Span::from_millis(450));
    let at_first = consumed(&bench, id).len();
    assert!([2, 4, 6, 8].contains(&at_first), "{at_first}");
    bench.run(Span::from_millis(100));
    assert_eq!(consumed(&bench, id).len(), at_first + 2);
    bench.run(Span::from_secs(1));
    let all: Vec<_> = (0..10).map(|offset| (0, offset)).collect();
    assert_eq!(consumed(&bench, id), all);
}

#[test]
fn offsets_may_live_in_zookeeper_by_version_0() {
    let mut bench = Bench::new(cluster(1, 2));
    let id = start(&mut bench, 1, &[("offsets.storage", "zookeeper")]);
    bench.run(Span::from_secs(6));
    assert_eq!(consumed(&bench, id).len(), 2);
    let versions: Vec<_> =
        bench.servers.commits.iter().map(|commit| (commit.1, commit.3)).collect();
    assert_eq!(versions, [(0, 2)]);
}

#[test]
fn seek_goes_back_and_beyond() {
    let mut bench = Bench::new(cluster(1, 3));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let seek = |partition, offset| Command::Seek { topic: "t".to_owned(), partition, offset };
    bench.tell(id, 1, seek(0, 1));
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id)[3..], [(0, 1), (0, 2)]);
    bench.tell(id, 2, seek(0, 99));
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id)[5..], [(0, 0), (0, 1), (0, 2)], "out of range: earliest");
    bench.tell(id, 3, seek(7, 0));
    bench.tell(id, 4, seek(0, -1));
    bench.run(Span::from_millis(1));
    let errors: Vec<_> = bench.answers[2..].iter().map(|answer| answer.2.clone()).collect();
    let expected =
        ["No current assignment for partition t-7", "seek offset must not be a negative number"];
    assert_eq!(errors, expected.map(|text| Err(text.to_owned())));
}

#[test]
fn a_topic_that_appears_later_is_shared_then() {
    let mut bench = Bench::new(FakeCluster::new(2));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(2));
    assert_eq!((view(&bench, id).state, owned(&bench, id).len()), ("Stable".to_owned(), 0));
    bench.servers.leaders.insert(TopicPartition::new("t", 0), 1);
    add(&mut bench.servers, 0, 1);
    bench.run(Span::from_secs(2));
    assert_eq!(consumed(&bench, id), [(0, 0)]);
}

#[test]
fn an_idle_consumer_waits_in_long_polls_and_heartbeats() {
    let mut bench = Bench::new(cluster(1, 0));
    start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(31));
    let fetches = bench.servers.count(ApiKey::Fetch);
    assert!((55..=65).contains(&fetches), "{fetches} fetches of 500 ms");
    assert_eq!(bench.servers.count(ApiKey::Heartbeat), 10);
    assert_eq!(bench.servers.count(ApiKey::JoinGroup), 2);
    assert_eq!(bench.servers.count(ApiKey::OffsetFetch), 1);
    assert_eq!(bench.servers.count(ApiKey::Metadata), 1);
}
