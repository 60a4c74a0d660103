//! How a world lets time pass: planning a window, and applying what came of it in the order of
//! (time, source, sequence), so that the cutting into windows leaves no mark.

use super::link::Who;
use super::lives::{Life, Proc};
use super::round::{HostOrder, LifeStep, NodeResult, NodeTask, Round};
use super::state::{Answer, World};
use crate::base::{Cause, ProcessId, Time, TraceEvent};
use crate::node::{Batch, CloseReason, Effect, Emission, ExitReason, Input};
use std::rc::Rc;

impl World {
    /// The next round, ending at `until` at the latest; none when nothing more happens before
    /// `until`, and then the clock stands there. Its results must be handed to [`World::finish`]
    /// before anything else is done.
    pub fn plan(&mut self, until: Time) -> Option<Round> {
        assert!(self.window.is_none(), "one round is finished before the next is planned");
        loop {
            self.act_on_schedule();
            let coming = self.scheduled.front().map(|(at, _)| *at);
            let restart = self.restarts.first().map(|(at, _)| *at);
            let horizon = [coming, restart].into_iter().flatten().fold(until, Time::min);
            let Some(start) = self.next_happening().filter(|next| *next < horizon) else {
                if !self.orders.is_empty() {
                    return Some(self.open_window(self.clock, self.clock));
                }
                self.clock = self.clock.max(horizon);
                if horizon < until {
                    continue;
                }
                return None;
            };
            let step = self.network.lookahead().min(self.restart_back_off);
            let start = start.max(self.clock);
            let round = self.open_window(start, (start + step).min(horizon));
            if round.tasks.is_empty() && round.orders.is_empty() {
                self.finish(Vec::new());
            } else {
                return Some(round);
            }
        }
    }

    /// When the next thing happens, actions and restarts aside. Also what "next event" runs to.
    pub fn next_happening(&self) -> Option<Time> {
        let ready = self.ready.first().map(|_| self.clock);
        let wake = self.wakes.first().map(|(at, _)| *at);
        let emission = self.emissions.next_at();
        let arrival = self.network.next_arrival();
        [ready, wake, emission, arrival].into_iter().flatten().min()
    }

    /// When the next frame arrives somewhere.
    pub fn next_arrival(&self) -> Option<Time> {
        self.network.next_arrival()
    }

    fn act_on_schedule(&mut self) {
        while let Some((_, action)) = self.scheduled.pop_front_if(|(at, _)| *at <= self.clock) {
            let words = action.to_string();
            if let Err(error) = self.act(action) {
                let text = format!("{words}: {error}");
                let (level, logger) = (crate::base::trace::LogLevel::Warn, "world".to_owned());
                self.log(Cause::Beginning, TraceEvent::Logged { level, text, logger });
            }
        }
        while let Some((at, id)) =
            self.restarts.first().copied().filter(|(at, _)| *at <= self.clock)
        {
            self.restarts.remove(&(at, id));
            self.restart_failed(id);
        }
    }

    fn restart_failed(&mut self, id: ProcessId) {
        let Some(Life::Dead { cause, restart_at, .. }) = self.proc_mut(id).map(|p| &mut p.life)
        else {
            return;
        };
        *restart_at = None;
        let cause = cause.clone();
        if self.is_powered(id) {
            let name = self.proc(id).map(|p| p.spec.name.clone()).unwrap_or_default();
            let text = format!("supervisor: restart {name}");
            let event = self.log(cause, TraceEvent::ActionTaken { text });
            self.start(id, Cause::Event(event));
        }
    }

    fn open_window(&mut self, start: Time, end: Time) -> Round {
        let Self { network, processes, ready, outside_inbox, .. } = self;
        network.inputs_before(end, |who: Who, input| {
            if who.process == ProcessId::OUTSIDE
                && let Input::Link(input) = input.input
            {
                outside_inbox.push(input);
                return;
            }
            let process =
                (who.process.0 as usize).checked_sub(1).and_then(|i| processes.get_mut(i));
            if let Some(process) = process.filter(|process| process.who() == who) {
                process.inputs.push(input);
                if process.is_running() {
                    ready.insert(who.process);
                }
            }
        });
        let mut tasks = Vec::new();
        if start < end {
            let waking = self.wakes.iter().take_while(|(at, _)| *at < end).map(|(_, id)| *id);
            let mut due: Vec<ProcessId> = waking.chain(self.ready.iter().copied()).collect();
            due.sort_unstable();
            due.dedup();
            self.ready.clear();
            tasks = due.into_iter().filter_map(|id| self.task(id, end)).collect();
        }
        self.window = Some((start, end));
        Round { start, end, orders: std::mem::take(&mut self.orders), tasks }
    }

    fn task(&mut self, id: ProcessId, until: Time) -> Option<NodeTask> {
        let (lives_kept, view) = (self.lives_kept, self.views_wanted);
        let clock = self.network.machine(self.proc(id)?.spec.machine).clock;
        let process = self.proc_mut(id)?;
        let inputs = std::mem::take(&mut process.inputs);
        let batch = Batch {
            inputs,
            until,
            not_before: process.not_before.take(),
            clock,
            disk_faults: std::mem::take(&mut process.disk_faults),
        };
        process.view_is_stale = true;
        if lives_kept {
            let step = LifeStep::Ran(Rc::new(batch.clone()));
            Rc::make_mut(&mut process.log.steps).push(step);
        }
        Some(NodeTask { process: id, batch, view })
    }

    /// Takes the results of the round that was planned last and applies everything that happened
    /// in its window. Results may come in any order, one a process at most.
    pub fn finish(&mut self, results: Vec<NodeResult>) {
        let Some((_, end)) = self.window.take() else {
            return;
        };
        let mut crashes = Vec::new();
        let mut emissions = Vec::new();
        for result in results {
            let process = result.process;
            if let Some(message) = &result.crashed {
                crashes.push((process, message.clone()));
            }
            let new = self.take_result(result).into_iter();
            emissions.extend(new.map(|emission| (process, emission)));
        }
        self.emissions.extend(emissions);
        self.trace_cuts(end);
        loop {
            let arrival = self.network.next_arrival().filter(|at| *at < end);
            let emission = self.emissions.next_at().filter(|at| *at < end);
            match (arrival, emission) {
                (Some(arrival), emission) if emission.is_none_or(|at| arrival <= at) => {
                    self.network.arrive(&mut self.trace);
                }
                (_, Some(_)) => {
                    if let Some((source, emission)) = self.emissions.pop_first() {
                        self.apply(emission.at, source, emission);
                    }
                }
                _ => break,
            }
        }
        self.clock = self.clock.max(end);
        crashes.sort();
        for (process, message) in crashes {
            self.crash(process, message);
        }
        self.write_ledger();
    }

    /// What the process let out comes back.
    fn take_result(&mut self, result: NodeResult) -> Vec<Emission> {
        let id = result.process;
        if let Some((at, cause)) = self.cutting.remove(&id) {
            self.cuts.extend(result.cuts.into_iter().map(|cut| (at, cause.clone(), id, cut)));
        }
        let Some(process) = self.proc_mut(id) else {
            return Vec::new();
        };
        process.volume_bytes = result.volume_bytes;
        if let Some(volume) = result.started_on {
            process.log.volume = volume;
        }
        if let Some(view) = result.view {
            process.view = Some(Rc::new(view));
            process.view_is_stale = false;
        }
        let Some(output) = result.output.filter(|_| process.is_alive()) else {
            return Vec::new();
        };
        let was = process.wake.take().map(|wake| wake.at);
        let next = output.next_wake.as_ref().map(|wake| wake.at);
        process.wake = output.next_wake;
        if was != next && process.is_running() {
            self.wakes.extend(next.map(|at| (at, id)));
            if let Some(was) = was {
                self.wakes.remove(&(was, id));
            }
        }
        output.emissions
    }

    /// Tells of the cuts once their instant is over: then nothing that a person does at the same
    /// instant can come between.
    pub(super) fn trace_cuts(&mut self, now: Time) {
        if self.cuts.first().is_none_or(|(at, ..)| *at >= now) {
            return;
        }
        let mut cuts = std::mem::take(&mut self.cuts);
        cuts.sort_by(|a, b| (a.0, a.2, &a.3.file).cmp(&(b.0, b.2, &b.3.file)));
        for (at, cause, process, cut) in cuts {
            let event = TraceEvent::FileCut { process, file: cut.file, from: cut.from, to: cut.to };
            self.trace.push(at, None, cause, event);
        }
    }

    fn apply(&mut self, at: Time, source: ProcessId, emission: Emission) {
        let Some(process) = self.proc_mut(source) else {
            return;
        };
        if process.life == Life::Paused {
            process.stalled.push(emission);
            return;
        }
        let (who, machine) = (process.who(), process.spec.machine);
        let cause = emission.cause;
        match emission.effect {
            Effect::Listen(port) => self.network.listen(who, machine, port),
            Effect::Dial { conn, to } => {
                self.network.dial(at, (who, machine), conn, &to, cause);
            }
            Effect::Send { conn, frame } => {
                let bytes = frame.clone();
                let sent = self.network.send(at, who, conn, frame, cause, &mut self.trace);
                if let Some(sent) = sent {
                    self.note_frame((source, sent.to), &sent, bytes);
                }
            }
            Effect::Hangup(conn) => {
                self.network.hang_up(at, who, conn, cause, &mut self.trace);
            }
            Effect::Answer { command, outcome } => {
                self.answers.push(Answer { command, process: source, outcome });
            }
            Effect::Trace(event) => {
                self.trace.push(at, Some(source), cause, event);
            }
            Effect::Exit(reason) => self.exit(at, source, reason, cause),
        }
    }

    fn exit(&mut self, at: Time, process: ProcessId, reason: ExitReason, cause: Cause) {
        let ExitReason { failure, message } = reason;
        let why = format!("exited: {message}");
        let event = TraceEvent::ProcessExited { process, failure, message };
        let cause = Cause::Event(self.trace.push(at, None, cause, event));
        let close = if failure { CloseReason::Reset } else { CloseReason::HungUp };
        self.die(process, at, why, &cause, close);
        if failure {
            self.supervise(process, at);
        }
    }

    /// A process broke: its last batch counts for nothing.
    fn crash(&mut self, process: ProcessId, message: String) {
        if !self.proc(process).is_some_and(Proc::is_alive) {
            return;
        }
        if let Some(process) = self.proc_mut(process) {
            process.log.forget_last_batch();
        }
        let at = self.clock;
        let why = format!("crashed: {message}");
        let event = TraceEvent::ProcessCrashed { process, message };
        let cause = Cause::Event(self.log(Cause::Beginning, event));
        self.die(process, at, why, &cause, CloseReason::Reset);
        self.supervise(process, at);
    }

    /// True when a host must still carry out orders, even if no time passes.
    pub fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// The orders that wait for the next round.
    pub fn waiting_orders(&self) -> &[HostOrder] {
        &self.orders
    }
}
