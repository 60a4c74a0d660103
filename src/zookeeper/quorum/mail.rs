//! The election connections. Each server dials the others and sends on its own connections; only the
//! newest vote for a server waits while its connection is not there.
//!
//! In ZooKeeper: `server.quorum.QuorumCnxManager`. There a pair shares one connection, dialled by the
//! greater number.

use super::election::{Candidate, PeerState, Vote};
use crate::base::{ConnId, Endpoint, SortedMap, Span, Time};
use crate::node::{CloseReason, Ctx};
use crate::wire::jute;
use crate::wire::zookeeper::quorum::{
    ConnectionHello, ELECTION_PROTOCOL, Notification, peer_state,
};
use bytes::Bytes;

/// `zookeeper.cnxTimeout`: how long a dial may take.
const CONNECT_TIMEOUT: Span = Span::from_secs(5);
/// The format of votes.
const VOTE_VERSION: i32 = 2;

/// The way to another server.
#[derive(Clone, Debug)]
struct Mailbox {
    to: Endpoint,
    conn: Option<ConnId>,
    is_open: bool,
    dialled: Time,
    newest: Option<Bytes>,
}

/// The ways to all others, and who is at the other end of the connections that came.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    me: u8,
    address: String,
    out: SortedMap<u8, Mailbox>,
    callers: SortedMap<ConnId, Option<u8>>,
}

impl Mail {
    /// Nobody was dialled yet.
    pub(super) fn new(me: u8, address: String, others: SortedMap<u8, Endpoint>) -> Self {
        let mailbox =
            |to| Mailbox { to, conn: None, is_open: false, dialled: Time::ZERO, newest: None };
        let out = others.into_iter().map(|(id, to)| (id, mailbox(to))).collect();
        Self { me, address, out, callers: SortedMap::new() }
    }

    /// The numbers of the other servers.
    pub(super) fn others(&self) -> Vec<u8> {
        self.out.keys().copied().collect()
    }

    /// Tells a server a vote, as soon as there is a connection.
    pub(super) fn send(&mut self, to: u8, vote: &Vote, ctx: &mut Ctx) {
        let Some(mailbox) = self.out.get_mut(&to) else { return };
        let frame = jute::encode(&notification(vote));
        mailbox.newest = Some(frame.clone());
        match mailbox.conn {
            Some(conn) if mailbox.is_open => ctx.send(conn, frame),
            Some(conn) if mailbox.dialled + CONNECT_TIMEOUT <= ctx.now() => {
                ctx.hangup(conn);
                mailbox.dial(ctx);
            }
            Some(_) => {}
            None => mailbox.dial(ctx),
        }
    }

    /// A connection stands; true when it is one of these.
    pub(super) fn opened(&mut self, conn: ConnId, ctx: &mut Ctx) -> bool {
        let Some(mailbox) = self.out.values_mut().find(|mailbox| mailbox.conn == Some(conn)) else {
            return false;
        };
        mailbox.is_open = true;
        let (protocol_version, server) = (ELECTION_PROTOCOL, i64::from(self.me));
        let address = self.address.clone();
        ctx.send(conn, jute::encode(&ConnectionHello { protocol_version, server, address }));
        if let Some(newest) = &mailbox.newest {
            ctx.send(conn, newest.clone());
        }
        true
    }

    /// A connection ended; true when it was one of these. What a server that was restarted cannot
    /// have read is told again.
    pub(super) fn closed(&mut self, conn: ConnId, reason: CloseReason, ctx: &mut Ctx) -> bool {
        if self.callers.remove(&conn).is_some() {
            return true;
        }
        let Some(mailbox) = self.out.values_mut().find(|mailbox| mailbox.conn == Some(conn)) else {
            return false;
        };
        let was_open = mailbox.is_open;
        (mailbox.conn, mailbox.is_open) = (None, false);
        if was_open && reason == CloseReason::Reset {
            mailbox.dial(ctx);
        }
        true
    }

    /// Another server connected.
    pub(super) fn accepted(&mut self, conn: ConnId) {
        self.callers.insert(conn, None);
    }

    /// Whether a connection is one of these.
    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.callers.contains_key(&conn)
            || self.out.values().any(|mailbox| mailbox.conn == Some(conn))
    }

    /// Reads a frame: the vote and who sent it. What cannot be read closes the connection.
    pub(super) fn read(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Option<(u8, Vote)> {
        let caller = self.callers.get_mut(&conn)?;
        let Some(from) = *caller else {
            let hello = jute::decode::<ConnectionHello>(frame).ok();
            *caller = hello
                .filter(|hello| hello.protocol_version == ELECTION_PROTOCOL)
                .and_then(|hello| u8::try_from(hello.server).ok())
                .filter(|id| self.out.contains_key(id));
            if caller.is_none() {
                self.callers.remove(&conn);
                ctx.hangup(conn);
            }
            return None;
        };
        let vote = jute::decode::<Notification>(frame).ok().and_then(|heard| vote_of(&heard));
        if vote.is_none() {
            self.callers.remove(&conn);
            ctx.hangup(conn);
        }
        vote.map(|vote| (from, vote))
    }
}

impl Mailbox {
    fn dial(&mut self, ctx: &mut Ctx) {
        self.conn = Some(ctx.dial(self.to.clone()));
        (self.is_open, self.dialled) = (false, ctx.now());
    }
}

fn notification(vote: &Vote) -> Notification {
    let Vote { candidate: Candidate { peer_epoch, zxid, leader }, election_epoch, state } = *vote;
    let state = match state {
        PeerState::Looking => peer_state::LOOKING,
        PeerState::Following => peer_state::FOLLOWING,
        PeerState::Leading => peer_state::LEADING,
    };
    let (leader, version) = (i64::from(leader), VOTE_VERSION);
    Notification { state, leader, zxid, election_epoch, peer_epoch, version }
}

fn vote_of(heard: &Notification) -> Option<Vote> {
    let Notification { zxid, election_epoch, peer_epoch, .. } = *heard;
    let state = match heard.state {
        peer_state::LOOKING => PeerState::Looking,
        peer_state::FOLLOWING => PeerState::Following,
        peer_state::LEADING => PeerState::Leading,
        _ => return None,
    };
    let leader = u8::try_from(heard.leader).ok()?;
    Some(Vote { candidate: Candidate { peer_epoch, zxid, leader }, election_epoch, state })
}
