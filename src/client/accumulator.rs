//! Batches that wait to be sent, a queue for each partition: filled to `batch.size`, held back for
//! `linger.ms` or a retry back-off, given up after `delivery.timeout.ms`, bounded by
//! `buffer.memory`.
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.{RecordAccumulator, BufferPool}.

use super::metadata::Metadata;
use super::producer_batch::{BatchLimits, PendingRecord, ProducerBatch, RATIO_ONE};
use super::producer_config::ProducerConfig;
use crate::base::timers::Wakeup;
use crate::base::{SortedMap, SortedSet, Span, Time, TopicPartition};
use crate::wire::compression::Compression;
use std::collections::VecDeque;

/// By how much a compression ratio is believed to improve with each batch, and by how much to get
/// worse at least (org.apache.kafka.common.record.CompressionRatioEstimator).
const RATIO_IMPROVING_STEP: u64 = 5;
const RATIO_DETERIORATING_STEP: u64 = 50;

/// What became of an attempt to append a record.
#[derive(PartialEq, Eq, Debug)]
pub enum Append {
    /// It is in a batch.
    Appended,
    /// `buffer.memory` is used up.
    NoMemory(PendingRecord),
}

/// The batches that are not sent.
#[derive(Debug)]
pub struct Accumulator {
    batch_size: usize,
    compression: Compression,
    /// What the records of each topic are expected to shrink to.
    ratios: SortedMap<String, u64>,
    linger: Span,
    retry_backoff: Span,
    delivery_timeout: Span,
    memory: usize,
    reserved: usize,
    batches: SortedMap<TopicPartition, VecDeque<ProducerBatch>>,
    muted: SortedSet<TopicPartition>,
    /// A record waits for memory: everything may be sent at once to free some.
    pub exhausted: bool,
    /// The producer closes: nothing lingers.
    pub flushing: bool,
    /// Where the next request to a node begins, so that every partition gets its turn.
    turn: usize,
}

impl Accumulator {
    /// An empty accumulator.
    pub fn new(config: &ProducerConfig) -> Self {
        Self {
            batch_size: config.batch_size,
            compression: config.compression,
            ratios: SortedMap::new(),
            linger: config.linger,
            retry_backoff: config.retry_backoff,
            delivery_timeout: config.delivery_timeout,
            memory: config.buffer_memory,
            reserved: 0,
            batches: SortedMap::new(),
            muted: SortedSet::new(),
            exhausted: false,
            flushing: false,
            turn: 0,
        }
    }

    /// True when the newest batch of `partition` has room for `record`.
    pub fn has_room(&self, partition: &TopicPartition, record: &PendingRecord) -> bool {
        let newest = self.batches.get(partition).and_then(VecDeque::back);
        newest.is_some_and(|batch| batch.has_room(record))
    }

    /// Appends a record to the newest batch of `partition`, or to a new one.
    pub fn append(
        &mut self,
        partition: &TopicPartition,
        record: PendingRecord,
        now: Time,
    ) -> Append {
        let newest = self.batches.get_mut(partition).and_then(VecDeque::back_mut);
        if let Some(batch) = newest.filter(|batch| batch.has_room(&record)) {
            batch.append(record);
            return Append::Appended;
        }
        let size = self.batch_size.max(record.size_upper_bound());
        if self.reserved + size > self.memory && self.reserved > 0 {
            return Append::NoMemory(record);
        }
        self.reserved += size;
        let limits = BatchLimits {
            size: self.batch_size,
            compression: self.compression,
            ratio: self.ratios.get(&partition.topic).copied().unwrap_or(RATIO_ONE),
        };
        let mut batch = ProducerBatch::new(partition.clone(), limits, size, now);
        batch.append(record);
        self.batches.entry(partition.clone()).or_default().push_back(batch);
        Append::Appended
    }

    /// True when no batch waits.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Keeps the batches of `partition` back while one is under way, so that a retry cannot be
    /// overtaken (max.in.flight.requests.per.connection = 1).
    pub fn mute(&mut self, partition: &TopicPartition) {
        self.muted.insert(partition.clone());
    }

    /// Lets them go again.
    pub fn unmute(&mut self, partition: &TopicPartition) {
        self.muted.remove(partition);
    }

    /// Puts a batch back at the front of its queue, to be sent again after the back-off.
    pub fn reenqueue(&mut self, mut batch: ProducerBatch, now: Time) {
        batch.attempts += 1;
        batch.last_attempt = now;
        batch.seal();
        self.put_back(batch);
    }

    /// Puts a batch back at the front of its queue, though behind those whose records have lower
    /// numbers.
    pub fn put_back(&mut self, batch: ProducerBatch) {
        let queue = self.batches.entry(batch.partition.clone()).or_default();
        let base = |batch: &ProducerBatch| batch.sequence.map(|sequence| sequence.base);
        let number = base(&batch);
        let earlier = |other: &&ProducerBatch| base(other).is_some() && base(other) < number;
        let place = queue.iter().take_while(earlier).count();
        queue.insert(place, batch);
    }

    /// Learns from a sealed batch what its topic's records shrink to.
    pub fn learn_ratio(&mut self, batch: &ProducerBatch) {
        let Some(seen) = batch.ratio().filter(|_| self.compression != Compression::None) else {
            return;
        };
        let known = self.ratios.entry(batch.partition.topic.clone()).or_insert(RATIO_ONE);
        *known = if seen > *known {
            seen.max(*known + RATIO_DETERIORATING_STEP)
        } else {
            seen.max(known.saturating_sub(RATIO_IMPROVING_STEP))
        };
    }

    /// The batches of a partition that wait, first to last.
    pub fn waiting_mut(
        &mut self,
        partition: &TopicPartition,
    ) -> impl Iterator<Item = &mut ProducerBatch> {
        self.batches.get_mut(partition).into_iter().flatten()
    }

    /// Takes out all batches.
    pub fn take_all(&mut self) -> Vec<ProducerBatch> {
        std::mem::take(&mut self.batches).into_values().flatten().collect()
    }

    /// Gives the memory of a batch back.
    pub fn release(&mut self, batch: &ProducerBatch) {
        self.reserved = self.reserved.saturating_sub(batch.reserved);
    }

    /// When the first batch of a queue may be sent: at once, later, or not before something else
    /// happens.
    fn sendable_at(&self, queue: &VecDeque<ProducerBatch>) -> Option<Time> {
        let first = queue.front()?;
        if self.muted.contains(&first.partition) {
            return None;
        }
        if first.attempts > 0 {
            return Some(first.last_attempt + self.retry_backoff);
        }
        let at_once = queue.len() > 1 || first.is_full() || self.exhausted || self.flushing;
        Some(if at_once { first.created } else { first.created + self.linger })
    }

    /// The partitions whose first batch may be sent now.
    pub fn ready(&self, now: Time) -> Vec<TopicPartition> {
        let ready = |(_, queue): &(_, &VecDeque<ProducerBatch>)| {
            self.sendable_at(queue).is_some_and(|at| at <= now)
        };
        self.batches.iter().filter(ready).map(|(partition, _)| partition.clone()).collect()
    }

    /// Takes the batches for one request to `node`: the first of each ready partition that it
    /// leads and that `may_leave`, as many as `size_max` bytes hold, but at least one.
    pub fn drain(
        &mut self,
        node: i32,
        metadata: &Metadata,
        size_max: usize,
        may_leave: impl Fn(&ProducerBatch) -> bool,
        now: Time,
    ) -> Vec<ProducerBatch> {
        let mut led = self.ready(now);
        led.retain(|partition| metadata.leader(partition).is_some_and(|leader| leader.0 == node));
        if led.is_empty() {
            return Vec::new();
        }
        let first = self.turn % led.len();
        self.turn = self.turn.wrapping_add(1);
        led.rotate_left(first);
        let (mut drained, mut size) = (Vec::new(), 0);
        for partition in led {
            let Some(queue) = self.batches.get_mut(&partition) else { continue };
            let Some(batch) = queue.front().filter(|batch| may_leave(batch)) else { continue };
            if size > 0 && size + batch.size() > size_max {
                break;
            }
            size += batch.size();
            drained.extend(queue.pop_front());
            if queue.is_empty() {
                self.batches.remove(&partition);
            }
        }
        drained
    }

    /// Takes out the batches that are older than `delivery.timeout.ms`.
    pub fn take_expired(&mut self, now: Time) -> Vec<ProducerBatch> {
        let mut expired = Vec::new();
        for queue in self.batches.values_mut() {
            while queue.front().is_some_and(|batch| batch.created + self.delivery_timeout <= now) {
                expired.extend(queue.pop_front());
            }
        }
        self.batches.retain(|_, queue| !queue.is_empty());
        expired
    }

    /// When a batch becomes ready that is not, or expires, and why.
    pub fn next_wakeup(&self, now: Time) -> Option<Wakeup> {
        let mut next: Option<(Time, &str)> = None;
        for queue in self.batches.values() {
            let Some(first) = queue.front() else { continue };
            let reason = if first.attempts > 0 { "retry back-off" } else { "linger" };
            let ready = self.sendable_at(queue).filter(|at| *at > now).map(|at| (at, reason));
            let expires = (first.created + self.delivery_timeout, "delivery timeout");
            next = next.into_iter().chain(ready).chain([expires]).min();
        }
        next.map(|(at, reason)| Wakeup { at, reason: reason.into() })
    }
}
