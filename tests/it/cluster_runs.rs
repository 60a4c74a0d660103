//! Whole clusters: the seeds of `tests/seeds.txt`, each of which once found something, and a story
//! with a kill, a power cut and a restart, however it is cut into windows.

use kafkarium::base::{EventId, Span};
use kafkarium::host::LocalHost;
use kafkarium::host::simulation::{Faults, simulate};
use kafkarium::world::check::{Checkers, Counts};
use kafkarium::world::{Profile, World, WorldConfig, any_process};

/// The story: produce, kill the leader's broker, bring it back, cut another one's power.
const STORY: [(u64, &str); 7] = [
    (6_000, "tell producer-1 produce every 200 topic=orders keys=a,b,c,d"),
    (10_000, "kill broker-2"),
    (40_000, "restart broker-2"),
    (55_000, "power-off broker-1"),
    (70_000, "power-on broker-1"),
    (72_000, "kill consumer-1"),
    (100_000, "tell producer-1 produce every 0 topic=orders"),
];

fn story() -> WorldConfig {
    let mut config = WorldConfig::sandbox(Profile::Browser, 7);
    for (ms, action) in STORY {
        let at = config.epoch + Span::from_millis(ms);
        config.actions.push((at, action.parse().expect("an action")));
    }
    config
}

fn play(window: Span) -> (u64, Counts, Vec<String>) {
    let config = story();
    let end = config.epoch + Span::from_secs(120);
    let mut host = LocalHost::new(World::new(config), any_process::launch);
    let mut checkers = Checkers::default();
    let mut seen = EventId(0);
    while host.world().clock() < end {
        host.run_until((host.world().clock() + window).min(end));
        for record in host.world().trace().after(seen) {
            checkers.see(record);
        }
        seen = EventId(host.world().trace().total());
    }
    let broken = checkers.violations.iter().chain(&checkers.crashes);
    let broken = broken.map(|violation| format!("{}: {}", violation.rule, violation.text));
    (host.world().trace().hash(), checkers.counts.clone(), broken.collect())
}

#[test]
fn a_story_of_failures_is_the_same_however_it_is_cut() {
    let (hash, counts, broken) = play(Span::from_secs(1));
    assert!(broken.is_empty(), "{broken:?}");
    assert!(counts.elections >= 7 && counts.controllers >= 2, "{counts:?}");
    assert!(counts.rebalances >= 2 && counts.session_expiries >= 2, "{counts:?}");
    assert!(counts.file_cuts > 0 && counts.recoveries > 0, "{counts:?}");
    assert!(counts.acknowledged > 300 && counts.acknowledged == counts.sent, "{counts:?}");
    assert_eq!(play(Span::from_micros(7_919)), (hash, counts, broken));
}

#[test]
fn seeds_that_once_failed_stay_clean() {
    let seeds = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in seeds {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("SEED MINUTES");
        let (seed, minutes) = (number(), number());
        let report = simulate(seed, minutes, Faults::ALL);
        assert!(report.panics.is_empty(), "seed {seed}: {:?}", report.panics);
        assert!(report.safety.is_empty(), "seed {seed}: {:?}", report.safety);
        assert!(report.liveness.is_empty(), "seed {seed}: {:?}", report.liveness);
        assert_eq!(simulate(seed, minutes, Faults::ALL).trace_hash, report.trace_hash);
    }
}
