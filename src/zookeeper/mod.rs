//! Layer 3: a ZooKeeper 3.5 server: data tree, sessions, watches, transaction log and snapshots,
//! and the pipeline that a request takes through them. In an ensemble ([`quorum`]) election,
//! synchronisation and broadcast take the place of the pipeline.
//!
//! In ZooKeeper: `org.apache.zookeeper.server`.

mod acl_cache;
mod auth;
mod config;
mod connections;
mod database;
mod digest;
mod four_letter;
mod path;
mod picture;
mod pipeline;
mod prep;
mod quorum;
mod read;
mod server;
mod session;
mod snapshot;
mod tree;
mod txn;
mod txn_log;
mod watch;
mod written;

pub use four_letter::is_four_letter_word;
pub use server::ZooKeeperServer;
