//! Whole clusters: the seeds of `tests/seeds.txt`, each of which once found something, and a story
//! with a kill, a power cut and a restart, however it is cut into windows.

use kafkarium::base::{EventId, Span};
use kafkarium::host::LocalHost;
use kafkarium::host::simulation::{Faults, simulate};
use kafkarium::world::check::{Checkers, Counts};
use kafkarium::world::{Profile, World, WorldConfig, any_process};

/// The story, told to a sandbox of this seed: produce, kill a leader's broker and bring it back, cut
/// another one's power, pause a third, lose a consumer, load the page again.
const FAILURES: &str = include_str!("../failures.world");
const SEED: u64 = 7;
const AGE: Span = Span::from_secs(300);

fn story() -> World {
    let mut world = World::new(WorldConfig::sandbox(Profile::Teaching, SEED));
    for line in FAILURES.lines().filter(|line| !line.starts_with('#')) {
        world.act(line.parse().expect("an action")).expect("its time is to come");
    }
    world
}

fn play(window: Span) -> (u64, Counts, Vec<String>) {
    let mut host = LocalHost::new(story(), any_process::launch);
    let end = host.world().epoch() + AGE;
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
    // What any change to the engine moves; the point is that all three are really there.
    assert!(counts.elections > 9 && counts.truncations > 0 && counts.rebalances > 2, "{counts:?}");
    assert!(counts.controllers >= 2 && counts.session_expiries >= 4, "{counts:?}");
    assert!(counts.file_cuts > 0 && counts.recoveries > 0, "{counts:?}");
    assert!(counts.acknowledged > 700 && counts.failed == 0, "{counts:?}");
    assert_eq!(play(Span::from_micros(7_919)), (hash, counts, broken));
}

#[test]
fn seeds_that_once_failed_stay_clean() {
    let seeds = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in seeds {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("SEED SECONDS");
        let (seed, wild) = (number(), Span::from_secs(number()));
        let report = simulate(seed, wild, Faults::ALL);
        assert!(report.panics.is_empty(), "seed {seed}: {:?}", report.panics);
        assert!(report.safety.is_empty(), "seed {seed}: {:?}", report.safety);
        assert!(report.liveness.is_empty(), "seed {seed}: {:?}", report.liveness);
        assert_eq!(simulate(seed, wild, Faults::ALL).trace_hash, report.trace_hash);
    }
}
