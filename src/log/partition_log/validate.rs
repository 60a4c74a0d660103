//! What a leader refuses before it gives offsets.
//!
//! In Kafka: `Log.analyzeAndValidateRecords`, `LogValidator`.

use super::{AppendError, PartitionLog};
use crate::log::producer_state::AppendOrigin;
use crate::wire::ErrorCode;
use crate::wire::batch::{BatchError, NO_TIMESTAMP, RecordBatchView, RecordView, TimestampType};
use crate::wire::compression::Compression;

/// What checking a batch found out.
pub(super) struct Checked {
    /// Offset of the last record less that of the first.
    pub(super) last_offset_delta: i32,
    /// The largest timestamp, as the log will have it.
    pub(super) largest_timestamp: i64,
    /// Set when the header must say something else than it does.
    pub(super) stamp: Option<(TimestampType, i64)>,
}

impl PartitionLog {
    /// Checks what is to be appended; it must be one batch.
    pub(super) fn validate(
        &self,
        records: &[u8],
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<Checked, AppendError> {
        if records.is_empty() {
            return Err(AppendError::corrupt("no record batch"));
        }
        let batch = RecordBatchView::first(records).map_err(AppendError::corrupt)?;
        let (partition, size) = (&self.partition, batch.size());
        if origin == AppendOrigin::Client && batch.base_offset() != 0 {
            let text = format!(
                "The baseOffset of the record batch in the append to {partition} should be 0, but it is {}",
                batch.base_offset()
            );
            return Err(invalid(text));
        }
        if size > self.config.max_message_bytes {
            let text = format!(
                "The record batch size in the append to {partition} is {size} bytes which exceeds the maximum configured value of {}.",
                self.config.max_message_bytes
            );
            return Err(AppendError::refused(ErrorCode::MESSAGE_TOO_LARGE, text));
        }
        batch.verify().map_err(AppendError::corrupt)?;
        if records.len() > size {
            return Err(invalid("Compressed outer record has more than one batch"));
        }
        check_header(&batch, origin)?;
        let checked = self.check_records(&batch, now_ms)?;
        if records.len() as u64 > self.config.segment_bytes {
            let text = format!(
                "Message batch size is {size} bytes in append to partition {partition}, which exceeds the maximum configured segment size of {}.",
                self.config.segment_bytes
            );
            return Err(AppendError::refused(ErrorCode::RECORD_LIST_TOO_LARGE, text));
        }
        Ok(checked)
    }

    fn check_records(
        &self,
        batch: &RecordBatchView<'_>,
        now_ms: i64,
    ) -> Result<Checked, AppendError> {
        let last_offset_delta = batch.last_offset_delta();
        let mut largest = NO_TIMESTAMP;
        let is_plain = batch.compression() == Compression::None;
        let is_strict = self.config.compact || self.config.timestamp_difference_max_ms < i64::MAX;
        if is_plain || (is_strict && batch.compression().can_decompress()) {
            let contents = batch.contents().map_err(bad_record)?;
            let records = batch.records_in(&contents).map_err(bad_record)?;
            let (mut faults, mut code) = (Vec::new(), ErrorCode::INVALID_RECORD);
            for (index, record) in (0i32..).zip(records) {
                let record = record.map_err(bad_record)?;
                if let Some((kind, text)) = self.fault_of(batch, &record, now_ms) {
                    if kind == ErrorCode::INVALID_TIMESTAMP {
                        code = kind;
                    }
                    faults.push((index, text));
                }
                largest = largest.max(record.timestamp);
            }
            if !faults.is_empty() {
                let message = match code {
                    ErrorCode::INVALID_TIMESTAMP => {
                        "One or more records have been rejected due to invalid timestamp"
                    }
                    _ => "One or more records have been rejected",
                };
                let message = message.to_owned();
                return Err(AppendError::Refused { code, message, records: faults });
            }
        } else {
            // Compressed records pass unopened where nothing depends on one: the header speaks.
            largest = batch.max_timestamp();
        }
        let (kind, timestamp) = if self.config.log_append_time {
            (TimestampType::LogAppendTime, now_ms)
        } else {
            (TimestampType::CreateTime, largest)
        };
        let as_it_is = batch.timestamp_type() == kind && batch.max_timestamp() == timestamp;
        let by_log = kind == TimestampType::LogAppendTime;
        Ok(Checked {
            last_offset_delta,
            largest_timestamp: timestamp,
            stamp: (by_log || !as_it_is).then_some((kind, timestamp)),
        })
    }

    /// What is wrong with a record.
    fn fault_of(
        &self,
        batch: &RecordBatchView<'_>,
        record: &RecordView<'_>,
        now_ms: i64,
    ) -> Option<(ErrorCode, String)> {
        if self.config.compact && record.key.is_none() {
            let text = format!(
                "Compacted topic cannot accept message without key in topic partition {}.",
                self.partition
            );
            return Some((ErrorCode::INVALID_RECORD, text));
        }
        if batch.timestamp_type() == TimestampType::LogAppendTime {
            let text = format!(
                "Invalid timestamp type in message at offset {}. Producer should not set timestamp type to LogAppendTime.",
                record.offset
            );
            return Some((ErrorCode::INVALID_TIMESTAMP, text));
        }
        let most = self.config.timestamp_difference_max_ms;
        let is_far = !self.config.log_append_time
            && record.timestamp != NO_TIMESTAMP
            && record.timestamp.saturating_sub(now_ms).saturating_abs() > most;
        is_far.then(|| {
            let (from, to) = (now_ms.saturating_sub(most), now_ms.saturating_add(most));
            let text = format!(
                "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{from}, {to}]",
                record.timestamp, record.offset
            );
            (ErrorCode::INVALID_TIMESTAMP, text)
        })
    }
}

fn check_header(batch: &RecordBatchView<'_>, origin: AppendOrigin) -> Result<(), AppendError> {
    if origin == AppendOrigin::Coordinator {
        return Ok(());
    }
    let (first, last, count) = (batch.base_offset(), batch.last_offset(), batch.record_count());
    if last < first {
        return Err(invalid(format!("Batch has an invalid offset range: [{first}, {last}]")));
    }
    if count <= 0 {
        return Err(invalid(format!("Invalid reported count for record batch: {count}")));
    }
    if last - first + 1 != i64::from(count) {
        return Err(invalid(format!(
            "Inconsistent batch offset range [{first}, {last}] and count of records {count}"
        )));
    }
    if batch.has_producer_id() && batch.base_sequence() < 0 {
        return Err(invalid(format!(
            "Invalid sequence number {} in record batch with producerId {}",
            batch.base_sequence(),
            batch.producer_id()
        )));
    }
    if batch.is_control() {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    Ok(())
}

fn invalid(text: impl Into<String>) -> AppendError {
    AppendError::refused(ErrorCode::INVALID_RECORD, text)
}

fn bad_record(error: BatchError) -> AppendError {
    invalid(error.to_string())
}
