//! What the ledger knows of one partition: which record lies at which offset, and who led it.

use super::fate::RecordId;
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, EventId, SortedMap};
use std::collections::VecDeque;

/// Records whose offset is not known; the oldest are given up.
const UNRESOLVED_MAX: usize = 1_000;
/// Records among which a copy is looked for.
const COPY_SEARCH_MAX: usize = 1_000;

/// An election.
#[derive(Clone, Debug)]
pub(super) struct Election {
    pub(super) event: EventId,
    pub(super) broker: BrokerId,
    pub(super) leader_epoch: i32,
    pub(super) reason: ElectionReason,
}

/// One partition.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionBook {
    pub(super) high_watermark: i64,
    /// Who leads, and since which event.
    pub(super) leader: Option<(BrokerId, EventId)>,
    pub(super) election: Option<Election>,
    /// The last power cut into the log of each replica.
    pub(super) cuts: SortedMap<BrokerId, EventId>,
    /// Which record lies where, with its checksum.
    offsets: SortedMap<i64, (RecordId, u64)>,
    /// Records that were sent and whose offset is not known, in the order of sending.
    unresolved: VecDeque<(RecordId, u64)>,
}

impl PartitionBook {
    /// A record is on its way here.
    pub(super) fn expect(&mut self, id: RecordId, checksum: u64) {
        if self.unresolved.len() == UNRESOLVED_MAX {
            self.unresolved.pop_front();
        }
        self.unresolved.push_back((id, checksum));
    }

    /// A record lies at `offset`; the record that was taken to lie there.
    pub(super) fn place(&mut self, id: RecordId, checksum: u64, offset: i64) -> Option<RecordId> {
        self.unresolved.retain(|(other, _)| *other != id);
        self.offsets.insert(offset, (id, checksum)).map(|(other, _)| other)
    }

    /// Which record somebody read at `offset`, and whether as a copy of one that lies elsewhere.
    pub(super) fn identify(&mut self, offset: i64, checksum: u64) -> Option<(RecordId, bool)> {
        match self.offsets.get(&offset) {
            Some((id, known)) if *known == checksum => return Some((*id, false)),
            // It is none of ours.
            Some(_) => return None,
            None => {}
        }
        if let Some(at) = self.unresolved.iter().position(|(_, known)| *known == checksum) {
            let (id, _) = self.unresolved.remove(at)?;
            self.offsets.insert(offset, (id, checksum));
            return Some((id, false));
        }
        let mut newest = self.offsets.iter().rev().take(COPY_SEARCH_MAX);
        let (id, _) = *newest.find(|(_, (_, known))| *known == checksum)?.1;
        Some((id, true))
    }

    /// The records from `first` on and below `end`.
    pub(super) fn between(&self, first: i64, end: i64) -> Vec<RecordId> {
        if first >= end {
            return Vec::new();
        }
        self.offsets.range(first..end).map(|(_, (id, _))| *id).collect()
    }

    /// The log ends at `end` now; the records that lay beyond.
    pub(super) fn cut_from(&mut self, end: i64) -> Vec<RecordId> {
        self.high_watermark = self.high_watermark.min(end);
        self.offsets.split_off(&end).into_values().map(|(id, _)| id).collect()
    }

    /// Forgets records that are not followed any more.
    pub(super) fn forget_others(&mut self, is_followed: impl Fn(&RecordId) -> bool) {
        self.offsets.retain(|_, (id, _)| is_followed(id));
        self.unresolved.retain(|(id, _)| is_followed(id));
    }
}
