//! Layer 5: a Kafka broker: its socket server and request handlers, replicas, fetchers, purgatories
//! and metadata cache, and the controller and group coordinator that live in it.

pub mod action;
pub mod admin_manager;
pub mod alter_isr;
pub mod api_error;
pub mod changes;
pub mod controller;
pub mod delayed_elect_leader;
pub mod fetch_session;
pub mod fetcher;
pub mod group;
pub mod handlers;
pub mod kafka_zk;
pub mod loggers;
pub mod meta_properties;
pub mod metadata_cache;
pub mod partition;
pub mod producer_id_manager;
pub mod purgatory;
pub mod replica_manager;
pub mod server;
pub mod socket_server;

pub use server::Broker;
