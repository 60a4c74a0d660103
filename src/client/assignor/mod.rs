//! How the leader of a group shares out partitions among its members: pure functions.
//!
//! In Kafka: org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.

pub mod range;
