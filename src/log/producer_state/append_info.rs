//! An append of one producer, judged before it is written: a zombie's epoch, a sequence with a gap,
//! a marker of a coordinator that was replaced.
//!
//! In Kafka: `kafka.log.ProducerAppendInfo`.

use super::entry::{BatchMetadata, ProducerStateEntry};
use crate::base::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::batch::{EndTransactionMarker, NO_PRODUCER_EPOCH, NO_SEQUENCE, RecordBatchView};

/// Where an append comes from, which says how much of it is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOrigin {
    /// A producer: everything.
    Client,
    /// A coordinator on this broker, which counts no sequences: the epochs.
    Coordinator,
    /// The leader or the log itself: nothing, it was checked there.
    Replication,
}

/// An append is refused: Kafka's error, and its sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidAppend {
    /// The error.
    pub code: ErrorCode,
    /// The sentence.
    pub message: String,
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompletedTxn {
    /// Its producer.
    pub producer_id: i64,
    /// Its first offset.
    pub first_offset: i64,
    /// Offset of the marker.
    pub last_offset: i64,
    /// Whether it was aborted.
    pub is_aborted: bool,
}

/// What an append adds to a producer's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerAppendInfo {
    current: ProducerStateEntry,
    updated: ProducerStateEntry,
    origin: AppendOrigin,
    started: Vec<i64>,
}

impl ProducerAppendInfo {
    /// An append of `producer_id`, of which `known` is known so far.
    pub fn new(producer_id: i64, known: Option<ProducerStateEntry>, origin: AppendOrigin) -> Self {
        let current = known.unwrap_or_else(|| ProducerStateEntry::empty(producer_id));
        let updated = ProducerStateEntry { batches: Vec::new(), ..current.clone() };
        Self { current, updated, origin, started: Vec::new() }
    }

    /// First offsets of the transactions that began.
    pub fn started(&self) -> &[i64] {
        &self.started
    }

    /// The state that the append adds.
    pub fn into_entry(self) -> ProducerStateEntry {
        self.updated
    }

    /// Takes in the next batch, which begins at `offset`. Returns the transaction that it ended.
    pub fn append(
        &mut self,
        batch: &RecordBatchView<'_>,
        offset: i64,
        partition: &TopicPartition,
    ) -> Result<Option<CompletedTxn>, InvalidAppend> {
        if !batch.is_control() {
            return self.append_data(batch, offset, partition).map(|()| None);
        }
        let Some(record) = batch.records().ok().and_then(|mut records| records.next()?.ok()) else {
            // Compaction took the whole transaction and left the empty batch.
            return Ok(None);
        };
        match EndTransactionMarker::parse(&record) {
            Some(marker) => {
                let epoch = batch.producer_epoch();
                self.append_marker(marker, epoch, (offset, record.timestamp), partition)
            }
            None => Ok(None),
        }
    }

    fn append_data(
        &mut self,
        batch: &RecordBatchView<'_>,
        offset: i64,
        partition: &TopicPartition,
    ) -> Result<(), InvalidAppend> {
        let epoch = batch.producer_epoch();
        self.check_epoch(epoch, offset, partition)?;
        if self.origin == AppendOrigin::Client {
            self.check_sequence(epoch, batch.base_sequence(), offset, partition)?;
        }
        let metadata = BatchMetadata {
            last_sequence: batch.last_sequence(),
            last_offset: offset + i64::from(batch.last_offset_delta()),
            offset_delta: batch.last_offset_delta(),
            timestamp: batch.max_timestamp(),
        };
        self.updated.add_batch(epoch, metadata);
        match self.updated.current_txn_first_offset {
            Some(_) if !batch.is_transactional() => Err(InvalidAppend {
                code: ErrorCode::INVALID_TXN_STATE,
                message: format!(
                    "Expected transactional write from producer {} at offset {offset} in partition {partition}",
                    self.updated.producer_id
                ),
            }),
            None if batch.is_transactional() => {
                self.updated.current_txn_first_offset = Some(offset);
                self.started.push(offset);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_epoch(
        &self,
        epoch: i16,
        offset: i64,
        partition: &TopicPartition,
    ) -> Result<(), InvalidAppend> {
        if epoch >= self.updated.producer_epoch || self.origin == AppendOrigin::Replication {
            return Ok(());
        }
        Err(InvalidAppend {
            code: ErrorCode::INVALID_PRODUCER_EPOCH,
            message: format!(
                "Epoch of producer {} at offset {offset} in {partition} is {epoch}, which is smaller than the last seen epoch {}",
                self.updated.producer_id, self.updated.producer_epoch
            ),
        })
    }

    fn check_sequence(
        &self,
        epoch: i16,
        first: i32,
        offset: i64,
        partition: &TopicPartition,
    ) -> Result<(), InvalidAppend> {
        let (id, known_epoch) = (self.updated.producer_id, self.updated.producer_epoch);
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        if epoch != known_epoch {
            if first == 0 || known_epoch == NO_PRODUCER_EPOCH {
                return Ok(());
            }
            let message = format!(
                "Invalid sequence number for new epoch of producer {id} at offset {offset} in partition {partition}: {epoch} (request epoch), {first} (seq. number), {known_epoch} (current producer epoch)"
            );
            return Err(InvalidAppend { code, message });
        }
        let last = if !self.updated.batches.is_empty() {
            self.updated.last_sequence()
        } else if epoch == self.current.producer_epoch {
            self.current.last_sequence()
        } else {
            NO_SEQUENCE
        };
        // Of a producer whose records were all deleted any sequence is accepted.
        if self.current.producer_epoch == NO_PRODUCER_EPOCH || follows(last, first) {
            return Ok(());
        }
        let message = format!(
            "Out of order sequence number for producer {id} at offset {offset} in partition {partition}: {first} (incoming seq. number), {last} (current end sequence number)"
        );
        Err(InvalidAppend { code, message })
    }

    fn append_marker(
        &mut self,
        marker: EndTransactionMarker,
        producer_epoch: i16,
        (offset, timestamp): (i64, i64),
        partition: &TopicPartition,
    ) -> Result<Option<CompletedTxn>, InvalidAppend> {
        self.check_epoch(producer_epoch, offset, partition)?;
        let (epoch, known) = (marker.coordinator_epoch, self.updated.coordinator_epoch);
        if known > epoch && self.origin != AppendOrigin::Replication {
            return Err(InvalidAppend {
                code: ErrorCode::TRANSACTION_COORDINATOR_FENCED,
                message: format!(
                    "Invalid coordinator epoch for producerId {} at offset {offset} in partition {partition}: {epoch} (zombie), {known} (current)",
                    self.updated.producer_id
                ),
            });
        }
        // A marker without records before it ends nothing.
        let completed = self.updated.current_txn_first_offset.map(|first_offset| CompletedTxn {
            producer_id: self.updated.producer_id,
            first_offset,
            last_offset: offset,
            is_aborted: !marker.is_commit,
        });
        self.updated.set_epoch(producer_epoch);
        self.updated.current_txn_first_offset = None;
        self.updated.coordinator_epoch = epoch;
        self.updated.last_timestamp = timestamp;
        Ok(completed)
    }
}

/// Whether `next` is the sequence after `last`; after the largest comes zero.
fn follows(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}
