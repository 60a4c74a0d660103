//! Layer 4: what brokers, clients and tools share about a cluster: where things lie in ZooKeeper
//! and in which JSON, how replicas are placed, which topic names and configs are valid, and what
//! the configs are when nobody sets them. Pure functions and plain values; nothing here acts.

pub mod broker_config;
pub mod config_def;
pub mod replica_assignment;
pub mod topic_config;
pub mod topic_name;
pub mod znode_data;
pub mod znode_path;

pub use broker_config::{BrokerConfig, DynamicBrokerConfig};
pub use config_def::{ConfigKey, ConfigType};
pub use replica_assignment::{AssignmentError, BrokerMetadata, assign_replicas_to_brokers};
pub use topic_config::TopicConfig;
pub use topic_name::InvalidTopicName;
