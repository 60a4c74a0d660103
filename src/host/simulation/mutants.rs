//! The hunt for planted faults: which checker must find each, and the first seed in which it does.

use super::{Faults, Report, simulate};
use crate::base::Span;
use crate::base::mutant::{Mutant, plant};
use crate::host::ensemble_simulation::simulate_ensemble;
use std::ops::Range;

/// What finds a planted fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finder {
    /// A rule, in runs of Kafka clusters.
    Cluster(&'static str),
    /// A rule, in runs of ZooKeeper ensembles alone.
    Ensemble(&'static str),
    /// Runs of Kafka clusters do not converge.
    ClusterLiveness,
}

/// Every planted fault, and what must find it.
pub const MUTANTS: [(Mutant, Finder); 21] = [
    (Mutant::AckBeforeIsr, Finder::Cluster("NoAckedLoss")),
    (Mutant::HighWatermarkFromLeaderOnly, Finder::Cluster("NoAckedLoss")),
    (Mutant::SkipTruncation, Finder::Cluster("ConsistentCommittedData")),
    (Mutant::ReadAboveHighWatermark, Finder::Cluster("ReadsBelowHighWatermark")),
    (Mutant::ElectOutOfIsr, Finder::Cluster("CleanLeader")),
    (Mutant::KeepLeaderEpoch, Finder::Cluster("MonotonicEpoch")),
    (Mutant::KeepControllerEpoch, Finder::Cluster("SingleController")),
    (Mutant::AssignEverythingToAll, Finder::Cluster("OneOwnerPerGeneration")),
    (Mutant::FencedMemberCommits, Finder::Cluster("FencedCommitsNothing")),
    (Mutant::CommitToFirstPartition, Finder::Cluster("CommitsGoForward")),
    (Mutant::ForgetCommittedOffsets, Finder::Cluster("CommittedIsNotReadAgain")),
    (Mutant::CommitAhead, Finder::Cluster("NoSkip")),
    (Mutant::SkipFetchedRecord, Finder::Cluster("NoAckedLoss")),
    (Mutant::IgnoreProduceError, Finder::Cluster("NoAckedLoss")),
    (Mutant::AckBeforeSync, Finder::Ensemble("NoLostWrite")),
    (Mutant::ForgetWatch, Finder::Ensemble("WatchBeforeData")),
    (Mutant::KeepFiredWatch, Finder::Ensemble("WatchOnce")),
    (Mutant::NeverExpire, Finder::ClusterLiveness),
    (Mutant::KeepEphemerals, Finder::Ensemble("EphemeralDiesWithSession")),
    (Mutant::FollowerSkipsChange, Finder::Ensemble("OneTree")),
    (Mutant::ElectAnybody, Finder::Ensemble("NoLostWrite")),
];

/// How a hunt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hunt {
    /// The checker found it.
    Found {
        /// In this seed.
        seed: u64,
        /// What it said.
        text: String,
    },
    /// A process broke before the checker found it.
    Crashed {
        /// In this seed.
        seed: u64,
        /// Its last words.
        text: String,
    },
    /// The checker saw nothing in all seeds.
    Unseen {
        /// What other rules found.
        others: Vec<&'static str>,
    },
}

/// Looks for `mutant` in `seeds`.
pub fn hunt(mutant: Mutant, finder: Finder, mut seeds: Range<u64>) -> Hunt {
    plant(Some(mutant));
    let mut others = Vec::new();
    let hunt = seeds.find_map(|seed| look(finder, seed, &mut others));
    plant(None);
    hunt.unwrap_or(Hunt::Unseen { others })
}

fn look(finder: Finder, seed: u64, others: &mut Vec<&'static str>) -> Option<Hunt> {
    let wild = Span::from_secs(40);
    let report = match finder {
        Finder::Cluster(_) | Finder::ClusterLiveness => simulate(seed, wild, Faults::ALL).report,
        Finder::Ensemble(_) => simulate_ensemble(seed, wild, Faults::ALL, |_| ()),
    };
    if let Some(panic) = report.panics.first() {
        return Some(Hunt::Crashed { seed, text: panic.text.clone() });
    }
    let rules = report.safety.iter().map(|violation| violation.rule);
    others.extend(rules.chain((!report.liveness.is_empty()).then_some("liveness")));
    others.sort_unstable();
    others.dedup();
    found(finder, &report).map(|text| Hunt::Found { seed, text })
}

fn found(finder: Finder, report: &Report) -> Option<String> {
    match finder {
        Finder::Cluster(rule) | Finder::Ensemble(rule) => {
            let violation = report.safety.iter().find(|violation| violation.rule == rule)?;
            Some(violation.text.clone())
        }
        Finder::ClusterLiveness => report.liveness.first().cloned(),
    }
}
