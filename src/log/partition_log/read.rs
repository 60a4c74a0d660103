//! Reads: by offset, by timestamp, and the newest records for the view.
//!
//! In Kafka: `Log.read`, `fetchOffsetByTimestamp`.

use super::PartitionLog;
use crate::disk::Volume;
use crate::log::segment::Segment;
use crate::node::view::{RecordView, preview};
use crate::wire::batch::RecordBatchView;
use bytes::Bytes;
use std::rc::Rc;

/// A read from an offset that the log does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// The offset asked for.
    pub offset: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Offset of the next record.
    pub log_end_offset: i64,
}

impl PartitionLog {
    /// The segment that holds `offset`, or the last one before it.
    fn floor(&self, offset: i64) -> usize {
        let above = self.segments.partition_point(|segment| segment.base_offset() <= offset);
        above.saturating_sub(1)
    }

    /// Whole batches from the one that holds `from` on, all below `end`, at most `max_bytes` of them
    /// (but the first one whole when `at_least_one`). A read at the log's end is empty.
    pub fn read(
        &self,
        volume: &Volume,
        from: i64,
        end: i64,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Bytes, ReadError> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset(), self.log_end_offset());
        if from < log_start_offset || from > log_end_offset {
            return Err(ReadError { offset: from, log_start_offset, log_end_offset });
        }
        // Kafka reads from one segment at a time; a segment may have nothing at or behind the offset
        // that it is named for.
        for segment in &self.segments[self.floor(from)..] {
            let mut batches = segment.batches_from(volume, from);
            let Some((position, first)) = batches.next() else { continue };
            let mut size = 0;
            for batch in std::iter::once(first).chain(batches.map(|(_, batch)| batch)) {
                let larger = size + batch.size();
                let too_large = larger > max_bytes && !(size == 0 && at_least_one);
                if batch.last_offset() >= end || too_large {
                    break;
                }
                size = larger;
            }
            let bytes = volume.read_range(segment.file(), position, size).unwrap_or_default();
            return Ok(Bytes::copy_from_slice(bytes));
        }
        Ok(Bytes::new())
    }

    /// The first record at or after `timestamp` ms: (offset, its timestamp). Kafka answers with the
    /// record, not its batch (`LogSegment.findOffsetByTimestamp`).
    pub fn offset_for_timestamp(&self, volume: &Volume, timestamp: i64) -> Option<(i64, i64)> {
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| segment.largest_timestamp(volume) >= timestamp)?;
        let before = segment.time_index().lookup(volume, timestamp).offset;
        let start = segment.index().lookup(volume, before.max(self.log_start_offset));
        let mut late = segment
            .batches(volume, start)
            .map(|(_, batch)| batch)
            .filter(|batch| batch.max_timestamp() >= timestamp);
        late.find_map(|batch| self.first_at_or_after(&batch, timestamp))
    }

    fn first_at_or_after(&self, batch: &RecordBatchView<'_>, timestamp: i64) -> Option<(i64, i64)> {
        let start = self.log_start_offset;
        let contents = batch.contents();
        let records = contents.as_ref().ok().and_then(|inside| batch.records_in(inside).ok());
        let Some(records) = records else {
            return Some((batch.base_offset().max(start), batch.max_timestamp()));
        };
        let mut records = records.filter_map(Result::ok);
        let found =
            records.find(|record| record.timestamp >= timestamp && record.offset >= start)?;
        Some((found.offset, found.timestamp))
    }

    /// The newest `count` records, oldest first, for the view.
    pub fn newest_records(&self, volume: &Volume, count: usize) -> Vec<Rc<RecordView>> {
        let mut newest = Vec::new();
        for recent in self.recent.newest_first() {
            if newest.len() >= count {
                break;
            }
            let segment = self.segments.iter().rfind(|one| one.base_offset() == recent.segment);
            let Some(file) = segment.map(Segment::file) else { break };
            let range = volume.read_range(file, recent.position, recent.size);
            let Some(batch) = range.ok().and_then(|bytes| RecordBatchView::first(bytes).ok())
            else {
                break;
            };
            let records: Vec<RecordView> = records_of(&batch, self.log_start_offset);
            newest.extend(records.into_iter().rev().map(Rc::new));
        }
        newest.truncate(count);
        newest.reverse();
        newest
    }

    /// The stored CRCs of the newest `count` batches that end below `end`: (last offset, CRC). None of
    /// a compacted log, whose replicas rewrite their batches each at its own time.
    pub fn batch_crcs(&self, end: i64, count: usize) -> Vec<(i64, u32)> {
        if self.config.compact {
            return Vec::new();
        }
        let below = self.recent.newest_first().map(|batch| (batch.last_offset, batch.crc));
        let kept = below.take_while(|(last, _)| *last >= self.log_start_offset);
        let mut crcs: Vec<_> = kept.filter(|(last, _)| *last < end).take(count).collect();
        crcs.reverse();
        crcs
    }
}

fn records_of(batch: &RecordBatchView<'_>, log_start_offset: i64) -> Vec<RecordView> {
    let Ok(contents) = batch.contents() else { return Vec::new() };
    let records = batch.records_in(&contents).into_iter().flatten().filter_map(Result::ok);
    let records = records.filter(|record| record.offset >= log_start_offset);
    let size = |content: Option<&[u8]>| content.map_or(0, <[u8]>::len);
    records
        .map(|record| RecordView {
            offset: record.offset,
            leader_epoch: batch.partition_leader_epoch(),
            timestamp: record.timestamp,
            key: record.key.map(preview),
            value: record.value.map(preview),
            size_bytes: (size(record.key) + size(record.value)) as u32,
            control: batch.is_control(),
        })
        .collect()
}
