//! What passes between a queue server and those that send and receive: a small protocol of ours, for
//! the point-to-point messaging that Kafka is compared with. One frame is one record; numbers and
//! strings are jute's.

use bytes::Bytes;

use super::{DecodeError, FieldNode, Reader, jute};
use crate::wire::schema::read_field;

jute_records! {
    /// A frame of the queue's protocol; `kind` is a [`kind`].
    QueueFrame {
        kind: i32;
        number: i64;
        message: i64;
        count: i32;
        body: Option<Bytes>;
    }

    /// One entry of the log that a queue server keeps.
    QueueEntry {
        kind: i32;
        message: i64;
        body: Option<Bytes>;
    }
}

/// Kinds of frames.
pub mod kind {
    /// A sender puts a message into the queue: its own `number`, and the `body`.
    pub const SEND: i32 = 1;
    /// It is stored: the sender's `number`, and the `message` id it has now.
    pub const ACCEPTED: i32 = 2;
    /// It is not: the `number`, and the reason as `body`.
    pub const REFUSED: i32 = 3;
    /// A receiver wants messages: at most `count` that it has not acknowledged; its name as `body`.
    pub const RECEIVE: i32 = 4;
    /// A `message`, its `body`, and how often it has been handed out as `count`.
    pub const MESSAGE: i32 = 5;
    /// The receiver is done with `message`.
    pub const ACKNOWLEDGE: i32 = 6;
    /// `message` is gone for good.
    pub const REMOVED: i32 = 7;
    /// The server asks whether a receiver lives.
    pub const PING: i32 = 8;
    /// It does.
    pub const PONG: i32 = 9;

    /// Its name.
    pub fn name(kind: i32) -> &'static str {
        match kind {
            SEND => "send",
            ACCEPTED => "accepted",
            REFUSED => "refused",
            RECEIVE => "receive",
            MESSAGE => "message",
            ACKNOWLEDGE => "acknowledge",
            REMOVED => "removed",
            PING => "ping",
            PONG => "pong",
            _ => "unknown",
        }
    }
}

impl QueueFrame {
    /// A frame of that kind.
    pub fn of(kind: i32) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        jute::encode(self)
    }

    /// Reads a frame of a known kind.
    pub fn decode(frame: &Bytes) -> Result<Self, DecodeError> {
        let decoded: Self = jute::decode(frame)?;
        if kind::name(decoded.kind) == "unknown" {
            return Err(DecodeError::InvalidValue { at: 0, expected: "a known kind of frame" });
        }
        Ok(decoded)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned()
    }

    /// One line for the stage.
    pub fn line(&self) -> String {
        let Self { number, message, count, .. } = self;
        match self.kind {
            kind::SEND => format!("send #{number}"),
            kind::ACCEPTED => format!("accepted #{number} → message {message}"),
            kind::REFUSED => format!("refused #{number}: {}", self.text()),
            kind::RECEIVE => format!("receive up to {count}"),
            kind::MESSAGE if *count > 1 => format!("message {message}, delivery {count}"),
            kind::MESSAGE => format!("message {message}"),
            kind::ACKNOWLEDGE => format!("acknowledge message {message}"),
            kind::REMOVED => format!("message {message} is gone"),
            other => kind::name(other).to_owned(),
        }
    }
}

/// The field tree of a frame.
pub fn describe(frame: &Bytes) -> FieldNode {
    let mut reader = Reader::recording(frame);
    let read: Result<QueueFrame, _> = read_field(&mut reader, "frame", jute::FORM);
    let name = read.as_ref().map_or("frame", |frame| kind::name(frame.kind));
    reader.into_tree(name.to_owned(), read.as_ref().map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_others_are_refused() {
        let body = Some(Bytes::from("order 7"));
        let frame = QueueFrame { kind: kind::SEND, number: 3, message: -1, count: 0, body };
        assert_eq!(QueueFrame::decode(&frame.encode()), Ok(frame.clone()));
        assert!(QueueFrame::decode(&QueueFrame::of(77).encode()).is_err());
        assert!(QueueFrame::decode(&Bytes::from_static(b"GET /")).is_err());
        assert_eq!(frame.line(), "send #3");
        assert_eq!(describe(&frame.encode()).name, "send");
    }
}
