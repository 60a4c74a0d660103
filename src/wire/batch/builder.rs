//! Making batches, and rewriting the fields that a broker fills in.
//!
//! In Kafka: `MemoryRecordsBuilder`, `DefaultRecordBatch.setBaseOffset` and its siblings.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    BatchError, EndTransactionMarker, HEADER_SIZE, HeaderView, LOG_OVERHEAD, MAGIC,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, RecordBatchView, TimestampType,
    at, attribute,
};
use crate::wire::Writer;
use crate::wire::compression::Compression;

/// The fields of a batch that do not follow from its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFields {
    /// Offset of the first record; a producer leaves it 0.
    pub base_offset: i64,
    /// Epoch of the leader; a producer leaves it -1.
    pub partition_leader_epoch: i32,
    /// Id of an idempotent producer, or -1.
    pub producer_id: i64,
    /// Epoch of the producer id, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub is_transactional: bool,
    /// Whether it holds a control record.
    pub is_control: bool,
    /// Who gave the timestamps.
    pub timestamp_type: TimestampType,
    /// How the records are compressed; one that is not supported leaves them plain.
    pub compression: Compression,
}

impl Default for BatchFields {
    fn default() -> Self {
        Self {
            base_offset: 0,
            partition_leader_epoch: -1,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            is_transactional: false,
            is_control: false,
            timestamp_type: TimestampType::CreateTime,
            compression: Compression::None,
        }
    }
}

/// Collects records and writes them as one batch.
#[derive(Debug)]
pub struct RecordBatchBuilder {
    /// May be set at any time before [`RecordBatchBuilder::build`], the base offset before the
    /// first [`RecordBatchBuilder::append_at`].
    pub fields: BatchFields,
    records: Writer,
    count: i32,
    next_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl Default for RecordBatchBuilder {
    fn default() -> Self {
        Self::new(BatchFields::default())
    }
}

impl RecordBatchBuilder {
    /// An empty batch with those fields.
    pub fn new(fields: BatchFields) -> Self {
        Self {
            fields,
            records: Writer::new(),
            count: 0,
            next_offset_delta: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// An empty batch with everything but records taken from `batch`, to write again the records
    /// of it that stay; the offsets of those that go remain covered.
    pub fn like(batch: &RecordBatchView) -> Self {
        let mut builder = Self::new(BatchFields {
            base_offset: batch.base_offset(),
            partition_leader_epoch: batch.partition_leader_epoch(),
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            is_transactional: batch.is_transactional(),
            is_control: batch.is_control(),
            timestamp_type: batch.timestamp_type(),
            compression: batch.compression(),
        });
        builder.next_offset_delta = batch.last_offset_delta().wrapping_add(1);
        builder
    }

    /// The batch of one record that ends a transaction.
    pub fn end_transaction(
        producer_id: i64,
        producer_epoch: i16,
        marker: EndTransactionMarker,
        timestamp: i64,
    ) -> Self {
        let mut batch = Self::new(BatchFields {
            producer_id,
            producer_epoch,
            is_transactional: true,
            is_control: true,
            ..BatchFields::default()
        });
        batch.append(timestamp, Some(&marker.key()), Some(&marker.value()), &[]);
        batch
    }

    /// How many records there are.
    pub fn record_count(&self) -> i32 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The largest timestamp so far, or -1.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// How many bytes the batch takes so far, header and all, before compression.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// How many bytes it would take with that record too.
    pub fn size_with(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView],
    ) -> usize {
        let mut record = Writer::new();
        let base = if self.is_empty() { timestamp } else { self.base_timestamp };
        let delta = timestamp.wrapping_sub(base);
        write_record(&mut record, self.next_offset_delta, delta, key, value, headers);
        self.size() + record.len()
    }

    /// Adds a record at the next offset.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView],
    ) {
        let delta = self.next_offset_delta;
        self.append_at_delta(delta, timestamp, key, value, headers);
        self.next_offset_delta += 1;
    }

    /// Adds a record at an offset of its own, in rising order: what compaction leaves of a batch.
    pub fn append_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView],
    ) {
        let delta = offset.wrapping_sub(self.fields.base_offset) as i32;
        self.append_at_delta(delta, timestamp, key, value, headers);
        self.next_offset_delta = self.next_offset_delta.max(delta.wrapping_add(1));
    }

    fn append_at_delta(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView],
    ) {
        if self.is_empty() {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
        let delta = timestamp.wrapping_sub(self.base_timestamp);
        write_record(&mut self.records, offset_delta, delta, key, value, headers);
    }

    /// The batch. Without records it still stands for its offsets, at `timestamp` when compaction
    /// keeps it for its producer's sake.
    pub fn build_empty(mut self, timestamp: i64) -> Bytes {
        (self.base_timestamp, self.max_timestamp) = (timestamp, timestamp);
        self.build()
    }

    /// The batch.
    pub fn build(self) -> Bytes {
        let mut batch = Writer::new();
        let compression = Some(self.fields.compression).filter(|codec| codec.can_compress());
        let compression = compression.unwrap_or_default();
        let attributes = self.attributes() | compression.id();
        let records = self.records.finish();
        let records = compression.compress(&records).unwrap_or(Cow::Borrowed(&records));
        batch.i64(self.fields.base_offset);
        batch.i32((HEADER_SIZE + records.len() - LOG_OVERHEAD) as i32);
        batch.i32(self.fields.partition_leader_epoch);
        batch.i8(MAGIC);
        let mut covered = Writer::new();
        covered.i16(attributes);
        covered.i32(self.next_offset_delta - 1);
        covered.i64(self.base_timestamp);
        covered.i64(self.max_timestamp);
        covered.i64(self.fields.producer_id);
        covered.i16(self.fields.producer_epoch);
        covered.i32(self.fields.base_sequence);
        covered.i32(self.count);
        covered.put(&records);
        let covered = covered.finish();
        batch.u32(crc32c::crc32c(&covered));
        batch.put(&covered);
        batch.finish()
    }

    fn attributes(&self) -> i16 {
        let mut attributes = 0;
        if self.fields.timestamp_type == TimestampType::LogAppendTime {
            attributes |= attribute::LOG_APPEND_TIME;
        }
        if self.fields.is_transactional {
            attributes |= attribute::TRANSACTIONAL;
        }
        if self.fields.is_control {
            attributes |= attribute::CONTROL;
        }
        attributes
    }
}

fn write_record(
    writer: &mut Writer,
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[HeaderView],
) {
    let mut body = Writer::new();
    body.i8(0);
    body.varlong(timestamp_delta);
    body.varint(offset_delta);
    write_content(&mut body, key);
    write_content(&mut body, value);
    body.varint(headers.len() as i32);
    for header in headers {
        write_content(&mut body, Some(header.key.as_bytes()));
        write_content(&mut body, header.value);
    }
    writer.varint(body.len() as i32);
    writer.put(&body.finish());
}

fn write_content(writer: &mut Writer, content: Option<&[u8]>) {
    match content {
        Some(content) => {
            writer.varint(content.len() as i32);
            writer.put(content);
        }
        None => writer.varint(-1),
    }
}

/// A batch whose fields a broker fills in where it lies.
#[derive(Debug)]
pub struct RecordBatchMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> RecordBatchMut<'a> {
    /// The batch that `bytes` start with.
    pub fn first(bytes: &'a mut [u8]) -> Result<Self, BatchError> {
        let size = RecordBatchView::first(bytes)?.size();
        Ok(Self { bytes: &mut bytes[..size] })
    }

    /// The same batch, to look at.
    pub fn view(&self) -> RecordBatchView<'_> {
        RecordBatchView { bytes: self.bytes }
    }

    /// Places the batch in the log; not covered by the checksum.
    pub fn set_base_offset(&mut self, offset: i64) {
        self.bytes[..8].copy_from_slice(&offset.to_be_bytes());
    }

    /// Marks the batch as appended in that epoch; not covered by the checksum.
    pub fn set_partition_leader_epoch(&mut self, epoch: i32) {
        self.bytes[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&epoch.to_be_bytes());
    }

    /// Sets the largest timestamp and who gave it, and the checksum with them.
    pub fn set_max_timestamp(&mut self, timestamp_type: TimestampType, timestamp: i64) {
        let mut attributes = self.view().attributes() & !attribute::LOG_APPEND_TIME;
        if timestamp_type == TimestampType::LogAppendTime {
            attributes |= attribute::LOG_APPEND_TIME;
        }
        self.bytes[at::ATTRIBUTES..at::LAST_OFFSET_DELTA]
            .copy_from_slice(&attributes.to_be_bytes());
        self.bytes[at::MAX_TIMESTAMP..at::PRODUCER_ID].copy_from_slice(&timestamp.to_be_bytes());
        self.set_crc();
    }

    /// Sets who sends the batch and the sequence of its first record, and the checksum with them.
    pub fn set_producer_state(&mut self, id: i64, epoch: i16, base_sequence: i32) {
        self.bytes[at::PRODUCER_ID..at::PRODUCER_EPOCH].copy_from_slice(&id.to_be_bytes());
        self.bytes[at::PRODUCER_EPOCH..at::BASE_SEQUENCE].copy_from_slice(&epoch.to_be_bytes());
        self.bytes[at::BASE_SEQUENCE..at::RECORD_COUNT]
            .copy_from_slice(&base_sequence.to_be_bytes());
        self.set_crc();
    }

    fn set_crc(&mut self) {
        let crc = crc32c::crc32c(&self.bytes[at::ATTRIBUTES..]);
        self.bytes[at::CRC..at::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    }
}
