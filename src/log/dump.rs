//! What is in the files of a log, in the words of Kafka's own tool: segments with their records (all
//! codecs are opened), offset and time indexes, snapshots of the producer state.
//!
//! In Kafka: `kafka.tools.DumpLogSegments` with `--print-data-log`; without its decoders of internal
//! topics.

use super::producer_state::{SNAPSHOT, decode_snapshot};
use super::segment::{INDEX, LOG, TIME_INDEX};
use crate::disk::Volume;
use crate::wire::batch::{
    Batches, EndTransactionMarker, RecordBatchView, RecordView, TimestampType,
};
use std::fmt::Write;

/// Most bytes of text; what follows is left out.
const TEXT_MAX: usize = 1 << 20;

/// The content of `file`, which is in the log directory that is called `log_dir`. An error says why
/// it cannot be told.
pub fn dump(volume: &Volume, log_dir: &str, file: &str) -> Result<String, String> {
    let bytes = volume.read(file).ok_or_else(|| format!("{file}: No such file or directory"))?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let (stem, kind) = name.split_at(name.find('.').unwrap_or(name.len()));
    let base_offset = stem.parse::<i64>().ok().filter(|_| stem.len() == 20);
    let mut text = format!("Dumping {log_dir}/{file}\n");
    match (kind, base_offset) {
        (LOG, Some(base_offset)) => {
            let _ = writeln!(text, "Starting offset: {base_offset}");
            dump_segment(bytes, name, &mut text);
        }
        (INDEX, Some(base_offset)) => dump_offset_index(bytes, base_offset, &mut text),
        (TIME_INDEX, Some(base_offset)) => dump_time_index(bytes, base_offset, &mut text),
        (SNAPSHOT, Some(_)) => dump_snapshot(bytes, &mut text)?,
        _ => return Err(format!("Ignoring unknown file {file}.")),
    }
    Ok(text)
}

/// True when there is no room for more; says so once.
fn is_full(text: &mut String) -> bool {
    let is_full = text.len() > TEXT_MAX;
    if is_full {
        text.push_str("...\n");
    }
    is_full
}

fn dump_segment(bytes: &[u8], name: &str, text: &mut String) {
    let mut batches = Batches::new(bytes);
    while let Some(batch) = batches.next() {
        if is_full(text) {
            return;
        }
        let position = batches.position() - batch.size();
        dump_batch(&batch, position, text);
    }
    let left = bytes.len() - batches.position();
    if left > 0 {
        let _ = writeln!(text, "Found {left} invalid bytes at the end of {name}");
    }
}

fn dump_batch(batch: &RecordBatchView<'_>, position: usize, text: &mut String) {
    let time = match batch.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    let codec = batch.compression().to_string().to_uppercase();
    let (is_transactional, is_control) = (batch.is_transactional(), batch.is_control());
    let place = format!(
        "baseOffset: {} lastOffset: {}{{}} baseSequence: {} lastSequence: {}",
        batch.base_offset(),
        batch.last_offset(),
        batch.base_sequence(),
        batch.last_sequence()
    );
    let epochs = format!(
        "producerEpoch: {} partitionLeaderEpoch: {}",
        batch.producer_epoch(),
        batch.partition_leader_epoch()
    );
    let count = format!(" count: {}", batch.record_count());
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{} producerId: {} {epochs} isTransactional: {is_transactional} isControl: {is_control} position: {position} {time}: {} size: {} magic: 2 compresscodec: {codec} crc: {} isvalid: {}",
        place.replace("{}", &count),
        batch.producer_id(),
        batch.max_timestamp(),
        batch.size(),
        batch.crc(),
        batch.verify().is_ok()
    );
    let Ok(contents) = batch.contents() else { return };
    let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
    for record in batch.records_in(&contents).into_iter().flatten().map_while(Result::ok) {
        if text.len() > TEXT_MAX {
            return;
        }
        let headers: Vec<&str> = record.headers.iter().map(|header| header.key).collect();
        let _ = writeln!(
            text,
            "| offset: {} isValid: true crc: null keySize: {} valueSize: {} {time}: {} {} {epochs} batchSize: {} magic: 2 compressType: {codec} position: {position} sequence: {} headerKeys: [{}]{}",
            record.offset,
            size(record.key),
            size(record.value),
            record.timestamp,
            place.replace("{}", ""),
            batch.size(),
            record.sequence,
            headers.join(","),
            if is_control { marker(&record) } else { content(&record) }
        );
    }
}

fn content(record: &RecordView<'_>) -> String {
    let part = |name: &str, bytes: Option<&[u8]>| {
        bytes.map_or_else(String::new, |bytes| {
            format!(" {name}: {}", String::from_utf8_lossy(bytes))
        })
    };
    part("key", record.key) + &part("payload", record.value)
}

fn marker(record: &RecordView<'_>) -> String {
    let Some(marker) = EndTransactionMarker::parse(record) else { return String::new() };
    let kind = if marker.is_commit { "COMMIT" } else { "ABORT" };
    format!(" endTxnMarker: {kind} coordinatorEpoch: {}", marker.coordinator_epoch)
}

fn dump_offset_index(bytes: &[u8], base_offset: i64, text: &mut String) {
    for entry in bytes.as_chunks::<8>().0 {
        let (offset, position) = entry.split_at(4);
        let (offset, position) = (number(offset), number(position));
        let _ = writeln!(text, "offset: {} position: {position}", base_offset + offset);
    }
}

fn dump_time_index(bytes: &[u8], base_offset: i64, text: &mut String) {
    for entry in bytes.as_chunks::<12>().0 {
        let (timestamp, offset) = entry.split_at(8);
        let (timestamp, offset) = (number(timestamp), number(offset));
        let _ = writeln!(text, "timestamp: {timestamp} offset: {}", base_offset + offset);
    }
}

/// A big-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

fn dump_snapshot(bytes: &[u8], text: &mut String) -> Result<(), String> {
    let entries = decode_snapshot(bytes).map_err(|error| error.to_string())?;
    for entry in entries {
        let txn = entry.current_txn_first_offset;
        let txn = txn.map_or_else(|| "None".to_owned(), |offset| format!("Some({offset})"));
        let _ = write!(
            text,
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {txn} ",
            entry.producer_id, entry.producer_epoch, entry.coordinator_epoch
        );
        if let Some(first) = entry.batches.first() {
            let _ = write!(
                text,
                "firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                first.first_sequence(),
                entry.last_sequence(),
                entry.last_offset(),
                first.offset_delta,
                first.timestamp
            );
        }
        text.push('\n');
    }
    Ok(())
}
