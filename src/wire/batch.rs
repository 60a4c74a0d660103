//! Record batches in format v2: what producers send, logs store and consumers get, byte for byte
//! the same. The fixed header is read in place; only the broker's own fields are ever rewritten.
//!
//! In Kafka: `DefaultRecordBatch`, `MemoryRecords`, KIP-98. Left out: message formats v0 and v1, and
//! the inside of batches compressed with Zstandard.

use std::borrow::Cow;
use std::fmt;

use super::DecodeError;
use super::compression::{Compression, CompressionError};
use crate::base::limits::RECORDS_BYTES_MAX;

mod builder;
mod describe;
mod record;

#[cfg(test)]
mod tests;

pub use builder::{BatchFields, RecordBatchBuilder, RecordBatchMut};
pub use describe::describe_batches;
pub use record::{EndTransactionMarker, HeaderView, RecordView, Records};

/// Bytes of the header, up to the first record.
pub const HEADER_SIZE: usize = 61;
/// Bytes before those that the length field counts.
pub const LOG_OVERHEAD: usize = 12;
/// The only magic that 2.8 writes.
pub const MAGIC: i8 = 2;
/// Producer id of a batch without one.
pub const NO_PRODUCER_ID: i64 = -1;
/// Producer epoch of a batch without one.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// Sequence of a batch without one.
pub const NO_SEQUENCE: i32 = -1;
/// Timestamp of a record without one.
pub const NO_TIMESTAMP: i64 = -1;

/// Where a batch's checksum is; it covers everything behind it.
pub const CRC_POSITION: usize = at::CRC;

/// Where each field of the header stands.
mod at {
    pub(super) const LENGTH: usize = 8;
    pub(super) const LEADER_EPOCH: usize = 12;
    pub(super) const MAGIC: usize = 16;
    pub(super) const CRC: usize = 17;
    pub(super) const ATTRIBUTES: usize = 21;
    pub(super) const LAST_OFFSET_DELTA: usize = 23;
    pub(super) const BASE_TIMESTAMP: usize = 27;
    pub(super) const MAX_TIMESTAMP: usize = 35;
    pub(super) const PRODUCER_ID: usize = 43;
    pub(super) const PRODUCER_EPOCH: usize = 51;
    pub(super) const BASE_SEQUENCE: usize = 53;
    pub(super) const RECORD_COUNT: usize = 57;
}

/// Bits of the attributes.
mod attribute {
    pub(super) const COMPRESSION: i16 = 0x07;
    pub(super) const LOG_APPEND_TIME: i16 = 0x08;
    pub(super) const TRANSACTIONAL: i16 = 0x10;
    pub(super) const CONTROL: i16 = 0x20;
}

/// Why bytes are not a sound batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchError {
    /// The bytes end before the batch does: a torn tail, or the cut end of a fetched slice.
    Incomplete {
        /// Bytes the batch needs, as far as they tell.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// The length field is below that of an empty batch.
    InvalidLength(i32),
    /// A message format other than v2.
    UnsupportedMagic(i8),
    /// The checksum over attributes to end does not match.
    CrcMismatch {
        /// As written in the header.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The compressed records cannot be opened.
    Compressed(CompressionError),
    /// A record cannot be read, or the records do not fill the batch exactly.
    InvalidRecord(DecodeError),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { needed, left } => {
                write!(f, "incomplete batch: {needed} bytes needed, {left} left")
            }
            Self::InvalidLength(length) => write!(f, "invalid batch length {length}"),
            Self::UnsupportedMagic(magic) => write!(f, "unsupported magic {magic}"),
            Self::CrcMismatch { stored, computed } => {
                write!(f, "record is corrupt (stored crc = {stored}, computed crc = {computed})")
            }
            Self::Compressed(error) => write!(f, "{error}"),
            Self::InvalidRecord(error) => write!(f, "invalid record: {error}"),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<DecodeError> for BatchError {
    fn from(error: DecodeError) -> Self {
        Self::InvalidRecord(error)
    }
}

/// Where the timestamps of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The broker, which stamped the whole batch with its maximum timestamp.
    LogAppendTime,
}

/// One batch, looked at where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordBatchView<'a> {
    bytes: &'a [u8],
}

impl<'a> RecordBatchView<'a> {
    /// The batch that `bytes` start with; checks its length and magic, not its checksum.
    pub fn first(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let left = bytes.len();
        if left < LOG_OVERHEAD {
            return Err(BatchError::Incomplete { needed: LOG_OVERHEAD, left });
        }
        let length = i32::from_be_bytes(array(bytes, at::LENGTH));
        let size = usize::try_from(length).map_or(0, |length| length + LOG_OVERHEAD);
        if left > at::MAGIC && bytes[at::MAGIC] as i8 != MAGIC {
            return Err(BatchError::UnsupportedMagic(bytes[at::MAGIC] as i8));
        }
        if size < HEADER_SIZE {
            return Err(BatchError::InvalidLength(length));
        }
        if left < size {
            return Err(BatchError::Incomplete { needed: size, left });
        }
        Ok(Self { bytes: &bytes[..size] })
    }

    /// The bytes of the batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its length in bytes, header and all.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Checks the checksum.
    pub fn verify(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.crc(), crc32c::crc32c(&self.bytes[at::ATTRIBUTES..]));
        if stored == computed { Ok(()) } else { Err(BatchError::CrcMismatch { stored, computed }) }
    }

    /// Offset of the first record, also when compaction has taken it away.
    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(array(self.bytes, 0))
    }

    /// Epoch of the leader that appended the batch; -1 as a producer sends it.
    pub fn partition_leader_epoch(&self) -> i32 {
        i32::from_be_bytes(array(self.bytes, at::LEADER_EPOCH))
    }

    /// CRC-32C of everything from the attributes on.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(array(self.bytes, at::CRC))
    }

    /// The attribute bits.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(array(self.bytes, at::ATTRIBUTES))
    }

    /// How the records are compressed.
    pub fn compression(&self) -> Compression {
        Compression::from_id(self.attributes() & attribute::COMPRESSION)
    }

    /// Who gave the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & attribute::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & attribute::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record instead of data.
    pub fn is_control(&self) -> bool {
        self.attributes() & attribute::CONTROL != 0
    }

    /// Last offset less base offset.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(array(self.bytes, at::LAST_OFFSET_DELTA))
    }

    /// Offset of the last record, also when compaction has taken it away.
    pub fn last_offset(&self) -> i64 {
        self.base_offset().saturating_add(i64::from(self.last_offset_delta()))
    }

    /// The offset behind the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Timestamp that those of the records count from.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(array(self.bytes, at::BASE_TIMESTAMP))
    }

    /// Largest timestamp in the batch.
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(array(self.bytes, at::MAX_TIMESTAMP))
    }

    /// Id of an idempotent producer, or -1.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(array(self.bytes, at::PRODUCER_ID))
    }

    /// Whether an idempotent producer sent the batch.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id() > NO_PRODUCER_ID
    }

    /// Epoch of the producer id, or -1.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(array(self.bytes, at::PRODUCER_EPOCH))
    }

    /// Sequence of the first record, or -1.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(array(self.bytes, at::BASE_SEQUENCE))
    }

    /// Sequence of the last record, or -1.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence() {
            NO_SEQUENCE => NO_SEQUENCE,
            base => increment_sequence(base, self.last_offset_delta()),
        }
    }

    /// How many records the header says there are.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(array(self.bytes, at::RECORD_COUNT))
    }

    /// What stands behind the header, decompressed.
    pub fn contents(&self) -> Result<Cow<'a, [u8]>, BatchError> {
        let stored = &self.bytes[HEADER_SIZE..];
        self.compression().decompress(stored, RECORDS_BYTES_MAX).map_err(BatchError::Compressed)
    }

    /// The records in [`RecordBatchView::contents`], one by one.
    pub fn records_in<'b>(&self, contents: &'b [u8]) -> Result<Records<'b>, BatchError>
    where
        'a: 'b,
    {
        Records::new(*self, contents)
    }

    /// The records of a batch that is not compressed, one by one, where they lie.
    pub fn records(&self) -> Result<Records<'a>, BatchError> {
        match self.compression() {
            Compression::None => Records::new(*self, &self.bytes[HEADER_SIZE..]),
            codec => Err(BatchError::Compressed(CompressionError::Unsupported(codec))),
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

/// The sequence `by` after `sequence`; the one after the largest is zero.
pub fn increment_sequence(sequence: i32, by: i32) -> i32 {
    match sequence.checked_add(by) {
        Some(sum) => sum,
        None => by - (i32::MAX - sequence) - 1,
    }
}

/// The batches of a stretch of log, in order; ends at the first that is not whole, and then says
/// why.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    verify: bool,
    stopped: Option<BatchError>,
}

impl<'a> Batches<'a> {
    /// The batches in `bytes`, with lengths and magic checked.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, verify: false, stopped: None }
    }

    /// The batches in `bytes`, with checksums checked too.
    pub fn verified(bytes: &'a [u8]) -> Self {
        Self { verify: true, ..Self::new(bytes) }
    }

    /// Where the next batch starts: after the end, how many bytes are whole batches.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Why the batches ended before the bytes did.
    pub fn stopped(&self) -> Option<&BatchError> {
        self.stopped.as_ref()
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = RecordBatchView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position == self.bytes.len() || self.stopped.is_some() {
            return None;
        }
        let batch = RecordBatchView::first(&self.bytes[self.position..]).and_then(|batch| {
            if self.verify {
                batch.verify()?;
            }
            Ok(batch)
        });
        match batch {
            Ok(batch) => {
                self.position += batch.size();
                Some(batch)
            }
            Err(error) => {
                self.stopped = Some(error);
                None
            }
        }
    }
}
