//! The same world behind real sockets, for real Kafka and ZooKeeper clients. Virtual time follows real
//! time; what arrives on a socket enters the world at its next instant.
//!
//! Threads only carry bytes between sockets and one channel; the world runs on the caller's thread.

mod data_dir;
mod sockets;

pub use data_dir::DataDir;

use crate::base::{ConnId, Endpoint, SortedMap, Span, Time};
use crate::host::local::LocalHost;
use crate::node::{CloseReason, LinkInput};
use crate::world::action::Action;
use sockets::{Event, SocketId, Sockets};
use std::io;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Longest real time for which the world is left alone, so that the terminal's input is seen soon.
const NAP_MAX: Duration = Duration::from_millis(50);

/// A port to open: its number on this machine and in the world, and the largest frame on it.
#[derive(Clone, Debug)]
pub struct Port {
    /// Where the world listens.
    pub endpoint: Endpoint,
    /// Largest frame that is accepted (bytes).
    pub frame_bytes_max: usize,
}

/// A world with sockets.
pub struct Gateway {
    host: LocalHost,
    sockets: Sockets,
    events: Receiver<Event>,
    sender: Sender<Event>,
    sockets_of: SortedMap<ConnId, SocketId>,
    conns_of: SortedMap<SocketId, ConnId>,
    data: Option<DataDir>,
    began: Instant,
    epoch: Time,
}

/// What the gateway tells the person at the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A command was carried out or answered.
    Answer(Result<String, String>),
    /// The person asked to end.
    Quit,
}

impl Gateway {
    /// Opens `ports` on the address `bind` in front of `host`'s world.
    pub fn open(
        host: LocalHost,
        bind: &str,
        ports: &[Port],
        data: Option<DataDir>,
    ) -> io::Result<Self> {
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
            #[expect(clippy::disallowed_methods, reason = "real time paces the gateway's world")]
            began: Instant::now(),
            epoch,
        })
    }

    /// Where lines of the terminal or a script go in.
    pub fn lines(&self) -> impl Fn(String) + Send + 'static {
        let sender = self.sender.clone();
        move |line| {
            // Without a gateway there is nobody left to obey.
            let _ = sender.send(Event::Line(line));
        }
    }

    /// Virtual time as real time has it.
    fn now(&self) -> Time {
        let passed = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.epoch + Span::from_micros(passed)
    }

    /// Lets the world follow real time for a while, telling `say` what there is to say; false when
    /// the person asked to end.
    pub fn serve(&mut self, say: &mut dyn FnMut(Said)) -> bool {
        let until = self.now();
        while self.host.run_round(until) {
            self.deliver();
            self.store();
        }
        self.deliver();
        for answer in self.host.world_mut().take_answers() {
            say(Said::Answer(answer.outcome));
        }
        let next = self.host.world().next_happening().unwrap_or(Time::MAX);
        let nap = Duration::from_micros(next.since(self.now()).as_micros()).min(NAP_MAX);
        match self.events.recv_timeout(nap) {
            Ok(event) => self.take(event, say),
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Takes one event and all that are there already.
    fn take(&mut self, first: Event, say: &mut dyn FnMut(Said)) -> bool {
        let mut event = Some(first);
        while let Some(next) = event {
            match next {
                Event::Accepted { socket, endpoint } => {
                    let conn = self.host.world_mut().dial_from_outside(&endpoint);
                    self.sockets_of.insert(conn, socket);
                    self.conns_of.insert(socket, conn);
                }
                Event::Frame { socket, frame } => {
                    if let Some(conn) = self.conns_of.get(&socket) {
                        self.host.world_mut().send_from_outside(*conn, frame);
                    }
                }
                Event::Ended { socket } => self.forget(socket, true),
                Event::Line(line) => match line.trim() {
                    "" => {}
                    "quit" | "exit" => return false,
                    line => self.obey(line, say),
                },
            }
            event = self.events.try_recv().ok();
        }
        true
    }

    fn obey(&mut self, line: &str, say: &mut dyn FnMut(Said)) {
        let acted = Action::from_str(line).map_err(|error| error.to_string()).and_then(|action| {
            self.host.world_mut().act(action).map_err(|error| error.to_string())
        });
        match acted {
            Ok(None) => say(Said::Answer(Ok(line.to_owned()))),
            // The process that was told answers later.
            Ok(Some(_)) => {}
            Err(why) => say(Said::Answer(Err(why))),
        }
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
                        self.sockets.close(socket, reason != CloseReason::HungUp);
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

    /// Writes what changed on the volumes to the data directory.
    fn store(&mut self) {
        let Some(data) = &self.data else {
            return;
        };
        for (name, delta) in self.host.take_deltas() {
            if let Err(error) = data.store(&name, &delta) {
                // Persistence ends with the first failure; half a volume would be worse than none.
                self.sockets.complain(&format!("{name}: {error}"));
                self.data = None;
                return;
            }
        }
    }

    /// Stops every process cleanly and gives them `patience` of virtual time to end.
    pub fn stop(&mut self, patience: Span) {
        let names: Vec<String> = self.host.world().specs().map(|spec| spec.name.clone()).collect();
        // Servers of the coordinator go last: brokers say goodbye to them.
        let (last, first): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.starts_with("zookeeper"));
        for group in [first, last] {
            for name in group {
                // A process that does not run needs no stopping.
                let _ = self.host.world_mut().act(Action::Stop(name));
            }
            let until = self.host.world().clock() + patience;
            self.host.run_until(until);
            self.store();
        }
    }
}
