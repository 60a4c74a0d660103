//! What a running consumer can be told to do: what its application would call on it.
//!
//! In Kafka: the methods of org.apache.kafka.clients.consumer.Consumer.

use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};

/// Where in the processing of a record an application dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CrashPoint {
    /// Poll has handed it out, nothing is done with it yet.
    Received,
    /// It is processed, and not acknowledged yet.
    Processed,
    /// It is processed and acknowledged.
    Acknowledged,
}

/// One command. An empty list of partitions means all that the consumer owns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ConsumerCommand {
    /// `seekToBeginning`, `seekToEnd`, or to the first record at a time.
    SeekTo {
        /// Beginning (−2), end (−1), or a time in ms.
        timestamp: i64,
        /// Which partitions.
        partitions: Vec<TopicPartition>,
    },
    /// `pause`: no records of these for now.
    Pause(Vec<TopicPartition>),
    /// `resume`.
    Resume(Vec<TopicPartition>),
    /// `commitSync` and `commitAsync`.
    Commit {
        /// Whether it is tried again until it succeeds or cannot.
        sync: bool,
        /// Particular offsets; none for the positions of all partitions.
        offsets: Vec<(TopicPartition, i64)>,
    },
    /// `subscribe(topics)`.
    Subscribe(Vec<String>),
    /// `subscribe(pattern)`.
    SubscribePattern(String),
    /// `assign(partitions)`: outside of any group.
    Assign(Vec<TopicPartition>),
    /// `unsubscribe`.
    Unsubscribe,
    /// `offsetsForTimes`.
    OffsetsForTimes {
        /// The time in ms.
        timestamp: i64,
        /// Which partitions.
        partitions: Vec<TopicPartition>,
    },
    /// `position`, `committed` and the lag of every partition.
    Positions,
    /// Each record takes that long from now on.
    ProcessFor {
        /// Microseconds.
        micros: u64,
    },
    /// The application dies at one of the next records.
    CrashAfter {
        /// At which one, from 1.
        records: u64,
        /// Where in its processing.
        point: CrashPoint,
    },
}
