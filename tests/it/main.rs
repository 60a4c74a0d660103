//! The integration tests that run on this machine, in one program: one link instead of many.

mod administration;
mod broker_cluster;
mod cluster_runs;
mod cluster_transcripts;
mod ensemble_runs;
mod golden_disk;
mod golden_requests;
mod gossip;
mod group_runs;
mod lessons;
mod outside;
mod model_epoch_cache;
mod model_producer_state;
mod queue_runs;
mod same_everywhere;
mod tidy;
mod transcript;
mod volume_contract;
mod world_links;
mod world_outside;
mod world_replay;
mod zookeeper_bytes;
mod zookeeper_moves;
mod zookeeper_session;
mod zookeeper_shell;
mod zookeeper_transcripts;
