//! The producer: records go in, one completion for each comes out. It never blocks; where Kafka's
//! `send` would block its caller, for metadata or for memory, records wait here in their order.
//!
//! In Kafka: org.apache.kafka.clients.producer.KafkaProducer, internals.Sender. Left out so far:
//! idempotence, transactions, compression.

use super::accumulator::{Accumulator, Append};
use super::metadata::Metadata;
use super::partitioner::Partitioner;
use super::producer_batch::{PendingRecord, ProducerBatch};
use super::producer_config::ProducerConfig;
use super::producer_error::SendError;
use crate::base::timers::Wakeup;
use crate::base::{ConnId, SortedMap, Time, TopicPartition, TraceEvent};
use crate::network::{NetworkClient, NetworkEvent};
use crate::node::{Ctx, LinkInput};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyResponse, PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;

/// A record to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerRecord {
    /// Topic.
    pub topic: Rc<str>,
    /// Explicit partition, if any.
    pub partition: Option<i32>,
    /// Key, if any.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
}

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The record.
    pub record: PendingRecord,
    /// Where it is, offset −1 when the broker was not asked; or why it was given up.
    pub result: Result<(TopicPartition, i64), SendError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tag {
    Metadata,
    Produce(u64),
}

/// A record for which the caller of `send` is kept waiting.
#[derive(Debug)]
struct Blocked {
    record: PendingRecord,
    /// Since when it is the first to wait, with the time at which it is given up.
    deadline: Option<Time>,
}

/// What became of an attempt to move a record into the accumulator.
enum Admission {
    Admitted,
    /// For metadata or memory.
    Waits(PendingRecord),
    Refused(PendingRecord, SendError),
}

/// A producer.
#[derive(Debug)]
pub struct Producer {
    config: ProducerConfig,
    network: NetworkClient<Tag>,
    metadata: Metadata,
    partitioner: Partitioner,
    accumulator: Accumulator,
    blocked: VecDeque<Blocked>,
    in_flight: SortedMap<u64, Vec<ProducerBatch>>,
    next_request: u64,
    next_record: u64,
    retries: u64,
    unfinished: u64,
    completions: Vec<Completion>,
}

impl Producer {
    /// A producer that knows nothing of its cluster yet.
    pub fn new(config: ProducerConfig) -> Self {
        let mut network = NetworkClient::new(&config.client_id, config.network.clone());
        let mut metadata = Metadata::new(config.metadata.clone());
        metadata.bootstrap(&mut network);
        Self {
            network,
            metadata,
            partitioner: config.partitioner.clone(),
            accumulator: Accumulator::new(&config),
            blocked: VecDeque::new(),
            in_flight: SortedMap::new(),
            next_request: 0,
            next_record: 1,
            retries: 0,
            unfinished: 0,
            completions: Vec::new(),
            config,
        }
    }

    /// Its settings.
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// How often a record was sent again.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// Records that are not completed.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// True while a caller of Kafka's `send` would be blocked.
    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Takes a record; `owner` comes back with its completion. [`Producer::run`] must follow.
    pub fn send(&mut self, record: ProducerRecord, owner: u64, ctx: &Ctx<'_>) {
        let ProducerRecord { topic, partition, key, value } = record;
        let checksum = super::record_checksum(key.as_deref(), value.as_deref());
        let (number, timestamp) = (self.next_record, ctx.now().as_millis());
        self.next_record += 1;
        self.unfinished += 1;
        let record =
            PendingRecord { number, owner, topic, partition, key, value, timestamp, checksum };
        self.blocked.push_back(Blocked { record, deadline: None });
    }

    /// Sends whatever can be sent. To be called at the end of every step; returns the records that
    /// are done.
    pub fn run(&mut self, ctx: &mut Ctx<'_>) -> Vec<Completion> {
        self.admit(ctx);
        self.expire(ctx);
        self.send_batches(ctx);
        self.metadata.maybe_update(&mut self.network, Tag::Metadata, ctx);
        std::mem::take(&mut self.completions)
    }

    /// True when the link is this producer's.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.network.owns(conn)
    }

    /// Takes in what happened on one of its links; [`Producer::run`] must follow.
    pub fn on_link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) {
        let events = self.network.on_link(link, ctx);
        self.on_events(events, ctx);
    }

    /// Does what is due; [`Producer::run`] must follow.
    pub fn on_wake(&mut self, ctx: &mut Ctx<'_>) {
        let events = self.network.on_wake(ctx);
        self.on_events(events, ctx);
    }

    /// Begins to close: what waits for metadata is given up, all else is sent at once.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.accumulator.flushing = true;
        for blocked in std::mem::take(&mut self.blocked) {
            self.fail(blocked.record, SendError::closed(), ctx);
        }
    }

    /// When [`Producer::on_wake`] has something to do, and why.
    pub fn next_wakeup(&self, now: Time) -> Option<Wakeup> {
        let blocked = self.blocked.front().and_then(|blocked| blocked.deadline);
        let blocked = blocked.map(|at| Wakeup { at, reason: "max.block.ms".to_owned() });
        let batches = self.in_flight.values().flatten();
        let created = batches.map(|batch| batch.created).min();
        let delivery = created.map(|created| Wakeup {
            at: created + self.config.delivery_timeout,
            reason: "delivery timeout".to_owned(),
        });
        [self.network.next_wakeup(), self.metadata.next_wakeup(), blocked, delivery]
            .into_iter()
            .flatten()
            .chain(self.accumulator.next_wakeup(now))
            .min_by_key(|wakeup| wakeup.at)
    }

    fn on_events(&mut self, events: Vec<NetworkEvent<Tag>>, ctx: &mut Ctx<'_>) {
        for event in events {
            match event {
                NetworkEvent::Response { tag, response, .. } => match (tag, response) {
                    (Tag::Metadata, AnyResponse::Metadata(response)) => {
                        self.metadata.on_response(response, &mut self.network, ctx);
                    }
                    (Tag::Produce(id), AnyResponse::Produce(response)) => {
                        self.on_produce(id, &response, ctx);
                    }
                    (tag, _) => self.on_failure(tag, ErrorCode::UNKNOWN_SERVER_ERROR, ctx),
                },
                NetworkEvent::Sent { tag: Tag::Produce(id), .. } => {
                    for batch in self.in_flight.remove(&id).unwrap_or_default() {
                        self.complete(batch, -1, ctx);
                    }
                }
                NetworkEvent::Failed { tag, error, .. } => {
                    self.on_failure(tag, SendError::code_of(error), ctx);
                }
                NetworkEvent::Disconnected { .. } => self.metadata.request_update(),
                NetworkEvent::Sent { .. } | NetworkEvent::Connected { .. } => {}
            }
        }
    }

    fn on_failure(&mut self, tag: Tag, error: ErrorCode, ctx: &mut Ctx<'_>) {
        match tag {
            Tag::Metadata => self.metadata.on_failure(),
            Tag::Produce(id) => {
                for batch in self.in_flight.remove(&id).unwrap_or_default() {
                    self.on_batch_error(batch, error, None, ctx);
                }
            }
        }
    }

    fn on_produce(&mut self, id: u64, response: &ProduceResponse, ctx: &mut Ctx<'_>) {
        for batch in self.in_flight.remove(&id).unwrap_or_default() {
            let topic = response.responses.iter().find(|topic| topic.name == batch.partition.topic);
            let partition = topic.and_then(|topic| {
                let number = batch.partition.partition;
                topic.partition_responses.iter().find(|answer| answer.index == number)
            });
            match partition {
                Some(answer) if answer.error_code.is_ok() => {
                    self.complete(batch, answer.base_offset, ctx);
                }
                Some(answer) => {
                    let message = answer.error_message.clone();
                    self.on_batch_error(batch, answer.error_code, message, ctx);
                }
                None => self.on_batch_error(batch, ErrorCode::UNKNOWN_SERVER_ERROR, None, ctx),
            }
        }
    }

    /// In Kafka: Sender.completeBatch.
    fn on_batch_error(
        &mut self,
        batch: ProducerBatch,
        error: ErrorCode,
        message: Option<String>,
        ctx: &mut Ctx<'_>,
    ) {
        self.accumulator.unmute(&batch.partition);
        let expires = batch.created + self.config.delivery_timeout;
        if error == ErrorCode::MESSAGE_TOO_LARGE && batch.records.len() > 1 {
            for half in batch.split().into_iter().rev() {
                self.accumulator.push_front(half);
            }
            return;
        }
        if SendError::is_stale_metadata(error) {
            self.metadata.request_update();
        }
        let may_retry = batch.attempts < self.config.retries && expires > ctx.now();
        if error.is_retriable() && may_retry {
            self.retries += batch.records.len() as u64;
            for record in &batch.records {
                ctx.trace(TraceEvent::RecordRetried {
                    record: record.number,
                    partition: batch.partition.clone(),
                    error: error.name().to_owned(),
                });
            }
            self.accumulator.reenqueue(batch, ctx.now());
            return;
        }
        self.fail_batch(batch, &SendError::broker(error, message), ctx);
    }

    fn complete(&mut self, batch: ProducerBatch, base_offset: i64, ctx: &mut Ctx<'_>) {
        self.accumulator.unmute(&batch.partition);
        self.accumulator.release(&batch);
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

    fn fail_batch(&mut self, batch: ProducerBatch, error: &SendError, ctx: &mut Ctx<'_>) {
        self.accumulator.release(&batch);
        for record in batch.records {
            self.fail(record, error.clone(), ctx);
        }
    }

    fn fail(&mut self, record: PendingRecord, error: SendError, ctx: &mut Ctx<'_>) {
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

    /// Moves records on into the accumulator, in order, up to the first that must wait.
    ///
    /// In Kafka: KafkaProducer.doSend.
    fn admit(&mut self, ctx: &mut Ctx<'_>) {
        self.accumulator.exhausted = false;
        while let Some(Blocked { record, deadline }) = self.blocked.pop_front() {
            let deadline = deadline.unwrap_or(ctx.now() + self.config.max_block);
            match self.try_admit(record, ctx) {
                Admission::Admitted => {}
                Admission::Refused(record, error) => self.fail(record, error, ctx),
                Admission::Waits(record) if deadline <= ctx.now() => {
                    let error = self.blocked_too_long(&record);
                    self.fail(record, error, ctx);
                }
                Admission::Waits(record) => {
                    self.blocked.push_front(Blocked { record, deadline: Some(deadline) });
                    return;
                }
            }
        }
    }

    fn try_admit(&mut self, record: PendingRecord, ctx: &mut Ctx<'_>) -> Admission {
        let topic = Rc::clone(&record.topic);
        self.metadata.add_topic(&topic);
        if let Some(partition) = record.partition.filter(|partition| *partition < 0) {
            return Admission::Refused(record, SendError::negative_partition(partition));
        }
        if let Some(error) = self.metadata.error(&topic).filter(|error| !error.is_retriable()) {
            return Admission::Refused(record, SendError::topic(error, &topic));
        }
        let partitions = self.metadata.partitions(&topic).filter(|known| !known.is_empty());
        let Some(partitions) = partitions else {
            self.metadata.request_update();
            return Admission::Waits(record);
        };
        let count = partitions.len() as i32;
        if record.partition.is_some_and(|partition| partition >= count) {
            self.metadata.request_update();
            return Admission::Waits(record);
        }
        let limits = (self.config.max_request_size, self.config.buffer_memory);
        if let Some(error) = SendError::too_large(record.size_upper_bound(), limits) {
            return Admission::Refused(record, error);
        }
        let explicit = record.partition;
        let key = record.key.as_deref();
        let choose = |partitioner: &mut Partitioner, ctx: &mut Ctx<'_>| {
            explicit.unwrap_or_else(|| partitioner.partition(&topic, key, partitions, ctx.rng))
        };
        let mut number = choose(&mut self.partitioner, ctx);
        let sticks = explicit.is_none() && matches!(self.partitioner, Partitioner::Sticky(_));
        let mut partition = TopicPartition::new(&*topic, number);
        let has_room = self.accumulator.has_room(&partition, &record);
        if sticks && !has_room {
            self.partitioner.on_new_batch(&topic, number, partitions, ctx.rng);
            number = choose(&mut self.partitioner, ctx);
            partition = TopicPartition::new(&*topic, number);
        }
        let sent = TraceEvent::RecordSent {
            record: record.number,
            partition: partition.clone(),
            acks: self.config.acks,
            checksum: record.checksum,
        };
        match self.accumulator.append(&partition, record, ctx.now()) {
            Append::Appended => {
                ctx.trace(sent);
                Admission::Admitted
            }
            Append::NoMemory(record) => {
                self.accumulator.exhausted = true;
                Admission::Waits(record)
            }
        }
    }

    fn blocked_too_long(&self, record: &PendingRecord) -> SendError {
        let waited_ms = self.config.max_block.as_millis();
        let known = self.metadata.partitions(&record.topic).map(<[_]>::len);
        let error = self.metadata.error(&record.topic);
        match (known, record.partition) {
            (None | Some(0), _) => SendError::no_metadata(&record.topic, error, waited_ms),
            (Some(count), Some(partition)) if partition >= count as i32 => {
                SendError::no_partition(&record.topic, partition, count, waited_ms)
            }
            _ => SendError::no_memory(waited_ms),
        }
    }

    fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let (now, timeout) = (ctx.now(), self.config.delivery_timeout);
        let mut expired = self.accumulator.take_expired(now);
        for batches in self.in_flight.values_mut() {
            while let Some(late) = batches.iter().position(|batch| batch.created + timeout <= now) {
                expired.push(batches.remove(late));
            }
        }
        for batch in expired {
            self.accumulator.unmute(&batch.partition);
            let waited_ms = now.since(batch.created).as_millis();
            let error = SendError::expired(&batch.partition, batch.records.len(), waited_ms);
            self.fail_batch(batch, &error, ctx);
        }
    }

    /// In Kafka: Sender.sendProducerData.
    fn send_batches(&mut self, ctx: &mut Ctx<'_>) {
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
                let batches = self.accumulator.drain(node, &self.metadata, size_max, ctx.now());
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
            let (index, records) = (batch.partition.partition, Some(batch.seal()));
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

#[cfg(test)]
mod tests;
