//! What the simulator does: `simulate --seeds A..B --minutes M [--faults all|kill,power,pause,isolate] [--json] [--trace] [--quiet]`
//! (or `--seconds S`; `--workload zookeeper` for an ensemble alone). Each seed is run twice and must give the same trace; seeds run side by side.
//! Exit codes: 0 clean, 1 safety, 2 liveness, 3 panic, 4 not deterministic, 64 wrong arguments.

use kafkarium::base::{Span, TraceEvent, TraceRecord};
use kafkarium::host::ensemble_simulation::simulate_ensemble;
use kafkarium::host::simulation::{Faults, Report, simulate_watched};
use kafkarium::world::check::Counts;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What was asked for.
#[derive(Clone)]
struct Arguments {
    seeds: Range<u64>,
    wild: Span,
    faults: Faults,
    json: bool,
    /// Print nothing of clean seeds but their sum.
    quiet: bool,
    /// Print every event but the frames.
    trace: bool,
    /// The ZooKeeper ensemble alone, instead of a Kafka cluster.
    zookeeper: bool,
}

pub fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("simulate: {problem}");
            eprintln!(
                "usage: simulate --seeds A..B --minutes M [--faults all|none|kill,power,pause,isolate] [--workload kafka|zookeeper] [--json] [--trace] [--quiet]"
            );
            return ExitCode::from(64);
        }
    };
    // A panic of a process is reported with its seed; its place is worth a line, no more.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let started = now();
    let mut total = Total::default();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    // A trace is told as it happens, so its seeds come one after the other.
    let workers = if arguments.trace { 1 } else { workers.min(arguments.seeds.end.max(1)) };
    std::thread::scope(|scope| {
        // Worker w runs every seed that leaves the rest w, in order; they are read in the same order.
        let runs: Vec<mpsc::Receiver<Run>> = (0..workers)
            .map(|worker| {
                let (done, runs) = mpsc::channel();
                let arguments = &arguments;
                scope.spawn(move || {
                    let seeds = arguments.seeds.clone();
                    let mine = seeds.filter(|seed| seed % workers == worker);
                    // Nobody listens any more only when the program ends.
                    mine.for_each(|seed| drop(done.send(run(seed, arguments))));
                });
                runs
            })
            .collect();
        for seed in arguments.seeds.clone() {
            let Ok(run) = runs[(seed % workers) as usize].recv() else {
                break;
            };
            print(&run, &arguments);
            total.add(&run);
        }
    });
    if !arguments.json {
        println!("{}", total.words(started.elapsed()));
    }
    ExitCode::from(total.worst)
}

#[expect(clippy::disallowed_methods, reason = "how fast virtual time passed is told in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A seed, run twice.
struct Run {
    report: Report,
    /// The hash of the second run, where it is another one.
    other_hash: Option<String>,
    code: u8,
}

fn run(seed: u64, arguments: &Arguments) -> Run {
    let report = run_once(seed, arguments, |record| {
        if arguments.trace && !matches!(record.event, TraceEvent::FrameSent { .. }) {
            let source = record.source.map(|source| source.to_string()).unwrap_or_default();
            println!("{} {source} {:?}", record.at, record.event);
        }
    });
    let again = run_once(seed, arguments, |_| ()).trace_hash;
    let other_hash = Some(again).filter(|again| *again != report.trace_hash);
    let code = match &report {
        _ if !report.panics.is_empty() => 3,
        _ if other_hash.is_some() => 4,
        _ if !report.safety.is_empty() => 1,
        _ if !report.liveness.is_empty() => 2,
        _ => 0,
    };
    Run { report, other_hash, code }
}

fn run_once(seed: u64, arguments: &Arguments, watch: impl FnMut(&TraceRecord)) -> Report {
    if arguments.zookeeper {
        simulate_ensemble(seed, arguments.wild, arguments.faults, watch)
    } else {
        simulate_watched(seed, arguments.wild, arguments.faults, watch)
    }
}

/// What all seeds came to.
#[derive(Default)]
struct Total {
    seeds: u64,
    failed: u64,
    virtual_seconds: u64,
    counts: Counts,
    excused_losses: u64,
    worst: u8,
}

impl Total {
    fn add(&mut self, run: &Run) {
        self.seeds += 1;
        self.failed += u64::from(run.code != 0);
        // Each was run twice.
        self.virtual_seconds += 2 * run.report.virtual_seconds;
        self.counts.add(&run.report.counts);
        self.excused_losses += run.report.excused_losses;
        self.worst = if self.worst == 0 { run.code } else { self.worst };
    }

    fn words(&self, wall: Duration) -> String {
        let Self { seeds, failed, virtual_seconds, counts, excused_losses, .. } = self;
        let wall_ms = wall.as_millis().max(1);
        let times = u128::from(*virtual_seconds) * 1_000 / wall_ms;
        let Counts { elections, zookeeper_leaders, truncations, .. } = counts;
        let Counts { rebalances, acknowledged, .. } = counts;
        format!(
            "{seeds} seeds twice, {failed} failed: {virtual_seconds} virtual seconds in {wall_ms} ms ({times} × life); \
             {elections} elections, {zookeeper_leaders} ZooKeeper leaders, {truncations} truncations, {rebalances} rebalances, \
             {acknowledged} acknowledged, {excused_losses} lost with excuse"
        )
    }
}

fn print(run: &Run, arguments: &Arguments) {
    let Run { report, other_hash, code } = run;
    if arguments.quiet && *code == 0 {
        return;
    }
    if arguments.json {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("simulate: {error}"),
        }
        return;
    }
    let counts = &report.counts;
    println!(
        "seed {} hash {} {} s: {} faults, {} elections, {} ZooKeeper leaders, {} truncations, {} rebalances, {} expiries, \
         {} sent, {} acknowledged, {} failed, {} consumed, {} lost with excuse: {}",
        report.seed,
        report.trace_hash,
        report.virtual_seconds,
        report.faults,
        counts.elections,
        counts.zookeeper_leaders,
        counts.truncations,
        counts.rebalances,
        counts.session_expiries,
        counts.sent,
        counts.acknowledged,
        counts.failed,
        counts.consumed,
        report.excused_losses,
        ["clean", "SAFETY", "LIVENESS", "PANIC", "NOT DETERMINISTIC"][usize::from(*code)],
    );
    for violation in report.safety.iter().chain(&report.panics).take(10) {
        println!("  {} {}: {}", violation.at, violation.rule, violation.text);
    }
    for left in report.liveness.iter().take(10) {
        println!("  not converged: {left}");
    }
    if let Some(other) = other_hash {
        println!("  not deterministic: {} and {other}", report.trace_hash);
    }
    if *code != 0 {
        let (seed, wild) = (report.seed, arguments.wild.as_millis() / 1_000);
        let workload = if arguments.zookeeper { " --workload zookeeper" } else { "" };
        println!("  again: simulate{workload} --seeds {seed}..{} --seconds {wild}", seed + 1);
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let wild = Span::from_secs(120);
    let (json, quiet, trace) = (false, false, false);
    let mut arguments =
        Arguments { seeds: 0..10, wild, faults: Faults::ALL, json, quiet, trace, zookeeper: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--seeds" => {
                let range = value()?;
                let bad = || format!("{range:?} is not A..B");
                let (from, to) = range.split_once("..").ok_or_else(bad)?;
                arguments.seeds =
                    from.parse().map_err(|_| bad())?..to.parse().map_err(|_| bad())?;
            }
            "--minutes" => arguments.wild = seconds(&value()?, 60)?,
            "--seconds" => arguments.wild = seconds(&value()?, 1)?,
            "--faults" => arguments.faults = faults(&value()?)?,
            "--workload" => {
                arguments.zookeeper = match value()?.as_str() {
                    "kafka" => false,
                    "zookeeper" => true,
                    other => return Err(format!("{other:?} is not a workload")),
                }
            }
            "--json" => arguments.json = true,
            "--quiet" => arguments.quiet = true,
            "--trace" => arguments.trace = true,
            _ => return Err(format!("{word:?} is not an option")),
        }
    }
    Ok(arguments)
}

fn seconds(text: &str, unit: u64) -> Result<Span, String> {
    let number = text.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    // A year is more than anybody waits for, and fits.
    let number = number.filter(|seconds| *seconds < 366 * 24 * 3_600);
    number.map(Span::from_secs).ok_or_else(|| format!("{text:?} is not a number in range"))
}

fn faults(list: &str) -> Result<Faults, String> {
    let mut faults = Faults::default();
    for word in list.split(',') {
        match word {
            "all" => faults = Faults::ALL,
            "none" => faults = Faults::default(),
            "kill" => faults.kill = true,
            "power" => faults.power = true,
            "pause" => faults.pause = true,
            "isolate" => faults.isolate = true,
            _ => return Err(format!("{word:?} is not a fault")),
        }
    }
    Ok(faults)
}
