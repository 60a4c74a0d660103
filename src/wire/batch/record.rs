//! The records inside a batch.
//!
//! In Kafka: `DefaultRecord`, `ControlRecordType`, `EndTransactionMarker`.

use super::{BatchError, RecordBatchView, TimestampType, increment_sequence};
use crate::wire::schema::bytes_text;
use crate::wire::{DecodeError, Reader};

/// The fewest bytes a record takes: its length and six more.
const MIN_RECORD_SIZE: usize = 7;
/// The fewest bytes a header takes.
const MIN_HEADER_SIZE: usize = 2;

/// One record, its bytes still in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, or -1.
    pub timestamp: i64,
    /// Its sequence, or -1.
    pub sequence: i32,
    /// The key; records of one key keep their order.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone to compaction.
    pub value: Option<&'a [u8]>,
    /// The headers, in order; a key may come twice.
    pub headers: Vec<HeaderView<'a>>,
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// The records of one batch. After an error there are no more.
#[derive(Debug)]
pub struct Records<'a> {
    batch: RecordBatchView<'a>,
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Records<'a> {
    pub(super) fn new(batch: RecordBatchView<'a>, contents: &'a [u8]) -> Result<Self, BatchError> {
        let reader = Reader::over(contents);
        let count = batch.record_count();
        let left = usize::try_from(count)
            .ok()
            .filter(|left| *left <= reader.remaining() / MIN_RECORD_SIZE)
            .ok_or(DecodeError::InvalidLength { at: 0, length: i64::from(count) })?;
        Ok(Self { batch, reader, left })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let record = read_record(&mut self.reader).and_then(|raw| {
            let rest = self.reader.remaining();
            if self.left == 0 && rest > 0 {
                let at = self.reader.position();
                return Err(DecodeError::InvalidValue { at, expected: "the end of the batch" });
            }
            Ok(raw.place(&self.batch))
        });
        if record.is_err() {
            self.left = 0;
        }
        Some(record.map_err(BatchError::from))
    }
}

/// A record as written, with deltas instead of offset and timestamp.
pub(super) struct RawRecord<'a> {
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<HeaderView<'a>>,
}

impl<'a> RawRecord<'a> {
    fn place(self, batch: &RecordBatchView<'_>) -> RecordView<'a> {
        let timestamp = match batch.timestamp_type() {
            TimestampType::CreateTime => batch.base_timestamp().wrapping_add(self.timestamp_delta),
            TimestampType::LogAppendTime => batch.max_timestamp(),
        };
        let sequence = match batch.base_sequence() {
            base if base >= 0 && self.offset_delta >= 0 => {
                increment_sequence(base, self.offset_delta)
            }
            _ => super::NO_SEQUENCE,
        };
        RecordView {
            offset: batch.base_offset().wrapping_add(i64::from(self.offset_delta)),
            timestamp,
            sequence,
            key: self.key,
            value: self.value,
            headers: self.headers,
        }
    }
}

/// Reads a record and checks that it is as long as it says.
pub(super) fn read_record<'a>(reader: &mut Reader<'a>) -> Result<RawRecord<'a>, DecodeError> {
    let start = reader.position();
    let length = number(reader, "length", "varint", Reader::varint)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= reader.remaining())
        .ok_or(DecodeError::InvalidLength { at: start, length: i64::from(length) })?;
    let end = reader.position() + length;
    number(reader, "attributes", "int8", Reader::i8)?;
    let timestamp_delta = number(reader, "timestamp_delta", "varlong", Reader::varlong)?;
    let offset_delta = number(reader, "offset_delta", "varint", Reader::varint)?;
    let key = content(reader, "key")?;
    let value = content(reader, "value")?;
    let headers = read_headers(reader)?;
    if reader.position() != end {
        let at = reader.position();
        return Err(DecodeError::InvalidValue { at, expected: "the end of the record" });
    }
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, headers })
}

fn read_headers<'a>(reader: &mut Reader<'a>) -> Result<Vec<HeaderView<'a>>, DecodeError> {
    reader.open("headers", "array");
    let at = reader.position();
    let count = reader.varint()?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= reader.remaining() / MIN_HEADER_SIZE)
        .ok_or(DecodeError::InvalidLength { at, length: i64::from(count) })?;
    let mut headers = Vec::with_capacity(count);
    for index in 0..count {
        reader.open_element(index, "header");
        let at = reader.position();
        let key = content(reader, "key")?.ok_or(DecodeError::UnexpectedNull { at })?;
        let key = str::from_utf8(key).map_err(|_| DecodeError::InvalidUtf8 { at })?;
        let value = content(reader, "value")?;
        headers.push(HeaderView { key, value });
        reader.close(String::new);
    }
    reader.close(|| count.to_string());
    Ok(headers)
}

fn number<'a, T: ToString + Copy>(
    reader: &mut Reader<'a>,
    name: &'static str,
    type_name: &'static str,
    read: fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    reader.open(name, type_name);
    let value = read(reader)?;
    reader.close(|| value.to_string());
    Ok(value)
}

/// A length of -1 (null) or more, and that many bytes.
fn content<'a>(
    reader: &mut Reader<'a>,
    name: &'static str,
) -> Result<Option<&'a [u8]>, DecodeError> {
    reader.open(name, "nullable_bytes");
    let at = reader.position();
    let length = reader.varint()?;
    let value = match usize::try_from(length) {
        Ok(length) => Some(reader.take(length)?),
        Err(_) if length == -1 => None,
        Err(_) => return Err(DecodeError::InvalidLength { at, length: i64::from(length) }),
    };
    reader.close(|| value.map_or_else(|| "null".to_owned(), bytes_text));
    Ok(value)
}

/// The control record that ends a transaction in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction was committed.
    pub is_commit: bool,
    /// Epoch of the transaction coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// Reads the marker in a record of a control batch; none when it is of another type.
    pub fn parse(record: &RecordView) -> Option<Self> {
        let mut key = Reader::over(record.key?);
        let _version = key.i16().ok()?;
        let is_commit = match key.i16().ok()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let mut value = Reader::over(record.value?);
        let _version = value.i16().ok()?;
        Some(Self { is_commit, coordinator_epoch: value.i32().ok()? })
    }

    pub(super) fn key(self) -> [u8; 4] {
        [0, 0, 0, u8::from(self.is_commit)]
    }

    pub(super) fn value(self) -> [u8; 6] {
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        value
    }
}
