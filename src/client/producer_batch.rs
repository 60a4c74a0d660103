//! A batch of records for one partition, from its first record to its acknowledgement.
//!
//! In Kafka: org.apache.kafka.clients.producer.internals.ProducerBatch.

use super::sequences::BatchSequence;
use crate::base::{Time, TopicPartition};
use crate::wire::batch::{BatchFields, HeaderView, RecordBatchBuilder, RecordBatchMut};
use crate::wire::compression::Compression;
use bytes::Bytes;
use std::rc::Rc;

/// What a compression ratio counts in: this many stand for "not smaller at all".
pub const RATIO_ONE: u64 = 1_000;
/// By how much a batch is believed to become larger than its topic's ratio says, in percent.
const RATIO_MARGIN: u64 = 105;

/// A header of a record: its key and its value, if any.
pub type Header = (String, Option<Bytes>);

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
    /// Headers, in order.
    pub headers: Rc<[Header]>,
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
        let part =
            |bytes: Option<&Bytes>| bytes.map_or(1, |bytes| varint_size(bytes.len()) + bytes.len());
        let header =
            |(key, value): &Header| varint_size(key.len()) + key.len() + part(value.as_ref());
        let headers: usize = self.headers.iter().map(header).sum();
        let content = part(self.key.as_ref()) + part(self.value.as_ref());
        let headers = varint_size(self.headers.len()) + headers;
        BATCH_OVERHEAD + RECORD_OVERHEAD_MAX + content + headers
    }

    fn header_views(&self) -> Vec<HeaderView<'_>> {
        let headers = self.headers.iter();
        headers.map(|(key, value)| HeaderView { key, value: value.as_deref() }).collect()
    }
}

/// Bytes of a zigzag varint of a length.
fn varint_size(length: usize) -> usize {
    let bits = (usize::BITS - (length << 1).leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// How large a batch may become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchLimits {
    /// `batch.size` in bytes.
    pub size: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// What its topic's records are expected to shrink to, of [`RATIO_ONE`].
    pub ratio: u64,
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
    /// The numbers of its records, once an idempotent producer gave it some.
    pub sequence: Option<BatchSequence>,
    limits: BatchLimits,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Open(RecordBatchBuilder),
    Built { bytes: Bytes, plain_size: usize },
}

impl ProducerBatch {
    /// An empty batch.
    pub fn new(partition: TopicPartition, limits: BatchLimits, reserved: usize, now: Time) -> Self {
        let compression = limits.compression;
        let fields = BatchFields { compression, ..BatchFields::default() };
        Self {
            partition,
            records: Vec::new(),
            created: now,
            attempts: 0,
            last_attempt: now,
            reserved,
            sequence: None,
            limits,
            content: Content::Open(RecordBatchBuilder::new(fields)),
        }
    }

    /// What `size` bytes with the batch's header are expected to take on the wire.
    fn estimate(&self, size: usize) -> usize {
        if self.limits.compression == Compression::None {
            return size;
        }
        let expected = size as u64 * self.limits.ratio * RATIO_MARGIN / (RATIO_ONE * 100);
        usize::try_from(expected).unwrap_or(usize::MAX)
    }

    /// True when `record` may be added. The first one always may.
    pub fn has_room(&self, record: &PendingRecord) -> bool {
        let Content::Open(builder) = &self.content else { return false };
        if builder.is_empty() {
            return true;
        }
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = record.header_views();
        let with = builder.size_with(record.timestamp, key, value, &headers);
        let size = builder.size();
        self.estimate(size) + (with - size) <= self.limits.size
    }

    /// Adds `record`; [`ProducerBatch::has_room`] must hold.
    pub fn append(&mut self, record: PendingRecord) {
        if let Content::Open(builder) = &mut self.content {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.append(record.timestamp, key, value, &record.header_views());
            self.records.push(record);
        }
    }

    /// True when no further record of any size would fit, or it was sealed.
    pub fn is_full(&self) -> bool {
        match &self.content {
            Content::Open(builder) => self.estimate(builder.size()) >= self.limits.size,
            Content::Built { .. } => true,
        }
    }

    /// Bytes it takes in a request, before compression while it is open.
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.size(),
            Content::Built { bytes, .. } => bytes.len(),
        }
    }

    /// Its bytes; no record can be added from now on.
    pub fn seal(&mut self) -> Bytes {
        if let Content::Open(builder) = &mut self.content {
            let mut builder = std::mem::take(builder);
            let plain_size = builder.size();
            if let Some(BatchSequence { producer, base, .. }) = self.sequence {
                builder.fields.producer_id = producer.id;
                builder.fields.producer_epoch = producer.epoch;
                builder.fields.base_sequence = base;
            }
            self.content = Content::Built { bytes: builder.build(), plain_size };
        }
        match &self.content {
            Content::Built { bytes, .. } => bytes.clone(),
            Content::Open(_) => Bytes::new(),
        }
    }

    /// What its records shrank to, of [`RATIO_ONE`]; none before it is sealed.
    pub fn ratio(&self) -> Option<u64> {
        match &self.content {
            Content::Built { bytes, plain_size } => {
                Some(bytes.len() as u64 * RATIO_ONE / (*plain_size as u64).max(1))
            }
            Content::Open(_) => None,
        }
    }

    /// Gives its records numbers, or other ones than before.
    pub fn set_sequence(&mut self, sequence: BatchSequence) {
        self.sequence = Some(sequence);
        let Content::Built { bytes, .. } = &mut self.content else { return };
        let mut rewritten = bytes.to_vec();
        if let Ok(mut batch) = RecordBatchMut::first(&mut rewritten) {
            let BatchSequence { producer, base, .. } = sequence;
            batch.set_producer_state(producer.id, producer.epoch, base);
            *bytes = rewritten.into();
        }
    }

    /// Two batches of half the records each, for a broker that found it too large.
    pub fn split(self) -> Vec<Self> {
        let half = self.records.len().div_ceil(2).max(1);
        let mut next = self.sequence.map(|sequence| sequence.base);
        let halves = self.records.chunks(half).enumerate().map(|(index, records)| {
            let reserved = if index == 0 { self.reserved } else { 0 };
            let mut batch = Self::new(self.partition.clone(), self.limits, reserved, self.created);
            for record in records {
                batch.append(record.clone());
            }
            batch.attempts = self.attempts;
            batch.last_attempt = self.last_attempt;
            batch.sequence = self.sequence.zip(next).map(|(whole, base)| {
                let part = whole.part(base, records.len() as i32);
                next = Some(part.next());
                part
            });
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
            headers: [].into(),
            timestamp: 5,
            checksum: 0,
        }
    }

    fn limits(size: usize, compression: Compression) -> BatchLimits {
        BatchLimits { size, compression, ratio: RATIO_ONE }
    }

    fn empty(limits: BatchLimits) -> ProducerBatch {
        ProducerBatch::new(TopicPartition::new("t", 0), limits, 200, Time::from_millis(1))
    }

    #[test]
    fn sizes_are_bounded_as_kafka_does() {
        assert_eq!(record(1, 10).size_upper_bound(), 61 + 21 + 1 + 1 + 10 + 1);
        assert_eq!(record(1, 64).size_upper_bound(), 61 + 21 + 1 + 2 + 64 + 1);
        assert_eq!(record(1, 1_048_576).size_upper_bound(), 61 + 21 + 1 + 4 + 1_048_576 + 1);
        let headers = [("h".to_owned(), Some(Bytes::from_static(b"vv"))), ("g".to_owned(), None)];
        let with_headers = PendingRecord { headers: headers.into(), ..record(1, 10) };
        assert_eq!(with_headers.size_upper_bound(), 61 + 21 + 1 + 1 + 10 + 1 + (2 + 3) + (2 + 1));
    }

    #[test]
    fn a_batch_takes_records_up_to_its_limit_and_splits_in_half() {
        let mut batch = empty(limits(200, Compression::None));
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
        let mut batch = empty(limits(100, Compression::None));
        assert!(batch.has_room(&record(1, 5_000)));
        batch.append(record(1, 5_000));
        assert!(batch.is_full());
    }

    #[test]
    fn more_fits_where_records_are_expected_to_shrink() {
        let filled = |ratio| {
            let mut batch = empty(BatchLimits { ratio, ..limits(1_000, Compression::Gzip) });
            while batch.has_room(&record(1, 20)) {
                batch.append(record(1, 20));
            }
            batch.seal();
            (batch.records.len(), batch.ratio().expect("sealed"))
        };
        let (careful, ratio) = filled(RATIO_ONE);
        assert!(ratio < 200, "{ratio} of 1000");
        assert!(filled(ratio).0 > 3 * careful);
    }

    #[test]
    fn numbers_are_written_and_rewritten() {
        use crate::client::sequences::ProducerIdAndEpoch;
        use crate::wire::batch::RecordBatchView;
        let producer = ProducerIdAndEpoch { id: 7, epoch: 1 };
        let at = |base| BatchSequence { producer, base, last: base + 2, reset: false };
        let mut batch = empty(limits(1_000, Compression::Lz4));
        (0..3).for_each(|number| batch.append(record(number, 20)));
        batch.set_sequence(at(5));
        let check = |bytes: &Bytes, base| {
            let view = RecordBatchView::first(bytes).expect("a batch");
            view.verify().expect("clean");
            assert_eq!((view.producer_id(), view.producer_epoch()), (7, 1));
            assert_eq!((view.base_sequence(), view.last_sequence()), (base, base + 2));
        };
        check(&batch.seal(), 5);
        batch.set_sequence(at(0));
        check(&batch.seal(), 0);
        let halves: Vec<_> = batch.split().iter().filter_map(|half| half.sequence).collect();
        assert_eq!(
            halves.iter().map(|half| (half.base, half.last)).collect::<Vec<_>>(),
            [(0, 1), (2, 2)]
        );
    }
}
