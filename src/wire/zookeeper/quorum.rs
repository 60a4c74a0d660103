//! What ZooKeeper servers say to each other: votes on the election port, packets between a leader
//! and its followers on the quorum port. The fields are ZooKeeper's own; only that every packet is a
//! frame with a length, the snapshot of a SNAP within it, is ours.
//!
//! In ZooKeeper: `FastLeaderElection`, `QuorumCnxManager`, `server.quorum.QuorumPacket`, `Leader`.

use bytes::Bytes;

use super::{Id, OpCode};
use crate::wire::jute::FORM;
use crate::wire::schema::{Field, read_field};
use crate::wire::{DecodeError, FieldNode, Reader, Writer};

/// `protocol_version` of a [`ConnectionHello`], by which an election connection is known.
pub const ELECTION_PROTOCOL: i64 = -65_536;
/// The transaction type of a session's beginning, in a REQUEST.
pub const CREATE_SESSION: i32 = -10;

jute_records! {
    /// The first frame on an election connection: who speaks.
    ConnectionHello {
        protocol_version: i64;
        server: i64;
        address: String;
    }

    /// A vote: whom a server wants, or has, as its leader.
    Notification {
        state: i32;
        leader: i64;
        zxid: i64;
        election_epoch: i64;
        peer_epoch: i64;
        version: i32;
    }

    /// A packet between leader and follower; `kind` is a [`packet`].
    QuorumPacket {
        kind: i32;
        zxid: i64;
        data: Option<Bytes>;
        auth: Vec<Id>;
    }
}

/// `state` of a [`Notification`].
pub mod peer_state {
    /// It looks for a leader.
    pub const LOOKING: i32 = 0;
    /// It follows.
    pub const FOLLOWING: i32 = 1;
    /// It leads.
    pub const LEADING: i32 = 2;

    /// Its name as ZooKeeper logs it.
    pub fn name(state: i32) -> &'static str {
        match state {
            LOOKING => "LOOKING",
            FOLLOWING => "FOLLOWING",
            LEADING => "LEADING",
            _ => "unknown state",
        }
    }
}

/// Kinds of packets.
pub mod packet {
    /// A follower forwards a client's write.
    pub const REQUEST: i32 = 1;
    /// The leader proposes a transaction.
    pub const PROPOSAL: i32 = 2;
    /// A follower has it on its disk.
    pub const ACK: i32 = 3;
    /// A quorum has it: apply it.
    pub const COMMIT: i32 = 4;
    /// Sign of life; the answer carries the sessions that a follower heard of.
    pub const PING: i32 = 5;
    /// A client wants to take its session over.
    pub const REVALIDATE: i32 = 6;
    /// A client wants to catch up with the leader.
    pub const SYNC: i32 = 7;
    /// The follower has all of the new leader's history.
    pub const NEWLEADER: i32 = 10;
    /// A follower introduces itself.
    pub const FOLLOWERINFO: i32 = 11;
    /// Serve clients.
    pub const UPTODATE: i32 = 12;
    /// The follower lacks only what comes now.
    pub const DIFF: i32 = 13;
    /// The follower has too much: cut it off.
    pub const TRUNC: i32 = 14;
    /// The whole tree.
    pub const SNAP: i32 = 15;
    /// The new epoch.
    pub const LEADERINFO: i32 = 17;
    /// The follower accepts the epoch.
    pub const ACKEPOCH: i32 = 18;

    /// Its name as ZooKeeper logs it.
    pub fn name(kind: i32) -> &'static str {
        match kind {
            REQUEST => "REQUEST",
            PROPOSAL => "PROPOSAL",
            ACK => "ACK",
            COMMIT => "COMMIT",
            PING => "PING",
            REVALIDATE => "REVALIDATE",
            SYNC => "SYNC",
            NEWLEADER => "NEWLEADER",
            FOLLOWERINFO => "FOLLOWERINFO",
            UPTODATE => "UPTODATE",
            DIFF => "DIFF",
            TRUNC => "TRUNC",
            SNAP => "SNAP",
            LEADERINFO => "LEADERINFO",
            ACKEPOCH => "ACKEPOCH",
            _ => "unknown packet",
        }
    }
}

impl QuorumPacket {
    /// A packet without data.
    pub fn new(kind: i32, zxid: i64) -> Self {
        Self { kind, zxid, data: None, auth: Vec::new() }
    }

    /// A packet with data.
    pub fn with_data(kind: i32, zxid: i64, data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), ..Self::new(kind, zxid) }
    }

    /// The data, empty when there is none.
    pub fn data(&self) -> Bytes {
        self.data.clone().unwrap_or_default()
    }

    /// One line, such as `PROPOSAL 0x100000003 create`.
    pub fn line(&self) -> String {
        let name = packet::name(self.kind);
        match self.kind {
            packet::PING | packet::UPTODATE | packet::SYNC => name.to_owned(),
            packet::FOLLOWERINFO => format!("{name} accepted epoch {}", epoch_of(self.zxid)),
            packet::LEADERINFO | packet::NEWLEADER => {
                format!("{name} epoch {}", epoch_of(self.zxid))
            }
            packet::REQUEST => {
                let number = operation_at(&self.data(), 12).unwrap_or_default();
                format!("{name} {}", operation(number))
            }
            packet::PROPOSAL => {
                let number = operation_at(&self.data(), 28).unwrap_or_default();
                format!("{name} 0x{:x} {}", self.zxid, operation(number))
            }
            packet::REVALIDATE => {
                let session = Reader::new(&self.data()).i64().unwrap_or_default();
                format!("{name} session 0x{session:x}")
            }
            _ => format!("{name} 0x{:x}", self.zxid),
        }
    }
}

/// The epoch of a zxid.
pub fn epoch_of(zxid: i64) -> i64 {
    zxid >> 32
}

fn operation_at(data: &Bytes, offset: usize) -> Option<i32> {
    let bytes = data.get(offset..offset + 4)?;
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

fn operation(number: i32) -> &'static str {
    match (number, OpCode::from_number(number)) {
        (_, Some(op)) => op.name(),
        (CREATE_SESSION, _) => "createSession",
        (-1, _) => "error",
        _ => "unknown operation",
    }
}

/// The field tree of a packet, its data opened.
pub(super) fn read_packet(reader: &mut Reader) -> Result<QuorumPacket, DecodeError> {
    let kind: i32 = read_field(reader, "kind", FORM)?;
    let zxid = read_field(reader, "zxid", FORM)?;
    let data: Option<Bytes> = read_field(reader, "data", FORM)?;
    let auth = read_field(reader, "auth", FORM)?;
    Ok(QuorumPacket { kind, zxid, data, auth })
}

/// The field tree of a frame of the quorum port.
pub(super) fn describe_packet(frame: &Bytes) -> FieldNode {
    let mut reader = Reader::recording(frame);
    let packet = read_packet(&mut reader);
    let name = packet.as_ref().map_or("quorum packet", |packet| packet::name(packet.kind));
    reader.into_tree(name.to_owned(), packet.as_ref().map(|_| ()))
}

/// The line of a vote.
pub fn vote_line(vote: &Notification) -> String {
    format!(
        "vote for {} at epoch {} zxid 0x{:x}, round {}, {}",
        vote.leader,
        vote.peer_epoch,
        vote.zxid,
        vote.election_epoch,
        peer_state::name(vote.state)
    )
}

/// Encodes numbers one behind the other, as the data of packets has them.
pub fn numbers(long: Option<i64>, ints: &[i32]) -> Bytes {
    let mut writer = Writer::new();
    if let Some(long) = long {
        long.write(&mut writer, FORM);
    }
    for int in ints {
        int.write(&mut writer, FORM);
    }
    writer.finish()
}
