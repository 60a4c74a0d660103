//! One run: a world on one thread with its checkers, what its producers are to do, and the end:
//! healing, convergence, audit.

use super::marks::Marks;
use super::report::{Judged, Report};
use super::setting::Work;
use crate::base::{EventId, Incarnation, ProcessId, SortedMap, Span, Time, TraceRecord};
use crate::cluster::topic_name;
use crate::disk::Volume;
use crate::host::LocalHost;
use crate::node::{Command, ProcessView, Program};
use crate::world::check::{Checkers, check_logs, log_end_offsets, unfinished};
use crate::world::{Action, World, WorldConfig, any_process};

/// How long everything may take to converge after the faults have healed. Longer than any timeout
/// in Kafka's defaults that a client has to sit through: a JoinGroup that waits at a coordinator
/// which lost its power is given up after `max.poll.interval.ms` and five seconds, and asked anew.
const CONVERGENCE_MAX: Span = Span::from_secs(360);
/// How often the views are looked at.
const LOOK_EVERY: Span = Span::from_millis(500);
/// The client that creates topics.
pub(super) const ADMIN: &str = "admin-1";

/// A world with its checkers.
pub(super) struct Run<W> {
    watch: W,
    /// What happened at all, if that is wanted.
    marks: Option<Marks>,
    /// The world as it began, without actions.
    config: WorldConfig,
    host: LocalHost,
    checkers: Checkers,
    seen: EventId,
    work: Vec<Assigned>,
}

/// What a producer is to send for as long as it runs.
struct Assigned {
    producer: ProcessId,
    work: Work,
    /// The life that was told so.
    told: Incarnation,
}

impl<W: FnMut(&TraceRecord)> Run<W> {
    /// The world of `config` at its beginning.
    pub fn new(config: WorldConfig, watch: W, marks: Option<Marks>) -> Self {
        let kept = WorldConfig { actions: Vec::new(), ..config.clone() };
        let mut host = LocalHost::new(World::new(config), any_process::launch);
        host.world_mut().observe(marks.is_some());
        host.world_mut().want_views(false);
        let mut checkers = Checkers::default();
        let specs = host.world().specs().filter(|spec| spec.program == Program::Producer);
        for spec in specs.filter(|spec| spec.properties.get("enable.idempotence") == Some("true")) {
            checkers.expect_idempotent(spec.id);
        }
        Self { watch, marks, config: kept, host, checkers, seen: EventId(0), work: Vec::new() }
    }

    /// Virtual time.
    pub fn clock(&self) -> Time {
        self.host.world().clock()
    }

    /// The world.
    pub fn world(&self) -> &World {
        self.host.world()
    }

    /// Views of all living processes, as they were looked at last.
    pub fn views(&self) -> Vec<(&str, &ProcessView)> {
        let world = self.host.world();
        let alive = world.specs().filter(|spec| world.is_alive(spec.id));
        alive.filter_map(|spec| Some((spec.name.as_str(), world.view(spec.id)?))).collect()
    }

    /// The volume of a process.
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.host.volume(self.host.world().process_named(name)?)
    }

    /// Does something; false when it cannot be done now.
    pub fn act(&mut self, action: Action) -> bool {
        self.host.world_mut().act(action).is_ok()
    }

    /// Lets time pass, checking.
    pub fn until(&mut self, end: Time) {
        while self.clock() < end {
            let next = (self.clock() + LOOK_EVERY).min(end);
            self.host.run_until(next);
            self.check();
        }
    }

    /// Lets time pass without a look.
    pub fn pass(&mut self, end: Time) {
        self.host.run_until(end);
    }

    /// Hash of the trace so far.
    pub fn trace_hash(&self) -> String {
        format!("{:016x}", self.host.world().trace().hash())
    }

    fn check(&mut self) {
        let trace = self.host.world().trace();
        for record in trace.after(self.seen) {
            (self.watch)(record);
            self.checkers.see(record);
        }
        let fresh: Vec<std::rc::Rc<TraceRecord>> = match &self.marks {
            Some(_) => trace.after(self.seen).cloned().collect(),
            None => Vec::new(),
        };
        self.seen = EventId(trace.total());
        if let Some(marks) = &mut self.marks {
            for record in &fresh {
                marks.see(record, self.host.world_mut());
            }
        }
        self.host.refresh_views();
        let world = self.host.world();
        let views: Vec<&ProcessView> = world
            .specs()
            .filter(|s| world.is_alive(s.id))
            .filter_map(|s| world.view(s.id))
            .collect();
        self.checkers.look(world.clock(), &views);
    }

    fn brokers(&self) -> usize {
        self.config.processes.iter().filter(|p| p.program == Program::Broker).count()
    }

    /// Lets time pass until all brokers run.
    pub fn form(&mut self, longest: Span) {
        let last = self.clock() + longest;
        loop {
            self.until(self.clock() + Span::from_secs(1));
            let views = self.views();
            let running = views.iter().filter(|(_, view)| {
                matches!(view, ProcessView::Broker(broker) if broker.state == "Running")
            });
            if running.count() == self.brokers() || self.clock() >= last {
                return;
            }
        }
    }

    /// Has a topic created.
    pub fn create_topic(&mut self, command: Command) -> bool {
        self.act(Action::Tell { process: ADMIN.to_owned(), command })
    }

    /// What the producers are to send from now on.
    pub fn give_work(&mut self, work: Vec<Work>) {
        let assigned = work.into_iter().filter_map(|work| {
            let producer = self.host.world().process_named(&work.producer)?;
            Some(Assigned { producer, work, told: Incarnation::default() })
        });
        self.work = assigned.collect();
        self.remind();
    }

    /// Tells every producer that has begun a new life what to send: its memory is gone.
    pub fn remind(&mut self) {
        let world = self.host.world_mut();
        for assigned in &mut self.work {
            let life = world.incarnation(assigned.producer).unwrap_or_default();
            if life == assigned.told || !world.is_alive(assigned.producer) {
                continue;
            }
            let (process, command) =
                (assigned.work.producer.clone(), assigned.work.command.clone());
            if world.act(Action::Tell { process, command }).is_ok() {
                assigned.told = life;
            }
        }
    }

    /// The end of a run: everything heals and must converge, and what was acknowledged must be
    /// there.
    pub fn judge(mut self, faults: u64) -> (Judged, Option<Marks>) {
        let healed = self.clock();
        self.heal();
        let liveness = self.converge();
        if liveness.is_empty() {
            self.audit();
        }
        let world = self.host.world();
        let report = Report {
            seed: self.config.seed,
            trace_hash: self.trace_hash(),
            virtual_seconds: world.clock().since(world.epoch()).as_millis() / 1_000,
            excused_losses: self.checkers.excused_losses(),
            excused_partitions: self.checkers.led_on().len(),
            counts: self.checkers.counts,
            faults,
            safety: self.checkers.violations,
            liveness,
            panics: self.checkers.crashes,
        };
        let actions = world.recorded_actions().to_vec();
        let (end, world) = (world.clock(), WorldConfig { actions, ..self.config });
        (Judged { report, world, end, healed }, self.marks)
    }

    fn heal(&mut self) {
        for undo in self.changed_machines() {
            self.act(undo);
        }
        let specs: Vec<_> = self.host.world().specs().cloned().collect();
        for spec in specs {
            let name = spec.name;
            self.act(Action::PowerOn(name.clone()));
            self.act(Action::RepairDisk(name.clone()));
            self.act(Action::Heal(name.clone()));
            self.act(Action::Resume(name.clone()));
            if !self.host.world().is_alive(spec.id) {
                self.act(Action::Restart(name.clone()));
            }
            if matches!(spec.program, Program::Producer | Program::QueueSender) {
                let (topic, interval_us, keys) = ("orders".to_owned(), 0, Vec::new());
                let command = Command::ProduceEvery { topic, interval_us, keys };
                self.act(Action::Tell { process: name, command });
            }
        }
    }

    /// What undoes the latencies and clock speeds that machines have now.
    fn changed_machines(&self) -> Vec<Action> {
        let mut undo: Vec<Action> = Vec::new();
        let mut set = |this: Action, is_default: bool| {
            undo.retain(|other| *other != this);
            undo.extend(Some(this).filter(|_| !is_default));
        };
        for (_, action) in self.host.world().recorded_actions() {
            match action {
                Action::Latency { machine, latency } => {
                    let undone = Action::Latency { machine: machine.clone(), latency: Span::ZERO };
                    set(undone, *latency == Span::ZERO);
                }
                Action::Clock { machine, percent } => {
                    let undone = Action::Clock { machine: machine.clone(), percent: 100 };
                    set(undone, *percent == 100);
                }
                _ => {}
            }
        }
        undo
    }

    /// Lets time pass until nothing is left to do; what is left when the time is over.
    fn converge(&mut self) -> Vec<String> {
        let last = self.clock() + CONVERGENCE_MAX;
        let mut before = SortedMap::new();
        loop {
            self.until(self.clock() + Span::from_secs(2));
            // Who was asked to stop while it was paused, or took its time, stops only now.
            let world = self.host.world();
            let stopped: Vec<String> = world
                .specs()
                .filter(|spec| !world.is_alive(spec.id))
                .map(|spec| spec.name.clone())
                .collect();
            let views: Vec<&ProcessView> = self.views().into_iter().map(|(_, view)| view).collect();
            let mut left =
                unfinished(self.brokers(), &views, &before, &self.checkers.may_stay_short());
            before = log_end_offsets(&views);
            left.extend(stopped.iter().map(|name| format!("{name} does not run")));
            if left.is_empty() || self.clock() >= last {
                return left;
            }
            for name in stopped {
                self.act(Action::Restart(name));
            }
        }
    }

    /// Every topic that was to be created, by name.
    fn topics(&self) -> Vec<String> {
        let recorded = self.host.world().recorded_actions().iter();
        let mut topics: Vec<String> = recorded
            .filter_map(|(_, action)| match action {
                Action::Tell { command: Command::CreateTopic { topic, .. }, .. } => {
                    Some(topic.clone())
                }
                _ => None,
            })
            .collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// A new group reads everything from the start.
    fn audit(&mut self) {
        let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let topics = self.topics();
        if topics.is_empty() {
            return;
        }
        self.act(Action::Spawn {
            name: "auditor".to_owned(),
            program: "consumer".to_owned(),
            properties: vec![
                property("group.id", Checkers::AUDIT_GROUP),
                property("topics", &topics.join(",")),
                property("auto.offset.reset", "earliest"),
            ],
        });
        self.until(self.clock() + Span::from_secs(10));
        self.converge();
        self.checkers.conclude(self.clock());
        self.check_logs();
    }

    /// Looks at the logs on all disks.
    fn check_logs(&mut self) {
        let world = self.host.world();
        let found = &mut self.checkers.violations;
        for spec in world.specs().filter(|spec| spec.program == Program::Broker) {
            if let Some(volume) = self.host.volume(spec.id) {
                let is_compacted = topic_name::is_internal;
                check_logs(world.clock(), &spec.name, volume, is_compacted, found);
            }
        }
    }
}
