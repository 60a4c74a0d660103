//! What groups have written down for good, and when it was lost.

use crate::base::{SortedMap, TopicPartition, TraceEvent};

/// Where groups keep their offsets and generations (kafka.common.internals.Topic).
pub(super) const GROUP_METADATA_TOPIC_NAME: &str = "__consumer_offsets";

/// How far each partition of `__consumer_offsets` was committed.
#[derive(Default)]
pub(super) struct OffsetsTopic {
    committed: SortedMap<TopicPartition, i64>,
}

impl OffsetsTopic {
    /// Takes the next event; true when it tells that something committed is gone.
    pub fn loses(&mut self, event: &TraceEvent) -> bool {
        match event {
            TraceEvent::HighWatermarkAdvanced { partition, to, leader: true, .. }
                if partition.topic == GROUP_METADATA_TOPIC_NAME =>
            {
                let committed = self.committed.entry(partition.clone()).or_default();
                *committed = (*committed).max(*to);
                false
            }
            TraceEvent::BecameLeader { partition, start_offset, .. } => {
                match self.committed.get_mut(partition) {
                    Some(committed) if *committed > *start_offset => {
                        *committed = *start_offset;
                        true
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}
