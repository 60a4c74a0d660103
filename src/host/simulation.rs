//! Simulated runs: a seed makes a cluster, a workload and faults; everything is checked while it
//! runs; then all faults heal and the cluster must converge, and everything acknowledged must be
//! there. What was done is kept as a world with timed actions, which plays the same run anywhere.

mod chaos;
mod faults;
mod marks;
mod minimise;
#[cfg(feature = "mutants")]
pub mod mutants;
mod report;
mod run;
mod setting;

pub use faults::Faults;
pub use marks::Marks;
pub use minimise::{Minimal, minimise};
pub use report::{Failure, Judged, Report};

use crate::base::{Span, Time, TraceRecord};
use crate::world::WorldConfig;
use chaos::Chaos;
use run::Run;
use setting::Setting;

/// Time for the cluster to form before anything is asked of it.
const FORMATION_MAX: Span = Span::from_secs(60);
/// Time for the topics to stand before producers begin, and from then until faults begin.
const CALM: Span = Span::from_secs(4);

/// Runs `seed` with `faults` for as long as `wild`, and then until everything has converged.
pub fn simulate(seed: u64, wild: Span, faults: Faults) -> Judged {
    simulate_watched(seed, wild, faults, |_| ())
}

/// [`simulate`], showing every event to `watch`.
pub fn simulate_watched(
    seed: u64,
    wild: Span,
    faults: Faults,
    watch: impl FnMut(&TraceRecord),
) -> Judged {
    wild_run(seed, wild, faults, watch, None).0
}

/// [`simulate`], taking note of what happened at all.
pub fn simulate_marked(seed: u64, wild: Span, faults: Faults) -> (Judged, Marks) {
    let (judged, marks) = wild_run(seed, wild, faults, |_| (), Some(Marks::default()));
    (judged, marks.unwrap_or_default())
}

fn wild_run(
    seed: u64,
    wild: Span,
    faults: Faults,
    watch: impl FnMut(&TraceRecord),
    marks: Option<Marks>,
) -> (Judged, Option<Marks>) {
    let setting = Setting::of(seed);
    let mut chaos = Chaos::new(seed, faults);
    let mut run = Run::new(setting.config, watch, marks);
    run.form(FORMATION_MAX);
    for topic in setting.topics {
        run.create_topic(topic);
    }
    run.until(run.clock() + CALM);
    run.give_work(setting.work);
    run.until(run.clock() + CALM);
    let end = run.clock() + wild;
    let made = chaos.rage(&mut run, end);
    run.judge(made)
}

/// Plays a world with its actions until the last of them, or until `end` when that is later; then
/// heals what is left and judges as [`simulate`] does.
pub fn replay(world: WorldConfig, end: Time, watch: impl FnMut(&TraceRecord)) -> Judged {
    let last = world.actions.iter().map(|(at, _)| *at).max().unwrap_or(world.epoch);
    let mut run = Run::new(world, watch, None);
    run.until(end.max(last) + Span::from_micros(1));
    run.judge(0).0
}

/// Hash of the trace of a world that is played until `end` without being looked at.
pub fn trace_hash(world: WorldConfig, end: Time) -> String {
    let mut run = Run::new(world, |_| (), None);
    run.pass(end);
    run.trace_hash()
}
