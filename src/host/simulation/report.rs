//! What came of a run.

use crate::base::Time;
use crate::world::WorldConfig;
use crate::world::check::{Counts, Violation};
use serde::Serialize;

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
    /// Partitions of which nothing could be asked
    /// ([`Checkers::led_on`](crate::world::check::Checkers::led_on)).
    pub excused_partitions: usize,
    /// Broken safety rules.
    pub safety: Vec<Violation>,
    /// What had not converged in time.
    pub liveness: Vec<String>,
    /// Panics.
    pub panics: Vec<Violation>,
}

/// A run with what is needed to play it again.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// What came of it.
    pub report: Report,
    /// Its configuration, and all actions that were taken, healing and audit too.
    pub world: WorldConfig,
    /// When it was over.
    pub end: Time,
    /// When everything was healed.
    pub healed: Time,
}

/// What is wrong with a run: two runs fail alike when this is the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Failure {
    /// A rule of safety was broken; the first one.
    Safety(&'static str),
    /// It did not converge.
    Liveness,
    /// A process broke.
    Panic,
}

impl Report {
    /// What is wrong with it, the worst first.
    pub fn failure(&self) -> Option<Failure> {
        if !self.panics.is_empty() {
            return Some(Failure::Panic);
        }
        let rule = self.safety.first().map(|violation| Failure::Safety(violation.rule));
        rule.or((!self.liveness.is_empty()).then_some(Failure::Liveness))
    }
}
