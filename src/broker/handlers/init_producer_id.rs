//! InitProducerId: an id for an idempotent producer.
//!
//! In Kafka: `KafkaApis.handleInitProducerIdRequest`, `TransactionCoordinator.handleInitProducerId`.
//! Left out: transactional ids, of which no broker is the coordinator yet.

use crate::wire::ErrorCode;
use crate::wire::batch::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::wire::kafka::{InitProducerIdRequest, InitProducerIdResponse};

/// The answer to a request that no id is drawn for.
pub fn refusal(request: &InitProducerIdRequest) -> Option<InitProducerIdResponse> {
    // Id and epoch of before come together or not at all (KIP-360).
    let has_id = request.producer_id != NO_PRODUCER_ID;
    let has_epoch = request.producer_epoch != NO_PRODUCER_EPOCH;
    let error_code = match &request.transactional_id {
        _ if has_id != has_epoch => ErrorCode::INVALID_REQUEST,
        None => return None,
        Some(id) if id.is_empty() => ErrorCode::INVALID_REQUEST,
        Some(_) => ErrorCode::NOT_COORDINATOR,
    };
    Some(InitProducerIdResponse {
        error_code,
        producer_epoch: NO_PRODUCER_EPOCH,
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_request_draws_an_id() {
        let ask = |transactional_id: Option<&str>, producer_id, producer_epoch| {
            let request = InitProducerIdRequest {
                transactional_id: transactional_id.map(str::to_owned),
                producer_id,
                producer_epoch,
                ..Default::default()
            };
            refusal(&request).map(|response| response.error_code)
        };
        assert_eq!(ask(None, -1, -1), None);
        assert_eq!(ask(None, 5, 0), None, "a bumped epoch is a new id without transactions");
        assert_eq!(ask(None, 5, -1), Some(ErrorCode::INVALID_REQUEST));
        assert_eq!(ask(None, -1, 0), Some(ErrorCode::INVALID_REQUEST));
        assert_eq!(ask(Some(""), -1, -1), Some(ErrorCode::INVALID_REQUEST));
        assert_eq!(ask(Some("x"), -1, -1), Some(ErrorCode::NOT_COORDINATOR));
    }
}
