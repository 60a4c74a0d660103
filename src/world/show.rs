//! Making pictures of a world.

use super::ledger::Ledger;
use super::link::What;
use super::lives::{Life, Proc};
use super::observer::{FrameDetails, Observer};
use super::picture::{FlyingFrame, Picture, ProcessCard, ProcessState};
use super::state::World;
use crate::base::{ConnId, EventId, ProcessId, Time};
use crate::node::Program;
use crate::wire::Protocol;
use crate::wire::summary::FrameShape;
use bytes::Bytes;
use std::rc::Rc;

/// Most events that one picture brings.
const EVENTS_SHOWN_MAX: usize = 2_000;

impl World {
    /// Whether somebody looks: then frames are followed and kept for the inspector, and tasks ask
    /// for views. Set before the first round, so that every connection is followed from its start.
    pub fn observe(&mut self, observed: bool) {
        self.views_wanted = observed;
        self.observer = observed.then(Observer::default);
        self.ledger = observed.then(Rc::default);
        self.ledger_at = EventId(self.trace.total());
    }

    /// What became of each record since somebody has looked.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_deref()
    }

    /// Enters what happened into the ledger.
    pub(super) fn write_ledger(&mut self) {
        let (Some(ledger), total) = (&mut self.ledger, EventId(self.trace.total())) else {
            return;
        };
        if self.ledger_at < total {
            let ledger = Rc::make_mut(ledger);
            self.trace.after(self.ledger_at).for_each(|record| ledger.see(record));
            self.ledger_at = total;
        }
    }

    pub(super) fn note_frame(
        &mut self,
        (from, to): (ProcessId, ProcessId),
        sent: &super::link::SentFrame,
        bytes: Bytes,
    ) {
        if self.observer.is_none() {
            return;
        }
        let program = |id| self.proc(id).map(|process| process.spec.program);
        let server = match sent.side {
            super::link::Side::Acceptor => to,
            super::link::Side::Opener => from,
        };
        let client = if server == to { from } else { to };
        let protocol = match (program(server), program(client)) {
            (Some(Program::ZooKeeper), Some(Program::ZooKeeper)) => Protocol::ZooKeeperPeer,
            (Some(Program::ZooKeeper), _) => Protocol::ZooKeeper,
            (Some(Program::Broker), _) => Protocol::Kafka,
            (Some(Program::Queue), _) => Protocol::Queue,
            _ => Protocol::Opaque,
        };
        if let Some(observer) = &mut self.observer {
            observer.see((sent.conn, sent.side, protocol), sent.event, bytes);
        }
    }

    /// The world as it stands at `clock`, which is not before its own clock by more than what is
    /// under way, with the events since the last picture.
    pub fn picture(&mut self, clock: Time) -> Picture {
        let events = self.trace.after(self.shown);
        let skip = (self.trace.total() - self.shown.0.min(self.trace.total())) as usize;
        let skip = skip.min(crate::base::limits::TRACE_EVENTS_MAX);
        let events = events.skip(skip.saturating_sub(EVENTS_SHOWN_MAX));
        let events = events.map(|record| record.as_ref().clone()).collect();
        self.shown = EventId(self.trace.total());
        Picture {
            now: clock,
            epoch: self.epoch,
            seed: self.seed,
            events_total: self.trace.total(),
            trace_hash: self.trace.hash(),
            processes: self.processes.iter().map(|process| self.card(process)).collect(),
            flying: self.flying(clock),
            events,
            supervisor: self.supervisor,
            ledger: self.ledger().map(Ledger::summary).unwrap_or_default(),
        }
    }

    /// A frame that is under way or was lately, for the inspector.
    pub fn frame_details(&mut self, frame: EventId) -> Option<FrameDetails> {
        self.observer.as_mut()?.details(frame)
    }

    /// The error that a response of a broker reports, while the frame is kept.
    pub fn frame_error(&mut self, frame: EventId) -> Option<String> {
        let summary = self.observer.as_mut()?.summary(frame);
        let is_of_broker = matches!(summary.shape, FrameShape::KafkaResponse { .. });
        summary.error.clone().filter(|_| is_of_broker)
    }

    fn card(&self, process: &Proc) -> ProcessCard {
        let spec = &process.spec;
        let machine = self.network.machine(spec.machine);
        let state = match &process.life {
            Life::Running => ProcessState::Running,
            Life::Paused => ProcessState::Paused,
            Life::Dead { why, since, restart_at, .. } => {
                ProcessState::Dead { why: why.clone(), since: *since, restart_at: *restart_at }
            }
        };
        ProcessCard {
            id: spec.id,
            name: spec.name.clone(),
            program: spec.program,
            machine: machine.name.clone(),
            powered: machine.powered,
            isolated: (machine.isolated_in, machine.isolated_out),
            state,
            incarnation: process.incarnation,
            view: process.view.clone(),
            volume_bytes: process.volume_bytes,
            wakeup: process.wake.clone(),
        }
    }

    fn flying(&mut self, clock: Time) -> Vec<FlyingFrame> {
        let Some(observer) = &mut self.observer else {
            return Vec::new();
        };
        let network = &self.network;
        observer.forget_others(|conn: &ConnId| network.has(conn));
        let mut flying = Vec::new();
        for (connection, towards, item) in network.flying(clock) {
            if let What::Frame { bytes, event } = &item.what {
                flying.push(FlyingFrame {
                    id: *event,
                    from: connection.ends[towards.other()].who.process,
                    to: connection.ends[towards.index()].who.process,
                    sent: item.sent,
                    due: item.due,
                    size_bytes: bytes.len() as u32,
                    summary: Rc::clone(&observer.summary(*event)),
                });
            }
        }
        flying.sort_by_key(|frame| frame.id);
        flying
    }
}
