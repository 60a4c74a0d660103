//! The same world behind real sockets, for real Kafka and ZooKeeper clients. Virtual time follows real
//! time; what arrives on a socket enters the world at its next instant. What a round wrote is in the
//! files of the data directory before anything that it emitted is let out.
//!
//! Threads only carry bytes between sockets and one channel; the world runs on the caller's thread.

mod data_dir;
mod flow;
mod lines;
mod sockets;
mod stream;

pub use data_dir::DataDir;
pub use lines::LineSource;
pub use sockets::CONNECTIONS_MAX;

use crate::base::trace::LogLevel;
use crate::base::{
    ConnId, Endpoint, EventId, ProcessId, SortedMap, Span, Time, TraceEvent, limits,
};
use crate::host::local::LocalHost;
use crate::node::{CloseReason, LinkInput, Program};
use crate::world::action::Action;
use lines::{Lines, Order};
use sockets::{Event, SocketId, Sockets};
use std::io;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Longest real time until the ports are looked at again.
const NAP_MAX: Duration = Duration::from_millis(2);
/// How far the world may be behind real time. On a machine that is too slow for it, or busy with
/// something else, its clock stands still meanwhile, as if everybody in it had been asleep: else
/// it would have to live through ever more of what those outside no longer wait for.
const LAG_MAX: Span = Span::from_millis(250);
/// How long the world may run before those outside are looked at again.
const RUN_MAX: Duration = Duration::from_millis(20);

/// What is spoken on a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Kafka's.
    Kafka,
    /// ZooKeeper's, and its four-letter words.
    ZooKeeper,
}

impl Protocol {
    /// Largest frame that is accepted (bytes).
    fn frame_bytes_max(self) -> usize {
        match self {
            Self::Kafka => limits::FRAME_BYTES_MAX,
            Self::ZooKeeper => limits::JUTE_BYTES_MAX,
        }
    }
}

/// A port to open.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its number, here and in the world, and the host name under which the world knows it.
    pub endpoint: Endpoint,
    /// The process that listens there.
    pub process: String,
    /// What it speaks.
    pub protocol: Protocol,
}

/// Bytes that a process has not taken up yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct InboundBytes(usize);

/// A world with sockets.
pub struct Gateway {
    host: LocalHost,
    sockets: Sockets,
    events: Receiver<Event>,
    sender: Sender<Event>,
    sockets_of: SortedMap<ConnId, SocketId>,
    conns_of: SortedMap<SocketId, ConnId>,
    data: Option<DataDir>,
    script: Lines,
    terminal: Lines,
    news: EventId,
    log: Option<LogLevel>,
    stopping: bool,
    began: Instant,
    epoch: Time,
}

/// What the gateway tells the person at the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A command was carried out or answered.
    Answer(Result<String, String>),
    /// A process ended by itself.
    Ended(String),
    /// A line of a server's log.
    Logged(String),
}

impl Gateway {
    /// Opens `ports` on the address `bind` in front of `host`'s world.
    pub fn open(
        mut host: LocalHost,
        bind: &str,
        ports: &[Port],
        data: Option<DataDir>,
    ) -> io::Result<Self> {
        for port in ports {
            if !host.world_mut().publish(port.endpoint.clone(), &port.process) {
                let text = format!("there is no process {}", port.process);
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
        }
        let (sender, events) = channel();
        let sockets = Sockets::open(bind, ports, &sender)?;
        let epoch = host.world().clock();
        Ok(Self {
            host,
            sockets,
            events,
            sender,
            sockets_of: SortedMap::new(),
            conns_of: SortedMap::new(),
            data,
            script: Lines::default(),
            terminal: Lines::default(),
            news: EventId(0),
            log: None,
            stopping: false,
            #[expect(clippy::disallowed_methods, reason = "real time paces the gateway's world")]
            began: Instant::now(),
            epoch,
        })
    }

    /// Tells of log lines of the servers from `level` on; none tells of none.
    pub fn tell_log(&mut self, level: Option<LogLevel>) {
        self.log = level;
    }

    /// Where lines of the terminal or a script go in.
    pub fn lines(&self, from: LineSource) -> impl Fn(String) + Send + 'static {
        let sender = self.sender.clone();
        move |line| {
            // Without a gateway there is nobody left to obey.
            let _ = sender.send(Event::Line { from, line });
        }
    }

    /// What asks the gateway to end, from any thread.
    pub fn stopper(&self) -> impl Fn() + Send + 'static {
        let sender = self.sender.clone();
        move || {
            // A gateway that is gone has ended.
            let _ = sender.send(Event::Stop);
        }
    }

    /// Virtual time as real time has it.
    fn now(&self) -> Time {
        let passed = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.epoch + Span::from_micros(passed)
    }

    /// The time that the world is to reach now. What it is behind beyond [`LAG_MAX`] is given up.
    fn catch_up(&mut self) -> Time {
        let lag = self.now().since(self.host.world().clock());
        if lag > LAG_MAX {
            let lost = lag.as_micros() - LAG_MAX.as_micros();
            self.epoch = Time::from_micros(self.epoch.as_micros().saturating_sub(lost));
        }
        self.now()
    }

    /// Lets the world follow real time for a while, telling `say` what there is to say; false when it
    /// was asked to end. An error means that the data directory cannot be written: then nothing
    /// more may be acknowledged.
    pub fn serve(&mut self, say: &mut dyn FnMut(Said)) -> io::Result<bool> {
        let until = self.catch_up();
        #[expect(clippy::disallowed_methods, reason = "real time paces the gateway's world")]
        let began = Instant::now();
        while self.run_round(until)? && began.elapsed() < RUN_MAX {}
        let (host, conns_of) = (&self.host, &self.conns_of);
        self.sockets.relieve(|socket| {
            let conn = conns_of.get(&socket);
            InboundBytes(conn.map_or(0, |conn| host.unread_from_outside(*conn)))
        });
        self.welcome(say);
        self.obey_lines(say);
        self.tell_news(say);
        if self.stopping {
            return Ok(false);
        }
        match self.events.recv_timeout(self.nap()) {
            Ok(event) => self.take(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        Ok(true)
    }

    /// Runs a round, stores what it wrote, then lets out what it emitted.
    fn run_round(&mut self, until: Time) -> io::Result<bool> {
        let ran = self.host.run_round(until);
        if let Some(data) = &mut self.data {
            for (name, delta) in self.host.take_deltas() {
                data.store(&name, &delta)
                    .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
            }
        }
        self.deliver();
        Ok(ran)
    }

    /// Real time until there is something to do.
    fn nap(&self) -> Duration {
        let next = self.host.world().next_happening();
        let next =
            [next, self.script.next_at(), self.terminal.next_at()].into_iter().flatten().min();
        let next = next.unwrap_or(Time::MAX);
        Duration::from_micros(next.since(self.now()).as_micros()).min(NAP_MAX)
    }

    /// Brings those who have connected into the world.
    fn welcome(&mut self, say: &mut dyn FnMut(Said)) {
        let world = self.host.world();
        let complain = |why| say(Said::Answer(Err(why)));
        for (socket, to) in self.sockets.accept(|to| world.reach_from_outside(to), complain) {
            let conn = self.host.world_mut().dial_from_outside(&to);
            self.sockets_of.insert(conn, socket);
            self.conns_of.insert(socket, conn);
        }
    }

    /// Takes one event and all that are there already.
    fn take(&mut self, first: Event) {
        let mut event = Some(first);
        while let Some(next) = event {
            match next {
                Event::Frame { socket, frame } => {
                    if let Some(conn) = self.conns_of.get(&socket) {
                        self.sockets.entered(socket, frame.len());
                        self.host.world_mut().send_from_outside(*conn, frame);
                    }
                }
                Event::Ended { socket } => self.forget(socket, true),
                Event::Line { from: LineSource::Script, line } => self.script.push(line),
                Event::Line { from: LineSource::Terminal, line } => self.terminal.push(line),
                Event::Stop => self.stopping = true,
            }
            event = self.events.try_recv().ok();
        }
    }

    fn obey_lines(&mut self, say: &mut dyn FnMut(Said)) {
        let now = self.now();
        while let Some(order) = self.script.next(now).or_else(|| self.terminal.next(now)) {
            match order {
                Order::Quit => self.stopping = true,
                Order::Act(line) => self.act(&line, say),
                Order::Bad(why) => say(Said::Answer(Err(why))),
            }
        }
    }

    fn act(&mut self, line: &str, say: &mut dyn FnMut(Said)) {
        let acted = Action::from_str(line).map_err(|error| error.to_string()).and_then(|action| {
            self.host.world_mut().act(action).map_err(|error| error.to_string())
        });
        match acted {
            Ok(None) => say(Said::Answer(Ok(line.to_owned()))),
            // The process that was told answers later.
            Ok(Some(_)) => {}
            Err(why) => say(Said::Answer(Err(format!("{line}: {why}")))),
        }
    }

    /// Tells what processes answered, which of them ended, and what they logged.
    fn tell_news(&mut self, say: &mut dyn FnMut(Said)) {
        for answer in self.host.world_mut().take_answers() {
            say(Said::Answer(answer.outcome));
        }
        let world = self.host.world();
        let name = |id: ProcessId| world.specs().find(|spec| spec.id == id).map(|spec| &spec.name);
        for record in world.trace().after(self.news) {
            match &record.event {
                TraceEvent::ProcessCrashed { process, message } => {
                    let name = name(*process).map_or("?", String::as_str);
                    say(Said::Ended(format!("{name} crashed, which is a bug: {message}")));
                }
                TraceEvent::ProcessExited { process, failure: true, message } => {
                    let name = name(*process).map_or("?", String::as_str);
                    say(Said::Ended(format!("{name} exited: {message}")));
                }
                TraceEvent::Logged { level, text, logger }
                    if self.log.is_some_and(|least| *level >= least) =>
                {
                    let name = record.source.and_then(name).map_or("world", String::as_str);
                    say(Said::Logged(format!("{name} {level:?} {text} ({logger})")));
                }
                _ => {}
            }
        }
        self.news = EventId(world.trace().total());
    }

    /// Hands to the sockets what the world sent out.
    fn deliver(&mut self) {
        for input in self.host.world_mut().take_outside() {
            match input {
                LinkInput::Opened(conn) => {
                    if let Some(socket) = self.sockets_of.get(&conn) {
                        self.sockets.start(*socket);
                    }
                }
                LinkInput::Frame(conn, frame) => {
                    if let Some(socket) = self.sockets_of.get(&conn) {
                        self.sockets.send(*socket, frame);
                    }
                }
                LinkInput::Closed(conn, reason) => {
                    if let Some(socket) = self.sockets_of.get(&conn).copied() {
                        if reason != CloseReason::HungUp {
                            self.sockets.reset(socket);
                        }
                        self.forget(socket, false);
                    }
                }
                LinkInput::Accepted { .. } => {}
            }
        }
    }

    fn forget(&mut self, socket: SocketId, hang_up: bool) {
        if let Some(conn) = self.conns_of.remove(&socket) {
            self.sockets_of.remove(&conn);
            if hang_up {
                self.host.world_mut().hang_up_from_outside(conn);
            }
        }
        self.sockets.forget(socket);
    }

    /// Stops every process cleanly, brokers before the coordinator's servers, to which they say
    /// goodbye, and gives each of the two kinds `patience` of virtual time to end.
    pub fn stop(&mut self, patience: Span) -> io::Result<()> {
        let specs = self.host.world().specs();
        let all: Vec<_> = specs.map(|s| (s.id, s.name.clone(), s.program)).collect();
        let (last, first): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, _, program)| *program == Program::ZooKeeper);
        for group in [first, last] {
            for (_, name, _) in &group {
                // A process that does not run needs no stopping.
                let _ = self.host.world_mut().act(Action::Stop(name.clone()));
            }
            let until = self.host.world().clock() + patience;
            let lives = |host: &LocalHost| group.iter().any(|(id, ..)| host.world().is_alive(*id));
            while lives(&self.host) && self.run_round(until)? {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
