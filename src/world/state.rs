//! The world itself: one value that holds machines, processes, links, faults, clock and trace.

use super::action::Action;
use super::config::WorldConfig;
use super::emissions::Emissions;
use super::ledger::Ledger;
use super::link::{Machine, Network};
use super::lives::{Life, Proc};
use super::observer::Observer;
use super::round::{HostOrder, LifeLog};
use super::trace_log::TraceLog;
use crate::base::{
    Cause, EventId, Incarnation, MachineId, ProcessId, Rng, SortedMap, SortedSet, Span, Time,
    TraceEvent,
};
use crate::disk::volume::Cut;
use crate::disk::{DiskFault, Health};
use crate::node::{
    CloseReason, Input, LinkInput, ProcessSpec, ProcessView, Program, Properties, TimedInput,
};
use std::collections::VecDeque;
use std::rc::Rc;

/// A world between two rounds or within one. It does nothing by itself: a host asks for rounds
/// ([`World::plan`]), runs them, and hands back the results ([`World::finish`]).
#[derive(Clone)]
pub struct World {
    pub(super) seed: u64,
    pub(super) epoch: Time,
    pub(super) clock: Time,
    pub(super) sync_latency: Span,
    pub(super) restart_back_off: Span,
    pub(super) defaults: SortedMap<Program, Properties>,
    pub(super) network: Network,
    pub(super) processes: Vec<Proc>,
    /// Effects that have not left yet, by (time, source, sequence).
    pub(super) emissions: Emissions,
    pub(super) trace: TraceLog,
    pub(super) scheduled: VecDeque<(Time, Action)>,
    pub(super) recorded: Vec<(Time, Action)>,
    pub(super) restarts: SortedSet<(Time, ProcessId)>,
    pub(super) wakes: SortedSet<(Time, ProcessId)>,
    /// Running processes with inputs that wait.
    pub(super) ready: SortedSet<ProcessId>,
    pub(super) orders: Vec<HostOrder>,
    pub(super) supervisor: bool,
    pub(super) next_command: u64,
    pub(super) answers: Vec<Answer>,
    /// The window that a host is running.
    pub(super) window: Option<(Time, Time)>,
    /// Power cuts under way: whose volume, when, and why.
    pub(super) cutting: SortedMap<ProcessId, (Time, Cause)>,
    pub(super) cuts: Vec<(Time, Cause, ProcessId, Cut)>,
    pub(super) views_wanted: bool,
    pub(super) lives_kept: bool,
    pub(super) observer: Option<Observer>,
    /// What became of each record, while somebody looks.
    pub(super) ledger: Option<Rc<Ledger>>,
    /// The last event that is in it.
    pub(super) ledger_at: EventId,
    /// The last event that a picture brought.
    pub(super) shown: EventId,
    /// Connections that came from outside.
    pub(super) outside_dials: u32,
    /// What reached the outside and was not taken yet.
    pub(super) outside_inbox: Vec<LinkInput>,
}

/// What became of a command that a process was told.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Answer {
    /// The number that [`World::act`] gave.
    pub command: u64,
    /// Who answered.
    pub process: ProcessId,
    /// A sentence; an error begins with Kafka's error name where Kafka has one.
    pub outcome: Result<String, String>,
}

impl World {
    /// The world of `config` at its beginning.
    pub fn new(config: WorldConfig) -> Self {
        let machines = config.machines.iter().map(|name| Machine::new(name)).collect();
        let mut world = Self {
            seed: config.seed,
            epoch: config.epoch,
            clock: config.epoch,
            sync_latency: config.sync_latency,
            restart_back_off: config.restart_back_off,
            defaults: config.defaults,
            network: Network::new(machines, config.latency, config.jitter, config.seed),
            processes: Vec::new(),
            emissions: Emissions::default(),
            trace: TraceLog::default(),
            scheduled: config.actions.into(),
            recorded: Vec::new(),
            restarts: SortedSet::new(),
            wakes: SortedSet::new(),
            ready: SortedSet::new(),
            orders: Vec::new(),
            supervisor: config.supervisor,
            next_command: 1,
            answers: Vec::new(),
            window: None,
            cutting: SortedMap::new(),
            cuts: Vec::new(),
            views_wanted: false,
            lives_kept: false,
            observer: None,
            ledger: None,
            ledger_at: EventId(0),
            shown: EventId(0),
            outside_dials: 0,
            outside_inbox: Vec::new(),
        };
        for process in config.processes {
            let (name, machine) = (process.name.as_str(), process.machine.as_str());
            let id = world.add_process(name, machine, process.program, process.properties);
            world.start(id, Cause::Beginning);
        }
        world
    }

    /// Virtual time: everything before it has happened, nothing at or after it.
    pub fn clock(&self) -> Time {
        self.clock
    }

    /// When the world began.
    pub fn epoch(&self) -> Time {
        self.epoch
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Everything that happened.
    pub fn trace(&self) -> &TraceLog {
        &self.trace
    }

    /// The actions taken so far, with their times: together with the configuration they are the
    /// whole run.
    pub fn recorded_actions(&self) -> &[(Time, Action)] {
        &self.recorded
    }

    /// Takes the answers to commands that came since the last call.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Whether tasks ask for views. Off unless somebody looks: a view costs more than a step.
    pub fn want_views(&mut self, wanted: bool) {
        self.views_wanted = wanted;
    }

    /// Whether the lives of processes are kept for going back. Set before the first round.
    pub fn keep_lives(&mut self, kept: bool) {
        self.lives_kept = kept;
    }

    /// Whether lives are kept.
    pub fn keeps_lives(&self) -> bool {
        self.lives_kept
    }

    /// The living processes that made steps since their view was taken.
    pub fn stale_views(&self) -> Vec<ProcessId> {
        let stale = self.processes.iter().filter(|p| p.view_is_stale && p.is_alive());
        stale.map(Proc::id).collect()
    }

    /// Takes the view of a process as it is now.
    pub fn put_view(&mut self, id: ProcessId, view: ProcessView, volume_bytes: u64) {
        if let Some(process) = self.proc_mut(id) {
            process.view = Some(std::rc::Rc::new(view));
            process.view_is_stale = false;
            process.volume_bytes = volume_bytes;
        }
    }

    /// The newest view of a process.
    pub fn view(&self, id: ProcessId) -> Option<&ProcessView> {
        self.proc(id)?.view.as_deref()
    }

    /// The specs of all processes, in order of their numbers.
    pub fn specs(&self) -> impl Iterator<Item = &ProcessSpec> {
        self.processes.iter().map(|process| process.spec.as_ref())
    }

    /// The process called `name`.
    pub fn process_named(&self, name: &str) -> Option<ProcessId> {
        self.specs().find(|spec| spec.name == name).map(|spec| spec.id)
    }

    /// Whether a process has a life, paused or not.
    pub fn is_alive(&self, process: ProcessId) -> bool {
        self.proc(process).is_some_and(Proc::is_alive)
    }

    /// Names of all machines.
    pub fn machine_names(&self) -> impl Iterator<Item = &str> {
        self.network.machines.iter().map(|machine| machine.name.as_str())
    }

    pub(super) fn proc(&self, id: ProcessId) -> Option<&Proc> {
        self.processes.get((id.0 as usize).checked_sub(1)?)
    }

    pub(super) fn proc_mut(&mut self, id: ProcessId) -> Option<&mut Proc> {
        self.processes.get_mut((id.0 as usize).checked_sub(1)?)
    }

    pub(super) fn log(&mut self, cause: Cause, event: TraceEvent) -> EventId {
        self.trace_cuts(self.clock);
        self.trace.push(self.clock, None, cause, event)
    }

    /// Adds a process that does not run yet, and its machine when it is new.
    pub(super) fn add_process(
        &mut self,
        name: &str,
        machine: &str,
        program: Program,
        properties: Properties,
    ) -> ProcessId {
        let machine_id = self.network.machine_named(machine).unwrap_or_else(|| {
            self.network.machines.push(Machine::new(machine));
            MachineId(self.network.machines.len() as u32 - 1)
        });
        let id = ProcessId(self.processes.len() as u32 + 1);
        self.processes.push(Proc::new(ProcessSpec {
            id,
            name: name.to_owned(),
            machine: machine_id,
            host: machine.to_owned(),
            program,
            properties,
            sync_latency: self.sync_latency,
            seed: self.seed,
        }));
        id
    }

    /// Begins a new life of a process now.
    pub(super) fn start(&mut self, id: ProcessId, cause: Cause) {
        let Some(process) = self.proc_mut(id) else {
            return;
        };
        process.incarnation.0 += 1;
        process.life = Life::Running;
        let incarnation = process.incarnation;
        process.log = LifeLog { incarnation, ..LifeLog::default() };
        process.view = None;
        process.wake = None;
        process.not_before = None;
        process.starts_with_power = false;
        // A host may have read the volume anew, which tells nothing of the disk's state.
        if process.disk != Health::Good || !process.disk_faults.is_empty() {
            process.disk_faults.push(DiskFault::Health(process.disk));
        }
        let spec = process.spec.clone();
        self.restarts.retain(|(_, process)| *process != id);
        let started = TraceEvent::ProcessStarted { process: id, incarnation };
        let started = self.log(cause, started);
        self.orders.push(HostOrder::Start { spec, incarnation });
        self.give(id, Cause::Event(started), Input::Start { incarnation });
    }

    /// Hands an input of the world to a process, due now.
    pub(super) fn give(&mut self, id: ProcessId, cause: Cause, input: Input) {
        let (due, seq) = (self.clock, self.network.take_seq());
        self.hear(id, TimedInput { due, source: 0, seq, cause, input });
    }

    pub(super) fn hear(&mut self, id: ProcessId, input: TimedInput) {
        let Some(process) = self.proc_mut(id).filter(|process| process.is_alive()) else {
            return;
        };
        process.inputs.push(input);
        if process.is_running() {
            self.ready.insert(id);
        }
    }

    /// Ends a life at `at`: nothing that the process had not let out by then counts.
    pub(super) fn end_life(&mut self, id: ProcessId, at: Time, why: String, cause: Cause) -> bool {
        let Some(process) = self.proc_mut(id).filter(|process| process.is_alive()) else {
            return false;
        };
        process.life = Life::Dead { why, since: at, restart_at: None, cause };
        process.inputs.clear();
        process.stalled.clear();
        process.wake = None;
        process.not_before = None;
        self.ready.remove(&id);
        self.wakes.retain(|(_, process)| *process != id);
        self.emissions.forget(id);
        self.orders.push(HostOrder::Terminate { process: id });
        true
    }

    /// Ends a life and lets its kernel close what it had open.
    pub(super) fn die(
        &mut self,
        id: ProcessId,
        at: Time,
        why: String,
        cause: &Cause,
        reason: CloseReason,
    ) {
        let who = self.proc(id).map(Proc::who);
        if self.end_life(id, at, why, cause.clone())
            && let Some(who) = who
        {
            self.network.die(at, who, reason, cause, &mut self.trace);
        }
    }

    /// Asks the supervisor to start a process again that failed at `at`.
    pub(super) fn supervise(&mut self, id: ProcessId, at: Time) {
        let restart = at + self.restart_back_off;
        if !self.supervisor {
            return;
        }
        if let Some(Life::Dead { restart_at, .. }) = self.proc_mut(id).map(|p| &mut p.life) {
            *restart_at = Some(restart);
            self.restarts.insert((restart, id));
        }
    }

    /// Orders a power cut of a volume.
    pub(super) fn cut_power(&mut self, id: ProcessId, cause: Cause) {
        let at = self.clock;
        let purpose = format!("power cut {} {}", id.0, at.as_micros());
        let seed = Rng::new(self.seed).fork(&purpose).next_u64();
        self.cutting.insert(id, (at, cause));
        self.orders.push(HostOrder::PowerCut { process: id, at, seed });
        if self.lives_kept
            && let Some(process) = self.proc_mut(id)
        {
            let steps = std::rc::Rc::make_mut(&mut process.log.steps);
            steps.push(super::round::LifeStep::PowerCut { at, seed });
        }
    }

    /// Whether a machine has power.
    pub(super) fn is_powered(&self, id: ProcessId) -> bool {
        self.proc(id).is_some_and(|process| self.network.machine(process.spec.machine).powered)
    }

    /// Which life a process is in.
    pub fn incarnation(&self, id: ProcessId) -> Option<Incarnation> {
        self.proc(id).map(|process| process.incarnation)
    }
}
