//! The server against a reference: random requests of three clients, with watches, multis and sessions
//! that end; every reply, every stat and every event must be the one that the reference foretells.

use super::*;
use crate::wire::zookeeper::{
    CheckVersionRequest, Create2Response, CreateResponse, DeleteRequest, GetChildren2Response,
    GetDataResponse, KeeperCode, MultiOperation, MultiResult, Stat, StatResponse,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const CLIENTS: u32 = 3;

/// A znode as the documentation has it.
#[derive(Clone, Debug, Default)]
struct Node {
    data: Option<Bytes>,
    stat: Stat,
    /// Children ever created.
    made: i32,
}

/// What a client is told besides its reply.
type Event = (i32, String);

/// The reference.
#[derive(Clone, Debug, Default)]
struct Model {
    nodes: BTreeMap<String, Node>,
    /// Who watches which data, and which children.
    data: BTreeSet<(String, u32)>,
    child: BTreeSet<(String, u32)>,
    zxid: i64,
    time_ms: i64,
    /// Sessions of the clients.
    sessions: BTreeMap<u32, i64>,
    events: Vec<(u32, Event)>,
}

fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
    }
}

impl Model {
    fn children(&self, path: &str) -> Vec<String> {
        let is_child = |other: &&String| *other != "/" && parent(other) == path;
        let name = |child: &String| child.rsplit('/').next().unwrap_or_default().to_owned();
        self.nodes.keys().filter(is_child).map(name).collect()
    }

    fn stat(&self, path: &str) -> Stat {
        let node = &self.nodes[path];
        let num_children = self.children(path).len() as i32;
        Stat {
            cversion: node.made * 2 - num_children,
            num_children,
            data_length: node.data.as_ref().map_or(0, Bytes::len) as i32,
            ..node.stat.clone()
        }
    }

    fn fire(&mut self, path: &str, kind: i32, is_child: bool) {
        let mut told = BTreeSet::new();
        for (watches, applies) in [
            (&mut self.data, !is_child),
            (&mut self.child, is_child || kind == event_type::NODE_DELETED),
        ] {
            if applies {
                let fired = watches.iter().filter(|(watched, _)| watched == path);
                told.extend(fired.map(|(_, client)| *client));
                watches.retain(|(watched, _)| watched != path);
            }
        }
        self.events.extend(told.into_iter().map(|client| (client, (kind, path.to_owned()))));
    }

    fn create(
        &mut self,
        client: u32,
        request: &CreateRequest,
    ) -> Result<(String, Stat), KeeperCode> {
        let CreateRequest { path, data, flags, .. } = request;
        let above = parent(path);
        let made = self.nodes.get(&above).ok_or(KeeperCode::NO_NODE)?.made;
        let path = if flags & 2 == 0 { path.clone() } else { format!("{path}{made:010}") };
        if self.nodes.contains_key(&path) {
            return Err(KeeperCode::NODE_EXISTS);
        }
        if self.nodes[&above].stat.ephemeral_owner != 0 {
            return Err(KeeperCode::NO_CHILDREN_FOR_EPHEMERALS);
        }
        let (zxid, time) = (self.zxid, self.time_ms);
        let stat = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ephemeral_owner: if flags & 1 == 0 { 0 } else { self.sessions[&client] },
            ..Stat::default()
        };
        self.nodes.insert(path.clone(), Node { data: data.clone(), stat, made: 0 });
        if let Some(node) = self.nodes.get_mut(&above) {
            node.made += 1;
            node.stat.pzxid = zxid;
        }
        self.fire(&path, event_type::NODE_CREATED, false);
        self.fire(&above, event_type::NODE_CHILDREN_CHANGED, true);
        let stat = self.stat(&path);
        Ok((path, stat))
    }

    fn expect(&self, path: &str, version: i32) -> Result<(), KeeperCode> {
        let node = self.nodes.get(path).ok_or(KeeperCode::NO_NODE)?;
        let is_expected = version == -1 || node.stat.version == version;
        if is_expected { Ok(()) } else { Err(KeeperCode::BAD_VERSION) }
    }

    fn delete(&mut self, path: &str, version: i32) -> Result<(), KeeperCode> {
        self.expect(path, version)?;
        if !self.children(path).is_empty() {
            return Err(KeeperCode::NOT_EMPTY);
        }
        self.remove(path);
        Ok(())
    }

    fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        let above = parent(path);
        if let Some(node) = self.nodes.get_mut(&above) {
            node.stat.pzxid = self.zxid;
        }
        self.fire(path, event_type::NODE_DELETED, false);
        self.fire(&above, event_type::NODE_CHILDREN_CHANGED, true);
    }

    fn set(&mut self, request: &SetDataRequest) -> Result<Stat, KeeperCode> {
        let SetDataRequest { path, data, version } = request;
        self.expect(path, *version)?;
        let (zxid, time) = (self.zxid, self.time_ms);
        if let Some(node) = self.nodes.get_mut(path) {
            node.data.clone_from(data);
            node.stat.version += 1;
            (node.stat.mzxid, node.stat.mtime) = (zxid, time);
        }
        self.fire(path, event_type::NODE_DATA_CHANGED, false);
        Ok(self.stat(path))
    }

    fn multi(&mut self, client: u32, parts: &[MultiOperation]) -> Vec<MultiResult> {
        let before = self.clone();
        let mut results = Vec::new();
        let mut failed = None;
        for (index, part) in parts.iter().enumerate() {
            let result = match part {
                MultiOperation::Create(request) => self
                    .create(client, request)
                    .map(|(path, _)| MultiResult::Create(CreateResponse { path })),
                MultiOperation::Delete(request) => {
                    self.delete(&request.path, request.version).map(|()| MultiResult::Delete)
                }
                MultiOperation::SetData(request) => {
                    self.set(request).map(|stat| MultiResult::SetData(StatResponse { stat }))
                }
                MultiOperation::Check(request) => {
                    self.expect(&request.path, request.version).map(|()| MultiResult::Check)
                }
                other => panic!("{other:?}"),
            };
            match result {
                Ok(result) => results.push(result),
                Err(error) => {
                    failed = Some((index, error));
                    break;
                }
            }
        }
        let Some((failed_at, error)) = failed else { return results };
        *self = before;
        let result = |index: usize| match index.cmp(&failed_at) {
            std::cmp::Ordering::Less => MultiResult::Error(KeeperCode::OK),
            std::cmp::Ordering::Equal => MultiResult::Error(error),
            std::cmp::Ordering::Greater => MultiResult::Error(KeeperCode::RUNTIME_INCONSISTENCY),
        };
        (0..parts.len()).map(result).collect()
    }

    fn end(&mut self, client: u32) {
        let session = self.sessions.remove(&client).unwrap_or_default();
        let owned = self.nodes.iter().filter(|(_, node)| node.stat.ephemeral_owner == session);
        for path in owned.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.remove(&path);
        }
        self.data.retain(|(_, watcher)| *watcher != client);
        self.child.retain(|(_, watcher)| *watcher != client);
    }

    /// What the client is answered; the events are gathered.
    fn answer(&mut self, client: u32, request: &Request) -> (KeeperCode, Option<Reply>) {
        let is_write =
            !matches!(request, Request::Exists(_) | Request::GetData(_) | Request::GetChildren2(_));
        self.zxid += i64::from(is_write);
        let outcome = match request {
            Request::Create(request) => self
                .create(client, request)
                .map(|(path, _)| Some(Reply::Create(CreateResponse { path }))),
            Request::Create2(request) => self
                .create(client, request)
                .map(|(path, stat)| Some(Reply::Create2(Create2Response { path, stat }))),
            Request::Delete(request) => self.delete(&request.path, request.version).map(|()| None),
            Request::SetData(request) => {
                self.set(request).map(|stat| Some(Reply::Stat(StatResponse { stat })))
            }
            Request::Multi(parts) => Ok(Some(Reply::Multi(self.multi(client, parts)))),
            Request::CloseSession => {
                self.end(client);
                Ok(None)
            }
            Request::Exists(request) => {
                if request.watch {
                    self.data.insert((request.path.clone(), client));
                }
                let found = self.nodes.contains_key(&request.path);
                let reply = || Reply::Stat(StatResponse { stat: self.stat(&request.path) });
                found.then(reply).map(Some).ok_or(KeeperCode::NO_NODE)
            }
            Request::GetData(request) => match self.nodes.get(&request.path) {
                None => Err(KeeperCode::NO_NODE),
                Some(node) => {
                    let (data, stat) = (node.data.clone(), self.stat(&request.path));
                    if request.watch {
                        self.data.insert((request.path.clone(), client));
                    }
                    Ok(Some(Reply::GetData(GetDataResponse { data, stat })))
                }
            },
            Request::GetChildren2(request) => {
                if self.nodes.contains_key(&request.path) {
                    if request.watch {
                        self.child.insert((request.path.clone(), client));
                    }
                    let (children, stat) = (self.children(&request.path), self.stat(&request.path));
                    Ok(Some(Reply::GetChildren2(GetChildren2Response { children, stat })))
                } else {
                    Err(KeeperCode::NO_NODE)
                }
            }
            other => panic!("{other:?}"),
        };
        match outcome {
            Ok(body) => (KeeperCode::OK, body),
            Err(error) => (error, None),
        }
    }
}

fn any_path() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["/t/a", "/t/b", "/t/a/c", "/t/a/d", "/t/b/e", "/t/a/c/f"])
        .prop_map(str::to_owned)
}

fn any_data() -> impl Strategy<Value = Option<Bytes>> {
    prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|data| Some(Bytes::from(data))),
    ]
}

fn any_creation() -> impl Strategy<Value = CreateRequest> {
    (any_path(), any_data(), 0..4i32).prop_map(|(path, data, flags)| CreateRequest {
        path,
        data,
        acl: Acl::open(),
        flags,
    })
}

fn any_deletion() -> impl Strategy<Value = DeleteRequest> {
    (any_path(), -1..2i32).prop_map(|(path, version)| DeleteRequest { path, version })
}

fn any_setting() -> impl Strategy<Value = SetDataRequest> {
    (any_path(), any_data(), -1..3i32).prop_map(|(path, data, version)| SetDataRequest {
        path,
        data,
        version,
    })
}

fn any_part() -> impl Strategy<Value = MultiOperation> {
    let check = (any_path(), -1..2i32)
        .prop_map(|(path, version)| MultiOperation::Check(CheckVersionRequest { path, version }));
    prop_oneof![
        any_creation().prop_map(MultiOperation::Create),
        any_deletion().prop_map(MultiOperation::Delete),
        any_setting().prop_map(MultiOperation::SetData),
        check,
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        6 => any_creation().prop_map(Request::Create),
        2 => any_creation().prop_map(Request::Create2),
        3 => any_deletion().prop_map(Request::Delete),
        3 => any_setting().prop_map(Request::SetData),
        2 => prop::collection::vec(any_part(), 1..4).prop_map(Request::Multi),
        3 => (any_path(), any::<bool>())
            .prop_map(|(path, watch)| Request::Exists(ExistsRequest { path, watch })),
        3 => (any_path(), any::<bool>())
            .prop_map(|(path, watch)| Request::GetData(GetDataRequest { path, watch })),
        3 => (any_path(), any::<bool>())
            .prop_map(|(path, watch)| Request::GetChildren2(GetChildrenRequest { path, watch })),
        1 => Just(Request::CloseSession),
    ]
}

/// A server, the reference, and the connections that the clients have now.
struct Match {
    bench: Bench,
    model: Model,
    conns: BTreeMap<u32, u32>,
    now: Time,
}

impl Match {
    fn new() -> Self {
        let (bench, now) = (Bench::new(), ms(2_000));
        let mut both = Self { bench, model: Model::default(), conns: BTreeMap::new(), now };
        (0..CLIENTS).for_each(|client| both.connect(client));
        let root = create("/t", 0);
        assert_eq!(both.bench.ask(0, both.now, &root), KeeperCode::OK);
        both.model.zxid += 1;
        let stat = Stat { czxid: both.model.zxid, ..Stat::default() };
        let (zxid, time) = (stat.czxid, both.now.as_millis());
        let stat = Stat { mzxid: zxid, pzxid: zxid, ctime: time, mtime: time, ..stat };
        both.model.nodes.insert("/t".to_owned(), Node { data: None, stat, made: 0 });
        both
    }

    fn connect(&mut self, client: u32) {
        // The connections of a client never come back, and those of the others stay in order.
        let serial = self.conns.get(&client).map_or(client, |serial| serial + CLIENTS);
        self.conns.insert(client, serial);
        self.now += Span::from_millis(10);
        let session = self.bench.connect(serial, self.now, 0).session_id;
        self.model.sessions.insert(client, session);
        self.model.zxid += 1;
    }

    /// Does the same on both sides and compares what every client hears.
    fn play(&mut self, client: u32, request: &Request) {
        self.now += Span::from_millis(10);
        self.model.time_ms = self.now.as_millis();
        let (error, body) = self.model.answer(client, request);
        self.bench.request(self.conns[&client], 77, self.now, request);
        self.bench.run_until(self.now + Span::from_millis(SYNC_MS + 1));
        let events = std::mem::take(&mut self.model.events);
        for (other, serial) in self.conns.clone() {
            let mut frames = self.bench.take_frames(serial);
            if other == client {
                let frame = frames.pop().expect("a reply");
                let (header, found) = decode_reply(&frame, request.op()).unwrap();
                let expected = (77, self.model.zxid, error.0);
                assert_eq!((header.xid, header.zxid, header.err), expected, "{request:?}");
                assert_eq!(found, body, "{request:?}");
            }
            let found = frames.iter().map(|frame| decode_event(frame).unwrap());
            let found: Vec<Event> = found.map(|event| (event.event_type, event.path)).collect();
            let expected = events.iter().filter(|(whom, _)| *whom == other);
            let expected: Vec<Event> = expected.map(|(_, event)| event.clone()).collect();
            assert_eq!(found, expected, "{request:?} tells {other}");
        }
        if *request == Request::CloseSession {
            assert!(self.bench.hung_up(self.conns[&client]));
            self.connect(client);
        }
    }

    /// A server that starts again from the volume has the same tree.
    fn restart(self) {
        let Self { bench, model, now, .. } = self;
        let again = Bench::start(&[], bench.runner.into_volume(), now + Span::from_secs(1), 2);
        let view = again.view();
        assert_eq!(view.last_zxid, model.zxid);
        let ours = view.znodes.iter().filter(|znode| znode.path.starts_with("/t"));
        let ours: Vec<_> = ours
            .map(|znode| (&znode.path, znode.version, znode.ephemeral_owner, znode.mzxid))
            .collect();
        let theirs: Vec<_> = model
            .nodes
            .iter()
            .map(|(path, node)| {
                (path, node.stat.version, node.stat.ephemeral_owner, node.stat.mzxid)
            })
            .collect();
        assert_eq!(ours, theirs);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn the_server_says_what_the_reference_foretells(
        requests in prop::collection::vec((0..CLIENTS, any_request()), 1..80),
    ) {
        let mut both = Match::new();
        for (client, request) in &requests {
            both.play(*client, request);
        }
        both.restart();
    }
}
