//! The log of one replica: appends as leader and as follower, reads, truncation.
//!
//! In Kafka: `kafka.log.Log`. Left out so far: retention, compaction, producer state.

use super::checkpoint::{read_epochs, write_epochs};
use super::leader_epoch_cache::LeaderEpochCache;
use super::recovery::{LogError, RecoveryReport, load_segments, recover_epochs};
use super::segment::{BatchPosition, Segment};
use crate::base::TopicPartition;
use crate::disk::{DiskError, Volume};
use crate::node::view::{RecordView, preview};
use crate::wire::ErrorCode;
use crate::wire::batch::{RecordBatchMut, RecordBatchView};
use bytes::Bytes;

/// The settings of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is not made longer than this.
    pub segment_bytes: u64,
    /// `max.message.bytes`: the largest batch that is accepted.
    pub max_message_bytes: usize,
}

impl Default for LogConfig {
    /// Kafka's defaults (`log.segment.bytes`, `message.max.bytes`).
    fn default() -> Self {
        Self { segment_bytes: 1 << 30, max_message_bytes: 1_048_588 }
    }
}

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
}

/// Records were not appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppendError {
    /// The producer's mistake: Kafka's error for it, and its sentence.
    Refused(ErrorCode, String),
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

impl From<DiskError> for AppendError {
    fn from(error: DiskError) -> Self {
        Self::Log(error.into())
    }
}

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

/// A replica's log. Its bytes are in the volume that every call is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionLog {
    partition: TopicPartition,
    dir: String,
    config: LogConfig,
    segments: Vec<Segment>,
    epochs: LeaderEpochCache,
}

impl PartitionLog {
    /// Opens the log of `partition`, making it when the volume has none. `clean` says that the last
    /// stop was clean; otherwise every batch is checked.
    pub fn open(
        volume: &mut Volume,
        partition: TopicPartition,
        config: LogConfig,
        clean: bool,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let dir = partition.to_string();
        let (mut segments, report) = load_segments(volume, &dir, clean)?;
        if segments.is_empty() {
            let segment = Segment::new(&dir, 0);
            volume.append(segment.file(), &[])?;
            segments.push(segment);
        }
        let stored = read_epochs(volume, &epochs_file(&dir));
        let epochs = recover_epochs(stored, &segments);
        Ok((Self { partition, dir, config, segments, epochs }, report))
    }

    /// Whose log this is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Changes the settings; they hold from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// First offset.
    pub fn log_start_offset(&self) -> i64 {
        self.segments.first().map_or(0, Segment::base_offset)
    }

    /// Offset of the next record.
    pub fn log_end_offset(&self) -> i64 {
        self.segments.last().map_or(0, Segment::end_offset)
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(Segment::size).sum()
    }

    /// Leader epochs and where each began.
    pub fn leader_epochs(&self) -> &LeaderEpochCache {
        &self.epochs
    }

    /// The leader epoch checkpoint on the volume; the caller syncs it after it changed.
    pub fn epochs_file(&self) -> String {
        epochs_file(&self.dir)
    }

    /// The file that is written to now.
    pub fn active_file(&self) -> Option<&str> {
        self.segments.last().map(Segment::file)
    }

    /// Notes that `epoch` begins at the log's end; true when that was new.
    pub fn assign_epoch_start(
        &mut self,
        volume: &mut Volume,
        epoch: i32,
    ) -> Result<bool, LogError> {
        let changed = self.epochs.assign(epoch, self.log_end_offset());
        if changed {
            write_epochs(volume, &self.epochs_file(), self.epochs.entries())?;
        }
        Ok(changed)
    }

    /// The answer to OffsetForLeaderEpoch: (epoch, end offset), both −1 when undefined.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.end_offset_for(epoch, self.log_end_offset())
    }

    /// Appends what a producer sent: gives the records their offsets and `leader_epoch`.
    pub fn append_as_leader(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
        leader_epoch: i32,
    ) -> Result<AppendInfo, AppendError> {
        self.validate(records)?;
        let mut owned = records.to_vec();
        let mut next = self.log_end_offset();
        let mut from = 0;
        while from < owned.len() {
            let mut batch = RecordBatchMut::first(&mut owned[from..]).map_err(corrupt)?;
            batch.set_base_offset(next);
            batch.set_partition_leader_epoch(leader_epoch);
            next = batch.view().next_offset();
            from += batch.view().size();
        }
        self.append_batches(volume, &owned)
    }

    /// Appends what the leader sent, as it is. Records that do not continue this log are refused.
    pub fn append_as_follower(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
    ) -> Result<Option<AppendInfo>, AppendError> {
        // A fetch may end in the middle of a batch; that part comes again with the next one.
        let mut whole = 0;
        let mut end = self.log_end_offset();
        while let Ok(view) = RecordBatchView::first(&records[whole..]) {
            view.verify().map_err(corrupt)?;
            if view.base_offset() < end {
                let (base_offset, log_end_offset) = (view.base_offset(), end);
                return Err(AppendError::OutOfOrder { base_offset, log_end_offset });
            }
            end = view.last_offset() + 1;
            whole += view.size();
        }
        if whole == 0 {
            return Ok(None);
        }
        self.append_batches(volume, &records[..whole]).map(Some)
    }

    /// Refuses what Kafka refuses before it gives offsets (`Log.analyzeAndValidateRecords`,
    /// `LogValidator`).
    fn validate(&self, records: &[u8]) -> Result<(), AppendError> {
        let mut rest = records;
        if rest.is_empty() {
            return Err(corrupt("no record batch"));
        }
        while !rest.is_empty() {
            let view = RecordBatchView::first(rest).map_err(corrupt)?;
            if view.size() > self.config.max_message_bytes {
                return Err(AppendError::Refused(
                    ErrorCode::MESSAGE_TOO_LARGE,
                    format!(
                        "The record batch size in the append to {} is {} bytes which exceeds the maximum configured value of {}.",
                        self.partition,
                        view.size(),
                        self.config.max_message_bytes
                    ),
                ));
            }
            view.verify().map_err(corrupt)?;
            if view.is_control()
                || view.record_count() < 1
                || view.last_offset_delta() + 1 != view.record_count()
            {
                let text = format!("Record batch to {} has invalid counts", self.partition);
                return Err(AppendError::Refused(ErrorCode::INVALID_RECORD, text));
            }
            rest = &rest[view.size()..];
        }
        if records.len() as u64 > self.config.segment_bytes {
            return Err(AppendError::Refused(
                ErrorCode::RECORD_LIST_TOO_LARGE,
                format!(
                    "Message batch size is {} bytes in append to partition {}, which exceeds the maximum configured segment size of {}.",
                    records.len(),
                    self.partition,
                    self.config.segment_bytes
                ),
            ));
        }
        Ok(())
    }

    fn append_batches(
        &mut self,
        volume: &mut Volume,
        records: &[u8],
    ) -> Result<AppendInfo, AppendError> {
        let end = self.log_end_offset();
        let full = self.segments.last().is_none_or(|segment| {
            segment.size() > 0 && segment.size() + records.len() as u64 > self.config.segment_bytes
        });
        if full {
            self.segments.push(Segment::new(&self.dir, end));
        }
        let Some(segment) = self.segments.last_mut() else {
            return Err(DiskError::NotFound.into());
        };
        volume.append(segment.file(), records)?;
        let (mut rest, mut base_offset, mut epochs_changed) = (records, end, false);
        while let Ok(view) = RecordBatchView::first(rest) {
            if rest.len() == records.len() {
                base_offset = view.base_offset();
            }
            let epoch = view.partition_leader_epoch();
            if self.epochs.latest().is_none_or(|latest| epoch > latest) {
                epochs_changed |= self.epochs.assign(epoch, view.base_offset());
            }
            segment.push(&view);
            rest = &rest[view.size()..];
        }
        let last_offset = segment.end_offset() - 1;
        if epochs_changed {
            write_epochs(volume, &epochs_file(&self.dir), self.epochs.entries())?;
        }
        Ok(AppendInfo { base_offset, last_offset, bytes: records.len(), epochs_changed })
    }

    fn batches(&self) -> impl DoubleEndedIterator<Item = (&Segment, &BatchPosition)> {
        self.segments
            .iter()
            .flat_map(|segment| segment.batches().iter().map(move |batch| (segment, batch)))
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
        let mut index = self.segments.partition_point(|segment| segment.end_offset() <= from);
        // Kafka reads from one segment at a time; empty ones are skipped.
        while self.segments.get(index).is_some_and(|segment| segment.batches().is_empty()) {
            index += 1;
        }
        let Some(segment) = self.segments.get(index) else { return Ok(Bytes::new()) };
        let first = segment.batch_at_or_after(from);
        let mut size = 0;
        for batch in segment.batches()[first..].iter().take_while(|b| b.last_offset < end) {
            let larger = size + batch.size as usize;
            if larger > max_bytes && !(size == 0 && at_least_one) {
                break;
            }
            size = larger;
        }
        let position = segment.batches().get(first).map_or(0, |batch| batch.position);
        let bytes = volume.read_range(segment.file(), position, size).unwrap_or_default();
        Ok(Bytes::copy_from_slice(bytes))
    }

    /// Cuts the log so that `offset` is the next to be written (or the start of the batch that
    /// holds it); returns the old and new log end offset when anything was cut.
    pub fn truncate_to(
        &mut self,
        volume: &mut Volume,
        offset: i64,
    ) -> Result<Option<(i64, i64)>, LogError> {
        let before = self.log_end_offset();
        if offset >= before {
            // A leader that appended nothing before another took over left its epoch at the end,
            // and the other leader may not know it.
            if self.epochs.truncate_from_end(before) {
                write_epochs(volume, &self.epochs_file(), self.epochs.entries())?;
            }
            return Ok(None);
        }
        let offset = offset.max(self.log_start_offset());
        while let Some(last) = self.segments.last()
            && self.segments.len() > 1
            && last.base_offset() >= offset
        {
            volume.delete(last.file())?;
            self.segments.pop();
        }
        if let Some(segment) = self.segments.last_mut() {
            let len = segment.truncate_to(offset);
            volume.truncate(segment.file(), len)?;
        }
        if self.epochs.truncate_from_end(self.log_end_offset()) {
            write_epochs(volume, &self.epochs_file(), self.epochs.entries())?;
        }
        Ok(Some((before, self.log_end_offset())))
    }

    /// Empties the log and lets it begin at `offset`, as a follower does whose leader has nothing
    /// left of what it wants.
    pub fn truncate_fully_and_start_at(
        &mut self,
        volume: &mut Volume,
        offset: i64,
    ) -> Result<(), LogError> {
        for segment in self.segments.drain(..) {
            volume.delete(segment.file())?;
        }
        let segment = Segment::new(&self.dir, offset);
        volume.append(segment.file(), &[])?;
        self.segments.push(segment);
        self.epochs = LeaderEpochCache::default();
        write_epochs(volume, &self.epochs_file(), &[])?;
        Ok(())
    }

    /// The first record at or after `timestamp` ms: (offset, its timestamp). Kafka answers with the
    /// record, not its batch (`LogSegment.findOffsetByTimestamp`).
    pub fn offset_for_timestamp(&self, volume: &Volume, timestamp: i64) -> Option<(i64, i64)> {
        let (segment, batch) = self.batches().find(|(_, b)| b.max_timestamp >= timestamp)?;
        let bytes = volume.read_range(segment.file(), batch.position, batch.size as usize).ok()?;
        let view = RecordBatchView::first(bytes).ok()?;
        let records = view.records().into_iter().flatten().filter_map(Result::ok);
        let mut found = records.filter(|record| record.timestamp >= timestamp);
        let fallback = Some((batch.base_offset, batch.max_timestamp));
        found.next().map(|record| (record.offset, record.timestamp)).or(fallback)
    }

    /// The newest `count` records, oldest first, for the view.
    pub fn newest_records(&self, volume: &Volume, count: usize) -> Vec<RecordView> {
        let mut newest = Vec::new();
        for (segment, batch) in self.batches().rev() {
            if newest.len() >= count {
                break;
            }
            let range = volume.read_range(segment.file(), batch.position, batch.size as usize);
            let Some(view) = range.ok().and_then(|bytes| RecordBatchView::first(bytes).ok()) else {
                break;
            };
            let records: Vec<RecordView> = view
                .records()
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|record| RecordView {
                    offset: record.offset,
                    leader_epoch: batch.leader_epoch,
                    timestamp: record.timestamp,
                    key: record.key.map(preview),
                    value: record.value.map(preview),
                    size_bytes: (record.key.map_or(0, <[u8]>::len)
                        + record.value.map_or(0, <[u8]>::len))
                        as u32,
                    control: view.is_control(),
                })
                .collect();
            newest.extend(records.into_iter().rev());
        }
        newest.truncate(count);
        newest.reverse();
        newest
    }

    /// The stored CRCs of the newest `count` batches that end below `end`: (last offset, CRC).
    pub fn batch_crcs(&self, end: i64, count: usize) -> Vec<(i64, u32)> {
        let below = self.batches().rev().map(|(_, batch)| (batch.last_offset, batch.crc));
        let mut crcs: Vec<_> = below.filter(|(last, _)| *last < end).take(count).collect();
        crcs.reverse();
        crcs
    }

    /// Deletes every file of the log.
    pub fn delete(self, volume: &mut Volume) -> Result<(), LogError> {
        let prefix = format!("{}/", self.dir);
        let names: Vec<String> = volume.list(&prefix).map(str::to_owned).collect();
        for name in names {
            volume.delete(&name)?;
        }
        Ok(())
    }
}

fn epochs_file(dir: &str) -> String {
    format!("{dir}/leader-epoch-checkpoint")
}

fn corrupt(why: impl ToString) -> AppendError {
    AppendError::Refused(ErrorCode::CORRUPT_MESSAGE, why.to_string())
}

#[cfg(test)]
mod tests;
