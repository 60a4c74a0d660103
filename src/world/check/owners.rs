//! Within one generation of a group a partition belongs to one member. A group that is empty is
//! forgotten in the end, and a power cut may take what its coordinator wrote; then its generations
//! begin anew, and so does this checker.

use super::Violation;
use super::offsets_topic::OffsetsTopic;
use crate::base::{SortedMap, TopicPartition, TraceEvent, TraceRecord};

/// OneOwnerPerGeneration.
#[derive(Default)]
pub struct OneOwnerPerGeneration {
    owners: SortedMap<(String, i32, TopicPartition), String>,
    newest: SortedMap<String, i32>,
    offsets: OffsetsTopic,
    /// Ids that static members had, and their `group.instance.id`.
    instances: SortedMap<String, String>,
}

impl OneOwnerPerGeneration {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        if let TraceEvent::GroupStabilized { group, generation, .. } = &record.event {
            let newest = self.newest.insert(group.clone(), *generation);
            if newest.is_some_and(|newest| newest >= *generation) {
                self.owners.retain(|(owned, _, _), _| owned != group);
            }
        }
        if self.offsets.loses(&record.event) {
            // Groups, and their generations, may be of the past now.
            self.owners.clear();
            self.newest.clear();
        }
        if let TraceEvent::MemberReplaced { instance, old, member, .. } = &record.event {
            // The same member under another id, whatever becomes of the coordinator that says so.
            for id in [old, member] {
                self.instances.insert(id.clone(), instance.clone());
            }
        }
        let TraceEvent::PartitionsAssigned { group, member, generation, partitions } =
            &record.event
        else {
            return;
        };
        for partition in partitions {
            let key = (group.clone(), *generation, partition.clone());
            let owner = self.owners.entry(key).or_insert_with(|| member.clone());
            let instance = self.instances.get(member);
            let is_same = instance.is_some() && instance == self.instances.get(owner);
            if owner != member && !is_same {
                let text = format!(
                    "group {group}, generation {generation}: {partition} belongs to {owner} and {member}"
                );
                found.push(Violation { at: record.at, rule: "OneOwnerPerGeneration", text });
            }
        }
    }
}
