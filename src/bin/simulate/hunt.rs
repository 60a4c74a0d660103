//! `simulate --mutant NAME`: shows that the checkers find faults that were planted on purpose.

use kafkarium::host::simulation::mutants::{Finder, Hunt, MUTANTS, hunt};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;

/// Hunts the fault called `name`, or all of them; fails when one is not found by its checker.
pub fn run(name: &str, seeds: Range<u64>) -> ExitCode {
    let wanted = |mutant: &str| name == "all" || name == mutant;
    let named = MUTANTS.iter().map(|(mutant, finder)| (format!("{mutant:?}"), *mutant, *finder));
    let mutants: Vec<_> = named.filter(|(name, ..)| wanted(name)).collect();
    if mutants.is_empty() {
        let names: Vec<String> = MUTANTS.iter().map(|(mutant, _)| format!("{mutant:?}")).collect();
        eprintln!("simulate: {name:?} is no planted fault; they are all, {}", names.join(", "));
        return ExitCode::from(64);
    }
    let queue = Mutex::new(mutants.iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let missed = Mutex::new(0_u32);
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((name, mutant, finder)) = next() {
                    let outcome = hunt(*mutant, *finder, seeds.clone());
                    if !matches!(outcome, Hunt::Found { .. })
                        && let Ok(mut missed) = missed.lock()
                    {
                        *missed += 1;
                    }
                    println!("{}", words(name, *finder, &outcome, &seeds));
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or(u32::MAX);
    println!("{} planted faults, {missed} not found", mutants.len());
    ExitCode::from(u8::from(missed > 0))
}

fn words(name: &str, finder: Finder, outcome: &Hunt, seeds: &Range<u64>) -> String {
    let by = match finder {
        Finder::Cluster(rule) | Finder::Ensemble(rule) => rule,
        Finder::ClusterLiveness => "liveness",
    };
    match outcome {
        Hunt::Found { seed, text } => format!("{name}: found by {by} in seed {seed}: {text}"),
        Hunt::Crashed { seed, text } => format!("{name}: CRASHED in seed {seed}: {text}"),
        Hunt::Unseen { others } => {
            let Range { start, end } = seeds;
            format!("{name}: NOT FOUND by {by} in seeds {start}..{end}, but by {others:?}")
        }
    }
}
