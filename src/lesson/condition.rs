//! Conditions: what a lesson claims of the world, in one line, decided on a picture.
//!
//! ```text
//! leader orders-0 = broker-2      leader orders-0 != broker-1     leader orders-0 none
//! isr orders-0 = 3                process broker-1 dead           group g1 stable
//! members g1 = 2                  consumed g1 >= 4                consumed consumer-1 >= 1
//! acked producer-1 >= 6           retries producer-1 >= 1         lag g1 = 0
//! records orders >= 6             session broker-1 gone           controller broker-2
//! queued queue-1 = 3              lost orders = 0                 duplicated orders >= 1
//! delivered g1 >= 6               redelivered g1 >= 1
//! ```
//! Partitions are looked up where they are led, groups where they are coordinated.

use super::run::with_names;
use crate::base::{Incarnation, SortedMap, TopicPartition};
use crate::node::ProcessView;
use crate::node::view::{BrokerView, ConsumerView, GroupView, ProducerView, ReplicaView};
use crate::world::ledger::{FateCounts, GroupCounts};
use crate::world::picture::{Picture, ProcessCard, ProcessState};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that can be true of a world.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Condition {
    subject: Subject,
    test: Test,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Subject {
    Leader(TopicPartition),
    Isr(TopicPartition),
    Process(String),
    Group(String),
    Members(String),
    Consumed(String),
    Acked(String),
    Retries(String),
    Lag(String),
    Records(String),
    Session(String),
    Controller,
    Queued(String),
    Lost(String),
    Duplicated(String),
    Delivered(String),
    Redelivered(String),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Test {
    Is(String),
    IsNot(String),
    Equal(i64),
    AtLeast(i64),
}

impl Condition {
    /// Reads one line; the error says which word is wrong.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (kind, rest) = words.split_first().ok_or("an empty condition")?;
        let name = || rest.first().map(|name| (*name).to_owned()).ok_or("a name is missing");
        let partition = || {
            let name = rest.first().ok_or("a partition is missing")?;
            let (topic, number) = name.rsplit_once('-').ok_or("a partition is TOPIC-NUMBER")?;
            let number = number.parse().map_err(|_| "a partition is TOPIC-NUMBER")?;
            Ok::<_, String>(TopicPartition::new(topic, number))
        };
        let subject = match *kind {
            "leader" => Subject::Leader(partition()?),
            "isr" => Subject::Isr(partition()?),
            "process" => Subject::Process(name()?),
            "group" => Subject::Group(name()?),
            "members" => Subject::Members(name()?),
            "consumed" => Subject::Consumed(name()?),
            "acked" => Subject::Acked(name()?),
            "retries" => Subject::Retries(name()?),
            "lag" => Subject::Lag(name()?),
            "records" => Subject::Records(name()?),
            "session" => Subject::Session(name()?),
            "queued" => Subject::Queued(name()?),
            "lost" => Subject::Lost(name()?),
            "duplicated" => Subject::Duplicated(name()?),
            "delivered" => Subject::Delivered(name()?),
            "redelivered" => Subject::Redelivered(name()?),
            "controller" => Subject::Controller,
            other => return Err(format!("unknown condition '{other}'")),
        };
        let test = if subject == Subject::Controller { rest } else { &rest[1.min(rest.len())..] };
        Ok(Self { subject, test: parse_test(test)? })
    }

    /// The condition with every `$name` put in.
    pub fn with_names(&self, names: &SortedMap<String, String>) -> Self {
        let named = |text: &String| with_names(text, names);
        let subject = match &self.subject {
            Subject::Process(name) => Subject::Process(named(name)),
            Subject::Consumed(name) => Subject::Consumed(named(name)),
            Subject::Acked(name) => Subject::Acked(named(name)),
            Subject::Retries(name) => Subject::Retries(named(name)),
            Subject::Session(name) => Subject::Session(named(name)),
            Subject::Queued(name) => Subject::Queued(named(name)),
            other => other.clone(),
        };
        let test = match &self.test {
            Test::Is(word) => Test::Is(named(word)),
            Test::IsNot(word) => Test::IsNot(named(word)),
            other => other.clone(),
        };
        Self { subject, test }
    }

    /// Whether it holds in `picture`.
    pub fn holds(&self, picture: &Picture) -> bool {
        match &self.subject {
            Subject::Leader(partition) => self.word(leader_name(picture, partition)),
            Subject::Isr(partition) => {
                self.number(leading(picture, partition).map(|replica| replica.isr.len() as i64))
            }
            Subject::Process(name) => {
                self.word(card(picture, name).map(|card| state_word(&card.state).to_owned()))
            }
            Subject::Group(name) => self.word(group(picture, name).map(|g| g.state.to_lowercase())),
            Subject::Members(name) => {
                self.number(group(picture, name).map(|group| group.members.len() as i64))
            }
            Subject::Consumed(name) => self.number(consumed(picture, name)),
            Subject::Acked(name) => {
                self.number(producer(picture, name).map(|view| view.acknowledged as i64))
            }
            Subject::Retries(name) => {
                self.number(producer(picture, name).map(|view| view.retries as i64))
            }
            Subject::Lag(name) => self.number(group_lag(picture, name)),
            Subject::Records(topic) => self.number(records(picture, topic)),
            Subject::Session(name) => self.word(Some(session_word(picture, name).to_owned())),
            Subject::Controller => self.word(controller(picture)),
            Subject::Queued(name) => self.number(queued(picture, name)),
            Subject::Lost(topic) => self.fates(picture, topic, |counts| counts.lost),
            Subject::Duplicated(topic) => self.fates(picture, topic, |counts| counts.copied),
            Subject::Delivered(group) => self.deliveries(picture, group, |counts| counts.delivered),
            Subject::Redelivered(group) => {
                self.deliveries(picture, group, |counts| counts.redelivered)
            }
        }
    }

    fn word(&self, found: Option<String>) -> bool {
        let found = found.unwrap_or_else(|| "none".to_owned());
        match &self.test {
            Test::Is(word) => found == *word,
            Test::IsNot(word) => found != *word && found != "none",
            Test::Equal(_) | Test::AtLeast(_) => false,
        }
    }

    /// A count from the ledger; of a topic to which nothing was sent it is 0.
    fn fates(&self, picture: &Picture, topic: &str, of: fn(&FateCounts) -> u64) -> bool {
        self.number(Some(picture.ledger.topics.get(topic).map_or(0, of).cast_signed()))
    }

    fn deliveries(&self, picture: &Picture, group: &str, of: fn(&GroupCounts) -> u64) -> bool {
        self.number(Some(picture.ledger.groups.get(group).map_or(0, of).cast_signed()))
    }

    fn number(&self, found: Option<i64>) -> bool {
        match (&self.test, found) {
            (Test::Equal(number), Some(found)) => found == *number,
            (Test::AtLeast(number), Some(found)) => found >= *number,
            _ => false,
        }
    }
}

fn parse_test(words: &[&str]) -> Result<Test, String> {
    let number = |word: &str| word.parse::<i64>().map_err(|_| format!("'{word}' is no number"));
    match words {
        ["=", word] => Ok(word.parse().map_or_else(|_| Test::Is((*word).to_owned()), Test::Equal)),
        ["!=", word] => Ok(Test::IsNot((*word).to_owned())),
        [">=", word] => Ok(Test::AtLeast(number(word)?)),
        [word] => Ok(Test::Is((*word).to_owned())),
        other => Err(format!("'{}' is no test", other.join(" "))),
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Leader(partition) => write!(f, "the leader of {partition}")?,
            Subject::Isr(partition) => write!(f, "in-sync replicas of {partition}")?,
            Subject::Process(name) => f.write_str(name)?,
            Subject::Group(name) => write!(f, "group {name}")?,
            Subject::Members(name) => write!(f, "members of {name}")?,
            Subject::Consumed(name) => write!(f, "records consumed by {name}")?,
            Subject::Acked(name) => write!(f, "records of {name} acknowledged")?,
            Subject::Retries(name) => write!(f, "retries of {name}")?,
            Subject::Lag(name) => write!(f, "lag of {name}")?,
            Subject::Records(topic) => write!(f, "records in {topic}")?,
            Subject::Session(name) => write!(f, "the ZooKeeper session of {name}")?,
            Subject::Controller => f.write_str("the controller")?,
            Subject::Queued(name) => write!(f, "messages in {name}")?,
            Subject::Lost(topic) => write!(f, "acknowledged records of {topic} lost")?,
            Subject::Duplicated(topic) => write!(f, "records of {topic} appended twice")?,
            Subject::Delivered(group) => write!(f, "records delivered to {group}")?,
            Subject::Redelivered(group) => write!(f, "deliveries to {group} beyond the first")?,
        }
        match &self.test {
            Test::Is(word) => write!(f, " is {word}"),
            Test::IsNot(word) => write!(f, " is no longer {word}"),
            Test::Equal(number) => write!(f, ": {number}"),
            Test::AtLeast(number) => write!(f, ": at least {number}"),
        }
    }
}

fn card<'a>(picture: &'a Picture, name: &str) -> Option<&'a ProcessCard> {
    picture.processes.iter().find(|card| card.name == name)
}

fn state_word(state: &ProcessState) -> &'static str {
    match state {
        ProcessState::Running => "running",
        ProcessState::Paused => "paused",
        ProcessState::Dead { .. } => "dead",
    }
}

/// The brokers that run, with their names.
fn brokers(picture: &Picture) -> impl Iterator<Item = (&str, &BrokerView)> {
    picture.processes.iter().filter_map(|card| match (card.view.as_deref(), &card.state) {
        (Some(ProcessView::Broker(view)), ProcessState::Running) => {
            Some((card.name.as_str(), view))
        }
        _ => None,
    })
}

/// The replica that leads `partition` in the newest epoch, with its broker's name.
fn leading_on<'a>(
    picture: &'a Picture,
    partition: &TopicPartition,
) -> Option<(&'a str, &'a ReplicaView)> {
    brokers(picture)
        .flat_map(|(name, view)| view.replicas.iter().map(move |replica| (name, replica)))
        .filter(|(_, replica)| replica.is_leader && replica.partition == *partition)
        .max_by_key(|(_, replica)| replica.leader_epoch)
}

fn leading<'a>(picture: &'a Picture, partition: &TopicPartition) -> Option<&'a ReplicaView> {
    leading_on(picture, partition).map(|(_, replica)| replica)
}

/// The name of the process that leads `partition`.
pub fn leader_name(picture: &Picture, partition: &TopicPartition) -> Option<String> {
    leading_on(picture, partition).map(|(name, _)| name.to_owned())
}

/// The name of the process that is the controller of the newest epoch.
pub fn controller(picture: &Picture) -> Option<String> {
    brokers(picture)
        .filter_map(|(name, view)| view.controller_epoch.map(|epoch| (epoch, name)))
        .max()
        .map(|(_, name)| name.to_owned())
}

fn group<'a>(picture: &'a Picture, name: &str) -> Option<&'a GroupView> {
    let groups = brokers(picture).flat_map(|(_, view)| view.groups.iter());
    groups.filter(|group| group.group == name).max_by_key(|group| group.generation)
}

/// The name of the process that coordinates group `name`.
pub fn coordinator_name(picture: &Picture, name: &str) -> Option<String> {
    let coordinating = |view: &BrokerView| view.groups.iter().any(|group| group.group == name);
    let mut found = brokers(picture).filter(|(_, view)| coordinating(view));
    found.next().map(|(name, _)| name.to_owned())
}

fn consumers(picture: &Picture) -> impl Iterator<Item = (&ProcessCard, &ConsumerView)> {
    picture.processes.iter().filter_map(|card| match card.view.as_deref() {
        Some(ProcessView::Consumer(view)) => Some((card, view)),
        _ => None,
    })
}

/// Messages in a queue, with a receiver or without.
fn queued(picture: &Picture, name: &str) -> Option<i64> {
    match card(picture, name)?.view.as_deref()? {
        ProcessView::Queue(view) => Some((view.ready + view.delivered) as i64),
        _ => None,
    }
}

/// Records consumed by one consumer or by all of a group; messages received from a queue.
fn consumed(picture: &Picture, name: &str) -> Option<i64> {
    let shown = card(picture, name).and_then(|card| card.view.as_deref());
    if let Some(ProcessView::QueueReceiver(view)) = shown {
        return Some(view.received as i64);
    }
    let mut counts = consumers(picture)
        .filter(|(card, view)| card.name == name || view.group == name)
        .map(|(_, view)| view.consumed as i64)
        .peekable();
    counts.peek()?;
    Some(counts.sum())
}

fn producer<'a>(picture: &'a Picture, name: &str) -> Option<&'a ProducerView> {
    match card(picture, name)?.view.as_deref()? {
        ProcessView::Producer(view) => Some(view),
        _ => None,
    }
}

/// The lag of a group: high watermarks less positions, known for each partition that is owned.
fn group_lag(picture: &Picture, name: &str) -> Option<i64> {
    let mut owned = consumers(picture)
        .filter(|(card, view)| view.group == name && card.state == ProcessState::Running)
        .flat_map(|(_, view)| view.owned.iter())
        .peekable();
    owned.peek()?;
    owned.map(|owned| (owned.lag >= 0).then_some(owned.lag)).sum()
}

/// Records of `topic` below the high watermark, on the leaders of the newest epochs.
fn records(picture: &Picture, topic: &str) -> Option<i64> {
    let mut newest: SortedMap<i32, &ReplicaView> = SortedMap::new();
    let replicas = brokers(picture).flat_map(|(_, view)| view.replicas.iter());
    for replica in replicas.filter(|r| r.is_leader && r.partition.topic == topic) {
        let known = newest.entry(replica.partition.partition).or_insert(replica);
        if replica.leader_epoch > known.leader_epoch {
            *known = replica;
        }
    }
    let readable = newest.values().map(|r| r.high_watermark - r.log_start_offset);
    (!newest.is_empty()).then(|| readable.sum())
}

/// `open` while some ZooKeeper server holds a session from the last known life of the process.
fn session_word(picture: &Picture, name: &str) -> &'static str {
    let Some(card) = card(picture, name) else { return "none" };
    let Some(ProcessView::Broker(view)) = card.view.as_deref() else { return "none" };
    let open = picture.processes.iter().any(|card| match card.view.as_deref() {
        Some(ProcessView::ZooKeeper(server)) => {
            server.sessions.iter().any(|session| session.id == view.zookeeper_session)
        }
        _ => false,
    });
    if open && card.incarnation > Incarnation(0) { "open" } else { "gone" }
}

#[cfg(test)]
pub(in crate::lesson) mod tests;
