//! Compaction of segments: of every key only the newest record stays, where it is; tombstones go once
//! everybody had time to see them. Offsets never change.
//!
//! In Kafka: `kafka.log.Cleaner`, `MemoryRecords.filterTo`. Left out: markers of transactions and the
//! records of aborted ones, which stay.

use super::log_config::LogConfig;
use super::recovery::{CLEANED, LogError};
use super::segment::{Appended, Segment};
use super::time_index::TimestampOffset;
use crate::base::{SortedMap, Time};
use crate::disk::Volume;
use crate::wire::batch::{Batches, NO_TIMESTAMP, RecordBatchBuilder, RecordBatchView, RecordView};
use std::borrow::Cow;

/// Bytes that are read at once (half of `log.cleaner.io.buffer.size`).
const READ_BYTES: usize = 256 * 1024;

/// The newest offset of every key in the dirty part of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct OffsetMap {
    /// By key.
    offsets: Vec<(Vec<u8>, i64)>,
    /// The last offset that was looked at.
    pub(super) latest_offset: i64,
}

impl OffsetMap {
    /// Reads `segments` from `start` on. None when records cannot be opened.
    pub(super) fn build(volume: &Volume, segments: &[Segment], start: i64) -> Option<Self> {
        let (mut offsets, mut latest_offset) = (Vec::new(), start - 1);
        for segment in segments {
            for (_, batch) in segment.batches_from(volume, start) {
                latest_offset = batch.last_offset();
                if batch.is_control() {
                    continue;
                }
                let contents = batch.contents().ok()?;
                for record in batch.records_in(&contents).ok()? {
                    let record = record.ok()?;
                    if let Some(key) = record.key.filter(|_| record.offset >= start) {
                        offsets.push((key.to_vec(), record.offset));
                    }
                }
            }
        }
        offsets.sort_unstable();
        // The last of each key is the newest.
        offsets.reverse();
        offsets.dedup_by(|later, first| later.0 == first.0);
        offsets.reverse();
        Some(Self { offsets, latest_offset })
    }

    fn get(&self, key: &[u8]) -> Option<i64> {
        let found = self.offsets.binary_search_by(|(known, _)| known.as_slice().cmp(key)).ok()?;
        Some(self.offsets[found].1)
    }

    /// In Kafka: `Cleaner.shouldRetainRecord`.
    fn retains(&self, record: &RecordView<'_>, retain_deletes: bool) -> bool {
        if record.offset > self.latest_offset {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_newest = self.get(key).is_none_or(|newest| record.offset >= newest);
        is_newest && (record.value.is_some() || retain_deletes)
    }
}

/// The last batch of each idempotent producer: it stays, if empty, since the next sequence number
/// follows from it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct LastBatches(SortedMap<i64, i64>);

impl LastBatches {
    /// Reads the headers of all batches.
    pub(super) fn read(volume: &Volume, segments: &[Segment]) -> Self {
        let mut last = SortedMap::new();
        for (_, batch) in segments.iter().flat_map(|segment| segment.batches(volume, 0)) {
            if batch.has_producer_id() {
                last.insert(batch.producer_id(), batch.last_offset());
            }
        }
        Self(last)
    }

    fn contains(&self, batch: &RecordBatchView<'_>) -> bool {
        batch.has_producer_id() && self.0.get(&batch.producer_id()) == Some(&batch.last_offset())
    }
}

/// Divides segments into groups that each become one segment.
///
/// In Kafka: `Cleaner.groupSegmentsBySize`.
pub(super) fn group_by_size(segments: &[Segment], config: &LogConfig) -> Vec<Vec<Segment>> {
    let mut groups: Vec<Vec<Segment>> = Vec::new();
    let index_sizes = |segment: &Segment| segment.index().len() * super::offset_index::ENTRY_SIZE;
    for segment in segments {
        let fits = groups.last().is_some_and(|group| {
            let size: u64 = group.iter().map(Segment::size).sum();
            let indexes: usize = group.iter().map(index_sizes).sum();
            let base = group.first().map_or(0, Segment::base_offset);
            size + segment.size() <= config.segment_bytes
                && indexes + index_sizes(segment) <= config.segment_index_bytes
                && segment.end_offset() - base <= i64::from(i32::MAX)
        });
        match groups.last_mut().filter(|_| fits) {
            Some(group) => group.push(segment.clone()),
            None => groups.push(vec![segment.clone()]),
        }
    }
    groups
}

/// Writes what stays of the segments of `group` into one new segment with the suffix `.cleaned`.
/// Tombstones of segments that were changed after `delete_horizon_ms` stay. None when records cannot
/// be opened.
///
/// In Kafka: `Cleaner.cleanSegments`.
pub(super) fn clean_segments(
    volume: &mut Volume,
    dir: &str,
    group: &[Segment],
    map: &OffsetMap,
    last_batches: &LastBatches,
    delete_horizon_ms: i64,
    config: &LogConfig,
) -> Result<Option<Segment>, LogError> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(None) };
    let base = first.base_offset();
    let modified_ms = last.last_modified(volume);
    let mut cleaned = Segment::create(volume, dir, base, CLEANED, config, modified_ms)?;
    for segment in group {
        let retain_deletes = segment.last_modified(volume) > delete_horizon_ms;
        let mut from = 0;
        while from < segment.size() {
            let Some((read, retained)) =
                filter(volume, segment, from, map, last_batches, retain_deletes)
            else {
                return Ok(None);
            };
            if read == 0 {
                break;
            }
            from += read;
            if let Some((bytes, appended)) = retained {
                let interval = config.index_interval_bytes;
                cleaned.append(volume, &bytes, appended, interval, |_| ())?;
            }
        }
    }
    cleaned.on_become_inactive(volume)?;
    let modified = Time::from_millis(u64::try_from(modified_ms).unwrap_or(0));
    for file in cleaned.files() {
        volume.set_modified(&file, modified)?;
    }
    Ok(Some(cleaned))
}

/// What stays of one stretch of a segment: the bytes, and what a segment must know of them.
type Retained = Option<(Vec<u8>, Appended)>;

/// Reads some batches at `from`: how many bytes they had, and what stays of them.
fn filter(
    volume: &Volume,
    segment: &Segment,
    from: u64,
    map: &OffsetMap,
    last_batches: &LastBatches,
    retain_deletes: bool,
) -> Option<(u64, Retained)> {
    let data = volume.read_range(segment.file(), from, usize::MAX).ok()?;
    let mut batches = Batches::new(data);
    let (mut bytes, mut last_offset) = (Vec::new(), None);
    let mut largest = TimestampOffset { timestamp: NO_TIMESTAMP, offset: segment.base_offset() };
    while batches.position() < READ_BYTES
        && let Some(batch) = batches.next()
    {
        let is_last = last_batches.contains(&batch);
        let Some(kept) = filter_batch(&batch, map, is_last, retain_deletes)? else { continue };
        if let Ok(view) = RecordBatchView::first(&kept)
            && view.max_timestamp() > largest.timestamp
        {
            let (timestamp, offset) = (view.max_timestamp(), view.last_offset());
            largest = TimestampOffset { timestamp, offset };
        }
        last_offset = Some(batch.last_offset());
        bytes.extend_from_slice(&kept);
    }
    let read = batches.position() as u64;
    let retained = last_offset.map(|last_offset| (bytes, Appended { last_offset, largest }));
    Some((read, retained))
}

/// What stays of a batch: all of it, some records, its header alone, or nothing. None outside when
/// its records cannot be opened.
fn filter_batch<'a>(
    batch: &RecordBatchView<'a>,
    map: &OffsetMap,
    is_last_of_producer: bool,
    retain_deletes: bool,
) -> Option<Option<Cow<'a, [u8]>>> {
    if batch.is_control() {
        return Some(Some(Cow::Borrowed(batch.bytes())));
    }
    let contents = batch.contents().ok()?;
    let mut rest = RecordBatchBuilder::like(batch);
    let mut is_whole = true;
    for record in batch.records_in(&contents).ok()? {
        let record = record.ok()?;
        if map.retains(&record, retain_deletes) {
            let RecordView { offset, timestamp, key, value, headers, .. } = record;
            rest.append_at(offset, timestamp, key, value, &headers);
        } else {
            is_whole = false;
        }
    }
    Some(if is_whole && !rest.is_empty() {
        Some(Cow::Borrowed(batch.bytes()))
    } else if !rest.is_empty() {
        Some(Cow::Owned(rest.build().to_vec()))
    } else if is_last_of_producer {
        Some(Cow::Owned(rest.build_empty(batch.max_timestamp()).to_vec()))
    } else {
        None
    })
}
