//! The producer's other half: requests leave, answers come in, batches are sent again, split, given
//! up or acknowledged.
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.Sender.

use super::{Completion, Producer, Tag};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, TopicPartition, TraceEvent};
use crate::client::producer_batch::{PendingRecord, ProducerBatch};
use crate::client::producer_error::SendError;
use crate::network::NetworkEvent;
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, InitProducerIdRequest, InitProducerIdResponse, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};

const SENDER: &str = "org.apache.kafka.clients.producer.internals.Sender";
const TRANSACTION_MANAGER: &str = "org.apache.kafka.clients.producer.internals.TransactionManager";

/// What a request brought for one batch that was not appended.
struct Refusal {
    error: ErrorCode,
    message: Option<String>,
    log_start_offset: i64,
    correlation_id: i32,
}

impl Refusal {
    fn of(error: ErrorCode, correlation_id: i32) -> Self {
        Self { error, message: None, log_start_offset: -1, correlation_id }
    }
}

impl Producer {
    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, logger: &str, text: &str) {
        ctx.log(level, logger, self.config.log_context() + text);
    }

    pub(super) fn on_events(&mut self, events: Vec<NetworkEvent<Tag>>, ctx: &mut Ctx<'_>) {
        for event in events {
            match event {
                NetworkEvent::Response { tag, response, correlation_id, .. } => {
                    self.on_response(tag, response, correlation_id, ctx);
                }
                NetworkEvent::Sent { tag: Tag::Produce(id), .. } => {
                    for batch in self.in_flight.remove(&id).unwrap_or_default() {
                        self.complete(batch, -1, ctx);
                    }
                }
                NetworkEvent::Failed { tag, error, correlation_id, .. } => {
                    self.on_failure(
                        tag,
                        Refusal::of(SendError::code_of(error), correlation_id),
                        ctx,
                    );
                }
                NetworkEvent::Disconnected { .. } => self.metadata.request_update(),
                NetworkEvent::Sent { .. } | NetworkEvent::Connected { .. } => {}
            }
        }
    }

    fn on_response(
        &mut self,
        tag: Tag,
        response: AnyResponse,
        correlation_id: i32,
        ctx: &mut Ctx<'_>,
    ) {
        match (tag, response) {
            (Tag::Metadata, AnyResponse::Metadata(response)) => {
                self.metadata.on_response(correlation_id, response, &mut self.network, ctx);
            }
            (Tag::InitProducerId, AnyResponse::InitProducerId(response)) => {
                self.on_producer_id(Some(&response), ctx);
            }
            (Tag::Produce(id), AnyResponse::Produce(response)) => {
                self.on_produce(id, &response, correlation_id, ctx);
            }
            (tag, _) => {
                let refusal = Refusal::of(ErrorCode::UNKNOWN_SERVER_ERROR, correlation_id);
                self.on_failure(tag, refusal, ctx);
            }
        }
    }

    fn on_failure(&mut self, tag: Tag, refusal: Refusal, ctx: &mut Ctx<'_>) {
        match tag {
            Tag::Metadata => self.metadata.on_failure(),
            Tag::InitProducerId => self.on_producer_id(None, ctx),
            Tag::Produce(id) => {
                let Refusal { error, correlation_id, .. } = refusal;
                for batch in self.in_flight.remove(&id).unwrap_or_default() {
                    self.on_refused(batch, Refusal::of(error, correlation_id), ctx);
                }
            }
        }
    }

    fn on_producer_id(&mut self, response: Option<&InitProducerIdResponse>, ctx: &mut Ctx<'_>) {
        let Some(sequences) = &mut self.sequences else { return };
        sequences.on_response(response, ctx.now());
        if let Some(producer) = sequences.producer() {
            let text = format!("ProducerId set to {} with epoch {}", producer.id, producer.epoch);
            self.log(ctx, LogLevel::Info, TRANSACTION_MANAGER, &text);
        }
    }

    fn on_produce(
        &mut self,
        id: u64,
        response: &ProduceResponse,
        correlation_id: i32,
        ctx: &mut Ctx<'_>,
    ) {
        for batch in self.in_flight.remove(&id).unwrap_or_default() {
            let topic = response.responses.iter().find(|topic| topic.name == batch.partition.topic);
            let answer = topic.and_then(|topic| {
                let number = batch.partition.partition;
                topic.partition_responses.iter().find(|answer| answer.index == number)
            });
            match answer {
                Some(answer) if answer.error_code.is_ok() => {
                    self.complete(batch, answer.base_offset, ctx);
                }
                Some(_) if is_planted(Mutant::IgnoreProduceError) => self.complete(batch, 0, ctx),
                Some(answer) => {
                    let PartitionProduceResponse { error_code, log_start_offset, .. } = answer;
                    let refusal = Refusal {
                        error: *error_code,
                        message: answer.error_message.clone(),
                        log_start_offset: *log_start_offset,
                        correlation_id,
                    };
                    self.on_refused(batch, refusal, ctx);
                }
                None => {
                    let refusal = Refusal::of(ErrorCode::UNKNOWN_SERVER_ERROR, correlation_id);
                    self.on_refused(batch, refusal, ctx);
                }
            }
        }
    }

    /// In Kafka: Sender.completeBatch.
    fn on_refused(&mut self, batch: ProducerBatch, refusal: Refusal, ctx: &mut Ctx<'_>) {
        let Refusal { error, correlation_id, .. } = refusal;
        self.accumulator.unmute(&batch.partition);
        let partition = batch.partition.clone();
        let left = i64::from(self.config.retries) - i64::from(batch.attempts) - 1;
        let name = error.name();
        if error == ErrorCode::MESSAGE_TOO_LARGE && batch.records.len() > 1 {
            let text = format!(
                "Got error produce response in correlation id {correlation_id} on topic-partition \
                 {partition}, splitting and retrying ({left} attempts left). Error: {name}"
            );
            self.log(ctx, LogLevel::Warn, SENDER, &text);
            self.split(batch);
            return;
        }
        if SendError::is_stale_metadata(error) {
            self.metadata.request_update();
        }
        if self.may_retry(&batch, &refusal, ctx) {
            let text = format!(
                "Got error produce response with correlation id {correlation_id} on \
                 topic-partition {partition}, retrying ({left} attempts left). Error: {name}"
            );
            self.log(ctx, LogLevel::Warn, SENDER, &text);
            self.retries += batch.records.len() as u64;
            for record in &batch.records {
                ctx.trace(TraceEvent::RecordRetried {
                    record: record.number,
                    partition: partition.clone(),
                    error: name.to_owned(),
                });
            }
            self.accumulator.reenqueue(batch, ctx.now());
        } else if error == ErrorCode::DUPLICATE_SEQUENCE_NUMBER {
            // The broker has it, so long ago that it does not remember where.
            self.complete(batch, -1, ctx);
        } else {
            let may_be_written = batch.attempts >= self.config.retries;
            self.fail_batch(batch, &SendError::broker(error, refusal.message), may_be_written, ctx);
        }
    }

    /// In Kafka: Sender.canRetry.
    fn may_retry(&mut self, batch: &ProducerBatch, refusal: &Refusal, ctx: &Ctx<'_>) -> bool {
        let expires = batch.created + self.config.delivery_timeout;
        if batch.attempts >= self.config.retries || expires <= ctx.now() {
            return false;
        }
        match (&mut self.sequences, batch.sequence) {
            (Some(sequences), Some(numbers)) => {
                let Refusal { error, log_start_offset, .. } = *refusal;
                sequences.may_retry(&batch.partition, numbers, error, log_start_offset)
            }
            _ => refusal.error.is_retriable(),
        }
    }

    fn split(&mut self, batch: ProducerBatch) {
        let (partition, whole) = (batch.partition.clone(), batch.sequence);
        let halves = batch.split();
        if let (Some(sequences), Some(whole)) = (&mut self.sequences, whole) {
            let bases = halves.iter().filter_map(|half| half.sequence.map(|part| part.base));
            sequences.on_split(&partition, whole, bases);
        }
        for half in halves.into_iter().rev() {
            self.accumulator.put_back(half);
        }
    }

    fn complete(&mut self, batch: ProducerBatch, base_offset: i64, ctx: &mut Ctx<'_>) {
        self.accumulator.unmute(&batch.partition);
        self.accumulator.release(&batch);
        if let (Some(sequences), Some(numbers)) = (&mut self.sequences, batch.sequence) {
            sequences.on_completed(&batch.partition, numbers);
        }
        let acks = self.config.acks;
        for (index, record) in (0..).zip(batch.records) {
            let offset = if base_offset < 0 { -1 } else { base_offset.saturating_add(index) };
            let partition = batch.partition.clone();
            ctx.trace(TraceEvent::RecordAcknowledged {
                record: record.number,
                partition: partition.clone(),
                offset,
                acks,
                checksum: record.checksum,
            });
            self.finish(record, Ok((partition, offset)));
        }
    }

    /// Gives a batch up. `may_be_written` says that a broker may have it for all we know.
    fn fail_batch(
        &mut self,
        batch: ProducerBatch,
        error: &SendError,
        may_be_written: bool,
        ctx: &mut Ctx<'_>,
    ) {
        self.accumulator.release(&batch);
        if let (Some(sequences), Some(numbers)) = (&mut self.sequences, batch.sequence) {
            let code = error.code().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            sequences.on_failed(&batch.partition, numbers, code, may_be_written);
        }
        for record in batch.records {
            self.fail(record, error.clone(), ctx);
        }
    }

    pub(super) fn fail(&mut self, record: PendingRecord, error: SendError, ctx: &mut Ctx<'_>) {
        ctx.trace(TraceEvent::RecordFailed {
            record: record.number,
            error: error.name().to_owned(),
        });
        self.finish(record, Err(error));
    }

    fn finish(&mut self, record: PendingRecord, result: Result<(TopicPartition, i64), SendError>) {
        self.unfinished = self.unfinished.saturating_sub(1);
        self.completions.push(Completion { record, result });
    }

    pub(super) fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let (now, timeout) = (ctx.now(), self.config.delivery_timeout);
        let mut expired = self.accumulator.take_expired(now);
        for batches in self.in_flight.values_mut() {
            while let Some(late) = batches.iter().position(|batch| batch.created + timeout <= now) {
                expired.push(batches.remove(late));
            }
        }
        for batch in expired {
            let partition = batch.partition.clone();
            self.accumulator.unmute(&partition);
            let waited_ms = now.since(batch.created).as_millis();
            let error = SendError::expired(&partition, batch.records.len(), waited_ms);
            let was_retried = batch.attempts > 0 && batch.sequence.is_some();
            self.fail_batch(batch, &error, true, ctx);
            if let Some(sequences) = self.sequences.as_mut().filter(|_| was_retried) {
                sequences.on_unresolved(&partition);
            }
        }
    }

    /// Keeps the producer idempotent: asks for a producer id, begins numbers again where a gap
    /// cannot be closed, gives everything up when there is no id to be had.
    ///
    /// In Kafka: Sender.runOnce.
    pub(super) fn run_sequences(&mut self, ctx: &mut Ctx<'_>) {
        let Some(sequences) = &mut self.sequences else { return };
        sequences.resolve();
        for partition in sequences.bump() {
            let sent = self.in_flight.values_mut().flatten();
            let sent = sent.filter(|batch| batch.partition == partition);
            let all = sent.chain(self.accumulator.waiting_mut(&partition));
            let mut numbered: Vec<_> = all.filter(|batch| batch.sequence.is_some()).collect();
            numbered.sort_by_key(|batch| batch.sequence.map(|numbers| numbers.base));
            let counts = numbered.iter().map(|batch| batch.records.len() as i32);
            let again = sequences.begin_again(&partition, counts);
            for (batch, numbers) in numbered.into_iter().zip(again) {
                batch.set_sequence(numbers);
            }
        }
        if let Some(error) = sequences.failure() {
            let error = SendError::broker(error, None);
            for batch in self.accumulator.take_all() {
                self.fail_batch(batch, &error, true, ctx);
            }
        } else if sequences.next_ask().is_some_and(|at| at <= ctx.now())
            && let Some(node) = self.metadata.any_broker(&self.network, ctx)
            && sequences.asks(ctx.now())
        {
            let request = InitProducerIdRequest {
                transaction_timeout_ms: i32::MAX,
                ..InitProducerIdRequest::default()
            };
            self.network.send(node, request, Tag::InitProducerId, ctx);
        }
    }

    /// In Kafka: Sender.sendProducerData.
    pub(super) fn send_batches(&mut self, ctx: &mut Ctx<'_>) {
        let ready = self.accumulator.ready(ctx.now());
        let mut nodes: Vec<i32> = Vec::new();
        for partition in &ready {
            match self.metadata.leader(partition) {
                Some((leader, _)) => nodes.push(leader),
                None => self.metadata.request_update(),
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            while self.network.ready(node, ctx) {
                let size_max = self.config.max_request_size;
                let Self { sequences, accumulator, metadata, .. } = self;
                let may_leave = |batch: &ProducerBatch| {
                    let sequences = sequences.as_ref();
                    sequences.is_none_or(|known| known.may_leave(&batch.partition, batch.sequence))
                };
                let batches = accumulator.drain(node, metadata, size_max, may_leave, ctx.now());
                if batches.is_empty() {
                    break;
                }
                self.send_request(node, batches, ctx);
            }
        }
    }

    fn send_request(&mut self, node: i32, mut batches: Vec<ProducerBatch>, ctx: &mut Ctx<'_>) {
        let mut topics: SortedMap<String, Vec<PartitionProduceData>> = SortedMap::new();
        for batch in &mut batches {
            if let Some(sequences) = self.sequences.as_mut().filter(|_| batch.sequence.is_none()) {
                batch.sequence = sequences.assign(&batch.partition, batch.records.len() as i32);
            }
            let (index, records) = (batch.partition.partition, Some(batch.seal()));
            if batch.attempts == 0 {
                self.accumulator.learn_ratio(batch);
            }
            let partitions = topics.entry(batch.partition.topic.clone()).or_default();
            partitions.push(PartitionProduceData { index, records });
            if self.config.network.max_in_flight == 1 {
                self.accumulator.mute(&batch.partition);
            }
        }
        let topics = topics.into_iter();
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.config.acks,
            timeout_ms: self.config.network.request_timeout.as_millis() as i32,
            topic_data: topics
                .map(|(name, partition_data)| TopicProduceData { name, partition_data })
                .collect(),
        };
        let id = self.next_request;
        self.next_request += 1;
        self.in_flight.insert(id, batches);
        self.network.send(node, request, Tag::Produce(id), ctx);
    }
}
