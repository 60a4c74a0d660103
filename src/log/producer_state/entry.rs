//! What is known of one producer.
//!
//! In Kafka: `kafka.log.ProducerStateEntry`, `BatchMetadata`.

use crate::wire::batch::{NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP, RecordBatchView};

/// How many batches of a producer are remembered: as many as a producer may have in flight.
pub const BATCHES_RETAINED: usize = 5;

/// A batch that was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchMetadata {
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// How many records come before the last one.
    pub offset_delta: i32,
    /// Its largest timestamp in ms.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// Sequence of its first record.
    pub fn first_sequence(&self) -> i32 {
        decrement_sequence(self.last_sequence, self.offset_delta)
    }

    /// Offset of its first record.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// The sequence `by` before `sequence`; the one before zero is the largest.
fn decrement_sequence(sequence: i32, by: i32) -> i32 {
    if sequence < by { i32::MAX - (by - sequence) + 1 } else { sequence - by }
}

/// A producer as the log knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerStateEntry {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch, −1 as long as none was seen.
    pub producer_epoch: i16,
    /// Its newest batches of that epoch, oldest first.
    pub batches: Vec<BatchMetadata>,
    /// Epoch of the last transaction coordinator that ended a transaction of it, or −1.
    pub coordinator_epoch: i32,
    /// Timestamp in ms of the last that it wrote, or −1.
    pub last_timestamp: i64,
    /// Where its open transaction began.
    pub current_txn_first_offset: Option<i64>,
}

impl ProducerStateEntry {
    /// A producer of which nothing was seen.
    pub fn empty(producer_id: i64) -> Self {
        Self {
            producer_id,
            producer_epoch: NO_PRODUCER_EPOCH,
            batches: Vec::new(),
            coordinator_epoch: -1,
            last_timestamp: NO_TIMESTAMP,
            current_txn_first_offset: None,
        }
    }

    /// Sequence of the last record, −1 for none.
    pub fn last_sequence(&self) -> i32 {
        self.batches.last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// Offset of the last record, −1 for none.
    pub fn last_offset(&self) -> i64 {
        self.batches.last().map_or(-1, |batch| batch.last_offset)
    }

    /// The remembered batch that `batch` repeats, if it does.
    pub fn duplicate_of(&self, batch: &RecordBatchView<'_>) -> Option<BatchMetadata> {
        let same = |known: &&BatchMetadata| {
            known.first_sequence() == batch.base_sequence()
                && known.last_sequence == batch.last_sequence()
        };
        let is_of_this_epoch = batch.producer_epoch() == self.producer_epoch;
        self.batches.iter().find(same).copied().filter(|_| is_of_this_epoch)
    }

    /// Whether nothing came of it for so long that it may be forgotten.
    pub fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        self.current_txn_first_offset.is_none()
            && now_ms.saturating_sub(self.last_timestamp) >= expiration_ms
    }

    /// Takes in a newer epoch, with which the sequences begin anew.
    pub(super) fn set_epoch(&mut self, producer_epoch: i16) {
        if self.producer_epoch != producer_epoch {
            self.batches.clear();
            self.producer_epoch = producer_epoch;
        }
    }

    pub(super) fn add_batch(&mut self, producer_epoch: i16, batch: BatchMetadata) {
        self.set_epoch(producer_epoch);
        self.remember(batch);
        self.last_timestamp = batch.timestamp;
    }

    fn remember(&mut self, batch: BatchMetadata) {
        if self.batches.len() == BATCHES_RETAINED {
            self.batches.remove(0);
        }
        self.batches.push(batch);
    }

    /// Takes in what an append added.
    pub(super) fn update(&mut self, next: Self) {
        self.set_epoch(next.producer_epoch);
        for batch in next.batches {
            self.remember(batch);
        }
        self.coordinator_epoch = next.coordinator_epoch;
        self.current_txn_first_offset = next.current_txn_first_offset;
        self.last_timestamp = next.last_timestamp;
    }
}
