//! Whatever bytes come to a ZooKeeper server, on whatever port and whatever it is doing, it goes on; and
//! whatever lies in its data directory, it starts or says why not. Nothing here knows how the bytes were
//! made, so that tests and fuzzers share it.

use bytes::Bytes;
use kafkarium::base::{
    Cause, ConnId, Endpoint, Incarnation, MachineId, ProcessId, Span, Time, TraceEvent,
};
use kafkarium::disk::Volume;
use kafkarium::node::{
    Batch, Effect, Emission, ExitReason, Input, LinkInput, ProcessSpec, ProcessView, Program,
    Properties, Runner, TimedInput,
};
use kafkarium::wire::jute;
use kafkarium::wire::zookeeper::quorum::{
    CREATE_SESSION, ConnectionHello, ELECTION_PROTOCOL, Notification, QuorumPacket, numbers,
    packet, peer_state,
};
use kafkarium::wire::zookeeper::{
    ConnectRequest, ConnectResponse, Request, XID_PING, encode_request, reply_xid,
};
use kafkarium::zookeeper::ZooKeeperServer;

const CLIENT_PORT: u16 = 2181;
const QUORUM_PORT: u16 = 2888;
const ELECTION_PORT: u16 = 3888;
const EPOCH: i64 = 1;
/// A connection that is none.
const NOBODY: ConnId = ConnId { opener: ProcessId(8), incarnation: Incarnation(1), serial: 0 };

/// What the server is doing when the bytes come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// It is on its own.
    Standalone,
    /// It looks for a leader.
    Looking,
    /// It leads two others.
    Leading,
    /// It follows.
    Following,
}

/// Where a frame comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// From a client whose session stands.
    Client,
    /// From a client that has said nothing yet.
    Stranger,
    /// From another server, as its vote.
    Election,
    /// From another server that has said nothing yet.
    ElectionStranger,
    /// From a follower, or, when it follows, from the leader.
    Quorum,
    /// From somebody who has said nothing yet.
    QuorumStranger,
}

/// A server, and the rest of the world as it sees it.
struct Bench {
    runner: Runner,
    now: Time,
    seq: u64,
    serial: u32,
    emissions: Vec<Emission>,
}

fn spec(doing: Doing) -> ProcessSpec {
    let mut properties = Properties::of([("tickTime", "2000"), ("snapCount", "4")]);
    let id = if doing == Doing::Leading { "3" } else { "1" };
    if doing != Doing::Standalone {
        properties.set("myid", id);
        for server in 1..=3 {
            let address = format!("zookeeper-{server}:{QUORUM_PORT}:{ELECTION_PORT}");
            properties.set(&format!("server.{server}"), &address);
        }
    }
    ProcessSpec {
        id: ProcessId(1),
        name: "zookeeper".to_owned(),
        machine: MachineId(1),
        host: "zookeeper".to_owned(),
        program: Program::ZooKeeper,
        properties,
        sync_latency: Span::from_millis(1),
        seed: 1,
    }
}

impl Bench {
    fn start(doing: Doing, volume: Volume, life: u32) -> Self {
        let spec = spec(doing);
        let process = Box::new(ZooKeeperServer::new(&spec).expect("a good configuration"));
        let incarnation = Incarnation(life);
        let runner = Runner::new(spec, incarnation, process, volume);
        let now = Time::from_millis(u64::from(life) * 1_000_000);
        let mut bench = Self { runner, now, seq: 0, serial: 0, emissions: Vec::new() };
        bench.put(Input::Start { incarnation });
        bench
    }

    fn put(&mut self, input: Input) {
        self.seq += 1;
        let (due, seq) = (self.now, self.seq);
        let timed = TimedInput { due, source: 1, seq, cause: Cause::Beginning, input };
        self.run(vec![timed], Span::from_micros(1));
    }

    fn run(&mut self, inputs: Vec<TimedInput>, span: Span) {
        self.now += span;
        let output = self.runner.run(Batch { inputs, until: self.now, ..Batch::default() });
        self.emissions.extend(output.emissions);
    }

    fn pass(&mut self, millis: u64) {
        self.run(Vec::new(), Span::from_millis(millis));
    }

    fn accept(&mut self, port: u16) -> ConnId {
        self.serial += 1;
        let conn =
            ConnId { opener: ProcessId(9), incarnation: Incarnation(1), serial: self.serial };
        let from = Endpoint::new("somebody", 40_000);
        self.put(Input::Link(LinkInput::Accepted { conn, port, from }));
        conn
    }

    fn frame(&mut self, conn: ConnId, frame: Bytes) {
        self.put(Input::Link(LinkInput::Frame(conn, frame)));
    }

    fn packet(&mut self, conn: ConnId, packet: &QuorumPacket) {
        self.frame(conn, jute::encode(packet));
        self.pass(10);
    }

    /// The frames for a connection so far.
    fn sent(&self, conn: ConnId) -> Vec<Bytes> {
        let sent = self.emissions.iter().filter_map(|emission| match &emission.effect {
            Effect::Send { conn: to, frame } if *to == conn => Some(frame.clone()),
            _ => None,
        });
        sent.collect()
    }

    /// Another server votes for 3.
    fn vote(&mut self, server: i64) -> ConnId {
        let conn = self.accept(ELECTION_PORT);
        let address = format!("zookeeper-{server}:{ELECTION_PORT}");
        let hello = ConnectionHello { protocol_version: ELECTION_PROTOCOL, server, address };
        self.frame(conn, jute::encode(&hello));
        let state = peer_state::LOOKING;
        let (leader, election_epoch, version) = (3, 1, 2);
        let vote = Notification { state, leader, zxid: 0, election_epoch, peer_epoch: 0, version };
        self.frame(conn, jute::encode(&vote));
        conn
    }

    /// Makes the server a leader with one follower; the follower's connection.
    fn lead(&mut self) -> ConnId {
        let conn = self.accept(QUORUM_PORT);
        let info = numbers(Some(1), &[0x1_0000, 0, 0]);
        self.packet(conn, &QuorumPacket::with_data(packet::FOLLOWERINFO, 0, info));
        let data = numbers(None, &[0]);
        self.packet(conn, &QuorumPacket::with_data(packet::ACKEPOCH, 0, data));
        self.packet(conn, &QuorumPacket::new(packet::ACK, EPOCH << 32));
        conn
    }

    /// Makes the server a follower; the connection to its leader.
    fn follow(&mut self) -> ConnId {
        let dial = self.emissions.iter().rev().find_map(|emission| match &emission.effect {
            Effect::Dial { conn, to } if to.port == QUORUM_PORT => Some(*conn),
            _ => None,
        });
        let conn = dial.expect("a follower dials its leader");
        self.put(Input::Link(LinkInput::Opened(conn)));
        let data = numbers(None, &[0x1_0000]);
        self.packet(conn, &QuorumPacket::with_data(packet::LEADERINFO, EPOCH << 32, data));
        self.packet(conn, &QuorumPacket::new(packet::DIFF, 0));
        self.packet(conn, &QuorumPacket::new(packet::NEWLEADER, EPOCH << 32));
        self.packet(conn, &QuorumPacket::new(packet::UPTODATE, 0));
        conn
    }

    /// A client with a session, if the server has one to give.
    fn client(&mut self, doing: Doing, quorum: ConnId) -> ConnId {
        let conn = self.accept(CLIENT_PORT);
        let hello = ConnectRequest { timeout: 30_000, ..ConnectRequest::default() };
        self.frame(conn, hello.encode());
        self.pass(10);
        let zxid = (EPOCH << 32) + 1;
        match doing {
            Doing::Standalone | Doing::Looking => {}
            Doing::Leading => self.packet(quorum, &QuorumPacket::new(packet::ACK, zxid)),
            Doing::Following => {
                let asked = self.sent(quorum).pop().expect("a request for a session");
                let asked: QuorumPacket = jute::decode(&asked).expect("a packet");
                let mut txn = asked.data()[..8].to_vec();
                txn.extend_from_slice(&numbers(None, &[0]));
                txn.extend_from_slice(&numbers(Some(zxid), &[]));
                txn.extend_from_slice(&numbers(Some(0), &[CREATE_SESSION, 30_000]));
                self.packet(quorum, &QuorumPacket::with_data(packet::PROPOSAL, zxid, txn));
                self.packet(quorum, &QuorumPacket::new(packet::COMMIT, zxid));
            }
        }
        conn
    }

    fn is_serving(&self) -> bool {
        match self.runner.process().view() {
            ProcessView::ZooKeeper(view) => view.is_serving,
            _ => false,
        }
    }

    fn exit(&self) -> Option<&ExitReason> {
        self.emissions.iter().find_map(|emission| match &emission.effect {
            Effect::Exit(exit) => Some(exit),
            _ => None,
        })
    }

    /// Panics when the server has ended.
    fn goes_on(&self) {
        assert_eq!(self.exit(), None);
    }
}

/// A server meets these frames. It goes on, it starts again from what it has written, and on its own it
/// serves another client as if nothing had been.
pub fn withstands(doing: Doing, frames: &[(Port, Bytes)]) {
    let mut bench = Bench::start(doing, Volume::default(), 1);
    let (mut election, mut quorum) = (NOBODY, NOBODY);
    match doing {
        Doing::Standalone => {}
        Doing::Looking => election = bench.vote(2),
        Doing::Leading => {
            election = bench.vote(1);
            bench.pass(300);
            quorum = bench.lead();
        }
        Doing::Following => {
            election = bench.vote(3);
            bench.pass(300);
            quorum = bench.follow();
        }
    }
    assert_eq!(bench.is_serving(), doing != Doing::Looking, "{doing:?}");
    let client = bench.client(doing, quorum);
    assert_eq!(bench.sent(client).len(), usize::from(doing != Doing::Looking), "{doing:?}");
    for (port, frame) in frames {
        let conn = match port {
            Port::Client => client,
            Port::Election => election,
            Port::Quorum => quorum,
            Port::Stranger => bench.accept(CLIENT_PORT),
            Port::ElectionStranger => bench.accept(ELECTION_PORT),
            Port::QuorumStranger => bench.accept(QUORUM_PORT),
        };
        bench.frame(conn, frame.clone());
        bench.pass(5);
        // The view is made of the same state, and nobody may make it fail either.
        bench.is_serving();
    }
    bench.pass(3_000);
    bench.goes_on();
    if doing == Doing::Standalone {
        serves(&mut bench);
    }
    let mut again = Bench::start(doing, bench.runner.into_volume(), 2);
    again.pass(100);
    again.goes_on();
}

/// A client that says nothing wrong gets its session and an answer.
fn serves(bench: &mut Bench) {
    let client = bench.client(Doing::Standalone, NOBODY);
    bench.frame(client, encode_request(XID_PING, &Request::Ping));
    bench.pass(10);
    let sent = bench.sent(client);
    let greeting = ConnectResponse::decode(&sent[0]).expect("a greeting");
    assert_ne!(greeting.session_id, 0);
    assert_eq!(sent[1..].iter().find_map(|frame| reply_xid(frame).ok()), Some(XID_PING));
}

/// A server finds these files. It serves, also from what it has then written, or it says why not: false.
pub fn starts_or_says_why(log: &[u8], snapshot: &[u8]) -> bool {
    let mut volume = Volume::default();
    for (name, bytes) in [("version-2/log.1", log), ("version-2/snapshot.0", snapshot)] {
        volume.append(name, bytes).expect("room");
    }
    let mut bench = Bench::start(Doing::Standalone, volume, 1);
    bench.pass(100);
    if let Some(exit) = bench.exit() {
        assert!(exit.failure && !exit.message.is_empty());
        let is_log_line = |emission: &Emission| {
            matches!(&emission.effect, Effect::Trace(TraceEvent::Logged { .. }))
        };
        assert!(bench.emissions.iter().any(is_log_line));
        return false;
    }
    serves(&mut bench);
    let mut again = Bench::start(Doing::Standalone, bench.runner.into_volume(), 2);
    again.pass(100);
    again.goes_on();
    true
}

/// A log of these records, each with its checksum.
pub fn log_of(records: &[Vec<u8>]) -> Vec<u8> {
    let mut log = b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0".to_vec();
    for record in records {
        log.extend_from_slice(&adler32(record).to_be_bytes());
        log.extend_from_slice(&(record.len() as u32).to_be_bytes());
        log.extend_from_slice(record);
        log.push(b'B');
    }
    log
}

/// A snapshot with this behind its header, and its checksum.
pub fn snapshot_of(content: &[u8]) -> Vec<u8> {
    let mut snapshot = b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    snapshot.extend_from_slice(content);
    let checksum = adler32(&snapshot);
    snapshot.extend_from_slice(&checksum.to_be_bytes());
    snapshot.extend_from_slice(b"\0\0\0\x01/");
    snapshot
}

fn adler32(bytes: &[u8]) -> u64 {
    let (mut a, mut b) = (1u64, 0u64);
    for byte in bytes {
        a = (a + u64::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

/// Makes of any bytes something that may come to a server, and lets it come: the entry of a fuzzer.
pub fn any_bytes(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let doing = match kind % 6 {
        0 => Doing::Standalone,
        1 => Doing::Looking,
        2 => Doing::Leading,
        3 => Doing::Following,
        4 => {
            starts_or_says_why(&log_of(&pieces(rest)), &snapshot_of(&FRESH_TREE));
            return;
        }
        _ => {
            starts_or_says_why(&log_of(&[]), &snapshot_of(rest));
            return;
        }
    };
    let frames: Vec<(Port, Bytes)> = pieces(rest)
        .into_iter()
        .map(|piece| {
            let port = match piece.first().map_or(0, |port| port % 6) {
                0 => Port::Client,
                1 => Port::Stranger,
                2 => Port::Election,
                3 => Port::ElectionStranger,
                4 => Port::Quorum,
                _ => Port::QuorumStranger,
            };
            (port, Bytes::copy_from_slice(piece.get(1..).unwrap_or_default()))
        })
        .collect();
    withstands(doing, &frames);
}

/// No sessions, no ACLs, a root without data, and the end.
pub const FRESH_TREE: [u8; 89] = {
    let mut bytes = [0; 89];
    // The root's ACL is −1, that of everybody.
    let mut at = 16;
    while at < 24 {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes[87] = 1;
    bytes[88] = b'/';
    bytes
};

/// Cuts bytes into pieces, each behind its length.
fn pieces(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (piece, left) = rest.split_at(rest.len().min(usize::from(*length)));
        pieces.push(piece.to_vec());
        bytes = left;
    }
    pieces
}
