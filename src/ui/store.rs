//! All that the page knows: the newest picture, what was made from it, and what the person looks at.
//! One reducer; at most one dispatch an animation frame carries what the conductor sent.

use crate::base::{EventId, ProcessId, SortedMap, SortedSet, TopicPartition, TraceEvent};
use crate::host::protocol::{FromConductor, NoticeLevel, Shown};
use crate::node::ProcessView;
use crate::ui::event_log::EventLog;
use crate::ui::model::scene::SceneInputs;
use crate::ui::model::tapes::CutRecords;
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::stage::layout::Layout;
use crate::wire::FieldNode;
use crate::wire::summary::{FrameKind, FrameSummary};
use crate::world::picture::Picture;
use bytes::Bytes;
use std::rc::Rc;
use yew::Reducible;

/// Where the page stands.
#[derive(Clone, PartialEq, Debug)]
pub enum Phase {
    /// Workers are being started.
    Starting {
        /// How many run.
        ready: u32,
        /// How many there will be.
        total: u32,
        /// The one that is waited for.
        waiting_for: String,
    },
    /// A world is shown.
    Running,
    /// Another tab owns it.
    Elsewhere,
    /// The page is of another build than the worker.
    Stale,
    /// The conductor is gone.
    Lost(String),
}

/// What the inspector shows.
#[derive(Clone, PartialEq, Debug)]
pub enum Selection {
    /// A process.
    Process(ProcessId),
    /// A partition.
    Partition(TopicPartition),
    /// A record of a replica.
    Record(ProcessId, TopicPartition, i64),
    /// A group.
    Group(String),
    /// A frame.
    Frame(EventId),
}

/// A frame that was opened.
#[derive(Clone, PartialEq, Debug)]
pub enum OpenFrame {
    /// Asked for.
    Loading(EventId),
    /// No longer kept.
    Gone(EventId),
    /// Here it is.
    Here {
        /// The event of its sending.
        id: EventId,
        /// Its bytes.
        bytes: Bytes,
        /// Its fields.
        tree: Shared<FieldNode>,
        /// What it is.
        summary: Rc<FrameSummary>,
    },
}

/// A node menu that stands open.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OpenMenu {
    /// For which process.
    pub process: ProcessId,
    /// Left, in window pixels.
    pub x: i32,
    /// Top, in window pixels.
    pub y: i32,
}

/// The panels under the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tab {
    /// Events as sentences.
    Events,
    /// Messages in flight.
    Messages,
    /// Servers' logs.
    Logs,
    /// The ZooKeeper tree.
    Tree,
}

/// Something to tell the person.
#[derive(Clone, PartialEq, Debug)]
pub struct Notice {
    /// Its number.
    pub id: u64,
    /// How bad it is.
    pub level: NoticeLevel,
    /// A sentence.
    pub text: String,
}

/// A state that lives as long as the page.
#[derive(Clone, PartialEq)]
pub struct Store {
    /// Where the page stands.
    pub phase: Phase,
    /// The newest picture and how it is played.
    pub shown: Option<Shared<Shown>>,
    /// What stands on the stage.
    pub scene: Shared<Scene>,
    /// Where it stands.
    pub layout: Shared<Layout>,
    /// Keys seen.
    pub keys: Shared<KeyTable>,
    /// What happened.
    pub log: EventLog,
    /// What the inspector shows.
    pub selection: Option<Selection>,
    /// The frame that was opened.
    pub frame: Option<OpenFrame>,
    /// Kinds of frames that are not drawn.
    pub filtered: Shared<SortedSet<FrameKind>>,
    /// Topics that are folded away.
    pub hidden: SortedSet<String>,
    /// Topics whose eye the person used; the others follow the default.
    chosen: SortedSet<String>,
    /// Notices not yet dismissed.
    pub notices: Vec<Notice>,
    /// Outcomes of actions by their number, the newest ones.
    pub outcomes: Shared<SortedMap<u64, Result<String, String>>>,
    /// Actions whose failure is told as a notice.
    watched: SortedSet<u64>,
    /// The open node menu.
    pub menu: Option<OpenMenu>,
    /// The panel under the stage.
    pub tab: Tab,
    /// Whether the left panel is open where it is an overlay.
    pub left_open: bool,
    /// Whether the key help is open.
    pub help: bool,
    /// The node that the Tab key reaches.
    pub current: Option<ProcessId>,
    cut: CutRecords,
    size: (f64, f64),
    next_notice: u64,
}

/// What changes the store.
pub enum Msg {
    /// What the conductor sent since the last animation frame.
    Received(Vec<FromConductor>),
    /// The stage has this size.
    StageSize(f64, f64),
    /// Look at this.
    Select(Option<Selection>),
    /// Draw frames of this kind or not.
    ToggleKind(FrameKind),
    /// Show the tapes of this topic or not.
    ToggleTopic(String),
    /// Forget a notice.
    Dismiss(u64),
    /// Tell something.
    Tell(NoticeLevel, String),
    /// Tell when this action fails.
    Watch(u64),
    /// Open or close the node menu.
    Menu(Option<OpenMenu>),
    /// Show this panel.
    Tab(Tab),
    /// Open or close the left panel.
    Left(bool),
    /// Open or close the help.
    Help(bool),
    /// The keyboard stands on this node.
    Current(ProcessId),
}

impl Default for Store {
    fn default() -> Self {
        Self {
            phase: Phase::Starting { ready: 0, total: 0, waiting_for: String::new() },
            shown: None,
            scene: Shared::default(),
            layout: Shared::default(),
            keys: Shared::default(),
            log: EventLog::default(),
            selection: None,
            frame: None,
            filtered: Shared::new(SortedSet::from([FrameKind::Heartbeat])),
            hidden: SortedSet::new(),
            chosen: SortedSet::new(),
            notices: Vec::new(),
            outcomes: Shared::default(),
            watched: SortedSet::new(),
            menu: None,
            tab: Tab::Events,
            left_open: false,
            help: false,
            current: None,
            cut: CutRecords::new(),
            size: (920.0, 600.0),
            next_notice: 1,
        }
    }
}

impl Reducible for Store {
    type Action = Msg;

    fn reduce(self: Rc<Self>, message: Msg) -> Rc<Self> {
        let mut next = (*self).clone();
        match message {
            Msg::Received(messages) => {
                for message in messages {
                    next.receive(message);
                }
            }
            Msg::StageSize(width, height) => {
                next.size = (width, height);
                next.redraw();
            }
            Msg::Select(selection) => next.select(selection),
            Msg::ToggleKind(kind) => {
                let mut filtered = (*next.filtered).clone();
                if !filtered.remove(&kind) {
                    filtered.insert(kind);
                }
                next.filtered = Shared::new(filtered);
            }
            Msg::ToggleTopic(topic) => {
                if !next.hidden.remove(&topic) {
                    next.hidden.insert(topic.clone());
                }
                next.chosen.insert(topic);
                next.redraw();
            }
            Msg::Dismiss(id) => next.notices.retain(|notice| notice.id != id),
            Msg::Tell(level, text) => next.tell(level, text),
            Msg::Watch(id) => match next.outcomes.get(&id).cloned() {
                Some(Err(error)) => next.tell(NoticeLevel::Warning, error),
                Some(Ok(_)) => {}
                None => drop(next.watched.insert(id)),
            },
            Msg::Menu(menu) => next.menu = menu,
            Msg::Tab(tab) => next.tab = tab,
            Msg::Left(open) => next.left_open = open,
            Msg::Help(open) => next.help = open,
            Msg::Current(process) => next.current = Some(process),
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

impl Store {
    fn receive(&mut self, message: FromConductor) {
        match message {
            FromConductor::Starting { ready, total, waiting_for } => {
                if self.shown.is_none() {
                    self.phase = Phase::Starting { ready, total, waiting_for };
                }
            }
            FromConductor::Picture(shown) => self.show(Shared::new(*shown)),
            FromConductor::Answer { id, outcome } => self.answer(id, outcome),
            FromConductor::FrameDetails { frame, bytes, tree, summary } => {
                if self.selection == Some(Selection::Frame(frame)) {
                    let tree = Shared::new(tree);
                    self.frame = Some(OpenFrame::Here { id: frame, bytes, tree, summary });
                }
            }
            FromConductor::FrameGone { frame } => {
                if self.selection == Some(Selection::Frame(frame)) {
                    self.frame = Some(OpenFrame::Gone(frame));
                }
            }
            FromConductor::Notice { level, text } => self.tell(level, text),
            FromConductor::OpenElsewhere => self.phase = Phase::Elsewhere,
            FromConductor::StalePage => self.phase = Phase::Stale,
            FromConductor::Lost { message } => self.phase = Phase::Lost(message),
        }
    }

    fn answer(&mut self, id: u64, outcome: Result<String, String>) {
        const OUTCOMES_MAX: usize = 64;
        if let (true, Err(error)) = (self.watched.remove(&id), &outcome) {
            self.tell(NoticeLevel::Warning, error.clone());
        }
        let mut outcomes = (*self.outcomes).clone();
        outcomes.insert(id, outcome);
        while outcomes.len() > OUTCOMES_MAX {
            outcomes.pop_first();
        }
        self.outcomes = Shared::new(outcomes);
    }

    fn tell(&mut self, level: NoticeLevel, text: String) {
        const NOTICES_MAX: usize = 4;
        if self.notices.last().is_some_and(|notice| notice.text == text) {
            return;
        }
        self.notices.push(Notice { id: self.next_notice, level, text });
        self.next_notice += 1;
        if self.notices.len() > NOTICES_MAX {
            self.notices.remove(0);
        }
    }

    fn select(&mut self, selection: Option<Selection>) {
        self.frame = match &selection {
            Some(Selection::Frame(id)) => Some(OpenFrame::Loading(*id)),
            _ => None,
        };
        self.selection = selection;
    }

    fn show(&mut self, shown: Shared<Shown>) {
        let picture = &shown.picture;
        let is_other_world = self.shown.as_ref().is_some_and(|old| {
            (old.picture.seed, old.picture.epoch) != (picture.seed, picture.epoch)
        });
        if is_other_world {
            self.log = EventLog::default();
            self.cut.clear();
            self.select(None);
        }
        if self.phase == Phase::Elsewhere || matches!(self.phase, Phase::Starting { .. }) {
            self.phase = Phase::Running;
        }
        self.note_truncations(picture);
        self.keys = self.keys.renewed(learnt(&self.keys, picture));
        self.shown = Some(shown.clone());
        self.redraw();
        let scene = self.scene.clone();
        let name = move |process| scene.name(process).to_owned();
        self.log = self.log.with(&picture.events, EventId(picture.events_total), &name);
    }

    /// Remembers what a truncation cut off, as the last picture had it, so that it can be shown
    /// struck out for a while.
    fn note_truncations(&mut self, picture: &Picture) {
        const SHOWN_FOR_MS: u64 = 6_000;
        for record in &picture.events {
            let TraceEvent::Truncated { partition, from, to, .. } = &record.event else { continue };
            let Some(process) = record.source else { continue };
            let card = self.scene.brokers.iter().find(|card| card.process == process);
            let row =
                card.and_then(|card| card.rows.iter().find(|row| row.partition == *partition));
            let cells = row.map(|row| row.cells.as_slice()).unwrap_or_default();
            let lost = cells.iter().filter(|cell| (*to..*from).contains(&cell.offset));
            let lost: Vec<_> = lost.map(|cell| (cell.offset, cell.mark.clone())).collect();
            if !lost.is_empty() {
                self.cut.insert((process, partition.clone()), (record.at, lost));
            }
        }
        let now = picture.now;
        self.cut.retain(|_, (at, _)| *at <= now && now.since(*at).as_millis() < SHOWN_FOR_MS);
    }

    /// Makes scene and layout anew from the picture.
    fn redraw(&mut self) {
        let Some(shown) = self.shown.clone() else { return };
        let (width, height) = self.size;
        let before = self.scene.clone();
        for (topic, ..) in &before.topics {
            if topic.starts_with("__") && !self.chosen.contains(topic) {
                self.hidden.insert(topic.clone());
            }
        }
        let inputs = SceneInputs {
            keys: &self.keys,
            hidden: &self.hidden,
            cut: &self.cut,
            slots: Layout::tape_for(width).slots,
        };
        self.scene = before.renewed(Scene::of(&shown.picture, &inputs, &before));
        self.layout = self.layout.renewed(Layout::of(&self.scene, width, height));
    }
}

/// The keys after `picture`: those on the tapes, then those that producers still hold.
fn learnt(keys: &KeyTable, picture: &Picture) -> KeyTable {
    let mut keys = keys.clone();
    let mut seen: Vec<(i64, i64, &str)> = Vec::new();
    for card in &picture.processes {
        match card.view.as_deref() {
            Some(ProcessView::Broker(view)) => {
                let replicas = view.replicas.iter();
                for replica in replicas.filter(|r| !r.partition.topic.starts_with("__")) {
                    let marked = replica.records.iter().filter_map(|record| {
                        Some((record.timestamp, record.offset, record.key.as_deref()?))
                    });
                    seen.extend(marked);
                }
            }
            Some(ProcessView::Producer(view)) => {
                let held = view.outcomes.iter().filter_map(|outcome| outcome.key.as_deref());
                seen.extend(held.map(|key| (i64::MAX, 0, key)));
            }
            _ => {}
        }
    }
    seen.sort_by_key(|(timestamp, offset, _)| (*timestamp, *offset));
    for (.., key) in seen {
        keys.learn(key);
    }
    keys
}
