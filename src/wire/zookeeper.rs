//! ZooKeeper's client protocol: sessions, operations, replies and watch events, as 3.5 has them.
//!
//! A connection starts with [`ConnectRequest`] and [`ConnectResponse`]; after that every request
//! has a [`RequestHeader`], every reply and event a [`ReplyHeader`]. Frames are without their
//! length prefix.
//!
//! In ZooKeeper: `org.apache.zookeeper.proto`, `ZooDefs.OpCode`, `ClientCnxn`.
//! Between servers: [`quorum`]. Left out: SASL and reconfiguration.

mod error;
mod frame;
mod multi;
mod operation;
pub mod quorum;
mod records;

#[cfg(test)]
mod tests;

pub use error::KeeperCode;
pub use frame::*;
pub use multi::{MultiOperation, MultiResult};
pub use operation::{OpCode, Reply, Request};
pub use records::*;

/// Any version of a znode will do.
pub const ANY_VERSION: i32 = -1;

/// `xid` of a watch event.
pub const XID_NOTIFICATION: i32 = -1;
/// `xid` of a ping.
pub const XID_PING: i32 = -2;
/// `xid` of an authentication.
pub const XID_AUTH: i32 = -4;
/// `xid` of re-armed watches.
pub const XID_SET_WATCHES: i32 = -8;

/// How a created znode lives, and whether its name gets a number: the `flags` of a create.
pub mod create_mode {
    /// Until it is deleted.
    pub const PERSISTENT: i32 = 0;
    /// As long as the session that created it.
    pub const EPHEMERAL: i32 = 1;
    /// Persistent, with a number.
    pub const PERSISTENT_SEQUENTIAL: i32 = 2;
    /// Ephemeral, with a number.
    pub const EPHEMERAL_SEQUENTIAL: i32 = 3;
    /// Until its last child is gone.
    pub const CONTAINER: i32 = 4;
    /// Until it has been left alone for a time.
    pub const PERSISTENT_WITH_TTL: i32 = 5;
    /// The same, with a number.
    pub const PERSISTENT_SEQUENTIAL_WITH_TTL: i32 = 6;
}

/// Kinds of watch events.
pub mod event_type {
    /// The state of the session changed; no znode did.
    pub const NONE: i32 = -1;
    /// The znode was created.
    pub const NODE_CREATED: i32 = 1;
    /// The znode was deleted.
    pub const NODE_DELETED: i32 = 2;
    /// The data of the znode changed.
    pub const NODE_DATA_CHANGED: i32 = 3;
    /// Children of the znode came or went.
    pub const NODE_CHILDREN_CHANGED: i32 = 4;

    /// Its name as ZooKeeper prints it.
    pub fn name(number: i32) -> &'static str {
        match number {
            NONE => "None",
            NODE_CREATED => "NodeCreated",
            NODE_DELETED => "NodeDeleted",
            NODE_DATA_CHANGED => "NodeDataChanged",
            NODE_CHILDREN_CHANGED => "NodeChildrenChanged",
            _ => "unknown event",
        }
    }
}

/// States of a session, as events carry them.
pub mod keeper_state {
    /// The connection is lost.
    pub const DISCONNECTED: i32 = 0;
    /// The client is connected.
    pub const SYNC_CONNECTED: i32 = 3;
    /// The session has expired.
    pub const EXPIRED: i32 = -112;
}

/// Permissions in an [`Acl`].
pub mod permission {
    /// Read data and children.
    pub const READ: i32 = 1;
    /// Write data.
    pub const WRITE: i32 = 2;
    /// Create children.
    pub const CREATE: i32 = 4;
    /// Delete children.
    pub const DELETE: i32 = 8;
    /// Set the access control list.
    pub const ADMIN: i32 = 16;
    /// All of them.
    pub const ALL: i32 = 31;
}

impl Acl {
    /// Anyone may do anything: what Kafka gives its znodes.
    pub fn open() -> Vec<Self> {
        vec![Self {
            perms: permission::ALL,
            id: Id { scheme: "world".to_owned(), id: "anyone".to_owned() },
        }]
    }
}
