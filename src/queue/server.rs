//! The queue server: stores what is sent, hands each message to one receiver, and forgets it when
//! that one acknowledges.

use super::QUEUE_PORT;
use super::store::{FILE, Store};
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{ConnId, SortedMap, SortedSet, Span, Time, TraceEvent, record_checksum};
use crate::disk::DiskError;
use crate::node::view::{
    QUEUE_MESSAGES_SHOWN_MAX, QueueMessageView, QueueReceiverState, QueueView, preview,
};
use crate::node::{ConfigError, Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView};
use crate::wire::queue::{QueueFrame, kind};

const LOGGER: &str = "queue.Server";
/// Of messages that a receiver may hold without having acknowledged them, at most so many.
const PREFETCH_MAX: i32 = 1_000;

/// A connection that receives.
#[derive(Clone, Debug)]
struct Receiver {
    name: String,
    /// Most messages that it holds at once.
    prefetch: usize,
    /// Messages that it has and has not acknowledged.
    held: SortedSet<i64>,
    last_heard: Time,
    /// It was asked for a sign of life after that.
    is_asked: bool,
}

/// What a step lets out once everything it stored is safe.
enum Out {
    Frame(ConnId, QueueFrame),
    Trace(TraceEvent),
}

/// The server.
pub struct QueueServer {
    port: u16,
    /// A receiver that has said nothing for so long is asked; one that does not answer within the
    /// same time again is taken for dead. Zero: nobody is asked.
    heartbeat: Span,
    store: Store,
    /// Messages that nobody holds.
    ready: SortedSet<i64>,
    /// How often a message was handed out in this life of the server.
    deliveries: SortedMap<i64, i32>,
    receivers: SortedMap<ConnId, Receiver>,
    /// Who got the last message; the next one after it is next.
    turn: Option<ConnId>,
    stored: u64,
    removed: u64,
    out: Vec<Out>,
    has_written: bool,
}

impl QueueServer {
    /// A server on `port` (5800 unless said otherwise) that asks silent receivers every
    /// `heartbeat.ms`.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        Ok(Self {
            port: spec.properties.parse("port", QUEUE_PORT)?,
            heartbeat: spec.properties.millis("heartbeat.ms", 5_000)?,
            store: Store::default(),
            ready: SortedSet::new(),
            deliveries: SortedMap::new(),
            receivers: SortedMap::new(),
            turn: None,
            stored: 0,
            removed: 0,
            out: Vec::new(),
            has_written: false,
        })
    }

    fn start(&mut self, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        self.store = Store::load(ctx.volume)?;
        // What an earlier life did not sync may be lost with the next power cut, and is promised now.
        self.has_written = ctx.volume.len(FILE).is_some();
        self.ready = self.store.messages.keys().copied().collect();
        let text =
            format!("{} messages in the queue, listening on port {}", self.ready.len(), self.port);
        ctx.log(LogLevel::Info, LOGGER, text);
        ctx.listen(self.port);
        Ok(())
    }

    fn on_link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        match link {
            LinkInput::Frame(conn, frame) => match QueueFrame::decode(&frame) {
                Ok(frame) => return self.on_frame(conn, frame, ctx),
                Err(error) => self.refuse(conn, &error.to_string(), ctx),
            },
            LinkInput::Closed(conn, _) => self.give_back(conn),
            LinkInput::Accepted { .. } | LinkInput::Opened(_) => {}
        }
        Ok(())
    }

    fn on_frame(
        &mut self,
        conn: ConnId,
        frame: QueueFrame,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), DiskError> {
        if let Some(receiver) = self.receivers.get_mut(&conn) {
            receiver.last_heard = ctx.now();
            receiver.is_asked = false;
        }
        match frame.kind {
            kind::SEND => self.take(conn, frame, ctx),
            kind::RECEIVE => {
                self.register(conn, &frame, ctx.now());
                Ok(())
            }
            kind::ACKNOWLEDGE => self.acknowledge(conn, frame.message, ctx),
            kind::PONG => Ok(()),
            other => {
                self.refuse(conn, &format!("{} is for clients", kind::name(other)), ctx);
                Ok(())
            }
        }
    }

    fn take(
        &mut self,
        conn: ConnId,
        frame: QueueFrame,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), DiskError> {
        let (number, body) = (frame.number, frame.body.unwrap_or_default());
        match self.store.put(body.clone(), ctx.volume) {
            Ok(message) => {
                self.has_written = true;
                self.stored += 1;
                self.ready.insert(message);
                let checksum = record_checksum(None, Some(&body));
                self.out.push(Out::Trace(TraceEvent::QueueMessageStored { message, checksum }));
                let accepted = QueueFrame { number, message, ..QueueFrame::of(kind::ACCEPTED) };
                self.out.push(Out::Frame(conn, accepted));
            }
            Err(DiskError::Full) => {
                let body = Some(DiskError::Full.to_string().into());
                let refused = QueueFrame { number, body, ..QueueFrame::of(kind::REFUSED) };
                self.out.push(Out::Frame(conn, refused));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn register(&mut self, conn: ConnId, frame: &QueueFrame, now: Time) {
        let prefetch = frame.count.clamp(1, PREFETCH_MAX) as usize;
        let name = frame.text();
        let receiver = self.receivers.entry(conn).or_insert_with(|| Receiver {
            name,
            prefetch,
            held: SortedSet::new(),
            last_heard: now,
            is_asked: false,
        });
        receiver.prefetch = prefetch;
    }

    /// An acknowledgement counts for whoever holds the message; for anybody else it is too late.
    fn acknowledge(
        &mut self,
        conn: ConnId,
        message: i64,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), DiskError> {
        let Some(receiver) = self.receivers.get_mut(&conn) else { return Ok(()) };
        if !receiver.held.remove(&message) {
            return Ok(());
        }
        let receiver = receiver.name.clone();
        self.store.remove(message, ctx.volume)?;
        self.has_written = true;
        self.removed += 1;
        self.deliveries.remove(&message);
        self.out.push(Out::Trace(TraceEvent::QueueMessageRemoved { message, receiver }));
        let removed = QueueFrame { message, ..QueueFrame::of(kind::REMOVED) };
        self.out.push(Out::Frame(conn, removed));
        Ok(())
    }

    /// A connection is gone: what its receiver held goes back, to where it came from.
    fn give_back(&mut self, conn: ConnId) {
        let Some(gone) = self.receivers.remove(&conn) else { return };
        for message in &gone.held {
            self.ready.insert(*message);
            let (message, receiver) = (*message, gone.name.clone());
            self.out.push(Out::Trace(TraceEvent::QueueMessageReturned { message, receiver }));
        }
    }

    fn refuse(&mut self, conn: ConnId, reason: &str, ctx: &mut Ctx<'_>) {
        ctx.log(LogLevel::Warn, LOGGER, format!("Closing a connection: {reason}"));
        ctx.hangup(conn);
        self.give_back(conn);
    }

    fn on_wake(&mut self, ctx: &mut Ctx<'_>) {
        let (now, heartbeat) = (ctx.now(), self.heartbeat);
        let silent = |receiver: &Receiver| deadline(receiver, heartbeat) <= now;
        let due: Vec<ConnId> = self
            .receivers
            .iter()
            .filter(|(_, receiver)| silent(receiver))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in due {
            match self.receivers.get_mut(&conn) {
                Some(receiver) if receiver.is_asked => {
                    let reason = format!("{} does not answer", receiver.name);
                    self.refuse(conn, &reason, ctx);
                }
                Some(receiver) => {
                    receiver.is_asked = true;
                    self.out.push(Out::Frame(conn, QueueFrame::of(kind::PING)));
                }
                None => {}
            }
        }
    }

    /// Hands out messages, one receiver after the other, as long as somebody wants one.
    fn dispatch(&mut self) {
        while let Some(message) = self.ready.first().copied() {
            let Some(conn) = self.next_receiver() else { return };
            let Some(receiver) = self.receivers.get_mut(&conn) else { return };
            self.turn = Some(conn);
            self.ready.remove(&message);
            receiver.held.insert(message);
            let count = self.deliveries.entry(message).or_default();
            *count += 1;
            let (count, receiver) = (*count, receiver.name.clone());
            let body = self.store.messages.get(&message).cloned();
            self.out.push(Out::Trace(TraceEvent::QueueMessageDelivered {
                message,
                receiver,
                deliveries: count.cast_unsigned(),
            }));
            let frame = QueueFrame { message, count, body, ..QueueFrame::of(kind::MESSAGE) };
            self.out.push(Out::Frame(conn, frame));
        }
    }

    fn next_receiver(&self) -> Option<ConnId> {
        let wants = |(_, receiver): &(&ConnId, &Receiver)| receiver.held.len() < receiver.prefetch;
        let after = self.receivers.iter().filter(|(conn, _)| Some(**conn) > self.turn).find(wants);
        let found = after.or_else(|| self.receivers.iter().find(wants));
        found.map(|(conn, _)| *conn)
    }

    /// Makes safe what was written, and only then tells of it.
    fn settle(&mut self, ctx: &mut Ctx<'_>) -> Result<(), DiskError> {
        self.dispatch();
        if std::mem::take(&mut self.has_written) {
            ctx.fsync(FILE)?;
        }
        for out in std::mem::take(&mut self.out) {
            match out {
                Out::Frame(conn, frame) => ctx.send(conn, frame.encode()),
                Out::Trace(event) => ctx.trace(event),
            }
        }
        Ok(())
    }

    fn picture(&self) -> QueueView {
        let holder = |message: &i64| {
            let holds = |receiver: &&Receiver| receiver.held.contains(message);
            self.receivers.values().find(holds).map(|receiver| receiver.name.clone())
        };
        let shown = self.store.messages.iter().take(QUEUE_MESSAGES_SHOWN_MAX);
        QueueView {
            ready: self.ready.len() as u64,
            delivered: (self.store.messages.len() - self.ready.len()) as u64,
            stored: self.stored,
            removed: self.removed,
            messages: shown
                .map(|(message, body)| QueueMessageView {
                    message: *message,
                    body: preview(body),
                    holder: holder(message),
                    deliveries: self.deliveries.get(message).copied().unwrap_or(0).cast_unsigned(),
                })
                .collect(),
            receivers: self
                .receivers
                .values()
                .map(|receiver| QueueReceiverState {
                    name: receiver.name.clone(),
                    held: receiver.held.len() as u64,
                    prefetch: receiver.prefetch as u64,
                })
                .collect(),
        }
    }
}

/// When a receiver is asked, or given up, unless it is heard of.
fn deadline(receiver: &Receiver, heartbeat: Span) -> Time {
    let asked = receiver.last_heard + heartbeat;
    if receiver.is_asked { asked + heartbeat } else { asked }
}

impl Process for QueueServer {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let outcome = match input {
            Input::Start { .. } => self.start(ctx),
            Input::Wake => {
                self.on_wake(ctx);
                Ok(())
            }
            Input::Link(link) => self.on_link(link, ctx),
            Input::Command { id, .. } => {
                ctx.answer(id, Err("A queue server takes no commands.".to_owned()));
                Ok(())
            }
            Input::Stop => {
                ctx.exit(false, "Terminated");
                return;
            }
        };
        if let Err(error) = outcome.and_then(|()| self.settle(ctx)) {
            ctx.log(LogLevel::Error, LOGGER, error.to_string());
            ctx.exit(true, error.to_string());
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        if self.heartbeat == Span::ZERO {
            return None;
        }
        let deadlines = self.receivers.values().map(|one| deadline(one, self.heartbeat));
        let at = deadlines.min()?;
        Some(Wakeup { at, reason: "heartbeat of a receiver".into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::Queue(self.picture())
    }
}
