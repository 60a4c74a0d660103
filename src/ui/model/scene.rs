//! The whole stage as values.

use super::groups::{GroupFrame, groups};
use super::keys::{KeyMark, KeyTable};
use super::partitions::{PartitionState, partitions};
use super::status::NodeStatus;
use super::tapes::{BrokerCard, CutRecords, TapeInputs, broker_cards};
use super::zookeeper::{ZooKeeperBand, band};
use crate::base::{ProcessId, SortedMap, SortedSet, TopicPartition};
use crate::node::view::{OutcomeView, ProducerView};
use crate::node::{ProcessView, Program};
use crate::ui::shared::Shared;
use crate::world::picture::{Picture, ProcessCard};

/// What stands on the stage.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scene {
    /// The brokers.
    pub brokers: Vec<Shared<BrokerCard>>,
    /// Producers and admin clients.
    pub clients: Vec<Shared<ClientCard>>,
    /// Consumer groups.
    pub groups: Vec<Shared<GroupFrame>>,
    /// The ZooKeeper band.
    pub zookeeper: Shared<ZooKeeperBand>,
    /// The partitions, by topic and number.
    pub partitions: Shared<SortedMap<TopicPartition, PartitionState>>,
    /// Topics: name, partitions, replicas of the first one.
    pub topics: Vec<(String, usize, usize)>,
    /// Name and program of every process, in the order in which they were made.
    pub names: Vec<(ProcessId, String, Program)>,
}

/// A client outside a group.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientCard {
    /// Its process.
    pub process: ProcessId,
    /// Its name.
    pub name: String,
    /// Whether it produces.
    pub is_producer: bool,
    /// How it is doing.
    pub status: NodeStatus,
    /// Its most telling setting.
    pub setting: String,
    /// What it did so far.
    pub summary: String,
    /// The newest outcomes: label, mark of the key, whether it went well.
    pub outcomes: Vec<(String, KeyMark, bool)>,
}

/// What a scene is made from besides the picture.
pub struct SceneInputs<'a> {
    /// The keys.
    pub keys: &'a KeyTable,
    /// Topics that are folded away.
    pub hidden: &'a SortedSet<String>,
    /// Records recently cut off.
    pub cut: &'a CutRecords,
    /// Cells that fit on a tape.
    pub slots: usize,
}

impl Scene {
    /// The scene of `picture`. What did not change since `before` is shared with it.
    pub fn of(picture: &Picture, inputs: &SceneInputs<'_>, before: &Self) -> Self {
        let truth = partitions(picture);
        let frames = groups(picture, &truth);
        let tape_inputs = TapeInputs {
            partitions: &truth,
            keys: inputs.keys,
            groups: &frames,
            hidden: inputs.hidden,
            cut: inputs.cut,
            slots: inputs.slots,
        };
        let brokers = broker_cards(picture, &tape_inputs, &before.brokers);
        let topics = topics(&truth);
        let groups = frames.into_iter().map(|frame| {
            let old = before.groups.iter().find(|old| old.group == frame.group);
            old.map_or_else(|| Shared::new(frame.clone()), |old| old.renewed(frame.clone()))
        });
        let clients = picture.processes.iter().filter_map(|card| {
            let made = client_card(picture, card, inputs.keys)?;
            let old = before.clients.iter().find(|old| old.process == made.process);
            Some(old.map_or_else(|| Shared::new(made.clone()), |old| old.renewed(made.clone())))
        });
        Self {
            brokers,
            clients: clients.collect(),
            groups: groups.collect(),
            zookeeper: before.zookeeper.renewed(band(picture, &before.zookeeper)),
            partitions: before.partitions.renewed(truth),
            topics,
            names: picture
                .processes
                .iter()
                .map(|card| (card.id, card.name.clone(), card.program))
                .collect(),
        }
    }

    /// The process called `name`.
    pub fn process(&self, name: &str) -> Option<ProcessId> {
        self.names.iter().find(|(_, known, _)| known == name).map(|(id, ..)| *id)
    }

    /// The name of `process`.
    pub fn name(&self, process: ProcessId) -> &str {
        self.names.iter().find(|(id, ..)| *id == process).map_or("outside", |(_, name, _)| name)
    }
}

fn topics(truth: &SortedMap<TopicPartition, PartitionState>) -> Vec<(String, usize, usize)> {
    let mut topics: Vec<(String, usize, usize)> = Vec::new();
    for state in truth.values() {
        match topics.last_mut().filter(|(name, ..)| *name == state.partition.topic) {
            Some((_, partitions, _)) => *partitions += 1,
            None => topics.push((state.partition.topic.clone(), 1, state.assigned.len())),
        }
    }
    topics
}

fn client_card(picture: &Picture, card: &ProcessCard, keys: &KeyTable) -> Option<ClientCard> {
    let is_producer = matches!(card.program, Program::Producer | Program::QueueSender);
    let setting = match card.program {
        Program::Producer => "",
        Program::QueueSender => "to a queue",
        Program::Admin => "admin",
        Program::Queue => "queue",
        Program::QueueReceiver => "from a queue",
        Program::Broker | Program::ZooKeeper | Program::Consumer => return None,
    };
    let mut made = ClientCard {
        process: card.id,
        name: card.name.clone(),
        is_producer,
        status: NodeStatus::of(card, picture),
        setting: setting.to_owned(),
        summary: String::new(),
        outcomes: Vec::new(),
    };
    match card.view.as_deref() {
        Some(ProcessView::Producer(view)) => {
            if card.program == Program::Producer {
                made.setting = format!(
                    "acks={}",
                    if view.acks == -1 { "all".into() } else { view.acks.to_string() }
                );
            }
            made.summary = producer_summary(view);
            let newest = view.outcomes.iter().rev().take(4).rev();
            made.outcomes = newest.map(|outcome| outcome_chip(outcome, keys)).collect();
        }
        Some(ProcessView::Admin(view)) if view.pending > 0 => {
            made.summary = format!("{} under way", view.pending);
        }
        Some(ProcessView::Queue(view)) => {
            made.summary = format!("{} ready, {} delivered", view.ready, view.delivered);
        }
        Some(ProcessView::QueueReceiver(view)) => {
            made.summary = format!("{} received", view.received);
        }
        _ => {}
    }
    Some(made)
}

fn producer_summary(view: &ProducerView) -> String {
    let mut words = format!("{} acknowledged", view.acknowledged);
    let counts = [(view.pending, "waiting"), (view.retries, "retried"), (view.failed, "failed")];
    let worth_saying = counts.iter().filter(|(count, _)| *count > 0);
    if let Some((count, word)) =
        worth_saying.max_by_key(|(_, word)| (*word == "failed", *word == "waiting"))
    {
        words = format!("{} ok, {count} {word}", view.acknowledged);
    }
    words
}

fn outcome_chip(outcome: &OutcomeView, keys: &KeyTable) -> (String, KeyMark, bool) {
    let mark = keys.mark(outcome.key.as_deref());
    match &outcome.result {
        Ok(place) => {
            let partition = place.split('@').next().unwrap_or_default();
            let number = partition.rsplit('-').next().unwrap_or_default();
            (format!("p{number}"), mark, true)
        }
        Err(error) => (error.clone(), mark, false),
    }
}
