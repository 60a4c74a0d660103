//! The producer: records go in, one completion for each comes out. It never blocks; where Kafka's
//! `send` would block its caller, for metadata or for memory, records wait here in their order.
//!
//! In Kafka: org.apache.kafka.clients.producer.KafkaProducer. Left out: transactions.

mod sender;

use super::accumulator::{Accumulator, Append};
use super::metadata::Metadata;
use super::partitioner::Partitioner;
use super::producer_batch::{Header, PendingRecord, ProducerBatch};
use super::producer_config::ProducerConfig;
use super::producer_error::SendError;
use super::sequences::{ProducerIdAndEpoch, Sequences};
use crate::base::timers::Wakeup;
use crate::base::{ConnId, SortedMap, Time, TopicPartition, TraceEvent};
use crate::network::NetworkClient;
use crate::node::{Ctx, LinkInput};
use crate::wire::ErrorCode;
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
    /// Headers, in order; a key may come twice.
    pub headers: Vec<Header>,
    /// Create time in ms, if it is not that of sending.
    pub timestamp: Option<i64>,
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
    InitProducerId,
    Produce(u64),
}

/// A record for which the caller of `send` is kept waiting.
#[derive(Debug)]
struct Blocked {
    record: PendingRecord,
    /// Since when it is the first to wait, with the time at which it is given up.
    deadline: Option<Time>,
    /// The partition for which it waits for memory.
    chosen: Option<i32>,
}

/// What became of an attempt to move a record into the accumulator.
enum Admission {
    Admitted,
    /// For metadata, or for memory in a partition that is chosen once and for all.
    Waits(PendingRecord, Option<i32>),
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
    /// What makes it idempotent, if it is.
    sequences: Option<Sequences>,
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
        let mut metadata = Metadata::new(config.metadata.clone(), &config.log_context());
        metadata.bootstrap(&mut network);
        Self {
            network,
            metadata,
            partitioner: config.partitioner.clone(),
            accumulator: Accumulator::new(&config),
            sequences: config.idempotent.then(|| Sequences::new(config.retry_backoff)),
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

    /// The producer id and epoch of an idempotent producer, once it has them.
    pub fn identity(&self) -> Option<ProducerIdAndEpoch> {
        self.sequences.as_ref().and_then(Sequences::producer)
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
        let ProducerRecord { topic, partition, key, value, headers, timestamp } = record;
        let checksum = super::record_checksum(key.as_deref(), value.as_deref());
        let number = self.next_record;
        self.next_record += 1;
        self.unfinished += 1;
        let record = PendingRecord {
            number,
            owner,
            topic,
            partition,
            key,
            value,
            headers: headers.into(),
            timestamp: timestamp.unwrap_or(ctx.now().as_millis()),
            checksum,
        };
        self.blocked.push_back(Blocked { record, deadline: None, chosen: None });
    }

    /// Sends whatever can be sent. To be called at the end of every step; returns the records that
    /// are done.
    pub fn run(&mut self, ctx: &mut Ctx<'_>) -> Vec<Completion> {
        self.admit(ctx);
        self.expire(ctx);
        self.run_sequences(ctx);
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
        let blocked = blocked.map(|at| Wakeup { at, reason: "max.block.ms".into() });
        let batches = self.in_flight.values().flatten();
        let created = batches.map(|batch| batch.created).min();
        let delivery = created.map(|created| Wakeup {
            at: created + self.config.delivery_timeout,
            reason: "delivery timeout".into(),
        });
        let ask = self.sequences.as_ref().and_then(Sequences::next_ask);
        let ask = ask.map(|at| Wakeup { at, reason: "producer id".into() });
        [self.network.next_wakeup(), self.metadata.next_wakeup(), blocked, delivery, ask]
            .into_iter()
            .flatten()
            .chain(self.accumulator.next_wakeup(now))
            .min_by_key(|wakeup| wakeup.at)
    }

    /// Moves records on into the accumulator, in order, up to the first that must wait.
    ///
    /// In Kafka: KafkaProducer.doSend.
    fn admit(&mut self, ctx: &mut Ctx<'_>) {
        self.accumulator.exhausted = false;
        while let Some(Blocked { record, deadline, chosen }) = self.blocked.pop_front() {
            let deadline = deadline.unwrap_or(ctx.now() + self.config.max_block);
            match self.try_admit(record, chosen, ctx) {
                Admission::Admitted => {}
                Admission::Refused(record, error) => self.fail(record, error, ctx),
                Admission::Waits(record, _) if deadline <= ctx.now() => {
                    let error = self.blocked_too_long(&record);
                    self.fail(record, error, ctx);
                }
                Admission::Waits(record, chosen) => {
                    let deadline = Some(deadline);
                    self.blocked.push_front(Blocked { record, deadline, chosen });
                    return;
                }
            }
        }
    }

    fn try_admit(
        &mut self,
        record: PendingRecord,
        chosen: Option<i32>,
        ctx: &mut Ctx<'_>,
    ) -> Admission {
        let topic = Rc::clone(&record.topic);
        self.metadata.add_topic(&topic);
        if let Some(partition) = record.partition.filter(|partition| *partition < 0) {
            return Admission::Refused(record, SendError::negative_partition(partition));
        }
        if record.timestamp < 0 {
            let error = SendError::negative_timestamp(record.timestamp);
            return Admission::Refused(record, error);
        }
        let fatal = [ErrorCode::INVALID_TOPIC_EXCEPTION, ErrorCode::TOPIC_AUTHORIZATION_FAILED];
        if let Some(error) = self.metadata.error(&topic).filter(|error| fatal.contains(error)) {
            return Admission::Refused(record, SendError::topic(error, &topic));
        }
        let partitions = self.metadata.partitions(&topic).filter(|known| !known.is_empty());
        let Some(partitions) = partitions else {
            self.metadata.request_update();
            return Admission::Waits(record, None);
        };
        let count = partitions.len() as i32;
        if record.partition.is_some_and(|partition| partition >= count) {
            self.metadata.request_update();
            return Admission::Waits(record, None);
        }
        let limits = (self.config.max_request_size, self.config.buffer_memory);
        if let Some(error) = SendError::too_large(record.size_upper_bound(), limits) {
            return Admission::Refused(record, error);
        }
        let (waited, known) = (chosen.is_some(), record.partition.or(chosen));
        let key = record.key.as_deref();
        let choose = |partitioner: &mut Partitioner, ctx: &mut Ctx<'_>| {
            known.unwrap_or_else(|| partitioner.partition(&topic, key, partitions, ctx.rng))
        };
        let mut number = choose(&mut self.partitioner, ctx);
        let mut partition = TopicPartition::new(&*topic, number);
        let has_room = self.accumulator.has_room(&partition, &record);
        if !has_room && !waited && self.partitioner.chooses_again() {
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
                Admission::Waits(record, Some(number))
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
}

#[cfg(test)]
mod tests;
