//! What a follower does: appends what its leader sent, takes over the high watermark, and cuts its
//! log where it differs from the leader's.
//!
//! In Kafka: the follower's half of `kafka.cluster.Partition`, `ReplicaFetcherThread.truncate`,
//! `AbstractFetcherThread.getOffsetTruncationState`; KIP-101, KIP-279.

use super::Partition;
use super::leader::{ProduceError, refusal};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Mutant, Time, TraceEvent, is_planted};
use crate::broker::changes::Changes;
use crate::disk::Volume;
use crate::log::{LogError, StartOffsetReason};
use crate::node::view::RECORDS_SHOWN_MAX;

impl Partition {
    /// Appends what the leader sent and takes over its high watermark as far as the log reaches.
    ///
    /// In Kafka: `ReplicaFetcherThread.processPartitionData`.
    pub fn append_records_to_follower(
        &mut self,
        records: &[u8],
        leader_high_watermark: i64,
        leader_log_start_offset: i64,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(), ProduceError> {
        let appended = self.log.append_as_follower(volume, records, now);
        changes.take_notes_of(&mut self.log);
        if let Some(info) = appended.map_err(|error| refusal(error, changes))? {
            self.note_append(&info, volume, changes);
        }
        let end = self.log.log_end_offset();
        let to = leader_high_watermark.clamp(self.log.log_start_offset(), end);
        self.set_high_watermark(to, changes);
        // What the leader deleted goes here too, once it is committed here.
        if leader_log_start_offset <= self.high_watermark {
            let reason = StartOffsetReason::LeaderOffsetIncremented;
            let start = leader_log_start_offset;
            let moved = self.log.maybe_increment_log_start_offset(volume, start, reason);
            if moved.map_err(|error| refusal(error.into(), changes))? {
                self.note_new_start(volume, changes);
            }
        }
        Ok(())
    }

    /// Where a new follower begins to fetch, and the epoch of its last record. A log without
    /// epochs can prove nothing beyond its high watermark, so it is cut back to that.
    pub fn start_fetching(
        &mut self,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(i64, Option<i32>), LogError> {
        let latest = self.log.leader_epochs().latest();
        if latest.is_none() {
            let hw = self.high_watermark;
            let text = format!("Truncating partition {} to local high watermark {hw}", self.id);
            changes.info("kafka.server.ReplicaFetcherThread", text);
            self.truncate_to(hw, volume, now, changes)?;
        }
        // Who does not say which epoch its last record has is never told that it differs.
        let latest = latest.filter(|_| !is_planted(Mutant::SkipTruncation));
        Ok((self.log.log_end_offset(), latest))
    }

    /// The leader's log of `leader_epoch` ends at `end_offset`, and ours differs: cuts what cannot
    /// be the leader's. Returns where to go on fetching.
    pub fn truncate_to_divergence(
        &mut self,
        leader_epoch: i32,
        end_offset: i64,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(i64, Option<i32>), LogError> {
        let end = self.log.log_end_offset();
        let to = if end_offset < 0 {
            // The leader knows nothing of our epochs: only what was committed is safe.
            self.high_watermark
        } else if leader_epoch < 0 {
            end_offset
        } else {
            match self.log.end_offset_for_epoch(leader_epoch) {
                (-1, _) => end_offset,
                // We lack that epoch: cut to where our largest smaller one ends. The next fetch,
                // which names that epoch, goes on from there.
                (ours, own_end) if ours != leader_epoch => own_end,
                (_, own_end) => own_end.min(end_offset),
            }
        };
        self.truncate_to(to.min(end), volume, now, changes)?;
        Ok((self.log.log_end_offset(), self.log.leader_epochs().latest()))
    }

    /// Cuts the log to `offset`.
    pub fn truncate_to(
        &mut self,
        offset: i64,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(), LogError> {
        if offset < self.high_watermark {
            let text = format!(
                "Truncating {} to offset {offset} below high watermark {}",
                self.id, self.high_watermark
            );
            changes.log(LogLevel::Warn, "kafka.server.ReplicaFetcherThread", text);
        }
        let cut = self.log.truncate_to(volume, offset, now);
        changes.take_notes_of(&mut self.log);
        let Some((from, to)) = cut? else { return Ok(()) };
        self.note_truncation(from, to, volume, changes);
        Ok(())
    }

    /// Empties the log and begins anew at `offset`: the leader has nothing left of what we want.
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: i64,
        volume: &mut Volume,
        now: Time,
        changes: &mut Changes,
    ) -> Result<(), LogError> {
        let from = self.log.log_end_offset();
        self.log.truncate_fully_and_start_at(volume, offset, now)?;
        self.note_truncation(from, offset, volume, changes);
        Ok(())
    }

    fn note_truncation(&mut self, from: i64, to: i64, volume: &Volume, changes: &mut Changes) {
        self.shown = self.log.newest_records(volume, RECORDS_SHOWN_MAX);
        changes.trace(TraceEvent::Truncated {
            partition: self.id.clone(),
            broker: BrokerId(self.config.broker),
            from,
            to,
        });
        changes.take_notes_of(&mut self.log);
        changes.truncated.push((self.id.clone(), to));
        changes.to_sync.insert(self.log.epochs_file());
        changes.take_notes_of(&mut self.log);
        let (start, end) = (self.log.log_start_offset(), self.log.log_end_offset());
        self.set_high_watermark(self.high_watermark.clamp(start, end), changes);
    }
}
