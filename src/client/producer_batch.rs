//! A batch of records for one partition, from its first record to its acknowledgement.
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.ProducerBatch.

use crate::base::{Time, TopicPartition};
use crate::wire::batch::RecordBatchBuilder;
use bytes::Bytes;
use std::rc::Rc;

/// A record on its way. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingRecord {
    /// Its number on this producer, from 1.
    pub number: u64,
    /// What the owner gave with it, such as the command it belongs to.
    pub owner: u64,
    /// Topic.
    pub topic: Rc<str>,
    /// The partition asked for, if any.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Create time in ms.
    pub timestamp: i64,
    /// Checksum of key and value.
    pub checksum: u64,
}

impl PendingRecord {
    /// The most bytes that a batch with this record alone takes: Kafka's measure for
    /// `max.request.size`.
    ///
    /// In Kafka: DefaultRecordBatch.estimateBatchSizeUpperBound.
    pub fn size_upper_bound(&self) -> usize {
        const BATCH_OVERHEAD: usize = 61;
        const RECORD_OVERHEAD_MAX: usize = 21;
        const HEADER_COUNT: usize = 1;
        let part = |bytes: &Option<Bytes>| {
            bytes.as_ref().map_or(1, |bytes| varint_size(bytes.len()) + bytes.len())
        };
        BATCH_OVERHEAD + RECORD_OVERHEAD_MAX + part(&self.key) + part(&self.value) + HEADER_COUNT
    }
}

/// Bytes of a zigzag varint of a length.
fn varint_size(length: usize) -> usize {
    let bits = (usize::BITS - (length << 1).leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// The batch.
#[derive(Debug)]
pub struct ProducerBatch {
    /// Where it goes.
    pub partition: TopicPartition,
    /// Its records, in order.
    pub records: Vec<PendingRecord>,
    /// When its first record came.
    pub created: Time,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// When it was last put back, or created.
    pub last_attempt: Time,
    /// What it takes of `buffer.memory`.
    pub reserved: usize,
    /// `batch.size`.
    limit: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Open(RecordBatchBuilder),
    Built(Bytes),
}

impl ProducerBatch {
    /// An empty batch.
    pub fn new(partition: TopicPartition, limit: usize, reserved: usize, now: Time) -> Self {
        Self {
            partition,
            records: Vec::new(),
            created: now,
            attempts: 0,
            last_attempt: now,
            reserved,
            limit,
            content: Content::Open(RecordBatchBuilder::default()),
        }
    }

    /// True when `record` may be added. The first one always may.
    pub fn has_room(&self, record: &PendingRecord) -> bool {
        let Content::Open(builder) = &self.content else { return false };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.is_empty() || builder.size_with(record.timestamp, key, value, &[]) <= self.limit
    }

    /// Adds `record`; [`ProducerBatch::has_room`] must hold.
    pub fn append(&mut self, record: PendingRecord) {
        if let Content::Open(builder) = &mut self.content {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.append(record.timestamp, key, value, &[]);
            self.records.push(record);
        }
    }

    /// True when no further record of any size would fit, or it was sealed.
    pub fn is_full(&self) -> bool {
        match &self.content {
            Content::Open(builder) => builder.size() >= self.limit,
            Content::Built(_) => true,
        }
    }

    /// Bytes it takes in a request.
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.size(),
            Content::Built(bytes) => bytes.len(),
        }
    }

    /// Its bytes; no record can be added from now on.
    pub fn seal(&mut self) -> Bytes {
        if let Content::Open(builder) = &mut self.content {
            self.content = Content::Built(std::mem::take(builder).build());
        }
        match &self.content {
            Content::Built(bytes) => bytes.clone(),
            Content::Open(_) => Bytes::new(),
        }
    }

    /// Two batches of half the records each, for a broker that found it too large.
    pub fn split(self) -> Vec<Self> {
        let half = self.records.len().div_ceil(2).max(1);
        let halves = self.records.chunks(half).enumerate().map(|(index, records)| {
            let reserved = if index == 0 { self.reserved } else { 0 };
            let mut batch = Self::new(self.partition.clone(), self.limit, reserved, self.created);
            for record in records {
                batch.append(record.clone());
            }
            batch.attempts = self.attempts;
            batch.last_attempt = self.last_attempt;
            batch.seal();
            batch
        });
        halves.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, value: usize) -> PendingRecord {
        PendingRecord {
            number,
            owner: 0,
            topic: "t".into(),
            partition: None,
            key: None,
            value: Some(vec![b'x'; value].into()),
            timestamp: 5,
            checksum: 0,
        }
    }

    #[test]
    fn sizes_are_bounded_as_kafka_does() {
        assert_eq!(record(1, 10).size_upper_bound(), 61 + 21 + 1 + 1 + 10 + 1);
        assert_eq!(record(1, 64).size_upper_bound(), 61 + 21 + 1 + 2 + 64 + 1);
        assert_eq!(record(1, 1_048_576).size_upper_bound(), 61 + 21 + 1 + 4 + 1_048_576 + 1);
    }

    #[test]
    fn a_batch_takes_records_up_to_its_limit_and_splits_in_half() {
        let mut batch =
            ProducerBatch::new(TopicPartition::new("t", 0), 200, 200, Time::from_millis(1));
        let mut number = 0;
        while batch.has_room(&record(number, 20)) {
            batch.append(record(number, 20));
            number += 1;
        }
        assert_eq!(number, 5, "61 + 5 × 27 bytes");
        let sealed = batch.seal();
        assert_eq!(sealed.len(), batch.size());
        assert!(!batch.has_room(&record(9, 1)));
        let halves = batch.split();
        let counts: Vec<_> = halves.iter().map(|half| half.records.len()).collect();
        assert_eq!(counts, [3, 2]);
        assert!(halves.iter().all(ProducerBatch::is_full));
    }

    #[test]
    fn one_large_record_always_fits() {
        let mut batch = ProducerBatch::new(TopicPartition::new("t", 0), 100, 100, Time::ZERO);
        assert!(batch.has_room(&record(1, 5_000)));
        batch.append(record(1, 5_000));
        assert!(batch.is_full());
    }
}
