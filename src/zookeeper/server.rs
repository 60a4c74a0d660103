//! The server: connections and sessions around the pipeline.
//!
//! A server on its own goes by [`super::pipeline`]; in an ensemble [`super::quorum`] takes its place.
//!
//! In ZooKeeper: `server.ZooKeeperServer`, `server.NIOServerCnxn`, `server.FinalRequestProcessor`.

use super::config::Config;
use super::connections::Connection;
use super::database::{Database, DatabaseError};
use super::four_letter::Statistics;
use super::pipeline::{Asked, Client, Committed, Pipeline};
use super::quorum::Peer;
use super::read::Read;
use super::session::SessionTracker;
use super::tree::Applied;
use super::txn::{Txn, TxnHeader};
use super::watch::Watches;
use super::written::reply_to;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedMap, Time, TraceEvent};
use crate::node::{ConfigError, Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView};
use crate::wire::zookeeper::{KeeperCode, Reply, Request};

pub(super) const ZOO_KEEPER_SERVER: &str = "org.apache.zookeeper.server.ZooKeeperServer";
/// The number of a standalone server in its session ids.
const STANDALONE_ID: u8 = 1;

/// A ZooKeeper server.
#[derive(Debug)]
pub struct ZooKeeperServer {
    pub(super) config: Config,
    pub(super) database: Database,
    pub(super) sessions: SessionTracker,
    pub(super) connections: SortedMap<ConnId, Connection>,
    pub(super) watches: Watches,
    /// Connections whose clients were just told that their sessions stand.
    pub(super) greeted: Vec<ConnId>,
    pub(super) pipeline: Pipeline,
    /// After how many logged transactions the next snapshot is due.
    pub(super) snapshot_after: u64,
    /// What is counted.
    pub(super) statistics: Statistics,
    /// Its place in an ensemble; none for a server on its own.
    pub(super) peer: Option<Peer>,
    /// Transactions applied since the last snapshot, in an ensemble.
    pub(super) applied_since_snapshot: u64,
}

impl Process for ZooKeeperServer {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let outcome = match input {
            Input::Start { .. } => self.start(ctx),
            Input::Wake => self.wake(ctx),
            Input::Link(input) => self.take_link(input, ctx),
            Input::Command { id, .. } => {
                ctx.answer(id, Err("A ZooKeeper server takes no commands.".to_owned()));
                Ok(())
            }
            Input::Stop => {
                ctx.exit(false, "Terminated");
                Ok(())
            }
        };
        if let Err(error) = outcome.and_then(|()| self.take_early(ctx)) {
            fail(&error, ctx);
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let flush = self.pipeline.flush_at().map(|at| (at, "log sync"));
        let expiry = self.sessions.next_expiry().map(|at| (at, "session expiry"));
        let quorum = self.peer.as_ref().and_then(Peer::next_wakeup);
        let (at, reason) = flush.into_iter().chain(expiry).chain(quorum).min()?;
        Some(Wakeup { at, reason: reason.into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::ZooKeeper(self.picture())
    }
}

impl ZooKeeperServer {
    /// A server that has not started yet.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let config = Config::new(&spec.properties)?;
        Ok(Self {
            database: Database::new(&config.directory),
            sessions: SessionTracker::new(STANDALONE_ID, config.tick_time, Time::ZERO),
            connections: SortedMap::new(),
            watches: Watches::default(),
            greeted: Vec::new(),
            pipeline: Pipeline::default(),
            snapshot_after: config.snap_count,
            statistics: Statistics::default(),
            peer: config.ensemble.as_ref().map(Peer::new),
            applied_since_snapshot: 0,
            config,
        })
    }

    fn start(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let Config { tick_time, min_session_timeout_ms, max_session_timeout_ms, .. } = self.config;
        let directory = self.config.directory.trim_end_matches('/');
        let text = format!(
            "Created server with tickTime {} minSessionTimeout {min_session_timeout_ms} \
             maxSessionTimeout {max_session_timeout_ms} datadir {directory} snapdir {directory}",
            tick_time.as_millis(),
        );
        ctx.log(LogLevel::Info, ZOO_KEEPER_SERVER, text);
        if self.peer.is_some() {
            self.database.keep_committed();
        }
        self.database.load(ctx)?;
        let is_new = self.database.tree.last_processed_zxid == 0;
        // In an ensemble what was logged last may still be cut off: no snapshot may hold it.
        if self.peer.is_none() || is_new {
            self.database.take_snapshot(ctx)?;
        }
        self.pipeline = Pipeline::new(self.database.tree.last_processed_zxid);
        self.snapshot_after = self.draw_snapshot_threshold(ctx);
        let now = ctx.now();
        let port = self.config.client_port;
        let text = format!("binding to port 0.0.0.0/0.0.0.0:{port}");
        ctx.log(LogLevel::Info, "org.apache.zookeeper.server.NIOServerCnxnFactory", text);
        ctx.listen(port);
        if self.peer.is_some() {
            self.sessions = SessionTracker::new(self.server_id(), tick_time, now);
            return self.start_peer(ctx);
        }
        // Nobody could reach the server while it was down: every session gets its whole timeout.
        self.sessions = SessionTracker::new(STANDALONE_ID, tick_time, now);
        for (session, timeout_ms) in &self.database.session_timeouts {
            self.sessions.add(*session, *timeout_ms, now);
        }
        ctx.trace(TraceEvent::ZooKeeperRoleChanged { role: "standalone".to_owned(), epoch: 0 });
        Ok(())
    }

    fn take_link(&mut self, input: LinkInput, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        match self.peer_link(input, ctx)? {
            Some(LinkInput::Accepted { conn, from, .. }) => {
                self.connections.insert(conn, Connection::new(&from));
            }
            Some(LinkInput::Frame(conn, frame)) => return self.take_frame(conn, &frame, ctx),
            Some(LinkInput::Closed(conn, _)) => self.forget(conn),
            Some(LinkInput::Opened(_)) | None => {}
        }
        Ok(())
    }

    /// Between half of snapCount and all of it, so that not all servers of an ensemble take their
    /// snapshots together.
    fn draw_snapshot_threshold(&self, ctx: &mut Ctx) -> u64 {
        let half = self.config.snap_count / 2;
        half + ctx.rng.below(half)
    }

    fn wake(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        while let Some(session) = self.sessions.pop_expired(ctx.now()) {
            let timeout_ms = self.sessions.get(session).map_or(0, |session| session.timeout_ms);
            let text =
                format!("Expiring session 0x{session:x}, timeout of {timeout_ms}ms exceeded");
            ctx.log(LogLevel::Info, ZOO_KEEPER_SERVER, text);
            let client = Client { session, conn: None, xid: 0, since: ctx.now() };
            self.submit(client, Asked::ExpireSession, ctx)?;
        }
        if self.pipeline.flush_at().is_some_and(|at| at <= ctx.now()) {
            self.flush(ctx)?;
        }
        self.wake_peer(ctx)
    }

    /// A snapshot of what was applied, once enough was.
    pub(super) fn snapshot_when_due(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if self.applied_since_snapshot > self.snapshot_after {
            self.applied_since_snapshot = 0;
            self.snapshot_after = self.draw_snapshot_threshold(ctx);
            self.database.take_snapshot(ctx)?;
        }
        Ok(())
    }

    fn flush(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        for committed in self.pipeline.flush(&mut self.database, ctx)? {
            self.finish(committed, ctx);
        }
        if self.pipeline.wants_snapshot(self.snapshot_after) {
            self.snapshot_after = self.draw_snapshot_threshold(ctx);
            self.database.take_snapshot(ctx)?;
        }
        Ok(())
    }

    /// The session was heard of; false when there is none or it is closing.
    pub(super) fn touch(&mut self, session: i64, timeout_ms: u32, now: Time) -> bool {
        if let Some(follower) = self.follower() {
            follower.touch(session, timeout_ms);
            return true;
        }
        self.sessions.touch(session, now)
    }

    /// Whether clients are served.
    pub(super) fn is_serving(&self) -> bool {
        self.peer.as_ref().is_none_or(Peer::is_serving)
    }

    /// What the server is, in the words of `srvr`.
    pub(super) fn mode(&self) -> &'static str {
        self.peer.as_ref().map_or("standalone", Peer::mode)
    }

    /// Its number in the ensemble, 0 without one.
    pub(super) fn server_id(&self) -> u8 {
        self.peer.as_ref().map_or(0, |peer| peer.config.id)
    }

    /// Requests that wait for their transaction.
    pub(super) fn outstanding_requests(&self) -> usize {
        self.pipeline.len() + self.peer.as_ref().map_or(0, |peer| peer.waiting.len())
    }

    pub(super) fn submit(
        &mut self,
        client: Client,
        asked: Asked,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        if self.peer.is_some() {
            return self.submit_to_ensemble(client, asked, ctx);
        }
        let connection = client.conn.and_then(|conn| self.connections.get(&conn));
        let ids = connection.map_or(&[][..], |connection| &connection.ids);
        if let Some(committed) =
            self.pipeline.submit(client, asked, ids, &mut self.database, ctx)?
        {
            self.finish(committed, ctx);
        }
        Ok(())
    }

    /// The last stage: the transaction is applied, watches fire, the client is answered.
    fn finish(&mut self, committed: Committed, ctx: &mut Ctx) {
        let Committed { client, asked, txn } = committed;
        let written = txn.map(|(header, txn)| {
            let applied = self.apply(&header, &txn, ctx);
            reply_to(&txn, applied)
        });
        match asked {
            Asked::Request(Request::CloseSession) => {
                ctx.trace(TraceEvent::SessionClosed { session: client.session });
                self.answer(client, KeeperCode::OK, None, ctx);
                self.end_session(client.session, ctx);
            }
            Asked::Request(request) => {
                let (error, body) = written.unwrap_or_else(|| self.read(client, &request, ctx));
                self.answer(client, error, body.as_ref(), ctx);
            }
            Asked::CreateSession { timeout_ms } => {
                ctx.trace(TraceEvent::SessionCreated { session: client.session, timeout_ms });
                if let Some(conn) = client.conn {
                    self.finish_session_init(conn, Some(timeout_ms), ctx);
                }
            }
            Asked::ExpireSession => {
                ctx.trace(TraceEvent::SessionExpired { session: client.session });
                self.end_session(client.session, ctx);
            }
        }
    }

    /// Answers a request that changes nothing.
    pub(super) fn answer_read(&mut self, client: Client, asked: Asked, ctx: &mut Ctx) {
        self.finish(Committed { client, asked, txn: None }, ctx);
    }

    pub(super) fn apply(&mut self, header: &TxnHeader, txn: &Txn, ctx: &mut Ctx) -> Applied {
        let mut changes = Vec::new();
        let applied = self.database.apply(header, txn, &mut changes);
        self.applied_since_snapshot += 1;
        match self.leader() {
            Some(leader) => leader.applied(header.zxid),
            None => self.pipeline.applied(header.zxid),
        }
        let (op, path) = (txn.name().to_owned(), txn.path().to_owned());
        ctx.trace(TraceEvent::TransactionApplied { zxid: header.zxid, op, path });
        for change in &changes {
            let events = self.watches.trigger(change);
            self.tell(events, ctx);
        }
        applied
    }

    fn read(
        &mut self,
        client: Client,
        request: &Request,
        ctx: &mut Ctx,
    ) -> (KeeperCode, Option<Reply>) {
        let is_connected = |conn: &ConnId| self.connections.contains_key(conn);
        let Some(conn) = client.conn.filter(is_connected) else { return (KeeperCode::OK, None) };
        let ids = self.connections.get(&conn).map_or(&[][..], |connection| &connection.ids);
        let (tree, watches) = (&self.database.tree, &mut self.watches);
        let mut read = Read { conn, ids, tree, watches, events: Vec::new() };
        let answer = read.answer(request);
        let events = read.events;
        self.tell(events, ctx);
        match answer {
            Ok(body) => (KeeperCode::OK, body),
            Err(error) => (error, None),
        }
    }
}

/// A server that cannot write its log must not go on.
fn fail(error: &DatabaseError, ctx: &mut Ctx) {
    let text = format!("Severe unrecoverable error, exiting: {error}");
    ctx.log(LogLevel::Error, "org.apache.zookeeper.server.SyncRequestProcessor", text.clone());
    ctx.exit(true, text);
}

#[cfg(test)]
mod tests;
