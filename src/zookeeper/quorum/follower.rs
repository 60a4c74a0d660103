//! A follower: reports to the leader, takes over its history, logs what it proposes and applies what
//! it commits; forwards the writes of its own clients and tells which of them it heard of.
//!
//! In ZooKeeper: `server.quorum.Follower`, `Learner`, `FollowerZooKeeperServer`.

use super::super::config::EnsembleConfig;
use super::super::database::DatabaseError;
use super::super::pipeline::{Asked, Client};
use super::super::server::ZooKeeperServer;
use super::super::txn::{self, Txn, TxnHeader};
use super::peer::Role;
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{ConnId, Endpoint, SortedMap, Span, Time, TraceEvent};
use crate::node::Ctx;
use crate::wire::jute;
use crate::wire::zookeeper::quorum::{CREATE_SESSION, QuorumPacket, epoch_of, numbers, packet};
use crate::wire::zookeeper::{Request, encode_request};
use crate::wire::{Reader, Writer};
use bytes::Bytes;
use std::collections::VecDeque;

const LEARNER: &str = "org.apache.zookeeper.server.quorum.Learner";
/// How often a leader that does not listen yet is dialled, and the pause between.
const DIALS_MAX: u32 = 5;
const DIAL_PAUSE: Span = Span::from_secs(1);
const LEARNER_PROTOCOL: i32 = 0x1_0000;

/// How far a follower has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    /// It dials the leader, or has introduced itself.
    Introducing,
    /// It has answered the new epoch and takes over the leader's history.
    Synchronizing,
    /// It has all of it.
    Synced,
    /// It serves clients.
    Serving,
}

/// What a follower knows.
#[derive(Debug)]
pub(in super::super) struct Follower {
    leader: u8,
    to: Endpoint,
    conn: ConnId,
    is_open: bool,
    dials: u32,
    dial_at: Option<Time>,
    heard: Time,
    stage: Stage,
    /// Logged, not committed.
    proposals: VecDeque<(TxnHeader, Txn)>,
    /// Logged, not synced.
    unsynced: Vec<i64>,
    flush_at: Option<Time>,
    /// Sessions that were heard of since the last ping, with their timeouts.
    touched: SortedMap<i64, u32>,
    /// Clients that want their session back.
    revalidating: SortedMap<i64, (ConnId, u32)>,
    /// Clients that wait for a sync, in order.
    syncs: VecDeque<(i64, i32)>,
}

impl Follower {
    /// A follower that dials its leader.
    pub(super) fn new(leader: u8, to: Endpoint, ctx: &mut Ctx) -> Self {
        Self {
            leader,
            conn: ctx.dial(to.clone()),
            to,
            is_open: false,
            dials: 1,
            dial_at: None,
            heard: ctx.now(),
            stage: Stage::Introducing,
            proposals: VecDeque::new(),
            unsynced: Vec::new(),
            flush_at: None,
            touched: SortedMap::new(),
            revalidating: SortedMap::new(),
            syncs: VecDeque::new(),
        }
    }

    /// Whether clients are served.
    pub(super) fn is_serving(&self) -> bool {
        self.stage == Stage::Serving
    }

    /// Whether a connection is the one to the leader.
    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.conn == conn
    }

    /// When the leader was last heard of.
    pub(in super::super) fn heard(&self) -> Time {
        self.heard
    }

    /// A session was heard of.
    pub(in super::super) fn touch(&mut self, session: i64, timeout_ms: u32) {
        self.touched.insert(session, timeout_ms);
    }

    fn patience(&self, config: &EnsembleConfig) -> Span {
        if self.stage == Stage::Serving { config.sync_limit } else { config.init_limit }
    }

    /// When something is due, and why.
    pub(super) fn next_wakeup(&self, config: &EnsembleConfig) -> (Time, &'static str) {
        let silence = (self.heard + self.patience(config), "silent leader");
        let flush = self.flush_at.map(|at| (at, "log sync"));
        let dial = self.dial_at.map(|at| (at, "leader dial"));
        flush.into_iter().chain(dial).fold(silence, std::cmp::Ord::min)
    }

    /// The connection is lost; true when the leader is dialled again, since it may not listen yet.
    pub(super) fn lost(&mut self, now: Time) -> bool {
        let again = self.stage == Stage::Introducing && self.dials < DIALS_MAX;
        if again {
            self.is_open = false;
            self.dial_at = Some(now + DIAL_PAUSE);
        }
        again
    }

    /// Ends it: what was logged and not committed.
    pub(super) fn leave(self, ctx: &mut Ctx) -> Vec<(TxnHeader, Txn)> {
        ctx.hangup(self.conn);
        self.proposals.into()
    }

    fn send(&self, packet: &QuorumPacket, ctx: &mut Ctx) {
        if self.is_open {
            ctx.send(self.conn, jute::encode(packet));
        }
    }
}

impl ZooKeeperServer {
    pub(in super::super) fn follower(&mut self) -> Option<&mut Follower> {
        match self.peer.as_mut().map(|peer| &mut peer.role) {
            Some(Role::Following(follower)) => Some(follower),
            _ => None,
        }
    }

    pub(super) fn wake_follower(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let now = ctx.now();
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let Role::Following(follower) = &mut peer.role else { return Ok(()) };
        if follower.heard + follower.patience(&peer.config) <= now {
            let why = format!("The leader {} has been silent for too long", follower.leader);
            return self.look(Some(why), ctx);
        }
        if follower.dial_at.is_some_and(|at| at <= now) {
            follower.dial_at = None;
            follower.dials += 1;
            follower.conn = ctx.dial(follower.to.clone());
        }
        if follower.flush_at.is_some_and(|at| at <= now) {
            self.flush_follower(ctx)?;
        }
        Ok(())
    }

    /// Syncs the log and acknowledges what is safe now.
    fn flush_follower(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        self.database.sync(ctx)?;
        let Some(follower) = self.follower() else { return Ok(()) };
        follower.flush_at = None;
        for zxid in std::mem::take(&mut follower.unsynced) {
            follower.send(&QuorumPacket::new(packet::ACK, zxid), ctx);
        }
        self.snapshot_when_due(ctx)
    }

    /// The leader took the connection: introduce yourself.
    pub(super) fn follower_opened(&mut self, conn: ConnId, ctx: &mut Ctx) {
        let Some(peer) = &mut self.peer else { return };
        let Role::Following(follower) = &mut peer.role else { return };
        if follower.conn == conn {
            follower.is_open = true;
            let id = numbers(Some(i64::from(peer.config.id)), &[LEARNER_PROTOCOL, 0, 0]);
            let zxid = peer.accepted_epoch << 32;
            follower.send(&QuorumPacket::with_data(packet::FOLLOWERINFO, zxid, id), ctx);
        }
    }

    pub(super) fn take_from_leader(
        &mut self,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(follower) = self.follower() else { return Ok(()) };
        follower.heard = ctx.now();
        let stage = follower.stage;
        let Ok(packet) = jute::decode::<QuorumPacket>(frame) else {
            return self.look(Some("The leader cannot be understood".to_owned()), ctx);
        };
        match packet.kind {
            packet::LEADERINFO if stage == Stage::Introducing => self.answer_epoch(&packet, ctx),
            packet::DIFF if stage == Stage::Synchronizing => {
                let text = format!("Getting a diff from the leader 0x{:x}", packet.zxid);
                ctx.log(LogLevel::Info, LEARNER, text);
                Ok(())
            }
            packet::TRUNC if stage == Stage::Synchronizing => self.truncate(packet.zxid, ctx),
            packet::SNAP if stage == Stage::Synchronizing => self.install(&packet, ctx),
            packet::PROPOSAL if stage >= Stage::Synchronizing => self.log_proposal(&packet, ctx),
            packet::COMMIT if stage >= Stage::Synchronizing => self.take_commit(packet.zxid, ctx),
            packet::NEWLEADER if stage == Stage::Synchronizing => {
                self.take_new_leader(packet.zxid, ctx)
            }
            packet::UPTODATE if stage == Stage::Synced => {
                self.begin_to_serve(ctx);
                Ok(())
            }
            packet::PING => {
                self.answer_ping(packet.zxid, ctx);
                Ok(())
            }
            packet::REVALIDATE => {
                self.take_revalidation(&packet, ctx);
                Ok(())
            }
            packet::SYNC => {
                self.take_sync(ctx);
                Ok(())
            }
            _ => self.look(Some("The leader sent what has no place here".to_owned()), ctx),
        }
    }

    fn answer_epoch(&mut self, packet: &QuorumPacket, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let epoch = epoch_of(packet.zxid);
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let (accepted, current) = (peer.accepted_epoch, peer.current_epoch);
        if epoch < accepted {
            let why = format!("Leaders epoch, {epoch} is less than accepted epoch, {accepted}");
            return self.look(Some(why), ctx);
        }
        // Who has promised this epoch before must not be counted twice.
        let counts = epoch > accepted;
        let wants_snapshot = peer.wants_snapshot;
        if counts {
            self.accept_epoch(epoch, ctx)?;
        }
        let last_zxid = if wants_snapshot { 0 } else { self.database.tree.last_processed_zxid };
        let Some(follower) = self.follower() else { return Ok(()) };
        follower.stage = Stage::Synchronizing;
        let data = numbers(None, &[if counts { current as i32 } else { -1 }]);
        follower.send(&QuorumPacket::with_data(packet::ACKEPOCH, last_zxid, data), ctx);
        Ok(())
    }

    /// Cuts off what the leader does not have.
    fn truncate(&mut self, zxid: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let text = format!("Truncating log to get in sync with the leader 0x{zxid:x}");
        ctx.log(LogLevel::Warn, LEARNER, text);
        if self.database.truncate(zxid, ctx)? {
            return Ok(());
        }
        if let Some(peer) = &mut self.peer {
            peer.wants_snapshot = true;
        }
        self.look(Some(format!("Not able to truncate the log to 0x{zxid:x}")), ctx)
    }

    /// Takes over the leader's tree.
    fn install(&mut self, packet: &QuorumPacket, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let text = format!("Getting a snapshot from leader 0x{:x}", packet.zxid);
        ctx.log(LogLevel::Info, LEARNER, text);
        if !self.database.install(packet.zxid, &packet.data(), ctx)? {
            return self.look(Some("Missing signature".to_owned()), ctx);
        }
        if let Some(peer) = &mut self.peer {
            peer.wants_snapshot = false;
        }
        Ok(())
    }

    fn log_proposal(&mut self, packet: &QuorumPacket, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let last = self.database.tree.last_processed_zxid;
        let Some(follower) = self.follower() else { return Ok(()) };
        let last = follower.proposals.back().map_or(last, |(header, _)| header.zxid);
        let decoded = txn::decode(&packet.data()).ok().filter(|(header, _)| header.zxid > last);
        let Some((header, txn)) = decoded else {
            return self.look(Some(format!("Got zxid 0x{:x} after 0x{last:x}", packet.zxid)), ctx);
        };
        self.database.append(&header, &txn, ctx)?;
        let Some(follower) = self.follower() else { return Ok(()) };
        follower.unsynced.push(header.zxid);
        follower.proposals.push_back((header, txn));
        // Before the leader's whole history is here nothing of it may be acknowledged.
        if follower.stage >= Stage::Synced {
            follower.flush_at.get_or_insert(ctx.now());
        }
        Ok(())
    }

    fn take_commit(&mut self, zxid: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let Some(follower) = self.follower() else { return Ok(()) };
        let next = follower.proposals.pop_front_if(|(header, _)| header.zxid == zxid);
        match next {
            Some((header, txn)) => {
                let skips = is_planted(Mutant::FollowerSkipsChange) && zxid % 3 == 0;
                if skips && matches!(txn, Txn::SetData { .. }) {
                    return Ok(());
                }
                self.commit(&header, &txn, ctx);
                Ok(())
            }
            None => self.look(Some(format!("Committing zxid 0x{zxid:x} out of order")), ctx),
        }
    }

    /// All of the leader's history is here: once it is safe the leader may count on it.
    fn take_new_leader(&mut self, zxid: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        self.database.sync(ctx)?;
        self.enter_epoch(epoch_of(zxid), ctx)?;
        let Some(follower) = self.follower() else { return Ok(()) };
        follower.stage = Stage::Synced;
        follower.send(&QuorumPacket::new(packet::ACK, zxid), ctx);
        for zxid in std::mem::take(&mut follower.unsynced) {
            follower.send(&QuorumPacket::new(packet::ACK, zxid), ctx);
        }
        Ok(())
    }

    fn begin_to_serve(&mut self, ctx: &mut Ctx) {
        let Some(peer) = &mut self.peer else { return };
        let epoch = peer.current_epoch as u64;
        if let Role::Following(follower) = &mut peer.role {
            follower.stage = Stage::Serving;
            self.database.set_config(&peer.config.to_string(), ctx.now());
            ctx.trace(TraceEvent::ZooKeeperRoleChanged { role: "follower".to_owned(), epoch });
        }
    }

    fn answer_ping(&mut self, zxid: i64, ctx: &mut Ctx) {
        let Some(follower) = self.follower() else { return };
        let mut writer = Writer::new();
        for (session, timeout_ms) in std::mem::take(&mut follower.touched) {
            writer.i64(session);
            writer.i32(timeout_ms as i32);
        }
        follower.send(&QuorumPacket::with_data(packet::PING, zxid, writer.finish()), ctx);
    }

    /// Sends a write or a sync of an own client to the leader.
    pub(super) fn forward(&mut self, client: Client, asked: &Asked, ctx: &mut Ctx) {
        let connection = client.conn.and_then(|conn| self.connections.get(&conn));
        let auth = connection.map(|connection| connection.ids.clone()).unwrap_or_default();
        let Some(follower) = self.follower() else { return };
        let Client { session, xid, .. } = client;
        let mut writer = Writer::new();
        writer.i64(session);
        match asked {
            Asked::Request(request) => {
                if matches!(request, Request::Sync(_)) {
                    follower.syncs.push_back((session, xid));
                }
                writer.put(&encode_request(xid, request));
            }
            Asked::CreateSession { timeout_ms } => {
                writer.put(&numbers(None, &[xid, CREATE_SESSION, *timeout_ms as i32]));
            }
            Asked::ExpireSession => return,
        }
        let data = Some(writer.finish());
        follower.send(&QuorumPacket { kind: packet::REQUEST, zxid: -1, data, auth }, ctx);
    }

    /// Asks the leader whether a session lives that a client wants back.
    pub(in super::super) fn revalidate(
        &mut self,
        conn: ConnId,
        session: i64,
        timeout_ms: u32,
        ctx: &mut Ctx,
    ) {
        let Some(follower) = self.follower() else { return };
        follower.revalidating.insert(session, (conn, timeout_ms));
        let data = numbers(Some(session), &[timeout_ms as i32]);
        follower.send(&QuorumPacket::with_data(packet::REVALIDATE, -1, data), ctx);
    }

    fn take_revalidation(&mut self, packet: &QuorumPacket, ctx: &mut Ctx) {
        let data = packet.data();
        let mut reader = Reader::new(&data);
        let (Ok(session), Ok(is_valid)) = (reader.i64(), reader.bool()) else { return };
        let Some(follower) = self.follower() else { return };
        let Some((conn, timeout_ms)) = follower.revalidating.remove(&session) else { return };
        // The connection may have gone, or asked for another session.
        if self.connections.get(&conn).is_some_and(|connection| connection.session == session) {
            self.finish_session_init(conn, is_valid.then_some(timeout_ms), ctx);
        }
    }

    fn take_sync(&mut self, ctx: &mut Ctx) {
        let next = self.follower().and_then(|follower| follower.syncs.pop_front());
        if let Some((session, xid)) = next {
            self.finish_sync(session, xid, ctx);
        }
    }
}
