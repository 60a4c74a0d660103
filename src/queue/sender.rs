//! A sender: puts messages into a queue, and puts one in again as long as it does not hear that it is
//! stored.

use super::link::{LinkEvent, QueueLink};
use crate::base::timers::Wakeup;
use crate::base::{SortedMap, Span, Time, TraceEvent, record_checksum};
use crate::node::view::{OutcomeView, ProducerView, preview};
use crate::node::{Command, ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use crate::wire::queue::{QueueFrame, kind};
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many outcomes the view holds.
const OUTCOMES_SHOWN_MAX: usize = 32;
/// Messages that wait to be stored; more are refused.
const PENDING_MAX: usize = 10_000;

/// A message that is not known to be stored.
#[derive(Clone, Debug)]
struct Pending {
    body: Bytes,
    /// The command that it came with.
    command: Option<u64>,
    sent_at: Time,
    /// It was sent on some connection.
    was_sent: bool,
}

/// A command that waits for its messages.
#[derive(Clone, Debug)]
struct Progress {
    messages: usize,
    open: usize,
    first_error: Option<String>,
}

/// The process.
pub struct QueueSender {
    name: String,
    link: QueueLink,
    request_timeout: Span,
    pending: SortedMap<i64, Pending>,
    commands: SortedMap<u64, Progress>,
    next_number: i64,
    /// Interval of the generator, and when it is next.
    generator: Option<(Span, Time)>,
    generated: u64,
    sent: u64,
    acknowledged: u64,
    failed: u64,
    retries: u64,
    outcomes: VecDeque<Rc<OutcomeView>>,
    is_closing: bool,
}

impl QueueSender {
    /// A sender to the server that `queue` names.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        Ok(Self {
            name: spec.name.clone(),
            link: QueueLink::new(spec)?,
            request_timeout: spec.properties.millis("request.timeout.ms", 10_000)?,
            pending: SortedMap::new(),
            commands: SortedMap::new(),
            next_number: 1,
            generator: None,
            generated: 0,
            sent: 0,
            acknowledged: 0,
            failed: 0,
            retries: 0,
            outcomes: VecDeque::new(),
            is_closing: false,
        })
    }

    fn on_command(&mut self, id: u64, command: Command, ctx: &mut Ctx<'_>) {
        match command {
            _ if self.is_closing => ctx.answer(id, Err("The sender is closing.".to_owned())),
            Command::Produce { records, .. } if records.is_empty() => {
                ctx.answer(id, Ok("0 messages".to_owned()));
            }
            Command::Produce { records, .. } => {
                if self.pending.len() + records.len() > PENDING_MAX {
                    let text = format!("More than {PENDING_MAX} messages wait to be stored.");
                    return ctx.answer(id, Err(text));
                }
                let messages = records.len();
                let progress = Progress { messages, open: messages, first_error: None };
                self.commands.insert(id, progress);
                for record in records {
                    self.send(record.value.unwrap_or_default(), Some(id), ctx);
                }
            }
            Command::ProduceEvery { interval_us: 0, .. } => {
                self.generator = None;
                ctx.answer(id, Ok("No longer sending.".to_owned()));
            }
            Command::ProduceEvery { interval_us, .. } => {
                let every = Span::from_micros(interval_us);
                self.generator = Some((every, ctx.now()));
                ctx.answer(id, Ok(format!("Sending every {every}.")));
            }
            Command::CreateTopic { .. }
            | Command::DumpLog(_)
            | Command::Admin(_)
            | Command::Seek { .. }
            | Command::Consumer(_) => {
                ctx.answer(id, Err("A queue has no topics and no offsets.".to_owned()));
            }
        }
    }

    fn send(&mut self, body: Bytes, command: Option<u64>, ctx: &mut Ctx<'_>) {
        let number = self.next_number;
        self.next_number += 1;
        self.sent += 1;
        let checksum = record_checksum(None, Some(&body));
        ctx.trace(TraceEvent::QueueMessageSent { number, checksum });
        let sent_at = ctx.now();
        self.link.send(&send_frame(number, &body), ctx);
        let was_sent = self.link.is_open();
        self.pending.insert(number, Pending { body, command, sent_at, was_sent });
    }

    fn run_generator(&mut self, ctx: &mut Ctx<'_>) {
        let Some((every, next)) = self.generator else { return };
        if next > ctx.now() {
            return;
        }
        self.generator = Some((every, ctx.now() + every));
        if self.pending.len() < PENDING_MAX {
            self.generated += 1;
            self.send(Bytes::from(format!("message-{}", self.generated)), None, ctx);
        }
    }

    fn on_event(&mut self, event: LinkEvent, ctx: &mut Ctx<'_>) {
        match event {
            LinkEvent::Opened => {
                for (number, pending) in &mut self.pending {
                    // What was sent on a connection before may be stored already, and then twice.
                    self.retries += u64::from(std::mem::replace(&mut pending.was_sent, true));
                    pending.sent_at = ctx.now();
                    self.link.send(&send_frame(*number, &pending.body), ctx);
                }
            }
            LinkEvent::Frame(frame) => match frame.kind {
                kind::ACCEPTED => self.on_outcome(frame.number, Ok(frame.message), ctx),
                kind::REFUSED => self.on_outcome(frame.number, Err(frame.text()), ctx),
                _ => {}
            },
            LinkEvent::Closed => {}
        }
    }

    fn on_outcome(&mut self, number: i64, outcome: Result<i64, String>, ctx: &mut Ctx<'_>) {
        let Some(pending) = self.pending.remove(&number) else { return };
        match &outcome {
            Ok(_) => self.acknowledged += 1,
            Err(_) => self.failed += 1,
        }
        if self.outcomes.len() == OUTCOMES_SHOWN_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(Rc::new(OutcomeView {
            record: number.cast_unsigned(),
            key: None,
            value: Some(preview(&pending.body)),
            result: outcome.clone().map(|message| format!("message {message}")),
        }));
        let Some(id) = pending.command else { return };
        let Some(progress) = self.commands.get_mut(&id) else { return };
        progress.open -= 1;
        if let Err(error) = outcome {
            progress.first_error.get_or_insert(error);
        }
        if progress.open == 0
            && let Some(Progress { messages, first_error, .. }) = self.commands.remove(&id)
        {
            let plural = if messages == 1 { "" } else { "s" };
            let stored = format!("{messages} message{plural} stored");
            ctx.answer(id, first_error.map_or(Ok(stored), Err));
        }
    }

    /// When the oldest message has waited too long.
    fn times_out_at(&self) -> Option<Time> {
        let oldest = self.pending.values().map(|pending| pending.sent_at).min()?;
        self.link.is_open().then(|| oldest + self.request_timeout)
    }
}

fn send_frame(number: i64, body: &Bytes) -> QueueFrame {
    QueueFrame { number, body: Some(body.clone()), ..QueueFrame::of(kind::SEND) }
}

impl Process for QueueSender {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => self.link.dial(ctx),
            Input::Wake => {
                self.link.on_wake(ctx);
                if self.times_out_at().is_some_and(|at| at <= ctx.now()) {
                    self.link.start_over(ctx);
                }
            }
            Input::Link(link) => {
                if let Some(event) = self.link.on_link(link, ctx) {
                    self.on_event(event, ctx);
                }
            }
            Input::Command { id, command } => self.on_command(id, command, ctx),
            Input::Stop => {
                self.is_closing = true;
                self.generator = None;
            }
        }
        self.run_generator(ctx);
        // One that never was connected has nobody to wait for.
        if self.is_closing && (self.pending.is_empty() || !self.link.is_open()) {
            self.link.hangup(ctx);
            ctx.exit(false, "Closed the sender");
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let tick = self.generator.map(|(_, next)| (next, "next message"));
        let redial = self.link.next_wakeup().map(|at| (at, "reconnect.backoff.ms"));
        let timeout = self.times_out_at().map(|at| (at, "request.timeout.ms"));
        let (at, reason) = tick.into_iter().chain(redial).chain(timeout).min()?;
        Some(Wakeup { at, reason: reason.into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::Producer(ProducerView {
            client_id: self.name.clone(),
            sent: self.sent,
            acknowledged: self.acknowledged,
            failed: self.failed,
            retries: self.retries,
            pending: self.pending.len() as u64,
            outcomes: self.outcomes.iter().cloned().collect(),
            interval_us: self.generator.map_or(0, |(every, _)| every.as_micros()),
            // A queue has one way of storing a message: on its disk.
            acks: 1,
            producer_id: -1,
            producer_epoch: -1,
        })
    }
}
