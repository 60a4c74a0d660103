//! Loading a log from its volume. What the last clean stop or flush made safe is believed; behind the
//! recovery point every batch is checked and the log is cut at the first that is torn or damaged.
//!
//! In Kafka: `kafka.log.Log.loadSegments`, `recoverLog`.

use super::leader_epoch_cache::LeaderEpochCache;
use super::log_config::LogConfig;
use super::segment::{INDEX, LOG, Segment, TIME_INDEX, TRANSACTION_INDEX, offset_of};
use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::disk::{DiskError, Volume};
use std::fmt;

/// Suffix of files that are given up and wait for their removal.
pub const DELETED: &str = ".deleted";
/// Suffix of a compacted segment that is still being written.
pub const CLEANED: &str = ".cleaned";
/// Suffix of a whole compacted segment that is about to take the place of others.
pub const SWAP: &str = ".swap";

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

/// What is known of a log before it is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogStart {
    /// The last stop was clean: nothing is checked.
    pub is_clean: bool,
    /// Below this offset everything is on the disk (`recovery-point-offset-checkpoint`).
    pub recovery_point: i64,
    /// First offset (`log-start-offset-checkpoint`), when it is not that of the first segment.
    pub log_start_offset: i64,
    /// Now.
    pub now: Time,
}

/// What loading found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// True when the log was checked batch by batch behind its recovery point.
    pub checked: bool,
    /// Bytes cut off at the end.
    pub bytes_dropped: u64,
    /// The leader epochs are others than were stored, and are to be synced.
    pub epochs_changed: bool,
    /// Kafka's log lines.
    pub lines: Vec<(LogLevel, String)>,
}

impl RecoveryReport {
    pub(super) fn line(&mut self, level: LogLevel, text: String) {
        self.lines.push((level, text));
    }
}

/// Loads the segments in `dir`, oldest first.
pub(super) fn load_segments(
    volume: &mut Volume,
    dir: &str,
    config: &LogConfig,
    start: LogStart,
    epochs: &mut LeaderEpochCache,
) -> Result<(Vec<Segment>, RecoveryReport), LogError> {
    let mut report = RecoveryReport { checked: !start.is_clean, ..RecoveryReport::default() };
    let swap_offsets = remove_temporary_files(volume, dir)?;
    let mut loader = Loader { volume, dir, config, start, epochs, segments: Vec::new() };
    let offsets = segment_offsets(loader.volume, dir);
    for (place, base_offset) in offsets.iter().enumerate() {
        // The segment with the recovery point and all behind it, by their names: what they hold is
        // not to be believed yet.
        let next = offsets.get(place + 1);
        let is_unflushed = !start.is_clean && next.is_none_or(|next| *next > start.recovery_point);
        loader.load(*base_offset, is_unflushed, &mut report)?;
    }
    for base_offset in swap_offsets {
        loader.complete_swap(base_offset, &mut report)?;
    }
    let segments = loader.segments;
    Ok((segments, report))
}

struct Loader<'a> {
    volume: &'a mut Volume,
    dir: &'a str,
    config: &'a LogConfig,
    start: LogStart,
    epochs: &'a mut LeaderEpochCache,
    segments: Vec<Segment>,
}

impl Loader<'_> {
    fn load(
        &mut self,
        base_offset: i64,
        is_unflushed: bool,
        report: &mut RecoveryReport,
    ) -> Result<(), LogError> {
        let now_ms = self.start.now.as_millis();
        let (mut segment, is_whole) =
            Segment::open(self.volume, self.dir, base_offset, "", self.config, now_ms);
        // A power cut may take the end of one segment and leave the next: what follows a gap was
        // never the continuation of what is left. Only compaction leaves gaps that are none.
        let end = self.segments.last().map(Segment::end_offset);
        let gap = !self.config.compact && end.is_some_and(|end| end != base_offset);
        if report.bytes_dropped > 0 || (gap && !self.start.is_clean) {
            report.bytes_dropped += segment.size();
            for file in segment.change_file_suffixes(self.volume, "", DELETED)? {
                self.volume.delete(&file)?;
            }
            return Ok(());
        }
        let path = format!("/{}", segment.file());
        let indexes = [segment.index().file(), segment.time_index().file()];
        let has_indexes = indexes.iter().all(|file| self.volume.len(file).is_some());
        if !has_indexes {
            report.line(LogLevel::Error, format!("Could not find offset index file corresponding to log file {path}, recovering segment and rebuilding index files..."));
        }
        if is_unflushed {
            report.line(LogLevel::Info, format!("Recovering unflushed segment {base_offset}"));
        }
        if is_unflushed || !has_indexes || !is_whole {
            let epochs = &mut *self.epochs;
            let interval = self.config.index_interval_bytes;
            let dropped = segment.recover(self.volume, interval, |batch| {
                let epoch = batch.partition_leader_epoch();
                if epochs.latest().is_none_or(|latest| epoch > latest) {
                    epochs.assign(epoch, batch.base_offset());
                }
            })?;
            if dropped > 0 {
                let end = segment.end_offset();
                report.line(
                    LogLevel::Warn,
                    format!(
                        "Corruption found in segment {base_offset}, truncating to offset {end}"
                    ),
                );
            }
            report.bytes_dropped += dropped;
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Finishes putting a compacted segment in the place of others.
    ///
    /// In Kafka: `Log.completeSwapOperations`.
    fn complete_swap(
        &mut self,
        base_offset: i64,
        report: &mut RecoveryReport,
    ) -> Result<(), LogError> {
        let now_ms = self.start.now.as_millis();
        let (mut swap, _) =
            Segment::open(self.volume, self.dir, base_offset, SWAP, self.config, now_ms);
        let path = swap.file().to_owned();
        report.line(
            LogLevel::Info,
            format!("Found log file /{path} from interrupted swap operation, repairing."),
        );
        swap.recover(self.volume, self.config.index_interval_bytes, |_| ())?;
        let (from, to) = (base_offset, swap.end_offset());
        let replaced = |one: &Segment| {
            one.base_offset() == from || (one.base_offset() < to && one.end_offset() > from)
        };
        for mut old in self.segments.extract_if(.., |one| replaced(one)) {
            for file in old.change_file_suffixes(self.volume, "", DELETED)? {
                self.volume.delete(&file)?;
            }
        }
        swap.change_file_suffixes(self.volume, SWAP, "")?;
        let at = self.segments.partition_point(|one| one.base_offset() < base_offset);
        self.segments.insert(at, swap);
        Ok(())
    }
}

/// Removes what an earlier life had given up or not finished, and index files without a segment.
/// Returns the base offsets of compacted segments that must still take the place of others: those of
/// an operation that a not yet whole `.cleaned` file belongs to must not.
///
/// In Kafka: `Log.removeTempFilesAndCollectSwapFiles`.
fn remove_temporary_files(volume: &mut Volume, dir: &str) -> Result<Vec<i64>, LogError> {
    let prefix = format!("{dir}/");
    let names: Vec<String> = volume.list(&prefix).map(str::to_owned).collect();
    let offset = |name: &str| offset_of(name.get(prefix.len()..prefix.len() + 20)?);
    let cleaned = names.iter().filter(|name| name.ends_with(CLEANED));
    let least_cleaned = cleaned.filter_map(|name| offset(name)).min().unwrap_or(i64::MAX);
    let mut swaps = Vec::new();
    for name in names {
        if let Some(whole) = name.strip_suffix(SWAP) {
            match offset(&name).filter(|offset| *offset < least_cleaned) {
                Some(offset) if whole.ends_with(LOG) => swaps.push(offset),
                Some(_) => {}
                None => volume.delete(&name)?,
            }
            continue;
        }
        let orphan = [INDEX, TIME_INDEX, TRANSACTION_INDEX].iter().any(|kind| {
            let stem = name.strip_suffix(kind);
            stem.is_some_and(|stem| volume.len(&format!("{stem}{LOG}")).is_none())
        });
        if orphan || name.ends_with(DELETED) || name.ends_with(CLEANED) {
            volume.delete(&name)?;
        }
    }
    Ok(swaps)
}

/// The base offsets of the `.log` files in `dir`; other names are not segments.
fn segment_offsets(volume: &Volume, dir: &str) -> Vec<i64> {
    let prefix = format!("{dir}/");
    let names =
        volume.list(&prefix).filter_map(|name| offset_of(name[prefix.len()..].strip_suffix(LOG)?));
    names.collect()
}
