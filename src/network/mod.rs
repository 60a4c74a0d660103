//! Layer 4: Kafka's network client: connections by node id, version negotiation, requests in
//! flight, back-off and time-outs; for brokers and clients alike. It never blocks: its owner hands
//! it the links' news and its wake-ups and gets back what happened.
//!
//! In Kafka: org.apache.kafka.clients.{NetworkClient, ClusterConnectionStates, InFlightRequests,
//! FetchSessionHandler}.

mod backoff;
mod client;
mod config;
mod event;
mod fetch_session_handler;
mod node;
mod versions;

#[cfg(test)]
pub(crate) mod testbed;

pub use backoff::ExponentialBackoff;
pub use client::{NetworkClient, SendOptions};
pub use config::NetworkConfig;
pub use event::{NetworkEvent, RequestFailure};
pub use fetch_session_handler::{
    FINAL_EPOCH, FetchSessionHandler, FetchSessionRequest, INITIAL_EPOCH, INVALID_SESSION_ID,
    next_session_epoch,
};
