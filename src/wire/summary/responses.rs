//! The line for each response of a broker.

use bytes::Bytes;

use super::requests::{Held, kind};
use super::{FrameKind, FrameSummary, Names};
use crate::wire::kafka::{
    self, AnyResponse, ApiKey, ConsumerProtocolAssignment, FetchResponse, JoinGroupResponse,
    ProduceResponse, Versioned, decode_any_response,
};
use crate::wire::{ErrorCode, FieldNode};

pub(super) fn summarize(
    frame: &Bytes,
    api: ApiKey,
    version: i16,
    to_follower: bool,
) -> FrameSummary {
    let response = match decode_any_response(frame, api, version) {
        Ok((_, response)) => response,
        Err(error) => {
            let summary = FrameSummary::malformed(api.name(), error);
            return FrameSummary { is_response: true, ..summary };
        }
    };
    let kind = match kind(api) {
        FrameKind::Produce => FrameKind::Answer,
        FrameKind::Fetch if to_follower => FrameKind::Replicate,
        FrameKind::Fetch if api != ApiKey::Fetch => FrameKind::Answer,
        kind => kind,
    };
    let mut summary = FrameSummary {
        kind,
        is_response: true,
        api: api.name().into(),
        label: format!("{} →", api.name()),
        ..FrameSummary::default()
    };
    match &response {
        AnyResponse::Produce(response) => produce(&mut summary, response),
        AnyResponse::Fetch(response) => fetch(&mut summary, response),
        _ => {
            summary.error = first_error(frame, api, version);
            if let Some(error) = summary.error.clone() {
                summary.say(error);
            } else if !(groups(&mut summary, &response) || others(&mut summary, &response)) {
                summary.say("ok");
            }
        }
    }
    if kind == FrameKind::Heartbeat && summary.error.is_some() {
        summary.kind = FrameKind::Group;
    }
    summary
}

fn produce(summary: &mut FrameSummary, response: &ProduceResponse) {
    let mut names = Names::default();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            summary.hint(&topic.name, Some(partition.index));
            let name = format!("{}-{}", topic.name, partition.index);
            if partition.error_code.is_ok() {
                names.add(|| format!("{name}@{}", partition.base_offset));
            } else {
                summary.error.get_or_insert_with(|| partition.error_code.to_string());
                names.add(|| format!("{name} {}", partition.error_code));
            }
        }
    }
    summary.say(names.text());
}

fn fetch(summary: &mut FrameSummary, response: &FetchResponse) {
    let mut names = Names::default();
    if response.error_code.is_error() {
        summary.error = Some(response.error_code.to_string());
        names.add(|| response.error_code.to_string());
    }
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let name = format!("{}-{}", topic.topic, partition.partition);
            let held = Held::of(partition.record_set.as_deref().unwrap_or_default());
            if partition.error_code.is_error() {
                summary.hint(&topic.topic, Some(partition.partition));
                summary.error.get_or_insert_with(|| partition.error_code.to_string());
                names.add(|| format!("{name} {}", partition.error_code));
            } else if let Some(base_offset) = held.base_offset {
                summary.hint(&topic.topic, Some(partition.partition));
                names.add(|| format!("{name}@{base_offset}"));
            }
            summary.records = summary.records.saturating_add(held.records);
            summary.key = summary.key.take().or(held.key);
        }
    }
    summary.say(names.text());
    match summary.records {
        0 if summary.error.is_none() => {
            summary.kind = FrameKind::Heartbeat;
            summary.say("no records");
        }
        0 => {}
        1 => summary.say("1 record"),
        records => summary.say(format!("{records} records")),
    }
}

fn groups(summary: &mut FrameSummary, response: &AnyResponse) -> bool {
    match response {
        AnyResponse::FindCoordinator(response) => {
            summary.say(format!("broker {}", response.node_id));
        }
        AnyResponse::JoinGroup(response) => join_group(summary, response),
        AnyResponse::SyncGroup(response) => {
            let assignment = ConsumerProtocolAssignment::from_bytes(&response.assignment);
            let partitions = assignment.map(|assignment| assignment.assigned_partitions);
            let mut names = Names::default();
            for topic in partitions.iter().flatten() {
                for partition in &topic.partitions {
                    summary.hint(&topic.topic, Some(*partition));
                    names.add(|| format!("{}-{partition}", topic.topic));
                }
            }
            let names = names.text();
            summary.say(if names.is_empty() { "no partitions" } else { &names });
        }
        AnyResponse::OffsetFetch(response) => {
            let mut names = Names::default();
            for topic in &response.topics {
                for partition in &topic.partitions {
                    summary.hint(&topic.name, Some(partition.partition_index));
                    let offset = partition.committed_offset;
                    names.add(|| format!("{}-{}@{offset}", topic.name, partition.partition_index));
                }
            }
            let names = names.text();
            summary.say(if names.is_empty() { "no offsets" } else { &names });
        }
        _ => return false,
    }
    true
}

fn join_group(summary: &mut FrameSummary, response: &JoinGroupResponse) {
    summary.say(format!("generation {}", response.generation_id));
    if response.leader == response.member_id {
        summary.say(format!("leader of {} members", response.members.len()));
    } else {
        summary.say("member");
    }
}

fn others(summary: &mut FrameSummary, response: &AnyResponse) -> bool {
    match response {
        AnyResponse::Metadata(response) => {
            summary.say(format!("{} brokers", response.brokers.len()));
            summary.about_topics(response.topics.iter().map(|topic| topic.name.as_str()));
        }
        AnyResponse::ListOffsets(response) => {
            let mut names = Names::default();
            for topic in &response.topics {
                for partition in &topic.partitions {
                    summary.hint(&topic.name, Some(partition.partition_index));
                    let offset = partition.offset;
                    names.add(|| format!("{}-{}@{offset}", topic.name, partition.partition_index));
                }
            }
            summary.say(names.text());
        }
        AnyResponse::OffsetForLeaderEpoch(response) => {
            let mut names = Names::default();
            for topic in &response.topics {
                for end in &topic.partitions {
                    summary.hint(&topic.topic, Some(end.partition));
                    names.add(|| {
                        let (epoch, offset) = (end.leader_epoch, end.end_offset);
                        format!("{}-{} epoch {epoch} ends {offset}", topic.topic, end.partition)
                    });
                }
            }
            summary.say(names.text());
        }
        AnyResponse::AlterIsr(response) => {
            for topic in &response.topics {
                for partition in &topic.partitions {
                    summary.about([(topic.name.as_str(), partition.partition_index)]);
                    summary.say(format!("ISR {:?}", partition.isr));
                }
            }
        }
        AnyResponse::InitProducerId(response) => {
            let (id, epoch) = (response.producer_id, response.producer_epoch);
            summary.say(format!("producer id {id} epoch {epoch}"));
        }
        _ => return false,
    }
    true
}

/// The first error code in the response, wherever its schema has one.
fn first_error(frame: &Bytes, api: ApiKey, version: i16) -> Option<String> {
    fn find(node: &FieldNode) -> Option<&FieldNode> {
        if node.name == "error_code" && node.value != "0 NONE" {
            return Some(node);
        }
        node.children.iter().find_map(find)
    }
    let tree = kafka::describe_response(frame, api, version);
    let number = find(&tree)?.value.split(' ').next()?.parse().ok()?;
    Some(ErrorCode(number).to_string())
}
