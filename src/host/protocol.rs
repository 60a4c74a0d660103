//! What the page and the conductor say to each other. Plain data: the page decides nothing and the
//! conductor draws nothing.
//!
//! A page opens a world, asks for one picture at a time (so the conductor never runs ahead of the
//! screen) and sends what the person does.

use crate::base::timers::Wakeup;
use crate::base::{EventId, Time};
use crate::lesson::view::LessonState;
use crate::wire::FieldNode;
use crate::wire::summary::FrameSummary;
use crate::world::action::Action;
use crate::world::picture::Picture;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// From the page to the conductor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ToConductor {
    /// The first message: which world. Answered by pictures, or by
    /// [`FromConductor::OpenElsewhere`] or [`FromConductor::StalePage`].
    Open {
        /// Which world.
        world: OpenWorld,
        /// Build of the page; a worker of another build must not go on.
        build_id: String,
    },
    /// Do this to the world. Answered by [`FromConductor::Answer`] with the same `id`; for
    /// [`Action::Tell`] only when the process has answered.
    Act {
        /// Chosen by the page.
        id: u64,
        /// What to do.
        action: Action,
    },
    /// Let virtual time pass.
    Play,
    /// Stop virtual time.
    Pause,
    /// While stopped: go to the next event and apply it.
    NextEvent,
    /// While stopped: go on until the next frame arrives somewhere.
    NextMessage,
    /// Virtual time that passes in a thousandth of the real time; 1000 is 1×, 0 as fast as it goes.
    Speed(u32),
    /// The page can draw again. Answered by one [`FromConductor::Picture`] as soon as anything
    /// differs from the last one sent; a second request before that counts for nothing.
    PictureWanted,
    /// Show a frame, in flight or recent. Answered by [`FromConductor::FrameDetails`] or
    /// [`FromConductor::FrameGone`].
    Inspect {
        /// The event of its sending.
        frame: EventId,
    },
    /// What the person does in the lesson player.
    Lesson(LessonCommand),
    /// Forget this world and its volumes and begin the default sandbox anew.
    Reset,
}

/// Which world to open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum OpenWorld {
    /// A new sandbox.
    Sandbox {
        /// Its seed.
        seed: u64,
        /// Its links and configs.
        profile: Profile,
        /// Which Kafka it shows.
        era: Era,
        /// How many servers its ZooKeeper ensemble has.
        zookeepers: u8,
    },
    /// A lesson from its first step.
    Lesson {
        /// Its file name without `.md`.
        name: String,
    },
    /// The world of a share link, played from its beginning in memory, with its actions at their
    /// times.
    Shared {
        /// The value of `?world=` ([`crate::world::share`]).
        link: String,
    },
    /// The world that this origin keeps, going on where it stopped; without one, the default
    /// sandbox.
    Resume,
}

/// How slow the network is, with Kafka's own configs to match (design.md, decision 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Profile {
    /// Links of 300–500 ms, to be watched at 1×.
    #[default]
    Teaching,
    /// Links of 1–40 ms and Kafka's defaults, to be watched in slow motion.
    Realistic,
    /// Links of 10 ms and Kafka's defaults: as fast as a browser goes, since a round is as long as a link.
    Browser,
}

/// Which Kafka is shown (design.md, decision 9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Era {
    /// Kafka 2.8 to the letter.
    #[default]
    TwoEight,
    /// The older mechanisms of which the textbook tells.
    Textbook,
}

/// What a person does in the lesson player.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LessonCommand {
    /// To the start of the step before, exactly.
    Back,
    /// To the next step.
    Next,
    /// The prediction: the number of the chosen option, from 0.
    Answer(u32),
    /// Leave the lesson; the world goes on as the sandbox.
    TakeOver,
}

/// From the conductor (or the part of its host that lives on the page) to the page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum FromConductor {
    /// Workers are being started.
    Starting {
        /// How many run.
        ready: u32,
        /// How many there will be.
        total: u32,
        /// The one that is waited for, by process name; empty for the conductor itself.
        waiting_for: String,
    },
    /// The world as it is now.
    Picture(Box<Shown>),
    /// What became of an action: a sentence; an error begins with Kafka's error name where Kafka
    /// has one.
    Answer {
        /// The number that the page gave it.
        id: u64,
        /// The outcome.
        outcome: Result<String, String>,
    },
    /// A frame opened.
    FrameDetails {
        /// The event of its sending.
        frame: EventId,
        /// The frame without its length prefix (the first bytes of a very large one).
        bytes: Bytes,
        /// Its fields with their byte ranges.
        tree: FieldNode,
        /// What it is.
        summary: Rc<FrameSummary>,
    },
    /// The frame is no longer kept.
    FrameGone {
        /// The event of its sending.
        frame: EventId,
    },
    /// Something that the person should know.
    Notice {
        /// How bad it is.
        level: NoticeLevel,
        /// A sentence.
        text: String,
    },
    /// Another tab owns this world.
    OpenElsewhere,
    /// The worker's files are of another build than the page: it must be loaded again.
    StalePage,
    /// The conductor itself is gone; the stage stays as it was last.
    Lost {
        /// Its last words.
        message: String,
    },
}

/// How bad a notice is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something went wrong.
    Fault,
}

/// A picture and how it is being played.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The world.
    pub picture: Picture,
    /// Whether virtual time passes.
    pub playing: bool,
    /// As in [`ToConductor::Speed`].
    pub speed: u32,
    /// Whether the world outlives the tab.
    pub persistence: Persistence,
    /// The lesson, when one is being played.
    pub lesson: Option<LessonState>,
    /// The next thing that will happen by itself. The page may let its clock run up to that time
    /// without a new picture, and no further.
    pub next: Option<Wakeup>,
    /// Virtual time up to which nothing but the places of flying frames changes: the conductor's
    /// promise for the page's clock. At least `picture.now`.
    pub known_until: Time,
    /// How long the conductor's rounds took, by the number of volumes they wrote to (0, 1, 2 …).
    pub rounds: Vec<RoundPace>,
}

/// Rounds that wrote to the same number of volumes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RoundPace {
    /// How many there were.
    pub rounds: u64,
    /// Real microseconds that they took together, until what they wrote was stored.
    pub wall_us: u64,
}

/// Whether a world outlives its tab.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Persistence {
    /// Its volumes are in IndexedDB.
    Kept,
    /// They are in memory only.
    MemoryOnly {
        /// Why, as a sentence.
        why: String,
    },
}
