//! Whole frames, in both directions.
//!
//! In ZooKeeper: `ClientCnxn.SendThread.readResponse`, `ZooKeeperServer.processPacket`.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    KeeperCode, OpCode, Reply, ReplyHeader, Request, RequestHeader, WatcherEvent, XID_AUTH,
    XID_NOTIFICATION, XID_PING, XID_SET_WATCHES, quorum,
};
use crate::wire::jute::{self, FORM};
use crate::wire::schema::{Field, read_field};
use crate::wire::{DecodeError, FieldNode, Reader, Writer};

/// The first frame of a client: opens a session, or takes one over to this connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectRequest {
    /// Always 0.
    pub protocol_version: i32,
    /// The last change this client has seen; a server that has not seen it refuses the client.
    pub last_zxid_seen: i64,
    /// The session timeout asked for, in milliseconds.
    pub timeout: i32,
    /// The session to take over, or 0.
    pub session_id: i64,
    /// Proof that the session is this client's.
    pub password: Bytes,
    /// Whether a server without a quorum will do; old clients do not say.
    pub read_only: Option<bool>,
}

/// The first frame of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectResponse {
    /// Always 0.
    pub protocol_version: i32,
    /// The session timeout granted, in milliseconds; 0 when the session has expired.
    pub timeout: i32,
    /// The session.
    pub session_id: i64,
    /// Proof for taking the session over later.
    pub password: Bytes,
    /// Whether the server is cut off from its quorum; left out to old clients.
    pub read_only: Option<bool>,
}

fn read_only(reader: &mut Reader) -> Result<Option<bool>, DecodeError> {
    match reader.remaining() {
        0 => Ok(None),
        _ => read_field(reader, "read_only", FORM).map(Some),
    }
}

fn write_read_only(writer: &mut Writer, read_only: Option<bool>) {
    if let Some(read_only) = read_only {
        writer.bool(read_only);
    }
}

impl ConnectRequest {
    fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: read_field(reader, "protocol_version", FORM)?,
            last_zxid_seen: read_field(reader, "last_zxid_seen", FORM)?,
            timeout: read_field(reader, "timeout", FORM)?,
            session_id: read_field(reader, "session_id", FORM)?,
            password: read_field(reader, "password", FORM)?,
            read_only: read_only(reader)?,
        })
    }

    /// Reads the first frame of a client.
    pub fn decode(frame: &Bytes) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(frame))
    }

    /// Writes the frame.
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.i32(self.protocol_version);
        writer.i64(self.last_zxid_seen);
        writer.i32(self.timeout);
        writer.i64(self.session_id);
        self.password.write(&mut writer, FORM);
        write_read_only(&mut writer, self.read_only);
        writer.finish()
    }
}

impl ConnectResponse {
    fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: read_field(reader, "protocol_version", FORM)?,
            timeout: read_field(reader, "timeout", FORM)?,
            session_id: read_field(reader, "session_id", FORM)?,
            password: read_field(reader, "password", FORM)?,
            read_only: read_only(reader)?,
        })
    }

    /// Reads the first frame of a server.
    pub fn decode(frame: &Bytes) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(frame))
    }

    /// Writes the frame.
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.i32(self.protocol_version);
        writer.i32(self.timeout);
        writer.i64(self.session_id);
        self.password.write(&mut writer, FORM);
        write_read_only(&mut writer, self.read_only);
        writer.finish()
    }
}

/// Why a frame is not a request that a server takes.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestError {
    /// No operation has that number; the answer is `UNIMPLEMENTED`.
    Unimplemented(RequestHeader),
    /// The frame cannot be read; the answer is `MARSHALLING_ERROR` when the header could be, else
    /// the connection closes.
    Malformed {
        /// The header, when it could be read.
        header: Option<RequestHeader>,
        /// What is wrong.
        error: DecodeError,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unimplemented(header) => write!(f, "unknown operation {}", header.op),
            Self::Malformed { error, .. } => write!(f, "malformed request: {error}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Reads a request frame, any but the first of a connection.
pub fn decode_request(frame: &Bytes) -> Result<(RequestHeader, Request), RequestError> {
    read_request(&mut Reader::new(frame))
}

fn read_request(reader: &mut Reader) -> Result<(RequestHeader, Request), RequestError> {
    let header = match RequestHeader::read(reader, FORM) {
        Ok(header) => header,
        Err(error) => return Err(RequestError::Malformed { header: None, error }),
    };
    let Some(op) = OpCode::from_number(header.op) else {
        return Err(RequestError::Unimplemented(header));
    };
    match Request::read(reader, op) {
        Ok(request) => Ok((header, request)),
        Err(error) => Err(RequestError::Malformed { header: Some(header), error }),
    }
}

/// Writes a request frame.
pub fn encode_request(xid: i32, request: &Request) -> Bytes {
    let mut writer = Writer::new();
    RequestHeader { xid, op: request.op().number() }.write(&mut writer, FORM);
    request.write(&mut writer);
    writer.finish()
}

/// Reads the `xid` in front of a reply, which says what request it answers.
pub fn reply_xid(frame: &Bytes) -> Result<i32, DecodeError> {
    Reader::new(frame).i32()
}

/// Reads the header of a reply.
pub fn decode_reply_header(frame: &Bytes) -> Result<ReplyHeader, DecodeError> {
    jute::decode(frame)
}

/// Reads a reply frame, given the operation it answers. An error has no body.
pub fn decode_reply(
    frame: &Bytes,
    op: OpCode,
) -> Result<(ReplyHeader, Option<Reply>), DecodeError> {
    read_reply(&mut Reader::new(frame), op)
}

fn read_reply(
    reader: &mut Reader,
    op: OpCode,
) -> Result<(ReplyHeader, Option<Reply>), DecodeError> {
    let header = ReplyHeader::read(reader, FORM)?;
    let body = if header.err == 0 { Reply::read(reader, op)? } else { None };
    Ok((header, body))
}

/// Writes a reply frame; a reply without a body for those that have none and for errors.
pub fn encode_reply(xid: i32, zxid: i64, err: KeeperCode, body: Option<&Reply>) -> Bytes {
    let mut writer = Writer::new();
    ReplyHeader { xid, zxid, err: err.0 }.write(&mut writer, FORM);
    if let Some(body) = body {
        body.write(&mut writer);
    }
    writer.finish()
}

/// Reads the frame of a watch event: one whose `xid` is [`XID_NOTIFICATION`].
pub fn decode_event(frame: &Bytes) -> Result<WatcherEvent, DecodeError> {
    let mut reader = Reader::new(frame);
    ReplyHeader::read(&mut reader, FORM)?;
    WatcherEvent::read(&mut reader, FORM)
}

/// Writes the frame of a watch event.
pub fn encode_event(event: &WatcherEvent) -> Bytes {
    let mut writer = Writer::new();
    ReplyHeader { xid: XID_NOTIFICATION, zxid: -1, err: 0 }.write(&mut writer, FORM);
    event.write(&mut writer, FORM);
    writer.finish()
}

/// The operation that a reply with a reserved `xid` answers.
pub fn op_of_reserved_xid(xid: i32) -> Option<OpCode> {
    match xid {
        XID_PING => Some(OpCode::Ping),
        XID_AUTH => Some(OpCode::Auth),
        XID_SET_WATCHES => Some(OpCode::SetWatches),
        _ => None,
    }
}

/// What a frame is, as only its place in the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameShape {
    /// The first of the client.
    ConnectRequest,
    /// The first of the server.
    ConnectResponse,
    /// A request.
    Request,
    /// A reply to that operation.
    Reply(OpCode),
    /// A watch event.
    Event,
    /// The first frame on an election connection.
    ElectionHello,
    /// A vote.
    Vote,
    /// A packet between leader and follower.
    QuorumPacket,
}

/// The field tree of a frame, as far as it can be read.
pub fn describe(frame: &Bytes, shape: FrameShape) -> FieldNode {
    let mut reader = Reader::recording(frame);
    let (name, outcome) = match shape {
        FrameShape::ConnectRequest => {
            ("ConnectRequest".to_owned(), ConnectRequest::read(&mut reader).map(drop))
        }
        FrameShape::ConnectResponse => {
            ("ConnectResponse".to_owned(), ConnectResponse::read(&mut reader).map(drop))
        }
        FrameShape::Request => match read_request(&mut reader) {
            Ok((_, request)) => (format!("{} request", request.op().name()), Ok(())),
            Err(RequestError::Unimplemented(header)) => {
                (format!("operation {} request", header.op), Ok(()))
            }
            Err(RequestError::Malformed { error, .. }) => ("request".to_owned(), Err(error)),
        },
        FrameShape::Reply(op) => {
            (format!("{} reply", op.name()), read_reply(&mut reader, op).map(drop))
        }
        FrameShape::Event => {
            let event = ReplyHeader::read(&mut reader, FORM)
                .and_then(|_| WatcherEvent::read(&mut reader, FORM));
            ("watch event".to_owned(), event.map(drop))
        }
        FrameShape::ElectionHello => {
            let hello = quorum::ConnectionHello::read(&mut reader, FORM);
            ("election hello".to_owned(), hello.map(drop))
        }
        FrameShape::Vote => {
            ("vote".to_owned(), quorum::Notification::read(&mut reader, FORM).map(drop))
        }
        FrameShape::QuorumPacket => return quorum::describe_packet(frame),
    };
    reader.into_tree(name, outcome.as_ref().copied())
}
