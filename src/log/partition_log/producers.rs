//! The idempotent producers of a log: their state follows the batches, and is found again after a
//! restart and a truncation.
//!
//! In Kafka: `Log.rebuildProducerState`, `loadProducerState`.

use super::PartitionLog;
use crate::base::{SortedSet, Time};
use crate::disk::Volume;
use crate::log::producer_state::ProducerStateManager;
use crate::log::recovery::LogError;
use crate::log::segment::Segment;

impl PartitionLog {
    /// What is known of the producers that wrote here.
    pub fn producers(&self) -> &ProducerStateManager {
        &self.producers
    }

    /// Forgets producers that wrote nothing for `expiration_ms`.
    pub fn remove_expired_producers(&mut self, now: Time, expiration_ms: i64) {
        self.producers.remove_expired(now.as_millis(), expiration_ms);
    }

    /// Transactions that ended below the high watermark are settled.
    pub fn on_high_watermark_updated(&mut self, high_watermark: i64) {
        self.producers.on_high_watermark_updated(high_watermark);
    }

    pub(super) fn load_producer_state(
        &mut self,
        volume: &mut Volume,
        is_clean: bool,
    ) -> Result<(), LogError> {
        let bases: SortedSet<i64> = self.segments.iter().map(Segment::base_offset).collect();
        self.producers.remove_stray_snapshots(&bases, volume)?;
        if is_clean && self.producers.latest_snapshot_offset().is_none() {
            // No producer ever had an id here: empty snapshots spare later starts the search.
            for offset in self.snapshot_offsets() {
                self.producers.update_map_end_offset(offset);
                self.producers.take_snapshot(volume)?;
            }
            return Ok(());
        }
        self.rebuild_producer_state(volume)
    }

    /// Goes back to a snapshot, and takes in the batches behind it.
    pub(super) fn rebuild_producer_state(&mut self, volume: &mut Volume) -> Result<(), LogError> {
        let (start, end) = (self.log_start_offset, self.log_end_offset());
        let nothing_to_find = self.producers.is_empty() && self.producers.map_end_offset() >= end;
        self.producers.truncate_and_reload(start, end, volume)?;
        if !nothing_to_find {
            let snapshots = self.snapshot_offsets();
            for segment in &self.segments {
                let from = self.producers.map_end_offset();
                if segment.end_offset() <= from {
                    continue;
                }
                self.producers.update_map_end_offset(from.max(segment.base_offset()).max(start));
                if snapshots.contains(&segment.base_offset()) {
                    self.producers.take_snapshot(volume)?;
                }
                for batch in segment.batches_from(volume, from).map(|(_, batch)| batch) {
                    self.producers.replay(batch.bytes(), batch.next_offset());
                }
            }
        }
        self.producers.update_map_end_offset(end);
        self.producers.take_snapshot(volume)
    }

    /// Where snapshots stand: at the last two segments and at the end.
    fn snapshot_offsets(&self) -> SortedSet<i64> {
        let last = self.segments.iter().rev().take(2).map(Segment::base_offset);
        last.chain([self.log_end_offset()]).collect()
    }
}
