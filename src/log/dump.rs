//! What is in the files of a log, in the words of Kafka's own tool: segments with their records (all
//! codecs are opened), offset and time indexes, snapshots of the producer state.
//!
//! In Kafka: `kafka.tools.DumpLogSegments` with `--print-data-log`; without its decoders of internal
//! topics.

use super::offset_index::OffsetIndex;
use super::producer_state::{SNAPSHOT, decode_snapshot};
use super::segment::{INDEX, LOG, TIME_INDEX, offset_of};
use super::time_index::TimeIndex;
use crate::disk::Volume;
use crate::wire::batch::{
    Batches, EndTransactionMarker, RecordBatchView, RecordView, TimestampType,
};

/// Most bytes of text; what follows is left out.
const TEXT_MAX: usize = 1 << 20;

/// The content of `file`, which is in the log directory that is called `log_dir`. An error says why
/// it cannot be told.
pub fn dump(volume: &Volume, log_dir: &str, file: &str) -> Result<String, String> {
    let bytes = volume.read(file).ok_or_else(|| format!("{file}: No such file or directory"))?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let (stem, kind) = name.split_at(name.find('.').unwrap_or(name.len()));
    let mut dump = Dump::default();
    dump.line(&format!("Dumping {log_dir}/{file}"));
    match (kind, offset_of(stem)) {
        (LOG, Some(base_offset)) => {
            dump.line(&format!("Starting offset: {base_offset}"));
            dump.segment(bytes, name);
        }
        (INDEX, Some(base_offset)) => {
            let index = OffsetIndex::open(volume, file.to_owned(), base_offset);
            for (offset, position) in (0..).map_while(|slot| index.entry(volume, slot)) {
                dump.line(&format!("offset: {offset} position: {position}"));
            }
        }
        (TIME_INDEX, Some(base_offset)) => {
            let index = TimeIndex::open(volume, file.to_owned(), base_offset);
            for entry in (0..).map_while(|slot| index.entry(volume, slot)) {
                dump.line(&format!("timestamp: {} offset: {}", entry.timestamp, entry.offset));
            }
        }
        (SNAPSHOT, Some(_)) => dump.snapshot(bytes)?,
        _ => return Err(format!("Ignoring unknown file {file}.")),
    }
    Ok(dump.text)
}

/// The text so far.
#[derive(Default)]
struct Dump {
    text: String,
    /// There is no room for more, and the text says so.
    is_full: bool,
}

impl Dump {
    fn line(&mut self, line: &str) {
        if self.is_full {
            return;
        }
        self.is_full = self.text.len() > TEXT_MAX;
        self.text.push_str(if self.is_full { "..." } else { line });
        self.text.push('\n');
    }

    fn segment(&mut self, bytes: &[u8], name: &str) {
        let mut batches = Batches::new(bytes);
        while let Some(batch) = batches.next() {
            self.batch(&batch, batches.position() - batch.size());
            if self.is_full {
                return;
            }
        }
        let left = bytes.len() - batches.position();
        if left > 0 {
            self.line(&format!("Found {left} invalid bytes at the end of {name}"));
        }
    }

    fn batch(&mut self, batch: &RecordBatchView<'_>, position: usize) {
        let time = match batch.timestamp_type() {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        let codec = batch.compression().to_string().to_uppercase();
        let (is_transactional, is_control) = (batch.is_transactional(), batch.is_control());
        let offsets =
            format!("baseOffset: {} lastOffset: {}", batch.base_offset(), batch.last_offset());
        let sequences = format!(
            "baseSequence: {} lastSequence: {}",
            batch.base_sequence(),
            batch.last_sequence()
        );
        let epochs = format!(
            "producerEpoch: {} partitionLeaderEpoch: {}",
            batch.producer_epoch(),
            batch.partition_leader_epoch()
        );
        self.line(&format!(
            "{offsets} count: {} {sequences} producerId: {} {epochs} isTransactional: {is_transactional} isControl: {is_control} position: {position} {time}: {} size: {} magic: 2 compresscodec: {codec} crc: {} isvalid: {}",
            batch.record_count(),
            batch.producer_id(),
            batch.max_timestamp(),
            batch.size(),
            batch.crc(),
            batch.verify().is_ok()
        ));
        let Ok(contents) = batch.contents() else { return };
        let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        for record in batch.records_in(&contents).into_iter().flatten().map_while(Result::ok) {
            let headers: Vec<&str> = record.headers.iter().map(|header| header.key).collect();
            self.line(&format!(
                "| offset: {} isValid: true crc: null keySize: {} valueSize: {} {time}: {} {offsets} {sequences} {epochs} batchSize: {} magic: 2 compressType: {codec} position: {position} sequence: {} headerKeys: [{}]{}",
                record.offset,
                size(record.key),
                size(record.value),
                record.timestamp,
                batch.size(),
                record.sequence,
                headers.join(","),
                if is_control { marker(&record) } else { content(&record) }
            ));
            if self.is_full {
                return;
            }
        }
    }

    fn snapshot(&mut self, bytes: &[u8]) -> Result<(), String> {
        for entry in decode_snapshot(bytes).map_err(|error| error.to_string())? {
            let txn = entry.current_txn_first_offset;
            let txn = txn.map_or_else(|| "None".to_owned(), |offset| format!("Some({offset})"));
            let batch = entry.batches.first().map_or_else(String::new, |batch| {
                format!(
                    "firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                    batch.first_sequence(),
                    batch.last_sequence,
                    batch.last_offset,
                    batch.offset_delta,
                    batch.timestamp
                )
            });
            self.line(&format!(
                "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {txn} {batch}",
                entry.producer_id, entry.producer_epoch, entry.coordinator_epoch
            ));
        }
        Ok(())
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
