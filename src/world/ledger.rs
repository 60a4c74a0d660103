//! The ledger: what becomes of every record that a producer sends, from the trace alone. Sent,
//! acknowledged, visible, delivered to which group, committed, duplicated, lost and why: one by one
//! for the newest records, in ranges for those before them, so that a long run takes no more memory
//! than a short one (design.md, decision 12).

mod book;
mod fate;
#[cfg(test)]
mod tests;

pub use fate::{
    Delivery, FateCounts, FateRange, GroupCounts, LedgerSummary, Loss, LossCause, Outcome,
    RecordFate, RecordId,
};

use super::intervals::Intervals;
use crate::base::{
    BrokerId, EventId, Incarnation, ProcessId, SortedMap, TopicPartition, TraceEvent, TraceRecord,
};
use book::{Election, PartitionBook};
use std::collections::VecDeque;

/// Records followed one by one unless said otherwise.
const RECORDS_MAX: usize = 2_000;
/// Records in one range, at first.
const RANGE_RECORDS: u64 = 500;
/// Ranges kept; more, and neighbours are put together, or the oldest goes.
const RANGES_MAX: usize = 256;
/// Copies of a record that are remembered.
const COPIES_MAX: usize = 8;
/// Losses in a summary.
const LOSSES_SHOWN_MAX: usize = 16;

/// The ledger of a world.
#[derive(Clone, Debug)]
pub struct Ledger {
    records_max: usize,
    /// Records by life of their producer, in the order of their numbers.
    lives: SortedMap<(ProcessId, Incarnation), VecDeque<RecordFate>>,
    followed: usize,
    ranges: Vec<FateRange>,
    range_records: u64,
    /// Counts of what is not followed one by one any more, by topic.
    folded: SortedMap<String, FateCounts>,
    partitions: SortedMap<TopicPartition, PartitionBook>,
    groups: SortedMap<String, GroupCounts>,
    consumed: SortedMap<(String, TopicPartition), Intervals>,
    incarnations: SortedMap<ProcessId, Incarnation>,
    brokers: SortedMap<ProcessId, BrokerId>,
    deaths: SortedMap<BrokerId, EventId>,
    losses: VecDeque<RecordFate>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::following(RECORDS_MAX)
    }
}

impl Ledger {
    /// A ledger that follows the newest `records_max` records one by one.
    pub fn following(records_max: usize) -> Self {
        Self {
            records_max: records_max.max(1),
            lives: SortedMap::new(),
            followed: 0,
            ranges: Vec::new(),
            range_records: RANGE_RECORDS,
            folded: SortedMap::new(),
            partitions: SortedMap::new(),
            groups: SortedMap::new(),
            consumed: SortedMap::new(),
            incarnations: SortedMap::new(),
            brokers: SortedMap::new(),
            deaths: SortedMap::new(),
            losses: VecDeque::new(),
        }
    }

    /// What is known of a record, while it is followed.
    pub fn fate(&self, id: RecordId) -> Option<&RecordFate> {
        let records = self.lives.get(&(id.producer, id.incarnation))?;
        let at = records.binary_search_by_key(&id.record, |fate| fate.id.record).ok()?;
        records.get(at)
    }

    /// All records that are followed one by one, by producer, life and number.
    pub fn records(&self) -> impl Iterator<Item = &RecordFate> {
        self.lives.values().flatten()
    }

    /// What was before them, oldest first.
    pub fn ranges(&self) -> &[FateRange] {
        &self.ranges
    }

    /// The newest acknowledged records that were lost, oldest first.
    pub fn losses(&self) -> impl Iterator<Item = &RecordFate> {
        self.losses.iter()
    }

    /// What groups got and committed.
    pub fn groups(&self) -> &SortedMap<String, GroupCounts> {
        &self.groups
    }

    /// All records that were sent to `topic`.
    pub fn counts(&self, topic: &str) -> FateCounts {
        let mut counts = self.folded.get(topic).cloned().unwrap_or_default();
        for fate in self.records().filter(|fate| fate.partition.topic == topic) {
            counts.count(fate);
        }
        counts
    }

    /// The ledger in short.
    pub fn summary(&self) -> LedgerSummary {
        let mut topics = self.folded.clone();
        for fate in self.records() {
            topics.entry(fate.partition.topic.clone()).or_default().count(fate);
        }
        LedgerSummary {
            topics,
            groups: self.groups.clone(),
            losses: self.losses.iter().cloned().collect(),
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord) {
        match &record.event {
            TraceEvent::ProcessStarted { process, incarnation } => {
                self.incarnations.insert(*process, *incarnation);
            }
            TraceEvent::ProcessKilled { process }
            | TraceEvent::ProcessExited { process, .. }
            | TraceEvent::ProcessCrashed { process, .. } => {
                if let Some(broker) = self.brokers.get(process) {
                    self.deaths.insert(*broker, record.id);
                }
            }
            TraceEvent::FileCut { process, file, .. } => {
                let broker = self.brokers.get(process).copied();
                if let (Some(broker), Some(partition)) = (broker, super::check::partition_of(file))
                {
                    let book = self.partitions.entry(partition).or_default();
                    book.cuts.insert(broker, record.id);
                }
            }
            TraceEvent::RecordSent { record: number, partition, acks, checksum } => {
                self.on_sent(record, *number, partition, *acks, *checksum);
            }
            TraceEvent::RecordRetried { record: number, .. } => {
                if let Some(fate) = self.told(record, *number) {
                    fate.retries += 1;
                }
            }
            TraceEvent::RecordFailed { record: number, error } => {
                let (event, error) = (record.id, error.clone());
                if let Some(fate) = self.told(record, *number) {
                    fate.outcome = Outcome::Failed { event, error };
                }
            }
            TraceEvent::RecordAcknowledged { record: number, partition, offset, .. } => {
                self.on_acknowledged(record, *number, partition, *offset);
            }
            TraceEvent::RecordConsumed { group, member, partition, offset, checksum } => {
                self.on_consumed(record, (group, member), (partition, *offset), *checksum);
            }
            TraceEvent::OffsetCommitted { group, partition, offset, .. } => {
                self.on_committed(group, partition, *offset);
            }
            TraceEvent::HighWatermarkAdvanced { partition, to, leader: true, .. } => {
                self.on_high_watermark(partition, *to);
            }
            TraceEvent::BecameFollower { broker, .. } => self.note_broker(record, *broker),
            TraceEvent::LeaderElected { partition, leader, leader_epoch, reason, .. } => {
                let book = self.partitions.entry(partition.clone()).or_default();
                book.election = Some(Election {
                    event: record.id,
                    broker: *leader,
                    leader_epoch: *leader_epoch,
                    reason: *reason,
                });
            }
            TraceEvent::BecameLeader { partition, broker, leader_epoch, start_offset } => {
                self.note_broker(record, *broker);
                self.on_leader(record, partition, (*broker, *leader_epoch), *start_offset);
            }
            _ => {}
        }
    }

    fn note_broker(&mut self, record: &TraceRecord, broker: BrokerId) {
        if let Some(process) = record.source {
            self.brokers.insert(process, broker);
        }
    }

    /// The record of which its producer tells, while it is followed.
    fn told(&mut self, record: &TraceRecord, number: u64) -> Option<&mut RecordFate> {
        let producer = record.source?;
        let incarnation = self.incarnations.get(&producer).copied().unwrap_or_default();
        self.fate_mut(RecordId { producer, incarnation, record: number })
    }

    fn fate_mut(&mut self, id: RecordId) -> Option<&mut RecordFate> {
        let records = self.lives.get_mut(&(id.producer, id.incarnation))?;
        let at = records.binary_search_by_key(&id.record, |fate| fate.id.record).ok()?;
        records.get_mut(at)
    }

    fn on_sent(
        &mut self,
        record: &TraceRecord,
        number: u64,
        partition: &TopicPartition,
        acks: i16,
        checksum: u64,
    ) {
        let Some(producer) = record.source else { return };
        let incarnation = self.incarnations.get(&producer).copied().unwrap_or_default();
        let id = RecordId { producer, incarnation, record: number };
        let records = self.lives.entry((producer, incarnation)).or_default();
        // A record that waited for metadata is sent after later ones.
        let Err(place) = records.binary_search_by_key(&number, |fate| fate.id.record) else {
            return;
        };
        let fate = RecordFate {
            id,
            partition: partition.clone(),
            acks,
            checksum,
            sent: record.id,
            sent_at: record.at,
            retries: 0,
            outcome: Outcome::Pending,
            offset: None,
            copies: Vec::new(),
            is_visible: false,
            deliveries: Vec::new(),
            loss: None,
        };
        records.insert(place, fate);
        self.followed += 1;
        self.partitions.entry(partition.clone()).or_default().expect(id, checksum);
        if self.followed > self.records_max + self.records_max / 4 {
            self.fold();
        }
    }

    fn on_acknowledged(
        &mut self,
        record: &TraceRecord,
        number: u64,
        partition: &TopicPartition,
        offset: i64,
    ) {
        let (event, at) = (record.id, record.at);
        let Some(fate) = self.told(record, number) else { return };
        fate.outcome = Outcome::Acknowledged { event, at };
        let id = fate.id;
        if offset < 0 {
            return;
        }
        let (before, checksum) = (fate.offset.replace(offset), fate.checksum);
        if let Some(before) = before.filter(|before| *before != offset) {
            fate.copies.push(before);
            fate.copies.truncate(COPIES_MAX);
        }
        let book = self.partitions.entry(partition.clone()).or_default();
        let is_visible = offset < book.high_watermark;
        let claimed = book.place(id, checksum, offset);
        let Some(fate) = self.fate_mut(id) else { return };
        fate.is_visible |= is_visible;
        // Whoever read it first took it for another record with the same content.
        if let Some(other) = claimed.filter(|other| *other != id) {
            self.give_back(other, id, partition);
        }
    }

    /// What was taken for `wrong` is `right`.
    fn give_back(&mut self, wrong: RecordId, right: RecordId, partition: &TopicPartition) {
        let Some(other) = self.fate_mut(wrong) else { return };
        other.offset = None;
        other.is_visible = false;
        let (deliveries, checksum) = (std::mem::take(&mut other.deliveries), other.checksum);
        if let Some(fate) = self.fate_mut(right) {
            fate.deliveries = deliveries;
        }
        self.partitions.entry(partition.clone()).or_default().expect(wrong, checksum);
    }

    fn on_consumed(
        &mut self,
        record: &TraceRecord,
        (group, member): (&str, &str),
        (partition, offset): (&TopicPartition, i64),
        checksum: u64,
    ) {
        let key = (group.to_owned(), partition.clone());
        let is_new = self.consumed.entry(key).or_default().insert(offset);
        let counts = self.groups.entry(group.to_owned()).or_default();
        if is_new {
            counts.delivered += 1;
        } else {
            counts.redelivered += 1;
        }
        let book = self.partitions.entry(partition.clone()).or_default();
        let Some((id, is_copy)) = book.identify(offset, checksum) else { return };
        let is_committed = counts.committed.get(partition).is_some_and(|next| offset < *next);
        let Some(fate) = self.fate_mut(id) else { return };
        if is_copy {
            if !fate.copies.contains(&offset) && fate.copies.len() < COPIES_MAX {
                fate.copies.push(offset);
            }
        } else {
            fate.offset = Some(offset);
        }
        fate.is_visible = true;
        match fate.deliveries.iter_mut().find(|delivery| delivery.group == group) {
            Some(delivery) => {
                delivery.times += 1;
                member.clone_into(&mut delivery.member);
            }
            None => fate.deliveries.push(Delivery {
                group: group.to_owned(),
                member: member.to_owned(),
                times: 1,
                first: record.id,
                committed: is_committed,
            }),
        }
    }

    fn on_committed(&mut self, group: &str, partition: &TopicPartition, offset: i64) {
        let counts = self.groups.entry(group.to_owned()).or_default();
        let before = counts.committed.insert(partition.clone(), offset).unwrap_or(0);
        let Some(book) = self.partitions.get(partition) else { return };
        for id in book.between(before, offset) {
            let Some(fate) = self.fate_mut(id) else { continue };
            for delivery in fate.deliveries.iter_mut().filter(|one| one.group == group) {
                delivery.committed = true;
            }
        }
    }

    fn on_high_watermark(&mut self, partition: &TopicPartition, to: i64) {
        let book = self.partitions.entry(partition.clone()).or_default();
        let ids = book.between(book.high_watermark, to);
        book.high_watermark = to;
        for id in ids {
            if let Some(fate) = self.fate_mut(id) {
                fate.is_visible = true;
            }
        }
    }

    /// A replica leads: what its log does not have is in no log any more.
    fn on_leader(
        &mut self,
        record: &TraceRecord,
        partition: &TopicPartition,
        (broker, leader_epoch): (BrokerId, i32),
        end_offset: i64,
    ) {
        let book = self.partitions.entry(partition.clone()).or_default();
        let gone = book.cut_from(end_offset);
        let before = book.leader.replace((broker, record.id));
        let election = book.election.clone().filter(|one| one.leader_epoch == leader_epoch);
        let cut = book.cuts.remove(&broker);
        let died = before.and_then(|(before, since)| {
            let death = self.deaths.get(&before).copied().filter(|death| *death > since)?;
            Some((death, before))
        });
        for ((_, of), consumed) in &mut self.consumed {
            if of == partition {
                consumed.cut_from(end_offset);
            }
        }
        for range in self.ranges.iter_mut().filter(|range| range.partition == *partition) {
            let Some((first, last)) = range.offsets.filter(|(_, last)| *last >= end_offset) else {
                continue;
            };
            let lost = (last - first.max(end_offset) + 1).cast_unsigned();
            let lost = lost.min(range.counts.acknowledged - range.counts.lost);
            range.counts.lost += lost;
            self.folded.entry(partition.topic.clone()).or_default().lost += lost;
            range.offsets = (first < end_offset).then_some((first, end_offset - 1));
        }
        for id in gone {
            let Some(fate) = self.fate_mut(id) else { continue };
            // A copy may lie below.
            fate.copies.retain(|copy| *copy < end_offset);
            if fate.offset.is_none_or(|offset| offset < end_offset) {
                continue;
            }
            if let Some(copy) = fate.copies.pop() {
                fate.offset = Some(copy);
                continue;
            }
            let mut causes = Vec::new();
            if let Outcome::Acknowledged { event, .. } = &fate.outcome
                && fate.acks >= 0
            {
                causes.push((*event, LossCause::AcknowledgedEarly { acks: fate.acks }));
            }
            if let Some(event) = cut {
                causes.push((event, LossCause::LogCut { broker }));
            }
            if let Some((event, broker)) = died {
                causes.push((event, LossCause::LeaderDied { broker }));
            }
            if let Some(Election { event, broker, leader_epoch, reason }) = election {
                let elected = LossCause::LeaderElected { broker, leader_epoch, reason };
                causes.push((event, elected));
            }
            let led = LossCause::LedWithShorterLog { broker, leader_epoch, end_offset };
            causes.push((record.id, led));
            causes.sort_by_key(|(event, _)| *event);
            fate.loss = Some(Loss { at: record.at, causes });
            if fate.is_acknowledged() {
                let fate = fate.clone();
                if self.losses.len() == LOSSES_SHOWN_MAX {
                    self.losses.pop_front();
                }
                self.losses.push_back(fate);
            }
        }
    }

    /// Puts the oldest records into ranges.
    fn fold(&mut self) {
        while self.followed > self.records_max {
            // The life whose oldest record is the oldest of all.
            let oldest = self
                .lives
                .iter()
                .filter_map(|(life, records)| Some((records.front()?.sent, *life)))
                .min();
            let Some((_, life)) = oldest else { break };
            let Some(records) = self.lives.get_mut(&life) else { break };
            let Some(fate) = records.pop_front() else { break };
            if records.is_empty() {
                self.lives.remove(&life);
            }
            self.followed -= 1;
            self.folded.entry(fate.partition.topic.clone()).or_default().count(&fate);
            self.put_into_range(&fate);
        }
        let lives = &self.lives;
        for book in self.partitions.values_mut() {
            let is_followed = |id: &RecordId| {
                let records = lives.get(&(id.producer, id.incarnation));
                records.and_then(VecDeque::front).is_some_and(|front| front.id.record <= id.record)
            };
            book.forget_others(is_followed);
        }
    }

    fn put_into_range(&mut self, fate: &RecordFate) {
        let limit = self.range_records;
        let fits = |range: &FateRange| {
            let RecordId { producer, incarnation, .. } = range.first;
            (producer, incarnation) == (fate.id.producer, fate.id.incarnation)
                && range.partition == fate.partition
                && range.counts.sent < limit
        };
        let place = self.ranges.iter().rposition(fits).unwrap_or_else(|| {
            self.ranges.push(FateRange {
                first: fate.id,
                last: fate.id.record,
                partition: fate.partition.clone(),
                offsets: None,
                counts: FateCounts::default(),
                delivered: SortedMap::new(),
            });
            self.ranges.len() - 1
        });
        let range = &mut self.ranges[place];
        range.last = fate.id.record;
        range.counts.count(fate);
        if let Some(offset) = fate.offset.filter(|_| fate.loss.is_none()) {
            let (first, last) = range.offsets.unwrap_or((offset, offset));
            range.offsets = Some((first.min(offset), last.max(offset)));
        }
        for delivery in &fate.deliveries {
            *range.delivered.entry(delivery.group.clone()).or_default() += 1;
        }
        if self.ranges.len() > RANGES_MAX {
            self.merge_ranges();
        }
    }

    /// Makes ranges twice as long; if that helps nothing, the oldest is forgotten.
    fn merge_ranges(&mut self) {
        self.range_records = self.range_records.saturating_mul(2);
        let mut merged: Vec<FateRange> = Vec::new();
        for range in std::mem::take(&mut self.ranges) {
            let same = merged.iter_mut().rev().find(|known| {
                known.first.producer == range.first.producer
                    && known.first.incarnation == range.first.incarnation
                    && known.partition == range.partition
                    && known.counts.sent + range.counts.sent <= self.range_records
            });
            match same {
                Some(known) => known.absorb(range),
                None => merged.push(range),
            }
        }
        if merged.len() > RANGES_MAX {
            merged.remove(0);
        }
        self.ranges = merged;
    }
}

impl FateRange {
    fn absorb(&mut self, next: Self) {
        self.last = next.last;
        self.counts.add(&next.counts);
        self.offsets = match (self.offsets, next.offsets) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (known, other) => known.or(other),
        };
        for (group, count) in next.delivered {
            *self.delivered.entry(group).or_default() += count;
        }
    }
}
