//! What a server keeps: the tree and the sessions in memory, the log and the snapshots on its
//! volume; and how the former comes back from the latter.
//!
//! In ZooKeeper: `server.ZKDatabase`, `server.persistence.FileTxnSnapLog`.

use super::snapshot;
use super::tree::{Applied, Change, DataTree};
use super::txn::{Txn, TxnHeader};
use super::txn_log::{TxnLog, UnknownTxn, read_log, zxid_of_name};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Time};
use crate::disk::DiskError;
use crate::node::Ctx;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;

const FILE_TXN_SNAP_LOG: &str = "org.apache.zookeeper.server.persistence.FileTxnSnapLog";
const FILE_TXN_LOG: &str = "org.apache.zookeeper.server.persistence.FileTxnLog";
/// How many of the newest transactions are kept for followers that lack them
/// (`commitLogCount`).
const COMMITTED_MAX: usize = 500;

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
    /// The newest transactions, in an ensemble.
    committed: VecDeque<(TxnHeader, Txn)>,
    keeps_committed: bool,
}

impl Database {
    /// An empty database whose files are in `directory`.
    pub(super) fn new(directory: &str) -> Self {
        Self {
            tree: DataTree::default(),
            session_timeouts: SortedMap::new(),
            directory: directory.to_owned(),
            log: TxnLog::new(directory),
            committed: VecDeque::new(),
            keeps_committed: false,
        }
    }

    /// Keeps the newest transactions for followers, from now on.
    pub(super) fn keep_committed(&mut self) {
        self.keeps_committed = true;
    }

    /// The newest transactions, oldest first.
    pub(super) fn committed(&self) -> &VecDeque<(TxnHeader, Txn)> {
        &self.committed
    }

    /// A small file beside the log, such as `currentEpoch`.
    pub(super) fn read_small<'a>(&self, name: &str, ctx: &'a Ctx) -> Option<&'a [u8]> {
        ctx.volume.read(&format!("{}{name}", self.directory))
    }

    /// Writes such a file, safely.
    pub(super) fn write_small(
        &self,
        name: &str,
        text: &str,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let name = format!("{}{name}", self.directory);
        ctx.volume.replace(&name, text.as_bytes())?;
        ctx.fsync(&name)?;
        Ok(())
    }

    /// Loads the newest whole snapshot and what the log holds beyond it; cuts off what a power cut
    /// tore. Ephemerals of sessions that no transaction knows go.
    pub(super) fn load(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        self.load_up_to(i64::MAX, ctx)
    }

    /// Loads what is not beyond `limit`. What was torn is cut off only when there is no limit.
    fn load_up_to(&mut self, limit: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let has_snapshot = self.load_snapshot(limit, ctx);
        let files = self.log.files(ctx.volume);
        let from = self.tree.last_processed_zxid;
        let is_needed = |name: &String| zxid_of_name(name).is_some_and(|zxid| zxid <= from);
        let first = files.iter().rposition(is_needed).unwrap_or(0);
        for name in &files[first..] {
            self.replay(name, limit, has_snapshot, ctx)?;
        }
        let (owners, zxid) = (self.tree.ephemerals.keys(), self.tree.last_processed_zxid);
        let is_dead = |owner: &i64| !self.session_timeouts.contains_key(owner);
        for dead in owners.copied().filter(is_dead).collect::<Vec<_>>() {
            self.tree.kill_session(dead, zxid, &mut Vec::new());
        }
        Ok(())
    }

    fn load_snapshot(&mut self, limit: i64, ctx: &mut Ctx) -> bool {
        let prefix = format!("{}snapshot.", self.directory);
        let names = ctx.volume.list(&prefix).map(str::to_owned);
        let mut named: Vec<_> =
            names.filter_map(|name| zxid_of_name(&name).map(|zxid| (zxid, name))).collect();
        named.retain(|(zxid, _)| *zxid <= limit);
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
        limit: i64,
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
            if header.zxid > self.tree.last_processed_zxid && header.zxid <= limit {
                self.apply(header, txn, &mut Vec::new());
            }
        }
        if limit < i64::MAX {
            return Ok(());
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
        if self.keeps_committed {
            self.committed.push_back((*header, txn.clone()));
            if self.committed.len() > COMMITTED_MAX {
                self.committed.pop_front();
            }
        }
        self.tree.apply(header, txn, changes)
    }

    /// Says in `/zookeeper/config` who belongs to the ensemble. Each server does it for itself: it is
    /// no transaction.
    pub(super) fn set_config(&mut self, text: &str, now: Time) {
        self.tree.set_config(text, now.as_millis());
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
        let unsynced = self.log.take_unsynced();
        for file in unsynced.into_iter().filter(|_| !is_planted(Mutant::AckBeforeSync)) {
            ctx.fsync(&file)?;
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

    /// The next transaction begins a new log file.
    pub(super) fn roll(&mut self) {
        self.log.roll();
    }

    /// Makes safe what an earlier life may have left unsynced: this one will build on it, and in
    /// files of its own.
    pub(super) fn sync_what_was_found(&self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let snapshots = format!("{}snapshot.", self.directory);
        let newest = |names: Vec<String>| names.into_iter().max_by_key(|name| zxid_of_name(name));
        let snapshot = newest(ctx.volume.list(&snapshots).map(str::to_owned).collect());
        for name in snapshot.into_iter().chain(newest(self.log.files(ctx.volume))) {
            ctx.fsync(&name)?;
        }
        Ok(())
    }

    /// Goes back to `zxid`, in memory and on the volume. False, and nothing has changed, when what
    /// is on the volume does not lead there.
    pub(super) fn truncate(&mut self, zxid: i64, ctx: &mut Ctx) -> Result<bool, DatabaseError> {
        self.sync(ctx)?;
        let mut earlier = Self::new(&self.directory);
        earlier.keeps_committed = self.keeps_committed;
        match earlier.load_up_to(zxid, ctx) {
            Ok(()) if earlier.tree.last_processed_zxid == zxid => {}
            Ok(()) | Err(DatabaseError::NoSnapshot) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.cut_after(zxid, ctx)?;
        *self = earlier;
        Ok(true)
    }

    /// Takes over a leader's snapshot, in memory and on the volume; false when it is none.
    pub(super) fn install(
        &mut self,
        zxid: i64,
        bytes: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<bool, DatabaseError> {
        let Ok((tree, session_timeouts)) = snapshot::decode(bytes) else { return Ok(false) };
        self.sync(ctx)?;
        (self.tree, self.session_timeouts) = (tree, session_timeouts);
        self.tree.last_processed_zxid = zxid;
        self.committed.clear();
        self.take_snapshot(ctx)?;
        // What this server had beyond it is no history. It goes once the snapshot is safe.
        self.cut_after(zxid, ctx)?;
        Ok(true)
    }

    /// Takes from the volume what lies beyond `zxid`.
    fn cut_after(&mut self, zxid: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        self.log.roll();
        for name in self.log.files(ctx.volume) {
            let bytes = Bytes::copy_from_slice(ctx.volume.read(&name).unwrap_or_default());
            let unknown = |error| DatabaseError::Unknown(name.clone(), error);
            let file = read_log(&bytes).map_err(unknown)?;
            let kept = file.txns.partition_point(|(header, _)| header.zxid <= zxid);
            if kept == 0 {
                erase(&name, ctx)?;
            } else if kept < file.txns.len() {
                ctx.volume.truncate(&name, file.ends[kept - 1])?;
                ctx.fsync(&name)?;
            }
        }
        let prefix = format!("{}snapshot.", self.directory);
        let snapshots: Vec<String> = ctx.volume.list(&prefix).map(str::to_owned).collect();
        for name in snapshots {
            if zxid_of_name(&name).is_some_and(|at| at > zxid) {
                erase(&name, ctx)?;
            }
        }
        Ok(())
    }
}

/// Deletes a file for good: emptied first, it says nothing any more should the deletion be lost.
fn erase(name: &str, ctx: &mut Ctx) -> Result<(), DatabaseError> {
    ctx.volume.truncate(name, 0)?;
    ctx.volume.delete(name)?;
    ctx.fsync(name)?;
    Ok(())
}
