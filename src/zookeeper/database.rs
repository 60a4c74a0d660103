//! What a server keeps: the tree and the sessions in memory, the log and the snapshots on its
//! volume; and how the former comes back from the latter.
//!
//! In ZooKeeper: `server.ZKDatabase`, `server.persistence.FileTxnSnapLog`.

use super::snapshot;
use super::tree::{Applied, Change, DataTree};
use super::txn::{Txn, TxnHeader};
use super::txn_log::{TxnLog, UnknownTxn, read_log, zxid_of_name};
use crate::base::SortedMap;
use crate::base::trace::LogLevel;
use crate::disk::DiskError;
use crate::node::Ctx;
use bytes::Bytes;
use std::fmt;

const FILE_TXN_SNAP_LOG: &str = "org.apache.zookeeper.server.persistence.FileTxnSnapLog";
const FILE_TXN_LOG: &str = "org.apache.zookeeper.server.persistence.FileTxnLog";

/// Why a database could not be loaded or stored. The server stops, as ZooKeeper does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DatabaseError {
    /// The disk refused.
    Disk(DiskError),
    /// There are log entries but no snapshot that they go on from.
    NoSnapshot,
    /// A log record that is whole says nothing that this server knows.
    Unknown(String, UnknownTxn),
}

impl From<DiskError> for DatabaseError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::NoSnapshot => {
                f.write_str("No snapshot found, but there are log entries. Something is broken!")
            }
            Self::Unknown(file, UnknownTxn(error)) => write!(f, "{file}: {error}"),
        }
    }
}

/// The database of a server.
#[derive(Debug)]
pub(super) struct Database {
    /// The tree.
    pub(super) tree: DataTree,
    /// Negotiated timeouts (ms) of the sessions that the transactions so far left open.
    pub(super) session_timeouts: SortedMap<i64, u32>,
    directory: String,
    log: TxnLog,
}

impl Database {
    /// An empty database whose files are in `directory`.
    pub(super) fn new(directory: &str) -> Self {
        Self {
            tree: DataTree::default(),
            session_timeouts: SortedMap::new(),
            directory: directory.to_owned(),
            log: TxnLog::new(directory),
        }
    }

    /// Loads the newest whole snapshot and what the log holds beyond it; cuts off what a power cut
    /// tore. Ephemerals of sessions that no transaction knows go.
    pub(super) fn load(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let has_snapshot = self.load_snapshot(ctx);
        let files = self.log.files(ctx.volume);
        let from = self.tree.last_processed_zxid;
        let is_needed = |name: &String| zxid_of_name(name).is_some_and(|zxid| zxid <= from);
        let first = files.iter().rposition(is_needed).unwrap_or(0);
        for name in &files[first..] {
            self.replay(name, has_snapshot, ctx)?;
        }
        let (owners, zxid) = (self.tree.ephemerals.keys(), self.tree.last_processed_zxid);
        let is_dead = |owner: &i64| !self.session_timeouts.contains_key(owner);
        for dead in owners.copied().filter(is_dead).collect::<Vec<_>>() {
            self.tree.kill_session(dead, zxid, &mut Vec::new());
        }
        Ok(())
    }

    fn load_snapshot(&mut self, ctx: &mut Ctx) -> bool {
        let prefix = format!("{}snapshot.", self.directory);
        let names = ctx.volume.list(&prefix).map(str::to_owned);
        let mut named: Vec<_> =
            names.filter_map(|name| zxid_of_name(&name).map(|zxid| (zxid, name))).collect();
        named.sort();
        for (zxid, name) in named.into_iter().rev() {
            let bytes = Bytes::copy_from_slice(ctx.volume.read(&name).unwrap_or_default());
            match snapshot::decode(&bytes) {
                Ok((tree, session_timeouts)) => {
                    ctx.log(LogLevel::Info, FILE_TXN_SNAP_LOG, format!("Reading snapshot {name}"));
                    self.tree = tree;
                    self.tree.last_processed_zxid = zxid;
                    self.session_timeouts = session_timeouts;
                    return true;
                }
                Err(error) => ctx.log(
                    LogLevel::Warn,
                    FILE_TXN_SNAP_LOG,
                    format!("problem reading snap file {name}: {error}"),
                ),
            }
        }
        false
    }

    fn replay(
        &mut self,
        name: &str,
        has_snapshot: bool,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let bytes = Bytes::copy_from_slice(ctx.volume.read(name).unwrap_or_default());
        let unknown = |error| DatabaseError::Unknown(name.to_owned(), error);
        let file = read_log(&bytes).map_err(unknown)?;
        if !has_snapshot && !file.txns.is_empty() {
            return Err(DatabaseError::NoSnapshot);
        }
        for (header, txn) in &file.txns {
            if header.zxid > self.tree.last_processed_zxid {
                self.apply(header, txn, &mut Vec::new());
            }
        }
        if file.txns.is_empty() {
            // Its number is the first zxid that will be given again: it must not be in the way.
            ctx.volume.delete(name)?;
        } else if file.valid_len < bytes.len() as u64 {
            ctx.volume.truncate(name, file.valid_len)?;
            let text = format!("Cut {name} from {} to {} bytes", bytes.len(), file.valid_len);
            ctx.log(LogLevel::Warn, FILE_TXN_LOG, text);
        }
        Ok(())
    }

    /// Applies a transaction to the tree and the sessions.
    pub(super) fn apply(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        changes: &mut Vec<Change>,
    ) -> Applied {
        match txn {
            Txn::CreateSession { timeout_ms } => {
                self.session_timeouts.insert(header.session, (*timeout_ms).max(0) as u32);
            }
            Txn::CloseSession => {
                self.session_timeouts.remove(&header.session);
            }
            Txn::Create { .. }
            | Txn::Delete { .. }
            | Txn::SetData { .. }
            | Txn::SetAcl { .. }
            | Txn::Check { .. }
            | Txn::Multi(_)
            | Txn::Error(_) => {}
        }
        self.tree.apply(header, txn, changes)
    }

    /// Appends a transaction to the log; it is safe after [`Self::sync`].
    pub(super) fn append(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        if let Some(file) = self.log.append(header, txn, ctx.volume)? {
            ctx.log(LogLevel::Info, FILE_TXN_LOG, format!("Creating new log file: {file}"));
        }
        Ok(())
    }

    /// Makes everything appended so far safe.
    pub(super) fn sync(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if let Some(file) = self.log.take_unsynced() {
            ctx.fsync(file)?;
        }
        Ok(())
    }

    /// Writes a snapshot of what was applied so far; the next transaction begins a new log file.
    pub(super) fn take_snapshot(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let zxid = self.tree.last_processed_zxid;
        let name = format!("{}snapshot.{zxid:x}", self.directory);
        let text = format!("Snapshotting: 0x{zxid:x} to {name}");
        ctx.log(LogLevel::Info, FILE_TXN_SNAP_LOG, text);
        let bytes = snapshot::encode(&self.tree, &self.session_timeouts);
        ctx.volume.replace(&name, &bytes)?;
        ctx.fsync(&name)?;
        self.log.roll();
        Ok(())
    }
}
