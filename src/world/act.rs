//! What actions do. An action is checked first; one that cannot be done changes nothing and is not
//! recorded.

use super::action::Action;
use super::lives::{Life, Proc};
use super::state::World;
use crate::base::{Cause, MachineClock, MachineId, ProcessId, Span, TraceEvent};
use crate::disk::{DiskFault, Health};
use crate::node::{CloseReason, Command, Emission, Input, Program, Properties};
use std::fmt;

/// Why an action cannot be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActionError {
    /// No process has that name.
    NoSuchProcess(String),
    /// Neither a machine nor a process has that name.
    NoSuchMachine(String),
    /// It is in the wrong state for that.
    WrongState {
        /// Its name.
        name: String,
        /// What it is.
        is: &'static str,
    },
    /// A process of that name exists.
    NameTaken(String),
    /// A name that cannot be a host name.
    BadName(String),
    /// No program has that name.
    NoSuchProgram(String),
    /// The program of that process does not know that command.
    WrongProgram(String),
    /// The world is older than that.
    TimeIsOver(Span),
    /// A clock cannot run at that speed.
    ClockSpeed(u32),
    /// An action to come cannot be to set an action to come.
    Nested,
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProcess(name) => write!(f, "there is no process called {name:?}"),
            Self::NoSuchMachine(name) => {
                write!(f, "there is no machine or process called {name:?}")
            }
            Self::WrongState { name, is } => write!(f, "{name} {is}"),
            Self::NameTaken(name) => write!(f, "there is already a process called {name}"),
            Self::BadName(name) => write!(
                f,
                "{name:?} cannot be a name: use 1 to 63 letters, digits, dots, hyphens or underscores"
            ),
            Self::NoSuchProgram(name) => write!(
                f,
                "{name:?} is not a program: broker, zookeeper, producer, consumer or admin"
            ),
            Self::WrongProgram(name) => write!(f, "{name} does not take that command"),
            Self::TimeIsOver(age) => write!(f, "the world is older than {age} already"),
            Self::ClockSpeed(percent) => {
                let (slowest, fastest) = MachineClock::PERCENT.into_inner();
                write!(f, "{percent} is not a speed of a clock: {slowest} to {fastest} percent")
            }
            Self::Nested => f.write_str("only an action can be set to a time"),
        }
    }
}

impl std::error::Error for ActionError {}

/// An action whose names were found and whose conditions hold.
enum Deed {
    Kill(ProcessId),
    Stop(ProcessId),
    Restart(ProcessId),
    Pause(ProcessId),
    Resume(ProcessId),
    PowerOff(MachineId),
    PowerOn(MachineId),
    Isolate(MachineId, bool, bool),
    Heal(MachineId),
    Latency(MachineId, Span),
    Disk(Vec<ProcessId>, DiskFault),
    Reset(MachineId, Option<MachineId>),
    Clock(MachineId, u32),
    Supervisor(bool),
    Spawn { name: String, machine: String, program: Program, properties: Properties },
    Tell(ProcessId, Command),
    Reload,
}

impl World {
    /// Does `action` now, between two rounds, and records it. The number of the command comes back
    /// when a process was told something; its answer is among [`World::take_answers`].
    pub fn act(&mut self, action: Action) -> Result<Option<u64>, ActionError> {
        assert!(self.window.is_none(), "actions happen between rounds");
        if let Action::At { age, action } = action {
            return self.schedule(age, *action).map(|()| None);
        }
        let deed = self.check(&action)?;
        let text = action.to_string();
        let event = self.log(Cause::Beginning, TraceEvent::ActionTaken { text });
        self.recorded.push((self.clock, action));
        Ok(self.perform(deed, Cause::Event(event)))
    }

    /// Puts an action among those to come, behind others of the same instant.
    fn schedule(&mut self, age: Span, action: Action) -> Result<(), ActionError> {
        let at = self.epoch + age;
        if at < self.clock {
            return Err(ActionError::TimeIsOver(age));
        }
        if matches!(action, Action::At { .. }) {
            return Err(ActionError::Nested);
        }
        let place = self.scheduled.partition_point(|(then, _)| *then <= at);
        self.scheduled.insert(place, (at, action));
        Ok(())
    }

    fn check(&self, action: &Action) -> Result<Deed, ActionError> {
        Ok(match action {
            Action::Kill(name) => Deed::Kill(self.find(name, Proc::is_alive, "is not running")?),
            Action::Stop(name) => Deed::Stop(self.find(name, Proc::is_alive, "is not running")?),
            Action::Pause(name) => {
                Deed::Pause(self.find(name, Proc::is_running, "is not running")?)
            }
            Action::Resume(name) => {
                Deed::Resume(self.find(name, |p| p.life == Life::Paused, "is not paused")?)
            }
            Action::Restart(name) => {
                let powered = |p: &Proc| self.network.machine(p.spec.machine).powered;
                Deed::Restart(self.find(name, powered, "has no power")?)
            }
            Action::PowerOff(name) => Deed::PowerOff(self.find_powered(name, true)?),
            Action::PowerOn(name) => Deed::PowerOn(self.find_powered(name, false)?),
            Action::Isolate { machine, inbound, outbound } => {
                Deed::Isolate(self.find_machine(machine)?, *inbound, *outbound)
            }
            Action::Heal(name) => {
                let id = self.find_machine(name)?;
                let machine = self.network.machine(id);
                if !machine.isolated_in && !machine.isolated_out {
                    return Err(wrong_state(name, "is not isolated"));
                }
                Deed::Heal(id)
            }
            Action::Latency { machine, latency } => {
                Deed::Latency(self.find_machine(machine)?, *latency)
            }
            Action::FillDisk(name) => self.check_health(name, Health::Full)?,
            Action::FailDisk(name) => self.check_health(name, Health::Failed)?,
            Action::RepairDisk(name) => self.check_health(name, Health::Good)?,
            Action::Corrupt { process, file, position } => {
                let id = self.find(process, |_| true, "exists")?;
                let fault = DiskFault::Corrupt { file: file.clone(), position: *position };
                Deed::Disk(vec![id], fault)
            }
            Action::Reset { machine, other } => {
                let other = other.as_ref().map(|other| self.find_machine(other)).transpose()?;
                Deed::Reset(self.find_machine(machine)?, other)
            }
            Action::Clock { machine, percent } => {
                if !MachineClock::PERCENT.contains(percent) {
                    return Err(ActionError::ClockSpeed(*percent));
                }
                Deed::Clock(self.find_machine(machine)?, *percent)
            }
            Action::Supervisor(on) => Deed::Supervisor(*on),
            Action::Spawn { name, program, properties } => {
                self.check_spawn(name, program, properties)?
            }
            Action::Tell { process, command } => {
                let id = self.find(process, Proc::is_alive, "is not running")?;
                let program = self.proc(id).map(|process| process.spec.program);
                if !program.is_some_and(|program| takes(program, command)) {
                    return Err(ActionError::WrongProgram(process.clone()));
                }
                Deed::Tell(id, command.clone())
            }
            Action::Reload => Deed::Reload,
            Action::At { .. } => return Err(ActionError::Nested),
        })
    }

    fn find(
        &self,
        name: &str,
        condition: impl Fn(&Proc) -> bool,
        otherwise: &'static str,
    ) -> Result<ProcessId, ActionError> {
        let process = self.processes.iter().find(|process| process.spec.name == name);
        let process = process.ok_or_else(|| ActionError::NoSuchProcess(name.to_owned()))?;
        if condition(process) { Ok(process.id()) } else { Err(wrong_state(name, otherwise)) }
    }

    fn find_machine(&self, name: &str) -> Result<MachineId, ActionError> {
        let of_process = || {
            let process = self.specs().find(|spec| spec.name == name)?;
            Some(process.machine)
        };
        let found = self.network.machine_named(name).or_else(of_process);
        found.ok_or_else(|| ActionError::NoSuchMachine(name.to_owned()))
    }

    /// The disks that `name` means: that of a process, or all on a machine.
    fn check_health(&self, name: &str, health: Health) -> Result<Deed, ActionError> {
        let ids = if let Ok(id) = self.find(name, |_| true, "exists") {
            vec![id]
        } else {
            let machine = self.find_machine(name)?;
            let on_it = self.processes.iter().filter(|one| one.spec.machine == machine);
            on_it.map(Proc::id).collect()
        };
        let is_so = |id: &ProcessId| self.proc(*id).is_some_and(|process| process.disk == health);
        if ids.iter().all(is_so) {
            let is = match health {
                Health::Good => "has a disk that works",
                Health::Full => "has a full disk",
                Health::Failed => "has a failed disk",
            };
            return Err(wrong_state(name, is));
        }
        Ok(Deed::Disk(ids, DiskFault::Health(health)))
    }

    fn find_powered(&self, name: &str, powered: bool) -> Result<MachineId, ActionError> {
        let machine = self.find_machine(name)?;
        match (self.network.machine(machine).powered, powered) {
            (true, false) => Err(wrong_state(name, "has power")),
            (false, true) => Err(wrong_state(name, "has no power")),
            _ => Ok(machine),
        }
    }

    fn check_spawn(
        &self,
        name: &str,
        program: &str,
        pairs: &[(String, String)],
    ) -> Result<Deed, ActionError> {
        let program = Program::named(program)
            .ok_or_else(|| ActionError::NoSuchProgram(program.to_owned()))?;
        if self.process_named(name).is_some() {
            return Err(ActionError::NameTaken(name.to_owned()));
        }
        let mut properties = self.defaults.get(&program).cloned().unwrap_or_default();
        let mut machine = name.to_owned();
        for (key, value) in pairs {
            if key == "machine" {
                machine.clone_from(value);
            } else {
                properties.set(key, value.as_str());
            }
        }
        for name in [name, machine.as_str()] {
            if !is_host_name(name) {
                return Err(ActionError::BadName(name.to_owned()));
            }
        }
        if let Some(id) = self.network.machine_named(&machine)
            && !self.network.machine(id).powered
        {
            return Err(wrong_state(&machine, "has no power"));
        }
        Ok(Deed::Spawn { name: name.to_owned(), machine, program, properties })
    }

    fn perform(&mut self, deed: Deed, cause: Cause) -> Option<u64> {
        match deed {
            Deed::Kill(id) => self.kill(id, cause),
            Deed::Stop(id) => self.give(id, cause, Input::Stop),
            Deed::Restart(id) => {
                if self.is_alive(id) {
                    self.kill(id, cause.clone());
                }
                self.start(id, cause);
            }
            Deed::Pause(id) => self.pause(id, cause),
            Deed::Resume(id) => self.unpause(id, cause),
            Deed::PowerOff(machine) => self.power_off(machine, cause),
            Deed::PowerOn(machine) => self.power_on(machine, cause),
            Deed::Isolate(id, inbound, outbound) => {
                let machine = self.network.machine_mut(id);
                (machine.isolated_in, machine.isolated_out) = (inbound, outbound);
                let machine = machine.name.clone();
                self.log(cause, TraceEvent::MachineIsolated { machine, inbound, outbound });
                // Cutting one direction may heal the other.
                self.network.release(self.clock);
            }
            Deed::Heal(id) => {
                let machine = self.network.machine_mut(id);
                (machine.isolated_in, machine.isolated_out) = (false, false);
                let machine = machine.name.clone();
                self.log(cause, TraceEvent::MachineHealed { machine });
                self.network.release(self.clock);
            }
            Deed::Latency(id, latency) => {
                let latency = Some(latency).filter(|latency| *latency > Span::ZERO);
                self.network.machine_mut(id).latency = latency;
            }
            Deed::Disk(ids, fault) => {
                for process in self.processes.iter_mut().filter(|one| ids.contains(&one.id())) {
                    if let DiskFault::Health(health) = fault {
                        process.disk = health;
                    }
                    process.disk_faults.push(fault.clone());
                }
            }
            Deed::Reset(machine, other) => {
                self.network.reset(self.clock, machine, other, &cause, &mut self.trace);
            }
            Deed::Clock(id, percent) => self.set_clock(id, percent),
            Deed::Supervisor(on) => self.supervisor = on,
            Deed::Spawn { name, machine, program, properties } => {
                let id = self.add_process(&name, &machine, program, properties);
                self.start(id, cause);
            }
            Deed::Tell(id, command) => {
                let number = self.next_command;
                self.next_command += 1;
                self.give(id, cause, Input::Command { id: number, command });
                return Some(number);
            }
            Deed::Reload => self.reload(&cause),
        }
        None
    }

    /// The processes of the machine learn of it at once: when they wake depends on it.
    fn set_clock(&mut self, id: MachineId, percent: u32) {
        let machine = self.network.machine_mut(id);
        machine.clock = machine.clock.at_speed(self.clock, percent);
        let on_it = self.processes.iter().filter(|p| p.spec.machine == id && p.is_running());
        self.ready.extend(on_it.map(Proc::id));
    }

    fn kill(&mut self, id: ProcessId, cause: Cause) {
        let killed = Cause::Event(self.log(cause, TraceEvent::ProcessKilled { process: id }));
        self.die(id, self.clock, "killed".to_owned(), &killed, CloseReason::Reset);
    }

    fn pause(&mut self, id: ProcessId, cause: Cause) {
        self.log(cause, TraceEvent::ProcessPaused { process: id });
        if let Some(process) = self.proc_mut(id) {
            process.life = Life::Paused;
        }
        self.ready.remove(&id);
        self.wakes.retain(|(_, process)| *process != id);
    }

    fn unpause(&mut self, id: ProcessId, cause: Cause) {
        self.log(cause, TraceEvent::ProcessResumed { process: id });
        let now = self.clock;
        let Some(process) = self.proc_mut(id) else {
            return;
        };
        process.life = Life::Running;
        process.not_before = Some(now);
        let wake = process.wake.as_ref().map(|wake| wake.at.max(now));
        let stalled = std::mem::take(&mut process.stalled);
        // Its inputs wait, and its machine's clock may go differently by now.
        self.ready.insert(id);
        if let Some(wake) = wake {
            self.wakes.insert((wake, id));
            if let Some(wakeup) = self.proc_mut(id).and_then(|process| process.wake.as_mut()) {
                wakeup.at = wake;
            }
        }
        self.emissions
            .extend(stalled.into_iter().map(|stalled| (id, Emission { at: now, ..stalled })));
    }

    fn power_off(&mut self, machine: MachineId, cause: Cause) {
        let at = self.clock;
        let name = self.network.machine(machine).name.clone();
        let event = self.log(cause, TraceEvent::MachinePoweredOff { machine: name });
        let cause = Cause::Event(event);
        self.network.machine_mut(machine).powered = false;
        let on_it = self.processes.iter().filter(|process| process.spec.machine == machine);
        let ids: Vec<ProcessId> = on_it.map(Proc::id).collect();
        for id in ids {
            let awaited = self.restarts.iter().any(|(_, process)| *process == id);
            self.restarts.retain(|(_, process)| *process != id);
            let ended = self.end_life(id, at, "power off".to_owned(), cause.clone());
            if let Some(process) = self.proc_mut(id) {
                process.starts_with_power |= ended || awaited;
                if let Life::Dead { restart_at, .. } = &mut process.life {
                    *restart_at = None;
                }
            }
            self.cut_power(id, cause.clone());
        }
        self.network.vanish(at, machine, &mut self.trace);
    }

    fn power_on(&mut self, machine: MachineId, cause: Cause) {
        let name = self.network.machine(machine).name.clone();
        let event = self.log(cause, TraceEvent::MachinePoweredOn { machine: name });
        self.network.machine_mut(machine).powered = true;
        let on_it = self.processes.iter();
        let back = on_it.filter(|p| p.spec.machine == machine && p.starts_with_power);
        let ids: Vec<ProcessId> = back.map(Proc::id).collect();
        for id in ids {
            self.start(id, Cause::Event(event));
        }
        self.network.release(self.clock);
    }

    /// Every process that lives begins a new life on its volume; whatever was under way is gone.
    pub(super) fn reload(&mut self, cause: &Cause) {
        self.network.forget_everything();
        self.emissions.clear();
        let alive = self.processes.iter().filter(|process| process.is_alive());
        let ids: Vec<ProcessId> = alive.map(Proc::id).collect();
        for id in &ids {
            self.end_life(*id, self.clock, "reload".to_owned(), cause.clone());
        }
        for id in ids {
            self.start(id, cause.clone());
        }
    }
}

fn wrong_state(name: &str, is: &'static str) -> ActionError {
    ActionError::WrongState { name: name.to_owned(), is }
}

/// Whether a program takes a command.
fn takes(program: Program, command: &Command) -> bool {
    match command {
        Command::Produce { .. } | Command::ProduceEvery { .. } => {
            matches!(program, Program::Producer | Program::QueueSender)
        }
        Command::CreateTopic { .. } | Command::Admin(_) => program == Program::Admin,
        Command::DumpLog(_) => program == Program::Broker,
        Command::Seek { .. } | Command::Consumer(_) => program == Program::Consumer,
    }
}

/// Whether `name` can be the name of a process and its machine.
pub(super) fn is_host_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=63).contains(&name.len()) && name.bytes().all(good)
}
