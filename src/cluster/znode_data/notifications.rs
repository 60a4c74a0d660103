//! What brokers write for the controller to read.

use super::{BadZnode, ElectionJson, parse};
use crate::base::{SortedSet, TopicPartition};
use serde::Deserialize;

/// `/isr_change_notification/isr_change_N`: partitions whose leader, a broker of old, changed the ISR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IsrChangeNotification(pub SortedSet<TopicPartition>);

impl IsrChangeNotification {
    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        let value: ElectionJson = parse("the ISR change notification from zookeeper", data)?;
        let partitions = value.partitions.into_iter();
        Ok(Self(partitions.map(|one| TopicPartition::new(one.topic, one.partition)).collect()))
    }
}

/// `/log_dir_event_notification/log_dir_event_N`: a broker has lost a log directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct LogDirEvent {
    /// The broker.
    pub broker: i32,
}

impl LogDirEvent {
    /// Reads its JSON.
    pub fn from_json(data: &[u8]) -> Result<Self, BadZnode> {
        parse("the log directory event from zookeeper", data)
    }
}
