//! The network of a world: machines and TCP-like connections. A connection delivers in order and
//! loses nothing inside; it is slow, stalls, or resets. Everything that travels is an item in a
//! lane; a lane stalls as a whole when the cable is cut, and goes on in order when it is healed.
//!
//! Nothing here depends on how time is cut into windows: items are scheduled when what sent them is
//! applied, in trace order, and what an arrival means is decided when it is applied too.

mod connection;
mod flow;

pub(super) use connection::{Connection, Item, Side, What, Who};
pub(super) use flow::SentFrame;

use super::trace_log::TraceLog;
use crate::base::{
    ConnId, Endpoint, MachineClock, MachineId, ProcessId, Rng, SortedMap, Span, Time,
};
use crate::node::{Input, LinkInput, TimedInput};
use connection::{EndState, Lane};

/// A machine: what its processes share of network and power.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Machine {
    pub name: String,
    pub latency: Option<Span>,
    pub powered: bool,
    pub isolated_in: bool,
    pub isolated_out: bool,
    pub clock: MachineClock,
}

impl Machine {
    /// A machine with power and network.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            latency: None,
            powered: true,
            isolated_in: false,
            isolated_out: false,
            clock: MachineClock::default(),
        }
    }
}

/// All machines and connections.
#[derive(Clone, serde::Serialize)]
pub(super) struct Network {
    pub machines: Vec<Machine>,
    latency: Span,
    jitter: Span,
    seed: u64,
    rng: Rng,
    listeners: SortedMap<(MachineId, u16), Who>,
    /// Addresses that belong to a machine beside its own name.
    pub published: SortedMap<Endpoint, MachineId>,
    connections: SortedMap<ConnId, Connection>,
    /// When which lane delivers next, by (due, sequence).
    arrivals: SortedMap<(Time, u64), (ConnId, Side)>,
    next_seq: u64,
}

/// The shortest latency that a link can have.
pub(super) const LATENCY_MIN: Span = Span::from_micros(10);

impl Network {
    /// A network without connections.
    pub fn new(machines: Vec<Machine>, latency: Span, jitter: Span, seed: u64) -> Self {
        Self {
            machines,
            latency: latency.max(LATENCY_MIN),
            jitter,
            seed,
            rng: Rng::new(seed).fork("links"),
            listeners: SortedMap::new(),
            published: SortedMap::new(),
            connections: SortedMap::new(),
            arrivals: SortedMap::new(),
            next_seq: 0,
        }
    }

    /// A number that no other input of this world has.
    pub fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    /// Latency and jitter of its links.
    pub fn pace(&self) -> (Span, Span) {
        (self.latency, self.jitter)
    }

    /// Numbers go on from here, after a reload.
    pub fn seq(&self) -> u64 {
        self.next_seq
    }

    /// Sets the number from which [`Network::take_seq`] goes on.
    pub fn set_seq(&mut self, seq: u64) {
        self.next_seq = seq;
    }

    /// The machine called `name`.
    pub fn machine_named(&self, name: &str) -> Option<MachineId> {
        let place = self.machines.iter().position(|machine| machine.name == name)?;
        Some(MachineId(place as u32))
    }

    /// The machine that is found at `to`.
    fn machine_at(&self, to: &Endpoint) -> Option<MachineId> {
        self.published.get(to).copied().or_else(|| self.machine_named(&to.host))
    }

    /// Whether somebody listens at `to`; none when its machine cannot even say so.
    pub fn listens(&self, to: &Endpoint) -> Option<bool> {
        let Some(id) = self.machine_at(to) else { return Some(false) };
        let machine = self.machine(id);
        let is_reached = machine.powered && !machine.isolated_in && !machine.isolated_out;
        is_reached.then(|| self.listeners.contains_key(&(id, to.port)))
    }

    /// Who is at the other end of a connection that was dialled as `id`, what it is called there,
    /// and how many bytes are on their way.
    pub fn inbound(&self, id: ConnId) -> Option<(ProcessId, ConnId, usize)> {
        let connection = self.connections.get(&id)?;
        let process = connection.ends[Side::Acceptor.index()].who.process;
        let bytes = connection.lane(Side::Acceptor).bytes;
        Some((process, connection.name_for(id, Side::Acceptor), bytes))
    }

    /// The machine `id`.
    pub fn machine(&self, id: MachineId) -> &Machine {
        &self.machines[id.0 as usize]
    }

    /// The machine `id`, to change it.
    pub fn machine_mut(&mut self, id: MachineId) -> &mut Machine {
        &mut self.machines[id.0 as usize]
    }

    /// The shortest way between any two: how far the nodes can run side by side.
    pub fn lookahead(&self) -> Span {
        let overrides = self.machines.iter().filter_map(|machine| machine.latency);
        overrides.fold(self.latency, Span::min).max(LATENCY_MIN)
    }

    fn latency_between(&self, a: MachineId, b: MachineId) -> Span {
        let set = self.machine(a).latency.max(self.machine(b).latency);
        set.unwrap_or(self.latency).max(LATENCY_MIN)
    }

    /// True when nothing gets out of `from` on the way to `to`.
    fn is_cut_at_source(&self, from: MachineId, to: MachineId) -> bool {
        from != to && self.machine(from).isolated_out
    }

    /// True when nothing gets into `to` on the way from `from`.
    fn is_cut_at_door(&self, from: MachineId, to: MachineId) -> bool {
        !self.machine(to).powered || (from != to && self.machine(to).isolated_in)
    }

    /// `who` accepts connections on `port`.
    pub fn listen(&mut self, who: Who, machine: MachineId, port: u16) {
        self.listeners.entry((machine, port)).or_insert(who);
    }

    /// When something arrives next.
    pub fn next_arrival(&self) -> Option<Time> {
        self.arrivals.first_key_value().map(|((due, _), _)| *due)
    }

    /// What the processes hear from the network before `end`, as it stands now.
    pub fn inputs_before(&self, end: Time, mut hear: impl FnMut(Who, TimedInput)) {
        for ((due, seq), (id, side)) in self.arrivals.range(..(end, 0)) {
            let Some(connection) = self.connections.get(id) else {
                continue;
            };
            let (me, other) = (&connection.ends[side.index()], &connection.ends[side.other()]);
            if me.state != EndState::Live || self.is_cut_at_door(other.machine, me.machine) {
                continue;
            }
            let name = connection.name_for(*id, *side);
            let input = connection.lane(*side).find(*seq).and_then(|item| match &item.what {
                What::Syn { .. } => None,
                What::Accepted { port } => {
                    let host = self.machine(other.machine).name.clone();
                    let from = Endpoint { host, port: ephemeral_port(*id) };
                    Some((item, LinkInput::Accepted { conn: name, port: *port, from }))
                }
                What::Opened => Some((item, LinkInput::Opened(name))),
                What::Frame { bytes, .. } => Some((item, LinkInput::Frame(name, bytes.clone()))),
                What::Close(reason) => Some((item, LinkInput::Closed(name, *reason))),
            });
            if let Some((item, input)) = input {
                let (source, cause) = (other.who.process.0, item.cause.clone());
                let input = Input::Link(input);
                hear(me.who, TimedInput { due: *due, source, seq: *seq, cause, input });
            }
        }
    }

    /// Frames under way at `clock`: connection, receiver, and the item in its lane.
    pub fn flying(&self, clock: Time) -> impl Iterator<Item = (&Connection, Side, &Item)> {
        self.connections.values().flat_map(move |connection| {
            [Side::Opener, Side::Acceptor].into_iter().flat_map(move |side| {
                let items = connection.lane(side).items.iter();
                let flying = items.filter(move |item| item.sent <= clock && item.due > clock);
                flying.map(move |item| (connection, side, item))
            })
        })
    }

    /// Whether a connection still stands.
    pub fn has(&self, conn: &ConnId) -> bool {
        self.connections.contains_key(conn)
    }

    /// Forgets all connections and everything under way, as the end of the page does.
    pub fn forget_everything(&mut self) {
        self.connections.clear();
        self.arrivals.clear();
        self.listeners.clear();
        // A page that was closed keeps no random stream; it is the same one that goes on here.
        self.rng = Rng::new(self.seed).fork(&format!("links after {}", self.next_seq));
    }

    /// Forgets the ports of a process that is gone.
    fn close_ports(&mut self, process: ProcessId) {
        self.listeners.retain(|_, who| who.process != process);
    }

    /// Removes a connection that nobody holds any more; what was under way on it is lost.
    fn remove_if_over(&mut self, id: ConnId, at: Time, trace: &mut TraceLog) {
        let over = self.connections.get(&id).is_some_and(Connection::is_over);
        if let Some(mut connection) = over.then(|| self.connections.remove(&id)).flatten() {
            for side in [Side::Opener, Side::Acceptor] {
                self.drop_items(&mut connection, side, at, trace);
            }
        }
    }

    fn drop_items(
        &mut self,
        connection: &mut Connection,
        side: Side,
        at: Time,
        trace: &mut TraceLog,
    ) {
        let lane: &mut Lane = connection.lane_mut(side);
        lane.bytes = 0;
        for item in std::mem::take(&mut lane.items) {
            self.arrivals.remove(&(item.due, item.seq));
            connection::trace_lost(&item, at, trace);
        }
    }
}

/// The port number that stands for a connection on its opener's side, from the ephemeral range.
fn ephemeral_port(id: ConnId) -> u16 {
    let mixed = id.opener.0.wrapping_mul(97).wrapping_add(id.incarnation.0.wrapping_mul(31));
    32_768 + (mixed.wrapping_add(id.serial) % 28_000) as u16
}
