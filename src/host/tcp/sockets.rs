//! Real sockets: a thread that accepts for each port, and two threads for each connection, which cut
//! the stream into frames and write frames out.

use super::Port;
use crate::base::{Endpoint, SortedMap};
use crate::wire::frame::{FrameSplitter, length_prefix};
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Most connections at a time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 512;
/// A connection that sends only a part of a frame for so long is closed.
const HALF_FRAME_PATIENCE: Duration = Duration::from_secs(30);

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
    Line(String),
}

struct Open {
    stream: TcpStream,
    writer: Sender<Bytes>,
    /// Lets the reader begin: a frame must not enter before the connection stands in the world.
    start: Option<Sender<()>>,
}

/// All open sockets.
pub(super) struct Sockets {
    open: SortedMap<SocketId, Open>,
    fresh: Receiver<(SocketId, Open)>,
    count: Arc<AtomicUsize>,
}

impl Sockets {
    /// Opens `ports` on the address `bind`.
    pub fn open(bind: &str, ports: &[Port], events: &Sender<Event>) -> io::Result<Self> {
        let (newcomer, fresh) = channel();
        let ids = Arc::new(AtomicU64::new(1));
        let count = Arc::new(AtomicUsize::new(0));
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
            run(move || acceptor.accept(&listener));
        }
        Ok(Self { open: SortedMap::new(), fresh, count })
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

    /// Writes a frame.
    pub fn send(&mut self, socket: SocketId, frame: Bytes) {
        self.meet();
        if let Some(open) = self.open.get(&socket) {
            // A writer that is gone has been told of by its reader.
            let _ = open.writer.send(frame);
        }
    }

    /// Ends a connection from this side, after what was written.
    pub fn close(&mut self, socket: SocketId, reset: bool) {
        self.meet();
        if let Some(open) = self.open.get(&socket)
            && reset
        {
            // It may have ended already.
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets go of a connection; its writer finishes and closes.
    pub fn forget(&mut self, socket: SocketId) {
        self.meet();
        if self.open.remove(&socket).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Tells the person at the terminal of trouble.
    #[expect(clippy::unused_self, reason = "all output of the host leaves by its sockets' owner")]
    pub fn complain(&self, text: &str) {
        // Nobody is left to hear when this fails.
        let _ = writeln!(io::stderr(), "{text}");
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
        let open = Open { stream, writer, start: Some(start) };
        self.newcomer.send((socket, open)).map_err(|_| gone())?;
        let endpoint = self.port.endpoint.clone();
        self.events.send(Event::Accepted { socket, endpoint }).map_err(|_| gone())?;
        let (events, frame_bytes_max) = (self.events.clone(), self.port.frame_bytes_max);
        run(move || {
            if started.recv().is_ok() {
                // However it ended, the connection is over.
                let _ = read(reading, socket, frame_bytes_max, &events);
            }
            let _ = events.send(Event::Ended { socket });
        });
        run(move || write(writing, &frames));
        Ok(())
    }
}

/// Reads frames until the stream ends.
fn read(
    mut stream: TcpStream,
    socket: SocketId,
    frame_bytes_max: usize,
    events: &Sender<Event>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut splitter = FrameSplitter::new(frame_bytes_max);
    let mut buffer = vec![0; 64 * 1024];
    let mut inside_frame = false;
    loop {
        stream.set_read_timeout(inside_frame.then_some(HALF_FRAME_PATIENCE))?;
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        splitter.push(&buffer[..count]);
        while let Some(frame) = splitter.next_frame()? {
            events.send(Event::Frame { socket, frame })?;
        }
        inside_frame = splitter.is_inside_frame();
    }
}

/// Writes frames until there will be no more, then closes.
fn write(mut stream: TcpStream, frames: &Receiver<Bytes>) {
    while let Ok(frame) = frames.recv() {
        let mut bytes = Vec::with_capacity(frame.len() + 4);
        bytes.extend_from_slice(&length_prefix(&frame));
        bytes.extend_from_slice(&frame);
        if stream.write_all(&bytes).is_err() {
            break;
        }
    }
    // It may have ended already.
    let _ = stream.shutdown(Shutdown::Both);
}

#[expect(clippy::disallowed_methods, reason = "sockets block; the world itself has one thread")]
fn run(task: impl FnOnce() + Send + 'static) {
    std::thread::spawn(task);
}
