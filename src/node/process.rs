//! The process and all that a step may touch.

use super::effect::{Effect, Emission, ExitReason};
use super::input::Input;
use super::view::ProcessView;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{
    Cause, ConnId, Endpoint, Incarnation, MachineClock, ProcessId, Rng, Span, Time, TraceEvent,
};
use crate::disk::{DiskError, Volume};
use bytes::Bytes;

/// A program on a machine. Pure: the same inputs on the same volume give the same effects.
pub trait Process {
    /// Applies one input. Never blocks and returns no error: what can go wrong is an effect or an
    /// error code on the wire.
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>);

    /// When to call again with [`Input::Wake`], and why. Asked after every step; a time that has
    /// passed means at once, and a step that answers `Wake` must move it on.
    fn next_wakeup(&self) -> Option<Wakeup>;

    /// Bytes that arrived on `conn` and were not taken up yet. A real process leaves them in its
    /// kernel, which stops the sender; the gateway stops the real one.
    fn unread(&self, conn: ConnId) -> usize {
        let _ = conn;
        0
    }

    /// A picture for the page and the checkers. Never fed back.
    fn view(&self) -> ProcessView;
}

/// All a step may touch. Everything in it is a value that the host owns; nothing in it waits.
pub struct Ctx<'a> {
    /// The world's time.
    pub(super) at: Time,
    pub(super) clock: MachineClock,
    pub(super) me: ProcessId,
    pub(super) incarnation: Incarnation,
    pub(super) next_conn: &'a mut u32,
    pub(super) next_seq: &'a mut u64,
    pub(super) cause: Cause,
    pub(super) sync_latency: Span,
    pub(super) emissions: &'a mut Vec<Emission>,
    /// The disk.
    pub volume: &'a mut Volume,
    /// This life's random stream.
    pub rng: &'a mut Rng,
}

impl Ctx<'_> {
    /// What the machine's clock reads; an [`Ctx::fsync`] moves it on.
    pub fn now(&self) -> Time {
        self.clock.reads(self.at)
    }

    /// The process that steps.
    pub fn me(&self) -> ProcessId {
        self.me
    }

    /// Which of its lives this is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn emit(&mut self, effect: Effect) {
        let (at, seq, cause) = (self.at, *self.next_seq, self.cause.clone());
        *self.next_seq += 1;
        self.emissions.push(Emission { at, seq, cause, effect });
    }

    /// Accepts connections on `port`.
    pub fn listen(&mut self, port: u16) {
        self.emit(Effect::Listen(port));
    }

    /// Dials `to` and returns the name of the connection.
    pub fn dial(&mut self, to: Endpoint) -> ConnId {
        let conn =
            ConnId { opener: self.me, incarnation: self.incarnation, serial: *self.next_conn };
        *self.next_conn += 1;
        self.emit(Effect::Dial { conn, to });
        conn
    }

    /// Sends one frame, without its length prefix.
    pub fn send(&mut self, conn: ConnId, frame: impl Into<Bytes>) {
        self.emit(Effect::Send { conn, frame: frame.into() });
    }

    /// Closes a connection; no `Closed` comes back for it.
    pub fn hangup(&mut self, conn: ConnId) {
        self.emit(Effect::Hangup(conn));
    }

    /// Reports the outcome of a command.
    pub fn answer(&mut self, command: u64, outcome: Result<String, String>) {
        self.emit(Effect::Answer { command, outcome });
    }

    /// Puts an event into the trace.
    pub fn trace(&mut self, event: TraceEvent) {
        self.emit(Effect::Trace(event));
    }

    /// Writes a server log line: `text` in Kafka's words, `logger` the class that writes it there.
    pub fn log(&mut self, level: LogLevel, logger: &str, text: impl Into<String>) {
        let (text, logger) = (text.into(), logger.to_owned());
        self.trace(TraceEvent::Logged { level, text, logger });
    }

    /// How many effects there are so far.
    pub fn emitted(&self) -> usize {
        self.emissions.len()
    }

    /// Leaves out the log lines behind the first `from` effects that `keep` does not want, by their
    /// level and logger.
    pub fn retain_log(&mut self, from: usize, keep: impl Fn(LogLevel, &str) -> bool) {
        let is_kept = |effect: &Effect| match effect {
            Effect::Trace(TraceEvent::Logged { level, logger, .. }) => keep(*level, logger),
            _ => true,
        };
        let mut kept = self.emissions.split_off(from);
        kept.retain(|emission| is_kept(&emission.effect));
        self.emissions.append(&mut kept);
    }

    /// Ends the process after this step.
    pub fn exit(&mut self, failure: bool, message: impl Into<String>) {
        self.emit(Effect::Exit(ExitReason { failure, message: message.into() }));
    }

    /// Makes `file` durable as it is now. The disk takes its time: what the step emits from here on
    /// leaves when the sync is done, and the process is busy until then. A step writes first and
    /// syncs last, so that what a power cut inside the sync leaves is what a real one would.
    pub fn fsync(&mut self, file: &str) -> Result<(), DiskError> {
        let done = self.at + self.sync_latency;
        self.volume.sync(file, done)?;
        self.at = done;
        Ok(())
    }

    /// Starts to make `file` durable as it is now and goes on meanwhile, as a background thread
    /// does. Returns when the sync is done, by the machine's clock.
    pub fn fsync_in_background(&mut self, file: &str) -> Result<Time, DiskError> {
        let done = self.at + self.sync_latency;
        self.volume.sync(file, done)?;
        Ok(self.clock.reads(done))
    }
}
