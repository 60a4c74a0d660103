//! A segment: one `.log` file named after its first offset, and what is known of the batches in it.
//! All bytes are in the volume; the segment keeps positions.
//!
//! In Kafka: `kafka.log.LogSegment`. Left out so far: the sparse index files on the disk.

use crate::wire::batch::RecordBatchView;

/// Where a batch lies and what a reader must know of it without opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchPosition {
    /// First offset.
    pub base_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// Byte position in the file.
    pub position: u64,
    /// Bytes.
    pub size: u32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// Largest timestamp in ms.
    pub max_timestamp: i64,
    /// CRC-32C as stored.
    pub crc: u32,
}

/// A segment of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    base_offset: i64,
    file: String,
    batches: Vec<BatchPosition>,
}

impl Segment {
    /// An empty segment of the log in `dir` that begins at `base_offset`.
    pub fn new(dir: &str, base_offset: i64) -> Self {
        Self { base_offset, file: format!("{dir}/{base_offset:020}.log"), batches: Vec::new() }
    }

    /// Its first offset, which is its name.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Its file on the volume.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its batches, in offset order.
    pub fn batches(&self) -> &[BatchPosition] {
        &self.batches
    }

    /// Bytes in it.
    pub fn size(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch.position + u64::from(batch.size))
    }

    /// Offset of the next record.
    pub fn end_offset(&self) -> i64 {
        self.batches.last().map_or(self.base_offset, |batch| batch.last_offset + 1)
    }

    /// Notes a batch that was written at the end of the file.
    pub fn push(&mut self, view: &RecordBatchView<'_>) {
        self.batches.push(BatchPosition {
            base_offset: view.base_offset(),
            last_offset: view.last_offset(),
            position: self.size(),
            size: view.size() as u32,
            leader_epoch: view.partition_leader_epoch(),
            max_timestamp: view.max_timestamp(),
            crc: view.crc(),
        });
    }

    /// Index of the first batch that ends at or after `offset`.
    pub fn batch_at_or_after(&self, offset: i64) -> usize {
        self.batches.partition_point(|batch| batch.last_offset < offset)
    }

    /// Forgets the batches from the one that holds `offset` on; returns the file's new length.
    pub fn truncate_to(&mut self, offset: i64) -> u64 {
        self.batches.truncate(self.batch_at_or_after(offset));
        self.size()
    }
}
