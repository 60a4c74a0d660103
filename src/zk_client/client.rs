//! The client: one session, one connection at a time.

use super::ZkEvent;
use super::connect_string::ConnectString;
use super::connection::{HostProvider, State, Timeouts};
use super::watch_registry::WatchRegistry;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, Endpoint, Span, Time};
use crate::node::{CloseReason, ConfigError, Ctx, LinkInput};
use crate::wire::DecodeError;
use crate::wire::zookeeper::{
    ConnectRequest, ConnectResponse, KeeperCode, OpCode, Request, XID_AUTH, XID_NOTIFICATION,
    XID_PING, XID_SET_WATCHES, decode_event, decode_reply, decode_reply_header, encode_request,
    op_of_reserved_xid,
};
use bytes::Bytes;
use std::collections::VecDeque;

/// The logger that says what is wrong with a connection.
pub const CLIENT_CNXN: &str = "org.apache.zookeeper.ClientCnxn";
const ZOOKEEPER: &str = "org.apache.zookeeper.ZooKeeper";
/// What the client does when a connection is lost, as its lines end.
const RETRY: &str = ", closing socket connection and attempting reconnect";

/// A ZooKeeper session and the requests on it. `T` is what the owner wants to find at the reply.
///
/// The owner hands over what concerns the client: link inputs for which [`ZkClient::owns`] holds,
/// and a wake-up when [`ZkClient::next_wakeup`] is due; and acts on the events that come back.
#[derive(Debug)]
pub struct ZkClient<T> {
    target: ConnectString,
    hosts: HostProvider,
    /// Where the connection goes that there is, or the last one went.
    server: Endpoint,
    requested_timeout: Span,
    timeouts: Timeouts,
    state: State,
    session: i64,
    password: Bytes,
    last_zxid: i64,
    last_sent: Time,
    last_heard: Time,
    last_xid: i32,
    unsent: VecDeque<(Request, T)>,
    in_flight: VecDeque<InFlight<T>>,
    /// Requests that came after the session had ended.
    refused: Vec<T>,
    session_is_over: bool,
    watches: WatchRegistry,
    /// Credentials that were presented: each connection begins with them.
    credentials: Vec<Request>,
}

#[derive(Debug)]
struct InFlight<T> {
    xid: i32,
    op: OpCode,
    watching: Option<String>,
    tag: T,
}

impl<T> ZkClient<T> {
    /// A client that does nothing yet. `connect` is `host:port,host:port/chroot`.
    pub fn new(connect: &str, session_timeout: Span) -> Result<Self, ConfigError> {
        let target = ConnectString::parse(connect)?;
        Ok(Self {
            hosts: HostProvider::new(target.servers.clone()),
            server: Endpoint::new("", 0),
            timeouts: Timeouts::of(session_timeout, target.servers.len()),
            target,
            requested_timeout: session_timeout,
            state: State::Idle,
            session: 0,
            password: Bytes::from_static(&[0; 16]),
            last_zxid: 0,
            last_sent: Time::ZERO,
            last_heard: Time::ZERO,
            last_xid: 0,
            unsent: VecDeque::new(),
            in_flight: VecDeque::new(),
            refused: Vec::new(),
            session_is_over: false,
            watches: WatchRegistry::default(),
            credentials: Vec::new(),
        })
    }

    /// Opens a session: the first one, or a new one after the last was lost. Does nothing while
    /// there is one.
    pub fn connect(&mut self, ctx: &mut Ctx) {
        if self.state != State::Idle {
            return;
        }
        self.session_is_over = false;
        self.hosts.shuffle(ctx.rng);
        self.dial(ctx);
    }

    /// Sends a request, as soon as there is a connection. A watch is set by the request's own flag.
    pub fn submit(&mut self, request: Request, tag: T, ctx: &mut Ctx) {
        let request = self.target.request(request);
        self.submit_without_chroot(request, tag, ctx);
    }

    /// The same for a request whose path is the server's: what lies above the chroot, or it.
    pub fn submit_without_chroot(&mut self, request: Request, tag: T, ctx: &mut Ctx) {
        if self.session_is_over {
            self.refused.push(tag);
            return;
        }
        self.unsent.push_back((request, tag));
        self.send_all(ctx);
    }

    /// The chroot and the znodes above it, from the top, as paths of the server.
    pub fn chroot_levels(&self) -> Vec<String> {
        self.target.chroot_levels()
    }

    /// Whether link inputs of `conn` are for this client.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.state.conn() == Some(conn)
    }

    /// The session, 0 before the first and after it is over.
    pub fn session(&self) -> i64 {
        self.session
    }

    /// Whether the session stands on a connection now.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Ends the session at once, without waiting for the server's answer. Requests that were not
    /// answered are forgotten.
    pub fn close(&mut self, ctx: &mut Ctx) {
        if let State::Connected { conn } = self.state {
            self.last_xid = self.last_xid.wrapping_add(1);
            ctx.send(conn, encode_request(self.last_xid, &Request::CloseSession));
        }
        if let Some(conn) = self.state.conn() {
            ctx.hangup(conn);
        }
        let session = self.session;
        ctx.log(LogLevel::Info, ZOOKEEPER, format!("Session: 0x{session:x} closed"));
        let text = format!("EventThread shut down for session: 0x{session:x}");
        ctx.log(LogLevel::Info, CLIENT_CNXN, text);
        self.unsent.clear();
        self.in_flight.clear();
        self.end_session();
    }

    /// Takes in what happened on its connection.
    pub fn on_link(&mut self, input: LinkInput, ctx: &mut Ctx) -> Vec<ZkEvent<T>> {
        let mut events = Vec::new();
        match input {
            LinkInput::Opened(conn) if self.owns(conn) => self.greet(conn, ctx),
            LinkInput::Frame(conn, frame) if self.owns(conn) => {
                self.last_heard = ctx.now();
                if self.take_frame(conn, &frame, ctx, &mut events).is_err() {
                    ctx.hangup(conn);
                    self.log_unexpected(ctx);
                    self.lose_connection(ctx, &mut events);
                }
            }
            LinkInput::Closed(conn, reason) if self.owns(conn) => {
                if reason == CloseReason::HungUp {
                    let session = self.session;
                    let text = format!(
                        "Unable to read additional data from server sessionid 0x{session:x}, likely \
                         server has closed socket{RETRY}"
                    );
                    ctx.log(LogLevel::Info, CLIENT_CNXN, text);
                } else {
                    self.log_unexpected(ctx);
                }
                self.lose_connection(ctx, &mut events);
            }
            LinkInput::Opened(_)
            | LinkInput::Accepted { .. }
            | LinkInput::Frame(..)
            | LinkInput::Closed(..) => {}
        }
        events
    }

    /// When to call [`ZkClient::on_wake`], and why.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let (at, reason) = match self.state {
            _ if !self.refused.is_empty() => (Time::ZERO, "ZooKeeper session is over"),
            State::Idle => return None,
            State::BackingOff { until } => (until, "ZooKeeper reconnect back-off"),
            State::Dialing { since, .. } | State::Greeting { since, .. } => {
                (since + self.timeouts.connect, "ZooKeeper connect timeout")
            }
            State::Connected { .. } => {
                let ping = (self.last_sent + self.timeouts.ping, "ZooKeeper ping");
                ping.min((self.last_heard + self.timeouts.read, "ZooKeeper read timeout"))
            }
        };
        Some(Wakeup { at, reason: reason.into() })
    }

    /// Does what is due: a ping, giving up on a silent server, the next try.
    pub fn on_wake(&mut self, ctx: &mut Ctx) -> Vec<ZkEvent<T>> {
        let refused = std::mem::take(&mut self.refused);
        let mut events: Vec<_> =
            refused.into_iter().map(|tag| failed(tag, KeeperCode::SESSION_EXPIRED)).collect();
        let now = ctx.now();
        match self.state {
            State::BackingOff { until } if until <= now => self.dial(ctx),
            State::Dialing { conn, since } | State::Greeting { conn, since }
                if since + self.timeouts.connect <= now =>
            {
                self.log_silence(now.since(since), ctx);
                ctx.hangup(conn);
                self.lose_connection(ctx, &mut events);
            }
            State::Connected { conn } if self.last_heard + self.timeouts.read <= now => {
                self.log_silence(now.since(self.last_heard), ctx);
                ctx.hangup(conn);
                self.lose_connection(ctx, &mut events);
            }
            State::Connected { conn } if self.last_sent + self.timeouts.ping <= now => {
                self.send(conn, XID_PING, &Request::Ping, ctx);
            }
            State::Idle
            | State::BackingOff { .. }
            | State::Dialing { .. }
            | State::Greeting { .. }
            | State::Connected { .. } => {}
        }
        events
    }

    fn dial(&mut self, ctx: &mut Ctx) {
        if let Some(server) = self.hosts.next() {
            let text = format!(
                "Opening socket connection to server {server}. Will not attempt to authenticate \
                 using SASL (unknown error)"
            );
            ctx.log(LogLevel::Info, CLIENT_CNXN, text);
            let conn = ctx.dial(server.clone());
            self.server = server;
            self.state = State::Dialing { conn, since: ctx.now() };
        }
    }

    /// The server said nothing for too long.
    fn log_silence(&self, silence: Span, ctx: &mut Ctx) {
        let text = format!(
            "Client session timed out, have not heard from server in {}ms for sessionid 0x{:x}",
            silence.as_millis(),
            self.session
        );
        ctx.log(LogLevel::Warn, CLIENT_CNXN, text.clone());
        ctx.log(LogLevel::Info, CLIENT_CNXN, text + RETRY);
    }

    /// The connection broke, or could not be made.
    fn log_unexpected(&self, ctx: &mut Ctx) {
        let text = format!(
            "Session 0x{:x} for server {}, unexpected error{RETRY}",
            self.session, self.server
        );
        ctx.log(LogLevel::Warn, CLIENT_CNXN, text);
    }

    fn greet(&mut self, conn: ConnId, ctx: &mut Ctx) {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout: self.requested_timeout.as_millis().min(i32::MAX as u64) as i32,
            session_id: self.session,
            password: self.password.clone(),
            read_only: Some(false),
        };
        ctx.send(conn, request.encode());
        self.state = State::Greeting { conn, since: ctx.now() };
    }

    fn take_frame(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
        events: &mut Vec<ZkEvent<T>>,
    ) -> Result<(), DecodeError> {
        if let State::Greeting { .. } = self.state {
            let response = ConnectResponse::decode(frame)?;
            self.take_greeting(conn, response, ctx, events);
            return Ok(());
        }
        let header = decode_reply_header(frame)?;
        if header.zxid > 0 {
            self.last_zxid = self.last_zxid.max(header.zxid);
        }
        if header.xid == XID_NOTIFICATION {
            let event = decode_event(frame)?;
            let path = self.target.for_client(&event.path);
            self.watches.fired(event.event_type, &path);
            events.push(ZkEvent::Watch { kind: event.event_type, path });
            return Ok(());
        }
        if op_of_reserved_xid(header.xid).is_some() {
            return Ok(());
        }
        let answered = self.in_flight.pop_front_if(|request| request.xid == header.xid);
        let Some(InFlight { op, watching, tag, .. }) = answered else {
            let expected = self.in_flight.front().map_or(0, |request| request.xid);
            let (xid, error) = (header.xid, header.err);
            let text =
                format!("Xid out of order. Got Xid {xid} with err {error} expected Xid {expected}");
            ctx.log(LogLevel::Warn, CLIENT_CNXN, text);
            return Err(DecodeError::InvalidValue { at: 0, expected: "the xid of a request" });
        };
        let (_, body) = decode_reply(frame, op)?;
        let error = KeeperCode(header.err);
        if let Some(path) = watching {
            self.watches.set_by(op, error, path);
        }
        let result =
            if error.is_ok() { Ok(body.map(|body| self.target.reply(body))) } else { Err(error) };
        events.push(ZkEvent::Reply { tag, zxid: header.zxid, result });
        Ok(())
    }

    fn take_greeting(
        &mut self,
        conn: ConnId,
        response: ConnectResponse,
        ctx: &mut Ctx,
        events: &mut Vec<ZkEvent<T>>,
    ) {
        if response.timeout <= 0 {
            let text = format!(
                "Unable to reconnect to ZooKeeper service, session 0x{:x} has expired",
                self.session
            );
            ctx.log(LogLevel::Warn, CLIENT_CNXN, text);
            ctx.hangup(conn);
            self.fail_all(KeeperCode::SESSION_EXPIRED, events);
            self.end_session();
            events.push(ZkEvent::Expired);
            return;
        }
        let new_session = self.session != response.session_id;
        self.session = response.session_id;
        self.password = response.password;
        let negotiated = Span::from_millis(response.timeout as u64);
        self.timeouts = Timeouts::of(negotiated, self.hosts.len());
        self.state = State::Connected { conn };
        let text = format!(
            "Session establishment complete on server {}, sessionid = 0x{:x}, negotiated timeout = \
             {}",
            self.server, self.session, response.timeout
        );
        ctx.log(LogLevel::Info, CLIENT_CNXN, text);
        self.hosts.connected();
        (self.last_sent, self.last_heard) = (ctx.now(), ctx.now());
        for request in self.credentials.clone() {
            self.send(conn, XID_AUTH, &request, ctx);
        }
        for request in self.watches.batches(self.last_zxid) {
            let request = self.target.request(Request::SetWatches(request));
            self.send(conn, XID_SET_WATCHES, &request, ctx);
        }
        self.send_all(ctx);
        events.push(ZkEvent::Connected { session: self.session, new_session });
    }

    fn send_all(&mut self, ctx: &mut Ctx) {
        let State::Connected { conn } = self.state else { return };
        while let Some((request, tag)) = self.unsent.pop_front() {
            self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
            self.send(conn, self.last_xid, &request, ctx);
            if matches!(request, Request::Auth(_)) && !self.credentials.contains(&request) {
                self.credentials.push(request.clone());
            }
            let watching = watched_path(&request).map(|path| self.target.for_client(path));
            self.in_flight.push_back(InFlight {
                xid: self.last_xid,
                op: request.op(),
                watching,
                tag,
            });
        }
    }

    fn send(&mut self, conn: ConnId, xid: i32, request: &Request, ctx: &mut Ctx) {
        ctx.send(conn, encode_request(xid, request));
        self.last_sent = ctx.now();
    }

    fn lose_connection(&mut self, ctx: &mut Ctx, events: &mut Vec<ZkEvent<T>>) {
        let was_connected = self.is_connected();
        let lost = std::mem::take(&mut self.in_flight).into_iter();
        events.extend(lost.map(|request| failed(request.tag, KeeperCode::CONNECTION_LOSS)));
        self.state = State::BackingOff { until: ctx.now() + self.hosts.pause(ctx.rng) };
        if was_connected {
            events.push(ZkEvent::Disconnected);
        }
    }

    fn fail_all(&mut self, error: KeeperCode, events: &mut Vec<ZkEvent<T>>) {
        let in_flight = std::mem::take(&mut self.in_flight).into_iter().map(|sent| sent.tag);
        let unsent = std::mem::take(&mut self.unsent).into_iter().map(|(_, tag)| tag);
        events.extend(in_flight.chain(unsent).map(|tag| failed(tag, error)));
    }

    fn end_session(&mut self) {
        self.state = State::Idle;
        self.session = 0;
        self.password = Bytes::from_static(&[0; 16]);
        self.session_is_over = true;
        self.watches = WatchRegistry::default();
        self.credentials.clear();
        self.timeouts = Timeouts::of(self.requested_timeout, self.hosts.len());
    }
}

fn failed<T>(tag: T, error: KeeperCode) -> ZkEvent<T> {
    ZkEvent::Reply { tag, zxid: -1, result: Err(error) }
}

/// The path that a request watches.
fn watched_path(request: &Request) -> Option<&str> {
    match request {
        Request::Exists(request) if request.watch => Some(&request.path),
        Request::GetData(request) if request.watch => Some(&request.path),
        Request::GetChildren(request) | Request::GetChildren2(request) if request.watch => {
            Some(&request.path)
        }
        _ => None,
    }
}
