//! Real sockets: the ports, which are open as long as somebody listens there in the world, and two
//! threads for each connection (`stream`).

use super::flow::Flow;
use super::stream::{self, Connection, Patience};
use super::{InboundBytes, Port};
use crate::base::{Endpoint, SortedMap, SortedSet};
use crate::world::outside::Reach;
use bytes::Bytes;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Most connections at a time; further ones are closed at once.
pub const CONNECTIONS_MAX: usize = 512;

/// A real connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SocketId(u64);

/// What happens outside.
pub(super) enum Event {
    /// A whole frame arrived.
    Frame {
        /// On which connection.
        socket: SocketId,
        /// Without its length prefix.
        frame: Bytes,
    },
    /// The connection ended, or sent what no frame begins with.
    Ended {
        /// Which.
        socket: SocketId,
    },
    /// A line of the terminal or a script.
    Line {
        /// Which of the two it is from.
        from: super::LineSource,
        /// The line.
        line: String,
    },
    /// The process was told to end.
    Stop,
}

struct Open {
    stream: TcpStream,
    writer: Sender<Bytes>,
    flow: Arc<Flow>,
    /// Lets the reader begin: a frame must not enter before the connection stands in the world.
    start: Option<Sender<()>>,
}

/// A port of this machine.
struct Door {
    port: Port,
    listener: Option<TcpListener>,
    /// Set while it cannot be opened, so that this is told once.
    is_stuck: bool,
}

/// All open sockets.
pub(super) struct Sockets {
    bind: String,
    doors: Vec<Door>,
    events: Sender<Event>,
    open: SortedMap<SocketId, Open>,
    next_id: u64,
    /// Those of which something has not been taken up in the world.
    loaded: SortedSet<SocketId>,
    /// How long those who connect from now on are waited for.
    pub patience: Patience,
}

impl Sockets {
    /// Sockets on the address `bind`; each of `ports` must be free.
    pub fn open(bind: &str, ports: &[Port], events: &Sender<Event>) -> io::Result<Self> {
        // All at once, so that a port that is named twice is found too.
        let free: io::Result<Vec<TcpListener>> = ports.iter().map(|p| listen(bind, p)).collect();
        free?;
        let door = |port: &Port| Door { port: port.clone(), listener: None, is_stuck: false };
        Ok(Self {
            bind: bind.to_owned(),
            doors: ports.iter().map(door).collect(),
            events: events.clone(),
            open: SortedMap::new(),
            next_id: 0,
            loaded: SortedSet::new(),
            patience: Patience::default(),
        })
    }

    /// Opens and closes ports as the world listens, and takes in who has connected; returns the new
    /// connections with the port of each. `complain` hears of ports that cannot be opened.
    pub fn accept(
        &mut self,
        reach: impl Fn(&Endpoint) -> Reach,
        mut complain: impl FnMut(String),
    ) -> Vec<(SocketId, Endpoint)> {
        let mut newcomers = Vec::new();
        for place in 0..self.doors.len() {
            let door = &mut self.doors[place];
            match reach(&door.port.endpoint) {
                Reach::Refused => door.listener = None,
                // The kernel takes calls, and nobody answers.
                Reach::Silent => continue,
                Reach::Listening => door.open(&self.bind, &mut complain),
            }
            let port = door.port.clone();
            while let Some(stream) = self.doors[place].next_caller() {
                if self.open.len() < CONNECTIONS_MAX {
                    // A stream that cannot be set up has ended already.
                    let socket = self.welcome(stream, port.clone()).ok();
                    newcomers.extend(socket.map(|socket| (socket, port.endpoint.clone())));
                }
            }
        }
        newcomers
    }

    fn welcome(&mut self, stream: TcpStream, port: Port) -> io::Result<SocketId> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        self.next_id += 1;
        let socket = SocketId(self.next_id);
        let (reading, writing) = (stream.try_clone()?, stream.try_clone()?);
        let (writer, frames) = channel();
        let (start, started) = channel();
        let flow = Arc::new(Flow::default());
        let connection = Connection {
            socket,
            flow: flow.clone(),
            plain: Arc::default(),
            patience: self.patience,
        };
        self.open.insert(socket, Open { stream, writer, flow, start: Some(start) });
        let (events, of_reader) = (self.events.clone(), connection.clone());
        run(move || {
            if started.recv().is_ok() {
                // However it ended, the connection is over.
                let _ = stream::read(reading, &of_reader, &port, &events);
            }
            // A gateway that is gone has nobody to tell.
            let _ = events.send(Event::Ended { socket });
        });
        run(move || stream::write(writing, &connection, &frames));
        Ok(socket)
    }

    /// The connection stands in the world: its frames may come.
    pub fn start(&mut self, socket: SocketId) {
        if let Some(start) = self.open.get_mut(&socket).and_then(|open| open.start.take()) {
            // A reader that is gone has nothing to begin.
            let _ = start.send(());
        }
    }

    /// A frame of `bytes` entered the world.
    pub fn entered(&mut self, socket: SocketId, bytes: usize) {
        if let Some(open) = self.open.get(&socket) {
            open.flow.entered(bytes);
            self.loaded.insert(socket);
        }
    }

    /// Tells the readers that wait what the world has taken up; `unread` says what is left.
    pub fn relieve(&mut self, unread: impl Fn(SocketId) -> InboundBytes) {
        let open = &self.open;
        self.loaded.retain(|socket| {
            open.get(socket).is_some_and(|open| !open.flow.set_unread(unread(*socket)))
        });
    }

    /// Writes a frame. A peer that lets too much wait is cut off; its reader tells of it.
    pub fn send(&mut self, socket: SocketId, frame: Bytes) {
        let Some(open) = self.open.get(&socket) else { return };
        if open.flow.leave(frame.len()) {
            // A writer that is gone has been told of by its reader.
            let _ = open.writer.send(frame);
        } else {
            self.reset(socket);
        }
    }

    /// Ends a connection at once, in both directions.
    pub fn reset(&mut self, socket: SocketId) {
        if let Some(open) = self.open.get(&socket) {
            // It may have ended already.
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets go of a connection; its writer finishes and closes.
    pub fn forget(&mut self, socket: SocketId) {
        self.loaded.remove(&socket);
        if let Some(open) = self.open.remove(&socket) {
            open.flow.end();
        }
    }
}

impl Door {
    fn open(&mut self, bind: &str, complain: &mut impl FnMut(String)) {
        if self.listener.is_some() {
            return;
        }
        match listen(bind, &self.port) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.is_stuck = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_stuck, true) {
                    complain(error.to_string());
                }
            }
        }
    }

    fn next_caller(&self) -> Option<TcpStream> {
        // An error means that nobody calls, or that there are no descriptors left: then a caller
        // waits until there are.
        self.listener.as_ref()?.accept().ok().map(|(stream, _)| stream)
    }
}

fn listen(bind: &str, port: &Port) -> io::Result<TcpListener> {
    let number = port.endpoint.port;
    let open = || {
        let listener = TcpListener::bind((bind, number))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open()
        .map_err(|error: io::Error| io::Error::new(error.kind(), format!("port {number}: {error}")))
}

#[expect(clippy::disallowed_methods, reason = "sockets block; the world itself has one thread")]
fn run(task: impl FnOnce() + Send + 'static) {
    std::thread::spawn(task);
}
