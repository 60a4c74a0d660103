//! Real sockets: a thread that accepts for each port, and two for each connection (`stream`).

use super::flow::Flow;
use super::stream::{self, Connection};
use super::{InboundBytes, Port};
use crate::base::{Endpoint, SortedMap, SortedSet};
use bytes::Bytes;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Most connections at a time; further ones are closed at once.
pub const CONNECTIONS_MAX: usize = 512;
/// How long a port takes a breath when it cannot accept, for want of file descriptors for example.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// A real connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SocketId(u64);

/// What happens outside.
pub(super) enum Event {
    /// Somebody connected.
    Accepted {
        /// The new connection.
        socket: SocketId,
        /// The port, as the world knows it.
        endpoint: Endpoint,
    },
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

/// All open sockets.
pub(super) struct Sockets {
    open: SortedMap<SocketId, Open>,
    fresh: Receiver<(SocketId, Open)>,
    count: Arc<AtomicUsize>,
    /// Those of which something has not been taken up in the world.
    loaded: SortedSet<SocketId>,
}

impl Sockets {
    /// Opens `ports` on the address `bind`.
    pub fn open(bind: &str, ports: &[Port], events: &Sender<Event>) -> io::Result<Self> {
        let (newcomer, fresh) = channel();
        let ids = Arc::new(AtomicU64::new(1));
        let count = Arc::new(AtomicUsize::new(0));
        let mut acceptors = Vec::new();
        for port in ports {
            let listener = TcpListener::bind((bind, port.endpoint.port)).map_err(|error| {
                io::Error::new(error.kind(), format!("port {}: {error}", port.endpoint.port))
            })?;
            let acceptor = Acceptor {
                port: port.clone(),
                events: events.clone(),
                newcomer: newcomer.clone(),
                ids: ids.clone(),
                count: count.clone(),
            };
            acceptors.push((acceptor, listener));
        }
        for (acceptor, listener) in acceptors {
            run(move || acceptor.accept(&listener));
        }
        Ok(Self { open: SortedMap::new(), fresh, count, loaded: SortedSet::new() })
    }

    fn meet(&mut self) {
        while let Ok((socket, open)) = self.fresh.try_recv() {
            self.open.insert(socket, open);
        }
    }

    /// The connection stands in the world: its frames may come.
    pub fn start(&mut self, socket: SocketId) {
        self.meet();
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
        self.meet();
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
        self.meet();
        if let Some(open) = self.open.get(&socket) {
            // It may have ended already.
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets go of a connection; its writer finishes and closes.
    pub fn forget(&mut self, socket: SocketId) {
        self.meet();
        self.loaded.remove(&socket);
        if let Some(open) = self.open.remove(&socket) {
            open.flow.end();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

struct Acceptor {
    port: Port,
    events: Sender<Event>,
    newcomer: Sender<(SocketId, Open)>,
    ids: Arc<AtomicU64>,
    count: Arc<AtomicUsize>,
}

impl Acceptor {
    fn accept(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                #[expect(clippy::disallowed_methods, reason = "a thread of its own may wait")]
                std::thread::sleep(ACCEPT_BACK_OFF);
                continue;
            };
            if self.count.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX
                || self.welcome(stream).is_err()
            {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn welcome(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SocketId(self.ids.fetch_add(1, Ordering::Relaxed));
        let (reading, writing) = (stream.try_clone()?, stream.try_clone()?);
        let (writer, frames) = channel();
        let (start, started) = channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let flow = Arc::new(Flow::default());
        let connection = Connection { socket, flow: flow.clone(), plain: Arc::default() };
        let open = Open { stream, writer, flow, start: Some(start) };
        self.newcomer.send((socket, open)).map_err(|_| gone())?;
        let endpoint = self.port.endpoint.clone();
        self.events.send(Event::Accepted { socket, endpoint }).map_err(|_| gone())?;
        let (events, port) = (self.events.clone(), self.port.clone());
        let of_reader = connection.clone();
        run(move || {
            if started.recv().is_ok() {
                // However it ended, the connection is over.
                let _ = stream::read(reading, &of_reader, &port, &events);
            }
            // A gateway that is gone has nobody to tell.
            let _ = events.send(Event::Ended { socket });
        });
        run(move || stream::write(writing, &connection, &frames));
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "sockets block; the world itself has one thread")]
fn run(task: impl FnOnce() + Send + 'static) {
    std::thread::spawn(task);
}
