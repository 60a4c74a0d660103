//! The checked-in profiles: how slow the links are, and Kafka's and ZooKeeper's own configs to match.
//! Each value that is not Kafka's default has its arithmetic beside it; L is the one-way latency.

use super::action::Action;
use super::config::{ProcessConfig, WorldConfig};
use crate::base::Span;
use crate::node::{Command, Program, Properties};
use crate::queue::QUEUE_PORT;
use serde::{Deserialize, Serialize};

/// How slow a world is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Profile {
    /// L = 400 ms: to be watched at 1×, and a failover takes seconds.
    #[default]
    Teaching,
    /// L = 10 ms: Kafka's defaults in a browser.
    Browser,
    /// L = 1 to 40 ms with jitter: Kafka's defaults, watched in slow motion.
    Realistic,
    /// L = 100 µs: Kafka's defaults for the gateway and the simulator.
    Native,
}

/// One-way latency of the teaching profile.
const TEACHING_LATENCY: Span = Span::from_millis(400);

/// ZooKeeper at L = 400 ms.
const TEACHING_ZOOKEEPER: [(&str, &str); 1] = [
    // Sessions may be 2 to 20 ticks long and expire on a tick: 3 to 30 s, found within 1.5 s.
    ("tickTime", "1500"),
];

/// Brokers at L = 400 ms.
const TEACHING_BROKER: [(&str, &str); 10] = [
    // A session is pinged after a third, 1.5 s; the answer is there 2 L later, at 2.3 s, before the
    // client gives the server up at two thirds, 3 s. A dead broker is found after 4.5 to 6 s.
    ("zookeeper.session.timeout.ms", "4500"),
    // Dial and ConnectRequest take 4 L = 1.6 s; a connection that never stands must still end.
    ("zookeeper.connection.timeout.ms", "10000"),
    // An idle follower asks again every 2 L + 2 s = 2.8 s; new records are answered at once.
    ("replica.fetch.wait.max.ms", "2000"),
    // Two idle fetches and some air: 2 × 2.8 s = 5.6 s. Looked at every half of it.
    ("replica.lag.time.max.ms", "8000"),
    // A follower that lost its leader tries again no sooner than a frame needs to get there.
    ("replica.fetch.backoff.ms", "800"),
    // A follower's fetch takes 2 L + 2 s = 2.8 s; twice that and the connection is given up.
    ("replica.socket.timeout.ms", "6000"),
    // LeaderAndIsr and its answer take 2 L = 0.8 s.
    ("controller.socket.timeout.ms", "6000"),
    // Four strips on the stage can be told apart; fifty cannot.
    ("offsets.topic.num.partitions", "4"),
    // The second member's JoinGroup is at most 2 L behind the first one's.
    ("group.initial.rebalance.delay.ms", "1200"),
    // Members heartbeat every 2 s, see below; this is also the smallest session allowed here.
    ("group.min.session.timeout.ms", "6000"),
];

/// All clients at L = 400 ms.
const TEACHING_CLIENT: [(&str, &str); 5] = [
    // The slowest answers: a fetch that waits 2 s takes 2.8 s, a produce with acks=all 4 L = 1.6 s.
    ("request.timeout.ms", "8000"),
    // Not before news can have travelled one way.
    ("retry.backoff.ms", "400"),
    ("reconnect.backoff.ms", "400"),
    ("reconnect.backoff.max.ms", "1600"),
    // A dial takes 2 L = 0.8 s.
    ("socket.connection.setup.timeout.ms", "4000"),
];

/// Consumers at L = 400 ms, beside the above.
const TEACHING_CONSUMER: [(&str, &str); 3] = [
    // As a follower's: an idle consumer asks every 2.8 s, new records are answered at once.
    ("fetch.max.wait.ms", "2000"),
    // Three heartbeats in a session, as in Kafka's defaults; a heartbeat takes 2 L = 0.8 s.
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "2000"),
];

/// Admin clients at L = 400 ms, instead of what all clients have.
const TEACHING_ADMIN: [(&str, &str); 1] = [
    // A new topic takes some ten trips each way (ZooKeeper, the controller, LeaderAndIsr, metadata)
    // before CreateTopics is answered: 20 L = 8 s, twice that to be sure.
    ("request.timeout.ms", "16000"),
];

/// One attempt to connect to one of several ZooKeeper servers at L = 400 ms: dialling takes 2 L, and a session
/// that a follower asks its leader for 6 L and two syncs, 3.3 s. A client gives each server an equal part of its
/// session timeout (org.apache.zookeeper.ClientCnxn).
const TEACHING_CONNECT_MS: usize = 4_000;
/// An election and the synchronisation after it take some 12 L, and a first attempt or two come too soon.
const TEACHING_ENSEMBLE_WAIT_MS: usize = 30_000;
/// A write takes 6 L instead of 2 L, and a new topic six of them one after the other.
const TEACHING_ENSEMBLE_ADMIN: (&str, &str) = ("request.timeout.ms", "40000");

/// What every sandbox broker says: the topics that make themselves look like the one made at the
/// start, and `__consumer_offsets` survives a broker.
const SANDBOX_BROKER: [(&str, &str); 3] = [
    ("num.partitions", "3"),
    ("default.replication.factor", "3"),
    ("offsets.topic.replication.factor", "3"),
];

/// Kafka's port.
pub const KAFKA_PORT: u16 = 9092;
/// ZooKeeper's port.
pub const ZOOKEEPER_PORT: u16 = 2181;
/// Where ZooKeeper's followers find their leader.
const QUORUM_PORT: u16 = 2888;
/// Where ZooKeeper's servers vote.
const ELECTION_PORT: u16 = 3888;

impl Profile {
    /// One-way latency.
    pub fn latency(self) -> Span {
        match self {
            Self::Teaching => TEACHING_LATENCY,
            Self::Browser => Span::from_millis(10),
            Self::Realistic => Span::from_millis(1),
            Self::Native => Span::from_micros(100),
        }
    }

    /// Most that a frame takes longer than that.
    pub fn jitter(self) -> Span {
        match self {
            Self::Realistic => Span::from_millis(39),
            Self::Teaching | Self::Browser | Self::Native => Span::ZERO,
        }
    }

    /// Time that one fsync takes: a disk of its age.
    pub fn sync_latency(self) -> Span {
        match self {
            Self::Teaching => Span::from_millis(20),
            Self::Browser | Self::Realistic => Span::from_millis(2),
            Self::Native => Span::from_micros(500),
        }
    }

    /// How long a sandbox needs until its topic stands and its group is stable: a host may let that
    /// pass before it shows anything.
    pub fn warm_up(self) -> Span {
        match self {
            Self::Teaching => Span::from_secs(60),
            Self::Browser | Self::Realistic | Self::Native => Span::from_secs(15),
        }
    }

    /// What clients of an ensemble of `zookeepers` servers need beside the above.
    fn patience_with(self, zookeepers: usize) -> Vec<(Program, &'static str, String)> {
        if self != Self::Teaching || zookeepers < 2 {
            return Vec::new();
        }
        let session_ms = TEACHING_CONNECT_MS * zookeepers;
        let (key, value) = TEACHING_ENSEMBLE_ADMIN;
        vec![
            (Program::Broker, "zookeeper.session.timeout.ms", session_ms.to_string()),
            (
                Program::Broker,
                "zookeeper.connection.timeout.ms",
                (TEACHING_ENSEMBLE_WAIT_MS + session_ms).to_string(),
            ),
            (Program::Admin, key, value.to_owned()),
        ]
    }

    /// When the admin client is told to make the first topic: the brokers have registered by then.
    fn topic_after(self) -> Span {
        match self {
            Self::Teaching => Span::from_secs(30),
            Self::Browser | Self::Realistic | Self::Native => Span::from_secs(3),
        }
    }

    /// What a program's configuration has in this profile beside Kafka's defaults.
    pub fn properties(self, program: Program) -> Properties {
        let mut properties = Properties::default();
        if self == Self::Teaching {
            let (own, common): (&[_], &[_]) = match program {
                Program::Broker => (&TEACHING_BROKER, &[]),
                Program::ZooKeeper => (&TEACHING_ZOOKEEPER, &[]),
                Program::Producer => (&[], &TEACHING_CLIENT),
                Program::Admin => (&TEACHING_ADMIN, &TEACHING_CLIENT),
                Program::Consumer => (&TEACHING_CONSUMER, &TEACHING_CLIENT),
                // A question and its answer take 2 L = 0.8 s; a silent receiver is found after 10 s.
                Program::Queue | Program::QueueSender | Program::QueueReceiver => (&[], &[]),
            };
            // What is a program's own comes last and wins.
            common.iter().chain(own).for_each(|(key, value)| properties.set(key, *value));
        }
        if program == Program::Broker {
            for (key, value) in SANDBOX_BROKER {
                properties.set(key, value);
            }
            if self != Self::Teaching {
                // Fifty logs on each broker would be most of what a tab stores and shows.
                properties.set("offsets.topic.num.partitions", "4");
            }
            if self == Self::Browser {
                // A volume holds 64 MiB: at the 20 MB/s that links of 10 ms carry it would be full within seconds.
                properties.set("log.retention.check.interval.ms", "200");
            }
        }
        properties
    }
}

/// The properties of a broker that listens on `host:port`.
fn broker(profile: Profile, id: usize, host: &str, port: u16, zookeeper: &str) -> Properties {
    let mut properties = profile.properties(Program::Broker);
    properties.set("broker.id", id.to_string());
    properties.set("listeners", format!("PLAINTEXT://{host}:{port}"));
    properties.set("advertised.listeners", format!("PLAINTEXT://{host}:{port}"));
    properties.set("zookeeper.connect", zookeeper);
    properties
}

impl WorldConfig {
    /// An empty world with the links and defaults of `profile`. `bootstrap` and `zookeeper` are
    /// what processes started later connect to unless they say otherwise.
    pub fn of_profile(profile: Profile, seed: u64, bootstrap: &str, zookeeper: &str) -> Self {
        let mut config = Self::new(seed);
        config.latency = profile.latency();
        config.jitter = profile.jitter();
        config.sync_latency = profile.sync_latency();
        for program in [Program::ZooKeeper, Program::Broker] {
            let mut defaults = profile.properties(program);
            if program == Program::Broker {
                defaults.set("zookeeper.connect", zookeeper);
            }
            config.defaults.insert(program, defaults);
        }
        for program in [Program::Producer, Program::Consumer, Program::Admin] {
            let mut defaults = profile.properties(program);
            defaults.set("bootstrap.servers", bootstrap);
            if program == Program::Consumer {
                // A consumer that is there first would make the topic with the broker's defaults.
                defaults.set("allow.auto.create.topics", "false");
            }
            config.defaults.insert(program, defaults);
        }
        for program in [Program::QueueSender, Program::QueueReceiver] {
            let queue = format!("queue-1:{QUEUE_PORT}");
            config.defaults.insert(program, Properties::of([("queue", queue.as_str())]));
        }
        config
    }

    /// Adds a client with the defaults and `own` properties.
    pub fn client(&mut self, name: &str, program: Program, own: &[(&str, &str)]) -> &mut Self {
        let mut properties = self.defaults.get(&program).cloned().unwrap_or_default();
        for (key, value) in own {
            properties.set(key, *value);
        }
        self.process(name, program, properties)
    }

    /// A ZooKeeper server and `brokers` brokers, each on a machine of its own name.
    pub fn cluster(profile: Profile, seed: u64, brokers: usize) -> Self {
        Self::cluster_on(profile, seed, brokers, 1)
    }

    /// An ensemble of `zookeepers` servers and `brokers` brokers, each on a machine of its own name.
    pub fn cluster_on(profile: Profile, seed: u64, brokers: usize, zookeepers: usize) -> Self {
        let hosts: Vec<String> = (1..=brokers).map(|id| format!("broker-{id}")).collect();
        let bootstrap: Vec<String> = hosts.iter().map(|h| format!("{h}:{KAFKA_PORT}")).collect();
        let servers: Vec<String> =
            (1..=zookeepers).map(|id| format!("zookeeper-{id}:{ZOOKEEPER_PORT}")).collect();
        let zookeeper = servers.join(",");
        let mut config = Self::of_profile(profile, seed, &bootstrap.join(","), &zookeeper);
        let patience = profile.patience_with(zookeepers);
        for (program, key, value) in &patience {
            config.defaults.entry(*program).or_default().set(key, value.as_str());
        }
        for id in 1..=zookeepers {
            let mut own = zookeeper_properties(profile);
            let member = |id| (format!("zookeeper-{id}"), QUORUM_PORT, ELECTION_PORT);
            ensemble(&mut own, id, zookeepers, member);
            config.process(&format!("zookeeper-{id}"), Program::ZooKeeper, own);
        }
        for (place, host) in hosts.iter().enumerate() {
            let mut own = broker(profile, place + 1, host, KAFKA_PORT, &zookeeper);
            for (_, key, value) in patience.iter().filter(|(of, ..)| *of == Program::Broker) {
                own.set(key, value.as_str());
            }
            config.process(host, Program::Broker, own);
        }
        config
    }

    /// The world that a person finds: a ZooKeeper server, three brokers, a topic `orders` of three
    /// partitions and three replicas, a producer, and a group `g1` of two consumers.
    pub fn sandbox(profile: Profile, seed: u64) -> Self {
        Self::sandbox_on(profile, seed, 1)
    }

    /// The same on an ensemble of `zookeepers` servers.
    pub fn sandbox_on(profile: Profile, seed: u64, zookeepers: usize) -> Self {
        let mut config = Self::cluster_on(profile, seed, 3, zookeepers);
        config.client("admin-1", Program::Admin, &[]);
        config.client("producer-1", Program::Producer, &[("acks", "all"), ("topic", "orders")]);
        for name in ["consumer-1", "consumer-2"] {
            config.client(name, Program::Consumer, &[("group.id", "g1"), ("topics", "orders")]);
        }
        let create = Command::CreateTopic {
            topic: "orders".to_owned(),
            partitions: 3,
            replication_factor: 3,
            configs: Vec::new(),
        };
        let tell = Action::Tell { process: "admin-1".to_owned(), command: create };
        config.actions.push((config.epoch + profile.topic_after(), tell));
        config
    }

    /// The world behind the gateway: each process on a machine of its own name, all of them found
    /// at `localhost`, brokers at ports from `kafka_port` on, so that what they advertise is where
    /// the gateway listens. Its host publishes these ports.
    pub fn gateway(
        brokers: usize,
        zookeepers: usize,
        seed: u64,
        kafka_port: u16,
        zookeeper_port: u16,
    ) -> Self {
        let host = "localhost";
        let ports = (1..=brokers).zip(kafka_port..);
        let bootstrap: Vec<String> =
            ports.clone().map(|(_, port)| format!("{host}:{port}")).collect();
        let servers: Vec<String> = (0..zookeepers)
            .zip(zookeeper_port..)
            .map(|(_, port)| format!("{host}:{port}"))
            .collect();
        let zookeeper = servers.join(",");
        let profile = Profile::Native;
        let mut config = Self::of_profile(profile, seed, &bootstrap.join(","), &zookeeper);
        let mut add = |name: String, program, properties| {
            let machine = name.clone();
            config.processes.push(ProcessConfig { name, machine, program, properties });
        };
        for (id, port) in (1..=zookeepers).zip(zookeeper_port..) {
            let mut server = zookeeper_properties(profile);
            server.set("clientPort", port.to_string());
            let member = |id| (format!("zookeeper-{id}"), QUORUM_PORT, ELECTION_PORT);
            ensemble(&mut server, id, zookeepers, member);
            add(format!("zookeeper-{id}"), Program::ZooKeeper, server);
        }
        for (id, port) in ports {
            let mut own = broker(profile, id, host, port, &zookeeper);
            let replicas = brokers.min(3).to_string();
            own.set("default.replication.factor", replicas.as_str());
            own.set("offsets.topic.replication.factor", replicas);
            add(format!("broker-{id}"), Program::Broker, own);
        }
        config
    }
}

/// What server `id` of `servers` must know about its ensemble; nothing when it is alone.
fn ensemble(
    properties: &mut Properties,
    id: usize,
    servers: usize,
    member: impl Fn(usize) -> (String, u16, u16),
) {
    if servers < 2 {
        return;
    }
    properties.set("myid", id.to_string());
    properties.set("initLimit", "10");
    properties.set("syncLimit", "5");
    for id in 1..=servers {
        let (host, quorum, election) = member(id);
        properties.set(&format!("server.{id}"), format!("{host}:{quorum}:{election}"));
    }
}

fn zookeeper_properties(profile: Profile) -> Properties {
    let mut properties = profile.properties(Program::ZooKeeper);
    properties.set("clientPort", ZOOKEEPER_PORT.to_string());
    properties.set("dataDir", "zookeeper");
    properties
}
