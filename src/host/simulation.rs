//! Simulated runs: a seed makes a cluster, a workload and faults; everything is checked while it
//! runs; then all faults heal and the cluster must converge, and everything acknowledged must be
//! there. A failing seed can be run again anywhere with the same result.

use super::LocalHost;
use crate::base::{EventId, Incarnation, ProcessId, Rng, Span, Time, TraceRecord};
use crate::cluster::topic_name;
use crate::node::{Command, ProcessView, Program};
use crate::world::check::{Checkers, Counts, Violation, check_logs, unfinished};
use crate::world::{Action, Profile, World, WorldConfig, any_process};
use serde::Serialize;

/// Which faults a run may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// `kill -9` and restart.
    pub kill: bool,
    /// Power cuts.
    pub power: bool,
    /// Pauses.
    pub pause: bool,
    /// Isolated machines, one way or both.
    pub isolate: bool,
}

impl Faults {
    /// All of them.
    pub const ALL: Self = Self { kill: true, power: true, pause: true, isolate: true };
}

/// What came of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Hash of its trace.
    pub trace_hash: String,
    /// Virtual seconds that it took.
    pub virtual_seconds: u64,
    /// What happened, how often.
    pub counts: Counts,
    /// Faults that were made.
    pub faults: u64,
    /// Acknowledged records lost for a cause that Kafka allows.
    pub excused_losses: u64,
    /// Partitions of which nothing could be asked ([`Checkers::led_on`]).
    pub excused_partitions: usize,
    /// Broken safety rules.
    pub safety: Vec<Violation>,
    /// What had not converged in time.
    pub liveness: Vec<String>,
    /// Panics.
    pub panics: Vec<Violation>,
}

/// How long everything may take to converge after the faults have healed. Longer than any timeout
/// in Kafka's defaults that a client has to sit through: a JoinGroup that waits at a coordinator
/// which lost its power is given up after `max.poll.interval.ms` and five seconds, and asked anew.
const CONVERGENCE_MAX: Span = Span::from_secs(360);
/// How often the views are looked at.
const LOOK_EVERY: Span = Span::from_millis(500);
/// Time for the brokers to register and the topic to stand.
const PRODUCE_AFTER: Span = Span::from_secs(8);
/// Time for the cluster to form before faults begin.
const QUIET: Span = Span::from_secs(12);

/// Runs `seed` with `faults` for as long as `wild`, and then until everything has converged.
pub fn simulate(seed: u64, wild: Span, faults: Faults) -> Report {
    simulate_watched(seed, wild, faults, |_| ())
}

/// [`simulate`], showing every event to `watch`.
pub fn simulate_watched(
    seed: u64,
    wild: Span,
    faults: Faults,
    watch: impl FnMut(&TraceRecord),
) -> Report {
    let mut run = Run::new(seed, watch);
    let begin = run.host.world().epoch();
    run.until(begin + PRODUCE_AFTER);
    run.assign_work();
    run.until(begin + QUIET);
    let end = run.host.world().clock() + wild;
    let made = run.with_faults(end, faults);
    run.heal();
    let liveness = run.converge();
    if liveness.is_empty() {
        run.audit();
    }
    let world = run.host.world();
    Report {
        seed,
        trace_hash: format!("{:016x}", world.trace().hash()),
        virtual_seconds: world.clock().since(world.epoch()).as_millis() / 1_000,
        excused_losses: run.checkers.excused_losses(),
        excused_partitions: run.checkers.led_on().len(),
        counts: run.checkers.counts.clone(),
        faults: made,
        safety: run.checkers.violations,
        liveness,
        panics: run.checkers.crashes,
    }
}

struct Run<W> {
    watch: W,
    host: LocalHost,
    rng: Rng,
    checkers: Checkers,
    seen: EventId,
    brokers: usize,
    work: Vec<Work>,
}

/// What a producer is to send for as long as it runs.
struct Work {
    producer: ProcessId,
    name: String,
    command: Command,
    /// The life that was told so.
    told: Incarnation,
}

impl<W: FnMut(&TraceRecord)> Run<W> {
    fn new(seed: u64, watch: W) -> Self {
        let mut rng = Rng::new(seed).fork("simulation");
        let brokers = 3;
        let mut config = WorldConfig::cluster(Profile::Native, seed, brokers);
        config.latency = Span::from_micros(*rng.pick(&[200, 1_000, 5_000, 20_000]).unwrap_or(&200));
        config.jitter = Span::from_micros(*rng.pick(&[0, 0, 500, 10_000]).unwrap_or(&0));
        let orders = workload(&mut config, &mut rng);
        let mut checkers = Checkers::default();
        let mut host = LocalHost::new(World::new(config), any_process::launch);
        let specs = host.world().specs().filter(|spec| spec.program == Program::Producer);
        for spec in specs.filter(|spec| spec.properties.get("enable.idempotence") == Some("true")) {
            checkers.expect_idempotent(spec.id);
        }
        host.world_mut().want_views(false);
        let work = orders.into_iter().filter_map(|(name, command)| {
            let producer = host.world().process_named(&name)?;
            Some(Work { producer, name, command, told: Incarnation::default() })
        });
        let work = work.collect();
        Self { watch, host, rng, checkers, seen: EventId(0), brokers, work }
    }

    /// Tells every producer that has begun a new life what to send: its memory is gone.
    fn assign_work(&mut self) {
        let world = self.host.world_mut();
        for work in &mut self.work {
            let life = world.incarnation(work.producer).unwrap_or_default();
            if life == work.told || !world.is_alive(work.producer) {
                continue;
            }
            let (process, command) = (work.name.clone(), work.command.clone());
            if world.act(Action::Tell { process, command }).is_ok() {
                work.told = life;
            }
        }
    }

    /// Lets time pass, checking.
    fn until(&mut self, end: Time) {
        while self.host.world().clock() < end {
            let next = (self.host.world().clock() + LOOK_EVERY).min(end);
            self.host.run_until(next);
            self.check();
        }
    }

    fn check(&mut self) {
        let trace = self.host.world().trace();
        for record in trace.after(self.seen) {
            (self.watch)(record);
            self.checkers.see(record);
        }
        self.seen = EventId(trace.total());
        self.host.refresh_views();
        let world = self.host.world();
        let views = views(world);
        self.checkers.look(world.clock(), &views);
    }

    fn act(&mut self, action: Action) -> bool {
        self.host.world_mut().act(action).is_ok()
    }

    /// Makes faults at random instants until `end`, each undone some time later.
    fn with_faults(&mut self, end: Time, faults: Faults) -> u64 {
        let mut undo: Vec<(Time, Action)> = Vec::new();
        let mut made = 0;
        let mut next = self.host.world().clock();
        // Swarm: some runs are calm, some are wild, and in most the cluster works now and then.
        let pause_max = *self.rng.pick(&[3_000_000, 10_000_000, 40_000_000]).unwrap_or(&10_000_000);
        let repair_max = *self.rng.pick(&[1_000_000, 8_000_000, 30_000_000]).unwrap_or(&8_000_000);
        let most_at_once = *self.rng.pick(&[1, 2, 5]).unwrap_or(&1);
        loop {
            next += Span::from_micros(self.rng.between(1, pause_max));
            undo.sort_by_key(|(at, _)| *at);
            while let Some((at, action)) = undo.first().cloned().filter(|(at, _)| *at <= next) {
                undo.remove(0);
                self.until(at.min(end));
                self.act(action);
                self.assign_work();
            }
            if next >= end {
                self.until(end);
                return made;
            }
            self.until(next);
            if undo.len() < most_at_once
                && let Some((action, repair)) = self.fault(faults)
                && self.act(action)
            {
                made += 1;
                let later = Span::from_micros(self.rng.between(1, repair_max));
                undo.push((next + later, repair));
            }
        }
    }

    fn fault(&mut self, faults: Faults) -> Option<(Action, Action)> {
        let names: Vec<String> = self.host.world().specs().map(|spec| spec.name.clone()).collect();
        let name = self.rng.pick(&names)?.clone();
        let again = name.clone();
        let ways = [(true, true), (true, false), (false, true)];
        let (inbound, outbound) = *self.rng.pick(&ways)?;
        Some(match self.rng.below(5) {
            0 if faults.kill => (Action::Kill(name), Action::Restart(again)),
            1 if faults.kill => (Action::Stop(name), Action::Restart(again)),
            2 if faults.power => (Action::PowerOff(name), Action::PowerOn(again)),
            3 if faults.pause => (Action::Pause(name), Action::Resume(again)),
            4 if faults.isolate => {
                (Action::Isolate { machine: name, inbound, outbound }, Action::Heal(again))
            }
            _ => return None,
        })
    }

    fn heal(&mut self) {
        let specs: Vec<_> = self.host.world().specs().cloned().collect();
        for spec in specs {
            let name = spec.name;
            self.act(Action::PowerOn(name.clone()));
            self.act(Action::Heal(name.clone()));
            self.act(Action::Resume(name.clone()));
            if !self.host.world().is_alive(spec.id) {
                self.act(Action::Restart(name.clone()));
            }
            if spec.program == Program::Producer {
                let stop = Command::ProduceEvery {
                    topic: "orders".to_owned(),
                    interval_us: 0,
                    keys: Vec::new(),
                };
                self.act(Action::Tell { process: name, command: stop });
            }
        }
    }

    /// Lets time pass until nothing is left to do; what is left when the time is over.
    fn converge(&mut self) -> Vec<String> {
        let last = self.host.world().clock() + CONVERGENCE_MAX;
        loop {
            self.until(self.host.world().clock() + Span::from_secs(2));
            let excused = self.checkers.led_on();
            let left = unfinished(self.brokers, &views(self.host.world()), excused);
            if left.is_empty() || self.host.world().clock() >= last {
                return left;
            }
        }
    }

    /// A new group reads everything from the start.
    fn audit(&mut self) {
        let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        self.act(Action::Spawn {
            name: "auditor".to_owned(),
            program: "consumer".to_owned(),
            properties: vec![
                property("group.id", Checkers::AUDIT_GROUP),
                property("topics", "orders"),
                property("auto.offset.reset", "earliest"),
            ],
        });
        self.until(self.host.world().clock() + Span::from_secs(10));
        self.converge();
        self.checkers.conclude(self.host.world().clock());
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

/// Producers and consumers of a seed's taste, and the topic; what the producers are to send.
fn workload(config: &mut WorldConfig, rng: &mut Rng) -> Vec<(String, Command)> {
    config.client("admin-1", Program::Admin, &[]);
    let min_isr = if rng.chance(500) { "1" } else { "2" };
    let create = Command::CreateTopic {
        topic: "orders".to_owned(),
        partitions: rng.between(1, 4) as i32,
        replication_factor: 3,
        configs: vec![("min.insync.replicas".to_owned(), min_isr.to_owned())],
    };
    let process = "admin-1".to_owned();
    let at = config.epoch + Span::from_secs(3);
    config.actions.push((at, Action::Tell { process, command: create }));
    let mut orders = Vec::new();
    // Of another stream, so that other choices stay as they were.
    let mut taste = rng.fork("client settings");
    let codecs = ["none", "gzip", "snappy", "lz4"];
    for producer in 1..=rng.between(1, 2) {
        let interval = rng.between(20, 300).to_string();
        let keys = if rng.chance(500) { "a,b,c,d,e" } else { "" };
        let own = [
            ("acks", "all"),
            ("linger.ms", if rng.chance(500) { "0" } else { "25" }),
            ("enable.idempotence", if taste.chance(500) { "true" } else { "false" }),
            ("compression.type", taste.pick(&codecs).copied().unwrap_or("none")),
        ];
        let name = format!("producer-{producer}");
        config.client(&name, Program::Producer, &own);
        let command = Command::ProduceEvery {
            topic: "orders".to_owned(),
            interval_us: interval.parse::<u64>().unwrap_or(100) * 1_000,
            keys: keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        };
        orders.push((name, command));
    }
    let strategies = ["range", "roundrobin", "sticky", "cooperative-sticky"];
    let strategy = taste.pick(&strategies).copied().unwrap_or("range");
    for consumer in 1..=rng.between(1, 3) {
        let name = format!("consumer-{consumer}");
        let mut own = vec![
            ("group.id", "g1"),
            ("topics", "orders"),
            ("auto.offset.reset", "earliest"),
            ("partition.assignment.strategy", strategy),
        ];
        if taste.chance(250) {
            own.push(("group.instance.id", &name));
        }
        config.client(&name, Program::Consumer, &own);
    }
    orders
}

fn views(world: &World) -> Vec<&ProcessView> {
    let alive = world.specs().filter(|spec| world.is_alive(spec.id));
    alive.filter_map(|spec| world.view(spec.id)).collect()
}
