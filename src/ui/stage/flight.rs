//! Frames in flight as dots. The place of a dot is a function of (sent, due, clock) and nothing else.

use super::layout::Layout;
use super::route::{Point, Route, distance, route};
use crate::base::{EventId, ProcessId, SortedMap, SortedSet, Time, TopicPartition};
use crate::ui::model::{KeyMark, KeyTable};
use crate::ui::shared::Shared;
use crate::wire::summary::{FrameKind, FrameSummary};
use crate::world::picture::FlyingFrame;
use std::rc::Rc;

/// How a dot is drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shape {
    /// A filled circle: records on their way in.
    Circle,
    /// A ring: an answer.
    Ring,
    /// A square: a follower's copy.
    Square,
    /// A tag that points ahead: records on their way out.
    Tag,
    /// A hexagon: group membership.
    Hexagon,
    /// A diamond: coordination.
    Diamond,
    /// Two bars: a heartbeat.
    Bars,
}

/// Kinds of frames with icon and name, in the order of the legend.
pub const KINDS: [(FrameKind, &str, &str); 7] = [
    (FrameKind::Produce, "d-produce", "Produce"),
    (FrameKind::Answer, "d-ack", "Answers"),
    (FrameKind::Replicate, "d-repl", "Replication"),
    (FrameKind::Fetch, "d-fetch", "Fetch"),
    (FrameKind::Group, "d-group", "Group"),
    (FrameKind::Coordination, "d-coord", "Coordination"),
    (FrameKind::Heartbeat, "d-beat", "Heartbeats"),
];

/// A frame that is drawn.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The event of its sending.
    pub id: EventId,
    sent: Time,
    due: Time,
    way: Rc<Route>,
    /// Its shape.
    pub shape: Shape,
    /// Hue and letter.
    pub mark: KeyMark,
}

/// A dot at one moment; several frames that would overlap are one dot.
#[derive(Clone, PartialEq, Debug)]
pub struct Dot {
    /// The frame (the first one of several).
    pub id: EventId,
    /// Where.
    pub at: Point,
    /// Which way it points, as a step along the line.
    pub ahead: Point,
    /// Its shape.
    pub shape: Shape,
    /// Hue and letter.
    pub mark: KeyMark,
    /// How many frames it stands for.
    pub count: u32,
    /// Whether it is held up.
    pub held: bool,
}

type WayKey = (ProcessId, ProcessId, Option<TopicPartition>);

/// All frames that are drawn.
#[derive(Default)]
pub struct Flights {
    drawn: Vec<Flight>,
    layout: Option<Shared<Layout>>,
    ways: SortedMap<WayKey, Option<Rc<Route>>>,
    revision: u64,
    /// Whether dots stand in the middle of their way instead of travelling.
    pub still: bool,
}

impl Flights {
    /// Counts the changes.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes the frames of a new picture, or a new layout.
    pub fn update(
        &mut self,
        frames: &[FlyingFrame],
        layout: &Shared<Layout>,
        keys: &KeyTable,
        filtered: &SortedSet<FrameKind>,
    ) {
        if self.layout.as_ref() != Some(layout) {
            self.layout = Some(layout.clone());
            self.ways.clear();
        }
        self.revision += 1;
        let drawn = frames.iter().filter(|frame| is_drawn(&frame.summary, filtered));
        let ways = &mut self.ways;
        self.drawn = drawn
            .filter_map(|frame| {
                let partition = partition_of(&frame.summary);
                let key = (frame.from, frame.to, partition);
                let found = || route(layout, key.0, key.1, key.2.as_ref()).map(Rc::new);
                let way = ways.entry(key.clone()).or_insert_with(found).clone()?;
                let (shape, mark) = (shape_of(&frame.summary), mark_of(&frame.summary, keys));
                Some(Flight { id: frame.id, sent: frame.sent, due: frame.due, way, shape, mark })
            })
            .collect();
    }

    /// Whether any dot moves between two clocks.
    pub fn is_moving(&self) -> bool {
        !self.still && !self.drawn.is_empty()
    }

    /// The dots at `clock`.
    pub fn dots(&self, clock: Time) -> Vec<Dot> {
        const APART: f64 = 8.0;
        const SINGLE_MAX: usize = 60;
        let merges = self.drawn.len() > SINGLE_MAX;
        let mut dots: Vec<Dot> = Vec::with_capacity(self.drawn.len());
        for flight in &self.drawn {
            let dot = flight.dot(clock, self.still);
            let near = dots.iter_mut().rev().take(40).find(|other| {
                merges
                    && other.shape == dot.shape
                    && other.mark == dot.mark
                    && distance(other.at, dot.at) < APART
            });
            match near {
                Some(other) => other.count += 1,
                None => dots.push(dot),
            }
        }
        dots
    }

    /// The frame whose dot is nearest to `point`, if one is near.
    pub fn nearest(&self, point: Point, clock: Time) -> Option<EventId> {
        const REACH: f64 = 12.0;
        let dots = self.drawn.iter().map(|flight| flight.dot(clock, self.still));
        let near = dots.map(|dot| (distance(dot.at, point), dot.id)).filter(|(d, _)| *d <= REACH);
        near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id)
    }
}

impl Flight {
    fn dot(&self, clock: Time, still: bool) -> Dot {
        // A frame that is held up has no time of arrival yet; it waits in the middle of its way.
        const HELD: u64 = 1 << 52;
        let held = self.due.as_micros() > HELD;
        let whole = self.due.since(self.sent).as_micros().max(1) as f64;
        let gone = clock.since(self.sent).as_micros() as f64;
        let fraction = if held || still { 0.5 } else { eased((gone / whole).clamp(0.0, 1.0)) };
        let (at, next) = (self.way.at(fraction), self.way.at(fraction + 0.02));
        let before = self.way.at(fraction - 0.02);
        let ahead = (next.0 - before.0, next.1 - before.1);
        Dot { id: self.id, at, ahead, shape: self.shape, mark: self.mark.clone(), count: 1, held }
    }
}

/// `--e-flight`, near enough: leaves and arrives softly, keeps order and both ends.
fn eased(t: f64) -> f64 {
    let smooth = t * t * (3.0 - 2.0 * t);
    0.45 * t + 0.55 * smooth
}

/// Whether the traffic filters let a frame be drawn.
pub fn is_drawn(summary: &FrameSummary, filtered: &SortedSet<FrameKind>) -> bool {
    !filtered.contains(&summary.kind)
}

/// The shape of a frame.
pub fn shape_of(summary: &FrameSummary) -> Shape {
    match summary.kind {
        FrameKind::Produce => Shape::Circle,
        FrameKind::Answer => Shape::Ring,
        FrameKind::Replicate => Shape::Square,
        FrameKind::Fetch => Shape::Tag,
        FrameKind::Group => Shape::Hexagon,
        FrameKind::Coordination => Shape::Diamond,
        FrameKind::Heartbeat => Shape::Bars,
    }
}

/// The partition that a frame is about, the first of several.
fn partition_of(summary: &FrameSummary) -> Option<TopicPartition> {
    Some(TopicPartition::new(summary.topic.clone()?, summary.partition?))
}

/// Hue and letter of a frame: those of the first key in it. A frame that carries no record has no
/// letter, except that of a group it names its step (J join, S sync …).
pub fn mark_of(summary: &FrameSummary, keys: &KeyTable) -> KeyMark {
    let plain = |letter: &str| KeyMark { hue: None, letter: letter.to_owned() };
    match (&summary.key, summary.kind) {
        (Some(key), _) => keys.mark(Some(key)),
        (None, FrameKind::Group) => plain(summary.api.get(..1).unwrap_or_default()),
        (None, FrameKind::Coordination | FrameKind::Heartbeat) => plain(""),
        (None, _) if summary.records > 0 => KeyMark::none(),
        (None, _) => plain(""),
    }
}
