//! ZooKeeper for controllers in tests: a map in memory that answers at once.

use crate::base::{SortedMap, SortedSet};
use crate::cluster::znode_path;
use crate::wire::zookeeper::{
    GetChildrenResponse, GetDataResponse, KeeperCode, MultiOperation, MultiResult, Reply, Request,
    Stat, StatResponse,
};
use bytes::Bytes;

#[derive(Clone, Debug, Default)]
pub struct Znode {
    pub data: Bytes,
    pub version: i32,
    pub czxid: i64,
    owner: Option<i32>,
}

/// ZooKeeper. A session is named by its broker.
#[derive(Default)]
pub struct Zookeeper {
    pub nodes: SortedMap<String, Znode>,
    zxid: i64,
    watches: SortedSet<(String, i32)>,
    /// Watches that fired, and whose they were.
    pub fired: Vec<(i32, String)>,
    /// The next transaction is lost with its connection.
    pub lose_next: bool,
    /// The answer to the next transaction is lost.
    pub lose_next_answer: bool,
    /// No session is good any more.
    pub is_expired: bool,
}

impl Zookeeper {
    pub fn new() -> Self {
        let mut zookeeper = Self::default();
        for path in znode_path::PERSISTENT_PATHS {
            zookeeper.put(path, b"", None);
        }
        zookeeper
    }

    pub fn put(&mut self, path: &str, data: &[u8], owner: Option<i32>) {
        let data = Bytes::copy_from_slice(data);
        self.create(path, data, owner).expect("the znode is new");
    }

    fn create(&mut self, path: &str, data: Bytes, owner: Option<i32>) -> Result<(), KeeperCode> {
        if self.nodes.contains_key(path) {
            return Err(KeeperCode::NODE_EXISTS);
        }
        self.zxid += 1;
        let znode = Znode { data, version: 0, czxid: self.zxid, owner };
        self.nodes.insert(path.to_owned(), znode);
        self.fire(path);
        self.fire(parent(path));
        Ok(())
    }

    pub fn set(&mut self, path: &str, data: Bytes, version: i32) -> Result<Stat, KeeperCode> {
        let znode = self.nodes.get_mut(path).ok_or(KeeperCode::NO_NODE)?;
        if version != -1 && version != znode.version {
            return Err(KeeperCode::BAD_VERSION);
        }
        self.zxid += 1;
        znode.data = data;
        znode.version += 1;
        let stat = Stat { version: znode.version, czxid: znode.czxid, ..Stat::default() };
        self.fire(path);
        Ok(stat)
    }

    fn delete(&mut self, path: &str) -> Result<(), KeeperCode> {
        self.nodes.remove(path).ok_or(KeeperCode::NO_NODE)?;
        self.zxid += 1;
        self.fire(path);
        self.fire(parent(path));
        Ok(())
    }

    pub fn expire(&mut self, session: i32) {
        self.watches.retain(|(_, watcher)| *watcher != session);
        let owned = |(_, znode): &(&String, &Znode)| znode.owner == Some(session);
        let owned: Vec<String> =
            self.nodes.iter().filter(owned).map(|(path, _)| path.clone()).collect();
        for path in owned {
            self.delete(&path).expect("it is there");
        }
    }

    fn fire(&mut self, path: &str) {
        let hit: Vec<_> = self.watches.iter().filter(|(at, _)| at == path).cloned().collect();
        for watch in hit {
            self.watches.remove(&watch);
            self.fired.push((watch.1, watch.0));
        }
    }

    pub fn answer(&mut self, session: i32, request: Request) -> Result<Option<Reply>, KeeperCode> {
        if self.is_expired {
            return Err(KeeperCode::SESSION_EXPIRED);
        }
        if let Request::Multi(operations) = &request {
            if std::mem::take(&mut self.lose_next) {
                return Err(KeeperCode::CONNECTION_LOSS);
            }
            if std::mem::take(&mut self.lose_next_answer) {
                self.multi(session, operations.clone());
                return Err(KeeperCode::CONNECTION_LOSS);
            }
        }
        let mut watch = |path: &str, wanted: bool| {
            if wanted {
                self.watches.insert((path.to_owned(), session));
            }
        };
        match request {
            Request::Exists(body) => {
                watch(&body.path, body.watch);
                self.stat(&body.path).map(|stat| Some(Reply::Stat(StatResponse { stat })))
            }
            Request::GetData(body) => {
                watch(&body.path, body.watch);
                let stat = self.stat(&body.path)?;
                let data = Some(self.nodes[&body.path].data.clone());
                Ok(Some(Reply::GetData(GetDataResponse { data, stat })))
            }
            Request::GetChildren(body) => {
                watch(&body.path, body.watch);
                let children = self.children(&body.path);
                Ok(Some(Reply::GetChildren(GetChildrenResponse { children })))
            }
            Request::Create(body) => {
                let owner = (body.flags == 1).then_some(session);
                self.create(&body.path, body.data.unwrap_or_default(), owner).map(|()| None)
            }
            Request::SetData(body) => {
                let stat = self.set(&body.path, body.data.unwrap_or_default(), body.version)?;
                Ok(Some(Reply::Stat(StatResponse { stat })))
            }
            Request::Delete(body) => self.delete(&body.path).map(|()| None),
            Request::Multi(operations) => Ok(Some(Reply::Multi(self.multi(session, operations)))),
            other => panic!("not asked by a controller: {other:?}"),
        }
    }

    /// Tries on a copy first: all or nothing.
    fn multi(&mut self, session: i32, operations: Vec<MultiOperation>) -> Vec<MultiResult> {
        let (nodes, zxid) = (self.nodes.clone(), self.zxid);
        let (watches, fired) = (self.watches.clone(), self.fired.clone());
        let mut results = Vec::new();
        for operation in &operations {
            match self.one(session, operation.clone()) {
                Ok(result) => results.push(result),
                Err(code) => {
                    (self.nodes, self.zxid) = (nodes, zxid);
                    (self.watches, self.fired) = (watches, fired);
                    let failed_at = results.len();
                    return (0..operations.len())
                        .map(|index| match index.cmp(&failed_at) {
                            std::cmp::Ordering::Less => MultiResult::Error(KeeperCode::OK),
                            std::cmp::Ordering::Equal => MultiResult::Error(code),
                            std::cmp::Ordering::Greater => {
                                MultiResult::Error(KeeperCode::RUNTIME_INCONSISTENCY)
                            }
                        })
                        .collect();
                }
            }
        }
        results
    }

    fn one(&mut self, session: i32, operation: MultiOperation) -> Result<MultiResult, KeeperCode> {
        match operation {
            MultiOperation::Check(body) => {
                let is_current = self.stat(&body.path)?.version == body.version;
                if is_current { Ok(MultiResult::Check) } else { Err(KeeperCode::BAD_VERSION) }
            }
            MultiOperation::Create(body) => {
                let owner = (body.flags == 1).then_some(session);
                let path = body.path.clone();
                self.create(&path, body.data.unwrap_or_default(), owner)?;
                Ok(MultiResult::Create(crate::wire::zookeeper::CreateResponse { path }))
            }
            MultiOperation::SetData(body) => {
                let stat = self.set(&body.path, body.data.unwrap_or_default(), body.version)?;
                Ok(MultiResult::SetData(StatResponse { stat }))
            }
            MultiOperation::Delete(body) => self.delete(&body.path).map(|()| MultiResult::Delete),
            other => panic!("not asked by a controller: {other:?}"),
        }
    }

    fn stat(&self, path: &str) -> Result<Stat, KeeperCode> {
        let znode = self.nodes.get(path).ok_or(KeeperCode::NO_NODE)?;
        Ok(Stat { version: znode.version, czxid: znode.czxid, ..Stat::default() })
    }

    fn children(&self, path: &str) -> Vec<String> {
        self.nodes
            .keys()
            .filter(|at| parent(at) == path)
            .map(|at| at[path.len() + 1..].to_owned())
            .collect()
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
