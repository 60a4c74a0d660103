//! A server as a member of its ensemble: its number, its epochs, its role, and the ways between the
//! roles.
//!
//! In ZooKeeper: `server.quorum.QuorumPeer`.

use super::super::config::EnsembleConfig;
use super::super::database::DatabaseError;
use super::super::pipeline::{Asked, Client};
use super::super::server::ZooKeeperServer;
use super::election::{Election, PeerState, Step};
use super::mail::Mail;
use super::waiting::{Waiting, needs_ensemble};
use super::{Follower, Leader};
use crate::base::trace::LogLevel;
use crate::base::{ConnId, Endpoint, Time, TraceEvent};
use crate::node::{CloseReason, Ctx, LinkInput};
use crate::wire::zookeeper::quorum::epoch_of;

const QUORUM_PEER: &str = "org.apache.zookeeper.server.quorum.QuorumPeer";
const ACCEPTED_EPOCH: &str = "acceptedEpoch";
const CURRENT_EPOCH: &str = "currentEpoch";

/// What a server is in its ensemble.
#[derive(Debug)]
pub(in super::super) enum Role {
    /// It looks for a leader.
    Looking,
    /// It follows one.
    Following(Box<Follower>),
    /// It leads.
    Leading(Box<Leader>),
}

/// A member of an ensemble.
#[derive(Debug)]
pub(in super::super) struct Peer {
    /// Who the members are.
    pub(in super::super) config: EnsembleConfig,
    /// What it is.
    pub(in super::super) role: Role,
    /// Requests of its own clients that wait.
    pub(in super::super) waiting: Waiting,
    pub(super) election: Election,
    pub(super) mail: Mail,
    /// The newest epoch that it promised to enter: it enters no older one.
    pub(super) accepted_epoch: i64,
    /// The epoch whose leader's history it has.
    pub(super) current_epoch: i64,
    /// Set when it could not go back as far as a leader wanted: it asks for the whole tree.
    pub(super) wants_snapshot: bool,
}

impl Peer {
    /// A member that has not started yet.
    pub(in super::super) fn new(config: &EnsembleConfig) -> Self {
        let others = config.servers.iter().filter(|(id, _)| **id != config.id);
        let others = others
            .map(|(id, server)| (*id, Endpoint::new(&server.host, server.election_port)))
            .collect();
        let address = config.servers.get(&config.id);
        let address = address
            .map(|server| format!("{}:{}", server.host, server.election_port))
            .unwrap_or_default();
        Self {
            role: Role::Looking,
            waiting: Waiting::default(),
            election: Election::new(config.id, config.servers.len()),
            mail: Mail::new(config.id, address, others),
            accepted_epoch: 0,
            current_epoch: 0,
            wants_snapshot: false,
            config: config.clone(),
        }
    }

    /// The epoch that it is in.
    pub(in super::super) fn epoch(&self) -> i64 {
        self.current_epoch
    }

    /// For whom it votes, or whom it has as its leader.
    pub(in super::super) fn vote(&self) -> u8 {
        self.election.vote().candidate.leader
    }

    /// What it is, in the words of `srvr`.
    pub(in super::super) fn mode(&self) -> &'static str {
        match &self.role {
            Role::Looking => "looking",
            Role::Following(_) => "follower",
            Role::Leading(_) => "leader",
        }
    }

    /// Whether clients are served.
    pub(in super::super) fn is_serving(&self) -> bool {
        match &self.role {
            Role::Looking => false,
            Role::Following(follower) => follower.is_serving(),
            Role::Leading(leader) => leader.is_serving(),
        }
    }

    /// When something is due, and why.
    pub(in super::super) fn next_wakeup(&self) -> Option<(Time, &'static str)> {
        match &self.role {
            Role::Looking => self.election.next_wakeup().map(|at| (at, "leader election")),
            Role::Following(follower) => Some(follower.next_wakeup(&self.config)),
            Role::Leading(leader) => Some(leader.next_wakeup(&self.config)),
        }
    }
}

impl ZooKeeperServer {
    /// Starts as a member of an ensemble: reads the epochs, listens, looks for a leader.
    pub(in super::super) fn start_peer(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let last_zxid = self.database.tree.last_processed_zxid;
        let read = |text: Option<&[u8]>| {
            text.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse::<i64>().ok())
        };
        let current = read(self.database.read_small(CURRENT_EPOCH, ctx));
        let accepted = read(self.database.read_small(ACCEPTED_EPOCH, ctx));
        self.database.sync_what_was_found(ctx)?;
        for (name, found) in [(CURRENT_EPOCH, current), (ACCEPTED_EPOCH, accepted)] {
            if let Some(found) = found {
                self.database.write_small(name, &found.to_string(), ctx)?;
            } else {
                let text = format!(
                    "{name} not found! Creating with a reasonable default of {}. This should only \
                     happen when you are upgrading your installation",
                    epoch_of(last_zxid)
                );
                ctx.log(LogLevel::Info, QUORUM_PEER, text);
                self.database.write_small(name, &epoch_of(last_zxid).to_string(), ctx)?;
            }
        }
        let Some(peer) = &mut self.peer else { return Ok(()) };
        peer.current_epoch = current.unwrap_or_else(|| epoch_of(last_zxid));
        peer.accepted_epoch =
            accepted.unwrap_or_else(|| epoch_of(last_zxid)).max(peer.current_epoch);
        if let Some(server) = peer.config.servers.get(&peer.config.id) {
            ctx.listen(server.quorum_port);
            ctx.listen(server.election_port);
        }
        self.look(None, ctx)
    }

    /// Promises to enter no older epoch.
    pub(super) fn accept_epoch(&mut self, epoch: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if let Some(peer) = &mut self.peer {
            peer.accepted_epoch = epoch;
        }
        self.database.write_small(ACCEPTED_EPOCH, &epoch.to_string(), ctx)
    }

    /// Has the history of the epoch's leader.
    pub(super) fn enter_epoch(&mut self, epoch: i64, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if let Some(peer) = &mut self.peer {
            peer.current_epoch = epoch;
            peer.election.set_epoch(epoch);
        }
        self.database.write_small(CURRENT_EPOCH, &epoch.to_string(), ctx)?;
        ctx.trace(TraceEvent::ZooKeeperEpochEntered { epoch: epoch as u64 });
        Ok(())
    }

    /// Gives up its role, if it has one, and looks for a leader. Clients are cut off. Everything that
    /// was logged is history from now on: the new leader decides what of it stays.
    pub(super) fn look(&mut self, why: Option<String>, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        if let Some(why) = why {
            ctx.log(LogLevel::Warn, QUORUM_PEER, why);
        }
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let proposals = match std::mem::replace(&mut peer.role, Role::Looking) {
            Role::Looking => Vec::new(),
            Role::Following(follower) => follower.leave(ctx),
            Role::Leading(leader) => leader.leave(ctx),
        };
        peer.waiting = Waiting::default();
        for conn in std::mem::take(&mut self.connections).into_keys() {
            ctx.hangup(conn);
        }
        self.watches = super::super::watch::Watches::default();
        self.sessions.clear();
        self.database.sync(ctx)?;
        self.database.roll();
        for (header, txn) in proposals {
            self.database.apply(&header, &txn, &mut Vec::new());
        }
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let (epoch, zxid) = (peer.current_epoch, self.database.tree.last_processed_zxid);
        ctx.log(LogLevel::Info, QUORUM_PEER, "LOOKING");
        let text = format!("New election. My id =  {}, proposed zxid=0x{zxid:x}", peer.config.id);
        ctx.log(LogLevel::Info, "org.apache.zookeeper.server.quorum.FastLeaderElection", text);
        let (role, trace_epoch) = ("looking".to_owned(), epoch as u64);
        ctx.trace(TraceEvent::ZooKeeperRoleChanged { role, epoch: trace_epoch });
        peer.election.start(epoch, zxid, ctx.now());
        self.take_step(Step::Broadcast, ctx);
        Ok(())
    }

    fn take_step(&mut self, step: Step, ctx: &mut Ctx) {
        let Some(peer) = &mut self.peer else { return };
        let vote = peer.election.vote();
        match step {
            Step::Wait => {}
            Step::Broadcast => {
                for other in peer.mail.others() {
                    peer.mail.send(other, &vote, ctx);
                }
            }
            Step::Tell(other) => peer.mail.send(other, &vote, ctx),
            Step::Elected(leader) if leader == peer.config.id => {
                ctx.log(LogLevel::Info, QUORUM_PEER, "LEADING");
                peer.election.settle(PeerState::Leading, leader);
                let (id, accepted) = (peer.config.id, peer.accepted_epoch);
                peer.role = Role::Leading(Box::new(Leader::new(id, accepted, ctx.now())));
            }
            Step::Elected(leader) => {
                ctx.log(LogLevel::Info, QUORUM_PEER, "FOLLOWING");
                peer.election.settle(PeerState::Following, leader);
                let server = peer.config.servers.get(&leader);
                let to = server.map(|server| Endpoint::new(&server.host, server.quorum_port));
                if let Some(to) = to {
                    peer.role = Role::Following(Box::new(Follower::new(leader, to, ctx)));
                }
            }
        }
    }

    /// Does what is due.
    pub(in super::super) fn wake_peer(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let Some(peer) = &mut self.peer else { return Ok(()) };
        match &peer.role {
            Role::Looking => {
                let step = peer.election.on_wake(ctx.now());
                self.take_step(step, ctx);
                Ok(())
            }
            Role::Following(_) => self.wake_follower(ctx),
            Role::Leading(_) => self.wake_leader(ctx),
        }
    }

    /// Takes in what happened on a connection between servers; gives back what is a client's.
    pub(in super::super) fn peer_link(
        &mut self,
        input: LinkInput,
        ctx: &mut Ctx,
    ) -> Result<Option<LinkInput>, DatabaseError> {
        let Some(peer) = &mut self.peer else { return Ok(Some(input)) };
        let own = peer.config.servers.get(&peer.config.id);
        let ports = own.map_or((0, 0), |server| (server.quorum_port, server.election_port));
        match input {
            LinkInput::Accepted { conn, port, .. } if port == ports.1 => peer.mail.accepted(conn),
            LinkInput::Accepted { conn, port, .. } if port == ports.0 => match &mut peer.role {
                Role::Leading(leader) => leader.accept(conn, ctx.now()),
                Role::Looking | Role::Following(_) => ctx.hangup(conn),
            },
            LinkInput::Opened(conn) => {
                if !peer.mail.opened(conn, ctx) {
                    self.follower_opened(conn, ctx);
                }
            }
            LinkInput::Frame(conn, frame) if peer.mail.owns(conn) => {
                if let Some((from, vote)) = peer.mail.read(conn, &frame, ctx) {
                    let step = peer.election.on_vote(from, vote, ctx.now());
                    self.take_step(step, ctx);
                }
            }
            LinkInput::Frame(conn, frame) => match &peer.role {
                Role::Following(follower) if follower.owns(conn) => {
                    self.take_from_leader(&frame, ctx)?;
                }
                Role::Leading(leader) if leader.owns(conn) => {
                    self.take_from_learner(conn, &frame, ctx)?;
                }
                _ => return Ok(Some(LinkInput::Frame(conn, frame))),
            },
            LinkInput::Closed(conn, reason) => {
                if !self.peer_closed(conn, reason, ctx)? {
                    return Ok(Some(LinkInput::Closed(conn, reason)));
                }
            }
            LinkInput::Accepted { .. } => return Ok(Some(input)),
        }
        Ok(None)
    }

    fn peer_closed(
        &mut self,
        conn: ConnId,
        reason: CloseReason,
        ctx: &mut Ctx,
    ) -> Result<bool, DatabaseError> {
        let Some(peer) = &mut self.peer else { return Ok(false) };
        if peer.mail.closed(conn, reason, ctx) {
            return Ok(true);
        }
        match &mut peer.role {
            Role::Following(follower) if follower.owns(conn) => {
                if !follower.lost(ctx.now()) {
                    self.look(Some("Exception when following the leader".to_owned()), ctx)?;
                }
                Ok(true)
            }
            Role::Leading(leader) => Ok(leader.forget(conn)),
            Role::Looking | Role::Following(_) => Ok(false),
        }
    }

    /// Takes a request of an own client: a read is answered at once unless something of the same
    /// client waits; the rest goes to the leader.
    pub(in super::super) fn submit_to_ensemble(
        &mut self,
        client: Client,
        asked: Asked,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let needs_leader = needs_ensemble(&asked);
        if let Some(conn) = client.conn {
            if !needs_leader && !peer.waiting.is_busy(conn) {
                self.answer_read(client, asked, ctx);
                return Ok(());
            }
            peer.waiting.push(conn, client, asked.clone());
        }
        if !needs_leader {
            return Ok(());
        }
        match &peer.role {
            Role::Looking => Ok(()),
            Role::Following(_) => {
                self.forward(client, &asked, ctx);
                Ok(())
            }
            Role::Leading(_) => self.lead_request(client, &asked, ctx),
        }
    }

    /// The ensemble has done what the front of a connection's queue waits for: takes it out.
    pub(super) fn take_done(&mut self, session: i64, xid: i32) -> Option<(Client, Asked)> {
        let mut conns = self.connections.iter();
        let (conn, _) = conns.find(|(_, connection)| connection.session == session)?;
        self.peer.as_mut()?.waiting.take_done(*conn, xid)
    }

    /// Answers what waited behind a request that is done.
    pub(super) fn answer_reads_behind(&mut self, conn: ConnId, ctx: &mut Ctx) {
        while let Some((client, asked)) =
            self.peer.as_mut().and_then(|peer| peer.waiting.take_read(conn))
        {
            self.answer_read(client, asked, ctx);
        }
    }
}
