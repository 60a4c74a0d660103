//! The road of a request: prepared, logged, synced, committed, final.
//!
//! `prep` gives a write its zxid and its transaction, which goes to the log at once; a read that
//! comes behind it waits its turn. The sync makes the log safe, for all that gathered while the
//! disk was busy with the one before. Then everything in the queue is committed, in order.
//!
//! In ZooKeeper: `server.PrepRequestProcessor` → `SyncRequestProcessor` → `FinalRequestProcessor`.

use super::database::{Database, DatabaseError};
use super::prep::{OutstandingChanges, Prep};
use super::txn::{Txn, TxnHeader};
use crate::base::{ConnId, Time};
use crate::node::Ctx;
use crate::wire::zookeeper::{Id, Request};
use std::collections::VecDeque;

/// Whom to answer, and under which number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Client {
    /// The session that asks.
    pub session: i64,
    /// The connection to answer on; none when the server itself asks.
    pub conn: Option<ConnId>,
    /// The client's number for the request.
    pub xid: i32,
    /// When the request came.
    pub since: Time,
}

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Asked {
    /// What a client asks.
    Request(Request),
    /// A client connected: begin a session.
    CreateSession {
        /// Its negotiated timeout.
        timeout_ms: u32,
    },
    /// Nobody was heard of: end the session.
    ExpireSession,
}

/// A request whose turn has come.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Committed {
    /// Whom to answer.
    pub client: Client,
    /// What was asked.
    pub asked: Asked,
    /// What a write became.
    pub txn: Option<(TxnHeader, Txn)>,
}

/// The requests on their road.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    queue: VecDeque<Committed>,
    outstanding: OutstandingChanges,
    last_zxid: i64,
    flush_at: Option<Time>,
    /// Transactions logged since the last snapshot.
    logged: u64,
}

impl Pipeline {
    /// An empty road; the next transaction gets the zxid after `last_zxid`.
    pub(super) fn new(last_zxid: i64) -> Self {
        Self { last_zxid, ..Self::default() }
    }

    /// Takes a request in. A read that has nothing before it comes back at once.
    pub(super) fn submit(
        &mut self,
        client: Client,
        asked: Asked,
        ids: &[Id],
        database: &mut Database,
        ctx: &mut Ctx,
    ) -> Result<Option<Committed>, DatabaseError> {
        let txn = self.prepare(client, &asked, ids, database, ctx.now());
        if let Some((header, txn)) = &txn {
            database.append(header, txn, ctx)?;
            self.logged += 1;
        } else if self.queue.is_empty() {
            return Ok(Some(Committed { client, asked, txn }));
        }
        self.queue.push_back(Committed { client, asked, txn });
        self.flush_at.get_or_insert(ctx.now());
        Ok(None)
    }

    fn prepare(
        &mut self,
        client: Client,
        asked: &Asked,
        ids: &[Id],
        database: &Database,
        now: Time,
    ) -> Option<(TxnHeader, Txn)> {
        let Client { session, xid, .. } = client;
        let zxid = self.last_zxid.wrapping_add(1);
        let mut prep =
            Prep { tree: &database.tree, outstanding: &mut self.outstanding, session, ids, zxid };
        let txn = match asked {
            Asked::Request(request) => prep.prepare(request)?,
            Asked::CreateSession { timeout_ms } => {
                Txn::CreateSession { timeout_ms: *timeout_ms as i32 }
            }
            Asked::ExpireSession => prep.prepare(&Request::CloseSession)?,
        };
        self.last_zxid = zxid;
        Some((TxnHeader { session, cxid: xid, zxid, time_ms: now.as_millis() }, txn))
    }

    /// Requests that wait for the log.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// When the log wants to be synced: as soon as all that arrived before has been taken in.
    pub(super) fn flush_at(&self) -> Option<Time> {
        self.flush_at
    }

    /// Syncs the log and hands out everything that waited for it, in order.
    pub(super) fn flush(
        &mut self,
        database: &mut Database,
        ctx: &mut Ctx,
    ) -> Result<VecDeque<Committed>, DatabaseError> {
        self.flush_at = None;
        database.sync(ctx)?;
        Ok(std::mem::take(&mut self.queue))
    }

    /// A transaction was applied: the tree shows it now.
    pub(super) fn applied(&mut self, zxid: i64) {
        self.outstanding.committed(zxid);
    }

    /// True when more than `threshold` transactions were logged since the last snapshot; asked once
    /// a snapshot.
    pub(super) fn wants_snapshot(&mut self, threshold: u64) -> bool {
        let wants = self.logged > threshold;
        if wants {
            self.logged = 0;
        }
        wants
    }
}
