//! Sessions that move between the servers of an ensemble, and what servers tell of themselves, seen by a
//! client that speaks the protocol by hand and so may do what no client library would.

use bytes::Bytes;
use kafkarium::base::timers::Wakeup;
use kafkarium::base::{ConnId, Endpoint, Span, Time};
use kafkarium::host::LocalHost;
use kafkarium::node::view::AdminView;
use kafkarium::node::{Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView, Program};
use kafkarium::wire::zookeeper::{
    Acl, ConnectRequest, ConnectResponse, CreateRequest, ExistsRequest, GetDataRequest, KeeperCode,
    OpCode, Reply, Request, SetDataRequest, SyncRequest, create_mode, decode_reply, encode_request,
};
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the hand is told to do, and what it saw, by the name of the connection.
#[derive(Default)]
struct Desk {
    orders: Vec<(&'static str, Order)>,
    frames: BTreeMap<&'static str, Vec<Bytes>>,
    closed: Vec<&'static str>,
}

enum Order {
    /// Connects to a server and sends these frames at once.
    Open(&'static str, Vec<Bytes>),
    Send(Bytes),
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Looks at its desk every millisecond.
#[derive(Default)]
struct Hand {
    conns: BTreeMap<ConnId, (&'static str, Vec<Bytes>)>,
    next: Option<Time>,
}

impl Process for Hand {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.next = Some(ctx.now() + Span::from_millis(1));
        match input {
            Input::Link(LinkInput::Opened(conn)) => {
                let (_, frames) = self.conns.get_mut(&conn).expect("an own connection");
                for frame in std::mem::take(frames) {
                    ctx.send(conn, frame);
                }
            }
            Input::Link(LinkInput::Frame(conn, frame)) => {
                let name = self.conns[&conn].0;
                DESK.with_borrow_mut(|desk| desk.frames.entry(name).or_default().push(frame));
            }
            Input::Link(LinkInput::Closed(conn, _)) => {
                let name = self.conns[&conn].0;
                DESK.with_borrow_mut(|desk| desk.closed.push(name));
            }
            _ => {}
        }
        for (name, order) in DESK.with_borrow_mut(|desk| std::mem::take(&mut desk.orders)) {
            match order {
                Order::Open(server, frames) => {
                    let conn = ctx.dial(Endpoint::new(server, 2181));
                    self.conns.insert(conn, (name, frames));
                }
                Order::Send(frame) => {
                    let named = self.conns.iter().find(|(_, (other, _))| *other == name);
                    ctx.send(*named.expect("an open connection").0, frame);
                }
            }
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.next.map(|at| Wakeup { at, reason: "a look at the desk".into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView::default())
    }
}

fn launch_hand(spec: &ProcessSpec) -> Box<dyn Process> {
    if spec.program == Program::Admin { Box::<Hand>::default() } else { launch(spec) }
}

/// An ensemble of three, 3 leads, and the hand.
struct Play(LocalHost);

impl Play {
    fn new() -> Self {
        DESK.set(Desk::default());
        let mut config = WorldConfig::cluster_on(Profile::Native, 1, 0, 3);
        for process in &mut config.processes {
            process.properties.set("tickTime", "500");
            process.properties.set("4lw.commands.whitelist", "*");
        }
        config.client("hand", Program::Admin, &[]);
        let mut play = Self(LocalHost::new(World::new(config), launch_hand));
        play.pass(2_000);
        play
    }

    fn pass(&mut self, millis: u64) {
        let until = self.0.world().clock() + Span::from_millis(millis);
        self.0.run_until(until);
    }

    fn act(&mut self, line: &str) {
        self.0.world_mut().act(line.parse::<Action>().expect("an action")).expect("possible");
    }

    /// Opens a connection for a session, 0 for a new one, and sends requests without waiting.
    fn open(
        &mut self,
        name: &'static str,
        server: &'static str,
        session: &ConnectResponse,
        requests: &[Request],
    ) {
        let hello = ConnectRequest {
            timeout: 2_000,
            session_id: session.session_id,
            password: session.password.clone(),
            ..ConnectRequest::default()
        };
        let requests = (1..).zip(requests).map(|(xid, request)| encode_request(xid, request));
        let frames = std::iter::once(hello.encode()).chain(requests).collect();
        DESK.with_borrow_mut(|desk| desk.orders.push((name, Order::Open(server, frames))));
        self.pass(100);
    }

    fn connect(&mut self, name: &'static str, server: &'static str) -> ConnectResponse {
        let nobody =
            ConnectResponse { password: Bytes::from_static(&[0; 16]), ..Default::default() };
        self.open(name, server, &nobody, &[]);
        Self::greeting(name)
    }

    fn greeting(name: &str) -> ConnectResponse {
        let frame = DESK.with_borrow_mut(|desk| desk.frames.get_mut(name).map(|it| it.remove(0)));
        ConnectResponse::decode(&frame.expect("a frame")).expect("a greeting")
    }

    /// The replies on a connection since the last look: number and error.
    fn replies(name: &str) -> Vec<(i32, KeeperCode)> {
        let frames = DESK.with_borrow_mut(|desk| desk.frames.remove(name)).unwrap_or_default();
        let reply = |frame: &Bytes| {
            let (header, _) = decode_reply(frame, OpCode::Ping).expect("a reply");
            (header.xid, KeeperCode(header.err))
        };
        frames.iter().map(reply).collect()
    }

    fn order(name: &'static str, xid: i32, request: &Request) {
        let frame = encode_request(xid, request);
        DESK.with_borrow_mut(|desk| desk.orders.push((name, Order::Send(frame))));
    }

    fn ask(&mut self, name: &'static str, xid: i32, request: &Request) {
        Self::order(name, xid, request);
        self.pass(100);
    }

    fn is_closed(name: &str) -> bool {
        DESK.with_borrow(|desk| desk.closed.contains(&name))
    }

    /// The paths on each server that serves.
    fn paths(&mut self, path: &str) -> Vec<bool> {
        self.0.refresh_views();
        let world = self.0.world();
        let alive = world.specs().filter(|spec| world.is_alive(spec.id));
        alive
            .filter_map(|spec| match world.view(spec.id) {
                Some(ProcessView::ZooKeeper(view)) => {
                    Some(view.znodes.iter().any(|znode| znode.path == path))
                }
                _ => None,
            })
            .collect()
    }
}

fn create(path: &str, flags: i32) -> Request {
    let (path, data) = (path.to_owned(), None);
    Request::Create(CreateRequest { path, data, acl: Acl::open(), flags })
}

fn set(path: &str) -> Request {
    Request::SetData(SetDataRequest { path: path.to_owned(), data: None, version: -1 })
}

fn exists(path: &str) -> Request {
    Request::Exists(ExistsRequest { path: path.to_owned(), watch: false })
}

fn sync() -> Request {
    Request::Sync(SyncRequest { path: "/".to_owned() })
}

const OK: KeeperCode = KeeperCode::OK;

#[test]
fn requests_sent_before_the_session_stands_are_answered_behind_the_greeting() {
    for server in ["zookeeper-1", "zookeeper-3"] {
        let mut play = Play::new();
        let nobody =
            ConnectResponse { password: Bytes::from_static(&[0; 16]), ..Default::default() };
        let eager = [exists("/"), create("/a", 0), exists("/a")];
        play.open("first", server, &nobody, &eager);
        let session = Play::greeting("first");
        assert_ne!(session.session_id, 0);
        assert_eq!(Play::replies("first"), [(1, OK), (2, OK), (3, OK)], "{server}");
        // A session that is taken over is asked for at the leader; the requests wait for that too.
        play.open("second", "zookeeper-2", &session, &eager);
        assert_eq!(Play::greeting("second").session_id, session.session_id);
        let replies = Play::replies("second");
        assert_eq!(replies, [(1, OK), (2, KeeperCode::NODE_EXISTS), (3, OK)], "{server}");
    }
}

#[test]
fn a_session_that_moved_is_refused_where_it_was() {
    let mut play = Play::new();
    let session = play.connect("old", "zookeeper-1");
    play.ask("old", 1, &create("/e", create_mode::EPHEMERAL));
    play.open("new", "zookeeper-2", &session, &[]);
    assert_eq!(Play::greeting("new").session_id, session.session_id);
    assert!(!Play::is_closed("old"), "the server it was on has not heard of it");
    play.ask("old", 2, &set("/e"));
    assert!(Play::is_closed("old"));
    assert_eq!(Play::replies("old"), [(1, OK)]);
    play.ask("new", 3, &set("/e"));
    assert_eq!(Play::replies("new"), [(3, OK)]);
    assert_eq!(play.paths("/e"), [true; 3]);
}

#[test]
fn a_session_is_taken_over_within_its_timeout_and_not_after_it() {
    let mut play = Play::new();
    let early = play.connect("early", "zookeeper-1");
    let late = play.connect("late", "zookeeper-1");
    play.ask("early", 1, &create("/early", create_mode::EPHEMERAL));
    play.ask("late", 1, &create("/late", create_mode::EPHEMERAL));
    play.act("kill zookeeper-1");
    play.pass(1_000);
    play.open("early again", "zookeeper-2", &early, &[]);
    assert_eq!(Play::greeting("early again").session_id, early.session_id);
    for xid in 0..20 {
        play.ask("early again", xid, &Request::Ping);
        play.pass(50);
    }
    play.open("late again", "zookeeper-2", &late, &[]);
    let refused = Play::greeting("late again");
    assert_eq!((refused.session_id, refused.timeout), (0, 0));
    assert!(Play::is_closed("late again"));
    assert_eq!((play.paths("/early"), play.paths("/late")), (vec![true; 2], vec![false; 2]));
    // With a wrong password it is nobody's.
    let thief = ConnectResponse { password: Bytes::from_static(&[7; 16]), ..early };
    play.open("thief", "zookeeper-3", &thief, &[]);
    assert_eq!(Play::greeting("thief").timeout, 0);
}

#[test]
fn after_a_sync_a_client_sees_what_another_server_has_acknowledged() {
    let mut play = Play::new();
    play.connect("reader", "zookeeper-1");
    play.connect("writer", "zookeeper-2");
    // What is committed comes to server 1 just behind what its client asks at the same time.
    play.act("latency zookeeper-1 150000");
    for (xid, request) in (1..).zip([exists("/a"), sync(), exists("/a")]) {
        Play::order("reader", xid, &request);
    }
    Play::order("writer", 1, &create("/a", 0));
    play.pass(100);
    assert_eq!(Play::replies("writer"), [(1, OK)]);
    play.pass(1_000);
    assert_eq!(Play::replies("reader"), [(1, KeeperCode::NO_NODE), (2, OK), (3, OK)]);
}

#[test]
fn without_a_quorum_nobody_is_served_and_sessions_outlast_it() {
    let mut play = Play::new();
    let session = play.connect("client", "zookeeper-1");
    play.ask("client", 1, &create("/e", create_mode::EPHEMERAL));
    assert_eq!(Play::replies("client"), [(1, OK)]);
    play.act("kill zookeeper-2");
    play.act("kill zookeeper-3");
    play.pass(6_000);
    assert!(Play::is_closed("client"));
    play.open("refused", "zookeeper-1", &session, &[]);
    assert!(Play::is_closed("refused"));
    assert!(Play::replies("refused").is_empty());
    play.act("restart zookeeper-2");
    // The new leader gives every session its whole timeout.
    play.pass(1_500);
    play.open("back", "zookeeper-1", &session, &[exists("/e")]);
    assert_eq!(Play::greeting("back").session_id, session.session_id);
    assert_eq!(Play::replies("back"), [(1, OK)]);
}

#[test]
fn the_servers_tell_who_belongs_to_the_ensemble_and_the_leader_what_it_proposes() {
    let mut play = Play::new();
    play.connect("client", "zookeeper-1");
    let word = |play: &mut Play, name: &'static str, server, word: &'static str| {
        let frames = vec![Bytes::from_static(word.as_bytes())];
        DESK.with_borrow_mut(|desk| desk.orders.push((name, Order::Open(server, frames))));
        play.pass(100);
        let frames = DESK.with_borrow_mut(|desk| desk.frames.remove(name)).unwrap_or_default();
        assert!(Play::is_closed(name));
        String::from_utf8(frames.concat()).expect("text")
    };
    let follower = word(&mut play, "1", "zookeeper-1", "srvr");
    assert!(follower.ends_with("Mode: follower\nNode count: 4\n"), "{follower}");
    // The beginning of a session: 32 bytes of header, 4 of timeout.
    let leader = word(&mut play, "2", "zookeeper-3", "srvr");
    let expected = "Mode: leader\nProposal sizes last/min/max: 36/36/36\nNode count: 4\n";
    assert!(leader.ends_with(expected), "{leader}");
    let monitor = word(&mut play, "3", "zookeeper-3", "mntr");
    let expected = "zk_followers\t2\nzk_synced_followers\t2\nzk_pending_syncs\t0\n\
                    zk_last_proposal_size\t36\nzk_max_proposal_size\t36\nzk_min_proposal_size\t36\n";
    assert!(monitor.ends_with(expected), "{monitor}");
    let (path, watch) = ("/zookeeper/config".to_owned(), false);
    play.ask("client", 1, &Request::GetData(GetDataRequest { path, watch }));
    let frame =
        DESK.with_borrow_mut(|desk| desk.frames.remove("client")).expect("a reply").remove(0);
    let (_, reply) = decode_reply(&frame, OpCode::GetData).expect("a reply");
    let Some(Reply::GetData(reply)) = reply else { panic!("{reply:?}") };
    let expected = "server.1=zookeeper-1:2888:3888:participant\n\
                    server.2=zookeeper-2:2888:3888:participant\n\
                    server.3=zookeeper-3:2888:3888:participant\nversion=0";
    assert_eq!(String::from_utf8_lossy(&reply.data.unwrap_or_default()), expected);
    assert_eq!((reply.stat.version, reply.stat.mzxid), (-1, 0));
}
