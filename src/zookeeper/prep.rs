//! The first stage of the pipeline: a request becomes a transaction, or an error.
//!
//! Requests are prepared faster than they are committed, so this stage looks at the tree as it will
//! be: at the change records of what is still on its way, and behind them at the tree.
//!
//! In ZooKeeper: `server.PrepRequestProcessor`, `ZooKeeperServer.ChangeRecord`.

use super::auth::{check, fix_up};
use super::path::{is_special, parent_of, validate_path};
use super::tree::DataTree;
use super::txn::Txn;
use crate::base::{SortedMap, SortedSet};
use crate::wire::zookeeper::{
    Acl, CheckVersionRequest, CreateRequest, DeleteRequest, Id, KeeperCode, MultiOperation,
    Request, SetAclRequest, SetDataRequest, permission,
};

/// A znode as it will be once what is on its way has been applied.
#[derive(Clone, PartialEq, Debug)]
struct ChangeRecord {
    /// The last transaction on its way that changes it, 0 for none.
    zxid: i64,
    exists: bool,
    version: i32,
    cversion: i32,
    aversion: i32,
    ephemeral_owner: i64,
    child_count: usize,
    /// None when anybody may do anything.
    acl: Option<Vec<Acl>>,
}

impl ChangeRecord {
    fn allow(&self, permission: i32, ids: &[Id]) -> Result<(), KeeperCode> {
        self.acl.as_ref().map_or(Ok(()), |acl| check(acl, permission, ids))
    }
}

/// The change records of the transactions on their way.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct OutstandingChanges {
    by_path: SortedMap<String, ChangeRecord>,
    /// While a multi is prepared: what its parts found in the places that they changed, in order.
    undo: Option<Vec<(String, Option<ChangeRecord>)>>,
}

impl OutstandingChanges {
    /// Forgets what the transactions up to `zxid` changed: the tree has it now.
    pub(super) fn committed(&mut self, zxid: i64) {
        self.by_path.retain(|_, record| record.zxid > zxid);
    }

    fn put(&mut self, path: &str, record: ChangeRecord) {
        let before = self.by_path.insert(path.to_owned(), record);
        if let Some(undo) = &mut self.undo {
            undo.push((path.to_owned(), before));
        }
    }

    /// Takes back what was put since the multi began.
    fn take_back(&mut self) {
        for (path, before) in self.undo.iter_mut().flat_map(|undo| undo.drain(..).rev()) {
            match before {
                Some(record) => self.by_path.insert(path, record),
                None => self.by_path.remove(&path),
            };
        }
    }
}

/// The preparation of one request.
pub(super) struct Prep<'a> {
    /// The tree as it is.
    pub tree: &'a DataTree,
    /// What is on its way.
    pub outstanding: &'a mut OutstandingChanges,
    /// Who asks.
    pub session: i64,
    /// Who it is, for the ACLs.
    pub ids: &'a [Id],
    /// The place that the transaction will have.
    pub zxid: i64,
}

impl Prep<'_> {
    /// The transaction that a request of a client becomes, an error too; none for a request that
    /// changes nothing.
    pub(super) fn prepare(&mut self, request: &Request) -> Option<Txn> {
        let outcome = match request {
            Request::Create(request) => self.create(false, request),
            Request::Create2(request) => self.create(true, request),
            Request::Delete(request) => self.delete(request),
            Request::SetData(request) => self.set_data(request),
            Request::SetAcl(request) => self.set_acl(request),
            Request::Check(request) => self.check(request),
            Request::Multi(parts) => Ok(self.multi(parts)),
            Request::CloseSession => Ok(self.close_session()),
            // As a server whose extended types are off answers.
            Request::CreateContainer(_) | Request::CreateTtl(_) => Err(KeeperCode::UNIMPLEMENTED),
            // As a server answers whose `reconfigEnabled` is not set.
            Request::Reconfig(_) => Err(KeeperCode::RECONFIG_DISABLED),
            Request::Exists(_)
            | Request::GetData(_)
            | Request::GetAcl(_)
            | Request::GetChildren(_)
            | Request::GetChildren2(_)
            | Request::Sync(_)
            | Request::Ping
            | Request::CheckWatches(_)
            | Request::RemoveWatches(_)
            | Request::Auth(_)
            | Request::SetWatches(_) => return None,
        };
        Some(outcome.unwrap_or_else(Txn::Error))
    }

    /// The first part that fails makes errors of those behind it and takes back those before it.
    fn multi(&mut self, parts: &[MultiOperation]) -> Txn {
        self.outstanding.undo = Some(Vec::new());
        let mut txns = Vec::with_capacity(parts.len());
        let mut failed = false;
        for part in parts {
            let txn = if failed { Err(KeeperCode::RUNTIME_INCONSISTENCY) } else { self.part(part) };
            if txn.is_err() && !failed {
                failed = true;
                self.outstanding.take_back();
            }
            txns.push(txn.unwrap_or_else(Txn::Error));
        }
        self.outstanding.undo = None;
        Txn::Multi(txns)
    }

    fn part(&mut self, part: &MultiOperation) -> Result<Txn, KeeperCode> {
        match part {
            MultiOperation::Create(request) => self.create(false, request),
            MultiOperation::Create2(request) => self.create(true, request),
            MultiOperation::Delete(request) => self.delete(request),
            MultiOperation::SetData(request) => self.set_data(request),
            MultiOperation::Check(request) => self.check(request),
            MultiOperation::CreateContainer(_) | MultiOperation::CreateTtl(_) => {
                Err(KeeperCode::UNIMPLEMENTED)
            }
        }
    }

    fn set_data(&mut self, request: &SetDataRequest) -> Result<Txn, KeeperCode> {
        let SetDataRequest { path, data, version } = request.clone();
        let mut record = self.valid_record(&path)?;
        record.allow(permission::WRITE, self.ids)?;
        record.version = next_version(record.version, version)?;
        let version = record.version;
        self.put(&path, record);
        Ok(Txn::SetData { path, data, version })
    }

    fn set_acl(&mut self, request: &SetAclRequest) -> Result<Txn, KeeperCode> {
        let SetAclRequest { path, acl, version } = request;
        validate_path(path).map_err(|_| KeeperCode::BAD_ARGUMENTS)?;
        let acl = fix_up(acl, self.ids)?;
        let mut record = self.record(path)?;
        record.allow(permission::ADMIN, self.ids)?;
        record.aversion = next_version(record.aversion, *version)?;
        record.acl = Some(acl.clone());
        let version = record.aversion;
        self.put(path, record);
        Ok(Txn::SetAcl { path: path.clone(), acl, version })
    }

    fn check(&mut self, request: &CheckVersionRequest) -> Result<Txn, KeeperCode> {
        let CheckVersionRequest { path, version } = request.clone();
        let record = self.valid_record(&path)?;
        record.allow(permission::READ, self.ids)?;
        let version = next_version(record.version, version)?;
        Ok(Txn::Check { path, version })
    }

    fn create(&mut self, with_stat: bool, request: &CreateRequest) -> Result<Txn, KeeperCode> {
        let CreateRequest { path, data, acl, flags } = request;
        let CreateMode { ephemeral, sequential } = CreateMode::of(*flags)?;
        let parent_path = parent_of(path).ok_or(KeeperCode::BAD_ARGUMENTS)?;
        let acl = fix_up(acl, self.ids)?;
        let mut parent = self.record(parent_path)?;
        parent.allow(permission::CREATE, self.ids)?;
        let path = if sequential { format!("{path}{:010}", parent.cversion) } else { path.clone() };
        validate_path(&path).map_err(|_| KeeperCode::BAD_ARGUMENTS)?;
        if self.record(&path).is_ok() {
            return Err(KeeperCode::NODE_EXISTS);
        }
        if parent.ephemeral_owner != 0 {
            return Err(KeeperCode::NO_CHILDREN_FOR_EPHEMERALS);
        }
        parent.cversion = parent.cversion.wrapping_add(1);
        parent.child_count += 1;
        let parent_cversion = parent.cversion;
        self.put(parent_path, parent);
        let record = ChangeRecord {
            zxid: self.zxid,
            exists: true,
            version: 0,
            cversion: 0,
            aversion: 0,
            ephemeral_owner: if ephemeral { self.session } else { 0 },
            child_count: 0,
            acl: Some(acl.clone()),
        };
        self.put(&path, record);
        let data = data.clone();
        Ok(Txn::Create { with_stat, path, data, acl, ephemeral, parent_cversion })
    }

    fn delete(&mut self, request: &DeleteRequest) -> Result<Txn, KeeperCode> {
        let DeleteRequest { path, version } = request;
        let parent_path = parent_of(path).filter(|_| !is_special(path));
        let parent_path = parent_path.ok_or(KeeperCode::BAD_ARGUMENTS)?;
        let mut parent = self.record(parent_path)?;
        let record = self.record(path)?;
        parent.allow(permission::DELETE, self.ids)?;
        next_version(record.version, *version)?;
        if record.child_count > 0 {
            return Err(KeeperCode::NOT_EMPTY);
        }
        parent.child_count = parent.child_count.saturating_sub(1);
        self.put(parent_path, parent);
        self.put(path, ChangeRecord { exists: false, ..record });
        Ok(Txn::Delete { path: path.clone() })
    }

    /// Marks everything that goes with the session, so that nothing prepared behind its close
    /// still builds on it.
    fn close_session(&mut self) -> Txn {
        let session = self.session;
        let coming = self.outstanding.by_path.iter();
        let coming = coming.filter(|(_, record)| record.ephemeral_owner == session);
        let owned = self.tree.ephemerals_of(session).chain(coming.map(|(path, _)| path));
        for path in owned.cloned().collect::<SortedSet<_>>() {
            let Ok(record) = self.record(&path) else { continue };
            self.put(&path, ChangeRecord { exists: false, ..record });
            if let Some((above, mut parent)) =
                parent_of(&path).and_then(|above| Some((above, self.record(above).ok()?)))
            {
                parent.child_count = parent.child_count.saturating_sub(1);
                self.put(above, parent);
            }
        }
        Txn::CloseSession
    }

    fn valid_record(&self, path: &str) -> Result<ChangeRecord, KeeperCode> {
        validate_path(path).map_err(|_| KeeperCode::BAD_ARGUMENTS)?;
        self.record(path)
    }

    fn record(&self, path: &str) -> Result<ChangeRecord, KeeperCode> {
        let record = match self.outstanding.by_path.get(path) {
            Some(record) => Some(record.clone()).filter(|record| record.exists),
            None => self.tree.get(path).map(|znode| ChangeRecord {
                zxid: 0,
                exists: true,
                version: znode.stat.version,
                cversion: znode.stat.cversion,
                aversion: znode.stat.aversion,
                ephemeral_owner: znode.stat.ephemeral_owner,
                child_count: znode.children.len(),
                acl: self.tree.acls.entries(znode.acl).map(<[Acl]>::to_vec),
            }),
        };
        record.ok_or(KeeperCode::NO_NODE)
    }

    fn put(&mut self, path: &str, record: ChangeRecord) {
        self.outstanding.put(path, ChangeRecord { zxid: self.zxid, ..record });
    }
}

/// How a znode is created.
struct CreateMode {
    ephemeral: bool,
    sequential: bool,
}

impl CreateMode {
    /// The mode with this number; container and TTL znodes are not served, as by a server whose
    /// extended types are off.
    fn of(flags: i32) -> Result<Self, KeeperCode> {
        match flags {
            0..=3 => Ok(Self { ephemeral: flags & 1 != 0, sequential: flags & 2 != 0 }),
            4..=6 => Err(KeeperCode::UNIMPLEMENTED),
            _ => Err(KeeperCode::BAD_ARGUMENTS),
        }
    }
}

/// The version after a change of what has `current`, when that is the one expected (−1: any).
fn next_version(current: i32, expected: i32) -> Result<i32, KeeperCode> {
    if expected != -1 && expected != current {
        return Err(KeeperCode::BAD_VERSION);
    }
    Ok(current.wrapping_add(1))
}
