//! What the parts of a consumer share: its connections, its metadata, and the tags that lead an
//! answer back to the part that asked.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.ConsumerNetworkClient.

use super::metadata::Metadata;
use crate::base::{SortedMap, TopicPartition};
use crate::network::NetworkClient;

/// Which request an answer belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Metadata.
    Metadata,
    /// FindCoordinator.
    FindCoordinator,
    /// JoinGroup, of the attempt with this number.
    JoinGroup(u64),
    /// SyncGroup, of the attempt with this number.
    SyncGroup(u64),
    /// Heartbeat, of the attempt with this number.
    Heartbeat(u64),
    /// LeaveGroup.
    LeaveGroup,
    /// OffsetCommit with this number.
    OffsetCommit(u64),
    /// OffsetFetch, for the assignment with this number.
    OffsetFetch(u64),
    /// ListOffsets for these partitions, at these timestamps.
    ListOffsets(SortedMap<TopicPartition, i64>),
    /// ListOffsets for these partitions, for the inquiry with this number.
    OffsetsForTimes(u64, Vec<TopicPartition>),
    /// OffsetForLeaderEpoch for these partitions at these positions.
    OffsetsForLeaderEpoch(SortedMap<TopicPartition, i64>),
    /// Fetch of these partitions from these offsets.
    Fetch(SortedMap<TopicPartition, i64>),
}

/// Connections and metadata.
#[derive(Debug)]
pub struct Links {
    /// The connections. The coordinator has one of its own under a node id of its own, so that a
    /// waiting fetch never holds up a heartbeat.
    pub network: NetworkClient<Tag>,
    /// The metadata.
    pub metadata: Metadata,
}

impl Links {
    /// Partitions of each topic as far as the metadata know them, 0 for one they do not.
    pub fn partition_counts<'a>(
        &self,
        topics: impl Iterator<Item = &'a String>,
    ) -> SortedMap<String, i32> {
        let count = |topic: &String| self.metadata.partitions(topic).map_or(0, <[_]>::len) as i32;
        topics.map(|topic| (topic.clone(), count(topic))).collect()
    }
}
