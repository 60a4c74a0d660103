//! What an admin client can be told to do with topics that exist.

use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};

/// A command for an admin client; in Kafka each is a method of
/// `org.apache.kafka.clients.admin.Admin`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AdminCommand {
    /// Delete a topic (`deleteTopics`).
    DeleteTopic(String),
    /// Let a topic have so many partitions (`createPartitions`).
    CreatePartitions {
        /// Topic name.
        topic: String,
        /// How many it shall have, those it has included.
        count: i32,
    },
    /// Move a partition to other brokers, or take that back (`alterPartitionReassignments`).
    Reassign {
        /// The partition.
        partition: TopicPartition,
        /// Broker ids, the preferred leader first; none cancels the move that is under way.
        replicas: Vec<i32>,
    },
}
