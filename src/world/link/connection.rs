//! One connection: two ends and a lane towards each.

use super::super::trace_log::TraceLog;
use crate::base::{Cause, ConnId, EventId, Incarnation, MachineId, ProcessId, Time, TraceEvent};
use crate::node::CloseReason;
use bytes::Bytes;
use serde::Serialize;
use std::collections::VecDeque;

/// One life of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(in crate::world) struct Who {
    pub process: ProcessId,
    pub incarnation: Incarnation,
}

impl Who {
    /// Nobody: the end of a dial that was not answered yet.
    pub const NOBODY: Self = Self { process: ProcessId(0), incarnation: Incarnation(0) };
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(in crate::world) enum Side {
    /// The end that dialled.
    Opener,
    /// The end that was dialled.
    Acceptor,
}

impl Side {
    pub const fn index(self) -> usize {
        self as usize
    }

    pub const fn other(self) -> usize {
        1 - self as usize
    }

    pub const fn flip(self) -> Self {
        match self {
            Self::Opener => Self::Acceptor,
            Self::Acceptor => Self::Opener,
        }
    }
}

/// What an end knows of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(in crate::world) enum EndState {
    /// Nobody answered the dial yet.
    Dialled,
    /// It is in use.
    Live,
    /// Its machine lost power: nobody was told, and a frame will be answered with a reset.
    Vanished,
    /// It was closed, and the other side was told or told it.
    Gone,
}

/// An end.
#[derive(Clone, Debug, Serialize)]
pub(in crate::world) struct End {
    pub machine: MachineId,
    pub who: Who,
    pub state: EndState,
}

/// Something on its way to one end.
#[derive(Clone, Debug, Serialize)]
pub(in crate::world) struct Item {
    pub seq: u64,
    pub sent: Time,
    /// [`Time::MAX`] while it is held up.
    pub due: Time,
    pub cause: Cause,
    pub what: What,
}

/// What travels.
#[derive(Clone, Debug, Serialize)]
pub(in crate::world) enum What {
    /// A dial.
    Syn { port: u16 },
    /// Its completion, for the process that listens.
    Accepted { port: u16 },
    /// Its completion, for the process that dialled.
    Opened,
    /// A frame; `event` is its name.
    Frame { bytes: Bytes, event: EventId },
    /// The end of the connection.
    Close(CloseReason),
}

/// What is on its way to one end, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::world) struct Lane {
    pub items: VecDeque<Item>,
    /// When the last of them arrives.
    pub last_due: Time,
    /// Bytes of the frames in it.
    pub bytes: usize,
}

impl Lane {
    /// True when what is sent now waits behind something that is held up.
    pub fn is_held(&self) -> bool {
        self.items.back().is_some_and(|item| item.due == Time::MAX)
    }

    /// The item with that sequence number.
    pub fn find(&self, seq: u64) -> Option<&Item> {
        let place = self.items.binary_search_by_key(&seq, |item| item.seq).ok()?;
        self.items.get(place)
    }
}

/// A connection.
#[derive(Clone, Debug, Serialize)]
pub(in crate::world) struct Connection {
    pub ends: [End; 2],
    lanes: [Lane; 2],
    /// Set when a full send buffer broke it: both ends are about to hear.
    pub broken: bool,
}

/// A process that dials itself holds both ends; on the accepting one this bit of the serial is set,
/// so that a frame says which end it came to.
const ACCEPTING_END: u32 = 1 << 31;

impl Connection {
    /// A dial from `opener` to somebody on `machine`.
    pub fn dialled(opener: Who, from: MachineId, machine: MachineId) -> Self {
        let opener = End { machine: from, who: opener, state: EndState::Live };
        let acceptor = End { machine, who: Who::NOBODY, state: EndState::Dialled };
        Self { ends: [opener, acceptor], lanes: [Lane::default(), Lane::default()], broken: false }
    }

    /// The lane towards an end.
    pub fn lane(&self, towards: Side) -> &Lane {
        &self.lanes[towards.index()]
    }

    /// The lane towards an end, to change it.
    pub fn lane_mut(&mut self, towards: Side) -> &mut Lane {
        &mut self.lanes[towards.index()]
    }

    /// True when no process has an end any more.
    pub fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.state != EndState::Live)
    }

    /// The name by which the process at `side` knows the connection `id`.
    pub fn name_for(&self, id: ConnId, side: Side) -> ConnId {
        let own = self.ends[0].who == self.ends[1].who;
        let serial =
            if own && side == Side::Acceptor { id.serial | ACCEPTING_END } else { id.serial };
        ConnId { serial, ..id }
    }
}

/// Which connection, and which end of it, `who` means by `name`.
pub(super) fn resolve(name: ConnId, who: Who) -> (ConnId, Side) {
    let opened = name.opener == who.process && name.incarnation == who.incarnation;
    let accepting = name.serial & ACCEPTING_END != 0;
    let side = if opened && !accepting { Side::Opener } else { Side::Acceptor };
    (ConnId { serial: name.serial & !ACCEPTING_END, ..name }, side)
}

/// Tells the trace of a frame that will never arrive.
pub(super) fn trace_lost(item: &Item, at: Time, trace: &mut TraceLog) {
    if let What::Frame { event, .. } = item.what {
        trace.push(at, None, item.cause.clone(), TraceEvent::FrameLost { frame: event });
    }
}
