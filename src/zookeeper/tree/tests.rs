//! Stats exact, and the tree against a reference model under random requests.

use super::super::prep::{OutstandingChanges, Prep};
use super::super::txn_log::read_log;
use super::*;
use crate::wire::zookeeper::{
    CheckVersionRequest, CreateRequest, DeleteRequest, MultiOperation, Request, SetDataRequest,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A tree with the pipeline's first and last stage, and nothing between them.
struct Bench {
    tree: DataTree,
    outstanding: OutstandingChanges,
    zxid: i64,
}

impl Bench {
    fn new() -> Self {
        let (tree, outstanding) = (DataTree::default(), OutstandingChanges::default());
        Self { tree, outstanding, zxid: 0 }
    }

    fn prepare(&mut self, session: i64, request: &Request) -> (TxnHeader, Txn) {
        self.zxid += 1;
        let (tree, outstanding) = (&self.tree, &mut self.outstanding);
        let txn = Prep { tree, outstanding, session, ids: &[], zxid: self.zxid }
            .prepare(request)
            .unwrap();
        (TxnHeader { session, cxid: 0, zxid: self.zxid, time_ms: self.zxid * 10 }, txn)
    }

    fn apply(&mut self, (header, txn): &(TxnHeader, Txn)) -> Applied {
        let applied = self.tree.apply(header, txn, &mut Vec::new());
        self.outstanding.committed(header.zxid);
        applied
    }

    fn run(&mut self, session: i64, request: &Request) -> Result<Txn, KeeperCode> {
        let prepared = self.prepare(session, request);
        match self.apply(&prepared).error {
            KeeperCode::OK => Ok(prepared.1),
            error => Err(error),
        }
    }
}

fn create(path: &str, flags: i32) -> Request {
    let (path, data) = (path.to_owned(), Some(Bytes::from_static(b"x")));
    Request::Create(CreateRequest { path, data, acl: Acl::open(), flags })
}

fn delete(path: &str, version: i32) -> Request {
    Request::Delete(DeleteRequest { path: path.to_owned(), version })
}

fn set(path: &str, version: i32) -> Request {
    Request::SetData(SetDataRequest { path: path.to_owned(), data: None, version })
}

fn check(path: &str, version: i32) -> Request {
    Request::Check(CheckVersionRequest { path: path.to_owned(), version })
}

fn multi(parts: impl IntoIterator<Item = Request>) -> Request {
    let part = |part| match part {
        Request::Create(request) => MultiOperation::Create(request),
        Request::Delete(request) => MultiOperation::Delete(request),
        Request::SetData(request) => MultiOperation::SetData(request),
        Request::Check(request) => MultiOperation::Check(request),
        other => panic!("{other:?} is no part of a multi"),
    };
    Request::Multi(parts.into_iter().map(part).collect())
}

#[test]
fn stats_are_exact() {
    let mut bench = Bench::new();
    bench.run(7, &create("/a", 0)).unwrap();
    bench.run(7, &create("/a/e", 1)).unwrap();
    bench.run(7, &create("/a/p", 0)).unwrap();
    bench.run(7, &delete("/a/e", 0)).unwrap();
    bench.run(7, &set("/a", 0)).unwrap();
    let expected = Stat {
        czxid: 1,
        mzxid: 5,
        ctime: 10,
        mtime: 50,
        version: 1,
        cversion: 3,
        aversion: 0,
        ephemeral_owner: 0,
        data_length: 0,
        num_children: 1,
        pzxid: 4,
    };
    assert_eq!(bench.tree.get("/a").unwrap().stat(), expected);
    bench.run(9, &create("/a/f", 1)).unwrap();
    let stat = bench.tree.get("/a/f").unwrap().stat();
    assert_eq!((stat.ephemeral_owner, stat.data_length, stat.pzxid), (9, 1, 6));
}

#[test]
fn sequential_numbers_count_creations_of_any_mode_and_never_go_back() {
    let mut bench = Bench::new();
    bench.run(7, &create("/q", 0)).unwrap();
    let mut name = |flags, prefix: &str| match bench.run(7, &create(prefix, flags)).unwrap() {
        Txn::Create { path, .. } => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(2, "/q/n"), "/q/n0000000000");
    assert_eq!(name(2, "/q/n"), "/q/n0000000001");
    assert_eq!(name(3, "/q/m"), "/q/m0000000002");
    assert_eq!(name(0, "/q/plain"), "/q/plain");
    bench.run(7, &delete("/q/plain", -1)).unwrap();
    let after = bench.run(7, &create("/q/", 2)).unwrap();
    assert_eq!(after.path(), "/q/0000000004");
}

#[test]
fn errors_are_those_of_zookeeper() {
    let mut bench = Bench::new();
    bench.run(7, &create("/a", 0)).unwrap();
    bench.run(7, &create("/e", 1)).unwrap();
    bench.run(7, &create("/a/b", 0)).unwrap();
    let no_acl = CreateRequest { path: "/x".to_owned(), ..CreateRequest::default() };
    let cases = [
        (create("/a", 0), KeeperCode::NODE_EXISTS),
        (create("/", 0), KeeperCode::NODE_EXISTS),
        (create("/no/b", 0), KeeperCode::NO_NODE),
        (create("/e/b", 0), KeeperCode::NO_CHILDREN_FOR_EPHEMERALS),
        (create("a", 0), KeeperCode::BAD_ARGUMENTS),
        (create("/a/", 0), KeeperCode::BAD_ARGUMENTS),
        (create("/c", 9), KeeperCode::BAD_ARGUMENTS),
        (create("/c", 4), KeeperCode::UNIMPLEMENTED),
        (Request::Create(no_acl), KeeperCode::INVALID_ACL),
        (delete("/a", -1), KeeperCode::NOT_EMPTY),
        (delete("/a/b", 3), KeeperCode::BAD_VERSION),
        (delete("/no", -1), KeeperCode::NO_NODE),
        (delete("/zookeeper/config", -1), KeeperCode::BAD_ARGUMENTS),
        (set("/a", 1), KeeperCode::BAD_VERSION),
        (set("/no", -1), KeeperCode::NO_NODE),
        (set("/a//b", -1), KeeperCode::BAD_ARGUMENTS),
    ];
    for (request, error) in cases {
        let before = bench.tree.nodes.clone();
        assert_eq!(bench.run(7, &request), Err(error), "{request:?}");
        assert_eq!(bench.tree.nodes, before);
    }
}

#[test]
fn a_multi_that_fails_leaves_what_is_on_its_way_as_it_was() {
    let mut bench = Bench::new();
    for path in ["/a", "/a/b", "/c"] {
        bench.prepare(1, &create(path, 0));
    }
    let before = bench.outstanding.clone();
    let (_, failed) = bench.prepare(
        1,
        &multi([set("/a", 0), create("/a/n", 2), delete("/a/b", 0), delete("/c", 0), set("/c", 0)]),
    );
    assert!(
        matches!(&failed, Txn::Multi(parts) if matches!(parts[4], Txn::Error(_))),
        "{failed:?}"
    );
    assert_eq!(bench.outstanding, before);
    let (_, done) = bench.prepare(1, &multi([set("/a", 0), create("/a/n", 2)]));
    assert!(matches!(&done, Txn::Multi(parts) if !matches!(parts[1], Txn::Error(_))), "{done:?}");
    assert_ne!(bench.outstanding, before);
}

#[test]
fn a_multi_sees_its_own_parts_and_happens_wholly_or_not_at_all() {
    let mut bench = Bench::new();
    let all = multi([create("/a", 0), create("/a/n", 2), set("/a", 0), set("/a", 1)]);
    bench.run(7, &all).unwrap();
    let stat = bench.tree.get("/a").unwrap().stat();
    assert_eq!((stat.version, stat.num_children, stat.czxid, stat.mzxid), (2, 1, 1, 1));

    let parts = [create("/b", 0), create("/a/n", 2), check("/a", 9), delete("/a", -1)];
    let none = multi(parts);
    let prepared = bench.prepare(7, &none);
    let applied = bench.apply(&prepared);
    let errors: Vec<_> = applied.parts.iter().map(|part| part.error).collect();
    let (ok, behind) = (KeeperCode::OK, KeeperCode::RUNTIME_INCONSISTENCY);
    assert_eq!(errors, [ok, ok, KeeperCode::BAD_VERSION, behind]);
    assert!(bench.tree.get("/b").is_none());
    let next = bench.run(7, &create("/a/n", 2)).unwrap();
    assert_eq!(next.path(), "/a/n0000000001", "a failed multi uses up no number");
}

#[test]
fn requests_on_their_way_are_seen_by_those_behind_them() {
    let mut bench = Bench::new();
    let on_their_way = [
        create("/a", 0),
        create("/a/n", 2),
        create("/a/n", 2),
        create("/a", 0),
        delete("/a", -1),
        delete("/a/n0000000000", 0),
        set("/a/n0000000001", 0),
        set("/a/n0000000001", 0),
    ];
    let prepared: Vec<_> = on_their_way.iter().map(|request| bench.prepare(7, request)).collect();
    let errors: Vec<_> = prepared.iter().map(|txn| bench.apply(txn).error).collect();
    let ok = KeeperCode::OK;
    let (exists, not_empty) = (KeeperCode::NODE_EXISTS, KeeperCode::NOT_EMPTY);
    assert_eq!(errors, [ok, ok, ok, exists, not_empty, ok, ok, KeeperCode::BAD_VERSION]);
}

#[test]
fn a_session_takes_its_ephemerals_with_it_at_one_zxid() {
    let mut bench = Bench::new();
    for path in ["/a", "/a/x", "/a/y"] {
        bench.run(7, &create(path, i32::from(path.len() > 2))).unwrap();
    }
    bench.run(8, &create("/a/z", 1)).unwrap();
    let coming = bench.prepare(7, &create("/late", 1));
    let close = bench.prepare(7, &Request::CloseSession);
    let again = bench.prepare(8, &create("/late", 0));
    bench.apply(&coming);
    let mut changes = Vec::new();
    bench.tree.apply(&close.0, &close.1, &mut changes);
    let gone = ["/a/x", "/a/y", "/late"].map(|path| Change::Deleted(path.to_owned()));
    assert_eq!(changes, gone);
    let stat = bench.tree.get("/a").unwrap().stat();
    assert_eq!((stat.num_children, stat.pzxid, stat.cversion), (1, 6, 5));
    assert_eq!(bench.apply(&again).error, KeeperCode::OK);
    assert_eq!(bench.tree.ephemerals.keys().collect::<Vec<_>>(), [&8]);
}

#[test]
fn the_log_of_a_real_server_replays_to_what_its_clients_saw() {
    let real = include_bytes!("../../../tests/golden/zookeeper/log.1");
    let file = read_log(&Bytes::from_static(real)).unwrap();
    let mut tree = DataTree::default();
    for (header, txn) in &file.txns {
        let expected = match txn {
            Txn::Error(error) => *error,
            Txn::Multi(parts) => {
                let failed = parts.iter().find_map(|part| match part {
                    Txn::Error(error) => Some(*error),
                    _ => None,
                });
                failed.unwrap_or(KeeperCode::OK)
            }
            _ => KeeperCode::OK,
        };
        assert_eq!(tree.apply(header, txn, &mut Vec::new()).error, expected, "{txn:?}");
    }
    assert_eq!(tree.last_processed_zxid, 0x123);
    let killed = 0x0100_004f_0f5b_0002;
    assert_eq!(tree.ephemerals.keys().collect::<Vec<_>>(), [&killed], "the others were closed");
    let epoch = tree.get("/controller_epoch").unwrap();
    assert_eq!(epoch.data.as_deref(), Some(b"2".as_slice()));
}

/// The reference: a znode is its path, version, owner and how many children it ever had.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(BTreeMap<String, (i32, i64, i32)>);

impl Model {
    fn parent(path: &str) -> String {
        match path.rsplit_once('/') {
            Some(("", _)) | None => "/".to_owned(),
            Some((parent, _)) => parent.to_owned(),
        }
    }

    fn has_children(&self, path: &str) -> bool {
        self.0.keys().any(|other| other != path && Self::parent(other) == path)
    }

    fn run(&mut self, session: i64, request: &Request) -> Result<(), KeeperCode> {
        let expect = |current: i32, expected: i32| {
            if expected == -1 || expected == current {
                Ok(())
            } else {
                Err(KeeperCode::BAD_VERSION)
            }
        };
        match request {
            Request::Create(CreateRequest { path, flags, .. }) => {
                let parent = Self::parent(path);
                let (_, owner, made) = *self.0.get(&parent).ok_or(KeeperCode::NO_NODE)?;
                let path = if flags & 2 == 0 { path.clone() } else { format!("{path}{made:010}") };
                if self.0.contains_key(&path) {
                    return Err(KeeperCode::NODE_EXISTS);
                }
                if owner != 0 {
                    return Err(KeeperCode::NO_CHILDREN_FOR_EPHEMERALS);
                }
                self.0.entry(parent).and_modify(|node| node.2 += 1);
                self.0.insert(path, (0, if flags & 1 == 0 { 0 } else { session }, 0));
            }
            Request::Delete(DeleteRequest { path, version }) => {
                let (current, ..) = *self.0.get(path).ok_or(KeeperCode::NO_NODE)?;
                expect(current, *version)?;
                if self.has_children(path) {
                    return Err(KeeperCode::NOT_EMPTY);
                }
                self.0.remove(path);
            }
            Request::SetData(SetDataRequest { path, version, .. }) => {
                let node = self.0.get_mut(path).ok_or(KeeperCode::NO_NODE)?;
                expect(node.0, *version)?;
                node.0 += 1;
            }
            Request::Check(CheckVersionRequest { path, version }) => {
                expect(self.0.get(path).ok_or(KeeperCode::NO_NODE)?.0, *version)?;
            }
            Request::Multi(parts) => {
                let before = self.clone();
                for part in parts {
                    let part = match part.clone() {
                        MultiOperation::Create(part) => Request::Create(part),
                        MultiOperation::Delete(part) => Request::Delete(part),
                        MultiOperation::SetData(part) => Request::SetData(part),
                        MultiOperation::Check(part) => Request::Check(part),
                        other => panic!("{other:?}"),
                    };
                    self.run(session, &part).inspect_err(|_| *self = before.clone())?;
                }
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    let path = prop::sample::select(vec!["/a", "/b", "/a/c", "/a/d", "/a/c/e", "/b/f"]);
    let one =
        (path, -1..3i32, 0..4i32, 0..6u8).prop_map(|(path, version, flags, kind)| match kind {
            0..=2 => create(path, flags),
            3 => delete(path, version),
            4 => set(path, version),
            _ => check(path, version),
        });
    let one = one.boxed();
    let many = prop::collection::vec(one.clone(), 1..5).prop_map(multi);
    prop_oneof![4 => one, 1 => many]
}

proptest! {
    /// However many requests are on their way at a time, each sees what the model says.
    #[test]
    fn agrees_with_the_model(
        writes in prop::collection::vec((1..4i64, any_request()), 1..60),
        in_flight in 1..9usize,
    ) {
        let (mut bench, mut model) = (Bench::new(), Model::default());
        model.0.insert("/".to_owned(), (0, 0, 0));
        for chunk in writes.chunks(in_flight) {
            let prepared: Vec<_> =
                chunk.iter().map(|(session, request)| bench.prepare(*session, request)).collect();
            for (txn, (session, request)) in prepared.iter().zip(chunk) {
                let error = model.run(*session, request).err().unwrap_or(KeeperCode::OK);
                prop_assert_eq!(bench.apply(txn).error, error, "{:?}", request);
            }
        }
        let own = |path: &str| path == "/zookeeper" || path.starts_with("/zookeeper/");
        let nodes: BTreeMap<_, _> = bench.tree.nodes.iter().filter(|(path, _)| !own(path))
            .map(|(path, node)| {
                let stat = node.stat;
                (path.clone(), (stat.version, stat.ephemeral_owner, stat.cversion))
            })
            .collect();
        prop_assert_eq!(nodes, model.0);
        let owned: usize = bench.tree.ephemerals.values().map(SortedSet::len).sum();
        let ephemeral = bench.tree.nodes.values().filter(|node| node.stat.ephemeral_owner != 0);
        prop_assert_eq!(owned, ephemeral.count());
        for (path, node) in &bench.tree.nodes {
            for child in &node.children {
                let below = if path == "/" { format!("/{child}") } else { format!("{path}/{child}") };
                prop_assert!(bench.tree.get(&below).is_some());
            }
        }
    }
}

proptest! {
    /// A snapshot that was written while transactions went on holds some of what they did. The log
    /// read over it leads to the same tree as without it.
    #[test]
    fn the_log_over_a_fuzzy_snapshot_leads_to_the_same_tree(
        writes in prop::collection::vec((1..4i64, any_request()), 1..60),
        from in 0..60usize,
        later in 0..60usize,
    ) {
        let mut bench = Bench::new();
        let (mut log, mut trees) = (Vec::new(), vec![bench.tree.clone()]);
        for (session, request) in &writes {
            let prepared = bench.prepare(*session, request);
            bench.apply(&prepared);
            log.push(prepared);
            trees.push(bench.tree.clone());
        }
        let from = from.min(log.len());
        let mut fuzzy = trees[(from + later).min(log.len())].clone();
        for (header, txn) in &log[from..] {
            fuzzy.apply(header, txn, &mut Vec::new());
        }
        prop_assert_eq!(&fuzzy.ephemerals, &bench.tree.ephemerals);
        for (path, znode) in &bench.tree.nodes {
            prop_assert_eq!(fuzzy.get(path).map(|other| (&other.stat, &other.data)), Some((&znode.stat, &znode.data)), "{}", path);
        }
        prop_assert_eq!(fuzzy.nodes.len(), bench.tree.nodes.len());
    }
}
