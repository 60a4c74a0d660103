//! What is removed: groups that are deleted, offsets that are deleted or have expired, offsets of
//! topics that are no more; and groups of which nothing is left. Tombstones take it out of the log.
//!
//! In Kafka: GroupCoordinator.handleDeleteGroups, handleDeleteOffsets, handleDeletedPartitions;
//! GroupMetadataManager.cleanupGroupMetadata; KIP-211, KIP-229, KIP-496.

use super::metadata::Group;
use super::state::GroupState;
use super::store::Pending;
use super::{GroupAction, GroupCoordinator, TimerKey, records};
use crate::base::{SortedMap, Time, TopicPartition};
use crate::broker::action::RequestContext;
use crate::broker::metadata_cache::MetadataCache;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

/// A lost tombstone is written again at the next look, so nobody waits for replicas.
const TOMBSTONE_ACKS: i16 = 0;

impl GroupCoordinator {
    /// DeleteGroups.
    #[must_use]
    pub fn handle_delete_groups(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: &DeleteGroupsRequest,
    ) -> Vec<GroupAction> {
        self.now = now;
        let mut deleted = Vec::new();
        let mut results = Vec::new();
        for id in &request.groups_names {
            let error_code = self.deletion_error(id);
            if error_code.is_ok() {
                if let Some(group) = self.groups.get_mut(id) {
                    group.transition_to(GroupState::Dead, now.as_millis());
                }
                deleted.push(id.clone());
            }
            results.push(DeletableGroupResult { group_id: id.clone(), error_code });
        }
        if !deleted.is_empty() {
            let all = |group: &Group| group.offsets.keys().cloned().collect();
            let removed = self.cleanup(&deleted, all);
            let names = deleted.join(", ");
            self.info(format!(
                "The following groups were deleted: {names}. A total of {removed} offsets were \
                 removed."
            ));
        }
        let response = DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() };
        self.reply(context.token, response);
        self.take_actions()
    }

    fn deletion_error(&self, id: &str) -> ErrorCode {
        if let Some(error) = self.group_error(id, true) {
            return error;
        }
        match self.state_of(id) {
            None | Some(GroupState::Dead) => ErrorCode::GROUP_ID_NOT_FOUND,
            Some(GroupState::Empty) => ErrorCode::NONE,
            Some(_) => ErrorCode::NON_EMPTY_GROUP,
        }
    }

    /// OffsetDelete.
    #[must_use]
    pub fn handle_offset_delete(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: &OffsetDeleteRequest,
        metadata: &MetadataCache,
    ) -> Vec<GroupAction> {
        self.now = now;
        let id = &request.group_id;
        let mut asked = Vec::new();
        for topic in &request.topics {
            for partition in &topic.partitions {
                asked.push(TopicPartition::new(topic.name.clone(), partition.partition_index));
            }
        }
        let response = match self.offset_deletion_errors(id, &asked, metadata) {
            Err(error_code) => OffsetDeleteResponse { error_code, ..Default::default() },
            Ok(errors) => {
                let unwanted: Vec<TopicPartition> = errors
                    .iter()
                    .filter(|(_, error)| error.is_ok())
                    .map(|(partition, _)| partition.clone())
                    .collect();
                self.delete_offsets(id, &unwanted);
                OffsetDeleteResponse { topics: deletion_topics(errors), ..Default::default() }
            }
        };
        self.reply(context.token, response);
        self.take_actions()
    }

    /// What is to be said of each partition; or why nothing can be deleted at all.
    fn offset_deletion_errors(
        &self,
        id: &str,
        asked: &[TopicPartition],
        metadata: &MetadataCache,
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
        if let Some(error) = self.group_error(id, false) {
            return Err(error);
        }
        let group = self.groups.get(id).filter(|group| group.state != GroupState::Dead);
        let group = group.ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if group.state != GroupState::Empty && !group.is_consumer_group() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let error_of = |partition: &TopicPartition| {
            if metadata.partition(&partition.topic, partition.partition).is_none() {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else if group.state != GroupState::Empty && group.is_subscribed_to(&partition.topic) {
                ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
            } else {
                ErrorCode::NONE
            }
        };
        Ok(asked.iter().map(|partition| (partition.clone(), error_of(partition))).collect())
    }

    fn delete_offsets(&mut self, id: &str, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        let removed = self.cleanup(&[id.to_owned()], |_| partitions.to_vec());
        let names = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.info(format!(
            "The following offsets of the group {id} were deleted: {names}. A total of {removed} \
             offsets were removed."
        ));
    }

    /// Partitions are no more, and with them every offset committed in them.
    #[must_use]
    pub fn on_partitions_deleted(
        &mut self,
        now: Time,
        partitions: &[TopicPartition],
    ) -> Vec<GroupAction> {
        self.now = now;
        if !partitions.is_empty() {
            let ids: Vec<String> = self.groups.keys().cloned().collect();
            let removed = self.cleanup(&ids, |_| partitions.to_vec());
            let names = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.info(format!(
                "Removed {removed} offsets associated with deleted partitions: {names}."
            ));
        }
        self.take_actions()
    }

    /// Looks for offsets that have expired, and again after `offsets.retention.check.interval.ms`.
    pub(super) fn remove_expired_offsets(&mut self) {
        let (now_ms, retention) = (self.now_ms(), self.config.offsets_retention);
        let ids: Vec<String> = self.groups.keys().cloned().collect();
        let removed = self.cleanup(&ids, |group| group.expired_offsets(now_ms, retention));
        if removed > 0 {
            self.info(format!("Removed {removed} expired offsets in 0 milliseconds."));
        }
        self.schedule_expiry();
    }

    /// There is something to look at only while there are groups.
    pub(super) fn schedule_expiry(&mut self) {
        if !self.groups.is_empty() && self.timers.get(&TimerKey::Expiry).is_none() {
            let at = self.now + self.config.offsets_retention_check_interval;
            self.timers.set(TimerKey::Expiry, at);
        }
    }

    /// Removes from each group the offsets that `unwanted` names, and groups of which nothing is
    /// left, with tombstones for both; how many offsets there were.
    fn cleanup(
        &mut self,
        ids: &[String],
        unwanted: impl Fn(&Group) -> Vec<TopicPartition>,
    ) -> usize {
        let (now, mut count) = (self.now, 0);
        for id in ids {
            let Some(group) = self.groups.get_mut(id) else { continue };
            let wanted = unwanted(group);
            let removed = group.remove_offsets(wanted);
            let generation = group.generation;
            if group.state == GroupState::Empty && !group.has_offsets() {
                group.transition_to(GroupState::Dead, now.as_millis());
                self.info(format!("Group {id} transitioned to Dead in generation {generation}"));
            }
            let is_dead = self.state_of(id) == Some(GroupState::Dead);
            if is_dead {
                self.unload(id);
            }
            count += removed.len();
            // Of a group that only stored offsets there is no metadata in the log.
            if let Some(records) = records::tombstones(now, id, &removed, is_dead && generation > 0)
            {
                let pending = Pending::Tombstones { group: id.clone(), count: removed.len() };
                self.append_with_acks(id, records, pending, TOMBSTONE_ACKS);
            }
        }
        count
    }
}

fn deletion_topics(errors: Vec<(TopicPartition, ErrorCode)>) -> Vec<OffsetDeleteResponseTopic> {
    let mut topics: Vec<OffsetDeleteResponseTopic> = Vec::new();
    let mut places: SortedMap<String, usize> = SortedMap::new();
    for (TopicPartition { topic, partition: partition_index }, error_code) in errors {
        let place = *places.entry(topic.clone()).or_insert_with(|| {
            topics.push(OffsetDeleteResponseTopic { name: topic, partitions: Vec::new() });
            topics.len() - 1
        });
        let result = OffsetDeleteResponsePartition { partition_index, error_code };
        topics[place].partitions.push(result);
    }
    topics
}
