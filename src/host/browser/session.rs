//! One world being played: answers the page, paces time, plays the lesson and keeps the world.

use super::classroom::Classroom;
use super::clock::real_ms;
use super::conductor::tell;
use super::nodes::{Nodes, Router, database_name};
use super::play::Play;
use super::save::{Archive, Kept};
use super::{lock, setup, volume_store};
use crate::base::timers::Wakeup;
use crate::base::{EventId, SortedMap, Span, Time, TraceRecord};
use crate::host::protocol::{
    Era, FromConductor, NoticeLevel, OpenWorld, Persistence, Profile, Shown, ToConductor,
};
use crate::world::action::Action;
use crate::world::{World, profile, share};
use gloo::timers::future::TimeoutFuture;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::DedicatedWorkerGlobalScope;

mod lesson;

/// Real time that the conductor works between two pictures.
const BUDGET_MS: f64 = 12.0;
/// Real time after a picture during which a world that runs as fast as it goes runs on unseen. A page that
/// asks for no other picture in that time is hidden, and the world rests with it.
const UNSEEN_MS_MAX: f64 = 250.0;
/// Virtual time by which the kept clock runs ahead of the world, so that it need not be kept at
/// every round: a world that comes back has skipped that much at most.
const CLOCK_LEASE: Span = Span::from_secs(2);
/// Seed of the sandbox that a person finds who never chose one.
pub(super) const DEFAULT_SEED: u64 = 1;
/// Name of the lock on the kept world.
const LOCK: &str = "kafkarium world";
/// A page that was just loaded again may find its own former self still ending.
const LOCK_TRIES: u32 = 15;
const LOCK_PAUSE_MS: u32 = 200;
/// Steps that "next message" takes at most to find one.
const NEXT_MESSAGE_STEPS_MAX: u32 = 500;

/// The conductor's state.
pub(super) struct Session {
    page: DedicatedWorkerGlobalScope,
    router: Rc<Router>,
    stage: Option<Playing>,
    archive: Option<Archive>,
    owns_lock: bool,
    picture_wanted: bool,
    /// Real time of the last picture.
    pictured_ms: f64,
}

/// A world and how it is being played.
struct Playing {
    world: World,
    nodes: Nodes,
    play: Play,
    lesson: Option<Classroom>,
    persistence: Persistence,
    /// Prefix of the databases of the volumes, when they are kept.
    databases: Option<String>,
    /// The world may run up to here without being kept again.
    kept_until: Time,
    /// Numbers of the page for commands that have no answer yet.
    commands: SortedMap<u64, u64>,
    /// Event count and clock of the last picture sent.
    shown: Option<(u64, Time)>,
    /// Something changed that is no event.
    changed: bool,
    /// Events that a lesson has seen and the page has not.
    unsent: Vec<TraceRecord>,
    /// Until then a new world runs as fast as it goes: nobody came to watch servers start.
    warm_until: Time,
}

impl Session {
    /// No world yet.
    pub fn new(page: DedicatedWorkerGlobalScope, router: Rc<Router>) -> Self {
        Self {
            page,
            router,
            stage: None,
            archive: None,
            owns_lock: false,
            picture_wanted: false,
            pictured_ms: 0.0,
        }
    }

    fn tell(&self, message: FromConductor) {
        tell(&self.page, message);
    }

    fn notice(&self, level: NoticeLevel, text: impl Into<String>) {
        self.tell(FromConductor::Notice { level, text: text.into() });
    }

    /// Does what the page asks.
    pub async fn handle(&mut self, message: ToConductor) {
        match message {
            ToConductor::Open { world, build_id } => self.open(world, &build_id).await,
            ToConductor::PictureWanted => self.picture_wanted = true,
            ToConductor::Reset => self.reset().await,
            ToConductor::Act { id, action } => self.act(id, action).await,
            ToConductor::Inspect { frame } => self.inspect(frame),
            ToConductor::Play => self.set_playing(true),
            ToConductor::Pause => self.set_playing(false),
            ToConductor::Speed(speed) => {
                if let Some(stage) = &mut self.stage {
                    stage.play.speed = speed;
                    stage.changed = true;
                }
            }
            ToConductor::NextEvent => self.next_event().await,
            ToConductor::NextMessage => self.next_message().await,
            ToConductor::Lesson(command) => self.lesson(command).await,
        }
    }

    /// Whether the world goes on while the page draws: at the fastest speed, drawing must not hold it up.
    pub fn runs_unseen(&self) -> bool {
        let fast = |stage: &Playing| {
            stage.play.playing
                && (stage.play.speed == 0 || stage.world.clock() < stage.warm_until)
                && stage.world.next_happening().is_some()
        };
        self.stage.as_ref().is_some_and(fast) && real_ms() - self.pictured_ms < UNSEEN_MS_MAX
    }

    /// Lets time pass and shows the world, if the page can draw.
    pub async fn go_on(&mut self) {
        if !self.picture_wanted && !self.runs_unseen() {
            return;
        }
        let Some(stage) = &mut self.stage else {
            return;
        };
        let now = real_ms();
        let due = stage.play.due(now);
        let mut target = due.map_or(Time::MAX, |span| stage.world.clock() + span);
        if stage.play.playing && stage.world.clock() < stage.warm_until {
            target = stage.warm_until;
        }
        if target > stage.world.clock() {
            self.run_until(target, now + BUDGET_MS).await;
        }
        if self.picture_wanted {
            self.show().await;
        }
    }

    async fn open(&mut self, world: OpenWorld, build_id: &str) {
        if build_id != crate::host::browser::worker::build_id() {
            self.tell(FromConductor::StalePage);
            return;
        }
        if let Some(mut before) = self.stage.take() {
            before.nodes.terminate_all().await;
        }
        match world {
            OpenWorld::Lesson { name } => match Classroom::enter(&name) {
                Ok((world, classroom)) => {
                    let why = "A lesson is played in memory; take over to keep it.";
                    self.begin(
                        world,
                        None,
                        Persistence::MemoryOnly { why: why.to_owned() },
                        Some(classroom),
                    );
                }
                Err(why) => {
                    self.notice(NoticeLevel::Fault, why);
                    Box::pin(self.open_kept(None)).await;
                }
            },
            OpenWorld::Sandbox { seed, profile, era, zookeepers } => {
                let world = World::new(setup::sandbox(profile, era, seed, zookeepers));
                self.open_kept(Some(world)).await;
            }
            OpenWorld::Shared { link } => self.open_shared(&link).await,
            OpenWorld::Resume => self.open_kept(None).await,
        }
        if let Some(stage) = &mut self.stage {
            stage.play.start_afresh();
        }
        self.settle().await;
    }

    /// Plays the world of a share link from its first moment; what this origin keeps stays as it is.
    async fn open_shared(&mut self, link: &str) {
        match share::from_link(link) {
            Ok(config) => {
                let why = "A world from a link is played in memory; your own one is still kept.";
                let persistence = Persistence::MemoryOnly { why: why.to_owned() };
                self.begin(World::new(config), None, persistence, None);
                if let Some(stage) = &mut self.stage {
                    stage.warm_until = Time::ZERO;
                }
            }
            Err(bad) => {
                self.notice(NoticeLevel::Fault, bad.to_string());
                self.open_kept(None).await;
            }
        }
    }

    /// Opens the world that this origin keeps, or `fresh` in its place.
    async fn open_kept(&mut self, fresh: Option<World>) {
        if !self.owns_lock && !self.take_lock().await {
            self.tell(FromConductor::OpenElsewhere);
            return;
        }
        if self.archive.is_none() {
            match Archive::open().await {
                Ok(archive) => self.archive = Some(archive),
                Err(why) => {
                    let why = format!("This browser keeps nothing here ({why}).");
                    let persistence = Persistence::MemoryOnly { why };
                    self.begin(fresh.unwrap_or_else(default_sandbox), None, persistence, None);
                    return;
                }
            }
        }
        let kept = self.archive.as_ref().and_then(Archive::load);
        match (kept, fresh) {
            (Some(kept), None) => {
                let world = World::resume(kept.world);
                self.begin(world, Some(kept.databases), Persistence::Kept, None);
            }
            (kept, fresh) => {
                let generation = kept.as_ref().map_or(0, |kept| generation_of(&kept.databases)) + 1;
                if let Some(kept) = kept {
                    forget(&kept);
                }
                let databases = format!("kafkarium/{generation}");
                self.begin(
                    fresh.unwrap_or_else(default_sandbox),
                    Some(databases),
                    Persistence::Kept,
                    None,
                );
            }
        }
    }

    async fn take_lock(&mut self) -> bool {
        for _ in 0..LOCK_TRIES {
            if lock::take(LOCK).await {
                self.owns_lock = true;
                return true;
            }
            TimeoutFuture::new(LOCK_PAUSE_MS).await;
        }
        false
    }

    fn begin(
        &mut self,
        world: World,
        databases: Option<String>,
        persistence: Persistence,
        lesson: Option<Classroom>,
    ) {
        let mut world = world;
        world.observe(true);
        let warm_until = world.epoch() + profile::Profile::Teaching.warm_up();
        let nodes = Nodes::new(self.page.clone(), self.router.clone(), databases.clone());
        self.stage = Some(Playing {
            kept_until: Time::ZERO,
            world,
            nodes,
            play: Play::new(1_000),
            lesson,
            persistence,
            databases,
            commands: SortedMap::new(),
            shown: None,
            changed: true,
            unsent: Vec::new(),
            warm_until,
        });
    }

    async fn reset(&mut self) {
        if let Some(mut stage) = self.stage.take() {
            stage.nodes.terminate_all().await;
        }
        self.open_kept(Some(default_sandbox())).await;
        self.settle().await;
    }

    fn set_playing(&mut self, playing: bool) {
        if let Some(stage) = &mut self.stage {
            stage.play.playing = playing;
            stage.play.start_afresh();
            stage.changed = true;
        }
    }

    async fn act(&mut self, id: u64, action: Action) {
        let Some(stage) = &mut self.stage else {
            return;
        };
        match stage.world.act(action) {
            Ok(Some(command)) => {
                stage.commands.insert(command, id);
            }
            Ok(None) => self.tell(FromConductor::Answer { id, outcome: Ok("done".to_owned()) }),
            Err(error) => {
                self.tell(FromConductor::Answer { id, outcome: Err(error.to_string()) });
                return;
            }
        }
        self.settle().await;
    }

    /// Keeps the world and carries out what waits at this instant, without letting time pass.
    async fn settle(&mut self) {
        self.keep().await;
        let Some(stage) = &mut self.stage else {
            return;
        };
        stage.changed = true;
        let now = stage.world.clock();
        while stage.world.has_orders() {
            let Some(round) = stage.world.plan(now) else {
                break;
            };
            let results = stage.nodes.execute(round, stage.world.keeps_lives()).await;
            stage.world.finish(results);
        }
        self.pass_on();
    }

    /// Runs the world until virtual `until` or real `deadline_ms`.
    async fn run_until(&mut self, until: Time, deadline_ms: f64) {
        loop {
            let Some(stage) = &mut self.stage else {
                return;
            };
            let look = stage.lesson.as_ref().map_or(Time::MAX, Classroom::next_look);
            let keep = if stage.databases.is_some() { stage.kept_until } else { Time::MAX };
            let stop = until.min(look).min(keep);
            while let Some(round) = stage.world.plan(stop) {
                let results = stage.nodes.execute(round, stage.world.keeps_lives()).await;
                stage.world.finish(results);
                if real_ms() > deadline_ms {
                    self.pass_on();
                    return;
                }
            }
            self.pass_on();
            if stop == look {
                self.teach().await;
            }
            if stop == keep {
                self.keep().await;
            }
            if stop == until || real_ms() > deadline_ms {
                return;
            }
        }
    }

    /// Passes on what processes answered and what went wrong with the disks.
    fn pass_on(&mut self) {
        let Some(stage) = &mut self.stage else {
            return;
        };
        let mut answers = Vec::new();
        for answer in stage.world.take_answers() {
            if let Some(id) = stage.commands.remove(&answer.command) {
                answers.push(FromConductor::Answer { id, outcome: answer.outcome });
            }
        }
        if let Some(why) = stage.nodes.take_trouble() {
            let why = format!("The browser refused to store a volume ({why}).");
            let text = format!("{why} The world runs on in memory.");
            stage.persistence = Persistence::MemoryOnly { why };
            stage.changed = true;
            answers.push(FromConductor::Notice { level: NoticeLevel::Warning, text });
        }
        if stage.nodes.take_unreproducible() {
            let text = "A worker crashed or hung; this run cannot be repeated from its seed.";
            let level = NoticeLevel::Warning;
            answers.push(FromConductor::Notice { level, text: text.to_owned() });
        }
        for message in answers {
            self.tell(message);
        }
    }

    async fn next_event(&mut self) {
        let next = self.stage.as_ref().and_then(|stage| stage.world.next_happening());
        if let Some(next) = next {
            self.run_until(next + Span::from_micros(1), f64::INFINITY).await;
        }
    }

    async fn next_message(&mut self) {
        for _ in 0..NEXT_MESSAGE_STEPS_MAX {
            let Some(stage) = &mut self.stage else {
                return;
            };
            if let Some(arrival) = stage.world.next_arrival() {
                self.run_until(arrival + Span::from_micros(1), f64::INFINITY).await;
                return;
            }
            self.next_event().await;
        }
    }

    fn inspect(&mut self, frame: EventId) {
        let Some(stage) = &mut self.stage else {
            return;
        };
        let message = match stage.world.frame_details(frame) {
            Some(details) => FromConductor::FrameDetails {
                frame,
                bytes: details.bytes,
                tree: details.tree,
                summary: details.summary,
            },
            None => FromConductor::FrameGone { frame },
        };
        self.tell(message);
    }

    /// Takes the views that changed since they were last taken.
    async fn look(&mut self) {
        if let Some(stage) = &mut self.stage {
            let stale = stage.world.stale_views();
            for (process, view, bytes) in stage.nodes.look(&stale).await {
                stage.world.put_view(process, view, bytes);
            }
        }
    }

    /// Sends a picture if anything differs from the last one.
    async fn show(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        let state = (stage.world.trace().total(), stage.world.clock());
        if stage.shown == Some(state) && !stage.changed {
            return;
        }
        self.look().await;
        let Some(stage) = &mut self.stage else {
            return;
        };
        let now = stage.world.clock();
        let mut picture = stage.world.picture(now);
        picture.events.splice(0..0, std::mem::take(&mut stage.unsent));
        let wakes = picture.processes.iter().filter_map(|card| card.wakeup.clone());
        let next: Option<Wakeup> = wakes.min_by_key(|wakeup| wakeup.at);
        let known_until = stage.world.next_happening().unwrap_or(now + Span::from_secs(1)).max(now);
        let shown = Shown {
            picture,
            playing: stage.play.playing,
            speed: stage.play.speed,
            persistence: stage.persistence.clone(),
            lesson: stage.lesson.as_ref().map(Classroom::state),
            next,
            known_until,
            rounds: stage.nodes.pace(),
        };
        stage.shown = Some(state);
        stage.changed = false;
        self.picture_wanted = false;
        self.pictured_ms = real_ms();
        self.tell(FromConductor::Picture(Box::new(shown)));
    }

    /// Keeps the world, with a clock that runs ahead of it.
    async fn keep(&mut self) {
        let (Some(stage), Some(archive)) = (&mut self.stage, &mut self.archive) else {
            return;
        };
        let Some(databases) = stage.databases.clone() else {
            return;
        };
        let ahead = u64::from(stage.play.speed.max(1_000)) / 1_000;
        let until = stage.world.clock() + Span::from_micros(CLOCK_LEASE.as_micros() * ahead);
        let kept = Kept { databases, world: stage.world.checkpoint().at_least(until) };
        stage.kept_until = until;
        if let Err(why) = archive.save(&kept).await {
            let why = format!("The browser refused to keep the world ({why}).");
            stage.databases = None;
            stage.persistence = Persistence::MemoryOnly { why: why.clone() };
            self.notice(NoticeLevel::Warning, format!("{why} It runs on in memory."));
        }
    }
}

fn default_sandbox() -> World {
    World::new(setup::sandbox(Profile::default(), Era::default(), DEFAULT_SEED, 1))
}

/// Deletes the databases of a world that is no longer wanted, in the background.
fn forget(kept: &Kept) {
    for process in kept.world.process_ids() {
        let name = database_name(&kept.databases, process);
        spawn_local(async move {
            // A database that cannot be deleted now only takes room.
            let _ = volume_store::delete(&name).await;
        });
    }
}

fn generation_of(databases: &str) -> u64 {
    databases.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
