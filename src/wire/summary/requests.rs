//! The line for each request to a broker.

use bytes::Bytes;

use super::{FrameKind, FrameSummary};
use crate::wire::batch::Batches;
use crate::wire::kafka::{
    AnyRequest, ApiKey, FetchRequest, LeaderAndIsrRequest, ProduceRequest, RequestError,
    StopReplicaRequest, UpdateMetadataRequest, decode_request,
};
use crate::wire::schema::bytes_text;

/// The kind of the requests of an API.
pub(super) fn kind(api: ApiKey) -> FrameKind {
    match api {
        ApiKey::Produce => FrameKind::Produce,
        ApiKey::Fetch | ApiKey::ListOffsets => FrameKind::Fetch,
        ApiKey::OffsetForLeaderEpoch => FrameKind::Replicate,
        ApiKey::FindCoordinator
        | ApiKey::JoinGroup
        | ApiKey::SyncGroup
        | ApiKey::LeaveGroup
        | ApiKey::OffsetCommit
        | ApiKey::OffsetFetch
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups
        | ApiKey::DeleteGroups
        | ApiKey::OffsetDelete => FrameKind::Group,
        ApiKey::Heartbeat => FrameKind::Heartbeat,
        _ => FrameKind::Coordination,
    }
}

pub(super) fn summarize(frame: &Bytes) -> FrameSummary {
    let (header, request) = match decode_request(frame) {
        Ok(decoded) => decoded,
        Err(RequestError::Malformed { header, error }) => {
            let api = header.and_then(|header| header.api()).map_or("request", ApiKey::name);
            return FrameSummary::malformed(api, error);
        }
        Err(RequestError::UnknownApi(header) | RequestError::UnsupportedVersion(header)) => {
            let api = header.api().map_or("unknown API", ApiKey::name);
            let label = match header.api() {
                Some(_) => format!("{api} v{}, an unsupported version", header.api_version),
                None => format!("unknown API {}", header.api_key),
            };
            return FrameSummary { api: api.into(), label, ..FrameSummary::default() };
        }
    };
    let api = request.api();
    let mut summary = FrameSummary {
        kind: kind(api),
        api: api.name().into(),
        label: format!("{} v{}", api.name(), header.api_version),
        ..FrameSummary::default()
    };
    if !(records(&mut summary, &request)
        || groups(&mut summary, &request)
        || cluster(&mut summary, &request))
    {
        administration(&mut summary, &request);
    }
    summary
}

/// What a slice of record batches holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) base_offset: Option<i64>,
    pub(super) records: u32,
    pub(super) key: Option<String>,
}

impl Held {
    pub(super) fn of(batches: &[u8]) -> Self {
        let mut held = Self::default();
        for batch in Batches::new(batches) {
            held.base_offset.get_or_insert(batch.base_offset());
            held.records = held.records.saturating_add(batch.record_count().max(0) as u32);
            if held.key.is_none() && !batch.is_control() {
                let records = batch.records().into_iter().flatten();
                held.key = records.flatten().find_map(|record| record.key.map(bytes_text));
            }
        }
        held
    }
}

fn records(summary: &mut FrameSummary, request: &AnyRequest) -> bool {
    match request {
        AnyRequest::Produce(request) => produce(summary, request),
        AnyRequest::Fetch(request) => fetch(summary, request),
        AnyRequest::ListOffsets(request) => {
            summary.about(request.topics.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                partitions.map(|partition| (topic.name.as_str(), partition.partition_index))
            }));
            let mut timestamps = request
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .map(|part| part.timestamp);
            summary.say(match timestamps.next() {
                Some(-2) => "earliest".to_owned(),
                Some(-1) => "latest".to_owned(),
                Some(timestamp) => format!("from timestamp {timestamp}"),
                None => String::new(),
            });
        }
        AnyRequest::OffsetForLeaderEpoch(request) => {
            summary.about(request.topics.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                partitions.map(|partition| (topic.topic.as_str(), partition.partition))
            }));
        }
        _ => return false,
    }
    true
}

fn produce(summary: &mut FrameSummary, request: &ProduceRequest) {
    summary.about(request.topic_data.iter().flat_map(|topic| {
        topic.partition_data.iter().map(|partition| (topic.name.as_str(), partition.index))
    }));
    for partition in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
        let held = Held::of(partition.records.as_deref().unwrap_or_default());
        summary.records += held.records;
        summary.key = summary.key.take().or(held.key);
    }
    summary.say(format!("×{}", summary.records));
    if request.acks == 0 {
        summary.say("acks=0");
    }
}

fn fetch(summary: &mut FrameSummary, request: &FetchRequest) {
    if request.replica_id >= 0 {
        summary.kind = FrameKind::Replicate;
        summary.say(format!("by broker {}", request.replica_id));
    }
    let mut names = super::Names::default();
    for topic in &request.topics {
        for partition in &topic.partitions {
            summary.hint(&topic.topic, Some(partition.partition));
            names.add(|| {
                format!("{}-{}@{}", topic.topic, partition.partition, partition.fetch_offset)
            });
        }
    }
    summary.say(names.text());
}

fn groups(summary: &mut FrameSummary, request: &AnyRequest) -> bool {
    match request {
        AnyRequest::FindCoordinator(request) => {
            let of = if request.key_type == 1 { "transactional id" } else { "group" };
            summary.say(format!("{of} {}", request.key));
        }
        AnyRequest::JoinGroup(request) => summary.say(format!("group {}", request.group_id)),
        AnyRequest::SyncGroup(request) => {
            summary.say(format!("group {} generation {}", request.group_id, request.generation_id));
            if !request.assignments.is_empty() {
                summary.say(format!("with {} assignments", request.assignments.len()));
            }
        }
        AnyRequest::Heartbeat(request) => {
            summary.say(format!("group {} generation {}", request.group_id, request.generation_id));
        }
        AnyRequest::LeaveGroup(request) => summary.say(format!("group {}", request.group_id)),
        AnyRequest::OffsetCommit(request) => {
            summary.say(format!("group {}", request.group_id));
            let mut names = super::Names::default();
            for topic in &request.topics {
                for partition in &topic.partitions {
                    summary.hint(&topic.name, Some(partition.partition_index));
                    let offset = partition.committed_offset;
                    names.add(|| format!("{}-{}@{offset}", topic.name, partition.partition_index));
                }
            }
            summary.say(names.text());
        }
        AnyRequest::OffsetFetch(request) => {
            summary.say(format!("group {}", request.group_id));
            summary.about(request.topics.iter().flatten().flat_map(|topic| {
                topic.partition_indexes.iter().map(|partition| (topic.name.as_str(), *partition))
            }));
        }
        AnyRequest::DescribeGroups(request) => summary.say(request.groups.join(", ")),
        AnyRequest::DeleteGroups(request) => summary.say(request.groups_names.join(", ")),
        AnyRequest::OffsetDelete(request) => summary.say(format!("group {}", request.group_id)),
        _ => return false,
    }
    true
}

fn cluster(summary: &mut FrameSummary, request: &AnyRequest) -> bool {
    match request {
        AnyRequest::LeaderAndIsr(request) => leader_and_isr(summary, request),
        AnyRequest::StopReplica(request) => stop_replica(summary, request),
        AnyRequest::UpdateMetadata(request) => update_metadata(summary, request),
        AnyRequest::ControlledShutdown(request) => {
            summary.say(format!("broker {}", request.broker_id));
        }
        AnyRequest::AlterIsr(request) => {
            for topic in &request.topics {
                for partition in &topic.partitions {
                    summary.about([(topic.name.as_str(), partition.partition_index)]);
                    summary.say(format!("ISR {:?}", partition.new_isr));
                }
            }
        }
        AnyRequest::Metadata(request) => match &request.topics {
            None => summary.say("all topics"),
            Some(topics) => {
                summary.about_topics(topics.iter().filter_map(|topic| topic.name.as_deref()));
            }
        },
        _ => return false,
    }
    true
}

fn leader_and_isr(summary: &mut FrameSummary, request: &LeaderAndIsrRequest) {
    let grouped = request.topic_states.iter().flat_map(|topic| {
        topic.partition_states.iter().map(|state| (topic.topic_name.as_str(), state))
    });
    let ungrouped =
        request.ungrouped_partition_states.iter().map(|state| (state.topic_name.as_str(), state));
    let mut names = super::Names::default();
    for (topic, state) in grouped.chain(ungrouped) {
        summary.hint(topic, Some(state.partition_index));
        names.add(|| {
            let (leader, epoch) = (state.leader, state.leader_epoch);
            format!("{topic}-{} leader {leader} epoch {epoch}", state.partition_index)
        });
    }
    summary.say(names.text());
}

fn stop_replica(summary: &mut FrameSummary, request: &StopReplicaRequest) {
    let states = request.topic_states.iter().flat_map(|topic| {
        let states = topic.partition_states.iter();
        states.map(|state| (topic.topic_name.as_str(), state.partition_index))
    });
    let older = request.topics.iter().flat_map(|topic| {
        topic.partition_indexes.iter().map(|partition| (topic.name.as_str(), *partition))
    });
    let oldest = request
        .ungrouped_partitions
        .iter()
        .map(|partition| (partition.topic_name.as_str(), partition.partition_index));
    summary.about(states.chain(older).chain(oldest));
    let deletes = request.delete_partitions
        || request
            .topic_states
            .iter()
            .flat_map(|topic| &topic.partition_states)
            .any(|state| state.delete_partition);
    if deletes {
        summary.say("delete");
    }
}

fn update_metadata(summary: &mut FrameSummary, request: &UpdateMetadataRequest) {
    let grouped = request.topic_states.iter().flat_map(|topic| {
        let states = topic.partition_states.iter();
        states.map(|state| (topic.topic_name.as_str(), state.partition_index))
    });
    let ungrouped = request
        .ungrouped_partition_states
        .iter()
        .map(|state| (state.topic_name.as_str(), state.partition_index));
    summary.about(grouped.chain(ungrouped));
    summary.say(format!("{} brokers", request.live_brokers.len()));
}

fn administration(summary: &mut FrameSummary, request: &AnyRequest) {
    match request {
        AnyRequest::CreateTopics(request) => {
            summary.about_topics(request.topics.iter().map(|topic| topic.name.as_str()));
        }
        AnyRequest::DeleteTopics(request) => {
            let named = request.topics.iter().filter_map(|topic| topic.name.as_deref());
            summary.about_topics(named.chain(request.topic_names.iter().map(String::as_str)));
        }
        AnyRequest::CreatePartitions(request) => {
            summary.about_topics(request.topics.iter().map(|topic| topic.name.as_str()));
        }
        AnyRequest::ElectLeaders(request) => {
            let wanted = request.topic_partitions.iter().flatten();
            summary.about(wanted.flat_map(|topic| {
                topic.partition_id.iter().map(|partition| (topic.topic.as_str(), *partition))
            }));
        }
        AnyRequest::InitProducerId(request) => {
            summary.say(request.transactional_id.as_deref().unwrap_or_default());
        }
        AnyRequest::AddPartitionsToTxn(request) => {
            summary.say(&request.transactional_id);
            summary.about(request.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| (topic.name.as_str(), *partition))
            }));
        }
        AnyRequest::EndTxn(request) => {
            summary.say(&request.transactional_id);
            summary.say(if request.committed { "commit" } else { "abort" });
        }
        AnyRequest::DescribeConfigs(request) => {
            let names: Vec<&str> =
                request.resources.iter().map(|resource| resource.resource_name.as_str()).collect();
            summary.say(names.join(", "));
        }
        _ => {}
    }
}
