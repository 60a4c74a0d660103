//! Faults at random instants, each undone some time later. How often, how long, how many at once and
//! of which kinds is the seed's taste; so is whom they hit: anybody, or whoever leads just now.

use super::faults::Faults;
use super::run::Run;
use super::setting;
use crate::base::{Rng, Span, Time, TopicPartition, TraceRecord};
use crate::cluster::topic_name;
use crate::node::{AdminCommand, Command, ProcessView, Program};
use crate::wire::batch::{Batches, CRC_POSITION};
use crate::world::Action;

/// Kinds of faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Kill,
    Stop,
    Power,
    Pause,
    Isolate,
    Latency,
    Reset,
    Clock,
    Disk,
    Corrupt,
    Churn,
    Admin,
}

/// Whom a fault hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Anybody,
    Broker,
    Controller,
    Coordinator,
    PartitionLeader,
    ZooKeeper,
    ZooKeeperLeader,
}

/// What breaks, and what undoes it later, each in order.
type Fault = (Vec<Action>, Vec<Action>);

/// Most consumers and topics that a run may have.
const CONSUMERS_MAX: usize = 7;
const TOPICS_MAX: usize = 5;

/// The faults of a seed.
pub(super) struct Chaos {
    rng: Rng,
    kinds: Vec<(Kind, u64)>,
    targets: Vec<(Target, u64)>,
    /// Longest time between two faults, in µs.
    pause_max: u64,
    /// Longest time until a fault is undone, in µs.
    repair_max: u64,
    most_at_once: usize,
}

impl Chaos {
    /// The taste of `seed`, within `faults`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut rng = Rng::new(seed).fork("simulation chaos");
        let all = [
            (Kind::Kill, faults.kill),
            (Kind::Stop, faults.kill),
            (Kind::Power, faults.power),
            (Kind::Pause, faults.pause),
            (Kind::Isolate, faults.isolate),
            (Kind::Latency, faults.latency),
            (Kind::Reset, faults.reset),
            (Kind::Clock, faults.clock),
            (Kind::Churn, faults.churn),
            (Kind::Admin, faults.admin),
            (Kind::Disk, faults.disk),
            (Kind::Corrupt, faults.disk),
        ];
        let mut weigh =
            |wanted: bool| if wanted && rng.chance(700) { rng.between(1, 10) } else { 0 };
        let kinds = all.map(|(kind, wanted)| (kind, weigh(wanted)));
        let targets = [
            Target::Anybody,
            Target::Broker,
            Target::Controller,
            Target::Coordinator,
            Target::PartitionLeader,
            Target::ZooKeeper,
            Target::ZooKeeperLeader,
        ];
        let mut targets: Vec<_> = targets.map(|target| (target, weigh(true))).to_vec();
        targets.push((Target::Anybody, 1));
        Self {
            kinds: kinds.to_vec(),
            targets,
            // Some runs are calm, some are wild, and in most the cluster works now and then.
            pause_max: *rng.pick(&[3_000_000, 10_000_000, 40_000_000]).unwrap_or(&10_000_000),
            repair_max: *rng.pick(&[1_000_000, 8_000_000, 30_000_000]).unwrap_or(&8_000_000),
            most_at_once: *rng.pick(&[1, 2, 5]).unwrap_or(&1),
            rng,
        }
    }

    /// Makes faults until `end`; how many.
    pub fn rage<W: FnMut(&TraceRecord)>(&mut self, run: &mut Run<W>, end: Time) -> u64 {
        let mut undo: Vec<(Time, Action)> = Vec::new();
        let mut made = 0;
        let mut next = run.clock();
        loop {
            next += Span::from_micros(self.rng.between(1, self.pause_max));
            undo.sort_by_key(|(at, _)| *at);
            while let Some((at, action)) = undo.first().cloned().filter(|(at, _)| *at <= next) {
                undo.remove(0);
                run.until(at.min(end));
                run.act(action);
                run.remind();
            }
            if next >= end {
                run.until(end);
                return made;
            }
            run.until(next);
            if undo.len() < self.most_at_once
                && let Some((breaks, repair)) = self.fault(run)
                && breaks.into_iter().all(|action| run.act(action))
            {
                made += 1;
                let later = Span::from_micros(self.rng.between(1, self.repair_max));
                undo.extend(repair.into_iter().map(|repair| (next + later, repair)));
            }
        }
    }

    fn fault<W: FnMut(&TraceRecord)>(&mut self, run: &Run<W>) -> Option<Fault> {
        let kind = weighted(&mut self.rng, &self.kinds)?;
        if kind == Kind::Churn {
            return self.churn(run);
        }
        if kind == Kind::Admin {
            return self.administration(run);
        }
        if kind == Kind::Corrupt {
            return self.corruption(run);
        }
        let target = weighted(&mut self.rng, &self.targets)?;
        let name = self.name_of(target, run)?;
        let again = name.clone();
        let (action, repair) = match kind {
            Kind::Kill => (Action::Kill(name), vec![Action::Restart(again)]),
            Kind::Stop => (Action::Stop(name), vec![Action::Restart(again)]),
            Kind::Power => (Action::PowerOff(name), vec![Action::PowerOn(again)]),
            Kind::Pause => (Action::Pause(name), vec![Action::Resume(again)]),
            Kind::Isolate => {
                let ways = [(true, true), (true, false), (false, true)];
                let (inbound, outbound) = *self.rng.pick(&ways)?;
                (Action::Isolate { machine: name, inbound, outbound }, vec![Action::Heal(again)])
            }
            Kind::Latency => {
                let latency = Span::from_micros(self.rng.between(20_000, 3_000_000));
                let back = Action::Latency { machine: again, latency: Span::ZERO };
                (Action::Latency { machine: name, latency }, vec![back])
            }
            Kind::Reset => {
                let other = self.name_of(Target::Anybody, run).filter(|other| *other != name);
                let other = other.filter(|_| self.rng.chance(500));
                (Action::Reset { machine: name, other }, Vec::new())
            }
            Kind::Clock => {
                let percent = *self.rng.pick(&[50, 90, 110, 150, 200, 400])?;
                let back = Action::Clock { machine: again, percent: 100 };
                (Action::Clock { machine: name, percent }, vec![back])
            }
            Kind::Disk => {
                let back = vec![Action::RepairDisk(again)];
                let action = if self.rng.chance(500) {
                    Action::FillDisk(name)
                } else {
                    Action::FailDisk(name)
                };
                (action, back)
            }
            Kind::Corrupt | Kind::Churn | Kind::Admin => return None,
        };
        Some((vec![action], repair))
    }

    /// A broker is killed, and what it had not synced of a log reads otherwise when it comes back.
    /// What was synced is not looked at again at a start, and would stay broken for ever; so would a
    /// batch's offset and leader epoch, which its checksum does not cover.
    fn corruption<W: FnMut(&TraceRecord)>(&mut self, run: &Run<W>) -> Option<Fault> {
        let name = self.name_of(Target::Broker, run)?;
        let volume = run.volume(&name)?;
        let unsynced = |file: &str| (volume.durable_len(file), volume.len(file).unwrap_or(0));
        let logs = volume
            .list("")
            .filter(|file| file.contains('/') && file.strip_suffix(".log").is_some());
        let torn: Vec<&str> = logs.filter(|file| unsynced(file).0 < unsynced(file).1).collect();
        let file = (*self.rng.pick(&torn)?).to_owned();
        let (from, to) = unsynced(&file);
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        let mut at = from;
        let batches = Batches::new(volume.read(&file)?.get(from..to)?);
        let places = batches.map(|batch| {
            at += batch.size();
            (at - batch.size() + CRC_POSITION, at - 1)
        });
        let places: Vec<(usize, usize)> = places.collect();
        let (first, last) = *self.rng.pick(&places)?;
        let position = self.rng.between(first as u64, last as u64);
        let corrupt = Action::Corrupt { process: name.clone(), file, position };
        Some((vec![Action::Kill(name.clone()), corrupt], vec![Action::Restart(name)]))
    }

    fn name_of<W: FnMut(&TraceRecord)>(&mut self, target: Target, run: &Run<W>) -> Option<String> {
        let named = |program: Option<Program>| -> Vec<String> {
            let specs = run.world().specs();
            let hit = specs.filter(|spec| program.is_none_or(|program| spec.program == program));
            hit.map(|spec| spec.name.clone()).collect()
        };
        let seen = |is_hit: fn(&ProcessView) -> bool| -> Vec<String> {
            let views = run.views().into_iter();
            views.filter(|(_, view)| is_hit(view)).map(|(name, _)| name.to_owned()).collect()
        };
        let names = match target {
            Target::Anybody => named(None),
            Target::Broker => named(Some(Program::Broker)),
            Target::ZooKeeper => named(Some(Program::ZooKeeper)),
            Target::Controller => seen(
                |view| matches!(view, ProcessView::Broker(broker) if broker.controller_epoch.is_some()),
            ),
            Target::Coordinator => seen(
                |view| matches!(view, ProcessView::Broker(broker) if !broker.groups.is_empty()),
            ),
            Target::PartitionLeader => seen(|view| {
                matches!(view, ProcessView::Broker(broker)
                    if broker.replicas.iter().any(|replica| replica.is_leader))
            }),
            Target::ZooKeeperLeader => seen(
                |view| matches!(view, ProcessView::ZooKeeper(server) if server.role == "leader"),
            ),
        };
        self.rng.pick(&names).cloned()
    }

    /// A member of a group leaves for a while, or a new one comes.
    fn churn<W: FnMut(&TraceRecord)>(&mut self, run: &Run<W>) -> Option<Fault> {
        let specs = run.world().specs().filter(|spec| spec.program == Program::Consumer);
        let consumers: Vec<_> = specs.cloned().collect();
        let model = self.rng.pick(&consumers)?;
        if consumers.len() < CONSUMERS_MAX && self.rng.chance(300) {
            // A name of its own in the group, if it has one: two of the same name fence each other for ever.
            let of_model = ["client.id", "group.instance.id"];
            let own =
                model.properties.0.iter().filter(|(key, _)| !of_model.contains(&key.as_str()));
            return Some((
                vec![Action::Spawn {
                    name: format!("consumer-{}", consumers.len() + 1),
                    program: Program::Consumer.word().to_owned(),
                    properties: own.map(|(key, value)| (key.clone(), value.clone())).collect(),
                }],
                Vec::new(),
            ));
        }
        let name = model.name.clone();
        Some((vec![Action::Stop(name.clone())], vec![Action::Restart(name)]))
    }

    /// A topic is created, altered or deleted. Nobody writes to those that are deleted.
    fn administration<W: FnMut(&TraceRecord)>(&mut self, run: &Run<W>) -> Option<Fault> {
        let brokers = run.world().specs().filter(|spec| spec.program == Program::Broker).count();
        let extra = format!("extra-{}", self.rng.between(1, TOPICS_MAX as u64));
        let partitions = led_partitions(run);
        let command = match self.rng.below(5) {
            0 => Command::Admin(AdminCommand::DeleteTopic(extra)),
            1 => {
                let topic = self.rng.pick(&partitions).map_or(extra, |known| known.topic.clone());
                let count = self.rng.between(1, 8) as i32;
                Command::Admin(AdminCommand::CreatePartitions { topic, count })
            }
            2 | 3 => {
                let partition = self.rng.pick(&partitions)?.clone();
                let mut left: Vec<i32> = (1..=brokers as i32).collect();
                let mut replicas = Vec::new();
                for _ in 0..self.rng.between(0, brokers.min(3) as u64) {
                    replicas.push(left.swap_remove(self.rng.below(left.len() as u64) as usize));
                }
                Command::Admin(AdminCommand::Reassign { partition, replicas })
            }
            _ => setting::topic(&extra, brokers, &mut self.rng),
        };
        Some((vec![Action::Tell { process: super::run::ADMIN.to_owned(), command }], Vec::new()))
    }
}

/// Partitions of topics of users, as their leaders show them.
fn led_partitions<W: FnMut(&TraceRecord)>(run: &Run<W>) -> Vec<TopicPartition> {
    let views = run.views().into_iter();
    let brokers = views.filter_map(|(_, view)| match view {
        ProcessView::Broker(broker) => Some(broker),
        _ => None,
    });
    let led = brokers.flat_map(|broker| &broker.replicas).filter(|replica| replica.is_leader);
    let partitions = led.map(|replica| replica.partition.clone());
    partitions.filter(|partition| !topic_name::is_internal(&partition.topic)).collect()
}

/// One of `items` with a chance in proportion to its weight.
fn weighted<T: Copy>(rng: &mut Rng, items: &[(T, u64)]) -> Option<T> {
    let total: u64 = items.iter().map(|(_, weight)| weight).sum();
    let mut place = if total == 0 { return None } else { rng.below(total) };
    for (item, weight) in items {
        match place.checked_sub(*weight) {
            Some(rest) => place = rest,
            None => return Some(*item),
        }
    }
    None
}
