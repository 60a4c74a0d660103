//! Kafkarium: a living Kafka cluster, written as pure state machines that a native program or a
//! browser tab brings to life. Modules stand in layers, and each imports only lower ones
//! (ARCHITECTURE.md has the map, `tests/it/tidy.rs` enforces it).

pub mod base;
pub mod broker;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod host;
pub mod lesson;
pub mod log;
pub mod network;
pub mod node;
pub mod queue;
#[cfg(target_arch = "wasm32")]
pub mod ui;
pub mod wire;
pub mod world;
pub mod zk_client;
pub mod zookeeper;
