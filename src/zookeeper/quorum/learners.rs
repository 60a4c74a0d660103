//! The followers as their leader sees them, and what it does with their packets.
//!
//! In ZooKeeper: `server.quorum.LearnerHandler`.

use super::super::database::DatabaseError;
use super::super::pipeline::Asked;
use super::super::server::ZooKeeperServer;
use super::super::snapshot;
use super::super::txn;
use super::leader::{LEADER, Leader, Stage, Syncer};
use super::peer::{Peer, Role};
use super::sync::{Plan, plan};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedSet, Time};
use crate::node::Ctx;
use crate::wire::jute;
use crate::wire::zookeeper::quorum::{CREATE_SESSION, QuorumPacket, epoch_of, numbers, packet};
use crate::wire::zookeeper::{Request, decode_request};
use crate::wire::{Reader, Writer};
use bytes::Bytes;

/// How far a follower has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum LearnerStage {
    /// It connected.
    Connected,
    /// It said who it is.
    Introduced,
    /// It was told the epoch.
    Informed,
    /// It accepts it.
    Acknowledged,
    /// It is getting the history, and everything new.
    Syncing,
    /// It has the history.
    Synced,
    /// It serves clients.
    Active,
}

/// A follower.
#[derive(Clone, Debug)]
pub(super) struct Learner {
    pub id: Option<u8>,
    pub stage: LearnerStage,
    pub heard: Time,
    /// The last zxid in its log when it came.
    pub last_zxid: i64,
}

impl Learner {
    /// Somebody who has said nothing yet.
    pub(super) fn new(now: Time) -> Self {
        Self { id: None, stage: LearnerStage::Connected, heard: now, last_zxid: 0 }
    }
}

impl Leader {
    fn send(conn: ConnId, packet: &QuorumPacket, ctx: &mut Ctx) {
        ctx.send(conn, jute::encode(packet));
    }

    fn drop_learner(&mut self, conn: ConnId, ctx: &mut Ctx) {
        self.learners.remove(&conn);
        ctx.hangup(conn);
    }

    /// Tells the epoch to a follower that has introduced itself.
    fn inform(&mut self, conn: ConnId, epoch: i64, ctx: &mut Ctx) {
        if let Some(learner) = self.learners.get_mut(&conn) {
            learner.stage = LearnerStage::Informed;
            let data = numbers(None, &[0x1_0000]);
            Self::send(conn, &QuorumPacket::with_data(packet::LEADERINFO, epoch << 32, data), ctx);
        }
    }
}

impl ZooKeeperServer {
    pub(super) fn take_from_learner(
        &mut self,
        conn: ConnId,
        frame: &Bytes,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let Some(leader) = self.leader() else { return Ok(()) };
        let Some(learner) = leader.learners.get_mut(&conn) else { return Ok(()) };
        learner.heard = ctx.now();
        let (id, stage) = (learner.id, learner.stage);
        let packet = jute::decode::<QuorumPacket>(frame);
        match (packet, id) {
            (Ok(packet), None) if packet.kind == packet::FOLLOWERINFO => {
                self.introduce(conn, &packet, ctx)
            }
            (Ok(packet), Some(id)) => match packet.kind {
                packet::ACKEPOCH if stage == LearnerStage::Informed => {
                    self.take_epoch_ack(conn, id, &packet, ctx)
                }
                packet::ACK if stage >= LearnerStage::Syncing => {
                    self.take_ack(conn, id, packet.zxid, ctx);
                    Ok(())
                }
                packet::REQUEST if stage == LearnerStage::Active => {
                    self.take_forwarded(conn, id, &packet, ctx)
                }
                packet::PING if stage == LearnerStage::Active => {
                    self.take_touches(&packet, ctx);
                    Ok(())
                }
                packet::REVALIDATE if stage == LearnerStage::Active => {
                    self.take_revalidate(conn, id, &packet, ctx);
                    Ok(())
                }
                _ => {
                    leader.drop_learner(conn, ctx);
                    Ok(())
                }
            },
            _ => {
                leader.drop_learner(conn, ctx);
                Ok(())
            }
        }
    }

    /// A follower says who it is and which epoch it has promised.
    fn introduce(
        &mut self,
        conn: ConnId,
        packet: &QuorumPacket,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let accepted = epoch_of(packet.zxid);
        let data = packet.data();
        let id = Reader::new(&data).i64().ok().and_then(|id| u8::try_from(id).ok());
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let Role::Leading(leader) = &mut peer.role else { return Ok(()) };
        let known = id.filter(|id| *id != leader.id && peer.config.servers.contains_key(id));
        let Some(id) = known else {
            leader.drop_learner(conn, ctx);
            return Ok(());
        };
        let info = peer.config.servers.get(&id).map(ToString::to_string).unwrap_or_default();
        ctx.log(LogLevel::Info, LEADER, format!("Follower sid: {id} : info : {info}"));
        let before = leader.learners.iter().find(|(_, learner)| learner.id == Some(id));
        if let Some(before) = before.map(|(conn, _)| *conn) {
            leader.drop_learner(before, ctx);
        }
        if let Some(learner) = leader.learners.get_mut(&conn) {
            (learner.id, learner.stage) = (Some(id), LearnerStage::Introduced);
        }
        leader.accepted.insert(id, accepted);
        match leader.epoch {
            // Only a newer epoch can take this follower in again.
            Some(epoch) if accepted > epoch => {
                let why =
                    format!("Follower sid: {id} has accepted epoch {accepted}, this is {epoch}");
                self.look(Some(why), ctx)
            }
            Some(epoch) => {
                leader.inform(conn, epoch, ctx);
                Ok(())
            }
            None if peer.election.is_quorum(leader.accepted.len()) => self.choose_epoch(ctx),
            None => Ok(()),
        }
    }

    /// A quorum is here: the new epoch is newer than any that one of them has promised.
    fn choose_epoch(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let Some(leader) = self.leader() else { return Ok(()) };
        let epoch = leader.accepted.values().max().copied().unwrap_or_default() + 1;
        leader.epoch = Some(epoch);
        leader.epoch_acks.insert(leader.id);
        self.accept_epoch(epoch, ctx)?;
        let Some(leader) = self.leader() else { return Ok(()) };
        let waiting = leader.learners.iter();
        let waiting = waiting.filter(|(_, learner)| learner.stage == LearnerStage::Introduced);
        for conn in waiting.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            leader.inform(conn, epoch, ctx);
        }
        Ok(())
    }

    fn take_epoch_ack(
        &mut self,
        conn: ConnId,
        id: u8,
        packet: &QuorumPacket,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let data = packet.data();
        let epoch = i64::from(Reader::new(&data).i32().unwrap_or(-1));
        let own_zxid = self.database.tree.last_processed_zxid;
        let Some(peer) = &mut self.peer else { return Ok(()) };
        let own_epoch = peer.current_epoch;
        let Role::Leading(leader) = &mut peer.role else { return Ok(()) };
        let Some(learner) = leader.learners.get_mut(&conn) else { return Ok(()) };
        (learner.stage, learner.last_zxid) = (LearnerStage::Acknowledged, packet.zxid);
        if leader.stage > Stage::Discovery {
            self.sync_learner(conn, ctx);
            return Ok(());
        }
        if epoch >= 0 {
            let is_ahead = (epoch, packet.zxid) > (own_epoch, own_zxid);
            if is_ahead && !is_planted(Mutant::ElectAnybody) {
                let why = format!("Follower sid: {id} is ahead of the leader");
                return self.look(Some(why), ctx);
            }
            leader.epoch_acks.insert(id);
        }
        if peer.election.is_quorum(leader.epoch_acks.len()) {
            self.begin_synchronization(ctx)?;
        }
        Ok(())
    }

    fn begin_synchronization(&mut self, ctx: &mut Ctx) -> Result<(), DatabaseError> {
        let Some(leader) = self.leader() else { return Ok(()) };
        let epoch = leader.epoch.unwrap_or_default();
        leader.stage = Stage::Synchronization;
        leader.last_zxid = epoch << 32;
        leader.history_acks = SortedSet::from([leader.id]);
        self.enter_epoch(epoch, ctx)?;
        let Some(leader) = self.leader() else { return Ok(()) };
        let ready = leader.learners.iter();
        let ready = ready.filter(|(_, learner)| learner.stage == LearnerStage::Acknowledged);
        for conn in ready.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.sync_learner(conn, ctx);
        }
        Ok(())
    }

    /// Sends a follower what it needs to have this leader's history, then what is under way.
    fn sync_learner(&mut self, conn: ConnId, ctx: &mut Ctx) {
        let Self { peer: Some(Peer { role: Role::Leading(leader), .. }), database, .. } = self
        else {
            return;
        };
        let Some(learner) = leader.learners.get_mut(&conn) else { return };
        learner.stage = LearnerStage::Syncing;
        let (committed, last) = (database.committed(), database.tree.last_processed_zxid);
        let id = learner.id.unwrap_or_default();
        let plan = plan(committed, last, learner.last_zxid);
        let (packet, from) = match plan {
            Plan::Diff(from) => (QuorumPacket::new(packet::DIFF, last), from),
            Plan::Trunc(zxid, from) => (QuorumPacket::new(packet::TRUNC, zxid), from),
            Plan::Snap => {
                let bytes = snapshot::encode(&database.tree, &database.session_timeouts);
                (QuorumPacket::with_data(packet::SNAP, last, bytes), committed.len())
            }
        };
        let name = packet::name(packet.kind);
        let text = format!(
            "Sending {name} zxid=0x{:x} for peer sid: {id} peerLastZxid=0x{:x}",
            packet.zxid, learner.last_zxid
        );
        ctx.log(LogLevel::Info, LEADER, text);
        Leader::send(conn, &packet, ctx);
        for (header, txn) in committed.iter().skip(from) {
            let data = txn::encode(header, txn);
            let proposal = QuorumPacket::with_data(packet::PROPOSAL, header.zxid, data);
            Leader::send(conn, &proposal, ctx);
            Leader::send(conn, &QuorumPacket::new(packet::COMMIT, header.zxid), ctx);
        }
        for proposal in &leader.proposals {
            let data = txn::encode(&proposal.header, &proposal.txn);
            let zxid = proposal.header.zxid;
            Leader::send(conn, &QuorumPacket::with_data(packet::PROPOSAL, zxid, data), ctx);
        }
        let epoch = leader.epoch.unwrap_or_default();
        Leader::send(conn, &QuorumPacket::new(packet::NEWLEADER, epoch << 32), ctx);
    }

    /// A follower has a transaction on disk, or all of the history.
    fn take_ack(&mut self, conn: ConnId, id: u8, zxid: i64, ctx: &mut Ctx) {
        let Some(peer) = &mut self.peer else { return };
        let Role::Leading(leader) = &mut peer.role else { return };
        if zxid & 0xffff_ffff != 0 {
            let mut waiting = leader.proposals.iter_mut();
            if let Some(proposal) = waiting.find(|proposal| proposal.header.zxid == zxid) {
                proposal.acks.insert(id);
            }
            self.commit_agreed(ctx);
            return;
        }
        leader.history_acks.insert(id);
        let is_serving = leader.is_serving();
        if let Some(learner) = leader.learners.get_mut(&conn) {
            learner.stage = if is_serving { LearnerStage::Active } else { LearnerStage::Synced };
        }
        if is_serving {
            Leader::send(conn, &QuorumPacket::new(packet::UPTODATE, zxid), ctx);
        } else if peer.election.is_quorum(leader.history_acks.len()) {
            self.begin_broadcast(ctx);
        }
    }

    /// A follower's client wants to write, or to catch up.
    fn take_forwarded(
        &mut self,
        conn: ConnId,
        id: u8,
        packet: &QuorumPacket,
        ctx: &mut Ctx,
    ) -> Result<(), DatabaseError> {
        let data = packet.data();
        let Some((session, xid, asked)) = forwarded(&data) else {
            if let Some(leader) = self.leader() {
                leader.drop_learner(conn, ctx);
            }
            return Ok(());
        };
        if let Asked::Request(Request::Sync(_)) = asked {
            self.lead_sync(Syncer::Learner(conn), ctx);
            return Ok(());
        }
        self.propose(id, (session, xid), &asked, &packet.auth, ctx)
    }

    /// The sessions that a follower heard of.
    fn take_touches(&mut self, packet: &QuorumPacket, ctx: &mut Ctx) {
        let data = packet.data();
        let mut reader = Reader::new(&data);
        while let (Ok(session), Ok(timeout_ms)) = (reader.i64(), reader.i32()) {
            self.sessions.touch_for(session, timeout_ms.max(0) as u32, ctx.now());
        }
    }

    /// A client wants its session back, on a follower.
    fn take_revalidate(&mut self, conn: ConnId, id: u8, packet: &QuorumPacket, ctx: &mut Ctx) {
        let data = packet.data();
        let mut reader = Reader::new(&data);
        let (Ok(session), Ok(timeout_ms)) = (reader.i64(), reader.i32()) else { return };
        let lives = self.sessions.touch_for(session, timeout_ms.max(0) as u32, ctx.now());
        if lives && let Some(leader) = self.leader() {
            leader.owners.insert(session, id);
        }
        let mut writer = Writer::new();
        writer.i64(session);
        writer.bool(lives);
        Leader::send(conn, &QuorumPacket::with_data(packet::REVALIDATE, -1, writer.finish()), ctx);
    }
}

/// The session, its number for the request, and the request that a follower forwards.
fn forwarded(data: &Bytes) -> Option<(i64, i32, Asked)> {
    let mut reader = Reader::new(data);
    let session = reader.i64().ok()?;
    let (xid, op) = (reader.i32().ok()?, reader.i32().ok()?);
    if op == CREATE_SESSION {
        let timeout_ms = u32::try_from(reader.i32().ok()?).ok()?;
        return Some((session, xid, Asked::CreateSession { timeout_ms }));
    }
    let (_, request) = decode_request(&data.slice(8..)).ok()?;
    Some((session, xid, Asked::Request(request)))
}
