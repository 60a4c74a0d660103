//! Groups and offsets as records of `__consumer_offsets`.
//!
//! In Kafka: GroupMetadataManager.{groupMetadataKey, groupMetadataValue, offsetCommitKey,
//! offsetCommitValue, doLoadGroupsAndOffsets}.

use super::metadata::{CommittedOffset, Group, Member};
use super::state::GroupState;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::wire::DecodeError;
use crate::wire::batch::{
    BatchFields, Batches, EndTransactionMarker, RecordBatchBuilder, RecordBatchView, RecordView,
};
use crate::wire::kafka::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata, OffsetCommitKey, OffsetCommitValue,
    OffsetsTopicKey, Versioned,
};
use bytes::Bytes;

#[cfg(test)]
mod tests;

const OFFSET_KEY_VERSION: i16 = 1;
const GROUP_KEY_VERSION: i16 = 2;
const GROUP_VALUE_VERSION: i16 = 3;
/// An offset that says itself when it expires.
const OFFSET_VALUE_VERSION_WITH_EXPIRY: i16 = 1;
const OFFSET_VALUE_VERSION: i16 = 3;

/// A batch with one record: the group as it is, with the assignments of `assignment`.
pub(super) fn group_batch(
    now: Time,
    group: &Group,
    assignment: &SortedMap<String, Bytes>,
) -> Bytes {
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let member = |member: &Member| MemberMetadata {
        member_id: member.id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.metadata(protocol),
        assignment: assignment.get(&member.id).cloned().unwrap_or_default(),
    };
    let value = GroupMetadataValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.clone(),
        current_state_timestamp: group.state_timestamp_ms,
        members: group.members.values().map(member).collect(),
    };
    let key = GroupMetadataKey { group: group.id.clone() };
    let mut builder = RecordBatchBuilder::new(BatchFields::default());
    builder.append(
        now.as_millis(),
        Some(&key.to_bytes(GROUP_KEY_VERSION)),
        Some(&value.to_bytes(GROUP_VALUE_VERSION)),
        &[],
    );
    builder.build()
}

/// The sequence that Kafka gives these batches although they have no producer id.
const OFFSETS_BASE_SEQUENCE: i32 = 0;

/// A batch with one record for each offset.
pub(super) fn offsets_batch(
    now: Time,
    group: &str,
    offsets: &[(TopicPartition, CommittedOffset)],
) -> Bytes {
    let mut builder = RecordBatchBuilder::new(BatchFields {
        base_sequence: OFFSETS_BASE_SEQUENCE,
        ..BatchFields::default()
    });
    for (partition, committed) in offsets {
        let key = OffsetCommitKey {
            group: group.to_owned(),
            topic: partition.topic.clone(),
            partition: partition.partition,
        };
        let value = OffsetCommitValue {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            commit_timestamp: committed.commit_timestamp_ms,
            expire_timestamp: committed.expire_timestamp_ms.unwrap_or(-1),
        };
        let version = match committed.expire_timestamp_ms {
            Some(_) => OFFSET_VALUE_VERSION_WITH_EXPIRY,
            None => OFFSET_VALUE_VERSION,
        };
        builder.append(
            now.as_millis(),
            Some(&key.to_bytes(OFFSET_KEY_VERSION)),
            Some(&value.to_bytes(version)),
            &[],
        );
    }
    builder.build()
}

/// A batch of tombstones: for the offsets of `partitions`, and for the group itself if it is no more.
pub(super) fn tombstones(
    now: Time,
    group: &str,
    partitions: &[TopicPartition],
    is_dead: bool,
) -> Option<Bytes> {
    let mut builder = RecordBatchBuilder::new(BatchFields::default());
    for partition in partitions {
        let (topic, partition) = (partition.topic.clone(), partition.partition);
        let key = OffsetCommitKey { group: group.to_owned(), topic, partition };
        builder.append(now.as_millis(), Some(&key.to_bytes(OFFSET_KEY_VERSION)), None, &[]);
    }
    if is_dead {
        let key = GroupMetadataKey { group: group.to_owned() };
        builder.append(now.as_millis(), Some(&key.to_bytes(GROUP_KEY_VERSION)), None, &[]);
    }
    (is_dead || !partitions.is_empty()).then(|| builder.build())
}

/// What a partition of `__consumer_offsets` holds, and what in it could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Loaded {
    pub(super) groups: SortedMap<String, Group>,
    pub(super) complaints: Vec<String>,
    /// Offsets of transactions that have not ended yet, by producer id.
    open: SortedMap<i64, Vec<OpenOffset>>,
}

/// An offset that a transaction commits.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OpenOffset {
    key: Bytes,
    value: Bytes,
    batch_offset: i64,
}

/// Reads the batches of a partition from its beginning to its end; later records replace earlier
/// ones, tombstones remove them.
pub(super) fn load(batches: &[u8]) -> Loaded {
    let mut loaded = Loaded::default();
    for batch in Batches::new(batches) {
        let records = batch.records();
        let Ok(records) = records else {
            loaded.complaints.push(format!("Cannot read the batch at {}", batch.base_offset()));
            continue;
        };
        for record in records {
            match record {
                Ok(record) => {
                    if let Err(error) = loaded.take_record(&batch, &record) {
                        let offset = record.offset;
                        loaded.complaints.push(format!("Record at offset {offset}: {error}"));
                    }
                }
                Err(error) => loaded.complaints.push(error.to_string()),
            }
        }
    }
    // A group of which only a tombstone is left is none.
    loaded.groups.retain(|_, group| group.state != GroupState::Dead || !group.offsets.is_empty());
    for group in loaded.groups.values_mut() {
        if group.state == GroupState::Dead {
            group.state = GroupState::Empty;
        }
    }
    loaded
}

impl Loaded {
    /// Offsets of a transaction count from its commit on, and never if it is aborted.
    fn take_record(
        &mut self,
        batch: &RecordBatchView<'_>,
        record: &RecordView<'_>,
    ) -> Result<(), DecodeError> {
        let (producer, batch_offset) = (batch.producer_id(), batch.base_offset());
        if batch.is_control() {
            let ended = self.open.remove(&producer).unwrap_or_default();
            if EndTransactionMarker::parse(record).is_some_and(|marker| marker.is_commit) {
                for OpenOffset { key, value, batch_offset } in ended {
                    self.take(&key, Some(value), batch_offset)?;
                }
            }
            return Ok(());
        }
        let key = Bytes::copy_from_slice(record.key.unwrap_or_default());
        match record.value.map(Bytes::copy_from_slice) {
            Some(value) if batch.is_transactional() => {
                let open = self.open.entry(producer).or_default();
                open.push(OpenOffset { key, value, batch_offset });
                Ok(())
            }
            value => self.take(&key, value, batch_offset),
        }
    }

    fn take(
        &mut self,
        key: &Bytes,
        value: Option<Bytes>,
        batch_offset: i64,
    ) -> Result<(), DecodeError> {
        match OffsetsTopicKey::from_bytes(key)? {
            OffsetsTopicKey::Offset(OffsetCommitKey { group, topic, partition }) => {
                let partition = TopicPartition::new(topic, partition);
                let group = self.group(&group);
                match value {
                    None => drop(group.offsets.remove(&partition)),
                    Some(value) => {
                        let value = OffsetCommitValue::from_bytes(&value)?;
                        let committed = offset_of(value, batch_offset);
                        let known = group.offsets.get(&partition);
                        // A transaction may end long after a newer commit.
                        if known.is_none_or(|known| known.record_offset < committed.record_offset) {
                            group.offsets.insert(partition, committed);
                        }
                    }
                }
            }
            OffsetsTopicKey::Group(GroupMetadataKey { group }) => match value {
                None => {
                    let group = self.group(&group);
                    let offsets = std::mem::take(&mut group.offsets);
                    *group = Group { offsets, state: GroupState::Dead, ..Group::new(&group.id) };
                }
                Some(value) => {
                    let value = GroupMetadataValue::from_bytes(&value)?;
                    let group = self.group(&group);
                    let offsets = std::mem::take(&mut group.offsets);
                    *group = Group { offsets, ..group_of(&group.id, value) };
                }
            },
        }
        Ok(())
    }

    /// The group; one without metadata of its own counts as dead until the end of the log shows
    /// whether it has offsets.
    fn group(&mut self, id: &str) -> &mut Group {
        self.groups
            .entry(id.to_owned())
            .or_insert_with(|| Group { state: GroupState::Dead, ..Group::new(id) })
    }
}

fn offset_of(value: OffsetCommitValue, record_offset: i64) -> CommittedOffset {
    CommittedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: Some(value.expire_timestamp).filter(|at| *at >= 0),
        record_offset: Some(record_offset),
    }
}

fn group_of(id: &str, value: GroupMetadataValue) -> Group {
    let protocol = value.protocol.clone().unwrap_or_default();
    let members: SortedMap<String, Member> = value
        .members
        .into_iter()
        .map(|member| {
            let loaded = Member {
                id: member.member_id.clone(),
                group_instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: member.session_timeout,
                rebalance_timeout_ms: member.rebalance_timeout,
                protocols: vec![(protocol.clone(), member.subscription)],
                assignment: member.assignment,
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
            };
            (member.member_id, loaded)
        })
        .collect();
    let static_members = members.values().filter_map(|member| {
        member.group_instance_id.clone().map(|instance| (instance, member.id.clone()))
    });
    let mut group = Group {
        static_members: static_members.collect(),
        state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
        generation: value.generation,
        protocol_type: Some(value.protocol_type).filter(|one| !one.is_empty()),
        protocol: value.protocol,
        leader: value.leader,
        members,
        state_timestamp_ms: value.current_state_timestamp,
        ..Group::new(id)
    };
    group.subscribed_topics = group.compute_subscribed_topics();
    group
}
