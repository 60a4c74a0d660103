//! The same world gives the same trace, however time is cut into windows.

use crate::gossip::{config, host};
use kafkarium::base::Span;
use kafkarium::world::{Action, World, WorldConfig};
use proptest::prelude::*;

fn actions() -> impl Strategy<Value = Vec<(u64, String)>> {
    const VERBS: [&str; 8] =
        ["kill", "restart", "pause", "resume", "power-off", "power-on", "heal", "stop"];
    let verb = prop_oneof![
        prop::sample::select(VERBS.as_slice()).prop_map(|verb| format!("{verb} NAME")),
        prop::sample::select(["", "in", "out"].as_slice())
            .prop_map(|way| format!("isolate NAME {way}")),
        (0..5_000u64).prop_map(|us| format!("latency NAME {us}")),
        (1..4u32).prop_map(|other| format!("reset NAME g{other}")),
        (10..500u32).prop_map(|percent| format!("clock NAME {percent}")),
        Just("reload".to_owned()),
        Just("start late admin peers=g1,g2 wild=true".to_owned()),
    ];
    let action = (0..2_000_000u64, verb, 1..4u32)
        .prop_map(|(at, verb, n)| (at, verb.replace("NAME", &format!("g{n}"))));
    prop::collection::vec(action, 0..12).prop_map(|mut actions| {
        actions.sort();
        actions
    })
}

fn world(seed: u64, jitter: u64, actions: &[(u64, String)]) -> WorldConfig {
    let mut config = config(seed, 3, &[("period.ms", "7"), ("wild", "true")]);
    config.jitter = Span::from_micros(jitter);
    config.restart_back_off = Span::from_millis(90);
    let timed = |(at, text): &(u64, String)| {
        let action: Action = text.parse().expect("an action");
        (config.epoch + Span::from_micros(*at), action)
    };
    config.actions = actions.iter().map(timed).collect();
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The trace hash does not depend on where the host stops.
    #[test]
    fn windows_leave_no_mark(
        seed in any::<u64>(),
        jitter in prop_oneof![Just(0u64), 1..3_000u64],
        actions in actions(),
        cuts in prop::collection::btree_set(0..2_500_000u64, 0..400),
    ) {
        let config = world(seed, jitter, &actions);
        let end = config.epoch + Span::from_micros(2_500_000);
        let mut whole = host(config.clone());
        whole.run_until(end);
        let mut cut = host(config.clone());
        for at in cuts {
            cut.run_until(config.epoch + Span::from_micros(at));
        }
        cut.run_until(end);
        prop_assert!(whole.world().trace().total() > 20);
        prop_assert_eq!(whole.world().trace().total(), cut.world().trace().total());
        prop_assert_eq!(whole.world().trace().hash(), cut.world().trace().hash());
    }

    /// A run by hand and its replay from the recorded actions are the same run.
    #[test]
    fn recorded_actions_replay(seed in any::<u64>(), actions in actions()) {
        let scripted = world(seed, 0, &actions);
        let mut bare = scripted.clone();
        bare.actions.clear();
        let end = bare.epoch + Span::from_micros(2_500_000);
        let mut live = host(bare.clone());
        for (at, action) in scripted.actions {
            live.run_until(at);
            let _ = live.world_mut().act(action);
        }
        live.run_until(end);
        bare.actions = live.world().recorded_actions().to_vec();
        let mut replay = host(bare);
        replay.run_until(end);
        prop_assert_eq!(live.world().trace().hash(), replay.world().trace().hash());
    }
}

/// Lets a world run, goes back in it, goes on, goes back again, and goes on from there: everything
/// is there each time, and what comes of it is the same as if nobody had ever gone back.
fn go_back(seed: u64, jitter: u64, actions: &[(u64, String)], back_to: u64, gone_on: u64) {
    let config = world(seed, jitter, actions);
    let then = config.epoch + Span::from_micros(back_to);
    let end = config.epoch + Span::from_micros(2_500_000);
    let mut straight = host(config.clone());
    straight.run_until(end);
    let mut host = host(config);
    host.world_mut().keep_lives(true);
    host.run_until(then);
    let snapshot = host.snapshot().expect("between rounds");
    let digest = host.digest();
    host.run_until(then + Span::from_micros(gone_on));
    let _ = host.world_mut().act(Action::Kill("g2".to_owned()));
    let mut later = Vec::new();
    for _ in 0..2 {
        host.restore(&snapshot);
        assert_eq!(host.digest(), digest, "back as it was");
        host.run_until(end);
        assert_eq!(host.world().trace().hash(), straight.world().trace().hash(), "going on");
        later.push(host.digest());
    }
    assert_eq!(later[0], later[1], "the same end");
}

/// Cases that the property below once failed with.
#[test]
fn ways_back_that_were_once_lost_are_exact() {
    let actions = [
        (142_752, "isolate g2 out"),
        (205_246, "latency g1 4021"),
        (242_439, "latency g1 2645"),
        (722_187, "kill g3"),
        (1_229_903, "reload"),
        (1_700_969, "start late admin peers=g1,g2 wild=true"),
        (1_833_945, "reload"),
        (1_850_720, "latency g3 3915"),
        (1_876_475, "latency g1 3789"),
        (1_990_124, "latency g2 2906"),
    ];
    let actions = actions.map(|(at, text)| (at, text.to_owned()));
    go_back(8_272_245_200_508_048_404, 0, &actions, 337_350, 588_164);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Going back restores everything, and going on from there gives the same run again; and so
    /// does a page that is loaded again.
    #[test]
    fn going_back_is_exact(
        seed in any::<u64>(),
        jitter in prop_oneof![Just(0u64), 1..3_000u64],
        actions in actions(),
        back_to in 0..1_500_000u64,
        gone_on in 0..900_000u64,
    ) {
        go_back(seed, jitter, &actions, back_to, gone_on);
    }

    /// What a page keeps is enough to go on, and going on is what the action says.
    #[test]
    fn a_reload_goes_on_from_what_was_kept(
        seed in any::<u64>(),
        jitter in prop_oneof![Just(0u64), 1..3_000u64],
        actions in actions(),
        reload_at in 0..1_500_000u64,
    ) {
        let config = world(seed, jitter, &actions);
        let (at, end) = (
            config.epoch + Span::from_micros(reload_at),
            config.epoch + Span::from_micros(2_500_000),
        );
        let mut kept = host(config.clone());
        kept.run_until(at);
        let mut acted = host(config);
        acted.run_until(at);
        let bytes = postcard::to_stdvec(&kept.world().checkpoint()).expect("plain data");
        let resumed = World::resume(postcard::from_bytes(&bytes).expect("the same data"));
        kept.replace_world(resumed);
        acted.world_mut().act(Action::Reload).expect("always possible");
        kept.run_until(end);
        acted.run_until(end);
        prop_assert_eq!(kept.world().trace().hash(), acted.world().trace().hash());
        prop_assert_eq!(kept.world().recorded_actions(), acted.world().recorded_actions());
    }
}
