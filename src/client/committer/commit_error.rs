//! Why a commit failed, in Kafka's words, with the error's name in front where it has one.
//!
//! In Kafka: org.apache.kafka.clients.consumer.CommitFailedException,
//! org.apache.kafka.common.errors.RebalanceInProgressException.

use crate::client::group_member::NotActive;
use crate::wire::ErrorCode;

const GONE: &str = "Commit cannot be completed since the group has already rebalanced and assigned \
    the partitions to another member. This means that the time between subsequent calls to poll() \
    was longer than the configured max.poll.interval.ms, which typically implies that the poll \
    loop is spending too much time message processing. You can address this either by increasing \
    max.poll.interval.ms or by reducing the maximum size of batches returned in poll() with \
    max.poll.records.";
const REBALANCING: &str = "Offset commit cannot be completed since the consumer group is executing \
    a rebalance at the moment. You can try completing the rebalance by calling poll() and then \
    retry commit again";

/// What a broker answered.
pub(super) fn of(error: ErrorCode) -> String {
    let message = match error {
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => GONE,
        ErrorCode::REBALANCE_IN_PROGRESS => REBALANCING,
        error if error.is_retriable() => {
            "Offset commit failed with a retriable exception. You should retry committing the \
             latest consumed offsets."
        }
        error => error.message(),
    };
    format!("{}: {message}", error.name())
}

/// The consumer is no active member.
pub(super) fn of_membership(reason: NotActive) -> String {
    match reason {
        NotActive::Rebalancing => {
            "REBALANCE_IN_PROGRESS: Offset commit cannot be completed since the consumer is \
             undergoing a rebalance for auto partition assignment. You can try completing the \
             rebalance by calling poll() and then retry the operation."
        }
        NotActive::Outside => {
            "CommitFailedException: Offset commit cannot be completed since the consumer is not \
             part of an active group for auto partition assignment; it is likely that the consumer \
             was kicked out of the group."
        }
    }
    .to_owned()
}

/// There is no coordinator to be found.
pub(super) fn for_now(is_late: bool) -> String {
    if is_late {
        "REQUEST_TIMED_OUT: Timeout expired before successfully committing offsets".to_owned()
    } else {
        of(ErrorCode::COORDINATOR_NOT_AVAILABLE)
    }
}

/// There is no group.
pub(super) fn no_group() -> String {
    "INVALID_GROUP_ID: To use the group management or offset commit APIs, you must provide a valid \
     group.id in the consumer configuration."
        .to_owned()
}
