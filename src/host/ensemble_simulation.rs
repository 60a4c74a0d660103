//! Simulated runs of a ZooKeeper ensemble alone: clients write and read while servers are killed, lose
//! power, pause, or are cut off one way or both; everything is checked while it runs, and after the
//! healing everything must be there and agree.

use super::LocalHost;
use super::simulation::{Faults, Report};
use crate::base::{EventId, Rng, Span, Time, TraceRecord};
use crate::node::{Process, ProcessSpec, ProcessView, Program};
use crate::world::check::EnsembleCheckers;
use crate::world::{Action, Profile, World, WorldConfig, any_process};

mod workload;

use workload::Workload;

/// How long everything may take to agree after the faults have healed: an election whose votes are
/// told once a minute at worst, and all sessions once around.
const CONVERGENCE_MAX: Span = Span::from_secs(150);
const LOOK_EVERY: Span = Span::from_millis(250);
/// Time for the ensemble to form before faults begin.
const QUIET: Span = Span::from_secs(5);

/// Runs `seed` with `faults` for `wild` of virtual time.
pub fn simulate_ensemble(
    seed: u64,
    wild: Span,
    faults: Faults,
    watch: impl FnMut(&TraceRecord),
) -> Report {
    let mut run = Run::new(seed, wild, watch);
    run.until(run.host.world().epoch() + QUIET);
    let end = run.host.world().epoch() + QUIET + wild;
    let made = run.with_faults(end, faults);
    run.heal();
    let liveness = run.converge();
    let clock = run.host.world().clock();
    run.checkers.conclude(clock);
    let world = run.host.world();
    Report {
        seed,
        trace_hash: format!("{:016x}", world.trace().hash()),
        virtual_seconds: clock.since(world.epoch()).as_millis() / 1_000,
        excused_losses: 0,
        excused_partitions: 0,
        counts: run.checkers.counts.clone(),
        faults: made,
        safety: run.checkers.violations,
        liveness,
        panics: run.checkers.crashes,
    }
}

fn launch(spec: &ProcessSpec) -> Box<dyn Process> {
    if spec.program == Program::Admin
        && let Ok(workload) = Workload::new(spec)
    {
        return Box::new(workload);
    }
    any_process::launch(spec)
}

struct Run<W> {
    watch: W,
    host: LocalHost,
    rng: Rng,
    checkers: EnsembleCheckers,
    seen: EventId,
    servers: Vec<String>,
}

impl<W: FnMut(&TraceRecord)> Run<W> {
    fn new(seed: u64, wild: Span, watch: W) -> Self {
        let mut rng = Rng::new(seed).fork("ensemble simulation");
        let count = *rng.pick(&[3, 3, 3, 5, 5, 4, 2, 7]).unwrap_or(&3);
        let mut config = WorldConfig::cluster_on(Profile::Native, seed, 0, count);
        config.latency = Span::from_micros(*rng.pick(&[200, 1_000, 5_000, 20_000]).unwrap_or(&200));
        config.jitter = Span::from_micros(*rng.pick(&[0, 0, 500, 10_000]).unwrap_or(&0));
        let snap_count = rng.pick(&["20", "100", "100000"]).copied().unwrap_or("100");
        let mut servers = Vec::new();
        for process in &mut config.processes {
            process.properties.set("tickTime", "500");
            process.properties.set("snapCount", snap_count);
            servers.push(process.name.clone());
        }
        let connect: Vec<String> = servers.iter().map(|name| format!("{name}:2181")).collect();
        let until = config.epoch + QUIET + wild;
        let until = until.as_millis().to_string();
        for client in 1..=rng.between(2, 4) {
            let timeout = rng.pick(&["1000", "2000", "6000"]).copied().unwrap_or("2000");
            let own = [
                ("zookeeper.connect", connect.join(",")),
                ("zookeeper.session.timeout.ms", timeout.to_owned()),
                ("writes.until.ms", until.clone()),
            ];
            let own: Vec<(&str, &str)> = own.iter().map(|(k, v)| (*k, v.as_str())).collect();
            config.client(&format!("client-{client}"), Program::Admin, &own);
        }
        let mut host = LocalHost::new(World::new(config), launch);
        host.world_mut().want_views(false);
        Self { watch, host, rng, checkers: EnsembleCheckers::default(), seen: EventId(0), servers }
    }

    /// Lets time pass, checking.
    fn until(&mut self, end: Time) {
        while self.host.world().clock() < end {
            let next = (self.host.world().clock() + LOOK_EVERY).min(end);
            self.host.run_until(next);
            let trace = self.host.world().trace();
            for record in trace.after(self.seen) {
                (self.watch)(record);
                self.checkers.see(record);
            }
            self.seen = EventId(trace.total());
            self.host.refresh_views();
            let world = self.host.world();
            self.checkers.look(world.clock(), &views(world));
        }
    }

    fn act(&mut self, action: Action) -> bool {
        self.host.world_mut().act(action).is_ok()
    }

    /// Makes faults at random instants until `end`, each undone some time later.
    fn with_faults(&mut self, end: Time, faults: Faults) -> u64 {
        let mut undo: Vec<(Time, Action)> = Vec::new();
        let mut made = 0;
        let mut next = self.host.world().clock();
        // Swarm: some runs are calm, some are wild.
        let pause_max = *self.rng.pick(&[500_000, 2_000_000, 8_000_000]).unwrap_or(&2_000_000);
        let repair_max = *self.rng.pick(&[300_000, 3_000_000, 12_000_000]).unwrap_or(&3_000_000);
        loop {
            next += Span::from_micros(self.rng.between(1, pause_max));
            undo.sort_by_key(|(at, _)| *at);
            while let Some((at, action)) = undo.first().cloned().filter(|(at, _)| *at <= next) {
                undo.remove(0);
                self.until(at.min(end));
                self.act(action);
            }
            if next >= end {
                self.until(end);
                return made;
            }
            self.until(next);
            for (action, repair) in self.fault(faults) {
                if self.act(action) {
                    made += 1;
                    let later = Span::from_micros(self.rng.between(1, repair_max));
                    undo.push((next + later, repair));
                }
            }
        }
    }

    /// A fault of one server or client, of some servers, or of all at once.
    fn fault(&mut self, faults: Faults) -> Vec<(Action, Action)> {
        let names: Vec<String> = self.host.world().specs().map(|spec| spec.name.clone()).collect();
        let targets = match self.rng.below(20) {
            0 => self.servers.clone(),
            1..=3 => {
                let servers = self.servers.clone();
                servers.into_iter().filter(|_| self.rng.chance(500)).collect()
            }
            4..=15 => self.rng.pick(&self.servers).cloned().into_iter().collect(),
            _ => self.rng.pick(&names).cloned().into_iter().collect(),
        };
        let ways = [(true, true), (true, false), (false, true)];
        let (inbound, outbound) = *self.rng.pick(&ways).unwrap_or(&(true, true));
        let kind = self.rng.below(5);
        let fault = |name: String| {
            let again = name.clone();
            Some(match kind {
                0 if faults.kill => (Action::Kill(name), Action::Restart(again)),
                1 if faults.kill => (Action::Stop(name), Action::Restart(again)),
                2 if faults.power => (Action::PowerOff(name), Action::PowerOn(again)),
                3 if faults.pause => (Action::Pause(name), Action::Resume(again)),
                4 if faults.isolate => {
                    (Action::Isolate { machine: name, inbound, outbound }, Action::Heal(again))
                }
                _ => return None,
            })
        };
        targets.into_iter().filter_map(fault).collect()
    }

    fn heal(&mut self) {
        let specs: Vec<_> = self.host.world().specs().cloned().collect();
        for spec in specs {
            let name = spec.name;
            self.act(Action::PowerOn(name.clone()));
            self.act(Action::Heal(name.clone()));
            self.act(Action::Resume(name));
        }
        let clock = self.host.world().clock();
        self.checkers.healed(clock);
    }

    /// Lets time pass until all agree; what is left when the time is over.
    fn converge(&mut self) -> Vec<String> {
        let last = self.host.world().clock() + CONVERGENCE_MAX;
        loop {
            // Who was told to stop while it was paused stops only now.
            let specs: Vec<_> = self.host.world().specs().cloned().collect();
            for spec in specs {
                if !self.host.world().is_alive(spec.id) {
                    self.act(Action::Restart(spec.name.clone()));
                }
            }
            self.until(self.host.world().clock() + Span::from_secs(1));
            let world = self.host.world();
            let clients: Vec<_> = world
                .specs()
                .filter(|spec| spec.program == Program::Admin)
                .map(|spec| spec.id)
                .collect();
            let left = self.checkers.unfinished(self.servers.len(), &views(world), &clients);
            if left.is_empty() || world.clock() >= last {
                return left;
            }
        }
    }
}

fn views(world: &World) -> Vec<&ProcessView> {
    let alive = world.specs().filter(|spec| world.is_alive(spec.id));
    alive.filter_map(|spec| world.view(spec.id)).collect()
}
