//! Layer 4: the ZooKeeper session client inside brokers and tools. It keeps one session over
//! changing connections: finds a server, pings, reconnects, sets its watches again.
//!
//! Requests are answered in the order in which they were submitted. Those on the wire when a
//! connection is lost come back with `CONNECTION_LOSS`, and nobody knows whether they happened;
//! those not sent yet wait for the next connection.
//!
//! In ZooKeeper: `org.apache.zookeeper.ZooKeeper`, `ClientCnxn`. In Kafka:
//! `kafka.zookeeper.ZooKeeperClient`.

mod chroot;
mod client;
mod connect_string;
mod connection;
mod watch_registry;

pub use client::{CLIENT_CNXN, ZkClient};

use crate::wire::zookeeper::{KeeperCode, Reply};

/// What a client tells its owner.
#[derive(Clone, PartialEq, Debug)]
pub enum ZkEvent<T> {
    /// There is a connection, and the session stands.
    Connected {
        /// The session.
        session: i64,
        /// False when it is the session of an earlier connection.
        new_session: bool,
    },
    /// The connection is lost; the client looks for another one by itself.
    Disconnected,
    /// The session is over, its ephemeral znodes and watches are gone. The client does nothing more
    /// until [`ZkClient::connect`].
    Expired,
    /// The answer to a request.
    Reply {
        /// What the owner gave with the request.
        tag: T,
        /// The last transaction that the server had applied, −1 when no server answered.
        zxid: i64,
        /// The body, none for operations that have none; or the error.
        result: Result<Option<Reply>, KeeperCode>,
    },
    /// A watch fired.
    Watch {
        /// What happened: one of `wire::zookeeper::event_type`.
        kind: i32,
        /// To which znode.
        path: String,
    },
}
