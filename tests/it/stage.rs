//! A world for stories of producers and consumer groups: three brokers, the checkers, and a ledger that follows every
//! record.

use kafkarium::base::{EventId, Span, TopicPartition, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::node::view::{ConsumerView, GroupView};
use kafkarium::node::{Command, ProcessView, Program};
use kafkarium::world::check::Checkers;
use kafkarium::world::ledger::{Ledger, RecordFate};
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};

/// A world with its checkers and a ledger of its own that follows everything.
pub(super) struct Stage {
    pub host: LocalHost,
    pub checkers: Checkers,
    pub ledger: Ledger,
    seen: EventId,
}

impl Stage {
    /// Three brokers, a topic `orders` and a producer with `acks` that sends when it is told to.
    pub fn new(seed: u64, partitions: i32, acks: &str) -> Self {
        let mut config = WorldConfig::cluster(Profile::Native, seed, 3);
        config.client("admin-1", Program::Admin, &[]);
        config.client("producer-1", Program::Producer, &[("acks", acks)]);
        for topic in ["orders", "bills"] {
            let command = Command::CreateTopic {
                topic: topic.to_owned(),
                partitions,
                replication_factor: 3,
                configs: Vec::new(),
            };
            let tell = Action::Tell { process: "admin-1".to_owned(), command };
            config.actions.push((config.epoch + Span::from_secs(3), tell));
        }
        Self::of(config, 8_000)
    }

    /// The world of `config`, as it is after `warm_up` ms.
    pub fn of(config: WorldConfig, warm_up: u64) -> Self {
        let mut host = LocalHost::new(World::new(config), launch);
        host.world_mut().observe(true);
        let (checkers, ledger) = (Checkers::default(), Ledger::following(1_000_000));
        let mut stage = Self { host, checkers, ledger, seen: EventId(0) };
        stage.run(warm_up);
        stage
    }

    pub fn run(&mut self, millis: u64) {
        let until = self.host.world().clock() + Span::from_millis(millis);
        while self.host.world().clock() < until {
            let next = (self.host.world().clock() + Span::from_millis(500)).min(until);
            self.host.run_until(next);
            let trace = self.host.world().trace();
            for record in trace.after(self.seen) {
                self.checkers.see(record);
                self.ledger.see(record);
            }
            self.seen = EventId(trace.total());
        }
        self.host.refresh_views();
    }

    pub fn act(&mut self, words: &str) {
        let action = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
        self.host.world_mut().act(action).unwrap_or_else(|error| panic!("{words}: {error}"));
    }

    /// Tells a process something and waits for its answer.
    pub fn tell(&mut self, words: &str) -> Result<String, String> {
        let action: Action = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
        let told =
            self.host.world_mut().act(action).unwrap_or_else(|error| panic!("{words}: {error}"));
        let command = told.expect("a command is told");
        for _ in 0..400 {
            self.run(500);
            let mut answers = self.host.world_mut().take_answers().into_iter();
            if let Some(answer) = answers.find(|answer| answer.command == command) {
                return answer.outcome;
            }
        }
        panic!("{words}: no answer in 200 s");
    }

    pub fn view(&self, name: &str) -> ProcessView {
        let process = self.host.world().process_named(name).expect("it is in the world");
        self.host.runner(process).expect("it runs").process().view()
    }

    pub fn consumer(&self, name: &str) -> ConsumerView {
        match self.view(name) {
            ProcessView::Consumer(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn owned(&self, name: &str) -> Vec<TopicPartition> {
        self.consumer(name).owned.into_iter().map(|owned| owned.partition).collect()
    }

    /// The group on its coordinator, with the coordinator's name.
    pub fn group(&self, group: &str) -> (String, GroupView) {
        let found = (1..=3).find_map(|id| {
            let name = format!("broker-{id}");
            let process = self.host.world().process_named(&name)?;
            let ProcessView::Broker(view) = self.host.runner(process)?.process().view() else {
                return None;
            };
            Some((name, view.groups.into_iter().find(|one| one.group == group)?))
        });
        found.expect("the group is coordinated")
    }

    /// Every partition of `orders` belongs to exactly one of `names`, as evenly as can be.
    pub fn assert_shared(&self, names: &[&str], partitions: usize) {
        let mut all: Vec<TopicPartition> = Vec::new();
        for name in names {
            let owned = self.owned(name);
            let fair = partitions.div_ceil(names.len());
            assert!(owned.len() <= fair, "{name} has {owned:?}");
            all.extend(owned);
        }
        all.sort();
        let expected: Vec<_> =
            (0..partitions as i32).map(|index| TopicPartition::new("orders", index)).collect();
        assert_eq!(all, expected, "{names:?}");
    }

    pub fn assert_sound(&self) {
        assert_eq!(self.checkers.violations, Vec::new());
        assert_eq!(self.checkers.crashes, Vec::new());
    }

    pub fn fates(&self) -> impl Iterator<Item = &RecordFate> {
        self.ledger.records()
    }
}

/// Starts a consumer of `orders`.
pub(super) fn join(stage: &mut Stage, name: &str, group: &str) {
    stage.act(&format!(
        "start {name} consumer group.id={group} topics=orders auto.offset.reset=earliest"
    ));
}

/// The answers with an error that `server` gave `client` after `since`: API and error.
pub(super) fn refusals(
    stage: &mut Stage,
    since: EventId,
    server: &str,
    client: &str,
) -> Vec<(String, String)> {
    let world = stage.host.world_mut();
    let (server, client) = (world.process_named(server), world.process_named(client));
    let sent = |event: &TraceEvent| match event {
        TraceEvent::FrameSent { from, to, .. } => Some(*from) == server && Some(*to) == client,
        _ => false,
    };
    let frames: Vec<EventId> = world
        .trace()
        .after(since)
        .filter(|record| sent(&record.event))
        .map(|record| record.id)
        .collect();
    let mut refused = Vec::new();
    for frame in frames {
        let Some(details) = world.frame_details(frame) else { continue };
        if let Some(error) = &details.summary.error {
            refused.push((details.summary.api.to_string(), error.clone()));
        }
    }
    refused
}
