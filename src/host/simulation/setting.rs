//! What a seed begins with: how many brokers and ZooKeeper servers on what links, which topics, and
//! who writes and reads them. Swarm testing (Groce et al.): each seed leaves much out, so that what
//! it has meets often.

use super::run::ADMIN;
use crate::base::{Rng, Span};
use crate::node::{Command, Program};
use crate::world::{Profile, WorldConfig};

/// The topics of a run; the first ones of these.
const TOPICS: [&str; 3] = ["orders", "payments", "clicks"];

/// What a seed begins with.
pub(super) struct Setting {
    pub config: WorldConfig,
    /// The topics to create.
    pub topics: Vec<Command>,
    /// What the producers are to send.
    pub work: Vec<Work>,
}

/// What a producer is to send for as long as it runs.
pub(super) struct Work {
    pub producer: String,
    pub command: Command,
}

impl Setting {
    /// The setting of `seed`.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork("simulation setting");
        let brokers = pick(&mut rng, [3, 3, 3, 3, 4, 5, 2, 1]);
        let zookeepers = pick(&mut rng, [1, 1, 1, 3, 3, 2, 4, 5]);
        let mut config = WorldConfig::cluster_on(Profile::Native, seed, brokers, zookeepers);
        config.latency = Span::from_micros(pick(&mut rng, [200, 1_000, 5_000, 20_000]));
        config.jitter = Span::from_micros(pick(&mut rng, [0, 0, 500, 10_000]));
        config.sync_latency = Span::from_micros(pick(&mut rng, [500, 500, 2_000, 20_000]));
        configure_brokers(&mut config, brokers, &mut rng);
        config.client(ADMIN, Program::Admin, &[]);
        let count = pick(&mut rng, [1, 1, 2, 3]);
        let names: Vec<&str> = TOPICS.into_iter().take(count).collect();
        let topics = names.iter().map(|name| topic(name, brokers, &mut rng)).collect();
        let mut work = producers(&mut config, &names, &mut rng);
        consumers(&mut config, &names, &mut rng);
        work.extend(queue(&mut config, &mut rng));
        Self { config, topics, work }
    }
}

fn pick<T: Copy, const N: usize>(rng: &mut Rng, items: [T; N]) -> T {
    items[rng.below(N as u64) as usize]
}

fn configure_brokers(config: &mut WorldConfig, brokers: usize, rng: &mut Rng) {
    let replicas = brokers.min(3).to_string();
    let mut own: Vec<(&str, String)> = vec![
        ("default.replication.factor", replicas.clone()),
        ("offsets.topic.replication.factor", replicas),
        ("offsets.topic.num.partitions", pick(rng, ["1", "3", "8"]).to_owned()),
    ];
    let sometimes: [(&str, [&str; 3]); 6] = [
        ("zookeeper.session.timeout.ms", ["6000", "6000", "9000"]),
        ("replica.lag.time.max.ms", ["5000", "10000", "10000"]),
        ("replica.fetch.wait.max.ms", ["100", "500", "2000"]),
        ("group.initial.rebalance.delay.ms", ["0", "500", "3000"]),
        ("leader.imbalance.check.interval.seconds", ["10", "30", "60"]),
        ("controlled.shutdown.enable", ["false", "false", "true"]),
    ];
    for (key, values) in sometimes {
        if rng.chance(400) {
            own.push((key, pick(rng, values).to_owned()));
        }
    }
    for process in config.processes.iter_mut().filter(|p| p.program == Program::Broker) {
        for (key, value) in &own {
            process.properties.set(key, value.as_str());
        }
    }
}

/// A topic of the seed's taste.
pub(super) fn topic(name: &str, brokers: usize, rng: &mut Rng) -> Command {
    let most = brokers.min(5) as u64;
    // Three replicas are what most people have; fewer and more are rarer.
    let replicas = if rng.chance(600) { most.min(3) } else { rng.between(1, most) };
    let min_isr = rng.between(1, replicas.min(2));
    let unclean = rng.chance(200);
    let mut configs = vec![("min.insync.replicas".to_owned(), min_isr.to_string())];
    if unclean {
        configs.push(("unclean.leader.election.enable".to_owned(), "true".to_owned()));
    }
    Command::CreateTopic {
        topic: name.to_owned(),
        partitions: rng.between(1, 5) as i32,
        replication_factor: replicas as i16,
        configs,
    }
}

fn producers(config: &mut WorldConfig, topics: &[&str], rng: &mut Rng) -> Vec<Work> {
    let mut work = Vec::new();
    // Of another stream, so that other choices stay as they were.
    let mut taste = rng.fork("producer settings");
    for producer in 1..=pick(rng, [1, 1, 2, 3]) {
        let interval_ms = pick(rng, [20, 50, 100, 300]);
        let keys = if rng.chance(500) { "a,b,c,d,e" } else { "" };
        let acks = pick(rng, ["all", "all", "all", "all", "1", "0"]);
        let own = [
            ("acks", acks),
            // An idempotent producer needs acks=all.
            (
                "enable.idempotence",
                if acks == "all" && taste.chance(500) { "true" } else { "false" },
            ),
            ("compression.type", pick(&mut taste, ["none", "gzip", "snappy", "lz4"])),
            ("linger.ms", pick(rng, ["0", "0", "25", "200"])),
            ("batch.size", pick(rng, ["16384", "16384", "200"])),
            ("request.timeout.ms", pick(rng, ["30000", "5000", "2000"])),
        ];
        // Some give up soon; the time-outs within must be shorter.
        let own = own.into_iter().chain(
            (own[5].1 != "30000" && taste.chance(300)).then_some(("delivery.timeout.ms", "6000")),
        );
        let own: Vec<(&str, &str)> = own.collect();
        let name = format!("producer-{producer}");
        config.client(&name, Program::Producer, &own);
        let command = Command::ProduceEvery {
            topic: rng.pick(topics).copied().unwrap_or(TOPICS[0]).to_owned(),
            interval_us: interval_ms * 1_000,
            keys: keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        };
        work.push(Work { producer: name, command });
    }
    work
}

/// Sometimes a queue server stands beside the cluster, and suffers as it does.
fn queue(config: &mut WorldConfig, rng: &mut Rng) -> Option<Work> {
    if !rng.chance(150) {
        return None;
    }
    config.client("queue-1", Program::Queue, &[]);
    let processing = pick(rng, ["0", "50", "1000"]);
    for receiver in 1..=rng.between(1, 3) {
        let name = format!("queue-receiver-{receiver}");
        config.client(&name, Program::QueueReceiver, &[("processing.time.ms", processing)]);
    }
    let producer = "queue-sender-1".to_owned();
    config.client(&producer, Program::QueueSender, &[]);
    let interval_us = pick(rng, [50, 300]) * 1_000;
    let command = Command::ProduceEvery { topic: "queue".to_owned(), interval_us, keys: vec![] };
    Some(Work { producer, command })
}

fn consumers(config: &mut WorldConfig, topics: &[&str], rng: &mut Rng) {
    let groups = pick(rng, [1, 1, 2]);
    let mut taste = rng.fork("consumer settings");
    let mut number = 0;
    for group in 1..=groups {
        let group = format!("g{group}");
        let timeout = pick(rng, ["6000", "10000", "10000"]);
        let commit = pick(rng, ["100", "1000", "5000"]);
        let strategy = pick(&mut taste, ["range", "roundrobin", "sticky", "cooperative-sticky"]);
        for _ in 0..rng.between(1, 3) {
            number += 1;
            let subscribed = topics.join(",");
            let name = format!("consumer-{number}");
            let mut own = vec![
                ("group.id", group.as_str()),
                ("partition.assignment.strategy", strategy),
                ("topics", subscribed.as_str()),
                ("auto.offset.reset", "earliest"),
                ("session.timeout.ms", timeout),
                ("heartbeat.interval.ms", "2000"),
                ("auto.commit.interval.ms", commit),
            ];
            if taste.chance(250) {
                own.push(("group.instance.id", &name));
            }
            config.client(&name, Program::Consumer, &own);
        }
    }
}
