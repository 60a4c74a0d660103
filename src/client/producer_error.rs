//! Why a record was given up, in Kafka's words. The text begins with the error's name where Kafka
//! has one.
//!
//! In Kafka: the exceptions that KafkaProducer.send throws or puts into its future.

use crate::base::TopicPartition;
use crate::network::RequestFailure;
use crate::wire::ErrorCode;
use std::fmt;

/// The reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendError {
    code: Option<ErrorCode>,
    message: String,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}: {}", code.name(), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl SendError {
    fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into() }
    }

    /// Kafka's error, if it has one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.code
    }

    /// Kafka's error name, or the sentence where there is none.
    pub fn name(&self) -> &str {
        self.code.map_or(self.message.as_str(), |code| code.name())
    }

    /// What a broker answered.
    pub fn broker(code: ErrorCode, message: Option<String>) -> Self {
        Self::of(code, message.unwrap_or_else(|| code.message().to_owned()))
    }

    /// What the metadata hold against a topic.
    pub fn topic(code: ErrorCode, topic: &str) -> Self {
        let message = match code {
            ErrorCode::INVALID_TOPIC_EXCEPTION => format!("Invalid topics: [{topic}]"),
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => {
                format!("Not authorized to access topics: [{topic}]")
            }
            code => code.message().to_owned(),
        };
        Self::of(code, message)
    }

    /// Larger than a request or than all memory, given as `limits`; none when it fits.
    pub fn too_large(size: usize, limits: (usize, usize)) -> Option<Self> {
        let (request, memory) = limits;
        let limit = if size > request {
            format!("{request}, which is the value of the max.request.size configuration.")
        } else if size > memory {
            "the total memory buffer you have configured with the buffer.memory configuration."
                .to_owned()
        } else {
            return None;
        };
        let message =
            format!("The message is {size} bytes when serialized which is larger than {limit}");
        Some(Self::of(ErrorCode::MESSAGE_TOO_LARGE, message))
    }

    /// The topic did not appear in `max.block.ms`.
    pub fn no_metadata(topic: &str, error: Option<ErrorCode>, waited_ms: u64) -> Self {
        let message = format!("Topic {topic} not present in metadata after {waited_ms} ms.");
        Self::of(error.unwrap_or(ErrorCode::REQUEST_TIMED_OUT), message)
    }

    /// The topic has fewer partitions.
    pub fn no_partition(topic: &str, partition: i32, count: usize, waited_ms: u64) -> Self {
        let message = format!(
            "Partition {partition} of topic {topic} with partition count {count} is not present \
             in metadata after {waited_ms} ms."
        );
        Self::of(ErrorCode::REQUEST_TIMED_OUT, message)
    }

    /// No memory came free in `max.block.ms`.
    pub fn no_memory(waited_ms: u64) -> Self {
        let message = format!(
            "Failed to allocate memory within the configured max blocking time {waited_ms} ms."
        );
        Self::of(ErrorCode::REQUEST_TIMED_OUT, message)
    }

    /// `delivery.timeout.ms` is over.
    pub fn expired(partition: &TopicPartition, records: usize, waited_ms: u64) -> Self {
        let message = format!(
            "Expiring {records} record(s) for {partition}:{waited_ms} ms has passed since batch \
             creation"
        );
        Self::of(ErrorCode::REQUEST_TIMED_OUT, message)
    }

    /// A partition number below zero.
    pub fn negative_partition(partition: i32) -> Self {
        let message = format!(
            "Invalid partition: {partition}. Partition number should always be non-negative or \
             null."
        );
        Self { code: None, message }
    }

    /// A timestamp below zero.
    pub fn negative_timestamp(timestamp: i64) -> Self {
        let message = format!(
            "Invalid timestamp: {timestamp}. Timestamp should always be non-negative or null."
        );
        Self { code: None, message }
    }

    /// The producer was closed.
    pub fn closed() -> Self {
        Self { code: None, message: "Producer closed while send in progress".to_owned() }
    }

    /// The error that a failed request stands for.
    pub fn code_of(failure: RequestFailure) -> ErrorCode {
        match failure {
            RequestFailure::UnsupportedVersion => ErrorCode::UNSUPPORTED_VERSION,
            RequestFailure::Disconnected
            | RequestFailure::TimedOut
            | RequestFailure::BadResponse => ErrorCode::NETWORK_EXCEPTION,
        }
    }

    /// True for errors that say that the leader is another one by now.
    ///
    /// In Kafka: the subclasses of InvalidMetadataException.
    pub fn is_stale_metadata(code: ErrorCode) -> bool {
        matches!(
            code,
            ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::LEADER_NOT_AVAILABLE
                | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::REPLICA_NOT_AVAILABLE
                | ErrorCode::NETWORK_EXCEPTION
                | ErrorCode::KAFKA_STORAGE_ERROR
                | ErrorCode::LISTENER_NOT_FOUND
                | ErrorCode::FENCED_LEADER_EPOCH
                | ErrorCode::UNKNOWN_LEADER_EPOCH
        )
    }
}
