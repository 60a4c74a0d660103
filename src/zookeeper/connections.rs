//! The connections of clients: the first frame, the requests that follow, what goes back; what
//! nobody can read closes the connection and harms nobody else.
//!
//! In ZooKeeper: `server.NIOServerCnxn`, `ZooKeeperServer.processConnectRequest` and `processPacket`.

use super::auth::{digest_id, ip_id};
use super::database::DatabaseError;
use super::pipeline::{Asked, Client};
use super::server::{ZOO_KEEPER_SERVER, ZooKeeperServer};
use super::session::password_of;
use super::watch::WatchEvent;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, Endpoint, TraceEvent};
use crate::node::Ctx;
use crate::wire::zookeeper::{
    AuthRequest, ConnectRequest, ConnectResponse, Id, KeeperCode, Reply, Request, RequestError,
    WatcherEvent, decode_request, encode_event, encode_reply, event_type, keeper_state,
};
use bytes::Bytes;

const NIO_SERVER_CNXN: &str = "org.apache.zookeeper.server.NIOServerCnxn";
/// What a client may send before its session stands; in ZooKeeper it lies in the socket's buffer.
const EARLY_BYTES_MAX: usize = 1 << 20;

/// A connection from a client.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Connection {
    /// Where it comes from.
    pub from: String,
    /// Its session, 0 before it asked for one.
    pub session: i64,
    /// The session's negotiated timeout.
    pub timeout_ms: u32,
    /// Who the client is, for the ACLs.
    pub ids: Vec<Id>,
    /// Whether the client is new enough to be told that a server is not read-only.
    pub knows_read_only: bool,
    /// Set once the client was told that its session stands.
    pub is_greeted: bool,
    /// What it sent before that.
    pub early: Vec<Bytes>,
    /// Set once the client asked for its session's end: nothing more is taken from it.
    pub is_closing: bool,
    /// Frames that came.
    pub received: u64,
    /// Frames that went.
    pub sent: u64,
}

impl Connection {
    /// A connection on which nothing has passed yet.
    pub(super) fn new(from: &Endpoint) -> Self {
        Self {
            from: from.to_string(),
            session: 0,
            timeout_ms: 0,
            ids: vec![ip_id(&from.host)],
            knows_read_only: false,
            is_greeted: false,
            early: Vec::new(),
            is_closing: false,
            received: 0,
            sent: 0,
        }
    }
}

impl ZooKeeperServer {
    pub(super) fn take_frame(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        connection.received += 1;
        self.statistics.received += 1;
        let (session, received) = (connection.session, connection.received);
        if frame.len() > self.config.jute_maxbuffer {
            self.refuse(conn, format!("Len error {}", frame.len()), ctx);
            return Ok(());
        }
        if received == 1 && self.take_four_letter_word(conn, frame, ctx) {
            return Ok(());
        }
        if session != 0 {
            return self.take_request_frame(conn, frame, ctx);
        }
        match ConnectRequest::decode(frame) {
            Ok(request) => return self.connect(conn, &request, ctx),
            Err(error) => self.refuse(conn, error.to_string(), ctx),
        }
        Ok(())
    }

    /// A request is read once its client knows that its session stands; as long as it does not, the
    /// server does not read on.
    fn take_request_frame(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        if !connection.is_greeted {
            connection.early.push(frame.clone());
            if connection.early.iter().map(Bytes::len).sum::<usize>() > EARLY_BYTES_MAX {
                self.refuse(conn, "Too much before the session stands".to_owned(), ctx);
            }
            return Ok(());
        }
        match decode_request(frame) {
            Ok((header, request)) => {
                let (session, since) = (connection.session, ctx.now());
                let client = Client { session, conn: Some(conn), xid: header.xid, since };
                return self.take_request(client, request, ctx);
            }
            Err(error) => self.refuse_request(conn, &error, ctx),
        }
        Ok(())
    }

    /// Reads what clients sent before they were told that their session stands.
    pub(super) fn take_early(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        while let Some(conn) = self.greeted.pop() {
            let connection = self.connections.get_mut(&conn);
            let early = connection.map(|it| std::mem::take(&mut it.early)).unwrap_or_default();
            for frame in early {
                self.take_request_frame(conn, &frame, ctx)?;
            }
        }
        Ok(())
    }

    fn take_request(
        &mut self,
        client: Client,
        request: Request,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(connection) = client.conn.and_then(|conn| self.connections.get_mut(&conn)) else {
            return Ok(());
        };
        if let Request::Auth(request) = &request {
            self.authenticate(client, request, ctx);
            return Ok(());
        }
        if connection.is_closing {
            return Ok(());
        }
        connection.is_closing = request == Request::CloseSession;
        let timeout_ms = connection.timeout_ms;
        if !self.touch(client.session, timeout_ms, ctx.now()) {
            // Its expiry is under way: what still comes from it is dropped.
            return Ok(());
        }
        if request == Request::CloseSession && self.peer.is_none() {
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

    /// Adds an identity to those of the connection.
    fn authenticate(&mut self, client: Client, request: &AuthRequest, ctx: &mut Ctx) {
        let Some(conn) = client.conn else { return };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let error = match request.scheme.as_str() {
            "digest" => {
                let id = digest_id(request.auth.as_deref().unwrap_or_default());
                if !connection.ids.contains(&id) {
                    connection.ids.push(id);
                }
                KeeperCode::OK
            }
            "ip" => KeeperCode::OK,
            _ => KeeperCode::AUTH_FAILED,
        };
        self.send(conn, encode_reply(client.xid, 0, error, None), ctx);
        if !error.is_ok() {
            self.hangup(conn, ctx);
        }
    }

    fn connect(
        &mut self,
        conn: ConnId,
        request: &ConnectRequest,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        if !self.is_serving() {
            self.refuse(conn, "ZooKeeperServer not running".to_owned(), ctx);
            return Ok(());
        }
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
            connection.timeout_ms = timeout_ms;
        }
        if request.session_id == 0 {
            let session = self.sessions.next_id();
            if self.peer.is_none() {
                self.sessions.add(session, timeout_ms, ctx.now());
            }
            self.attach(conn, session);
            let client = Client { session, conn: Some(conn), xid: 0, since: ctx.now() };
            return self.submit(client, Asked::CreateSession { timeout_ms }, ctx);
        }
        let session = request.session_id;
        self.hangup_session(session, ctx);
        self.attach(conn, session);
        let knows_password = request.password[..] == password_of(session);
        if knows_password && self.follower().is_some() {
            self.revalidate(conn, session, timeout_ms, ctx);
            return Ok(());
        }
        let is_alive = knows_password && self.sessions.touch_for(session, timeout_ms, ctx.now());
        if is_alive && let Some(leader) = self.leader() {
            leader.own(session);
        }
        self.finish_session_init(conn, is_alive.then_some(timeout_ms), ctx);
        Ok(())
    }

    pub(super) fn attach(&mut self, conn: ConnId, session: i64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session = session;
        }
    }

    /// Tells the client that its session stands with this timeout, or, when there is none, that it
    /// is gone.
    pub(super) fn finish_session_init(
        &mut self,
        conn: ConnId,
        timeout_ms: Option<u32>,
        ctx: &mut Ctx,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.is_greeted = timeout_ms.is_some();
        let (from, session) = (connection.from.clone(), connection.session);
        let knows_read_only = connection.knows_read_only;
        let password = timeout_ms.map_or([0; 16], |_| password_of(session));
        let response = ConnectResponse {
            protocol_version: 0,
            timeout: timeout_ms.unwrap_or_default() as i32,
            session_id: timeout_ms.map_or(0, |_| session),
            password: Bytes::copy_from_slice(&password),
            read_only: knows_read_only.then_some(false),
        };
        self.send(conn, response.encode(), ctx);
        if timeout_ms.is_none() {
            let text =
                format!("Invalid session 0x{session:x} for client /{from}, probably expired");
            ctx.log(LogLevel::Info, ZOO_KEEPER_SERVER, text);
            self.hangup(conn, ctx);
        } else {
            self.greeted.push(conn);
        }
    }

    pub(super) fn tell(&mut self, events: Vec<WatchEvent>, ctx: &mut Ctx) {
        for WatchEvent { conn, kind, path } in events {
            let Some(connection) = self.connections.get(&conn) else { continue };
            let session = connection.session;
            let (event_type, state) = (kind, keeper_state::SYNC_CONNECTED);
            let event = WatcherEvent { event_type, state, path: path.clone() };
            self.send(conn, encode_event(&event), ctx);
            let kind = event_type::name(kind).to_owned();
            ctx.trace(TraceEvent::WatchFired { session, path, kind });
        }
    }

    pub(super) fn answer(
        &mut self,
        client: Client,
        error: KeeperCode,
        body: Option<&Reply>,
        ctx: &mut Ctx,
    ) {
        if let Some(conn) = client.conn {
            self.statistics.answered(ctx.now().since(client.since));
            self.reply(conn, client.xid, error, body, ctx);
        }
    }

    fn reply(
        &mut self,
        conn: ConnId,
        xid: i32,
        error: KeeperCode,
        body: Option<&Reply>,
        ctx: &mut Ctx,
    ) {
        let zxid = self.database.tree.last_processed_zxid;
        self.send(conn, encode_reply(xid, zxid, error, body), ctx);
    }

    /// Sends a frame to a client, if it is still there.
    pub(super) fn send(&mut self, conn: ConnId, frame: Bytes, ctx: &mut Ctx) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.sent += 1;
            self.statistics.sent += 1;
            ctx.send(conn, frame);
        }
    }

    /// Closes a connection that sent what nobody can read.
    pub(super) fn refuse(&mut self, conn: ConnId, why: String, ctx: &mut Ctx) {
        let session = self.connections.get(&conn).map_or(0, |connection| connection.session);
        let text = format!("Exception causing close of session 0x{session:x}: {why}");
        ctx.log(LogLevel::Warn, NIO_SERVER_CNXN, text);
        self.hangup(conn, ctx);
    }

    pub(super) fn hangup(&mut self, conn: ConnId, ctx: &mut Ctx) {
        if self.connections.contains_key(&conn) {
            ctx.hangup(conn);
            self.forget(conn);
        }
    }

    pub(super) fn end_session(&mut self, session: i64, ctx: &mut Ctx) {
        self.sessions.remove(session);
        self.hangup_session(session, ctx);
    }

    fn hangup_session(&mut self, session: i64, ctx: &mut Ctx) {
        let of_session = |(conn, connection): (&ConnId, &Connection)| {
            (connection.session == session).then_some(*conn)
        };
        for conn in self.connections.iter().filter_map(of_session).collect::<Vec<_>>() {
            self.hangup(conn, ctx);
        }
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
        self.watches.remove_conn(conn);
        if let Some(peer) = &mut self.peer {
            peer.waiting.forget(conn);
        }
    }
}
