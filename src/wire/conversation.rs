//! What passes on one connection, seen from outside: which request a response answers.
//!
//! It reads headers only; the rest of a frame is read when somebody wants its
//! [`summary`](super::summary).

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::kafka::{self, ApiKey, RequestHeader};
use super::summary::{FrameShape, FrameSummary, summarize};
use super::{Reader, zookeeper};

/// More requests without an answer than this, and the oldest are forgotten.
const MAX_IN_FLIGHT: usize = 1_000;

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Kafka's.
    Kafka,
    /// ZooKeeper's client protocol.
    ZooKeeper,
    /// Between ZooKeeper servers: election or quorum, as the first frame tells.
    ZooKeeperPeer,
    /// Our queue's.
    Queue,
    /// Any other.
    Opaque,
}

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the one who opened the connection.
    ToServer,
    /// Back to it.
    ToClient,
}

/// A request whose response has not been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    /// Correlation id or xid.
    id: i32,
    /// What its response will be.
    shape: FrameShape,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    protocol: Protocol,
    client_spoke: bool,
    server_spoke: bool,
    asked: VecDeque<Asked>,
    last_fetch: Option<Bytes>,
    is_election: bool,
}

impl Conversation {
    /// A connection on which nothing has passed yet.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            client_spoke: false,
            server_spoke: false,
            asked: VecDeque::new(),
            last_fetch: None,
            is_election: false,
        }
    }

    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Takes note of the next frame of that direction, in the order of sending, and tells what it
    /// is.
    pub fn observe(&mut self, direction: Direction, frame: &Bytes) -> FrameShape {
        let is_first = match direction {
            Direction::ToServer => !std::mem::replace(&mut self.client_spoke, true),
            Direction::ToClient => !std::mem::replace(&mut self.server_spoke, true),
        };
        match (self.protocol, direction) {
            (Protocol::Queue, _) => FrameShape::Queue,
            (Protocol::Opaque, _) => FrameShape::Opaque,
            (Protocol::Kafka, Direction::ToServer) => self.kafka_request(frame),
            (Protocol::Kafka, Direction::ToClient) => {
                kafka::correlation_id(frame).map_or(FrameShape::Opaque, |id| self.answered(id))
            }
            (Protocol::ZooKeeperPeer, _) => self.zookeeper_peer(frame, is_first),
            (Protocol::ZooKeeper, Direction::ToServer) => self.zookeeper_request(frame, is_first),
            (Protocol::ZooKeeper, Direction::ToClient) => self.zookeeper_reply(frame, is_first),
        }
    }

    /// [`Conversation::observe`] and [`summarize`] in one.
    pub fn see(&mut self, direction: Direction, frame: &Bytes) -> FrameSummary {
        summarize(frame, self.observe(direction, frame))
    }

    fn kafka_request(&mut self, frame: &Bytes) -> FrameShape {
        let mut reader = Reader::new(frame);
        let Ok(header) = RequestHeader::read(&mut reader) else {
            return FrameShape::KafkaRequest { is_repeated: false };
        };
        let Some(api) = header.api() else {
            return FrameShape::KafkaRequest { is_repeated: false };
        };
        let body = frame.slice(reader.position()..);
        let is_fetch = api == ApiKey::Fetch;
        let to_follower = is_fetch && reader.i32().is_ok_and(|replica_id| replica_id >= 0);
        let is_repeated = is_fetch && self.last_fetch.as_ref() == Some(&body);
        if is_fetch {
            self.last_fetch = Some(body);
        }
        let version = header.api_version;
        let shape = FrameShape::KafkaResponse { api, version, to_follower };
        self.ask(header.correlation_id, shape);
        FrameShape::KafkaRequest { is_repeated }
    }

    fn zookeeper_request(&mut self, frame: &Bytes, is_first: bool) -> FrameShape {
        if is_first {
            return FrameShape::ZooKeeper(zookeeper::FrameShape::ConnectRequest);
        }
        let mut reader = Reader::new(frame);
        if let (Ok(xid), Ok(op)) = (reader.i32(), reader.i32())
            && let Some(op) = zookeeper::OpCode::from_number(op)
            && zookeeper::op_of_reserved_xid(xid).is_none()
        {
            self.ask(xid, FrameShape::ZooKeeper(zookeeper::FrameShape::Reply(op)));
        }
        FrameShape::ZooKeeper(zookeeper::FrameShape::Request)
    }

    fn zookeeper_peer(&mut self, frame: &Bytes, is_first: bool) -> FrameShape {
        use zookeeper::FrameShape::{ElectionHello, QuorumPacket, Vote};
        let is_hello =
            is_first && Reader::new(frame).i64() == Ok(zookeeper::quorum::ELECTION_PROTOCOL);
        self.is_election |= is_hello;
        FrameShape::ZooKeeper(match (is_hello, self.is_election) {
            (true, _) => ElectionHello,
            (false, true) => Vote,
            (false, false) => QuorumPacket,
        })
    }

    fn zookeeper_reply(&mut self, frame: &Bytes, is_first: bool) -> FrameShape {
        use zookeeper::FrameShape::{ConnectResponse, Event, Reply};
        if is_first {
            return FrameShape::ZooKeeper(ConnectResponse);
        }
        match zookeeper::reply_xid(frame) {
            Ok(zookeeper::XID_NOTIFICATION) => FrameShape::ZooKeeper(Event),
            Ok(xid) => match zookeeper::op_of_reserved_xid(xid) {
                Some(op) => FrameShape::ZooKeeper(Reply(op)),
                None => self.answered(xid),
            },
            Err(_) => FrameShape::Opaque,
        }
    }

    fn ask(&mut self, id: i32, shape: FrameShape) {
        if self.asked.len() == MAX_IN_FLIGHT {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { id, shape });
    }

    /// Answers come in the order of the requests, so what was asked before this one will get none:
    /// a produce with acks=0.
    fn answered(&mut self, id: i32) -> FrameShape {
        match self.asked.iter().position(|asked| asked.id == id) {
            Some(index) => {
                let shape = self.asked[index].shape;
                self.asked.drain(..=index);
                shape
            }
            None => FrameShape::Opaque,
        }
    }
}
