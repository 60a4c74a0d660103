//! The simulator: `simulate --seeds A..B --minutes M [--faults all|kill,power,pause,isolate] [--json] [--trace]`.
//! Each seed is run twice and must give the same trace. Exit codes: 0 clean, 1 safety, 2 liveness,
//! 3 panic, 4 not deterministic, 64 wrong arguments.

use kafkarium::base::TraceEvent;
use kafkarium::host::simulation::{Faults, Report, simulate, simulate_watched};
use std::ops::Range;
use std::process::ExitCode;

/// What was asked for.
struct Arguments {
    seeds: Range<u64>,
    minutes: u64,
    faults: Faults,
    json: bool,
    /// Print every event but the frames.
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("simulate: {problem}");
            eprintln!(
                "usage: simulate --seeds A..B --minutes M [--faults all|none|kill,power,pause,isolate] [--json] [--trace]"
            );
            return ExitCode::from(64);
        }
    };
    // A panic of a process is reported with its seed; its place is worth a line, no more.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let mut worst = 0;
    for seed in arguments.seeds.clone() {
        let report = simulate_watched(seed, arguments.minutes, arguments.faults, |record| {
            if arguments.trace && !matches!(record.event, TraceEvent::FrameSent { .. }) {
                let source = record.source.map(|source| source.to_string()).unwrap_or_default();
                println!("{} {source} {:?}", record.at, record.event);
            }
        });
        let again = simulate(seed, arguments.minutes, arguments.faults);
        let same = report.trace_hash == again.trace_hash;
        let code = verdict(&report, same);
        print(&report, code, &arguments);
        if !same {
            println!("  not deterministic: {} and {}", report.trace_hash, again.trace_hash);
        }
        worst = if worst == 0 { code } else { worst };
    }
    ExitCode::from(worst)
}

fn verdict(report: &Report, same: bool) -> u8 {
    match report {
        _ if !report.panics.is_empty() => 3,
        _ if !same => 4,
        _ if !report.safety.is_empty() => 1,
        _ if !report.liveness.is_empty() => 2,
        _ => 0,
    }
}

fn print(report: &Report, code: u8, arguments: &Arguments) {
    if arguments.json {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("simulate: {error}"),
        }
        return;
    }
    let counts = &report.counts;
    println!(
        "seed {} hash {} {} s: {} faults, {} elections, {} truncations, {} rebalances, {} expiries, \
         {} sent, {} acknowledged, {} failed, {} consumed, {} lost with excuse: {}",
        report.seed,
        report.trace_hash,
        report.virtual_seconds,
        report.faults,
        counts.elections,
        counts.truncations,
        counts.rebalances,
        counts.session_expiries,
        counts.sent,
        counts.acknowledged,
        counts.failed,
        counts.consumed,
        report.excused_losses,
        ["clean", "SAFETY", "LIVENESS", "PANIC", "NOT DETERMINISTIC"][usize::from(code)],
    );
    for violation in report.safety.iter().chain(&report.panics).take(10) {
        println!("  {} {}: {}", violation.at, violation.rule, violation.text);
    }
    for left in report.liveness.iter().take(10) {
        println!("  not converged: {left}");
    }
    if code != 0 {
        let (seed, minutes) = (report.seed, arguments.minutes);
        println!("  again: simulate --seeds {seed}..{} --minutes {minutes}", seed + 1);
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments =
        Arguments { seeds: 0..10, minutes: 2, faults: Faults::ALL, json: false, trace: false };
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
            "--minutes" => {
                let minutes = value()?;
                arguments.minutes =
                    minutes.parse().map_err(|_| format!("{minutes:?} is not a number"))?;
            }
            "--faults" => arguments.faults = faults(&value()?)?,
            "--json" => arguments.json = true,
            "--trace" => arguments.trace = true,
            _ => return Err(format!("{word:?} is not an option")),
        }
    }
    Ok(arguments)
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
