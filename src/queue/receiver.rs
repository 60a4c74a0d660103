//! A receiver: takes messages from a queue, works on each for a while, and acknowledges it. What it
//! had not acknowledged when it died, another one gets.

use super::link::{LinkEvent, QueueLink};
use crate::base::timers::Wakeup;
use crate::base::{Span, Time, TraceEvent, record_checksum};
use crate::node::view::{QueueReceiverView, preview};
use crate::node::{ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use crate::wire::queue::{QueueFrame, kind};
use bytes::Bytes;
use std::collections::VecDeque;

/// How many messages the view holds.
const MESSAGES_SHOWN_MAX: usize = 32;

/// The process.
pub struct QueueReceiver {
    name: String,
    link: QueueLink,
    /// How long it works on a message before it acknowledges.
    processing_time: Span,
    prefetch: i32,
    /// Messages that it was given and has not begun with.
    waiting: VecDeque<(i64, Bytes)>,
    /// The message that it works on, and when it is done.
    current: Option<(i64, Time)>,
    received: u64,
    removed: u64,
    messages: VecDeque<(i64, String)>,
}

impl QueueReceiver {
    /// A receiver at the server that `queue` names. `processing.time.ms` (0) is how long it works on
    /// a message, `prefetch` (1) how many it takes at once.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        Ok(Self {
            name: spec.name.clone(),
            link: QueueLink::new(spec)?,
            processing_time: spec.properties.millis("processing.time.ms", 0)?,
            prefetch: spec.properties.parse("prefetch", 1)?,
            waiting: VecDeque::new(),
            current: None,
            received: 0,
            removed: 0,
            messages: VecDeque::new(),
        })
    }

    fn on_event(&mut self, event: LinkEvent, ctx: &mut Ctx<'_>) {
        match event {
            LinkEvent::Opened => {
                let body = Some(Bytes::from(self.name.clone()));
                let receive =
                    QueueFrame { count: self.prefetch, body, ..QueueFrame::of(kind::RECEIVE) };
                self.link.send(&receive, ctx);
            }
            LinkEvent::Frame(frame) => match frame.kind {
                kind::MESSAGE => {
                    self.waiting.push_back((frame.message, frame.body.unwrap_or_default()));
                }
                kind::REMOVED => self.removed += 1,
                kind::PING => self.link.send(&QueueFrame::of(kind::PONG), ctx),
                _ => {}
            },
            // The server takes them back; they will come again, to somebody.
            LinkEvent::Closed => {
                self.waiting.clear();
                self.current = None;
            }
        }
    }

    /// Works: one message after the other.
    fn work(&mut self, ctx: &mut Ctx<'_>) {
        loop {
            if let Some((message, done)) = self.current {
                if done > ctx.now() {
                    return;
                }
                self.current = None;
                let acknowledge = QueueFrame { message, ..QueueFrame::of(kind::ACKNOWLEDGE) };
                self.link.send(&acknowledge, ctx);
            }
            let Some((message, body)) = self.waiting.pop_front() else { return };
            self.received += 1;
            let checksum = record_checksum(None, Some(&body));
            ctx.trace(TraceEvent::QueueMessageConsumed { message, checksum });
            if self.messages.len() == MESSAGES_SHOWN_MAX {
                self.messages.pop_front();
            }
            self.messages.push_back((message, preview(&body)));
            self.current = Some((message, ctx.now() + self.processing_time));
        }
    }
}

impl Process for QueueReceiver {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => self.link.dial(ctx),
            Input::Wake => self.link.on_wake(ctx),
            Input::Link(link) => {
                if let Some(event) = self.link.on_link(link, ctx) {
                    self.on_event(event, ctx);
                }
            }
            Input::Command { id, .. } => {
                ctx.answer(id, Err("A receiver takes what the queue gives it.".to_owned()));
            }
            Input::Stop => {
                self.link.hangup(ctx);
                ctx.exit(false, format!("Received {} messages", self.received));
                return;
            }
        }
        self.work(ctx);
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let done = self.current.map(|(_, done)| (done, "processing.time.ms"));
        let redial = self.link.next_wakeup().map(|at| (at, "reconnect.backoff.ms"));
        let (at, reason) = done.into_iter().chain(redial).min()?;
        Some(Wakeup { at, reason: reason.into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::QueueReceiver(QueueReceiverView {
            is_connected: self.link.is_open(),
            received: self.received,
            acknowledged: self.removed,
            current: self.current.map(|(message, _)| message),
            waiting: self.waiting.len() as u64,
            messages: self.messages.iter().cloned().collect(),
        })
    }
}
