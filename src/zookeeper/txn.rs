//! Transactions: what the log holds and what changes the tree. A request becomes a transaction that
//! says the outcome (the new version, the name of the sequential znode, the error), so that applying
//! it needs no decision.
//!
//! In ZooKeeper: `org.apache.zookeeper.txn.*` (jute), `server.util.SerializeUtils`.

use crate::wire::jute::FORM;
use crate::wire::schema::Field;
use crate::wire::zookeeper::{Acl, KeeperCode};
use crate::wire::{DecodeError, Reader, Writer};
use bytes::Bytes;

/// Operation codes of transactions (ZooDefs.OpCode).
mod code {
    pub(super) const CREATE: i32 = 1;
    pub(super) const DELETE: i32 = 2;
    pub(super) const SET_DATA: i32 = 5;
    pub(super) const SET_ACL: i32 = 7;
    pub(super) const CHECK: i32 = 13;
    pub(super) const MULTI: i32 = 14;
    pub(super) const CREATE2: i32 = 15;
    pub(super) const ERROR: i32 = -1;
    pub(super) const CREATE_SESSION: i32 = -10;
    pub(super) const CLOSE_SESSION: i32 = -11;
}

/// Who asked for a transaction, and its place in the order of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TxnHeader {
    /// The session.
    pub session: i64,
    /// The session's number for the request.
    pub cxid: i32,
    /// Its place.
    pub zxid: i64,
    /// When it was prepared (ms).
    pub time_ms: i64,
}

/// A transaction.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Txn {
    /// A znode is created.
    Create {
        /// True when the client asked for the stat too (create2).
        with_stat: bool,
        /// Its path, with the number of a sequential one.
        path: String,
        /// Its data.
        data: Option<Bytes>,
        /// Its ACL.
        acl: Vec<Acl>,
        /// Whether the session owns it.
        ephemeral: bool,
        /// The parent's count of created children after it.
        parent_cversion: i32,
    },
    /// A znode is deleted.
    Delete {
        /// Its path.
        path: String,
    },
    /// A znode gets new data.
    SetData {
        /// Its path.
        path: String,
        /// The data.
        data: Option<Bytes>,
        /// Its version after it.
        version: i32,
    },
    /// A znode gets a new ACL.
    SetAcl {
        /// Its path.
        path: String,
        /// The ACL.
        acl: Vec<Acl>,
        /// Its ACL version after it.
        version: i32,
    },
    /// A version was checked, as part of a multi.
    Check {
        /// The znode's path.
        path: String,
        /// The version after the one that was checked.
        version: i32,
    },
    /// Several at once.
    Multi(Vec<Txn>),
    /// A session begins.
    CreateSession {
        /// Its negotiated timeout.
        timeout_ms: i32,
    },
    /// A session ends, and its ephemeral znodes with it.
    CloseSession,
    /// The request failed; a failure has a place in the order too.
    Error(KeeperCode),
}

impl Txn {
    fn code(&self) -> i32 {
        match self {
            Self::Create { with_stat: false, .. } => code::CREATE,
            Self::Create { with_stat: true, .. } => code::CREATE2,
            Self::Delete { .. } => code::DELETE,
            Self::SetData { .. } => code::SET_DATA,
            Self::SetAcl { .. } => code::SET_ACL,
            Self::Check { .. } => code::CHECK,
            Self::Multi(_) => code::MULTI,
            Self::CreateSession { .. } => code::CREATE_SESSION,
            Self::CloseSession => code::CLOSE_SESSION,
            Self::Error(_) => code::ERROR,
        }
    }

    /// The operation in ZooKeeper's words, for the trace.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Create { with_stat: false, .. } => "create",
            Self::Create { with_stat: true, .. } => "create2",
            Self::Delete { .. } => "delete",
            Self::SetData { .. } => "setData",
            Self::SetAcl { .. } => "setACL",
            Self::Check { .. } => "check",
            Self::Multi(_) => "multi",
            Self::CreateSession { .. } => "createSession",
            Self::CloseSession => "closeSession",
            Self::Error(_) => "error",
        }
    }

    /// The path it is about: of a multi that of its first part that changes something, empty when
    /// it is about none.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Create { path, .. }
            | Self::Delete { path }
            | Self::SetData { path, .. }
            | Self::SetAcl { path, .. }
            | Self::Check { path, .. } => path,
            Self::Multi(parts) => {
                let mut changes = parts.iter().filter(|part| !matches!(part, Self::Check { .. }));
                changes.next().map_or("", Self::path)
            }
            Self::CreateSession { .. } | Self::CloseSession | Self::Error(_) => "",
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Create { path, data, acl, ephemeral, parent_cversion, .. } => {
                put(writer, path);
                put(writer, data);
                put(writer, acl);
                put(writer, ephemeral);
                put(writer, parent_cversion);
            }
            Self::Delete { path } => put(writer, path),
            Self::SetData { path, data, version } => {
                put(writer, path);
                put(writer, data);
                put(writer, version);
            }
            Self::SetAcl { path, acl, version } => {
                put(writer, path);
                put(writer, acl);
                put(writer, version);
            }
            Self::Check { path, version } => {
                put(writer, path);
                put(writer, version);
            }
            Self::Multi(parts) => {
                put(writer, &(parts.len() as i32));
                for part in parts {
                    let mut content = Writer::new();
                    part.write(&mut content);
                    put(writer, &part.code());
                    put(writer, &content.finish());
                }
            }
            Self::CreateSession { timeout_ms } => put(writer, timeout_ms),
            Self::CloseSession => {}
            Self::Error(error) => put(writer, &error.0),
        }
    }

    fn read(reader: &mut Reader, code: i32) -> Result<Self, DecodeError> {
        Ok(match code {
            code::CREATE | code::CREATE2 => Self::Create {
                with_stat: code == code::CREATE2,
                path: get(reader)?,
                data: get(reader)?,
                acl: get(reader)?,
                ephemeral: get(reader)?,
                parent_cversion: get(reader)?,
            },
            code::DELETE => Self::Delete { path: get(reader)? },
            code::SET_DATA => {
                Self::SetData { path: get(reader)?, data: get(reader)?, version: get(reader)? }
            }
            code::SET_ACL => {
                Self::SetAcl { path: get(reader)?, acl: get(reader)?, version: get(reader)? }
            }
            code::CHECK => Self::Check { path: get(reader)?, version: get(reader)? },
            code::MULTI => Self::Multi(read_parts(reader)?),
            code::CREATE_SESSION => Self::CreateSession { timeout_ms: get(reader)? },
            code::CLOSE_SESSION => Self::CloseSession,
            code::ERROR => Self::Error(KeeperCode(get(reader)?)),
            _ => {
                let at = reader.position();
                return Err(DecodeError::InvalidValue { at, expected: "a transaction type" });
            }
        })
    }
}

/// Writes a value as jute does.
pub(super) fn put<T: Field>(writer: &mut Writer, value: &T) {
    value.write(writer, FORM);
}

/// Reads a value as jute writes it.
pub(super) fn get<T: Field>(reader: &mut Reader) -> Result<T, DecodeError> {
    T::read(reader, FORM)
}

/// The parts of a multi; none of them can be a multi again.
fn read_parts(reader: &mut Reader) -> Result<Vec<Txn>, DecodeError> {
    let count: i32 = get(reader)?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let (at, code) = (reader.position(), get(reader)?);
        if code == code::MULTI {
            return Err(DecodeError::InvalidValue { at, expected: "a part of a multi" });
        }
        let content: Bytes = get(reader)?;
        parts.push(Txn::read(&mut Reader::new(&content), code)?);
    }
    Ok(parts)
}

/// The transaction as a record of the log.
pub(super) fn encode(header: &TxnHeader, txn: &Txn) -> Bytes {
    let mut writer = Writer::new();
    put(&mut writer, &header.session);
    put(&mut writer, &header.cxid);
    put(&mut writer, &header.zxid);
    put(&mut writer, &header.time_ms);
    put(&mut writer, &txn.code());
    txn.write(&mut writer);
    writer.finish()
}

/// Reads a record of the log.
pub(super) fn decode(record: &Bytes) -> Result<(TxnHeader, Txn), DecodeError> {
    let mut reader = Reader::new(record);
    let header = TxnHeader {
        session: get(&mut reader)?,
        cxid: get(&mut reader)?,
        zxid: get(&mut reader)?,
        time_ms: get(&mut reader)?,
    };
    let code = get(&mut reader)?;
    Ok((header, Txn::read(&mut reader, code)?))
}
