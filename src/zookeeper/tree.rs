//! The data tree: znodes by path, and what each transaction does to them.
//!
//! Everything that can fail was checked when the transaction was prepared ([`super::prep`]); what
//! is applied here was agreed on, so that every server of an ensemble, and every replay of the log,
//! comes to the same tree.
//!
//! In ZooKeeper: `server.DataTree`, `server.DataNode`.

use super::acl_cache::{AclCache, OPEN_ACL_UNSAFE_ID};
use super::path::{name_of, parent_of};
use super::txn::{Txn, TxnHeader};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::{SortedMap, SortedSet};
use crate::wire::zookeeper::{Acl, KeeperCode, Stat, permission};
use bytes::Bytes;

/// The znode that tells who belongs to the ensemble.
const CONFIG_NODE: &str = "/zookeeper/config";

/// What is kept of a znode's stat; the rest is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct StatPersisted {
    /// Zxid of the transaction that created it.
    pub czxid: i64,
    /// Zxid of the last change of its data.
    pub mzxid: i64,
    /// When it was created (ms).
    pub ctime: i64,
    /// When its data was last changed (ms).
    pub mtime: i64,
    /// Changes of its data.
    pub version: i32,
    /// Children ever created: the number that a sequential child gets. What clients see as cversion
    /// also counts the deleted ones.
    pub cversion: i32,
    /// Changes of its ACL.
    pub aversion: i32,
    /// Session that owns it, 0 for a persistent znode.
    pub ephemeral_owner: i64,
    /// Zxid of the last change of its list of children.
    pub pzxid: i64,
}

/// A znode.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Znode {
    /// Data; null is not the same as empty.
    pub data: Option<Bytes>,
    /// Number of its ACL.
    pub acl: i64,
    /// Its stat.
    pub stat: StatPersisted,
    /// Names of its children.
    pub children: SortedSet<String>,
}

impl Znode {
    /// The stat as clients see it.
    pub(super) fn stat(&self) -> Stat {
        let StatPersisted { czxid, mzxid, ctime, mtime, version, aversion, pzxid, .. } = self.stat;
        let num_children = self.children.len() as i32;
        Stat {
            czxid,
            mzxid,
            ctime,
            mtime,
            version,
            // Each creation counts once for itself and, when the child is gone, once more.
            cversion: self.stat.cversion.wrapping_mul(2).wrapping_sub(num_children),
            aversion,
            ephemeral_owner: self.stat.ephemeral_owner,
            data_length: self.data.as_ref().map_or(0, Bytes::len) as i32,
            num_children,
            pzxid,
        }
    }
}

/// A change that watches wait for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A znode was created.
    Created(String),
    /// A znode was deleted.
    Deleted(String),
    /// The data of a znode changed.
    DataChanged(String),
}

/// What came of a transaction (ProcessTxnResult).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Applied {
    /// The error, or [`KeeperCode::OK`].
    pub error: KeeperCode,
    /// The znode's stat after it.
    pub stat: Option<Stat>,
    /// What came of the parts of a multi.
    pub parts: Vec<Applied>,
}

impl Applied {
    fn of(error: KeeperCode) -> Self {
        Self { error, stat: None, parts: Vec::new() }
    }
}

/// The tree.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct DataTree {
    pub(super) nodes: SortedMap<String, Znode>,
    pub(super) ephemerals: SortedMap<i64, SortedSet<String>>,
    pub(super) acls: AclCache,
    /// Zxid of the last transaction applied.
    pub(super) last_processed_zxid: i64,
}

impl Default for DataTree {
    /// The tree of a new server: the root and ZooKeeper's own znodes.
    fn default() -> Self {
        let mut tree = Self::empty();
        let (acl, data) = (OPEN_ACL_UNSAFE_ID, Some(Bytes::new()));
        for path in ["/", "/zookeeper", "/zookeeper/quota"] {
            tree.insert(path, Znode { acl, data: data.clone(), ..Znode::default() });
        }
        let read_only = Acl::open().into_iter().map(|acl| Acl { perms: permission::READ, ..acl });
        let acl = tree.acls.take(&read_only.collect::<Vec<_>>());
        let stat = StatPersisted { aversion: -1, ..StatPersisted::default() };
        let data = Some(Bytes::new());
        tree.insert(CONFIG_NODE, Znode { data, acl, stat, ..Znode::default() });
        tree
    }
}

impl DataTree {
    /// Not even a root, for a snapshot to fill.
    pub(super) fn empty() -> Self {
        Self {
            nodes: SortedMap::new(),
            ephemerals: SortedMap::new(),
            acls: AclCache::default(),
            last_processed_zxid: 0,
        }
    }

    /// Puts a znode in its place, known to its parent and its owner.
    pub(super) fn insert(&mut self, path: &str, znode: Znode) {
        if path != "/"
            && let Some(parent) = parent_of(path).and_then(|parent| self.nodes.get_mut(parent))
        {
            parent.children.insert(name_of(path).to_owned());
        }
        if znode.stat.ephemeral_owner != 0 {
            let owned = self.ephemerals.entry(znode.stat.ephemeral_owner).or_default();
            owned.insert(path.to_owned());
        }
        self.nodes.insert(path.to_owned(), znode);
    }

    /// The znode at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&Znode> {
        self.nodes.get(path)
    }

    /// The ACL of a znode.
    pub(super) fn acl_of(&self, znode: &Znode) -> Vec<Acl> {
        self.acls.get(znode.acl)
    }

    /// The ephemeral znodes of a session, in path order.
    pub(super) fn ephemerals_of(&self, session: i64) -> impl Iterator<Item = &String> {
        self.ephemerals.get(&session).into_iter().flatten()
    }

    /// Applies a transaction; what watches wait for is added to `changes`, in order.
    pub(super) fn apply(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        changes: &mut Vec<Change>,
    ) -> Applied {
        let applied = self.apply_part(header, txn, changes);
        self.last_processed_zxid = self.last_processed_zxid.max(header.zxid);
        applied
    }

    fn apply_part(&mut self, header: &TxnHeader, txn: &Txn, changes: &mut Vec<Change>) -> Applied {
        let outcome = match txn {
            Txn::Create { .. } => self.create(header, txn, changes),
            Txn::Delete { path } => self.delete(path, header.zxid, changes).map(|()| None),
            Txn::SetData { path, data, version } => {
                self.set_data(header, path, data.as_ref(), *version, changes)
            }
            Txn::SetAcl { path, acl, version } => self.set_acl(path, acl, *version),
            Txn::Check { .. } | Txn::CreateSession { .. } => Ok(None),
            Txn::CloseSession => {
                self.kill_session(header.session, header.zxid, changes);
                Ok(None)
            }
            Txn::Error(error) => Err(*error),
            Txn::Multi(parts) => return self.apply_multi(header, parts, changes),
        };
        match outcome {
            Ok(stat) => Applied { stat, ..Applied::of(KeeperCode::OK) },
            Err(error) => Applied::of(error),
        }
    }

    /// All parts at one zxid, or, when one of them is an error, none.
    fn apply_multi(
        &mut self,
        header: &TxnHeader,
        parts: &[Txn],
        changes: &mut Vec<Change>,
    ) -> Applied {
        let failed_at = parts.iter().position(|part| matches!(part, Txn::Error(_)));
        let mut applied = Applied::of(KeeperCode::OK);
        for (index, part) in parts.iter().enumerate() {
            let result = match (failed_at, part) {
                (None, part) | (Some(_), part @ Txn::Error(_)) => {
                    self.apply_part(header, part, changes)
                }
                (Some(failed_at), _) if index < failed_at => Applied::of(KeeperCode::OK),
                (Some(_), _) => Applied::of(KeeperCode::RUNTIME_INCONSISTENCY),
            };
            if applied.error == KeeperCode::OK {
                applied.error = result.error;
            }
            applied.parts.push(result);
        }
        applied
    }

    fn create(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Stat>, KeeperCode> {
        let Txn::Create { path, data, acl, ephemeral, parent_cversion, .. } = txn else {
            return Ok(None);
        };
        let parent = parent_of(path).and_then(|parent| self.nodes.get_mut(parent));
        let parent = parent.ok_or(KeeperCode::NO_NODE)?;
        if parent.children.contains(name_of(path)) {
            // The log is read over a fuzzy snapshot that was written while this happened.
            if *parent_cversion > parent.stat.cversion {
                parent.stat.cversion = *parent_cversion;
                parent.stat.pzxid = header.zxid;
            }
            return Err(KeeperCode::NODE_EXISTS);
        }
        parent.stat.cversion = match *parent_cversion {
            -1 => parent.stat.cversion.wrapping_add(1),
            cversion => cversion,
        };
        parent.stat.pzxid = header.zxid;
        let stat = StatPersisted {
            czxid: header.zxid,
            mzxid: header.zxid,
            pzxid: header.zxid,
            ctime: header.time_ms,
            mtime: header.time_ms,
            ephemeral_owner: if *ephemeral { header.session } else { 0 },
            ..StatPersisted::default()
        };
        let acl = self.acls.take(acl);
        let znode = Znode { data: data.clone(), acl, stat, children: SortedSet::new() };
        let stat = znode.stat();
        self.insert(path, znode);
        changes.push(Change::Created(path.clone()));
        Ok(Some(stat))
    }

    fn delete(
        &mut self,
        path: &str,
        zxid: i64,
        changes: &mut Vec<Change>,
    ) -> Result<(), KeeperCode> {
        let parent = parent_of(path).and_then(|parent| self.nodes.get_mut(parent));
        let parent = parent.ok_or(KeeperCode::NO_NODE)?;
        parent.children.remove(name_of(path));
        parent.stat.pzxid = parent.stat.pzxid.max(zxid);
        let znode = self.nodes.remove(path).ok_or(KeeperCode::NO_NODE)?;
        self.acls.release(znode.acl);
        let owner = znode.stat.ephemeral_owner;
        if let Some(owned) = self.ephemerals.get_mut(&owner) {
            owned.remove(path);
            if owned.is_empty() {
                self.ephemerals.remove(&owner);
            }
        }
        changes.push(Change::Deleted(path.to_owned()));
        Ok(())
    }

    fn set_data(
        &mut self,
        header: &TxnHeader,
        path: &str,
        data: Option<&Bytes>,
        version: i32,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Stat>, KeeperCode> {
        let znode = self.nodes.get_mut(path).ok_or(KeeperCode::NO_NODE)?;
        znode.data = data.cloned();
        znode.stat.mtime = header.time_ms;
        znode.stat.mzxid = header.zxid;
        znode.stat.version = version;
        changes.push(Change::DataChanged(path.to_owned()));
        Ok(Some(znode.stat()))
    }

    fn set_acl(
        &mut self,
        path: &str,
        acl: &[Acl],
        version: i32,
    ) -> Result<Option<Stat>, KeeperCode> {
        let znode = self.nodes.get_mut(path).ok_or(KeeperCode::NO_NODE)?;
        self.acls.release(znode.acl);
        znode.acl = self.acls.take(acl);
        znode.stat.aversion = version;
        Ok(Some(znode.stat()))
    }

    /// Puts the configuration of the ensemble into its znode, whose version is that of no change.
    pub(super) fn set_config(&mut self, text: &str, time_ms: i64) {
        if let Some(znode) = self.nodes.get_mut(CONFIG_NODE) {
            znode.data = Some(Bytes::copy_from_slice(text.as_bytes()));
            (znode.stat.version, znode.stat.mtime) = (-1, time_ms);
        }
    }

    /// Deletes the ephemeral znodes of a session that ended.
    pub(super) fn kill_session(&mut self, session: i64, zxid: i64, changes: &mut Vec<Change>) {
        if is_planted(Mutant::KeepEphemerals) {
            return;
        }
        for path in self.ephemerals.remove(&session).unwrap_or_default() {
            // An ephemeral without a parent cannot be: a znode with children is never deleted.
            let _ = self.delete(&path, zxid, changes);
        }
    }
}

#[cfg(test)]
mod tests;
