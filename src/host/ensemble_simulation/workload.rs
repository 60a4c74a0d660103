//! A client of the ensemble that keeps writing and reading, and says in log lines what it asked, what
//! came back and which watches fired, so that its history can be judged from the trace.
//!
//! After a time it only reads: what it finds then is what survived.

use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, Span, Time};
use crate::node::view::AdminView;
use crate::node::{ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use crate::wire::zookeeper::{
    ANY_VERSION, Acl, CreateRequest, GetChildrenRequest, GetDataRequest, KeeperCode,
    MultiOperation, MultiResult, Reply, Request, SetDataRequest, SyncRequest, create_mode,
    event_type,
};
use crate::world::check::WORKLOAD_LOGGER;
use crate::zk_client::{ZkClient, ZkEvent};
use bytes::Bytes;

/// Registers that all clients write.
const REGISTERS: u64 = 4;

/// What was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Asked {
    /// A znode of the layout: it may exist already.
    Layout,
    Set {
        register: String,
        value: String,
        /// The version that it must replace, −1 for any.
        expected: i32,
    },
    Get {
        register: String,
        watch: bool,
    },
    Create,
    /// Two znodes at once.
    Pair,
    Children {
        path: String,
    },
    Sync,
}

/// The client.
#[derive(Debug)]
pub(super) struct Workload {
    client: ZkClient<Asked>,
    name: String,
    writes_until: Time,
    next_at: Option<Time>,
    waiting: u32,
    count: u64,
    /// The version of each register as it was seen last.
    versions: SortedMap<String, i32>,
}

impl Workload {
    pub(super) fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let connect = spec.properties.get("zookeeper.connect").unwrap_or_default();
        let timeout = spec.properties.millis("zookeeper.session.timeout.ms", 2_000)?;
        Ok(Self {
            client: ZkClient::new(connect, timeout)?,
            name: spec.name.clone(),
            writes_until: Time::from_millis(spec.properties.parse("writes.until.ms", 0)?),
            next_at: None,
            waiting: 0,
            count: 0,
            versions: SortedMap::new(),
        })
    }

    fn say(ctx: &mut Ctx, text: String) {
        ctx.log(LogLevel::Info, WORKLOAD_LOGGER, text);
    }

    fn ask(&mut self, request: Request, asked: Asked, ctx: &mut Ctx) {
        self.waiting += 1;
        self.client.submit(request, asked, ctx);
    }

    fn create(&mut self, path: &str, flags: i32, asked: Asked, ctx: &mut Ctx) {
        self.ask(Request::Create(create(path, flags)), asked, ctx);
    }

    fn set(&mut self, register: u64, value: String, ctx: &mut Ctx) {
        let path = format!("/r{register}");
        let known = self.versions.get(&path).copied().unwrap_or(ANY_VERSION);
        let version = if ctx.rng.chance(300) { known } else { ANY_VERSION };
        Self::say(ctx, format!("invoke set {path} {value}"));
        let data = Some(Bytes::from(value.clone()));
        let request = SetDataRequest { path: path.clone(), data, version };
        let asked = Asked::Set { register: path, value, expected: version };
        self.ask(Request::SetData(request), asked, ctx);
    }

    fn get(&mut self, register: u64, watch: bool, ctx: &mut Ctx) {
        let register = format!("/r{register}");
        let request = Request::GetData(GetDataRequest { path: register.clone(), watch });
        self.ask(request, Asked::Get { register, watch }, ctx);
    }

    fn sync(&mut self, ctx: &mut Ctx) {
        let request = Request::Sync(SyncRequest { path: "/".to_owned() });
        self.ask(request, Asked::Sync, ctx);
    }

    fn children(&mut self, path: &str, ctx: &mut Ctx) {
        let path = path.to_owned();
        let request = GetChildrenRequest { path: path.clone(), watch: false };
        self.ask(Request::GetChildren(request), Asked::Children { path }, ctx);
    }

    /// Makes what all clients need; whoever comes first does it.
    fn lay_out(&mut self, ctx: &mut Ctx) {
        for register in 0..REGISTERS {
            self.create(&format!("/r{register}"), 0, Asked::Layout, ctx);
        }
        for path in ["/p", "/e"] {
            self.create(path, create_mode::PERSISTENT, Asked::Layout, ctx);
        }
    }

    fn act(&mut self, ctx: &mut Ctx) {
        if ctx.now() >= self.writes_until {
            self.sync(ctx);
            (0..REGISTERS).for_each(|register| self.get(register, false, ctx));
            self.children("/p", ctx);
            self.children("/e", ctx);
            return;
        }
        let register = ctx.rng.below(REGISTERS);
        self.count += 1;
        let value = format!("{}-{}-{}", self.name, ctx.incarnation().0, self.count);
        let persistent = create_mode::PERSISTENT;
        match ctx.rng.below(16) {
            0..=3 => {
                self.set(register, value, ctx);
                // What a client asks at once is answered in order, by whatever server.
                if ctx.rng.chance(500) {
                    self.get(register, false, ctx);
                    self.children("/e", ctx);
                }
            }
            4..=7 => {
                let watch = ctx.rng.chance(500);
                self.get(register, watch, ctx);
            }
            8 => self.create(&format!("/p/{value}"), persistent, Asked::Create, ctx),
            9 => {
                self.create(&format!("/e/{value}"), create_mode::EPHEMERAL, Asked::Create, ctx);
            }
            10 => self.create("/p/n-", create_mode::PERSISTENT_SEQUENTIAL, Asked::Create, ctx),
            11 => {
                let parts = [".a", ".b"].map(|half| create(&format!("/p/{value}{half}"), 0));
                let parts = parts.map(MultiOperation::Create).to_vec();
                self.ask(Request::Multi(parts), Asked::Pair, ctx);
            }
            12 => self.children("/p", ctx),
            13 => self.children("/e", ctx),
            _ => {
                self.sync(ctx);
                self.get(register, true, ctx);
            }
        }
    }

    fn take(&mut self, events: Vec<ZkEvent<Asked>>, ctx: &mut Ctx) {
        for event in events {
            match event {
                ZkEvent::Connected { session, new_session } => {
                    let age = if new_session { "new" } else { "old" };
                    Self::say(ctx, format!("connected 0x{session:x} {age}"));
                    if new_session {
                        self.waiting = 0;
                        self.lay_out(ctx);
                    }
                }
                ZkEvent::Disconnected => Self::say(ctx, "disconnected".to_owned()),
                ZkEvent::Expired => {
                    Self::say(ctx, "expired".to_owned());
                    self.client.connect(ctx);
                }
                ZkEvent::Watch { kind, path } => {
                    if kind == event_type::NODE_DATA_CHANGED {
                        Self::say(ctx, format!("watch {path}"));
                    }
                }
                ZkEvent::Reply { tag, zxid, result } => {
                    self.waiting = self.waiting.saturating_sub(1);
                    self.answered(&tag, zxid, &result, ctx);
                }
            }
        }
        if self.waiting == 0 && self.next_at.is_none() {
            let pause = if ctx.now() >= self.writes_until { 1_000 } else { 80 };
            self.next_at = Some(ctx.now() + Span::from_millis(1 + ctx.rng.below(pause)));
        }
    }

    fn answered(
        &mut self,
        asked: &Asked,
        zxid: i64,
        result: &Result<Option<Reply>, KeeperCode>,
        ctx: &mut Ctx,
    ) {
        let line = match (asked, result) {
            (Asked::Set { register, value, expected }, Ok(Some(Reply::Stat(body)))) => {
                let (mzxid, version) = (body.stat.mzxid, body.stat.version);
                self.versions.insert(register.clone(), version);
                format!("set {register} {value} {mzxid} {zxid} {version} {expected}")
            }
            (Asked::Set { register, value, .. }, Err(error)) => {
                format!("unset {register} {value} {}", error.0)
            }
            (Asked::Get { register, watch }, Ok(Some(Reply::GetData(body)))) => {
                let value = body.data.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let (mzxid, version) = (body.stat.mzxid, body.stat.version);
                self.versions.insert(register.clone(), version);
                format!("read {register} {value} {mzxid} {zxid} {version} {watch}")
            }
            (Asked::Create, Ok(Some(Reply::Create(body)))) => format!("made {} {zxid}", body.path),
            (Asked::Pair, Ok(Some(Reply::Multi(results)))) => {
                for result in results {
                    if let MultiResult::Create(body) = result {
                        Self::say(ctx, format!("made {} {zxid}", body.path));
                    }
                }
                return;
            }
            (Asked::Children { path }, Ok(Some(Reply::GetChildren(body)))) => {
                format!("children {path} {zxid} {}", body.children.join(" "))
            }
            _ => return,
        };
        Self::say(ctx, line);
    }
}

fn create(path: &str, flags: i32) -> CreateRequest {
    let data = Some(Bytes::from_static(b"-"));
    CreateRequest { path: path.to_owned(), data, acl: Acl::open(), flags }
}

impl Process for Workload {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => self.client.connect(ctx),
            Input::Link(input) => {
                let events = self.client.on_link(input, ctx);
                self.take(events, ctx);
            }
            Input::Wake => {
                let now = ctx.now();
                if self.client.next_wakeup().is_some_and(|wake| wake.at <= now) {
                    let events = self.client.on_wake(ctx);
                    self.take(events, ctx);
                }
                if self.next_at.is_some_and(|at| at <= now) {
                    self.next_at = None;
                    self.act(ctx);
                }
            }
            Input::Command { id, .. } => ctx.answer(id, Err("Not a command of it.".to_owned())),
            Input::Stop => {
                self.client.close(ctx);
                ctx.exit(false, "Terminated");
            }
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let own = self.next_at.map(|at| Wakeup { at, reason: "next request".into() });
        own.into_iter().chain(self.client.next_wakeup()).min_by_key(|wakeup| wakeup.at)
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView { pending: self.waiting, outcomes: Vec::new() })
    }
}
