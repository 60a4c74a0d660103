//! One line for any frame: what the stage draws, the trace prints and the screen reader says.
//!
//! What a frame is depends on the frames before it, which [`Conversation`](super::Conversation)
//! watches; what it finds is the frame's [`FrameShape`], and with that any frame can be
//! summarised and described by itself, at any later time.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::field_tree::FieldNode;
use super::kafka::{self, ApiKey};
use super::{Reader, queue, zookeeper};

mod requests;
mod responses;
mod sessions;

#[cfg(test)]
mod tests;

/// What a frame does; the stage has a shape and a filter for each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum FrameKind {
    /// Records to a leader.
    Produce,
    /// What became of them, and other answers about records.
    Answer,
    /// A follower's fetch and the records it gets.
    Replicate,
    /// A consumer's fetch and the records it gets.
    Fetch,
    /// The group protocol and committed offsets.
    Group,
    /// The controller, ZooKeeper, metadata, administration.
    #[default]
    Coordination,
    /// Signs of life, and fetches that bring or ask nothing new.
    Heartbeat,
}

/// What a frame is, as only its place in the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FrameShape {
    /// A request to a broker; `is_repeated` when it fetches exactly what the one before did.
    KafkaRequest {
        /// Whether it says the same as the fetch before it.
        is_repeated: bool,
    },
    /// A response of a broker.
    KafkaResponse {
        /// The API of the request.
        api: ApiKey,
        /// The version of the request.
        version: i16,
        /// Whether a follower asked.
        to_follower: bool,
    },
    /// A frame of a ZooKeeper session.
    ZooKeeper(zookeeper::FrameShape),
    /// A frame of our queue.
    Queue,
    /// A frame of another protocol, or an answer to nothing that was asked.
    #[default]
    Opaque,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FrameSummary {
    /// What it does.
    pub kind: FrameKind,
    /// What it is, for [`describe`].
    pub shape: FrameShape,
    /// Whether it answers a request.
    pub is_response: bool,
    /// The API or operation, such as `Fetch` or `getData`.
    pub api: Cow<'static, str>,
    /// One line, such as `Produce v9 orders-0 ×2` or `Fetch → orders-0@3 2 records`.
    pub label: String,
    /// The topic it is about, when it is about one; the first of several.
    pub topic: Option<String>,
    /// The partition, likewise.
    pub partition: Option<i32>,
    /// The key of the first record that has one, as text.
    pub key: Option<String>,
    /// How many records it carries.
    pub records: u32,
    /// The error it reports, as `NOT_LEADER_OR_FOLLOWER`; or why it cannot be read.
    pub error: Option<String>,
}

/// The summary of a frame of that shape.
pub fn summarize(frame: &Bytes, shape: FrameShape) -> FrameSummary {
    let mut summary = match shape {
        FrameShape::KafkaRequest { is_repeated } => {
            let mut summary = requests::summarize(frame);
            let asks_nothing_new = is_repeated || summary.topic.is_none();
            if asks_nothing_new && matches!(summary.kind, FrameKind::Fetch | FrameKind::Replicate) {
                summary.kind = FrameKind::Heartbeat;
            }
            summary
        }
        FrameShape::KafkaResponse { api, version, to_follower } => {
            responses::summarize(frame, api, version, to_follower)
        }
        FrameShape::ZooKeeper(shape) => sessions::summarize(frame, shape),
        FrameShape::Queue => queue_line(frame),
        FrameShape::Opaque => {
            FrameSummary { label: format!("{} bytes", frame.len()), ..FrameSummary::default() }
        }
    };
    summary.shape = shape;
    summary
}

/// The field tree of a frame of that shape, with byte ranges; records are opened down to their
/// keys and values.
pub fn describe(frame: &Bytes, shape: FrameShape) -> FieldNode {
    match shape {
        FrameShape::KafkaRequest { .. } => kafka::describe_request(frame),
        FrameShape::KafkaResponse { api, version, .. } => {
            kafka::describe_response(frame, api, version)
        }
        FrameShape::ZooKeeper(shape) => zookeeper::describe(frame, shape),
        FrameShape::Queue => queue::describe(frame),
        FrameShape::Opaque => Reader::recording(frame).into_tree("frame".to_owned(), Ok(())),
    }
}

/// A frame of a queue, drawn as what it corresponds to in Kafka.
fn queue_line(frame: &Bytes) -> FrameSummary {
    use queue::kind;
    let frame = match queue::QueueFrame::decode(frame) {
        Ok(frame) => frame,
        Err(error) => return FrameSummary::malformed("queue", error),
    };
    let carries = matches!(frame.kind, kind::SEND | kind::MESSAGE);
    FrameSummary {
        kind: match frame.kind {
            kind::SEND => FrameKind::Produce,
            kind::MESSAGE => FrameKind::Fetch,
            kind::RECEIVE | kind::ACKNOWLEDGE => FrameKind::Group,
            kind::PING | kind::PONG => FrameKind::Heartbeat,
            _ => FrameKind::Answer,
        },
        is_response: matches!(frame.kind, kind::ACCEPTED | kind::REFUSED | kind::REMOVED),
        api: kind::name(frame.kind).into(),
        label: frame.line(),
        records: u32::from(carries),
        error: (frame.kind == kind::REFUSED).then(|| frame.text()),
        ..FrameSummary::default()
    }
}

impl FrameSummary {
    /// A frame that cannot be read.
    fn malformed(api: &'static str, error: impl ToString) -> Self {
        let error = error.to_string();
        Self {
            api: api.into(),
            label: format!("{api} malformed: {error}").trim_start().to_owned(),
            error: Some(error),
            ..Self::default()
        }
    }

    /// Adds to the label.
    fn say(&mut self, words: impl AsRef<str>) {
        let words = words.as_ref();
        if !words.is_empty() {
            self.label.push(' ');
            self.label.push_str(words);
        }
    }

    /// Names the partitions it is about; the first becomes its hint.
    fn about<'a>(&mut self, partitions: impl IntoIterator<Item = (&'a str, i32)>) {
        let mut names = Names::default();
        for (topic, partition) in partitions {
            self.hint(topic, Some(partition));
            names.add(|| format!("{topic}-{partition}"));
        }
        self.say(names.text());
    }

    /// Names the topics it is about.
    fn about_topics<'a>(&mut self, topics: impl IntoIterator<Item = &'a str>) {
        let mut names = Names::default();
        for topic in topics {
            self.hint(topic, None);
            names.add(|| topic.to_owned());
        }
        self.say(names.text());
    }

    fn hint(&mut self, topic: &str, partition: Option<i32>) {
        if self.topic.is_none() {
            self.topic = Some(topic.to_owned());
            self.partition = partition;
        }
    }
}

/// A list that stays short.
#[derive(Debug, Default)]
struct Names {
    shown: Vec<String>,
    more: usize,
}

impl Names {
    const SHOWN: usize = 3;

    fn add(&mut self, name: impl FnOnce() -> String) {
        if self.shown.len() < Self::SHOWN {
            self.shown.push(name());
        } else {
            self.more += 1;
        }
    }

    fn text(&self) -> String {
        let shown = self.shown.join(", ");
        match self.more {
            0 => shown,
            more => format!("{shown} +{more}"),
        }
    }
}
