//! A server on its volume, clients that speak frames to it, and what they ask.

use super::super::super::session::password_of;
use super::*;

pub const CLIENT: ProcessId = ProcessId(9);
pub const SYNC_MS: u64 = 2;

/// A server on its volume, and the frames that it sent.
pub struct Bench {
    pub runner: Runner,
    seq: u64,
    pub emissions: Vec<Emission>,
}

pub fn spec(properties: &[(&str, &str)]) -> ProcessSpec {
    ProcessSpec {
        id: ProcessId(1),
        name: "zookeeper-1".to_owned(),
        machine: MachineId(1),
        host: "zookeeper-1".to_owned(),
        program: Program::ZooKeeper,
        properties: Properties::of(properties.iter().copied()),
        sync_latency: Span::from_millis(SYNC_MS),
        seed: 1,
    }
}

pub fn conn(serial: u32) -> ConnId {
    ConnId { opener: CLIENT, incarnation: Incarnation(1), serial }
}

pub fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

impl Bench {
    pub fn start(properties: &[(&str, &str)], volume: Volume, at: Time, life: u32) -> Self {
        let spec = spec(properties);
        let process = Box::new(ZooKeeperServer::new(&spec).unwrap());
        let runner = Runner::new(spec, Incarnation(life), process, volume);
        let mut bench = Self { runner, seq: 0, emissions: Vec::new() };
        bench.put(at, Input::Start { incarnation: Incarnation(life) });
        bench
    }

    pub fn new() -> Self {
        Self::start(&[], Volume::default(), ms(1_000), 1)
    }

    /// Hands in an input and lets everything up to its time happen.
    pub fn put(&mut self, due: Time, input: Input) {
        self.seq += 1;
        let timed = TimedInput { due, source: 1, seq: self.seq, cause: Cause::Beginning, input };
        self.run(vec![timed], due + Span::from_micros(1));
    }

    pub fn run(&mut self, inputs: Vec<TimedInput>, until: Time) {
        let output = self.runner.run(Batch { inputs, until, ..Batch::default() });
        self.emissions.extend(output.emissions);
    }

    pub fn run_until(&mut self, until: Time) {
        self.run(Vec::new(), until);
    }

    pub fn accept(&mut self, serial: u32, due: Time) {
        let from = Endpoint::new("client", 40_000);
        let (conn, port) = (conn(serial), 2181);
        self.put(due, Input::Link(LinkInput::Accepted { conn, port, from }));
    }

    pub fn frame(&mut self, serial: u32, due: Time, frame: Bytes) {
        self.put(due, Input::Link(LinkInput::Frame(conn(serial), frame)));
    }

    /// Connects with a new or an old session; gives what the server says.
    pub fn connect(&mut self, serial: u32, due: Time, session: i64) -> ConnectResponse {
        self.accept(serial, due);
        let password = if session == 0 { [0; 16] } else { password_of(session) };
        let request = ConnectRequest {
            timeout: 6_000,
            session_id: session,
            password: Bytes::copy_from_slice(&password),
            ..ConnectRequest::default()
        };
        self.frame(serial, due, request.encode());
        self.run_until(due + Span::from_millis(SYNC_MS + 1));
        ConnectResponse::decode(&self.take_frames(serial).pop().unwrap()).unwrap()
    }

    pub fn request(&mut self, serial: u32, xid: i32, due: Time, request: &Request) {
        self.frame(serial, due, encode_request(xid, request));
    }

    /// The error of a request that is answered before anything else happens.
    pub fn ask(&mut self, serial: u32, due: Time, request: &Request) -> KeeperCode {
        self.request(serial, 77, due, request);
        self.run_until(due + Span::from_millis(SYNC_MS + 1));
        let frame = self.take_frames(serial).pop().unwrap();
        KeeperCode(decode_reply_header(&frame).unwrap().err)
    }

    /// Takes out the frames for a connection.
    pub fn take_frames(&mut self, serial: u32) -> Vec<Bytes> {
        let mut frames = Vec::new();
        self.emissions.retain(|emission| match &emission.effect {
            Effect::Send { conn: to, frame } if *to == conn(serial) => {
                frames.push(frame.clone());
                false
            }
            _ => true,
        });
        frames
    }

    pub fn hung_up(&self, serial: u32) -> bool {
        let hangup = Effect::Hangup(conn(serial));
        self.emissions.iter().any(|emission| emission.effect == hangup)
    }

    pub fn traced(&self, event: &TraceEvent) -> Option<Time> {
        let same = |emission: &&Emission| emission.effect == Effect::Trace(event.clone());
        self.emissions.iter().find(same).map(|emission| emission.at)
    }

    pub fn view(&self) -> crate::node::view::ZooKeeperView {
        match self.runner.process().view() {
            ProcessView::ZooKeeper(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn paths(&self) -> Vec<String> {
        let znodes = self.view().znodes.into_iter().map(|znode| znode.path);
        znodes.filter(|path| !path.starts_with("/zookeeper")).collect()
    }
}

pub fn create(path: &str, flags: i32) -> Request {
    let (path, data) = (path.to_owned(), None);
    Request::Create(CreateRequest { path, data, acl: Acl::open(), flags })
}

pub fn set(path: &str) -> Request {
    Request::SetData(SetDataRequest { path: path.to_owned(), data: None, version: -1 })
}

pub fn exists(path: &str) -> Request {
    Request::Exists(ExistsRequest { path: path.to_owned(), watch: true })
}

pub fn get(path: &str) -> Request {
    Request::GetData(GetDataRequest { path: path.to_owned(), watch: true })
}

pub fn children(path: &str) -> Request {
    Request::GetChildren(GetChildrenRequest { path: path.to_owned(), watch: true })
}
