//! A process for testing worlds: it talks to its peers at random, writes, syncs, hangs up, fails.

use kafkarium::base::timers::Wakeup;
use kafkarium::base::trace::LogLevel;
use kafkarium::base::{ConnId, Endpoint, Span, Time};
use kafkarium::host::LocalHost;
use kafkarium::node::view::AdminView;
use kafkarium::node::{
    Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView, Program, Properties,
};
use kafkarium::world::{World, WorldConfig};
use std::collections::{BTreeMap, BTreeSet};

/// Port on which everybody listens.
pub const PORT: u16 = 7000;

/// The process. Properties: `peers` (hosts), `period.ms`, `wild` (true: it hangs up and fails).
pub struct Gossip {
    peers: Vec<String>,
    period: Span,
    wild: bool,
    next: Option<Time>,
    dialling: BTreeMap<ConnId, String>,
    open: BTreeSet<ConnId>,
    wanted: BTreeSet<String>,
    heard: u64,
}

impl Gossip {
    /// Makes one, as a host's launcher.
    pub fn launch(spec: &ProcessSpec) -> Box<dyn Process> {
        let peers = spec.properties.list("peers");
        Box::new(Self {
            wanted: peers.iter().cloned().collect(),
            peers,
            period: spec.properties.millis("period.ms", 50).expect("a number"),
            wild: spec.properties.get("wild") == Some("true"),
            next: None,
            dialling: BTreeMap::new(),
            open: BTreeSet::new(),
            heard: 0,
        })
    }

    fn say(ctx: &mut Ctx<'_>, text: String) {
        ctx.log(LogLevel::Info, "Gossip", text);
    }

    fn wake(&mut self, ctx: &mut Ctx<'_>) {
        self.next = Some(ctx.now() + self.period);
        for host in std::mem::take(&mut self.wanted) {
            let conn = ctx.dial(Endpoint::new(host.clone(), PORT));
            self.dialling.insert(conn, host);
        }
        let open: Vec<ConnId> = self.open.iter().copied().collect();
        let Some(conn) = ctx.rng.pick(&open).copied() else {
            return;
        };
        match ctx.rng.below(20) {
            0 if self.wild => {
                ctx.hangup(conn);
                self.forget(conn);
            }
            1 if self.wild => ctx.exit(true, "tired"),
            2..=6 => {
                ctx.volume.append("diary", &ctx.now().as_micros().to_be_bytes()).expect("room");
                ctx.fsync("diary").expect("file");
                ctx.send(conn, vec![7; 10]);
            }
            _ => {
                let len = ctx.rng.below(40) as usize;
                ctx.volume.append("notes", &vec![1; len]).expect("room");
                ctx.send(conn, vec![3; len]);
            }
        }
    }

    fn forget(&mut self, conn: ConnId) {
        self.open.remove(&conn);
        if let Some(host) = self.dialling.remove(&conn) {
            self.wanted.insert(host);
        }
    }
}

impl Process for Gossip {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => {
                ctx.listen(PORT);
                let lengths = (ctx.volume.len("diary"), ctx.volume.len("notes"));
                Self::say(ctx, format!("up with {lengths:?}"));
                self.next = Some(ctx.now() + Span::from_micros(ctx.rng.below(9_000)));
            }
            Input::Wake => self.wake(ctx),
            Input::Link(LinkInput::Opened(conn)) => {
                self.open.insert(conn);
            }
            Input::Link(LinkInput::Accepted { conn, from, .. }) => {
                self.open.insert(conn);
                Self::say(ctx, format!("accepted {}", from.host));
            }
            Input::Link(LinkInput::Frame(conn, frame)) => {
                self.heard += 1;
                if !self.open.contains(&conn) {
                    Self::say(ctx, format!("a frame on {conn}, which is not open"));
                }
                if frame.len() > 5 && ctx.rng.chance(500) {
                    ctx.send(conn, frame.slice(2..));
                }
            }
            Input::Link(LinkInput::Closed(conn, reason)) => {
                Self::say(ctx, format!("{conn} closed: {reason:?}"));
                self.forget(conn);
            }
            Input::Command { id, .. } => ctx.answer(id, Ok(self.heard.to_string())),
            Input::Stop => ctx.exit(false, "stopped"),
        }
        assert!(self.heard < 1_000_000, "this many frames are a loop");
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.next.map(|at| Wakeup { at, reason: "tick".into() })
    }

    fn view(&self) -> ProcessView {
        let outcomes = vec![Ok(self.heard.to_string()), Ok(self.open.len().to_string())];
        ProcessView::Admin(AdminView { pending: self.peers.len() as u32, outcomes })
    }
}

/// A world of `count` gossips `g1`, `g2`, … that all know each other and themselves.
pub fn config(seed: u64, count: usize, properties: &[(&str, &str)]) -> WorldConfig {
    let mut config = WorldConfig::new(seed);
    let names: Vec<String> = (1..=count).map(|i| format!("g{i}")).collect();
    for name in &names {
        let mut own = Properties::of(properties.iter().copied());
        own.set("peers", names.join(","));
        config.process(name, Program::Admin, own);
    }
    config
}

/// A host for such a world.
pub fn host(config: WorldConfig) -> LocalHost {
    LocalHost::new(World::new(config), Gossip::launch)
}
