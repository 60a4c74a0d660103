//! What a world is made of. A run is this configuration plus the actions taken while it ran; both
//! together give the same trace on every host.

use super::action::Action;
use crate::base::{SortedMap, Span, Time};
use crate::node::{Program, Properties};
use serde::{Deserialize, Serialize};

/// Everything that a world begins with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WorldConfig {
    /// Seed of every random stream.
    pub seed: u64,
    /// Virtual time at which it begins.
    pub epoch: Time,
    /// Names of the machines, which are their host names too.
    pub machines: Vec<String>,
    /// The processes that start at the beginning, in the order in which they are numbered.
    pub processes: Vec<ProcessConfig>,
    /// One-way latency of every link, loopback too.
    pub latency: Span,
    /// Most that a frame takes longer than that, drawn for each; order on a connection stays.
    pub jitter: Span,
    /// Time that one fsync takes.
    pub sync_latency: Span,
    /// Whether failed processes are started again.
    pub supervisor: bool,
    /// How long the supervisor waits before it does.
    pub restart_back_off: Span,
    /// What a process that is started later has unless it says otherwise, by program.
    pub defaults: SortedMap<Program, Properties>,
    /// Actions to come, in order of time.
    pub actions: Vec<(Time, Action)>,
}

/// A process of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProcessConfig {
    /// Its name.
    pub name: String,
    /// The machine it runs on, made when no machine has that name.
    pub machine: String,
    /// What it runs.
    pub program: Program,
    /// Its configuration.
    pub properties: Properties,
}

impl WorldConfig {
    /// An empty world with 1 ms links and 1 ms syncs that begins on 1 January 2024 at noon, UTC.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch: Time::from_millis(1_704_110_400_000),
            machines: Vec::new(),
            processes: Vec::new(),
            latency: Span::from_millis(1),
            jitter: Span::ZERO,
            sync_latency: Span::from_millis(1),
            supervisor: true,
            restart_back_off: Span::from_secs(5),
            defaults: SortedMap::new(),
            actions: Vec::new(),
        }
    }

    /// Adds a process on a machine of its own name.
    pub fn process(&mut self, name: &str, program: Program, properties: Properties) -> &mut Self {
        let (name, machine) = (name.to_owned(), name.to_owned());
        self.processes.push(ProcessConfig { name, machine, program, properties });
        self
    }
}
