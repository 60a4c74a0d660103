//! A leader: agrees on an epoch with a quorum, brings the followers to its history, then gives every
//! write its place, and commits it once a quorum has it on disk. It also counts the time of all
//! sessions. Without a quorum it gives up.
//!
//! In ZooKeeper: `server.quorum.Leader`, `LeaderZooKeeperServer`, `ProposalRequestProcessor`.

use super::super::config::EnsembleConfig;
use super::super::database::DatabaseError;
use super::super::pipeline::{Asked, Client};
use super::super::prep::{OutstandingChanges, Prep};
use super::super::server::ZooKeeperServer;
use super::super::txn::{self, Txn, TxnHeader};
use super::super::written::reply_to;
use super::learners::{Learner, LearnerStage};
use super::peer::{Peer, Role};
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedMap, SortedSet, Time, TraceEvent};
use crate::node::Ctx;
use crate::wire::jute;
use crate::wire::zookeeper::quorum::{QuorumPacket, packet};
use crate::wire::zookeeper::{Id, KeeperCode, Reply, Request, SyncResponse};
use std::collections::VecDeque;

pub(super) const LEADER: &str = "org.apache.zookeeper.server.quorum.Leader";

/// How far a leader has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// It looks for an epoch that a quorum accepts.
    Discovery,
    /// It brings a quorum to its history.
    Synchronization,
    /// It serves.
    Broadcast,
}

/// A transaction that a quorum does not have yet.
#[derive(Debug)]
pub(super) struct Proposal {
    pub header: TxnHeader,
    pub txn: Txn,
    pub acks: SortedSet<u8>,
}

/// Who waits for a sync.
#[derive(Clone, Copy, Debug)]
pub(super) enum Syncer {
    /// An own client: its session and its number for the request.
    Client(i64, i32),
    /// A client of a follower.
    Learner(ConnId),
}

/// What a leader knows.
#[derive(Debug)]
pub(in super::super) struct Leader {
    pub(super) id: u8,
    pub(super) since: Time,
    pub(super) stage: Stage,
    pub(super) epoch: Option<i64>,
    pub(super) learners: SortedMap<ConnId, Learner>,
    /// The epochs that servers had promised before.
    pub(super) accepted: SortedMap<u8, i64>,
    pub(super) epoch_acks: SortedSet<u8>,
    pub(super) history_acks: SortedSet<u8>,
    pub(super) proposals: VecDeque<Proposal>,
    outstanding: OutstandingChanges,
    pub(super) last_zxid: i64,
    /// The server on which each session is.
    pub(super) owners: SortedMap<i64, u8>,
    syncs: SortedMap<i64, Vec<Syncer>>,
    flush_at: Option<Time>,
    beat_at: Time,
    sizes: Option<ProposalSizes>,
}

/// Bytes of the proposals so far (`BufferStats`).
#[derive(Clone, Copy, Debug)]
struct ProposalSizes {
    last: usize,
    min: usize,
    max: usize,
}

impl Leader {
    /// A leader that was just elected.
    pub(super) fn new(id: u8, accepted_epoch: i64, now: Time) -> Self {
        Self {
            id,
            since: now,
            stage: Stage::Discovery,
            epoch: None,
            learners: SortedMap::new(),
            accepted: SortedMap::from([(id, accepted_epoch)]),
            epoch_acks: SortedSet::new(),
            history_acks: SortedSet::new(),
            proposals: VecDeque::new(),
            outstanding: OutstandingChanges::default(),
            last_zxid: 0,
            owners: SortedMap::new(),
            syncs: SortedMap::new(),
            flush_at: None,
            beat_at: now,
            sizes: None,
        }
    }

    /// What a leader adds to `srvr`.
    pub(in super::super) fn server_line(&self) -> String {
        match self.sizes {
            Some(ProposalSizes { last, min, max }) => {
                format!("Proposal sizes last/min/max: {last}/{min}/{max}\n")
            }
            None => "Proposal sizes last/min/max: -1/-1/-1\n".to_owned(),
        }
    }

    /// What a leader adds to `mntr`.
    pub(in super::super) fn monitor_lines(&self) -> String {
        let followers = self.learners.values();
        let synced = followers.filter(|learner| learner.stage >= LearnerStage::Syncing).count();
        let (last, min, max) = match self.sizes {
            Some(ProposalSizes { last, min, max }) => (last as i64, min as i64, max as i64),
            None => (-1, -1, -1),
        };
        format!(
            "zk_followers\t{}\nzk_synced_followers\t{synced}\nzk_pending_syncs\t{}\n\
             zk_last_proposal_size\t{last}\nzk_max_proposal_size\t{max}\nzk_min_proposal_size\t{min}\n",
            self.learners.len(),
            self.syncs.values().map(Vec::len).sum::<usize>(),
        )
    }

    /// Whether clients are served.
    pub(super) fn is_serving(&self) -> bool {
        self.stage == Stage::Broadcast
    }

    /// Somebody connected to the quorum port.
    pub(super) fn accept(&mut self, conn: ConnId, now: Time) {
        self.learners.insert(conn, Learner::new(now));
    }

    /// Whether a connection is a follower's.
    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.learners.contains_key(&conn)
    }

    /// A connection is gone; true when it was a follower's.
    pub(super) fn forget(&mut self, conn: ConnId) -> bool {
        self.learners.remove(&conn).is_some()
    }

    /// Ends it: what was logged and not committed.
    pub(super) fn leave(self, ctx: &mut Ctx) -> Vec<(TxnHeader, Txn)> {
        for conn in self.learners.into_keys() {
            ctx.hangup(conn);
        }
        self.proposals.into_iter().map(|proposal| (proposal.header, proposal.txn)).collect()
    }

    /// When something is due, and why.
    pub(super) fn next_wakeup(&self, _: &EnsembleConfig) -> (Time, &'static str) {
        let beat = (self.beat_at, "quorum tick");
        self.flush_at.map_or(beat, |at| beat.min((at, "log sync")))
    }

    /// Sends to all followers that have, or are getting, this leader's history.
    pub(super) fn send_to_all(&self, packet: &QuorumPacket, ctx: &mut Ctx) {
        let frame = jute::encode(packet);
        for (conn, learner) in &self.learners {
            if learner.stage >= LearnerStage::Syncing {
                ctx.send(*conn, frame.clone());
            }
        }
    }

    /// A session is on this server now.
    pub(in super::super) fn own(&mut self, session: i64) {
        self.owners.insert(session, self.id);
    }

    /// A transaction was applied.
    pub(in super::super) fn applied(&mut self, zxid: i64) {
        self.outstanding.committed(zxid);
    }
}

impl ZooKeeperServer {
    pub(in super::super) fn leader(&mut self) -> Option<&mut Leader> {
        match self.peer.as_mut().map(|peer| &mut peer.role) {
            Some(Role::Leading(leader)) => Some(leader),
            _ => None,
        }
    }

    pub(super) fn wake_leader(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let now = ctx.now();
        if self.leader().is_some_and(|leader| leader.beat_at <= now) {
            self.beat(ctx)?;
        }
        if self.leader().and_then(|leader| leader.flush_at).is_some_and(|at| at <= now) {
            self.flush_leader(ctx)?;
        }
        Ok(())
    }

    /// Every half tick: are there enough followers, and do they live?
    fn beat(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let now = ctx.now();
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let Role::Leading(leader) = &mut peer.role else { return Ok(()) };
        let half_tick = self.config.tick_time.as_micros() / 2;
        leader.beat_at = now + crate::base::Span::from_micros(half_tick.max(1));
        let EnsembleConfig { init_limit, sync_limit, .. } = peer.config;
        leader.learners.retain(|conn, learner| {
            let is_active = learner.stage == LearnerStage::Active;
            let patience = if is_active { sync_limit } else { init_limit };
            let lives = learner.heard + patience > now;
            if !lives {
                ctx.hangup(*conn);
            }
            lives
        });
        if leader.stage < Stage::Broadcast {
            if leader.since + init_limit <= now {
                let why = "Timeout while waiting for a quorum of followers".to_owned();
                return self.look(Some(why), ctx);
            }
            return Ok(());
        }
        let active = leader.learners.values();
        let active = active.filter(|learner| learner.stage == LearnerStage::Active);
        let synced: SortedSet<u8> = active.filter_map(|learner| learner.id).collect();
        if !peer.election.is_quorum(synced.len() + 1) {
            let why = format!("Not sufficient followers synced, only synced with sids: {synced:?}");
            return self.look(Some(why), ctx);
        }
        let ping = jute::encode(&QuorumPacket::new(packet::PING, leader.last_zxid));
        for (conn, learner) in &leader.learners {
            if learner.stage == LearnerStage::Active {
                ctx.send(*conn, ping.clone());
            }
        }
        Ok(())
    }

    /// Syncs the log: the leader has what it proposed.
    fn flush_leader(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        self.database.sync(ctx)?;
        if let Some(leader) = self.leader() {
            leader.flush_at = None;
            let id = leader.id;
            for proposal in &mut leader.proposals {
                proposal.acks.insert(id);
            }
        }
        self.commit_agreed(ctx);
        self.snapshot_when_due(ctx)
    }

    /// Serves from now on: everything in its log is agreed on.
    pub(super) fn begin_broadcast(&mut self, ctx: &mut Ctx) {
        let Self {
            peer: Some(Peer { role: Role::Leading(leader), config, .. }),
            database,
            sessions,
            ..
        } = self
        else {
            return;
        };
        leader.stage = Stage::Broadcast;
        database.set_config(&config.to_string(), ctx.now());
        let epoch = leader.epoch.unwrap_or_default();
        let text = format!(
            "Have quorum of supporters, sids: [{:?}]; starting up and setting last processed zxid: \
             0x{:x}",
            leader.history_acks, leader.last_zxid
        );
        ctx.log(LogLevel::Info, LEADER, text);
        // Nobody could reach a server while there was no leader: every session gets its whole timeout.
        for (session, timeout_ms) in &database.session_timeouts {
            sessions.add(*session, *timeout_ms, ctx.now());
        }
        let epoch = epoch as u64;
        ctx.trace(TraceEvent::ZooKeeperRoleChanged { role: "leader".to_owned(), epoch });
        for (conn, learner) in &mut leader.learners {
            if learner.stage == LearnerStage::Synced {
                learner.stage = LearnerStage::Active;
                let packet = QuorumPacket::new(packet::UPTODATE, leader.last_zxid);
                ctx.send(*conn, jute::encode(&packet));
            }
        }
    }

    /// A request of an own client, or the end of a session that was not heard of.
    pub(super) fn lead_request(
        &mut self,
        client: Client,
        asked: &Asked,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Client { session, xid, conn, .. } = client;
        let Some(id) = self.leader().map(|leader| leader.id) else { return Ok(()) };
        if let Asked::Request(Request::Sync(_)) = asked {
            self.lead_sync(Syncer::Client(session, xid), ctx);
            return Ok(());
        }
        let connection = conn.and_then(|conn| self.connections.get(&conn));
        let ids = connection.map(|connection| connection.ids.clone()).unwrap_or_default();
        self.propose(id, (session, xid), asked, &ids, ctx)
    }

    /// Everything proposed before must be committed first.
    pub(super) fn lead_sync(&mut self, syncer: Syncer, ctx: &mut Ctx) {
        let Some(leader) = self.leader() else { return };
        match leader.proposals.back() {
            Some(last) => leader.syncs.entry(last.header.zxid).or_default().push(syncer),
            None => self.answer_sync(syncer, ctx),
        }
    }

    fn answer_sync(&mut self, syncer: Syncer, ctx: &mut Ctx) {
        match syncer {
            Syncer::Client(session, xid) => self.finish_sync(session, xid, ctx),
            Syncer::Learner(conn) => {
                if self.leader().is_some_and(|leader| leader.owns(conn)) {
                    ctx.send(conn, jute::encode(&QuorumPacket::new(packet::SYNC, 0)));
                }
            }
        }
    }

    /// Gives a write its place, logs it and proposes it.
    pub(super) fn propose(
        &mut self,
        origin: u8,
        (session, cxid): (i64, i32),
        asked: &Asked,
        ids: &[Id],
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let now = ctx.now();
        let Self {
            peer: Some(Peer { role: Role::Leading(leader), .. }), database, sessions, ..
        } = self
        else {
            return Ok(());
        };
        if leader.last_zxid & 0xffff_ffff == 0xffff_ffff {
            let why = "zxid lower 32 bits have rolled over, forcing re-election".to_owned();
            return self.look(Some(why), ctx);
        }
        let zxid = leader.last_zxid + 1;
        let Leader { outstanding, owners, .. } = &mut **leader;
        let mut prep = Prep { tree: &database.tree, outstanding, session, ids, zxid };
        let txn = match asked {
            Asked::CreateSession { timeout_ms } => {
                sessions.add(session, *timeout_ms, now);
                owners.insert(session, origin);
                Txn::CreateSession { timeout_ms: *timeout_ms as i32 }
            }
            Asked::ExpireSession | Asked::Request(Request::CloseSession) => {
                sessions.set_closing(session);
                match prep.prepare(&Request::CloseSession) {
                    Some(txn) => txn,
                    None => return Ok(()),
                }
            }
            Asked::Request(request) => {
                let lives = sessions.get(session).is_some_and(|session| !session.is_closing);
                if !lives {
                    Txn::Error(KeeperCode::SESSION_EXPIRED)
                } else if *owners.entry(session).or_insert(origin) != origin {
                    Txn::Error(KeeperCode::SESSION_MOVED)
                } else {
                    match prep.prepare(request) {
                        Some(txn) => txn,
                        None => return Ok(()),
                    }
                }
            }
        };
        let header = TxnHeader { session, cxid, zxid, time_ms: now.as_millis() };
        leader.last_zxid = zxid;
        database.append(&header, &txn, ctx)?;
        let data = txn::encode(&header, &txn);
        let last = data.len();
        let before = leader.sizes.map_or((last, last), |sizes| (sizes.min, sizes.max));
        leader.sizes =
            Some(ProposalSizes { last, min: before.0.min(last), max: before.1.max(last) });
        leader.send_to_all(&QuorumPacket::with_data(packet::PROPOSAL, zxid, data), ctx);
        leader.proposals.push_back(Proposal { header, txn, acks: SortedSet::new() });
        leader.flush_at.get_or_insert(now);
        Ok(())
    }

    /// Commits, in order, what a quorum has.
    pub(super) fn commit_agreed(&mut self, ctx: &mut Ctx) {
        loop {
            let Some(peer) = &mut self.peer else { return };
            let Role::Leading(leader) = &mut peer.role else { return };
            let election = &peer.election;
            let agreed = |proposal: &mut Proposal| election.is_quorum(proposal.acks.len());
            let Some(proposal) = leader.proposals.pop_front_if(agreed) else { return };
            let zxid = proposal.header.zxid;
            leader.send_to_all(&QuorumPacket::new(packet::COMMIT, zxid), ctx);
            let syncs = leader.syncs.remove(&zxid).unwrap_or_default();
            self.trace_session(&proposal.header, &proposal.txn, ctx);
            self.commit(&proposal.header, &proposal.txn, ctx);
            for syncer in syncs {
                self.answer_sync(syncer, ctx);
            }
        }
    }

    fn trace_session(&mut self, header: &TxnHeader, txn: &Txn, ctx: &mut Ctx) {
        let session = header.session;
        match txn {
            Txn::CreateSession { timeout_ms } => {
                let timeout_ms = *timeout_ms as u32;
                ctx.trace(TraceEvent::SessionCreated { session, timeout_ms });
            }
            Txn::CloseSession => {
                // The end that the leader asks for itself has no number of a client.
                ctx.trace(if header.cxid == 0 {
                    TraceEvent::SessionExpired { session }
                } else {
                    TraceEvent::SessionClosed { session }
                });
                if let Some(leader) = self.leader() {
                    leader.owners.remove(&session);
                }
            }
            _ => {}
        }
    }

    /// A quorum has it: applies it, tells the watchers, answers the client if it is an own one.
    pub(super) fn commit(&mut self, header: &TxnHeader, txn: &Txn, ctx: &mut Ctx) {
        let applied = self.apply(header, txn, ctx);
        let (error, body) = reply_to(txn, applied);
        let done = self.take_done(header.session, header.cxid);
        if let Some((client, asked)) = done {
            match asked {
                Asked::CreateSession { timeout_ms } => {
                    if let Some(conn) = client.conn {
                        self.finish_session_init(conn, Some(timeout_ms), ctx);
                    }
                }
                Asked::Request(_) | Asked::ExpireSession => {
                    self.answer_written(client, error, body.as_ref(), ctx);
                }
            }
        }
        if *txn == Txn::CloseSession {
            self.end_session(header.session, ctx);
        }
    }

    /// Answers a write. A session that is on another server by now has no business here.
    fn answer_written(
        &mut self,
        client: Client,
        error: KeeperCode,
        body: Option<&Reply>,
        ctx: &mut Ctx,
    ) {
        let Some(conn) = client.conn else { return };
        if error == KeeperCode::SESSION_MOVED {
            self.refuse(conn, "KeeperErrorCode = Session moved".to_owned(), ctx);
            return;
        }
        self.answer(client, error, body, ctx);
        self.answer_reads_behind(conn, ctx);
    }

    /// A sync of an own client is done.
    pub(super) fn finish_sync(&mut self, session: i64, xid: i32, ctx: &mut Ctx) {
        let Some((client, Asked::Request(Request::Sync(request)))) = self.take_done(session, xid)
        else {
            return;
        };
        let reply = Reply::Sync(SyncResponse { path: request.path });
        self.answer_written(client, KeeperCode::OK, Some(&reply), ctx);
    }
}
