//! What a network client tells its owner.
//!
//! In Kafka: org.apache.kafka.clients.ClientResponse.

use crate::wire::kafka::AnyResponse;
use std::fmt;

/// One piece of news. Each request that was sent ends in exactly one of `Response`, `Sent` and
/// `Failed`, with the tag it was sent with.
#[derive(Clone, PartialEq, Debug)]
pub enum NetworkEvent<T> {
    /// A request was answered.
    Response {
        /// By whom.
        node: i32,
        /// The tag of the request.
        tag: T,
        /// Its correlation id.
        correlation_id: i32,
        /// The answer.
        response: AnyResponse,
    },
    /// A request that expects no answer (produce with acks=0) left.
    Sent {
        /// To whom.
        node: i32,
        /// The tag of the request.
        tag: T,
    },
    /// A request will not be answered. Whether it was carried out is not known, unless the failure
    /// says so.
    Failed {
        /// By whom.
        node: i32,
        /// The tag of the request.
        tag: T,
        /// Its correlation id, −1 when it was never sent.
        correlation_id: i32,
        /// Why.
        error: RequestFailure,
    },
    /// A connection stands and its versions are agreed on.
    Connected {
        /// With whom.
        node: i32,
    },
    /// A connection ended, or could not be established.
    Disconnected {
        /// With whom.
        node: i32,
    },
}

/// Why a request will not be answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RequestFailure {
    /// The connection ended or could not be established; also the node is not known.
    Disconnected,
    /// No answer within the request time-out.
    TimedOut,
    /// The two sides share no version of this API; the request was not sent.
    UnsupportedVersion,
    /// The answer could not be read; the connection was closed.
    BadResponse,
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "NETWORK_EXCEPTION: Disconnected from node",
            Self::TimedOut => "REQUEST_TIMED_OUT: The request timed out.",
            Self::UnsupportedVersion => "UNSUPPORTED_VERSION: The version of API is not supported.",
            Self::BadResponse => "CORRUPT_MESSAGE: The response could not be read",
        })
    }
}
