//! Appends, and the roll to a new segment before one.
//!
//! In Kafka: `Log.appendAsLeader`, `appendAsFollower`, `maybeRoll`.

use super::{LogNote, PartitionLog};
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::disk::{DiskError, Volume};
use crate::log::producer_state::{Analysis, AppendOrigin, BatchMetadata, InvalidAppend};
use crate::log::recovery::LogError;
use crate::log::segment::{Appended, Segment};
use crate::log::time_index::TimestampOffset;
use crate::wire::ErrorCode;
use crate::wire::batch::{Batches, NO_TIMESTAMP, RecordBatchMut, RecordBatchView, TimestampType};

/// What an append did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendInfo {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Bytes written.
    pub bytes: usize,
    /// True when the leader epoch cache changed, so that its file should be synced.
    pub epochs_changed: bool,
    /// The timestamp that the log gave the records, −1 when they kept their own.
    pub log_append_time: i64,
    /// True when an idempotent producer sent the batch again: nothing was written.
    pub is_duplicate: bool,
}

/// Records were not appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppendError {
    /// The producer's mistake.
    Refused {
        /// Kafka's error.
        code: ErrorCode,
        /// Its sentence.
        message: String,
        /// The records that are to blame, by their number in the batch, and why.
        records: Vec<(i32, String)>,
    },
    /// The records do not begin at this log's end.
    OutOfOrder {
        /// Where they begin.
        base_offset: i64,
        /// Where they should.
        log_end_offset: i64,
    },
    /// The disk refused.
    Log(LogError),
}

impl AppendError {
    pub(super) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into(), records: Vec::new() }
    }

    pub(super) fn corrupt(why: impl ToString) -> Self {
        Self::refused(ErrorCode::CORRUPT_MESSAGE, why.to_string())
    }
}

impl AppendInfo {
    /// The offsets that the batch got when it was sent first.
    fn of_duplicate(known: BatchMetadata) -> Self {
        Self {
            base_offset: known.first_offset(),
            last_offset: known.last_offset,
            bytes: 0,
            epochs_changed: false,
            log_append_time: known.timestamp,
            is_duplicate: true,
        }
    }
}

impl From<InvalidAppend> for AppendError {
    fn from(invalid: InvalidAppend) -> Self {
        Self::refused(invalid.code, invalid.message)
    }
}

impl From<DiskError> for AppendError {
    fn from(error: DiskError) -> Self {
        Self::Log(error.into())
    }
}

impl From<LogError> for AppendError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl PartitionLog {
    /// Appends the batch that a producer or a coordinator made: gives its records their offsets,
    /// `leader_epoch` and, if the topic wants it, the time `now`.
    pub fn append_as_leader(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
        leader_epoch: i32,
        origin: AppendOrigin,
        now: Time,
    ) -> Result<AppendInfo, AppendError> {
        let checked = self.validate(records, origin, now.as_millis())?;
        let base_offset = self.log_end_offset();
        match self.producers.analyze(records, Some(base_offset), origin)? {
            Analysis::Duplicate(known) => return Ok(AppendInfo::of_duplicate(known)),
            Analysis::New(_) => {}
        }
        let last_offset = base_offset + i64::from(checked.last_offset_delta);
        // Whichever record has it: the index knows a batch by its last offset.
        let (timestamp, offset) = (checked.largest_timestamp, last_offset);
        let appended = Appended { last_offset, largest: TimestampOffset { timestamp, offset } };
        let stamp = checked.stamp;
        let fill_in = |bytes: &mut [u8]| {
            if let Ok(mut batch) = RecordBatchMut::first(bytes) {
                batch.set_base_offset(base_offset);
                batch.set_partition_leader_epoch(leader_epoch);
                if let Some((kind, timestamp)) = stamp {
                    batch.set_max_timestamp(kind, timestamp);
                }
            }
        };
        self.maybe_roll(volume, base_offset, records.len(), appended, now)?;
        let epochs_changed = self.write(volume, records, appended, fill_in)?;
        let log_append_time = match stamp {
            Some((TimestampType::LogAppendTime, timestamp)) => timestamp,
            _ => NO_TIMESTAMP,
        };
        let bytes = records.len();
        let is_duplicate = false;
        Ok(AppendInfo {
            base_offset,
            last_offset,
            bytes,
            epochs_changed,
            log_append_time,
            is_duplicate,
        })
    }

    /// Appends what the leader sent, as it is. Records that do not continue this log are refused.
    pub fn append_as_follower(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
        now: Time,
    ) -> Result<Option<AppendInfo>, AppendError> {
        // A fetch may end in the middle of a batch; that part comes again with the next one.
        let (mut whole, mut base_offset) = (0, None);
        let mut end = self.log_end_offset();
        let mut largest = TimestampOffset { timestamp: NO_TIMESTAMP, offset: end };
        while let Ok(view) = RecordBatchView::first(&records[whole..]) {
            view.verify().map_err(AppendError::corrupt)?;
            if view.base_offset() < end {
                let (base_offset, log_end_offset) = (view.base_offset(), end);
                return Err(AppendError::OutOfOrder { base_offset, log_end_offset });
            }
            base_offset.get_or_insert(view.base_offset());
            if view.max_timestamp() > largest.timestamp {
                let (timestamp, offset) = (view.max_timestamp(), view.last_offset());
                largest = TimestampOffset { timestamp, offset };
            }
            end = view.next_offset();
            whole += view.size();
        }
        let Some(base_offset) = base_offset else { return Ok(None) };
        let last_offset = end - 1;
        let appended = Appended { last_offset, largest };
        self.maybe_roll(volume, base_offset, whole, appended, now)?;
        let epochs_changed = self.write(volume, &records[..whole], appended, |_| ())?;
        Ok(Some(AppendInfo {
            base_offset,
            last_offset,
            bytes: whole,
            epochs_changed,
            log_append_time: NO_TIMESTAMP,
            is_duplicate: false,
        }))
    }

    fn maybe_roll(
        &mut self,
        volume: &mut Volume,
        base_offset: i64,
        bytes: usize,
        appended: Appended,
        now: Time,
    ) -> Result<(), LogError> {
        let must = self.segments.last().is_none_or(|active| {
            active.should_roll(&self.config, bytes, appended, now.as_millis())
        });
        if must { self.roll(volume, base_offset, now) } else { Ok(()) }
    }

    /// Begins a new segment at `offset`, or at the log's end when that is behind it.
    ///
    /// In Kafka: `Log.roll`.
    pub(super) fn roll(
        &mut self,
        volume: &mut Volume,
        offset: i64,
        now: Time,
    ) -> Result<(), LogError> {
        let offset = offset.max(self.log_end_offset());
        if self.segments.last().is_some_and(|active| active.base_offset() == offset) {
            // It is empty: its indexes are full, or it is too far from the records that come.
            if let Some(empty) = self.segments.pop() {
                self.delete_segment(volume, empty, now)?;
            }
        }
        let mut files = Vec::new();
        if let Some(active) = self.segments.last_mut() {
            active.on_become_inactive(volume)?;
            files.extend(active.files());
            for file in &files {
                volume.seal(file);
            }
        }
        // Of a segment's beginning there is a snapshot, so that recovery need not go further back.
        self.producers.update_map_end_offset(offset);
        self.producers.take_snapshot(volume)?;
        let segment =
            Segment::create(volume, &self.dir, offset, "", &self.config, now.as_millis())?;
        self.segments.push(segment);
        self.note(LogLevel::Info, format!("Rolled new log segment at offset {offset} in 0 ms."));
        if !files.is_empty() {
            self.notes.push(LogNote::Flush { files, up_to: offset });
        }
        Ok(())
    }

    /// Writes checked batches to the active segment; true when a leader epoch began with them.
    fn write(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
        appended: Appended,
        fill_in: impl FnOnce(&mut [u8]),
    ) -> Result<bool, AppendError> {
        let Some(active) = self.segments.last_mut() else {
            return Err(DiskError::NotFound.into());
        };
        let (start, base) = (active.size(), active.base_offset());
        active.append(volume, records, appended, self.config.index_interval_bytes, fill_in)?;
        let written = volume.read_range(active.file(), start, records.len())?;
        let (mut position, mut changed) = (start, false);
        for batch in Batches::new(written) {
            let epoch = batch.partition_leader_epoch();
            if self.epochs.latest().is_none_or(|latest| epoch > latest) {
                changed |= self.epochs.assign(epoch, batch.base_offset());
            }
            self.recent.push(base, position, &batch);
            position += batch.size() as u64;
        }
        self.producers.replay(written, appended.last_offset + 1);
        if changed {
            self.write_epochs(volume)?;
        }
        Ok(changed)
    }
}
