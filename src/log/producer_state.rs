//! What a log knows of the idempotent producers that wrote to it: their epochs, their last five
//! batches, and the transactions that are open. From this it tells a batch sent again from a new
//! one, and finds a batch that is missing. The state is saved in snapshots beside the segments, in
//! Kafka's own format, and read back from them and from the batches behind them.
//!
//! In Kafka: `kafka.log.ProducerStateManager`, KIP-98, KIP-360. Left out: the index of aborted
//! transactions.

mod append_info;
mod entry;
mod snapshot;

pub use append_info::{AppendOrigin, CompletedTxn, InvalidAppend, ProducerAppendInfo};
pub use entry::{BATCHES_RETAINED, BatchMetadata, ProducerStateEntry};
pub use snapshot::{decode_snapshot, encode_snapshot};

use super::LogError;
use super::segment::{file_name, offset_of};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::disk::Volume;
use crate::wire::batch::{Batches, RecordBatchView};

/// Suffix of a snapshot.
pub(super) const SNAPSHOT: &str = ".snapshot";

/// What the batches of an append would do, found before they are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Analysis {
    /// A batch that was appended before: the producer gets the offsets of that time.
    Duplicate(BatchMetadata),
    /// New batches; the update holds once they are written.
    New(ProducerUpdate),
}

/// How an append changes the state of its producers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProducerUpdate {
    producers: SortedMap<i64, ProducerAppendInfo>,
    completed: Vec<CompletedTxn>,
}

/// The producers of one log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerStateManager {
    partition: TopicPartition,
    producers: SortedMap<i64, ProducerStateEntry>,
    /// Open transactions by first offset, with their producer.
    ongoing_txns: SortedMap<i64, i64>,
    /// Transactions that ended above the high watermark: first offset, offset of the marker.
    unreplicated_txns: SortedMap<i64, i64>,
    /// Offsets that have a snapshot on the volume.
    snapshots: SortedSet<i64>,
    last_map_offset: i64,
    last_snap_offset: i64,
    /// Snapshots that were written or deleted, which is not durable yet.
    touched: Vec<String>,
}

impl ProducerStateManager {
    /// The state of a log that was not read yet; finds the snapshots on the volume.
    pub fn new(partition: TopicPartition, volume: &Volume) -> Self {
        let prefix = format!("{partition}/");
        let names = volume.list(&prefix);
        let snapshots = names.filter_map(|name| snapshot_offset(&name[prefix.len()..])).collect();
        Self {
            partition,
            producers: SortedMap::new(),
            ongoing_txns: SortedMap::new(),
            unreplicated_txns: SortedMap::new(),
            snapshots,
            last_map_offset: 0,
            last_snap_offset: 0,
            touched: Vec::new(),
        }
    }

    /// The producers, by id.
    pub fn producers(&self) -> &SortedMap<i64, ProducerStateEntry> {
        &self.producers
    }

    /// The offset up to which the log's batches are in the state.
    pub fn map_end_offset(&self) -> i64 {
        self.last_map_offset
    }

    /// The newest snapshot.
    pub fn latest_snapshot_offset(&self) -> Option<i64> {
        self.snapshots.last().copied()
    }

    /// The first offset that a reader of committed records must not pass: that of the oldest
    /// transaction that is open, or that ended above the high watermark.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        let ongoing = self.ongoing_txns.first_key_value().map(|(first, _)| *first);
        let unreplicated = self.unreplicated_txns.first_key_value().map(|(first, _)| *first);
        [ongoing, unreplicated].into_iter().flatten().min()
    }

    /// Transactions whose markers lie below the high watermark are settled.
    pub fn on_high_watermark_updated(&mut self, high_watermark: i64) {
        self.unreplicated_txns.retain(|_, last| *last >= high_watermark);
    }

    /// Whether nothing is known that a truncation could change.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.unreplicated_txns.is_empty()
    }

    /// Looks at batches that are not written yet: one that gets its offsets from `base_offset` on,
    /// or many that have theirs.
    ///
    /// In Kafka: `Log.analyzeAndValidateProducerState`.
    pub fn analyze(
        &self,
        records: &[u8],
        base_offset: Option<i64>,
        origin: AppendOrigin,
    ) -> Result<Analysis, InvalidAppend> {
        let mut update = ProducerUpdate::default();
        for batch in Batches::new(records).filter(RecordBatchView::has_producer_id) {
            let offset = base_offset.unwrap_or_else(|| batch.base_offset());
            let id = batch.producer_id();
            let known = self.producers.get(&id);
            if origin == AppendOrigin::Client
                && let Some(duplicate) = known.and_then(|entry| entry.duplicate_of(&batch))
            {
                return Ok(Analysis::Duplicate(duplicate));
            }
            let info = update
                .producers
                .entry(id)
                .or_insert_with(|| ProducerAppendInfo::new(id, known.cloned(), origin));
            update.completed.extend(info.append(&batch, offset, &self.partition)?);
        }
        Ok(Analysis::New(update))
    }

    /// The batches were written, and the log ends at `end_offset` now.
    pub fn apply(&mut self, update: ProducerUpdate, end_offset: i64) {
        for (id, info) in update.producers {
            for first_offset in info.started() {
                self.ongoing_txns.insert(*first_offset, id);
            }
            let entry = self.producers.entry(id).or_insert_with(|| ProducerStateEntry::empty(id));
            entry.update(info.into_entry());
        }
        for txn in update.completed {
            if self.ongoing_txns.remove(&txn.first_offset).is_some() {
                self.unreplicated_txns.insert(txn.first_offset, txn.last_offset);
            }
        }
        self.last_map_offset = end_offset;
    }

    /// Forgets producers that wrote nothing for `expiration_ms`, but for open transactions.
    pub fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| !entry.is_expired(now_ms, expiration_ms));
    }

    /// Snapshots that were written or deleted since the last call; the caller makes that durable.
    pub fn take_touched(&mut self) -> Vec<String> {
        std::mem::take(&mut self.touched)
    }

    /// Saves the state in a snapshot at its end offset, unless there is one.
    pub fn take_snapshot(&mut self, volume: &mut Volume) -> Result<(), LogError> {
        if self.last_map_offset <= self.last_snap_offset {
            return Ok(());
        }
        let file = self.snapshot_file(self.last_map_offset);
        volume.replace(&file, &encode_snapshot(self.producers.values()))?;
        self.snapshots.insert(self.last_map_offset);
        self.last_snap_offset = self.last_map_offset;
        self.touched.push(file);
        Ok(())
    }

    /// Deletes snapshots that stand at no segment's base offset, but the newest of them if it lies
    /// behind all segments: that one is of a clean stop.
    pub fn remove_stray_snapshots(
        &mut self,
        segment_base_offsets: &SortedSet<i64>,
        volume: &mut Volume,
    ) -> Result<(), LogError> {
        let last_base = segment_base_offsets.last().copied().unwrap_or(-1);
        let strays: Vec<i64> = self
            .snapshots
            .iter()
            .copied()
            .filter(|offset| !segment_base_offsets.contains(offset))
            .collect();
        let kept = strays.last().copied().filter(|offset| *offset > last_base);
        for offset in strays.into_iter().filter(|offset| Some(*offset) != kept) {
            self.delete_snapshot(offset, volume)?;
        }
        Ok(())
    }

    /// Goes back to what the newest snapshot says that lies in (`log_start_offset`,
    /// `log_end_offset`], unless the state is at the log's end already. What the log holds from
    /// [`ProducerStateManager::map_end_offset`] on is then to be [replayed](Self::replay).
    pub fn truncate_and_reload(
        &mut self,
        log_start_offset: i64,
        log_end_offset: i64,
        volume: &mut Volume,
    ) -> Result<(), LogError> {
        let out = |offset: &&i64| **offset > log_end_offset || **offset <= log_start_offset;
        let outside: Vec<i64> = self.snapshots.iter().filter(out).copied().collect();
        for offset in outside {
            self.delete_snapshot(offset, volume)?;
        }
        if log_end_offset == self.last_map_offset {
            self.on_log_start_offset_incremented(log_start_offset);
            return Ok(());
        }
        self.clear();
        self.load_newest_snapshot(log_start_offset, volume)
    }

    fn load_newest_snapshot(
        &mut self,
        log_start_offset: i64,
        volume: &mut Volume,
    ) -> Result<(), LogError> {
        while let Some(offset) = self.latest_snapshot_offset() {
            let read = volume.read(&self.snapshot_file(offset)).map(decode_snapshot);
            if let Some(Ok(entries)) = read {
                for entry in entries {
                    if let Some(first_offset) = entry.current_txn_first_offset {
                        self.ongoing_txns.insert(first_offset, entry.producer_id);
                    }
                    self.producers.insert(entry.producer_id, entry);
                }
                (self.last_snap_offset, self.last_map_offset) = (offset, offset);
                return Ok(());
            }
            // Damaged: an older one will do.
            self.delete_snapshot(offset, volume)?;
        }
        (self.last_snap_offset, self.last_map_offset) = (log_start_offset, log_start_offset);
        Ok(())
    }

    /// Takes in batches of the log that are behind the state, up to `end_offset`.
    pub fn replay(&mut self, records: &[u8], end_offset: i64) {
        // What is in the log was accepted once; nothing of it is refused.
        if let Ok(Analysis::New(update)) = self.analyze(records, None, AppendOrigin::Replication) {
            self.apply(update, end_offset);
        }
    }

    /// The state covers the log up to `offset`, in which no producer with an id wrote.
    pub fn update_map_end_offset(&mut self, offset: i64) {
        self.last_map_offset = offset;
    }

    /// The log begins later than before.
    pub fn on_log_start_offset_incremented(&mut self, log_start_offset: i64) {
        self.on_high_watermark_updated(log_start_offset);
        self.last_map_offset = self.last_map_offset.max(log_start_offset);
        self.last_snap_offset = self.latest_snapshot_offset().unwrap_or(log_start_offset);
    }

    /// Forgets everything: the log begins anew at `offset`.
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: i64,
        volume: &mut Volume,
    ) -> Result<(), LogError> {
        self.clear();
        for snapshot in std::mem::take(&mut self.snapshots) {
            self.delete_snapshot(snapshot, volume)?;
        }
        (self.last_snap_offset, self.last_map_offset) = (0, offset);
        Ok(())
    }

    /// Deletes the snapshot of a segment that is deleted.
    pub fn delete_snapshot(&mut self, offset: i64, volume: &mut Volume) -> Result<(), LogError> {
        self.snapshots.remove(&offset);
        let file = self.snapshot_file(offset);
        if volume.len(&file).is_some() {
            volume.delete(&file)?;
            self.touched.push(file);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.producers.clear();
        self.ongoing_txns.clear();
        self.unreplicated_txns.clear();
    }

    fn snapshot_file(&self, offset: i64) -> String {
        file_name(&self.partition.to_string(), offset, SNAPSHOT)
    }
}

/// The offset in the name of a snapshot.
fn snapshot_offset(name: &str) -> Option<i64> {
    offset_of(name.strip_suffix(SNAPSHOT)?)
}

#[cfg(test)]
mod tests;
