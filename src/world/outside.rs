//! The world's door: connections that real clients open through the gateway. To the processes they
//! are connections like any other, from a host called [`OUTSIDE`]. A published port is an address
//! under which a machine is found from everywhere, as behind a port that is forwarded. What enters is not replayed, since
//! real time decides when it comes.

use super::link::{Machine, Who};
use super::state::World;
use crate::base::{Cause, ConnId, Endpoint, Incarnation, MachineId, ProcessId};
use crate::node::LinkInput;
use bytes::Bytes;

/// Host name of everybody outside: the gateway stands on the machine that they call so.
pub const OUTSIDE: &str = "127.0.0.1";

/// What somebody outside finds at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Somebody listens there.
    Listening,
    /// The machine answers that nobody does.
    Refused,
    /// No answer: the machine has no power, or is cut off.
    Silent,
}

const STRANGER: Who = Who { process: ProcessId::OUTSIDE, incarnation: Incarnation(0) };

impl World {
    fn outside_machine(&mut self) -> MachineId {
        self.network.machine_named(OUTSIDE).unwrap_or_else(|| {
            self.network.machines.push(Machine::new(OUTSIDE));
            MachineId(self.network.machines.len() as u32 - 1)
        })
    }

    /// Somebody outside connects to `to`, now.
    pub fn dial_from_outside(&mut self, to: &Endpoint) -> ConnId {
        let machine = self.outside_machine();
        self.outside_dials += 1;
        let (opener, incarnation) = (STRANGER.process, STRANGER.incarnation);
        let conn = ConnId { opener, incarnation, serial: self.outside_dials };
        self.network.dial(self.clock, (STRANGER, machine), conn, to, Cause::Beginning);
        conn
    }

    /// What somebody outside would find at `to` now.
    pub fn reach_from_outside(&self, to: &Endpoint) -> Reach {
        match self.network.listens(to) {
            None => Reach::Silent,
            Some(true) => Reach::Listening,
            Some(false) => Reach::Refused,
        }
    }

    /// Somebody outside sends a frame, now. Nothing comes of it when the connection has ended.
    pub fn send_from_outside(&mut self, conn: ConnId, frame: Bytes) {
        self.trace_cuts(self.clock);
        let (at, cause) = (self.clock, Cause::Beginning);
        self.network.send(at, STRANGER, conn, frame, cause, &mut self.trace);
    }

    /// Somebody outside hangs up, now.
    pub fn hang_up_from_outside(&mut self, conn: ConnId) {
        self.trace_cuts(self.clock);
        let (at, cause) = (self.clock, Cause::Beginning);
        self.network.hang_up(at, STRANGER, conn, cause, &mut self.trace);
    }

    /// Makes the machine of `process` answer at `at`, for those outside and for its own peers: what a
    /// broker advertises to real clients is where the other brokers find it too. False when there
    /// is no such process.
    pub fn publish(&mut self, at: Endpoint, process: &str) -> bool {
        let machine = self.specs().find(|spec| spec.name == process).map(|spec| spec.machine);
        if let Some(machine) = machine {
            self.network.published.insert(at, machine);
        }
        machine.is_some()
    }

    /// A connection from outside: the process at its other end, the name that it has there, and the
    /// bytes on their way to it.
    pub fn inbound_from_outside(&self, conn: ConnId) -> Option<(ProcessId, ConnId, usize)> {
        self.network.inbound(conn)
    }

    /// Takes what reached the outside since the last call, in order.
    pub fn take_outside(&mut self) -> Vec<LinkInput> {
        std::mem::take(&mut self.outside_inbox)
    }
}
