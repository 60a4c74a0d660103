//! The snapshot file: version, checksum, and an entry a producer.
//!
//! In Kafka: `ProducerStateManager.readSnapshot`, `writeSnapshot`.

use super::entry::{BatchMetadata, ProducerStateEntry};
use crate::wire::{DecodeError, Reader, Writer};

const VERSION: i16 = 1;
/// Version and checksum, which the checksum does not cover.
const HEADER_SIZE: usize = 6;
const ENTRY_SIZE: usize = 42;

/// The bytes of a snapshot of `entries`.
pub fn encode_snapshot<'a>(
    entries: impl ExactSizeIterator<Item = &'a ProducerStateEntry>,
) -> Vec<u8> {
    let mut body = Writer::new();
    body.i32(i32::try_from(entries.len()).unwrap_or(i32::MAX));
    for entry in entries {
        body.i64(entry.producer_id);
        body.i16(entry.producer_epoch);
        body.i32(entry.last_sequence());
        body.i64(entry.last_offset());
        body.i32(entry.batches.last().map_or(0, |batch| batch.offset_delta));
        body.i64(entry.last_timestamp);
        body.i32(entry.coordinator_epoch);
        body.i64(entry.current_txn_first_offset.unwrap_or(-1));
    }
    let body = body.finish();
    let mut snapshot = VERSION.to_be_bytes().to_vec();
    snapshot.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    snapshot.extend_from_slice(&body);
    snapshot
}

/// The entries of a snapshot, in its order. A snapshot keeps the last batch of a producer only.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Vec<ProducerStateEntry>, DecodeError> {
    let mut reader = Reader::over(bytes);
    if reader.i16()? != VERSION {
        return Err(DecodeError::InvalidValue { at: 0, expected: "snapshot version 1" });
    }
    let checksum = reader.i32()?.cast_unsigned();
    if crc32c::crc32c(&bytes[HEADER_SIZE..]) != checksum {
        return Err(DecodeError::InvalidValue { at: 2, expected: "the checksum of the entries" });
    }
    let count = reader.i32()?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= reader.remaining() / ENTRY_SIZE)
        .ok_or(DecodeError::InvalidLength { at: HEADER_SIZE, length: i64::from(count) })?;
    (0..count).map(|_| decode_entry(&mut reader)).collect()
}

fn decode_entry(reader: &mut Reader<'_>) -> Result<ProducerStateEntry, DecodeError> {
    let producer_id = reader.i64()?;
    let producer_epoch = reader.i16()?;
    let last_sequence = reader.i32()?;
    let last_offset = reader.i64()?;
    let offset_delta = reader.i32()?;
    let timestamp = reader.i64()?;
    let coordinator_epoch = reader.i32()?;
    let first_offset = reader.i64()?;
    let batch = BatchMetadata { last_sequence, last_offset, offset_delta, timestamp };
    Ok(ProducerStateEntry {
        producer_id,
        producer_epoch,
        batches: if last_offset >= 0 { vec![batch] } else { Vec::new() },
        coordinator_epoch,
        last_timestamp: timestamp,
        current_txn_first_offset: (first_offset >= 0).then_some(first_offset),
    })
}
