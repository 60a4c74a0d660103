//! ZooKeeper servers and session clients on runners of their own, with a link of constant latency
//! between them and virtual time.

use bytes::Bytes;
use kafkarium::base::timers::Wakeup;
use kafkarium::base::{
    Cause, ConnId, Endpoint, Incarnation, MachineId, ProcessId, Rng, Span, Time, TraceEvent,
};
use kafkarium::disk::Volume;
use kafkarium::node::{
    Batch, CloseReason, Command, Ctx, Effect, Input, LinkInput, Process, ProcessSpec, ProcessView,
    Program, Properties, Runner, TimedInput,
};
use kafkarium::wire::zookeeper::Request;
use kafkarium::zk_client::{ZkClient, ZkEvent};
use kafkarium::zookeeper::ZooKeeperServer;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One way.
const LATENCY: Span = Span::from_millis(5);
const SYNC: Span = Span::from_millis(1);
const SERVER: ProcessId = ProcessId(1);

/// What a client is told to do, and what it was told.
#[derive(Default)]
pub(crate) struct Desk {
    orders: Vec<Order>,
    /// Everything the client said, with the time.
    pub(crate) events: Vec<(Time, ZkEvent<u32>)>,
    pub(crate) session: i64,
}

pub(crate) enum Order {
    Connect,
    Submit(Request, u32),
    Close,
}

/// A process that does nothing but hold a session.
struct Holder {
    client: ZkClient<u32>,
    desk: Rc<RefCell<Desk>>,
}

impl Process for Holder {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let events = match input {
            Input::Link(link) => self.client.on_link(link, ctx),
            Input::Wake => self.client.on_wake(ctx),
            Input::Start { .. } | Input::Command { .. } | Input::Stop => {
                let orders = std::mem::take(&mut self.desk.borrow_mut().orders);
                for order in orders {
                    match order {
                        Order::Connect => self.client.connect(ctx),
                        Order::Submit(request, tag) => self.client.submit(request, tag, ctx),
                        Order::Close => self.client.close(ctx),
                    }
                }
                Vec::new()
            }
        };
        let mut desk = self.desk.borrow_mut();
        desk.events.extend(events.into_iter().map(|event| (ctx.now(), event)));
        desk.session = self.client.session();
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.client.next_wakeup()
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(kafkarium::node::view::AdminView::default())
    }
}

/// Something on its way: when it left, to whom, and what.
struct Flying {
    sent: Time,
    from: ProcessId,
    to: ProcessId,
    input: Input,
}

/// The little world.
pub(crate) struct Pair {
    pub(crate) now: Time,
    runners: BTreeMap<ProcessId, Runner>,
    desks: BTreeMap<ProcessId, Rc<RefCell<Desk>>>,
    flying: BTreeMap<(Time, u64), Flying>,
    open: BTreeMap<ConnId, BTreeSet<ProcessId>>,
    volume: Option<Volume>,
    seq: u64,
    life: u32,
    cut: BTreeSet<ProcessId>,
    /// What the server traced.
    pub(crate) trace: Vec<(Time, TraceEvent)>,
}

fn spec(id: ProcessId, program: Program) -> ProcessSpec {
    ProcessSpec {
        id,
        name: id.to_string(),
        machine: MachineId(id.0),
        host: if id == SERVER { "zookeeper-1".to_owned() } else { id.to_string() },
        program,
        properties: Properties::of([("tickTime", "2000")]),
        sync_latency: SYNC,
        seed: 7,
    }
}

impl Pair {
    /// A running server at 1 s.
    pub(crate) fn new() -> Self {
        let mut pair = Self {
            now: Time::from_millis(1_000),
            runners: BTreeMap::new(),
            desks: BTreeMap::new(),
            flying: BTreeMap::new(),
            open: BTreeMap::new(),
            volume: Some(Volume::default()),
            seq: 0,
            life: 0,
            cut: BTreeSet::new(),
            trace: Vec::new(),
        };
        pair.start_server();
        pair
    }

    pub(crate) fn start_server(&mut self) {
        self.life += 1;
        let incarnation = Incarnation(self.life);
        let spec = spec(SERVER, Program::ZooKeeper);
        let process = Box::new(ZooKeeperServer::new(&spec).expect("a good spec"));
        let volume = self.volume.take().expect("the server is down");
        self.runners.insert(SERVER, Runner::new(spec, incarnation, process, volume));
        self.fly(self.now, SERVER, SERVER, self.now, Input::Start { incarnation });
    }

    /// Kills the server: its memory is gone, clients see a reset.
    pub(crate) fn kill_server(&mut self) {
        let runner = self.runners.remove(&SERVER).expect("the server is up");
        self.volume = Some(runner.into_volume());
        let now = self.now;
        self.flying.retain(|_, flying| {
            flying.to != SERVER && (flying.from != SERVER || flying.sent <= now)
        });
        for (conn, sides) in std::mem::take(&mut self.open) {
            for side in sides.into_iter().filter(|side| *side != SERVER) {
                let input = Input::Link(LinkInput::Closed(conn, CloseReason::Reset));
                self.fly(now + LATENCY, SERVER, side, now, input);
            }
        }
    }

    /// The server's power goes.
    pub(crate) fn power_cut(&mut self) {
        self.kill_server();
        let mut rng = Rng::new(self.now.as_micros());
        if let Some(volume) = &mut self.volume {
            volume.power_cut(self.now, &mut rng);
        }
    }

    /// From now on nothing passes between `client` and the server, and nobody is told.
    pub(crate) fn isolate(&mut self, client: ProcessId) {
        self.cut.insert(client);
    }

    pub(crate) fn heal(&mut self, client: ProcessId) {
        self.cut.remove(&client);
    }

    /// A client that connects at once.
    pub(crate) fn client(&mut self, number: u32, connect: &str, timeout_ms: u64) -> ProcessId {
        let id = ProcessId(number);
        let desk = Rc::new(RefCell::new(Desk::default()));
        desk.borrow_mut().orders.push(Order::Connect);
        let client = ZkClient::new(connect, Span::from_millis(timeout_ms)).expect("a good string");
        let process = Box::new(Holder { client, desk: Rc::clone(&desk) });
        let incarnation = Incarnation(1);
        let runner = Runner::new(spec(id, Program::Admin), incarnation, process, Volume::default());
        self.runners.insert(id, runner);
        self.desks.insert(id, desk);
        self.fly(self.now, id, id, self.now, Input::Start { incarnation });
        id
    }

    /// Gives a client an order.
    pub(crate) fn order(&mut self, client: ProcessId, order: Order) {
        self.desks[&client].borrow_mut().orders.push(order);
        let command = Command::Seek { topic: String::new(), partition: 0, offset: 0 };
        self.fly(self.now, client, client, self.now, Input::Command { id: 0, command });
    }

    pub(crate) fn submit(&mut self, client: ProcessId, tag: u32, request: Request) {
        self.order(client, Order::Submit(request, tag));
    }

    /// Takes out what a client was told so far.
    pub(crate) fn events(&mut self, client: ProcessId) -> Vec<ZkEvent<u32>> {
        let events = std::mem::take(&mut self.desks[&client].borrow_mut().events);
        events.into_iter().map(|(_, event)| event).collect()
    }

    pub(crate) fn session(&self, client: ProcessId) -> i64 {
        self.desks[&client].borrow().session
    }

    fn fly(&mut self, due: Time, from: ProcessId, to: ProcessId, sent: Time, input: Input) {
        self.seq += 1;
        self.flying.insert((due, self.seq), Flying { sent, from, to, input });
    }

    /// Lets `millis` pass.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + Span::from_millis(millis);
        let mut wakes: BTreeMap<ProcessId, Time> = BTreeMap::new();
        for id in self.runners.keys() {
            wakes.insert(*id, self.now);
        }
        loop {
            let arrival = self.flying.first_key_value().map(|((due, _), _)| *due);
            let wake = wakes.values().min().copied();
            let Some(next) = arrival.into_iter().chain(wake).min().filter(|next| *next <= end)
            else {
                break;
            };
            self.now = self.now.max(next);
            let mut inputs: BTreeMap<ProcessId, Vec<TimedInput>> = BTreeMap::new();
            while let Some(entry) = self.flying.first_entry().filter(|e| e.key().0 <= self.now) {
                let ((due, seq), flying) = entry.remove_entry();
                if let Some(input) = self.arrive(flying.from, flying.to, flying.input) {
                    let (source, cause) = (flying.from.0, Cause::Beginning);
                    let timed = TimedInput { due, source, seq, cause, input };
                    inputs.entry(flying.to).or_default().push(timed);
                }
            }
            let awake = wakes.iter().filter(|(_, at)| **at <= self.now).map(|(id, _)| *id);
            for id in inputs.keys().copied().chain(awake).collect::<BTreeSet<_>>() {
                let until = self.now + Span::from_micros(1);
                let batch = Batch {
                    inputs: inputs.remove(&id).unwrap_or_default(),
                    until,
                    ..Batch::default()
                };
                let Some(runner) = self.runners.get_mut(&id) else { continue };
                let output = runner.run(batch);
                match output.next_wake {
                    Some(wake) => wakes.insert(id, wake.at.max(until)),
                    None => wakes.remove(&id),
                };
                for emission in output.emissions {
                    self.emit(id, emission.at, emission.effect);
                }
            }
        }
        self.now = end;
    }

    /// What an arrival means for the receiver; nothing when the network swallows it.
    fn arrive(&mut self, from: ProcessId, to: ProcessId, input: Input) -> Option<Input> {
        if from != to && (self.cut.contains(&from) || self.cut.contains(&to)) {
            return None;
        }
        let Input::Link(link) = &input else { return Some(input) };
        match link {
            LinkInput::Accepted { conn, .. } => {
                let (conn, opened) = (*conn, self.runners.contains_key(&to));
                let answer = if opened {
                    self.open.insert(conn, BTreeSet::from([from, to]));
                    LinkInput::Opened(conn)
                } else {
                    LinkInput::Closed(conn, CloseReason::Refused)
                };
                self.fly(self.now + LATENCY, to, from, self.now, Input::Link(answer));
                opened.then_some(input)
            }
            LinkInput::Frame(conn, _) => {
                let stands = self.open.get(conn).is_some_and(|sides| sides.contains(&to));
                stands.then_some(input)
            }
            LinkInput::Closed(..) | LinkInput::Opened(_) => Some(input),
        }
    }

    fn emit(&mut self, from: ProcessId, at: Time, effect: Effect) {
        let other = |open: &BTreeMap<ConnId, BTreeSet<ProcessId>>, conn: ConnId| {
            open.get(&conn).and_then(|sides| sides.iter().copied().find(|side| *side != from))
        };
        match effect {
            Effect::Dial { conn, to } => {
                assert_eq!(to, Endpoint::new("zookeeper-1", 2181));
                let (from_host, port) = (Endpoint::new(from.to_string(), 40_000), to.port);
                let accepted = LinkInput::Accepted { conn, port, from: from_host };
                self.fly(at + LATENCY, from, SERVER, at, Input::Link(accepted));
            }
            Effect::Send { conn, frame } => {
                let to = other(&self.open, conn).unwrap_or(SERVER);
                let frame = Input::Link(LinkInput::Frame(conn, Bytes::clone(&frame)));
                self.fly(at + LATENCY, from, to, at, frame);
            }
            Effect::Hangup(conn) => {
                if let Some(to) = other(&self.open, conn) {
                    let closed = Input::Link(LinkInput::Closed(conn, CloseReason::HungUp));
                    self.fly(at + LATENCY, from, to, at, closed);
                }
                if let Some(sides) = self.open.get_mut(&conn) {
                    sides.remove(&from);
                }
            }
            Effect::Trace(event) if from == SERVER => self.trace.push((at, event)),
            Effect::Exit(exit) => panic!("{from} ended: {}", exit.message),
            Effect::Trace(_) | Effect::Listen(_) | Effect::Answer { .. } => {}
        }
    }
}
