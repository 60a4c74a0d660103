//! The two threads of one real connection: one cuts what arrives into frames, one writes frames out.

use super::flow::Flow;
use super::sockets::{Event, SocketId};
use super::{Port, Protocol};
use crate::wire::frame::{FrameSplitter, length_prefix};
use crate::zookeeper::is_four_letter_word;
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// How long a peer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For its first frame, and for the rest of any frame once it has begun.
    pub frame: Duration,
    /// While it says nothing: Kafka's `connections.max.idle.ms`.
    pub idle: Duration,
    /// While it takes nothing of what is written to it.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            frame: Duration::from_secs(30),
            idle: Duration::from_mins(10),
            write: Duration::from_secs(30),
        }
    }
}

/// Frames that wait together are written together, up to so many bytes.
const WRITE_BYTES: usize = 256 * 1024;

/// One side of a connection as its threads see it.
#[derive(Clone)]
pub(super) struct Connection {
    /// Its name.
    pub socket: SocketId,
    /// What waits where.
    pub flow: Arc<Flow>,
    /// Set when the peer sent a four-letter word: it is answered without a length.
    pub plain: Arc<AtomicBool>,
    /// How long its peer is waited for.
    pub patience: Patience,
}

/// Reads frames until the stream ends, says what no frame is, or stays silent for too long.
pub(super) fn read(
    mut stream: TcpStream,
    connection: &Connection,
    port: &Port,
    events: &Sender<Event>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut splitter = FrameSplitter::new(port.protocol.frame_bytes_max());
    let mut buffer = vec![0; 64 * 1024];
    let mut deadline = Some(now() + connection.patience.frame);
    let mut is_first = true;
    loop {
        let patience = match deadline {
            Some(deadline) => deadline.saturating_duration_since(now()),
            None => connection.patience.idle,
        };
        if patience.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        stream.set_read_timeout(Some(patience))?;
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut bytes = &buffer[..count];
        if is_first && port.protocol == Protocol::ZooKeeper && is_four_letter_word(bytes) {
            // Nothing but the answer and the end can follow.
            connection.plain.store(true, Ordering::Relaxed);
            let word = Bytes::copy_from_slice(&bytes[..4]);
            enter(word, connection, events)?;
            bytes = &[];
            deadline = None;
        }
        is_first = false;
        splitter.push(bytes);
        while let Some(frame) = splitter.next_frame()? {
            enter(frame, connection, events)?;
            deadline = None;
        }
        if splitter.is_inside_frame() && deadline.is_none() {
            deadline = Some(now() + connection.patience.frame);
        }
    }
}

fn enter(
    frame: Bytes,
    connection: &Connection,
    events: &Sender<Event>,
) -> Result<(), Box<dyn std::error::Error>> {
    if !connection.flow.enter(frame.len()) {
        return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
    }
    events.send(Event::Frame { socket: connection.socket, frame })?;
    Ok(())
}

/// Writes frames until there will be no more, then closes.
pub(super) fn write(mut stream: TcpStream, connection: &Connection, frames: &Receiver<Bytes>) {
    // A stream that cannot be told to be patient may block for ever, and its thread with it.
    if stream.set_write_timeout(Some(connection.patience.write)).is_ok() {
        // However it ended, the connection is over.
        let _ = write_all(&mut stream, connection, frames);
    }
    connection.flow.end();
    // It may have ended already.
    let _ = stream.shutdown(Shutdown::Both);
}

fn write_all(
    stream: &mut TcpStream,
    connection: &Connection,
    frames: &Receiver<Bytes>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Ok(frame) = frames.recv() {
        let mut sum = 0;
        let mut next = Some(frame);
        while let Some(frame) = next {
            if !connection.plain.load(Ordering::Relaxed) {
                bytes.extend_from_slice(&length_prefix(&frame));
            }
            bytes.extend_from_slice(&frame);
            sum += frame.len();
            next = if bytes.len() < WRITE_BYTES { frames.try_recv().ok() } else { None };
        }
        stream.write_all(&bytes)?;
        connection.flow.left(sum);
        bytes.clear();
        bytes.shrink_to(WRITE_BYTES);
    }
    Ok(())
}

/// Real time.
#[expect(clippy::disallowed_methods, reason = "sockets live in real time")]
fn now() -> Instant {
    Instant::now()
}
