//! High watermarks that only grow within an epoch, in-sync replicas that hold the same bytes below
//! them, and no consumer at or above them.

use super::Violation;
use super::liveness::{newest_leaders, replicas};
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, SortedMap, SortedSet, Time, TopicPartition, TraceEvent, TraceRecord};
use crate::node::ProcessView;

/// MonotonicHighWatermark, ConsistentCommittedData, HighWatermarkInIsr, and reads below the high
/// watermark.
#[derive(Default)]
pub struct ConsistentCommittedData {
    /// High watermark of the present leader by partition: (broker, epoch, offset).
    leaders: SortedMap<TopicPartition, (BrokerId, i32, i64)>,
    /// The highest one that any leader ever had.
    highest: SortedMap<TopicPartition, i64>,
    /// The epoch in which records were last lost: who has not heard of it holds another history.
    /// Whether the loss is excused is for others to judge.
    lossy: SortedMap<TopicPartition, i32>,
}

impl ConsistentCommittedData {
    pub(super) fn see(
        &mut self,
        record: &TraceRecord,
        excused: &SortedSet<TopicPartition>,
        found: &mut Vec<Violation>,
    ) {
        let mut violation = |rule, text| found.push(Violation { at: record.at, rule, text });
        match &record.event {
            TraceEvent::BecameLeader { partition, broker, leader_epoch, start_offset } => {
                if self.highest.get(partition).is_some_and(|highest| start_offset < highest) {
                    self.lossy.insert(partition.clone(), *leader_epoch);
                }
                let known = self.leaders.entry(partition.clone()).or_insert((*broker, -1, 0));
                // A leader that was restarted leads on in its epoch, from its last checkpoint.
                if known.1 <= *leader_epoch {
                    *known = (*broker, *leader_epoch, 0);
                }
            }
            TraceEvent::LeaderElected {
                partition,
                leader_epoch,
                reason: ElectionReason::Unclean,
                ..
            } => {
                self.lossy.insert(partition.clone(), *leader_epoch);
            }
            TraceEvent::HighWatermarkAdvanced { partition, broker, to, leader: true, .. } => {
                let highest = self.highest.entry(partition.clone()).or_default();
                *highest = (*highest).max(*to);
                let Some(known) = self.leaders.get_mut(partition).filter(|k| k.0 == *broker) else {
                    return;
                };
                if *to < known.2 && !excused.contains(partition) {
                    let text = format!(
                        "{partition}: leader {broker} went from {} back to {to} in epoch {}",
                        known.2, known.1
                    );
                    violation("MonotonicHighWatermark", text);
                }
                known.2 = *to;
            }
            TraceEvent::RecordConsumed { partition, offset, member, .. } => {
                let highest = self.highest.get(partition).copied().unwrap_or(0);
                if *offset >= highest {
                    let text = format!(
                        "{partition}: {member} read offset {offset}, the high watermark is {highest}"
                    );
                    violation("ReadsBelowHighWatermark", text);
                }
            }
            _ => {}
        }
    }

    /// What the newest leader calls committed every in-sync replica has, unless a power cut took it
    /// from one (`is_cut`).
    pub(super) fn look_at_isr(
        at: Time,
        views: &[&ProcessView],
        is_cut: impl Fn(&TopicPartition, BrokerId) -> bool,
        found: &mut Vec<Violation>,
    ) {
        let leaders = newest_leaders(views);
        for (broker, replica) in replicas(views) {
            let Some(leader) = leaders.get(&replica.partition) else { continue };
            let is_in_sync = leader.isr.contains(&broker) && leader.leader != broker;
            let partition = &replica.partition;
            if is_in_sync
                && replica.leader_epoch == leader.leader_epoch
                && replica.log_end_offset < leader.high_watermark
                && !is_cut(partition, BrokerId(broker))
            {
                let (end, high_watermark) = (replica.log_end_offset, leader.high_watermark);
                let text = format!(
                    "{partition}: {broker} is in sync and ends at {end}, the high watermark is {high_watermark}"
                );
                found.push(Violation { at, rule: "HighWatermarkInIsr", text });
            }
        }
    }

    /// Compares the replicas that are shown: below both high watermarks the same batch has the same
    /// bytes.
    pub(super) fn look(
        &self,
        at: Time,
        views: &[&ProcessView],
        excused: &SortedSet<TopicPartition>,
        found: &mut Vec<Violation>,
    ) {
        let mut batches: SortedMap<&TopicPartition, SortedMap<i64, (i32, u32)>> = SortedMap::new();
        for view in views {
            let ProcessView::Broker(broker) = view else {
                continue;
            };
            for replica in &broker.replicas {
                // A replica that is not in sync may still hold what its leader will take away.
                if !replica.is_leader && !replica.isr.contains(&broker.broker_id) {
                    continue;
                }
                let lossy = self.lossy.get(&replica.partition).copied().unwrap_or(-1);
                if excused.contains(&replica.partition) || replica.leader_epoch < lossy {
                    continue;
                }
                let known = batches.entry(&replica.partition).or_default();
                for (offset, crc) in &replica.batch_crcs {
                    let first = *known.entry(*offset).or_insert((broker.broker_id, *crc));
                    if *offset < replica.high_watermark && first.1 != *crc {
                        let (partition, other) = (&replica.partition, first.0);
                        let text = format!(
                            "{partition}: the batch that ends at {offset} differs on {other} and {}",
                            broker.broker_id
                        );
                        found.push(Violation { at, rule: "ConsistentCommittedData", text });
                    }
                }
            }
        }
    }
}
