//! A segment: a `.log` file of record batches named after its first offset, with an `.index` and a
//! `.timeindex` beside it. All bytes are in the volume; the segment keeps what it would otherwise
//! read again and again.
//!
//! In Kafka: `kafka.log.LogSegment`.

use super::log_config::LogConfig;
use super::offset_index::OffsetIndex;
use super::time_index::{TimeIndex, TimestampOffset};
use crate::base::Time;
use crate::disk::{DiskError, Volume};
use crate::wire::batch::{Batches, NO_TIMESTAMP, RecordBatchView};

/// Suffix of the file with the batches.
pub const LOG: &str = ".log";
/// Suffix of the offset index.
pub const INDEX: &str = ".index";
/// Suffix of the time index.
pub const TIME_INDEX: &str = ".timeindex";
/// Suffix of the index of aborted transactions.
pub const TRANSACTION_INDEX: &str = ".txnindex";

/// The name of a file that belongs to the segment of the log in `dir` that begins at `base_offset`.
pub fn file_name(dir: &str, base_offset: i64, suffix: &str) -> String {
    format!("{dir}/{base_offset:020}{suffix}")
}

/// The offset in the name of a file of a log, given without its suffix: exactly twenty digits.
///
/// In Kafka: `Log.offsetFromFileName`.
pub fn offset_of(stem: &str) -> Option<i64> {
    if stem.len() == 20 { stem.parse().ok() } else { None }
}

/// What an append brings, as far as a segment must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Offset of the last record.
    pub last_offset: i64,
    /// The largest timestamp.
    pub largest: TimestampOffset,
}

/// A segment of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    base_offset: i64,
    file: String,
    index: OffsetIndex,
    time_index: TimeIndex,
    size: u64,
    end_offset: i64,
    bytes_since_last_index_entry: u64,
    /// The largest timestamp of the first append, by which the segment's age is told.
    rolling_based_timestamp: Option<i64>,
    created_ms: i64,
    largest: TimestampOffset,
    jitter_ms: i64,
}

impl Segment {
    fn over(volume: &Volume, dir: &str, base_offset: i64, suffix: &str) -> Self {
        let name = |kind: &str| file_name(dir, base_offset, &format!("{kind}{suffix}"));
        let file = name(LOG);
        let size = volume.len(&file).unwrap_or(0);
        Self {
            base_offset,
            index: OffsetIndex::open(volume, name(INDEX), base_offset),
            time_index: TimeIndex::open(volume, name(TIME_INDEX), base_offset),
            file,
            size,
            end_offset: base_offset,
            bytes_since_last_index_entry: 0,
            rolling_based_timestamp: None,
            created_ms: 0,
            largest: TimestampOffset { timestamp: NO_TIMESTAMP, offset: base_offset },
            jitter_ms: 0,
        }
    }

    /// A new, empty segment of the log in `dir`; files of its name are replaced. `suffix` is empty
    /// but for a segment that is to take the place of others.
    pub fn create(
        volume: &mut Volume,
        dir: &str,
        base_offset: i64,
        suffix: &str,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Self, DiskError> {
        for kind in [LOG, INDEX, TIME_INDEX] {
            let name = file_name(dir, base_offset, &format!("{kind}{suffix}"));
            if volume.len(&name).is_some_and(|len| len > 0) {
                volume.truncate(&name, 0)?;
            }
            volume.append(&name, &[])?;
        }
        let mut segment = Self::over(volume, dir, base_offset, suffix);
        segment.created_ms = now_ms;
        segment.jitter_ms = config.segment_jitter(dir, base_offset);
        Ok(segment)
    }

    /// The segment that is there. Only what lies behind the last index entry is looked at; the
    /// second value is false when that does not end with a whole batch.
    pub fn open(
        volume: &Volume,
        dir: &str,
        base_offset: i64,
        suffix: &str,
        config: &LogConfig,
        now_ms: i64,
    ) -> (Self, bool) {
        let mut segment = Self::over(volume, dir, base_offset, suffix);
        segment.created_ms = now_ms;
        segment.jitter_ms = config.segment_jitter(dir, base_offset);
        let is_whole = segment.read_end(volume);
        let first = segment.batches(volume, 0).next();
        segment.rolling_based_timestamp = first.map(|(_, batch)| batch.max_timestamp());
        (segment, is_whole)
    }

    /// Finds the end offset and the largest timestamp, from the indexes and the batches behind their
    /// last entries.
    fn read_end(&mut self, volume: &Volume) -> bool {
        self.largest = self.time_index.last();
        let from = self.index.lookup(volume, self.index.last_offset());
        let from = from.min(self.index.lookup(volume, self.largest.offset));
        let mut batches = self.batches(volume, from);
        let (mut end, mut largest, mut whole) = (self.base_offset, self.largest, from);
        for (position, batch) in &mut batches {
            end = batch.next_offset();
            whole = position + batch.size() as u64;
            if batch.max_timestamp() > largest.timestamp {
                largest = TimestampOffset {
                    timestamp: batch.max_timestamp(),
                    offset: batch.last_offset(),
                };
            }
        }
        let nothing_found = end == self.base_offset && from > 0;
        (self.end_offset, self.largest) = (end, largest);
        whole == self.size && !nothing_found
    }

    /// Its first offset, which is its name.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// The file with its batches.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The offset index.
    pub fn index(&self) -> &OffsetIndex {
        &self.index
    }

    /// The time index.
    pub fn time_index(&self) -> &TimeIndex {
        &self.time_index
    }

    /// The files that are written to: batches and both indexes.
    pub fn files(&self) -> [String; 3] {
        [self.file.clone(), self.index.file().to_owned(), self.time_index.file().to_owned()]
    }

    /// Bytes of its batches.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Offset of the next record.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// When the file last changed, in ms.
    pub fn last_modified(&self, volume: &Volume) -> i64 {
        volume.modified(&self.file).map_or(self.created_ms, Time::as_millis)
    }

    /// The largest timestamp of its records; that of the file when they have none.
    pub fn largest_timestamp(&self, volume: &Volume) -> i64 {
        if self.largest.timestamp >= 0 {
            self.largest.timestamp
        } else {
            self.last_modified(volume)
        }
    }

    /// The segment as log lines show it.
    pub fn describe(&self, volume: &Volume) -> String {
        let largest = match self.largest.timestamp {
            NO_TIMESTAMP => "None".to_owned(),
            timestamp => format!("Some({timestamp})"),
        };
        format!(
            "LogSegment(baseOffset={}, size={}, lastModifiedTime={}, largestRecordTimestamp={largest})",
            self.base_offset,
            self.size,
            self.last_modified(volume)
        )
    }

    /// The timestamp by which its age is told, if there is a record.
    pub fn first_timestamp(&self) -> Option<i64> {
        self.rolling_based_timestamp
    }

    /// The batches from byte `position` on, each with its position; ends where no whole batch follows.
    pub fn batches<'a>(
        &self,
        volume: &'a Volume,
        position: u64,
    ) -> impl Iterator<Item = (u64, RecordBatchView<'a>)> + use<'a> {
        let data = volume.read(&self.file).unwrap_or_default();
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(data.len());
        let mut batches = Batches::new(&data[start..]);
        std::iter::from_fn(move || {
            let at = start + batches.position();
            batches.next().map(|batch| (at as u64, batch))
        })
    }

    /// The batches from the one that ends at or after `offset` on.
    pub fn batches_from<'a>(
        &self,
        volume: &'a Volume,
        offset: i64,
    ) -> impl Iterator<Item = (u64, RecordBatchView<'a>)> + use<'a> {
        let start = self.index.lookup(volume, offset);
        self.batches(volume, start).skip_while(move |(_, batch)| batch.last_offset() < offset)
    }

    /// True when records of `bytes` bytes up to `last_offset` must go to a new segment.
    ///
    /// In Kafka: `LogSegment.shouldRoll`.
    pub fn should_roll(
        &self,
        config: &LogConfig,
        bytes: usize,
        appended: Appended,
        now_ms: i64,
    ) -> bool {
        let waited = match self.rolling_based_timestamp {
            Some(first) if first >= 0 => appended.largest.timestamp.saturating_sub(first),
            _ => now_ms - self.created_ms,
        };
        let is_due = waited > config.max_segment_ms().saturating_sub(self.jitter_ms);
        let relative = appended.last_offset - self.base_offset;
        self.size + bytes as u64 > config.segment_bytes.max(bytes as u64)
            || (self.size > 0 && is_due)
            || self.index.is_full(config.segment_index_bytes)
            || self.time_index.is_full(config.segment_index_bytes)
            || i32::try_from(relative).is_err()
    }

    /// Appends `records`, which `fill_in` completes where they lie.
    pub fn append(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
        appended: Appended,
        index_interval: u64,
        fill_in: impl FnOnce(&mut [u8]),
    ) -> Result<(), DiskError> {
        volume.append_with(&self.file, records, fill_in)?;
        if self.size == 0 {
            self.rolling_based_timestamp = Some(appended.largest.timestamp);
        }
        if appended.largest.timestamp > self.largest.timestamp {
            self.largest = appended.largest;
        }
        let position = self.size;
        self.size += records.len() as u64;
        self.end_offset = appended.last_offset + 1;
        if self.bytes_since_last_index_entry > index_interval {
            self.index.append(volume, appended.last_offset, position)?;
            self.time_index.maybe_append(volume, self.largest)?;
            self.bytes_since_last_index_entry = 0;
        }
        self.bytes_since_last_index_entry += records.len() as u64;
        Ok(())
    }

    /// Completes the time index of a segment that is written to no more.
    pub fn on_become_inactive(&mut self, volume: &mut Volume) -> Result<(), DiskError> {
        self.time_index.maybe_append(volume, self.largest)
    }

    /// Checks every batch, cuts the file at the first that is damaged or out of order, and writes the
    /// indexes anew. `each` sees the sound batches. Returns the bytes that were cut off.
    ///
    /// In Kafka: `LogSegment.recover`.
    pub fn recover(
        &mut self,
        volume: &mut Volume,
        index_interval: u64,
        mut each: impl FnMut(&RecordBatchView<'_>),
    ) -> Result<u64, DiskError> {
        let (mut valid, mut last_entry, mut end) = (0, 0, self.base_offset);
        let mut largest = TimestampOffset { timestamp: NO_TIMESTAMP, offset: self.base_offset };
        let mut entries = Vec::new();
        for (position, batch) in self.batches(volume, 0) {
            let relative = batch.last_offset() - self.base_offset;
            let in_order = batch.base_offset() >= end && i32::try_from(relative).is_ok();
            if !in_order || batch.verify().is_err() {
                break;
            }
            let (timestamp, offset) = (batch.max_timestamp(), batch.last_offset());
            if timestamp > largest.timestamp {
                largest = TimestampOffset { timestamp, offset };
            }
            if position - last_entry > index_interval {
                entries.push((offset, position, largest));
                last_entry = position;
            }
            valid = position + batch.size() as u64;
            end = batch.next_offset();
            each(&batch);
        }
        self.index.truncate_to(volume, self.base_offset)?;
        self.time_index.truncate_to(volume, self.base_offset)?;
        for (offset, position, largest) in entries {
            self.index.append(volume, offset, position)?;
            self.time_index.maybe_append(volume, largest)?;
        }
        let dropped = volume.len(&self.file).unwrap_or(0) - valid;
        if dropped > 0 {
            volume.truncate(&self.file, valid)?;
        }
        self.time_index.maybe_append(volume, largest)?;
        (self.size, self.end_offset, self.largest) = (valid, end, largest);
        self.bytes_since_last_index_entry = 0;
        let first = self.batches(volume, 0).next();
        self.rolling_based_timestamp = first.map(|(_, batch)| batch.max_timestamp());
        Ok(dropped)
    }

    /// Forgets the batches from the one that holds `offset` on.
    pub fn truncate_to(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        now_ms: i64,
    ) -> Result<(), DiskError> {
        let found = self.batches_from(volume, offset).next();
        let Some((position, first)) = found.map(|(at, batch)| (at, batch.base_offset())) else {
            return Ok(());
        };
        self.index.truncate_to(volume, first)?;
        self.time_index.truncate_to(volume, first)?;
        volume.truncate(&self.file, position)?;
        self.size = position;
        self.bytes_since_last_index_entry = 0;
        if self.size == 0 {
            self.created_ms = now_ms;
            self.rolling_based_timestamp = None;
        }
        self.read_end(volume);
        Ok(())
    }

    /// Gives its files another suffix: `.cleaned` becomes `.swap`, that becomes nothing, and what is
    /// given up becomes `.deleted`. Returns their new names.
    ///
    /// In Kafka: `LogSegment.changeFileSuffixes`.
    pub fn change_file_suffixes(
        &mut self,
        volume: &mut Volume,
        old: &str,
        new: &str,
    ) -> Result<Vec<String>, DiskError> {
        let mut renamed = Vec::new();
        let log = self.file.strip_suffix(old).unwrap_or(&self.file);
        let stem = log.strip_suffix(LOG).unwrap_or(log).to_owned();
        for kind in [LOG, INDEX, TIME_INDEX, TRANSACTION_INDEX] {
            let from = format!("{stem}{kind}{old}");
            if volume.len(&from).is_some() {
                let to = format!("{stem}{kind}{new}");
                volume.rename(&from, &to)?;
                renamed.push(to);
            }
        }
        self.file = format!("{stem}{LOG}{new}");
        self.index.set_file(format!("{stem}{INDEX}{new}"));
        self.time_index.set_file(format!("{stem}{TIME_INDEX}{new}"));
        Ok(renamed)
    }
}
