//! One leader an epoch, epochs that only grow, clean leaders from the ISR, one controller an epoch.

use super::Violation;
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, SortedMap, TopicPartition, TraceEvent, TraceRecord};

/// SingleLeader and MonotonicEpoch, for partitions and the controller.
#[derive(Default)]
pub struct SingleLeader {
    leaders: SortedMap<(TopicPartition, i32), BrokerId>,
    epochs: SortedMap<TopicPartition, i32>,
    controllers: SortedMap<i32, BrokerId>,
}

impl SingleLeader {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        let mut violation = |rule, text| found.push(Violation { at: record.at, rule, text });
        match &record.event {
            TraceEvent::LeaderElected { partition, leader, leader_epoch, isr, reason } => {
                let epoch = self.epochs.entry(partition.clone()).or_insert(-1);
                if *leader_epoch <= *epoch {
                    let text = format!("{partition}: epoch {leader_epoch} after {epoch}");
                    violation("MonotonicEpoch", text);
                }
                *epoch = *leader_epoch;
                if *reason != ElectionReason::Unclean && !isr.contains(leader) {
                    let text = format!("{partition}: {leader} leads, the ISR is {isr:?}");
                    violation("CleanLeader", text);
                }
            }
            TraceEvent::BecameLeader { partition, broker, leader_epoch, .. } => {
                let key = (partition.clone(), *leader_epoch);
                let leader = self.leaders.entry(key).or_insert(*broker);
                if leader != broker {
                    let text = format!(
                        "{partition}: both {leader} and {broker} lead in epoch {leader_epoch}"
                    );
                    violation("SingleLeader", text);
                }
            }
            // A topic of the same name begins anew.
            TraceEvent::TopicDeleted { topic } => {
                self.epochs.retain(|partition, _| partition.topic != *topic);
                self.leaders.retain(|(partition, _), _| partition.topic != *topic);
            }
            TraceEvent::ControllerElected { broker, epoch } => {
                let controller = self.controllers.entry(*epoch).or_insert(*broker);
                if controller != broker {
                    let text = format!("{controller} and {broker} in controller epoch {epoch}");
                    violation("SingleController", text);
                }
            }
            _ => {}
        }
    }
}
