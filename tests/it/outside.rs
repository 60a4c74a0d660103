//! A cluster on one thread, and a client outside of it that speaks frames.

use bytes::Bytes;
use kafkarium::base::{BrokerId, ConnId, Endpoint, EventId, SortedMap, Span, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::node::view::BrokerView;
use kafkarium::node::{LinkInput, ProcessView, Program, Properties};
use kafkarium::wire::kafka::{AnyRequest, AnyResponse, decode_any_response};
use kafkarium::world::{Action, World, WorldConfig, launch};

/// The cluster, and the client's connections to it.
pub struct Outside {
    pub host: LocalHost,
    connections: SortedMap<String, ConnId>,
    correlation_id: i32,
}

impl Outside {
    /// One ZooKeeper server and brokers 1 to `brokers`, with these properties over some short times.
    /// Broker 1 is there first, and so is the controller.
    pub fn new(brokers: i32, properties: &[(&str, &str)]) -> Self {
        let mut config = WorldConfig::new(1);
        let zookeeper = Properties::of([("clientPort", "2181"), ("tickTime", "2000")]);
        config.process("zookeeper-1", Program::ZooKeeper, zookeeper);
        config.process("broker-1", Program::Broker, Self::properties_of(1, properties));
        let host = LocalHost::new(World::new(config), launch);
        let mut cluster = Self { host, connections: SortedMap::new(), correlation_id: 0 };
        cluster.pass(Span::from_secs(2));
        for id in 2..=brokers {
            cluster.add_broker(id, properties);
        }
        cluster.pass(Span::from_secs(2));
        cluster
    }

    fn properties_of(id: i32, more: &[(&str, &str)]) -> Properties {
        let mut properties = Properties::of([
            ("broker.id", id.to_string().as_str()),
            ("zookeeper.connect", "zookeeper-1:2181"),
            ("zookeeper.session.timeout.ms", "6000"),
            ("replica.lag.time.max.ms", "4000"),
            ("controlled.shutdown.retry.backoff.ms", "500"),
        ]);
        for (key, value) in more {
            properties.set(key, *value);
        }
        properties
    }

    /// Starts one more broker.
    pub fn add_broker(&mut self, id: i32, properties: &[(&str, &str)]) {
        let properties = Self::properties_of(id, properties);
        let action = Action::Spawn {
            name: format!("broker-{id}"),
            program: "broker".to_owned(),
            properties: properties.0.into_iter().collect(),
        };
        self.host.world_mut().act(action).expect("the name is free");
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Span) {
        let until = self.host.world().clock() + span;
        self.host.run_until(until);
        self.host.refresh_views();
    }

    /// Takes an action of the world, in its words.
    pub fn act(&mut self, words: &str) {
        let action: Action = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
        self.host.world_mut().act(action).unwrap_or_else(|error| panic!("{words}: {error}"));
    }

    /// Asks a broker, and waits for the answer.
    pub fn ask(
        &mut self,
        broker: i32,
        request: impl Into<AnyRequest>,
        version: i16,
    ) -> AnyResponse {
        let request = request.into();
        self.correlation_id += 1;
        let frame = request.to_frame(version, self.correlation_id, Some("outside"));
        let answer = self.ask_frame(broker, frame).expect("the broker answers");
        let (id, response) = decode_any_response(&answer, request.api(), version).expect("a frame");
        assert_eq!(id, self.correlation_id);
        response
    }

    /// Sends a request to a broker that was asked before, and waits for nothing.
    pub fn tell(&mut self, broker: i32, request: impl Into<AnyRequest>, version: i16) {
        self.correlation_id += 1;
        let frame = request.into().to_frame(version, self.correlation_id, Some("outside"));
        let conn = self.connections[&format!("broker-{broker}")];
        self.host.world_mut().send_from_outside(conn, frame);
    }

    /// Sends a frame to a broker; none when it hangs up.
    pub fn ask_frame(&mut self, broker: i32, frame: Bytes) -> Option<Bytes> {
        let name = format!("broker-{broker}");
        let endpoint = Endpoint::new(name.clone(), 9092);
        let conn = if let Some(conn) = self.connections.remove(&name) {
            conn
        } else {
            let conn = self.host.world_mut().dial_from_outside(&endpoint);
            self.wait_for(conn)?;
            conn
        };
        self.host.world_mut().send_from_outside(conn, frame);
        let answer = self.wait_for(conn)?;
        self.connections.insert(name, conn);
        Some(answer)
    }

    /// Waits for the next frame on a connection, or for it to open, which is an empty frame here.
    fn wait_for(&mut self, conn: ConnId) -> Option<Bytes> {
        let deadline = self.host.world().clock() + Span::from_secs(60);
        while self.host.world().clock() < deadline {
            self.pass(Span::from_millis(1));
            for input in self.host.world_mut().take_outside() {
                match input {
                    LinkInput::Opened(at) if at == conn => return Some(Bytes::new()),
                    LinkInput::Frame(at, frame) if at == conn => return Some(frame),
                    LinkInput::Closed(at, _) if at == conn => return None,
                    LinkInput::Closed(at, _) => self.connections.retain(|_, known| *known != at),
                    _ => {}
                }
            }
        }
        panic!("nothing comes");
    }

    /// The picture of a broker that lives.
    pub fn broker(&self, id: i32) -> Option<BrokerView> {
        let process = self.host.world().process_named(&format!("broker-{id}"))?;
        match self.host.runner(process)?.process().view() {
            ProcessView::Broker(view) => Some(view),
            _ => None,
        }
    }

    /// The broker that is the active controller; of several that think they are, the newest.
    pub fn controller(&self) -> i32 {
        let processes = self.host.world().specs().map(|spec| spec.name.clone());
        let ids = processes.filter_map(|name| name.strip_prefix("broker-")?.parse().ok());
        let brokers: Vec<BrokerView> = ids.filter_map(|id| self.broker(id)).collect();
        let newest = brokers.iter().max_by_key(|view| view.controller_epoch);
        newest.filter(|view| view.controller_epoch.is_some()).expect("a controller").broker_id
    }

    /// What happened since `since`.
    pub fn events(&self, since: EventId) -> Vec<TraceEvent> {
        self.host.world().trace().after(since).map(|record| record.event.clone()).collect()
    }

    /// Whether a server ever logged exactly this.
    pub fn logged(&self, line: &str) -> bool {
        let said =
            |event: &TraceEvent| matches!(event, TraceEvent::Logged { text, .. } if text == line);
        self.events(EventId::default()).iter().any(said)
    }

    /// Partitions of `topic` that `broker` leads, by its own picture.
    pub fn led_by(&self, broker: i32, topic: &str) -> Vec<i32> {
        let replicas = self.broker(broker).map(|view| view.replicas).unwrap_or_default();
        let led = replicas.iter().filter(|replica| replica.is_leader);
        led.filter(|replica| replica.partition.topic == topic)
            .map(|replica| replica.partition.partition)
            .collect()
    }
}

/// Broker ids as numbers.
pub fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}
