//! The length prefix of frames on a byte stream. Inside the world frames travel without it; real
//! sockets need it. Kafka and ZooKeeper use the same: an int32.
//!
//! In Kafka: `NetworkReceive`; in ZooKeeper: `NIOServerCnxn`.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// Kafka's `socket.request.max.bytes`.
pub const MAX_KAFKA_FRAME: usize = 104_857_600;
/// ZooKeeper's `jute.maxbuffer`.
pub const MAX_ZOOKEEPER_FRAME: usize = 0x000f_ffff;

const PREFIX: usize = 4;

/// A length that no frame may have: the stream cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidFrameLength(pub i32);

impl fmt::Display for InvalidFrameLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid frame length {}", self.0)
    }
}

impl std::error::Error for InvalidFrameLength {}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct FrameSplitter {
    max: usize,
    received: BytesMut,
}

impl FrameSplitter {
    /// Refuses frames of more than `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, received: BytesMut::new() }
    }

    /// Takes bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// True while a part of a frame waits for the rest.
    pub fn is_inside_frame(&self) -> bool {
        !self.received.is_empty()
    }

    /// The next whole frame, without its prefix. After an error the stream is of no more use.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, InvalidFrameLength> {
        let Some((prefix, _)) = self.received.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let prefix = i32::from_be_bytes(*prefix);
        let length = usize::try_from(prefix)
            .ok()
            .filter(|length| *length <= self.max)
            .ok_or(InvalidFrameLength(prefix))?;
        if self.received.len() < PREFIX + length {
            return Ok(None);
        }
        self.received.advance(PREFIX);
        Ok(Some(self.received.split_to(length).freeze()))
    }
}

/// The prefix to send in front of a frame.
pub fn length_prefix(frame: &[u8]) -> [u8; PREFIX] {
    (frame.len() as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_however_the_stream_was_cut() {
        let frames: [&[u8]; 3] = [b"produce", b"", b"fetch"];
        let stream: Vec<u8> =
            frames.iter().flat_map(|frame| [&length_prefix(frame)[..], frame].concat()).collect();
        for size in 1..=stream.len() {
            let mut splitter = FrameSplitter::new(7);
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                splitter.push(piece);
                while let Some(frame) = splitter.next_frame().expect("within the limit") {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames);
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_kept() {
        for length in [-1, i32::MIN, 8, i32::MAX] {
            let mut splitter = FrameSplitter::new(7);
            splitter.push(&length.to_be_bytes());
            assert_eq!(splitter.next_frame(), Err(InvalidFrameLength(length)));
        }
    }
}
