//! The newest batches of a log, for the view of its replica, which has no access to the volume.

use super::segment::Segment;
use crate::disk::Volume;
use crate::node::view::RECORDS_SHOWN_MAX;
use crate::wire::batch::RecordBatchView;
use std::collections::VecDeque;

/// How many batches are kept.
const BATCHES_MAX: usize = 1024;

/// One of the newest batches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecentBatch {
    /// Base offset of its segment.
    pub(super) segment: i64,
    /// Where it lies in the segment.
    pub(super) position: u64,
    /// Bytes.
    pub(super) size: usize,
    /// Offset of its last record.
    pub(super) last_offset: i64,
    /// Its checksum as stored.
    pub(super) crc: u32,
}

/// The newest batches, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RecentBatches(VecDeque<RecentBatch>);

impl RecentBatches {
    /// The newest batches of `segments`, as the volume has them.
    pub(super) fn read(volume: &Volume, segments: &[Segment]) -> Self {
        let (mut first, mut count) = (segments.len(), 0);
        while first > 0 && count < RECORDS_SHOWN_MAX {
            first -= 1;
            count += segments[first].batches(volume, 0).count();
        }
        let mut recent = Self::default();
        for segment in &segments[first..] {
            for (position, batch) in segment.batches(volume, 0) {
                recent.push(segment.base_offset(), position, &batch);
            }
        }
        recent
    }

    /// Notes a batch behind the others.
    pub(super) fn push(&mut self, segment: i64, position: u64, batch: &RecordBatchView<'_>) {
        if self.0.len() == BATCHES_MAX {
            self.0.pop_front();
        }
        let (size, last_offset, crc) = (batch.size(), batch.last_offset(), batch.crc());
        self.0.push_back(RecentBatch { segment, position, size, last_offset, crc });
    }

    /// The batches, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &RecentBatch> {
        self.0.iter().rev()
    }
}
