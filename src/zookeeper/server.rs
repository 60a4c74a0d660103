//! The server: connections and sessions around the pipeline.
//!
//! One standalone server so far; the ensemble will stand between the sync and the commit of
//! [`super::pipeline`].
//!
//! In ZooKeeper: `server.ZooKeeperServer`, `server.NIOServerCnxn`, `server.FinalRequestProcessor`.

use super::config::Config;
use super::database::{Database, DatabaseError};
use super::pipeline::{Asked, Client, Committed, Pipeline};
use super::read::Read;
use super::session::{SessionTracker, password_of};
use super::tree::Applied;
use super::txn::{Txn, TxnHeader};
use super::watch::{WatchEvent, Watches};
use super::written::reply_to;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedMap, Time, TraceEvent};
use crate::node::{ConfigError, Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView};
use crate::wire::zookeeper::{
    ConnectRequest, ConnectResponse, KeeperCode, Reply, Request, RequestError, WatcherEvent,
    decode_request, encode_event, encode_reply, event_type, keeper_state,
};
use bytes::Bytes;

pub(super) const ZOO_KEEPER_SERVER: &str = "org.apache.zookeeper.server.ZooKeeperServer";
const NIO_SERVER_CNXN: &str = "org.apache.zookeeper.server.NIOServerCnxn";
/// The number of a standalone server in its session ids.
const STANDALONE_ID: u8 = 1;

/// A connection from a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    /// Where it comes from.
    pub from: String,
    /// Its session, 0 before it asked for one.
    pub session: i64,
    /// Whether the client is new enough to be told that a server is not read-only.
    pub knows_read_only: bool,
}

/// A ZooKeeper server.
#[derive(Debug)]
pub struct ZooKeeperServer {
    pub(super) config: Config,
    pub(super) database: Database,
    pub(super) sessions: SessionTracker,
    pub(super) connections: SortedMap<ConnId, Connection>,
    pub(super) watches: Watches,
    pub(super) pipeline: Pipeline,
    /// After how many logged transactions the next snapshot is due.
    pub(super) snapshot_after: u64,
}

impl Process for ZooKeeperServer {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let outcome = match input {
            Input::Start { .. } => self.start(ctx),
            Input::Wake => self.wake(ctx),
            Input::Link(LinkInput::Accepted { conn, from, .. }) => {
                let from = from.to_string();
                let connection = Connection { from, session: 0, knows_read_only: false };
                self.connections.insert(conn, connection);
                Ok(())
            }
            Input::Link(LinkInput::Frame(conn, frame)) => self.take_frame(conn, &frame, ctx),
            Input::Link(LinkInput::Closed(conn, _)) => {
                self.forget(conn);
                Ok(())
            }
            Input::Link(LinkInput::Opened(_)) => Ok(()),
            Input::Command { id, .. } => {
                ctx.answer(id, Err("A ZooKeeper server takes no commands.".to_owned()));
                Ok(())
            }
            Input::Stop => {
                ctx.exit(false, "Terminated");
                Ok(())
            }
        };
        if let Err(error) = outcome {
            fail(&error, ctx);
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let flush = self.pipeline.flush_at().map(|at| (at, "log sync"));
        let expiry = self.sessions.next_expiry().map(|at| (at, "session expiry"));
        let (at, reason) = flush.into_iter().chain(expiry).min()?;
        Some(Wakeup { at, reason: reason.to_owned() })
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
            pipeline: Pipeline::default(),
            snapshot_after: config.snap_count,
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
        self.database.load(ctx)?;
        self.database.take_snapshot(ctx)?;
        self.pipeline = Pipeline::new(self.database.tree.last_processed_zxid);
        self.snapshot_after = self.draw_snapshot_threshold(ctx);
        // Nobody could reach the server while it was down: every session gets its whole timeout.
        let now = ctx.now();
        self.sessions = SessionTracker::new(STANDALONE_ID, tick_time, now);
        for (session, timeout_ms) in &self.database.session_timeouts {
            self.sessions.add(*session, *timeout_ms, now);
        }
        let port = self.config.client_port;
        let text = format!("binding to port 0.0.0.0/0.0.0.0:{port}");
        ctx.log(LogLevel::Info, "org.apache.zookeeper.server.NIOServerCnxnFactory", text);
        ctx.listen(port);
        ctx.trace(TraceEvent::ZooKeeperRoleChanged { role: "standalone".to_owned(), epoch: 0 });
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
            let client = Client { session, conn: None, xid: 0 };
            self.submit(client, Asked::ExpireSession, ctx)?;
        }
        if self.pipeline.flush_at().is_some_and(|at| at <= ctx.now()) {
            self.flush(ctx)?;
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

    fn take_frame(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        if frame.len() > self.config.jute_maxbuffer {
            self.refuse(conn, format!("Len error {}", frame.len()), ctx);
            return Ok(());
        }
        match connection.session {
            0 => match ConnectRequest::decode(frame) {
                Ok(request) => return self.connect(conn, &request, ctx),
                Err(error) => self.refuse(conn, error.to_string(), ctx),
            },
            session => match decode_request(frame) {
                Ok((header, request)) => {
                    let client = Client { session, conn: Some(conn), xid: header.xid };
                    return self.take_request(conn, client, request, ctx);
                }
                Err(error) => self.refuse_request(conn, &error, ctx),
            },
        }
        Ok(())
    }

    fn take_request(
        &mut self,
        conn: ConnId,
        client: Client,
        request: Request,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        if let Request::Auth(request) = &request {
            self.authenticate(conn, client.xid, &request.scheme, ctx);
            return Ok(());
        }
        if !self.sessions.touch(client.session, ctx.now()) {
            // Its close is under way: what still comes from it is dropped.
            return Ok(());
        }
        if request == Request::CloseSession {
            self.sessions.set_closing(client.session);
        }
        self.submit(client, Asked::Request(request), ctx)
    }

    /// Answers as far as the request could be read, and closes the connection.
    fn refuse_request(&mut self, conn: ConnId, error: &RequestError, ctx: &mut Ctx) {
        match error {
            RequestError::Unimplemented(header) => {
                let text = format!("Received packet at server of unknown type {}", header.op);
                ctx.log(LogLevel::Warn, ZOO_KEEPER_SERVER, text);
                self.reply(conn, header.xid, KeeperCode::UNIMPLEMENTED, None, ctx);
                self.hangup(conn, ctx);
            }
            RequestError::Malformed { header, error } => {
                if let Some(header) = header {
                    self.reply(conn, header.xid, KeeperCode::MARSHALLING_ERROR, None, ctx);
                }
                self.refuse(conn, error.to_string(), ctx);
            }
        }
    }

    /// Credentials are taken as given; ACLs are stored but not enforced yet.
    fn authenticate(&mut self, conn: ConnId, xid: i32, scheme: &str, ctx: &mut Ctx) {
        let is_known = matches!(scheme, "digest" | "ip");
        let error = if is_known { KeeperCode::OK } else { KeeperCode::AUTH_FAILED };
        ctx.send(conn, encode_reply(xid, 0, error, None));
        if !is_known {
            self.hangup(conn, ctx);
        }
    }

    fn connect(
        &mut self,
        conn: ConnId,
        request: &ConnectRequest,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let last_zxid = self.database.tree.last_processed_zxid;
        if request.last_zxid_seen > last_zxid {
            let from = self.connections.get(&conn).map_or("", |connection| &connection.from);
            let text = format!(
                "Refusing session request for client /{from} as it has seen zxid 0x{:x} our last \
                 zxid is 0x{last_zxid:x} client must try another server",
                request.last_zxid_seen,
            );
            ctx.log(LogLevel::Info, ZOO_KEEPER_SERVER, text);
            self.hangup(conn, ctx);
            return Ok(());
        }
        let timeout_ms = self.config.negotiate(request.timeout);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.knows_read_only = request.read_only.is_some();
        }
        if request.session_id == 0 {
            let session = self.sessions.next_id();
            self.sessions.add(session, timeout_ms, ctx.now());
            self.attach(conn, session);
            let client = Client { session, conn: Some(conn), xid: 0 };
            return self.submit(client, Asked::CreateSession { timeout_ms }, ctx);
        }
        let session = request.session_id;
        self.hangup_session(session, ctx);
        self.attach(conn, session);
        let is_alive = request.password[..] == password_of(session)
            && self.sessions.touch_for(session, timeout_ms, ctx.now());
        self.finish_session_init(conn, is_alive.then_some(timeout_ms), ctx);
        Ok(())
    }

    fn attach(&mut self, conn: ConnId, session: i64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session = session;
        }
    }

    /// Tells the client that its session stands with this timeout, or, when there is none, that it
    /// is gone.
    fn finish_session_init(&mut self, conn: ConnId, timeout_ms: Option<u32>, ctx: &mut Ctx) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let Connection { from, session, knows_read_only } = connection;
        let password = timeout_ms.map_or([0; 16], |_| password_of(*session));
        let response = ConnectResponse {
            protocol_version: 0,
            timeout: timeout_ms.unwrap_or_default() as i32,
            session_id: timeout_ms.map_or(0, |_| *session),
            password: Bytes::copy_from_slice(&password),
            read_only: knows_read_only.then_some(false),
        };
        ctx.send(conn, response.encode());
        if timeout_ms.is_none() {
            let text =
                format!("Invalid session 0x{session:x} for client /{from}, probably expired");
            ctx.log(LogLevel::Info, ZOO_KEEPER_SERVER, text);
            self.hangup(conn, ctx);
        }
    }

    fn submit(&mut self, client: Client, asked: Asked, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if let Some(committed) = self.pipeline.submit(client, asked, &mut self.database, ctx)? {
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

    fn apply(&mut self, header: &TxnHeader, txn: &Txn, ctx: &mut Ctx) -> Applied {
        let mut changes = Vec::new();
        let applied = self.database.apply(header, txn, &mut changes);
        self.pipeline.applied(header.zxid);
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
        let (tree, watches) = (&self.database.tree, &mut self.watches);
        let mut read = Read { conn, tree, watches, events: Vec::new() };
        let answer = read.answer(request);
        let events = read.events;
        self.tell(events, ctx);
        match answer {
            Ok(body) => (KeeperCode::OK, body),
            Err(error) => (error, None),
        }
    }

    fn tell(&mut self, events: Vec<WatchEvent>, ctx: &mut Ctx) {
        for WatchEvent { conn, kind, path } in events {
            let Some(connection) = self.connections.get(&conn) else { continue };
            let (event_type, state) = (kind, keeper_state::SYNC_CONNECTED);
            let event = WatcherEvent { event_type, state, path: path.clone() };
            ctx.send(conn, encode_event(&event));
            let (session, kind) = (connection.session, event_type::name(kind).to_owned());
            ctx.trace(TraceEvent::WatchFired { session, path, kind });
        }
    }

    fn answer(&self, client: Client, error: KeeperCode, body: Option<&Reply>, ctx: &mut Ctx) {
        if let Some(conn) = client.conn {
            self.reply(conn, client.xid, error, body, ctx);
        }
    }

    fn reply(
        &self,
        conn: ConnId,
        xid: i32,
        error: KeeperCode,
        body: Option<&Reply>,
        ctx: &mut Ctx,
    ) {
        if self.connections.contains_key(&conn) {
            let zxid = self.database.tree.last_processed_zxid;
            ctx.send(conn, encode_reply(xid, zxid, error, body));
        }
    }

    fn end_session(&mut self, session: i64, ctx: &mut Ctx) {
        self.sessions.remove(session);
        self.hangup_session(session, ctx);
    }

    /// Closes a connection that sent what nobody can read.
    fn refuse(&mut self, conn: ConnId, why: String, ctx: &mut Ctx) {
        let session = self.connections.get(&conn).map_or(0, |connection| connection.session);
        let text = format!("Exception causing close of session 0x{session:x}: {why}");
        ctx.log(LogLevel::Warn, NIO_SERVER_CNXN, text);
        self.hangup(conn, ctx);
    }

    fn hangup(&mut self, conn: ConnId, ctx: &mut Ctx) {
        if self.connections.contains_key(&conn) {
            ctx.hangup(conn);
            self.forget(conn);
        }
    }

    fn hangup_session(&mut self, session: i64, ctx: &mut Ctx) {
        let of_session = |(conn, connection): (&ConnId, &Connection)| {
            (connection.session == session).then_some(*conn)
        };
        for conn in self.connections.iter().filter_map(of_session).collect::<Vec<_>>() {
            self.hangup(conn, ctx);
        }
    }

    fn forget(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
        self.watches.remove_conn(conn);
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
