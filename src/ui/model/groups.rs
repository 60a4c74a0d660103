//! Consumer groups: what their coordinator says, joined with what each consumer says of itself.

use super::partitions::{PartitionState, broker_view, is_alive};
use super::status::NodeStatus;
use crate::base::{ProcessId, SortedMap, SortedSet, TopicPartition};
use crate::node::ProcessView;
use crate::node::view::{ConsumerView, GroupView};
use crate::world::picture::{Picture, ProcessCard};

/// A group on the stage.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupFrame {
    /// Group id.
    pub group: String,
    /// Two letters that stand for it on the tapes.
    pub tag: String,
    /// State as the coordinator has it; `No coordinator` while none is known.
    pub state: String,
    /// Generation id.
    pub generation: i32,
    /// The coordinator's name.
    pub coordinator: Option<String>,
    /// Chosen assignor.
    pub protocol: Option<String>,
    /// Its members.
    pub members: Vec<MemberCard>,
    /// While it rebalances: partitions that nobody owns.
    pub tray: Vec<TopicPartition>,
    /// Committed offsets.
    pub committed: SortedMap<TopicPartition, i64>,
}

/// A member, or a consumer that wants to be one.
#[derive(Clone, PartialEq, Debug)]
pub struct MemberCard {
    /// Its process; none for one from outside.
    pub process: Option<ProcessId>,
    /// Its name.
    pub name: String,
    /// Member id as the coordinator knows it, empty before it has one.
    pub member: String,
    /// How its process is doing.
    pub status: Option<NodeStatus>,
    /// What it is doing in the group, empty when nothing special.
    pub note: String,
    /// What it owns.
    pub owned: Vec<Owned>,
    /// Records handed to its application.
    pub consumed: u64,
}

/// A partition that a member owns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owned {
    /// Which.
    pub partition: TopicPartition,
    /// How the chip names it: `p0`, or the whole name when the group reads several topics.
    pub label: String,
    /// Next offset to read.
    pub position: Option<i64>,
    /// Records between position and high watermark.
    pub lag: Option<i64>,
}

impl GroupFrame {
    /// Whether nothing is being dealt.
    pub fn is_stable(&self) -> bool {
        matches!(self.state.as_str(), "Stable" | "Empty" | "No coordinator")
    }

    /// Its state in words.
    pub fn state_words(&self) -> &str {
        match self.state.as_str() {
            "PreparingRebalance" => "Preparing rebalance",
            "CompletingRebalance" => "Completing rebalance",
            other => other,
        }
    }
}

fn consumer_view(card: &ProcessCard) -> Option<&ConsumerView> {
    match card.view.as_deref() {
        Some(ProcessView::Consumer(view)) => Some(view),
        _ => None,
    }
}

/// All groups by name.
pub fn groups(
    picture: &Picture,
    partitions: &SortedMap<TopicPartition, PartitionState>,
) -> Vec<GroupFrame> {
    let mut known: SortedMap<&str, Option<(&str, bool, &GroupView)>> = SortedMap::new();
    for card in &picture.processes {
        if let Some(view) = consumer_view(card).filter(|view| !view.group.is_empty()) {
            known.entry(&view.group).or_default();
        }
        let Some(view) = broker_view(card) else { continue };
        for group in view.groups.iter().filter(|group| group.state != "Dead") {
            let seen = (card.name.as_str(), is_alive(card), group);
            let entry = known.entry(&group.group).or_default();
            let is_better = entry
                .is_none_or(|(_, alive, old)| (seen.1, group.generation) > (alive, old.generation));
            if is_better {
                *entry = Some(seen);
            }
        }
    }
    let mut frames: Vec<GroupFrame> = Vec::new();
    for (name, seen) in known {
        let tag = free_tag(name, &frames);
        frames.push(group_frame(picture, partitions, name, tag, seen));
    }
    frames
}

fn group_frame(
    picture: &Picture,
    partitions: &SortedMap<TopicPartition, PartitionState>,
    name: &str,
    tag: String,
    seen: Option<(&str, bool, &GroupView)>,
) -> GroupFrame {
    let group = seen.map(|(_, _, group)| group);
    let consumers: Vec<(&ProcessCard, &ConsumerView)> = picture
        .processes
        .iter()
        .filter_map(|card| consumer_view(card).map(|view| (card, view)))
        .filter(|(_, view)| view.group == name)
        .collect();
    let topics: SortedSet<&str> =
        consumers.iter().flat_map(|(_, view)| view.topics.iter().map(String::as_str)).collect();
    let one_topic = topics.len() <= 1;
    let mut members: Vec<MemberCard> = consumers
        .iter()
        .map(|(card, view)| member_card(picture, partitions, card, view, group, one_topic))
        .collect();
    let outside = group.map(|group| group.members.as_slice()).unwrap_or_default().iter();
    for member in outside.filter(|m| !consumers.iter().any(|(_, view)| view.member == m.member)) {
        let owned = member.assignment.iter().map(|partition| Owned {
            label: chip_label(partition, one_topic),
            partition: partition.clone(),
            position: None,
            lag: None,
        });
        members.push(MemberCard {
            process: None,
            name: member.client_id.clone(),
            member: member.member.clone(),
            status: None,
            note: format!("from {}", member.host),
            owned: owned.collect(),
            consumed: 0,
        });
    }
    let state = match seen {
        Some((_, true, group)) => group.state.clone(),
        _ => "No coordinator".to_owned(),
    };
    let owned = |partition: &TopicPartition| {
        members.iter().any(|m| m.owned.iter().any(|owned| owned.partition == *partition))
    };
    let is_settled = matches!(state.as_str(), "Stable" | "Empty" | "No coordinator");
    let tray = partitions.keys().filter(|partition| {
        !is_settled && topics.contains(partition.topic.as_str()) && !owned(partition)
    });
    GroupFrame {
        group: name.to_owned(),
        tag,
        generation: group.map_or(-1, |group| group.generation),
        coordinator: seen.filter(|(_, alive, _)| *alive).map(|(broker, ..)| broker.to_owned()),
        protocol: group.and_then(|group| group.protocol.clone()),
        tray: tray.cloned().collect(),
        committed: group.map(|group| group.offsets.iter().cloned().collect()).unwrap_or_default(),
        members,
        state,
    }
}

fn member_card(
    picture: &Picture,
    partitions: &SortedMap<TopicPartition, PartitionState>,
    card: &ProcessCard,
    view: &ConsumerView,
    group: Option<&GroupView>,
    one_topic: bool,
) -> MemberCard {
    let status = NodeStatus::of(card, picture);
    let is_member =
        group.is_some_and(|group| group.members.iter().any(|m| m.member == view.member));
    let note = match (&status, view.state.as_str()) {
        (status, _) if !status.is_alive() => {
            let still = if is_member { ", still a member" } else { "" };
            format!("{}{still}", status.word.to_lowercase())
        }
        (_, "Stable") if view.owned.is_empty() => "has nothing to read".to_owned(),
        (_, "Stable") => String::new(),
        (_, state) => spaced(state),
    };
    let owned = view.owned.iter().map(|owned| {
        let end = partitions.get(&owned.partition).map(|state| state.high_watermark);
        Owned {
            label: chip_label(&owned.partition, one_topic),
            partition: owned.partition.clone(),
            position: Some(owned.position),
            lag: end.map(|end| (end - owned.position).max(0)).filter(|_| owned.position >= 0),
        }
    });
    MemberCard {
        process: Some(card.id),
        name: card.name.clone(),
        member: view.member.clone(),
        owned: owned.collect(),
        consumed: view.consumed,
        note,
        status: Some(status),
    }
}

fn chip_label(partition: &TopicPartition, one_topic: bool) -> String {
    if one_topic { format!("p{}", partition.partition) } else { partition.to_string() }
}

/// `FindingCoordinator` as `finding coordinator`.
fn spaced(state: &str) -> String {
    let mut words = String::new();
    for c in state.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn free_tag(name: &str, frames: &[GroupFrame]) -> String {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let initials: String = words.iter().take(2).filter_map(|word| word.chars().next()).collect();
    let start: String =
        words.first().map(|word| word.chars().take(2).collect()).unwrap_or_default();
    let letter = start.chars().next().unwrap_or('G');
    let numbered = (1..).map(|n| format!("{letter}{n}"));
    let wanted = if words.len() > 1 { [initials, start] } else { [start, initials] };
    wanted
        .into_iter()
        .chain(numbered)
        .map(|tag| tag.to_uppercase())
        .find(|tag| tag.len() > 1 && !frames.iter().any(|frame| frame.tag == *tag))
        .unwrap_or_default()
}
