//! How things travel: dialling, sending, arriving, closing, stalling and healing.

use super::super::trace_log::TraceLog;
use super::connection::{EndState, resolve, trace_lost};
use super::{Connection, Item, Network, Side, What, Who};
use crate::base::{
    Cause, ConnId, Endpoint, EventId, MachineId, ProcessId, Time, TraceEvent, limits,
};
use crate::node::CloseReason;
use bytes::Bytes;

/// A frame that was let onto a link.
pub(in crate::world) struct SentFrame {
    pub event: EventId,
    pub conn: ConnId,
    /// The end that it goes to.
    pub side: Side,
    pub to: ProcessId,
}

impl Network {
    /// When something sent at `at` arrives at `side`.
    fn due(&mut self, id: ConnId, side: Side, at: Time) -> Time {
        let Some(connection) = self.connections.get(&id) else {
            return Time::MAX;
        };
        let (to, from) =
            (connection.ends[side.index()].machine, connection.ends[side.other()].machine);
        let lane = connection.lane(side);
        if lane.is_held() || self.is_cut_at_source(from, to) {
            return Time::MAX;
        }
        let last_due = lane.last_due;
        let extra = match self.jitter.as_micros() {
            0 => 0,
            most => self.rng.between(0, most),
        };
        let on_the_way = self.latency_between(from, to) + crate::base::Span::from_micros(extra);
        (at + on_the_way).max(last_due)
    }

    fn push(&mut self, id: ConnId, side: Side, at: Time, cause: Cause, what: What) {
        let due = self.due(id, side, at);
        self.push_due(id, side, (at, due), cause, what);
    }

    fn push_due(
        &mut self,
        id: ConnId,
        side: Side,
        (sent, due): (Time, Time),
        cause: Cause,
        what: What,
    ) {
        let seq = self.take_seq();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let lane = connection.lane_mut(side);
        if let What::Frame { bytes, .. } = &what {
            lane.bytes += bytes.len();
        }
        lane.items.push_back(Item { seq, sent, due, cause, what });
        if due < Time::MAX {
            lane.last_due = due;
            self.arrivals.insert((due, seq), (id, side));
        }
    }

    /// `who` on `machine` dials `to`.
    pub fn dial(
        &mut self,
        at: Time,
        (who, machine): (Who, MachineId),
        conn: ConnId,
        to: &Endpoint,
        cause: Cause,
    ) {
        let target = self.machine_at(to);
        let connection = Connection::dialled(who, machine, target.unwrap_or(machine));
        self.connections.insert(conn, connection);
        if target.is_some() {
            self.push(conn, Side::Acceptor, at, cause, What::Syn { port: to.port });
        } else {
            self.push(conn, Side::Opener, at, cause, What::Close(CloseReason::UnknownHost));
        }
    }

    /// `who` sends a frame. Nothing comes of it when the connection has ended.
    pub fn send(
        &mut self,
        at: Time,
        who: Who,
        conn: ConnId,
        bytes: Bytes,
        cause: Cause,
        trace: &mut TraceLog,
    ) -> Option<SentFrame> {
        let (id, from_side) = resolve(conn, who);
        let side = from_side.flip();
        let connection = self.connections.get(&id).filter(|connection| !connection.broken)?;
        let (me, other) = (&connection.ends[from_side.index()], &connection.ends[side.index()]);
        if me.who != who || me.state != EndState::Live || other.state == EndState::Dialled {
            return None;
        }
        let (from, to) = (me.who.process, other.who.process);
        if connection.lane(side).bytes + bytes.len() > limits::LINK_BYTES_MAX {
            self.break_connection(id, at, cause, trace);
            return None;
        }
        let due = self.due(id, side, at);
        // Every byte that travels is taken in here, so it must cost next to nothing.
        let (size, checksum) = (bytes.len() as u32, u64::from(crc32c::crc32c(&bytes)));
        let sent = TraceEvent::FrameSent { conn: id, from, to, due, bytes: size, checksum };
        let event = trace.push(at, Some(from), cause, sent);
        let what = What::Frame { bytes, event };
        self.push_due(id, side, (at, due), Cause::Event(event), what);
        Some(SentFrame { event, conn: id, side, to })
    }

    /// Both ends lose the connection: the send buffer is full, or a fault says so.
    fn break_connection(&mut self, id: ConnId, at: Time, cause: Cause, trace: &mut TraceLog) {
        let Some(mut connection) = self.connections.remove(&id) else {
            return;
        };
        connection.broken = true;
        for side in [Side::Opener, Side::Acceptor] {
            self.drop_items(&mut connection, side, at, trace);
        }
        self.connections.insert(id, connection);
        for side in [Side::Opener, Side::Acceptor] {
            self.push(id, side, at, cause.clone(), What::Close(CloseReason::Reset));
        }
    }

    /// The connections of `machine` with other machines, or with `other` alone, break: both ends
    /// hear of it, and what was under way is lost.
    pub fn reset(
        &mut self,
        at: Time,
        machine: MachineId,
        other: Option<MachineId>,
        cause: &Cause,
        trace: &mut TraceLog,
    ) {
        let hit = self.connections.iter().filter(|(_, connection)| {
            let [a, b] = &connection.ends;
            let between = |one, two| one == machine && other.map_or(two != one, |it| it == two);
            !connection.broken && (between(a.machine, b.machine) || between(b.machine, a.machine))
        });
        let hit: Vec<ConnId> = hit.map(|(id, _)| *id).collect();
        for id in hit {
            self.break_connection(id, at, cause.clone(), trace);
        }
    }

    /// `who` closes a connection: what it sent still arrives, then the end.
    pub fn hang_up(
        &mut self,
        at: Time,
        who: Who,
        conn: ConnId,
        cause: Cause,
        trace: &mut TraceLog,
    ) {
        let (id, side) = resolve(conn, who);
        self.leave(id, side, who, (at, CloseReason::HungUp, cause), trace);
    }

    /// `who` gives up its end; the other side hears why after all that was sent.
    fn leave(
        &mut self,
        id: ConnId,
        side: Side,
        who: Who,
        (at, reason, cause): (Time, CloseReason, Cause),
        trace: &mut TraceLog,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let end = &mut connection.ends[side.index()];
        if end.who != who || end.state != EndState::Live {
            return;
        }
        end.state = EndState::Gone;
        if connection.ends[side.other()].state == EndState::Live {
            self.push(id, side.flip(), at, cause, What::Close(reason));
        }
        self.remove_if_over(id, at, trace);
    }

    fn ends_of(&self, is_mine: impl Fn(&super::connection::End) -> bool) -> Vec<(ConnId, Side)> {
        let sides = [Side::Opener, Side::Acceptor];
        let ends = self.connections.iter().flat_map(|(id, connection)| {
            sides.map(|side| (*id, side, &connection.ends[side.index()]))
        });
        ends.filter(|(_, _, end)| is_mine(end)).map(|(id, side, _)| (id, side)).collect()
    }

    /// A process is gone: its kernel closes its connections and ports.
    pub fn die(
        &mut self,
        at: Time,
        who: Who,
        reason: CloseReason,
        cause: &Cause,
        trace: &mut TraceLog,
    ) {
        self.close_ports(who.process);
        for (id, side) in self.ends_of(|end| end.who == who && end.state == EndState::Live) {
            self.leave(id, side, who, (at, reason, cause.clone()), trace);
        }
    }

    /// The processes of `machine` are gone and nobody is told; what it had not sent yet is lost.
    pub fn vanish(&mut self, at: Time, machine: MachineId, trace: &mut TraceLog) {
        self.listeners.retain(|(on, _), _| *on != machine);
        let mine = self.ends_of(|end| end.machine == machine && end.state == EndState::Live);
        for (id, side) in mine {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            connection.ends[side.index()].state = EndState::Vanished;
            let lane = connection.lane_mut(side.flip());
            let held = lane.items.iter().position(|item| item.due == Time::MAX);
            for item in lane.items.split_off(held.unwrap_or(lane.items.len())) {
                if let What::Frame { bytes, .. } = &item.what {
                    lane.bytes -= bytes.len();
                }
                trace_lost(&item, at, trace);
            }
            self.remove_if_over(id, at, trace);
        }
    }

    /// Lets go what is no longer held up, in order.
    pub fn release(&mut self, at: Time) {
        let mut freed = Vec::new();
        for (id, connection) in &self.connections {
            for side in [Side::Opener, Side::Acceptor] {
                let (to, from) =
                    (connection.ends[side.index()].machine, connection.ends[side.other()].machine);
                let cut = self.is_cut_at_source(from, to) || self.is_cut_at_door(from, to);
                if connection.lane(side).is_held() && !cut {
                    freed.push((*id, side, at + self.latency_between(from, to)));
                }
            }
        }
        for (id, side, due) in freed {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            let lane = connection.lane_mut(side);
            lane.last_due = lane.last_due.max(due);
            let due = lane.last_due;
            for item in lane.items.iter_mut().filter(|item| item.due == Time::MAX) {
                item.due = due;
                self.arrivals.insert((due, item.seq), (id, side));
            }
        }
    }

    /// Applies the next arrival.
    pub fn arrive(&mut self, trace: &mut TraceLog) {
        let Some(((at, seq), (id, side))) = self.arrivals.pop_first() else {
            return;
        };
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (to, from) =
            (connection.ends[side.index()].machine, connection.ends[side.other()].machine);
        if self.is_cut_at_door(from, to) {
            self.hold(id, side);
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let lane = connection.lane_mut(side);
        let Some(item) = lane.items.pop_front() else {
            return;
        };
        debug_assert_eq!(item.seq, seq, "a lane delivers in order");
        if let What::Frame { bytes, .. } = &item.what {
            lane.bytes -= bytes.len();
        }
        let state = connection.ends[side.index()].state;
        match (&item.what, state) {
            (What::Syn { port }, _) => self.decide(id, *port, at, item.cause.clone(), trace),
            (What::Close(reason), EndState::Live) => {
                connection.ends[side.index()].state = EndState::Gone;
                let process = connection.ends[side.index()].who.process;
                let event = match reason {
                    CloseReason::HungUp | CloseReason::Reset => TraceEvent::ConnectionClosed {
                        conn: id,
                        at: process,
                        reset: *reason == CloseReason::Reset,
                    },
                    CloseReason::Refused | CloseReason::UnknownHost => {
                        TraceEvent::ConnectionRefused { conn: id }
                    }
                };
                trace.push(at, None, item.cause, event);
            }
            (_, EndState::Live) => {}
            (_, EndState::Vanished) => {
                connection.ends[side.index()].state = EndState::Gone;
                trace_lost(&item, at, trace);
                if connection.ends[side.other()].state == EndState::Live {
                    let reset = What::Close(CloseReason::Reset);
                    self.push(id, side.flip(), at, item.cause, reset);
                }
            }
            (_, EndState::Gone | EndState::Dialled) => trace_lost(&item, at, trace),
        }
        self.remove_if_over(id, at, trace);
    }

    /// The whole lane stops: its head stands at a door that nothing passes.
    fn hold(&mut self, id: ConnId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        for item in &mut connection.lane_mut(side).items {
            self.arrivals.remove(&(item.due, item.seq));
            item.due = Time::MAX;
        }
    }

    /// A dial arrived: somebody listens, or nobody does. The listener hears of it when the third
    /// packet of the handshake has come, as `accept` returns.
    fn decide(&mut self, id: ConnId, port: u16, at: Time, cause: Cause, trace: &mut TraceLog) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let machine = connection.ends[Side::Acceptor.index()].machine;
        let Some(listener) = self.listeners.get(&(machine, port)).copied() else {
            connection.ends[Side::Acceptor.index()].state = EndState::Gone;
            self.push(id, Side::Opener, at, cause, What::Close(CloseReason::Refused));
            return;
        };
        let end = &mut connection.ends[Side::Acceptor.index()];
        (end.who, end.state) = (listener, EndState::Live);
        let (from, to) = (connection.ends[Side::Opener.index()].who.process, listener.process);
        trace.push(at, None, cause.clone(), TraceEvent::ConnectionOpened { conn: id, from, to });
        self.push(id, Side::Opener, at, cause.clone(), What::Opened);
        self.push(id, Side::Acceptor, at, cause, What::Accepted { port });
    }
}
