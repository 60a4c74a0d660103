//! One handler an API: a request in, what to do about it out. Handlers see the broker's state and
//! never a connection.
//!
//! In Kafka: `kafka.server.KafkaApis`.

pub mod api_versions;
pub mod delete_records;
pub mod describe_cluster;
pub mod describe_log_dirs;
pub mod fetch;
pub mod init_producer_id;
pub mod leader_and_isr;
pub mod list_offsets;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod stop_replica;
pub mod update_metadata;

use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyRequest, AnyResponse, FetchResponse, FetchablePartitionResponse, FetchableTopicResponse,
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

/// What became of a request.
#[derive(Clone, PartialEq, Debug)]
pub enum Handled {
    /// It is answered.
    Reply(AnyResponse),
    /// It is answered later.
    Later,
    /// It has no answer.
    NoReply,
    /// The connection is closed, for this reason.
    Close(String),
}

impl<T: Into<AnyResponse>> From<T> for Handled {
    fn from(response: T) -> Self {
        Self::Reply(response.into())
    }
}

/// Refuses a request of the controller that was meant for an earlier life of this broker. −1 stands
/// for a controller that does not know of broker epochs.
///
/// In Kafka: `KafkaApis.isBrokerEpochStale`, KIP-380.
pub fn check_broker_epoch(in_request: i64, own: i64) -> Result<(), ErrorCode> {
    let is_stale = in_request != -1 && in_request < own;
    if is_stale { Err(ErrorCode::STALE_BROKER_EPOCH) } else { Ok(()) }
}

/// The answer to a request of a version that Kafka has and this broker does not: old message
/// formats. Others have no form for that answer, and their connection is closed.
pub fn unsupported(request: &AnyRequest) -> Option<AnyResponse> {
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    match request {
        AnyRequest::Produce(request) => {
            let topics = request.topic_data.iter().map(|topic| TopicProduceResponse {
                name: topic.name.clone(),
                partition_responses: topic
                    .partition_data
                    .iter()
                    .map(|data| PartitionProduceResponse {
                        index: data.index,
                        error_code,
                        base_offset: -1,
                        ..Default::default()
                    })
                    .collect(),
            });
            let responses = topics.collect();
            Some(ProduceResponse { responses, ..Default::default() }.into())
        }
        AnyRequest::Fetch(request) => {
            let topics = request.topics.iter().map(|topic| FetchableTopicResponse {
                topic: topic.topic.clone(),
                partition_responses: topic
                    .partitions
                    .iter()
                    .map(|wanted| FetchablePartitionResponse {
                        partition: wanted.partition,
                        error_code,
                        high_watermark: -1,
                        ..Default::default()
                    })
                    .collect(),
            });
            let responses = topics.collect();
            Some(FetchResponse { responses, ..Default::default() }.into())
        }
        _ => None,
    }
}
