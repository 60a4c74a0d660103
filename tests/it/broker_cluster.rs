//! Whole clusters on one thread: a ZooKeeper server, three brokers and a producer.

use kafkarium::base::{Span, Time, TopicPartition, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::node::view::{BrokerView, ConsumerView, ReplicaView};
use kafkarium::node::{Command, ProcessView, Program, Properties};
use kafkarium::world::{Action, World, WorldConfig, launch};

/// A cluster whose topics have three partitions on three brokers, and a producer that sends a
/// record to `orders` every 100 ms from the fifth second on.
pub(super) fn cluster(seed: u64) -> LocalHost {
    let mut config = WorldConfig::new(seed);
    let zookeeper = Properties::of([("clientPort", "2181"), ("tickTime", "2000")]);
    config.process("zookeeper-1", Program::ZooKeeper, zookeeper);
    for id in ["1", "2", "3"] {
        let properties = Properties::of([
            ("broker.id", id),
            ("zookeeper.connect", "zookeeper-1:2181"),
            ("zookeeper.session.timeout.ms", "6000"),
            ("num.partitions", "3"),
            ("default.replication.factor", "3"),
            ("min.insync.replicas", "2"),
            ("replica.lag.time.max.ms", "4000"),
            ("offsets.topic.num.partitions", "3"),
            ("group.initial.rebalance.delay.ms", "500"),
        ]);
        config.process(&format!("broker-{id}"), Program::Broker, properties);
    }
    let producer = Properties::of([
        ("bootstrap.servers", "broker-1:9092,broker-2:9092,broker-3:9092"),
        ("acks", "all"),
    ]);
    config.process("producer-1", Program::Producer, producer);
    let (topic, interval_us, keys) = ("orders".to_owned(), 100_000, Vec::new());
    let command = Command::ProduceEvery { topic, interval_us, keys };
    let tell = Action::Tell { process: "producer-1".to_owned(), command };
    config.actions.push((config.epoch + Span::from_secs(5), tell));
    LocalHost::new(World::new(config), launch)
}

pub(super) fn run(host: &mut LocalHost, seconds: u64) {
    let until: Time = host.world().clock() + Span::from_secs(seconds);
    host.run_until(until);
    host.refresh_views();
}

pub(super) fn broker(host: &LocalHost, id: i32) -> Option<BrokerView> {
    let process = host.world().process_named(&format!("broker-{id}"))?;
    match host.runner(process)?.process().view() {
        ProcessView::Broker(view) => Some(view),
        _ => None,
    }
}

pub(super) fn replicas(host: &LocalHost) -> Vec<ReplicaView> {
    let brokers = (1..=3).filter_map(|id| broker(host, id));
    brokers.flat_map(|view| view.replicas).collect()
}

pub(super) fn acknowledged(host: &LocalHost) -> u64 {
    let process = host.world().process_named("producer-1").expect("it is in the world");
    match host.runner(process).map(|runner| runner.process().view()) {
        Some(ProcessView::Producer(view)) => view.acknowledged,
        _ => 0,
    }
}

pub(super) fn count(host: &LocalHost, wanted: impl Fn(&TraceEvent) -> bool) -> usize {
    let all = host.world().trace().after(kafkarium::base::EventId::default());
    all.filter(|record| wanted(&record.event)).count()
}

/// What the trace says besides frames, for a test that fails.
pub(super) fn story(host: &LocalHost) -> String {
    let events = host.world().trace().after(kafkarium::base::EventId::default());
    let told = events.filter(|record| {
        !matches!(
            record.event,
            TraceEvent::FrameSent { .. }
                | TraceEvent::TransactionApplied { .. }
                | TraceEvent::Appended { .. }
                | TraceEvent::HighWatermarkAdvanced { .. }
                | TraceEvent::RecordSent { .. }
                | TraceEvent::RecordAcknowledged { .. }
        )
    });
    let lines =
        told.map(|record| format!("{} {:?} {:?}\n", record.at, record.source, record.event));
    lines.collect()
}

/// Every partition has one leader, all replicas in the ISR, and the same committed batches.
pub(super) fn assert_whole(host: &LocalHost, partitions: usize) {
    let all = replicas(host);
    let leaders: Vec<&ReplicaView> = all.iter().filter(|replica| replica.is_leader).collect();
    assert_eq!(leaders.len(), partitions, "{}", story(host));
    for leader in leaders {
        assert_eq!(leader.isr.len(), 3, "{:?}\n{}", leader.partition, story(host));
        for other in all.iter().filter(|other| other.partition == leader.partition) {
            assert_eq!(other.leader_epoch, leader.leader_epoch, "{:?}", leader.partition);
            let committed = other.high_watermark.min(leader.high_watermark);
            let below = |replica: &ReplicaView| -> Vec<(i64, u32)> {
                let crcs = replica.batch_crcs.iter().copied();
                crcs.filter(|(last, _)| *last < committed && *last >= committed - 10).collect()
            };
            assert_eq!(below(other), below(leader), "{:?}", leader.partition);
        }
    }
}

#[test]
fn brokers_elect_a_controller_create_a_topic_and_replicate_what_is_produced() {
    let mut host = cluster(1);
    run(&mut host, 30);
    let controllers = (1..=3).filter_map(|id| broker(&host, id)).filter_map(|b| b.controller_epoch);
    assert_eq!(controllers.collect::<Vec<_>>(), [1], "{}", story(&host));
    assert_whole(&host, 3);
    assert!(acknowledged(&host) > 150, "{} {}", acknowledged(&host), story(&host));
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back_into_the_isr() {
    let mut host = cluster(2);
    run(&mut host, 20);
    let id = TopicPartition::new("orders", 0);
    let leader = replicas(&host).into_iter().find(|r| r.partition == id && r.is_leader);
    let leader = leader.expect("a leader").leader;
    let before = acknowledged(&host);
    host.world_mut().act(Action::Kill(format!("broker-{leader}"))).expect("it runs");
    run(&mut host, 15);
    let successor = replicas(&host).into_iter().find(|r| r.partition == id && r.is_leader);
    let successor = successor.expect("a leader");
    assert_ne!(successor.leader, leader, "{}", story(&host));
    assert!(acknowledged(&host) > before + 60, "{}", story(&host));
    let elected = count(&host, |event| matches!(event, TraceEvent::LeaderElected { .. }));
    assert!(elected > 3, "{}", story(&host));
    host.world_mut().act(Action::Restart(format!("broker-{leader}"))).expect("it is dead");
    run(&mut host, 20);
    assert_whole(&host, 3);
    let recovered = |event: &TraceEvent| matches!(event, TraceEvent::LogRecovered { .. });
    assert!(count(&host, recovered) >= 3, "{}", story(&host));
}

#[test]
fn a_stopped_broker_hands_over_first_and_starts_without_recovery() {
    let mut host = cluster(3);
    run(&mut host, 20);
    host.world_mut().act(Action::Stop("broker-2".to_owned())).expect("it runs");
    run(&mut host, 5);
    assert!(broker(&host, 2).is_none(), "{}", story(&host));
    let text = "[KafkaServer id=2] Controlled shutdown succeeded";
    let said = |event: &TraceEvent| matches!(event, TraceEvent::Logged { text: logged, .. } if logged == text);
    assert_eq!(count(&host, said), 1, "{}", story(&host));
    host.world_mut().act(Action::Restart("broker-2".to_owned())).expect("it is stopped");
    run(&mut host, 20);
    assert_whole(&host, 3);
    let recovered = |event: &TraceEvent| matches!(event, TraceEvent::LogRecovered { .. });
    assert_eq!(count(&host, recovered), 0, "{}", story(&host));
}

/// The consumers of the cluster that live.
fn consumers(host: &LocalHost) -> Vec<ConsumerView> {
    let named = ["consumer-1", "consumer-2"].into_iter();
    let processes = named.filter_map(|name| host.world().process_named(name));
    let views = processes.filter_map(|id| host.runner(id).map(|runner| runner.process().view()));
    views
        .filter_map(|view| match view {
            ProcessView::Consumer(view) => Some(view),
            _ => None,
        })
        .collect()
}

#[test]
fn a_group_shares_the_partitions_and_outlives_its_coordinator() {
    let mut host = cluster(4);
    run(&mut host, 10);
    for name in ["consumer-1", "consumer-2"] {
        let properties = [
            ("bootstrap.servers", "broker-1:9092,broker-2:9092,broker-3:9092"),
            ("group.id", "readers"),
            ("topics", "orders"),
            ("auto.offset.reset", "earliest"),
            ("auto.commit.interval.ms", "1000"),
        ];
        let action = Action::Spawn {
            name: name.to_owned(),
            program: "consumer".to_owned(),
            properties: properties.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        };
        host.world_mut().act(action).expect("the name is free");
    }
    run(&mut host, 20);
    let owned = |host: &LocalHost| -> usize {
        consumers(host).iter().map(|consumer| consumer.owned.len()).sum()
    };
    let consumed = |host: &LocalHost| -> u64 {
        consumers(host).iter().map(|consumer| consumer.consumed).sum()
    };
    assert_eq!(owned(&host), 3, "{:?}\n{}", consumers(&host), story(&host));
    assert!(consumed(&host) > 150, "{:?}\n{}", consumers(&host), story(&host));
    let coordinator = (1..=3).find(|id| broker(&host, *id).is_some_and(|b| !b.groups.is_empty()));
    let coordinator = coordinator.expect("somebody coordinates the group");
    let before = consumed(&host);
    host.world_mut().act(Action::Kill(format!("broker-{coordinator}"))).expect("it runs");
    run(&mut host, 30);
    assert_eq!(owned(&host), 3, "{:?}\n{}", consumers(&host), story(&host));
    assert!(consumed(&host) > before + 100, "{:?}\n{}", consumers(&host), story(&host));
    let groups = (1..=3).filter_map(|id| broker(&host, id)).flat_map(|view| view.groups);
    let states: Vec<String> = groups.map(|group| group.state).collect();
    assert_eq!(states, ["Stable"], "{}", story(&host));
}
