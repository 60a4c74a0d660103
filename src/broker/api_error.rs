//! What an admin request ends with for one topic, partition or resource: a code, and a sentence where
//! there is one.
//!
//! In Kafka: org.apache.kafka.common.requests.ApiError.

use crate::wire::ErrorCode;

/// An error with its sentence, if it has one of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// The sentence; null on the wire when there is none.
    pub message: Option<String>,
}

impl ApiError {
    /// An error with a sentence of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// An error with the sentence that always goes with its code.
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }

    /// An error without a sentence; success among them.
    pub fn bare(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// No error.
    pub fn none() -> Self {
        Self::bare(ErrorCode::NONE)
    }
}
