//! Loading a log from its volume. After a clean stop the files are believed; after an unclean one
//! every batch is checked and the log is cut at the first that is torn or damaged.
//!
//! In Kafka: `kafka.log.Log.loadSegments`, `recoverLog`, `LogSegment.recover`.

use super::leader_epoch_cache::LeaderEpochCache;
use super::segment::Segment;
use crate::disk::{DiskError, Volume};
use crate::wire::batch::RecordBatchView;
use std::fmt;

/// A log cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogError {
    /// The disk refused: the log directory goes offline.
    Disk(DiskError),
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LogError {}

/// What loading found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// True when the log was checked batch by batch.
    pub checked: bool,
    /// Bytes cut off at the end.
    pub bytes_dropped: u64,
}

/// Loads the segments in `dir`, oldest first. Nothing follows a cut: later segments are deleted.
pub(super) fn load_segments(
    volume: &mut Volume,
    dir: &str,
    clean: bool,
) -> Result<(Vec<Segment>, RecoveryReport), LogError> {
    let mut report = RecoveryReport { checked: !clean, bytes_dropped: 0 };
    let mut segments: Vec<Segment> = Vec::new();
    for base_offset in segment_offsets(volume, dir) {
        let mut segment = Segment::new(dir, base_offset);
        let file = segment.file().to_owned();
        // A power cut may take the end of one segment and leave the next: what follows a gap was
        // never the continuation of what is left.
        let gap = segments.last().is_some_and(|before| before.end_offset() != base_offset);
        if report.bytes_dropped > 0 || (gap && !clean) {
            report.bytes_dropped += volume.len(&file).unwrap_or(0);
            volume.delete(&file)?;
            continue;
        }
        let data = volume.read(&file).unwrap_or_default();
        scan(&mut segment, data, clean);
        let torn = data.len() as u64 - segment.size();
        if torn > 0 {
            volume.truncate(&file, segment.size())?;
            report.bytes_dropped += torn;
        }
        segments.push(segment);
    }
    Ok((segments, report))
}

/// The base offsets of the `.log` files in `dir`; other names are not segments.
fn segment_offsets(volume: &Volume, dir: &str) -> Vec<i64> {
    let prefix = format!("{dir}/");
    let names = volume.list(&prefix).filter_map(|name| {
        let digits = name[prefix.len()..].strip_suffix(".log")?;
        if digits.len() == 20 { digits.parse::<i64>().ok() } else { None }
    });
    names.collect()
}

/// Notes the batches at the beginning of `data` up to the first that cannot be believed.
fn scan(segment: &mut Segment, data: &[u8], clean: bool) {
    let mut rest = data;
    while let Ok(view) = RecordBatchView::first(rest) {
        let in_order = view.base_offset() >= segment.end_offset();
        if !in_order || !(clean || view.verify().is_ok()) {
            return;
        }
        segment.push(&view);
        rest = &rest[view.size()..];
    }
}

/// The leader epochs that the stored cache may still claim, completed from the batches themselves:
/// the checkpoint on the disk can be older than the log.
pub(super) fn recover_epochs(stored: Vec<(i32, i64)>, segments: &[Segment]) -> LeaderEpochCache {
    let end = segments.last().map_or(0, Segment::end_offset);
    let mut cache = LeaderEpochCache::new(stored);
    cache.truncate_from_end(end + 1);
    for batch in segments.iter().flat_map(Segment::batches) {
        if cache.latest().is_none_or(|latest| batch.leader_epoch > latest) {
            cache.assign(batch.leader_epoch, batch.base_offset);
        }
    }
    cache
}
