//! A bench for tests: processes on runners, and servers made of a closure's worth of behaviour, with
//! a link of one millisecond between them. What travels are real frames.

use crate::base::{
    ConnId, Endpoint, Incarnation, MachineId, ProcessId, SortedMap, SortedSet, Span, Time,
    TraceEvent,
};
use crate::disk::Volume;
use crate::node::{
    Batch, CloseReason, Command, Effect, Input, LinkInput, Process, ProcessSpec, ProcessView,
    Program, Properties, Runner, TimedInput,
};
use crate::wire::kafka::{AnyRequest, AnyResponse, RequestHeader, decode_request};
use bytes::Bytes;

/// One-way latency of every link.
pub(crate) const LATENCY: Span = Span::from_millis(1);
const EPOCH: Time = Time::from_millis(1_000);

/// A frame that a server sends some time after the request that made it do so.
pub(crate) struct Reply {
    pub conn: ConnId,
    pub frame: Bytes,
    pub after: Span,
}

impl Reply {
    /// An answer to `header`, `after` a while.
    pub(crate) fn to(
        header: &RequestHeader,
        conn: ConnId,
        response: impl Into<AnyResponse>,
        after: Span,
    ) -> Self {
        let frame = response.into().to_frame(header.api_version, header.correlation_id);
        Self { conn, frame, after }
    }
}

/// What answers the processes on the bench.
pub(crate) trait Servers {
    /// Whether somebody accepts connections there.
    fn listens(&self, at: &Endpoint) -> bool;
    /// A request arrived.
    fn on_request(
        &mut self,
        now: Time,
        at: &Endpoint,
        conn: ConnId,
        header: RequestHeader,
        request: AnyRequest,
    ) -> Vec<Reply>;
}

enum Event {
    ToClient(ProcessId, Input),
    ToServer(Endpoint, ConnId, Bytes),
}

/// Processes and servers.
pub(crate) struct Bench<S> {
    pub servers: S,
    pub answers: Vec<(ProcessId, u64, Result<String, String>)>,
    pub traces: Vec<(Time, ProcessId, TraceEvent)>,
    pub exits: Vec<ProcessId>,
    /// What the processes said when they ended.
    pub messages: Vec<String>,
    runners: SortedMap<ProcessId, (Runner, Option<Time>)>,
    conns: SortedMap<ConnId, Endpoint>,
    silent: SortedSet<Endpoint>,
    /// When the last answer on a connection arrives: none overtakes another.
    last_reply: SortedMap<ConnId, Time>,
    queue: SortedMap<(Time, u64), Event>,
    seq: u64,
    pub now: Time,
}

/// A spec for a process on the bench.
pub(crate) fn spec(id: u32, program: Program, properties: Properties) -> ProcessSpec {
    ProcessSpec {
        id: ProcessId(id),
        name: format!("process-{id}"),
        machine: MachineId(id),
        host: format!("host-{id}"),
        program,
        properties,
        sync_latency: Span::from_millis(1),
        seed: 42,
    }
}

impl<S: Servers> Bench<S> {
    pub(crate) fn new(servers: S) -> Self {
        Self {
            servers,
            answers: Vec::new(),
            traces: Vec::new(),
            exits: Vec::new(),
            messages: Vec::new(),
            runners: SortedMap::new(),
            conns: SortedMap::new(),
            silent: SortedSet::new(),
            last_reply: SortedMap::new(),
            queue: SortedMap::new(),
            seq: 0,
            now: EPOCH,
        }
    }

    /// Starts a process.
    pub(crate) fn start(&mut self, spec: ProcessSpec, process: Box<dyn Process>) -> ProcessId {
        let id = spec.id;
        let runner = Runner::new(spec, Incarnation(1), process, Volume::default());
        self.runners.insert(id, (runner, None));
        self.give(id, Input::Start { incarnation: Incarnation(1) });
        id
    }

    /// Gives a process an input now.
    pub(crate) fn give(&mut self, process: ProcessId, input: Input) {
        self.post(self.now, Event::ToClient(process, input));
    }

    /// Gives a process a command now.
    pub(crate) fn tell(&mut self, process: ProcessId, id: u64, command: Command) {
        self.give(process, Input::Command { id, command });
    }

    /// Resets every connection to a server.
    pub(crate) fn reset(&mut self, server: &Endpoint) {
        let conns: Vec<_> = self.conns.iter().filter(|(_, at)| *at == server).collect();
        let conns: Vec<_> = conns.into_iter().map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.conns.remove(&conn);
            let closed = LinkInput::Closed(conn, CloseReason::Reset);
            self.post(self.now, Event::ToClient(conn.opener, Input::Link(closed)));
        }
    }

    /// From now on nothing reaches a server, and nobody is told.
    pub(crate) fn silence(&mut self, server: &Endpoint) {
        self.silent.insert(server.clone());
    }

    /// What a process shows.
    pub(crate) fn view(&self, process: ProcessId) -> ProcessView {
        self.runners[&process].0.process().view()
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(at) = self.next_due().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.run_instant();
        }
        self.now = end;
    }

    fn next_due(&self) -> Option<Time> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.runners.values().filter_map(|(_, wake)| *wake);
        wakes.chain(queued).min()
    }

    fn run_instant(&mut self) {
        let mut inputs: SortedMap<ProcessId, Vec<TimedInput>> = SortedMap::new();
        while let Some((due, seq)) = self.queue.first_key_value().map(|(key, _)| *key) {
            if due > self.now {
                break;
            }
            let Some((_, event)) = self.queue.pop_first() else {
                break;
            };
            match event {
                Event::ToClient(process, input) => {
                    let cause = crate::base::Cause::Beginning;
                    let timed = TimedInput { due: self.now, source: 0, seq, cause, input };
                    inputs.entry(process).or_default().push(timed);
                }
                Event::ToServer(at, conn, frame) => self.serve(&at, conn, &frame),
            }
        }
        let ids: Vec<ProcessId> = self.runners.keys().copied().collect();
        for id in ids {
            let Some((runner, wake)) = self.runners.get_mut(&id) else { continue };
            let inputs = inputs.remove(&id).unwrap_or_default();
            if inputs.is_empty() && wake.is_none_or(|wake| wake > self.now) {
                continue;
            }
            let until = self.now + Span::from_micros(1);
            let output = runner.run(Batch { inputs, until, ..Batch::default() });
            *wake = output.next_wake.map(|wake| wake.at);
            for emission in output.emissions {
                self.apply(id, emission.at, emission.effect);
            }
        }
    }

    fn serve(&mut self, at: &Endpoint, conn: ConnId, frame: &Bytes) {
        if self.silent.contains(at) || !self.conns.contains_key(&conn) {
            return;
        }
        let (header, request) = decode_request(frame).expect("clients send what brokers can read");
        for reply in self.servers.on_request(self.now, at, conn, header, request) {
            let input = Input::Link(LinkInput::Frame(reply.conn, reply.frame));
            let last = self.last_reply.entry(reply.conn).or_insert(self.now);
            *last = (*last).max(self.now + reply.after + LATENCY);
            let due = *last;
            self.post(due, Event::ToClient(reply.conn.opener, input));
        }
    }

    fn post(&mut self, at: Time, event: Event) {
        self.queue.insert((at, self.seq), event);
        self.seq += 1;
    }

    fn apply(&mut self, process: ProcessId, at: Time, effect: Effect) {
        let there_and_back = at + LATENCY + LATENCY;
        match effect {
            Effect::Dial { to, .. } if self.silent.contains(&to) => {}
            Effect::Dial { conn, to } => {
                let listens = self.servers.listens(&to);
                let link = if listens {
                    self.conns.insert(conn, to);
                    LinkInput::Opened(conn)
                } else {
                    LinkInput::Closed(conn, CloseReason::Refused)
                };
                self.post(there_and_back, Event::ToClient(process, Input::Link(link)));
            }
            Effect::Send { conn, frame } => {
                if let Some(to) = self.conns.get(&conn).cloned() {
                    self.post(at + LATENCY, Event::ToServer(to, conn, frame));
                }
            }
            Effect::Hangup(conn) => drop(self.conns.remove(&conn)),
            Effect::Answer { command, outcome } => self.answers.push((process, command, outcome)),
            Effect::Trace(event) => self.traces.push((at, process, event)),
            Effect::Exit(reason) => {
                self.exits.push(process);
                self.messages.push(reason.message);
            }
            Effect::Listen(_) => {}
        }
    }
}
