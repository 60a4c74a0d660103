//! The connection of a sender or receiver to its queue server: dialled again, after a back-off, as
//! often as it ends.

use crate::base::{ConnId, Endpoint, Span, Time};
use crate::node::{ConfigError, Ctx, LinkInput, ProcessSpec};
use crate::wire::queue::QueueFrame;

/// What a connection brings.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum LinkEvent {
    /// It stands.
    Opened,
    /// A frame came.
    Frame(QueueFrame),
    /// It is gone; another one will be dialled.
    Closed,
}

/// The connection.
#[derive(Clone, Debug)]
pub(super) struct QueueLink {
    server: Endpoint,
    backoff: Span,
    conn: Option<ConnId>,
    is_open: bool,
    redial_at: Option<Time>,
}

impl QueueLink {
    /// To the server that `queue` names.
    pub(super) fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let value = spec.properties.get("queue").unwrap_or_default();
        let server = value.parse().map_err(|error| ConfigError {
            key: "queue".to_owned(),
            value: value.to_owned(),
            reason: format!("{error}"),
        })?;
        let backoff = spec.properties.millis("reconnect.backoff.ms", 1_000)?;
        Ok(Self { server, backoff, conn: None, is_open: false, redial_at: None })
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// When to dial again.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.redial_at
    }

    pub(super) fn dial(&mut self, ctx: &mut Ctx<'_>) {
        self.redial_at = None;
        self.is_open = false;
        self.conn = Some(ctx.dial(self.server.clone()));
    }

    pub(super) fn on_wake(&mut self, ctx: &mut Ctx<'_>) {
        if self.redial_at.is_some_and(|at| at <= ctx.now()) {
            self.dial(ctx);
        }
    }

    /// Gives the connection up and dials another one.
    pub(super) fn start_over(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conn.take() {
            ctx.hangup(conn);
        }
        self.dial(ctx);
    }

    pub(super) fn send(&self, frame: &QueueFrame, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conn.filter(|_| self.is_open) {
            ctx.send(conn, frame.encode());
        }
    }

    pub(super) fn hangup(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conn.take() {
            ctx.hangup(conn);
        }
        self.is_open = false;
        self.redial_at = None;
    }

    pub(super) fn on_link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) -> Option<LinkEvent> {
        match link {
            LinkInput::Opened(conn) if self.conn == Some(conn) => {
                self.is_open = true;
                Some(LinkEvent::Opened)
            }
            LinkInput::Frame(conn, frame) if self.conn == Some(conn) => {
                if let Ok(frame) = QueueFrame::decode(&frame) {
                    return Some(LinkEvent::Frame(frame));
                }
                // Whoever answers like this is no queue server.
                self.hangup(ctx);
                self.redial_at = Some(ctx.now() + self.backoff);
                Some(LinkEvent::Closed)
            }
            LinkInput::Closed(conn, _) if self.conn == Some(conn) => {
                self.conn = None;
                self.is_open = false;
                self.redial_at = Some(ctx.now() + self.backoff);
                Some(LinkEvent::Closed)
            }
            LinkInput::Opened(_)
            | LinkInput::Accepted { .. }
            | LinkInput::Frame(..)
            | LinkInput::Closed(..) => None,
        }
    }
}
