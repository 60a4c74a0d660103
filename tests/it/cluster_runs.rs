//! Whole clusters: the seeds of `tests/seeds.txt`, each of which once found something, and a story
//! with a kill, a power cut and a restart, however it is cut into windows.

use kafkarium::base::{EventId, Span};
use kafkarium::host::LocalHost;
use kafkarium::host::simulation::{Faults, Report, replay, simulate, trace_hash};
use kafkarium::node::ProcessView;
use kafkarium::world::check::{Checkers, Counts};
use kafkarium::world::{Profile, World, WorldConfig, any_process, file, share};

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
fn a_slow_ensemble_carries_the_sandbox() {
    for servers in [3, 7] {
        let config = WorldConfig::sandbox_on(Profile::Teaching, SEED, servers);
        let mut host = LocalHost::new(World::new(config), any_process::launch);
        host.run_until(host.world().epoch() + Span::from_secs(90));
        host.refresh_views();
        let world = host.world();
        let owned: usize = world
            .specs()
            .filter_map(|spec| match world.view(spec.id) {
                Some(ProcessView::Consumer(view)) => Some(view.owned.len()),
                _ => None,
            })
            .sum();
        assert_eq!(owned, 3, "{servers} servers: every partition of orders has its reader");
    }
}

/// Each line of `tests/seeds.txt` is `SEED SECONDS` or `FILE` below `tests/seeds`.
#[test]
fn what_once_failed_stays_clean() {
    let clean = |what: &str, report: &Report| {
        assert!(report.panics.is_empty(), "{what}: {:?}", report.panics);
        assert!(report.safety.is_empty(), "{what}: {:?}", report.safety);
        assert!(report.liveness.is_empty(), "{what}: {:?}", report.liveness);
    };
    let lines = include_str!("../seeds.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((seed, seconds)) = line.split_once(' ') else {
            let path = format!("{}/tests/seeds/{line}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("a file of tests/seeds");
            let world = file::from_text(&text).expect("a world");
            let epoch = world.epoch;
            clean(line, &replay(world, epoch, |_| ()).report);
            continue;
        };
        let wild = Span::from_secs(seconds.parse().expect("SECONDS"));
        let report = simulate(seed.parse().expect("SEED"), wild, Faults::ALL).report;
        clean(line, &report);
    }
}

/// The link of a run holds all of it: whoever opens it sees the same trace.
#[test]
fn the_share_link_of_a_run_plays_the_same_trace() {
    for seed in 0..4 {
        let judged = simulate(seed, Span::from_secs(15), Faults::ALL);
        assert!(judged.report.counts.acknowledged > 0, "seed {seed}");
        let link = share::to_link(&judged.world).expect("it is short enough");
        let world = share::from_link(&link).expect("a link of ours");
        assert_eq!(world, judged.world, "seed {seed}");
        assert_eq!(trace_hash(world, judged.end), judged.report.trace_hash, "seed {seed}");
    }
}
