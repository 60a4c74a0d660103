//! What the simulator does: plays seeds side by side, tells what came of each, and of each failure the
//! actions that it needs and a link that plays it in the page.

use super::arguments::{Arguments, USAGE, parse};
use super::total::Total;
use kafkarium::base::{TraceEvent, TraceRecord};
use kafkarium::host::ensemble_simulation::simulate_ensemble;
use kafkarium::host::simulation::{
    Failure, Judged, Marks, Report, minimise, replay, simulate_marked, simulate_watched, trace_hash,
};
use kafkarium::world::{WorldConfig, file, share};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

pub fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => return refuse(&problem),
    };
    // A panic of a process is reported with its seed; its place is worth a line, no more.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    if let Some(name) = &arguments.mutant {
        #[cfg(feature = "mutants")]
        return super::hunt::run(name, arguments.seeds.clone());
        #[cfg(not(feature = "mutants"))]
        return refuse(&format!("{name}: this build has no planted faults (--features mutants)"));
    }
    if let Some(world) = &arguments.replay {
        return match read_world(world) {
            Ok(world) => {
                let done = play(world, &arguments);
                print(&done, &arguments);
                ExitCode::from(done.code)
            }
            Err(problem) => refuse(&problem),
        };
    }
    let started = now();
    let mut total = Total::default();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    // A trace is told as it happens, so its seeds come one after the other.
    let workers = if arguments.trace { 1 } else { workers.min(arguments.seeds.end.max(1)) };
    std::thread::scope(|scope| {
        // Worker w runs every seed that leaves the rest w, in order; they are read in the same order.
        let runs: Vec<mpsc::Receiver<Done>> = (0..workers)
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
            let Ok(done) = runs[(seed % workers) as usize].recv() else {
                break;
            };
            print(&done, &arguments);
            total.add(&done, arguments.twice);
        }
    });
    if !arguments.json {
        println!("{}", total.words(started.elapsed()));
    }
    if let Some(path) = &arguments.marks {
        let text = serde_json::to_string(&total.marks).unwrap_or_default();
        if let Err(error) = std::fs::write(path, text) {
            return refuse(&format!("{}: {error}", path.display()));
        }
    }
    ExitCode::from(total.code)
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("simulate: {problem}\n{USAGE}");
    ExitCode::from(64)
}

#[expect(clippy::disallowed_methods, reason = "how fast virtual time passed is told in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A world from a file, or from a link when no file has that name.
fn read_world(name: &str) -> Result<WorldConfig, String> {
    match std::fs::read_to_string(name) {
        Ok(text) => file::from_text(&text).map_err(|bad| format!("{name}: {bad}")),
        Err(error) => {
            let link = name.rsplit_once("world=").map_or(name, |(_, link)| link);
            share::from_link(link).map_err(|bad| format!("{name}: {error}; as a link: {bad}"))
        }
    }
}

/// A seed that was run.
pub struct Done {
    pub report: Report,
    /// How to play it again, for a Kafka cluster.
    judged: Option<Judged>,
    /// The hash of the second run, where it is another one.
    other_hash: Option<String>,
    pub code: u8,
    /// What happened at all, where that is wanted.
    pub marks: Option<Marks>,
    /// What a person should know of a failure.
    story: Vec<String>,
}

fn watch(arguments: &Arguments) -> impl FnMut(&TraceRecord) {
    let is_told = arguments.trace;
    move |record| {
        if is_told && !matches!(record.event, TraceEvent::FrameSent { .. }) {
            let source = record.source.map(|source| source.to_string()).unwrap_or_default();
            println!("{} {source} {:?}", record.at, record.event);
        }
    }
}

fn run(seed: u64, arguments: &Arguments) -> Done {
    let (wild, faults) = (arguments.wild, arguments.faults);
    if arguments.zookeeper {
        let report = simulate_ensemble(seed, wild, faults, watch(arguments));
        let again = arguments.twice.then(|| simulate_ensemble(seed, wild, faults, |_| ()));
        return done(report, None, again.map(|again| again.trace_hash), arguments);
    }
    let (judged, marks) = if arguments.marks.is_some() {
        let (judged, marks) = simulate_marked(seed, wild, faults);
        (judged, Some(marks))
    } else {
        (simulate_watched(seed, wild, faults, watch(arguments)), None)
    };
    // As a link where it fits into one: so every seed also tries the links.
    let again = arguments.twice.then(|| match share::to_link(&judged.world) {
        Some(link) => share::from_link(&link).map_err(|bad| bad.to_string()),
        None => file::from_text(&file::to_text(&judged.world)).map_err(|bad| bad.to_string()),
    });
    let again = again.map(|world| match world {
        Ok(world) => trace_hash(world, judged.end),
        Err(bad) => bad,
    });
    Done { marks, ..done(judged.report.clone(), Some(judged), again, arguments) }
}

fn play(world: WorldConfig, arguments: &Arguments) -> Done {
    let epoch = world.epoch;
    let judged = replay(world, epoch, watch(arguments));
    done(judged.report.clone(), Some(judged), None, arguments)
}

fn done(
    report: Report,
    judged: Option<Judged>,
    again: Option<String>,
    arguments: &Arguments,
) -> Done {
    let other_hash = again.filter(|again| *again != report.trace_hash);
    let code = match report.failure() {
        Some(Failure::Panic) => 3,
        _ if other_hash.is_some() => 4,
        Some(Failure::Safety(_)) => 1,
        Some(Failure::Liveness) => 2,
        None => 0,
    };
    let mut done = Done { report, judged, other_hash, code, marks: None, story: Vec::new() };
    if code != 0 {
        tell(&mut done, arguments);
    }
    done
}

/// What a failure needs, and where it can be looked at.
fn tell(done: &mut Done, arguments: &Arguments) {
    let Done { report, judged, story, .. } = done;
    let (seed, wild) = (report.seed, arguments.wild.as_millis() / 1_000);
    let workload = if arguments.zookeeper { " --workload zookeeper" } else { "" };
    if arguments.replay.is_none() {
        story.push(format!(
            "again: simulate{workload} --seeds {seed}..{} --seconds {wild}",
            seed + 1
        ));
    }
    let Some(judged) = judged else {
        return;
    };
    let minimal = if arguments.minimise > 0 { minimise(judged, arguments.minimise) } else { None };
    if let Some(minimal) = &minimal {
        let before = judged.world.actions.iter().filter(|(at, _)| *at < judged.healed).count();
        let (needed, runs) = (minimal.actions.len(), minimal.runs);
        story.push(format!("{needed} of {before} actions are needed ({runs} runs):"));
        for (at, action) in &minimal.actions {
            let age = at.since(judged.world.epoch).as_micros() as f64 / 1_000.0;
            story.push(format!("  at {age} {action}"));
        }
    }
    let world = minimal.as_ref().map_or(&judged.world, |minimal| &minimal.judged.world);
    match share::to_link(world) {
        Some(link) => story.push(format!("in the page: ?world={link}")),
        None => story.push("its world is too long for a link; --save keeps it".to_owned()),
    }
    if let Some(directory) = &arguments.save {
        let path = directory.join(format!("seed-{seed}.world"));
        let written = std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, file::to_text(world)));
        story.push(match written {
            Ok(()) => format!("its world: {}", path.display()),
            Err(error) => format!("{}: {error}", path.display()),
        });
    }
}

fn print(done: &Done, arguments: &Arguments) {
    let Done { report, other_hash, code, story, .. } = done;
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
    for line in story {
        println!("  {line}");
    }
}
