//! What the fake cluster does with produce requests, idempotent ones too.

use super::FakeCluster;
use crate::base::{SortedMap, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::batch::RecordBatchView;
use crate::wire::kafka::*;

/// What one partition remembers of a producer: its epoch, and base sequence, last sequence and
/// offset of its batches.
#[derive(Default)]
struct Remembered {
    epoch: i16,
    batches: Vec<(i32, i32, i64)>,
}

/// Idempotent producers.
#[derive(Default)]
pub(crate) struct Producers {
    ids: i64,
    pub init_errors: Vec<ErrorCode>,
    known: SortedMap<(TopicPartition, i64), Remembered>,
}

impl Producers {
    pub(super) fn assign(&mut self) -> InitProducerIdResponse {
        if let Some(error_code) = self.init_errors.pop() {
            return InitProducerIdResponse { error_code, ..Default::default() };
        }
        self.ids += 1_000;
        InitProducerIdResponse { producer_id: self.ids, ..Default::default() }
    }

    /// The offset of a batch that is there already, or why it cannot be appended.
    fn check(&mut self, tp: &TopicPartition, batch: &RecordBatchView) -> Result<(), Answer> {
        if !batch.has_producer_id() {
            return Ok(());
        }
        let known = self.known.entry((tp.clone(), batch.producer_id())).or_default();
        let (base, last) = (batch.base_sequence(), batch.last_sequence());
        if batch.producer_epoch() < known.epoch {
            return Err(Answer::Refused(ErrorCode::INVALID_PRODUCER_EPOCH));
        }
        if batch.producer_epoch() > known.epoch {
            *known = Remembered { epoch: batch.producer_epoch(), batches: Vec::new() };
        }
        let same = known.batches.iter().find(|one| (one.0, one.1) == (base, last));
        if let Some((.., offset)) = same {
            return Err(Answer::Known(*offset));
        }
        let next = known.batches.last().map_or(0, |(_, last, _)| last + 1);
        if base != next {
            return Err(Answer::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        }
        Ok(())
    }

    fn remember(&mut self, tp: &TopicPartition, batch: &RecordBatchView, offset: i64) {
        if let Some(known) = self.known.get_mut(&(tp.clone(), batch.producer_id())) {
            known.batches.push((batch.base_sequence(), batch.last_sequence(), offset));
        }
    }
}

enum Answer {
    Known(i64),
    Refused(ErrorCode),
}

impl FakeCluster {
    pub(super) fn produce(&mut self, broker: i32, request: ProduceRequest) -> ProduceResponse {
        let forced = self.produce_errors.pop_front().filter(|error| error.is_error());
        let mut response = ProduceResponse::default();
        for topic in request.topic_data {
            let mut partition_responses = Vec::new();
            for data in topic.partition_data {
                let tp = TopicPartition::new(topic.name.clone(), data.index);
                let mut answer =
                    PartitionProduceResponse { index: data.index, ..Default::default() };
                let records = data.records.unwrap_or_default();
                if let Some(error) = forced {
                    answer.error_code = error;
                } else if self.leaders.get(&tp) != Some(&broker) {
                    answer.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
                } else {
                    let batch = RecordBatchView::first(&records).expect("a batch");
                    match self.producers.check(&tp, &batch) {
                        Err(Answer::Known(offset)) => answer.base_offset = offset,
                        Err(Answer::Refused(error)) => answer.error_code = error,
                        Ok(()) => {
                            answer.base_offset = self.append(&tp, &records);
                            self.producers.remember(&tp, &batch, answer.base_offset);
                        }
                    }
                }
                partition_responses.push(answer);
            }
            let name = topic.name;
            response.responses.push(TopicProduceResponse { name, partition_responses });
        }
        response
    }
}
