//! Requests that change nothing but watches: answered from the tree as it is when their turn comes.
//!
//! In ZooKeeper: the read half of `server.FinalRequestProcessor`, `DataTree.setWatches`.

use super::auth::{check, masked};
use super::tree::{DataTree, Znode};
use super::watch::{WatchEvent, WatcherType, Watches};
use crate::base::ConnId;
use crate::wire::zookeeper::{
    GetAclResponse, GetChildren2Response, GetChildrenResponse, GetDataResponse, Id, KeeperCode,
    Reply, Request, SetWatchesRequest, StatResponse, SyncResponse, WatchesRequest, event_type,
    permission,
};

/// One read for the client at the other end of a connection.
pub(super) struct Read<'a> {
    /// The connection, on which watches live.
    pub conn: ConnId,
    /// Who the client is, for the ACLs.
    pub ids: &'a [Id],
    /// The tree.
    pub tree: &'a DataTree,
    /// The watches.
    pub watches: &'a mut Watches,
    /// Gathers the events that setWatches finds due at once; they leave before the reply.
    pub events: Vec<WatchEvent>,
}

impl<'a> Read<'a> {
    /// The body of the reply, if it has one.
    pub(super) fn answer(&mut self, request: &Request) -> Result<Option<Reply>, KeeperCode> {
        let reply = match request {
            Request::Exists(request) => {
                if request.path.contains('\0') {
                    return Err(KeeperCode::BAD_ARGUMENTS);
                }
                // The watch is set even when there is no znode: it then waits for its creation.
                if request.watch {
                    self.watches.data.add(&request.path, self.conn);
                }
                Reply::Stat(StatResponse { stat: self.node(&request.path)?.stat() })
            }
            Request::GetData(request) => {
                let znode = self.allowed(&request.path, permission::READ)?;
                if request.watch {
                    self.watches.data.add(&request.path, self.conn);
                }
                Reply::GetData(GetDataResponse { data: znode.data.clone(), stat: znode.stat() })
            }
            Request::GetAcl(request) => {
                let znode = self.allowed(&request.path, permission::READ | permission::ADMIN)?;
                let acl = self.tree.acl_of(znode);
                let is_admin = check(&acl, permission::ADMIN, self.ids).is_ok();
                let acl = if is_admin { acl } else { masked(acl) };
                Reply::GetAcl(GetAclResponse { acl, stat: znode.stat() })
            }
            Request::GetChildren(request) => {
                let (children, _) = self.children(&request.path, request.watch)?;
                Reply::GetChildren(GetChildrenResponse { children })
            }
            Request::GetChildren2(request) => {
                let (children, znode) = self.children(&request.path, request.watch)?;
                Reply::GetChildren2(GetChildren2Response { children, stat: znode.stat() })
            }
            Request::Sync(request) => Reply::Sync(SyncResponse { path: request.path.clone() }),
            Request::SetWatches(request) => {
                self.set_watches(request);
                return Ok(None);
            }
            Request::CheckWatches(request) => return self.check_watches(request),
            Request::RemoveWatches(request) => return self.remove_watches(request),
            Request::Create(_)
            | Request::Create2(_)
            | Request::CreateContainer(_)
            | Request::CreateTtl(_)
            | Request::Reconfig(_)
            | Request::Delete(_)
            | Request::SetData(_)
            | Request::SetAcl(_)
            | Request::Check(_)
            | Request::Multi(_)
            | Request::CloseSession
            | Request::Auth(_)
            | Request::Ping => return Ok(None),
        };
        Ok(Some(reply))
    }

    fn node(&self, path: &str) -> Result<&'a Znode, KeeperCode> {
        self.tree.get(path).ok_or(KeeperCode::NO_NODE)
    }

    /// The znode, when the client may do this with it.
    fn allowed(&self, path: &str, permissions: i32) -> Result<&'a Znode, KeeperCode> {
        let znode = self.node(path)?;
        if let Some(acl) = self.tree.acls.entries(znode.acl) {
            check(acl, permissions, self.ids)?;
        }
        Ok(znode)
    }

    fn children(
        &mut self,
        path: &str,
        watch: bool,
    ) -> Result<(Vec<String>, &'a Znode), KeeperCode> {
        let znode = self.allowed(path, permission::READ)?;
        if watch {
            self.watches.child.add(path, self.conn);
        }
        Ok((znode.children.iter().cloned().collect(), znode))
    }

    fn check_watches(&mut self, request: &WatchesRequest) -> Result<Option<Reply>, KeeperCode> {
        let which = watcher_type(request)?;
        if self.watches.contains(&request.path, which, self.conn) {
            Ok(None)
        } else {
            Err(KeeperCode::NO_WATCHER)
        }
    }

    fn remove_watches(&mut self, request: &WatchesRequest) -> Result<Option<Reply>, KeeperCode> {
        let which = watcher_type(request)?;
        if self.watches.remove(&request.path, which, self.conn) {
            Ok(None)
        } else {
            Err(KeeperCode::NO_WATCHER)
        }
    }

    /// Sets the watches of a client that reconnected, or tells at once what it missed since the
    /// zxid that it saw last.
    fn set_watches(&mut self, request: &SetWatchesRequest) {
        let seen = request.relative_zxid;
        for path in &request.data_watches {
            match self.tree.get(path) {
                None => self.tell(event_type::NODE_DELETED, path),
                Some(znode) if znode.stat.mzxid > seen => {
                    self.tell(event_type::NODE_DATA_CHANGED, path);
                }
                Some(_) => self.watches.data.add(path, self.conn),
            }
        }
        for path in &request.exist_watches {
            match self.tree.get(path) {
                Some(_) => self.tell(event_type::NODE_CREATED, path),
                None => self.watches.data.add(path, self.conn),
            }
        }
        for path in &request.child_watches {
            match self.tree.get(path) {
                None => self.tell(event_type::NODE_DELETED, path),
                Some(znode) if znode.stat.pzxid > seen => {
                    self.tell(event_type::NODE_CHILDREN_CHANGED, path);
                }
                Some(_) => self.watches.child.add(path, self.conn),
            }
        }
    }

    fn tell(&mut self, kind: i32, path: &str) {
        self.events.push(WatchEvent { conn: self.conn, kind, path: path.to_owned() });
    }
}

fn watcher_type(request: &WatchesRequest) -> Result<WatcherType, KeeperCode> {
    WatcherType::of(request.watcher_type).ok_or(KeeperCode::MARSHALLING_ERROR)
}
