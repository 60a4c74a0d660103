//! What makes a producer idempotent: its id and epoch, and for each partition the numbers of its
//! records, so that a broker knows a record that it already has and a gap before one that it does
//! not. Where a gap can no longer be closed the epoch is raised and numbers begin again at zero
//! (KIP-360).
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.TransactionManager, without transactions.

use crate::base::{SortedMap, SortedSet, Span, Time, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::batch::increment_sequence;
use crate::wire::kafka::InitProducerIdResponse;

/// Who sends: an id that a broker gave, and an epoch of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdAndEpoch {
    /// The id.
    pub id: i64,
    /// The epoch.
    pub epoch: i16,
}

/// The numbers that a batch carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSequence {
    /// Who sends it.
    pub producer: ProducerIdAndEpoch,
    /// Number of its first record.
    pub base: i32,
    /// Number of its last record.
    pub last: i32,
    /// True when it had other numbers before, under an earlier epoch.
    pub reset: bool,
}

impl BatchSequence {
    /// The numbers of `count` records of this batch, from `base` on.
    pub fn part(self, base: i32, count: i32) -> Self {
        Self { base, last: increment_sequence(base, count - 1), ..self }
    }

    /// The number that follows.
    pub fn next(self) -> i32 {
        increment_sequence(self.last, 1)
    }
}

/// One partition's numbers.
#[derive(Debug, Default)]
struct Partition {
    /// Under whom they count.
    producer: Option<ProducerIdAndEpoch>,
    next: i32,
    last_acked: Option<i32>,
    /// First numbers of the batches that have numbers and are not done.
    in_flight: SortedSet<i32>,
    /// A batch was given up of which nobody knows whether it was written.
    unresolved: bool,
    /// Its batches get new numbers with the next epoch.
    restarts: bool,
}

impl Partition {
    fn is_next(&self, sequence: i32) -> bool {
        let last = self.last_acked.unwrap_or(-1);
        i64::from(sequence) - i64::from(last) == 1
    }
}

/// The numbers of all partitions.
#[derive(Debug)]
pub struct Sequences {
    retry_backoff: Span,
    producer: Option<ProducerIdAndEpoch>,
    partitions: SortedMap<TopicPartition, Partition>,
    bump_wanted: bool,
    asking: bool,
    not_before: Time,
    failure: Option<ErrorCode>,
}

impl Sequences {
    /// Without a producer id yet.
    pub fn new(retry_backoff: Span) -> Self {
        Self {
            retry_backoff,
            producer: None,
            partitions: SortedMap::new(),
            bump_wanted: false,
            asking: false,
            not_before: Time::ZERO,
            failure: None,
        }
    }

    /// The producer id and epoch, if there is one.
    pub fn producer(&self) -> Option<ProducerIdAndEpoch> {
        self.producer
    }

    /// Why no producer id can be had; nothing is sent any more.
    pub fn failure(&self) -> Option<ErrorCode> {
        self.failure
    }

    /// True when InitProducerId is to be sent now; the answer is for [`Sequences::on_response`].
    pub fn asks(&mut self, now: Time) -> bool {
        let asks = self.next_ask().is_some_and(|at| at <= now);
        self.asking |= asks;
        asks
    }

    /// When [`Sequences::asks`] will be true.
    pub fn next_ask(&self) -> Option<Time> {
        let idle = self.producer.is_none() && !self.asking && self.failure.is_none();
        idle.then_some(self.not_before)
    }

    /// Takes in the answer to InitProducerId, or that there was none.
    pub fn on_response(&mut self, response: Option<&InitProducerIdResponse>, now: Time) {
        self.asking = false;
        self.not_before = now + self.retry_backoff;
        match response {
            Some(answer) if answer.error_code.is_ok() => {
                let (id, epoch) = (answer.producer_id, answer.producer_epoch);
                self.producer = Some(ProducerIdAndEpoch { id, epoch });
            }
            Some(answer) if !answer.error_code.is_retriable() => {
                self.failure = Some(answer.error_code);
            }
            Some(_) | None => {}
        }
    }

    /// True when a partition's first batch may leave, given the numbers it has, if any.
    ///
    /// In Kafka: RecordAccumulator.shouldStopDrainBatchesForPartition.
    pub fn may_leave(&self, partition: &TopicPartition, batch: Option<BatchSequence>) -> bool {
        let Some(producer) = self.producer else { return false };
        let Some(known) = self.partitions.get(partition) else { return true };
        if let Some(batch) = batch {
            // One that is sent again waits until all before it are done.
            return known.in_flight.first().is_none_or(|first| *first == batch.base);
        }
        // A new one must not mix with those of an older epoch, nor follow an unknown fate.
        let stale = !known.in_flight.is_empty() && known.producer != Some(producer);
        !stale && !known.unresolved
    }

    /// The numbers for a batch of `count` records that leaves for the first time.
    pub fn assign(&mut self, partition: &TopicPartition, count: i32) -> Option<BatchSequence> {
        let producer = self.producer?;
        let known = self.partitions.entry(partition.clone()).or_default();
        if known.producer != Some(producer) && known.in_flight.is_empty() {
            *known = Partition { producer: Some(producer), ..Partition::default() };
        }
        let base = known.next;
        let batch = BatchSequence { producer, base, last: base, reset: false }.part(base, count);
        known.next = batch.next();
        known.in_flight.insert(base);
        Some(batch)
    }

    /// A batch was acknowledged.
    pub fn on_completed(&mut self, partition: &TopicPartition, batch: BatchSequence) {
        let Some(known) = self.partitions.get_mut(partition) else { return };
        known.last_acked = known.last_acked.max(Some(batch.last));
        known.in_flight.remove(&batch.base);
    }

    /// A batch is split in two; each half counts for itself.
    pub fn on_split(
        &mut self,
        partition: &TopicPartition,
        batch: BatchSequence,
        halves: impl Iterator<Item = i32>,
    ) {
        let Some(known) = self.partitions.get_mut(partition) else { return };
        known.in_flight.remove(&batch.base);
        known.in_flight.extend(halves);
    }

    /// A batch was given up. `may_be_written` says that nobody knows whether a broker has it.
    ///
    /// In Kafka: TransactionManager.handleFailedBatch, markSequenceUnresolved.
    pub fn on_failed(
        &mut self,
        partition: &TopicPartition,
        batch: BatchSequence,
        error: ErrorCode,
        may_be_written: bool,
    ) {
        let Some(known) = self.partitions.get_mut(partition) else { return };
        known.in_flight.remove(&batch.base);
        let gap = matches!(
            error,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID
        );
        if gap || !may_be_written {
            self.restart(partition);
        }
    }

    /// A batch ran out of time after it was sent at least twice: before it is known what became of
    /// those behind it, nothing new is sent.
    pub fn on_unresolved(&mut self, partition: &TopicPartition) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.unresolved = true;
        }
    }

    fn restart(&mut self, partition: &TopicPartition) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.restarts = true;
            self.bump_wanted = true;
        }
    }

    /// True when a refused batch is worth another try.
    ///
    /// In Kafka: TransactionManager.canRetry.
    pub fn may_retry(
        &mut self,
        partition: &TopicPartition,
        batch: BatchSequence,
        error: ErrorCode,
        log_start_offset: i64,
    ) -> bool {
        let Some(known) = self.partitions.get(partition) else { return error.is_retriable() };
        match error {
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                if log_start_offset != -1 && !batch.reset {
                    self.restart(partition);
                }
                true
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                // Only that of the batch whose turn it was tells of a gap that stays.
                let others_turn = batch.reset || !known.is_next(batch.base);
                if known.unresolved || !others_turn {
                    self.restart(partition);
                }
                true
            }
            error => error.is_retriable(),
        }
    }

    /// Looks after partitions with a batch of unknown fate: once nothing of theirs is under way,
    /// either a later batch was acknowledged, and all is well, or numbers begin again.
    ///
    /// In Kafka: TransactionManager.maybeResolveSequences.
    pub fn resolve(&mut self) {
        let settled = |known: &Partition| known.unresolved && known.in_flight.is_empty();
        let settled = self.partitions.iter_mut().filter(|(_, known)| settled(known));
        for (_, known) in settled {
            known.unresolved = false;
            if !known.is_next(known.next) {
                known.restarts = true;
                self.bump_wanted = true;
            }
        }
    }

    /// Raises the epoch when that is wanted; gives the partitions whose batches that are under way
    /// need new numbers, from [`Sequences::begin_again`]. After the last epoch a new id is asked
    /// for first.
    ///
    /// In Kafka: TransactionManager.bumpIdempotentProducerEpoch.
    pub fn bump(&mut self) -> Vec<TopicPartition> {
        if !self.bump_wanted {
            return Vec::new();
        }
        let Some(producer) = &mut self.producer else { return Vec::new() };
        let outdated = |known: &Partition| known.producer == Some(*producer);
        let mut restarting = self.partitions.values().filter(|known| known.restarts);
        if restarting.any(outdated) {
            let Some(epoch) = producer.epoch.checked_add(1) else {
                self.producer = None;
                return Vec::new();
            };
            producer.epoch = epoch;
        }
        self.bump_wanted = false;
        let restarting = self.partitions.iter().filter(|(_, known)| known.restarts);
        restarting.map(|(partition, _)| partition.clone()).collect()
    }

    /// New numbers, from zero, for the batches of a partition with `counts` records.
    pub fn begin_again(
        &mut self,
        partition: &TopicPartition,
        counts: impl Iterator<Item = i32>,
    ) -> Vec<BatchSequence> {
        self.partitions.insert(partition.clone(), Partition::default());
        counts
            .filter_map(|count| self.assign(partition, count))
            .map(|batch| BatchSequence { reset: true, ..batch })
            .collect()
    }
}

#[cfg(test)]
mod tests;
