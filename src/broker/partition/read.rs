//! Reading a replica: for consumers up to the high watermark, for followers to the end.
//!
//! In Kafka: `Partition.readRecords`, `fetchOffsetForTimestamp`, `lastOffsetForLeaderEpoch`.

use super::{Partition, Role};
use crate::base::{Mutant, is_planted};
use crate::disk::Volume;
use crate::log::segment::Segment;
use crate::wire::ErrorCode;
use bytes::Bytes;

/// Timestamp that asks for the end of what the reader may see.
const LATEST_TIMESTAMP: i64 = -1;
/// Timestamp that asks for the log's start.
const EARLIEST_TIMESTAMP: i64 = -2;

/// How far somebody may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchIsolation {
    /// To the end: followers.
    LogEnd,
    /// Below the high watermark.
    HighWatermark,
    /// Below the last stable offset.
    TxnCommitted,
}

/// What somebody wants to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// From here on.
    pub fetch_offset: i64,
    /// The leader epoch that the reader knows, −1 for none.
    pub current_leader_epoch: i32,
    /// Epoch of the last record the reader has, −1 when it does not say.
    pub last_fetched_epoch: i32,
    /// Bytes at most.
    pub max_bytes: usize,
    /// One batch even if it is larger than that.
    pub at_least_one: bool,
    /// How far.
    pub isolation: FetchIsolation,
    /// Whether only the leader may answer.
    pub from_leader_only: bool,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadInfo {
    /// Whole batches.
    pub records: Bytes,
    /// High watermark before the read counts for it.
    pub high_watermark: i64,
    /// Last stable offset at that time.
    pub last_stable_offset: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Set instead of records when the reader's log differs from this one: (epoch, end offset).
    pub diverging_epoch: Option<(i32, i64)>,
    /// Set instead of records when a follower nearer to the consumer should be asked.
    pub preferred_read_replica: Option<i32>,
}

impl Partition {
    /// Reads records.
    pub fn read_records(
        &self,
        wanted: &ReadRequest,
        volume: &Volume,
    ) -> Result<ReadInfo, ErrorCode> {
        self.check_access(wanted.current_leader_epoch, wanted.from_leader_only)?;
        let mut info = self.offset_snapshot();
        if wanted.last_fetched_epoch >= 0 {
            let (epoch, end) = self.log.end_offset_for_epoch(wanted.last_fetched_epoch);
            if epoch < 0 || end < 0 || wanted.fetch_offset < info.log_start_offset {
                return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
            }
            if epoch < wanted.last_fetched_epoch || end < wanted.fetch_offset {
                info.diverging_epoch = Some((epoch, end));
                return Ok(info);
            }
        }
        let sees_all = is_planted(Mutant::ReadAboveHighWatermark);
        let end = if sees_all { self.log.log_end_offset() } else { self.end_for(wanted.isolation) };
        let read =
            self.log.read(volume, wanted.fetch_offset, end, wanted.max_bytes, wanted.at_least_one);
        info.records = read.map_err(|_| ErrorCode::OFFSET_OUT_OF_RANGE)?;
        Ok(info)
    }

    /// Sends a consumer to a follower that is nearer to it.
    pub fn redirect(&self, wanted: &ReadRequest, replica: i32) -> Result<ReadInfo, ErrorCode> {
        self.check_access(wanted.current_leader_epoch, false)?;
        Ok(ReadInfo { preferred_read_replica: Some(replica), ..self.offset_snapshot() })
    }

    fn offset_snapshot(&self) -> ReadInfo {
        ReadInfo {
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
            log_start_offset: self.log.log_start_offset(),
            ..ReadInfo::default()
        }
    }

    /// Whether what may be read from `offset` on ends in a later segment than it begins in.
    pub fn ends_in_later_segment(&self, offset: i64, isolation: FetchIsolation) -> bool {
        let end = self.end_for(isolation);
        let bases = self.log.segments().iter().map(Segment::base_offset);
        offset < end && bases.rev().take_while(|base| *base > offset).any(|base| base <= end)
    }

    fn end_for(&self, isolation: FetchIsolation) -> i64 {
        match isolation {
            FetchIsolation::LogEnd => self.log.log_end_offset(),
            FetchIsolation::HighWatermark => self.high_watermark,
            FetchIsolation::TxnCommitted => self.last_stable_offset(),
        }
    }

    /// Offset and timestamp for a ListOffsets request, with the leader epoch of that offset; −1
    /// when there is none. Consumers see no further than their isolation allows.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        isolation: FetchIsolation,
        volume: &Volume,
    ) -> Result<(i64, i64, i32), ErrorCode> {
        let epochs = self.log.leader_epochs();
        let end = self.end_for(isolation);
        let lags = isolation != FetchIsolation::LogEnd && self.lags_behind_its_epoch();
        match timestamp {
            // Until the high watermark has reached the epoch's start, a new leader does not know
            // yet what its predecessor had committed (KIP-207).
            LATEST_TIMESTAMP if lags => Err(ErrorCode::OFFSET_NOT_AVAILABLE),
            LATEST_TIMESTAMP => Ok((end, -1, self.leader_epoch)),
            EARLIEST_TIMESTAMP => {
                let start = self.log.log_start_offset();
                let epoch = epochs.entries().first().filter(|(_, first)| *first <= start);
                Ok((start, -1, epoch.map_or(-1, |(epoch, _)| *epoch)))
            }
            timestamp => {
                let found = self.log.offset_for_timestamp(volume, timestamp);
                match found.filter(|(offset, _)| *offset < end) {
                    Some((offset, at)) => Ok((offset, at, epochs.epoch_at(offset).unwrap_or(-1))),
                    None if lags => Err(ErrorCode::OFFSET_NOT_AVAILABLE),
                    None => Ok((-1, -1, -1)),
                }
            }
        }
    }

    fn lags_behind_its_epoch(&self) -> bool {
        matches!(self.role, Role::Leader { start_offset, .. } if start_offset > self.high_watermark)
    }

    /// Where the log of `epoch` ends: (epoch, end offset), both −1 when undefined.
    pub fn last_offset_for_leader_epoch(
        &self,
        current_leader_epoch: i32,
        epoch: i32,
    ) -> Result<(i32, i64), ErrorCode> {
        self.check_access(current_leader_epoch, true)?;
        Ok(self.log.end_offset_for_epoch(epoch))
    }
}
