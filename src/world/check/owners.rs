//! Within one generation of a group a partition belongs to one member.

use super::Violation;
use crate::base::{TopicPartition, TraceEvent, TraceRecord};
use std::collections::BTreeMap;

/// OneOwnerPerGeneration.
#[derive(Default)]
pub struct OneOwnerPerGeneration {
    owners: BTreeMap<(String, i32, TopicPartition), String>,
}

impl OneOwnerPerGeneration {
    pub(super) fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        let TraceEvent::PartitionsAssigned { group, member, generation, partitions } =
            &record.event
        else {
            return;
        };
        for partition in partitions {
            let key = (group.clone(), *generation, partition.clone());
            let owner = self.owners.entry(key).or_insert_with(|| member.clone());
            if owner != member {
                let text = format!(
                    "group {group}, generation {generation}: {partition} belongs to {owner} and {member}"
                );
                found.push(Violation { at: record.at, rule: "OneOwnerPerGeneration", text });
            }
        }
    }
}
