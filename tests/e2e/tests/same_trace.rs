//! The same world gives the same trace in a browser, with a conductor, a worker for each process and IndexedDB, as
//! it gives on this machine in one thread: kills, a power cut, a pause, restarts and a page loaded again included.

use std::time::Duration;

use e2e::{Browser, Site};
use kafkarium::base::{EventId, Span, Time};
use kafkarium::host::LocalHost;
use kafkarium::world::check::{Checkers, Counts};
use kafkarium::world::{Action, Profile, World, WorldConfig, any_process, share};
use serde_json::Value;

/// What is done to the sandbox; `tests/it/cluster_runs.rs` plays the same.
const FAILURES: &str = include_str!("../../failures.world");
const SEED: u64 = 7;
const AGE: Span = Span::from_secs(300);
/// Real time that a busy machine may take for those.
const PATIENCE: Duration = Duration::from_mins(4);
/// How fast time passes, as a person chooses it.
const CHOOSE_SPEED: &str = "
    const speed = document.querySelector('select[aria-label=Speed]');
    speed.value = arguments[0];
    speed.dispatchEvent(new Event('change', { bubbles: true }));";

fn lines() -> impl Iterator<Item = &'static str> {
    FAILURES.lines().filter(|line| !line.starts_with('#'))
}

/// The sandbox with what is done to it.
fn story() -> WorldConfig {
    let mut config = WorldConfig::sandbox(Profile::Teaching, SEED);
    for line in lines() {
        let Action::At { age, action } = line.parse().expect("an action") else {
            panic!("{line}: it has no time")
        };
        config.actions.push((config.epoch + age, *action));
    }
    config
}

/// The hash, the number of events and what happened, on this machine, up to `clock`.
fn natively(clock: Time) -> (String, u64, Counts) {
    let mut host = LocalHost::new(World::new(story()), any_process::launch);
    let mut checkers = Checkers::default();
    let mut seen = EventId(0);
    while host.world().clock() < clock {
        host.run_until((host.world().clock() + Span::from_secs(1)).min(clock));
        host.world().trace().after(seen).for_each(|record| checkers.see(record));
        seen = EventId(host.world().trace().total());
    }
    let trace = host.world().trace();
    (format!("{:016x}", trace.hash()), trace.total(), checkers.counts)
}

fn clock(view: &Value) -> Time {
    Time::from_micros(view["picture_us"].as_u64().expect("the picture's time"))
}

fn first_picture(browser: &Browser) -> Value {
    browser.wait_for("the first picture", || {
        let view = browser.try_execute("return window.kafkarium.view();", &[]).ok()?;
        view["picture_us"].is_u64().then_some(view)
    })
}

/// Plays to the end of the story and compares; the last view.
fn assert_same_trace(browser: &Browser, begun: &Value) -> Value {
    browser.execute(CHOOSE_SPEED, &["0".into()]);
    let epoch = begun["epoch_us"].as_u64().expect("the world's beginning");
    let end = Time::from_micros(epoch) + AGE;
    browser.wait_at_most(PATIENCE, "the story's end", || {
        let view = browser.view();
        (clock(&view) >= end && view["playing"] == true).then_some(())
    });
    browser.find("button", "Pause time").click();
    let view = browser.wait_for("time to stand still", || {
        let view = browser.view();
        (view["playing"] == false).then_some(view)
    });
    let (hash, events, counts) = natively(clock(&view));
    assert_eq!(
        (&view["events"], &view["trace_hash"]),
        (&events.into(), &hash.into()),
        "{counts:?}"
    );
    assert!(counts.elections > 0 && counts.truncations > 0 && counts.rebalances > 0, "{counts:?}");
    assert!(counts.file_cuts > 0 && counts.session_expiries > 0, "{counts:?}");
    browser.assert_no_console_errors();
    view
}

#[test]
fn a_browser_traces_what_this_machine_traces() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?seed={SEED}", site.url()));
    let begun = first_picture(&browser);
    for line in lines() {
        assert_eq!(browser.act(line), "done", "{line}");
    }
    let view = assert_same_trace(&browser, &begun);
    assert!(view["persistence"].as_str().is_some_and(|kept| kept.starts_with("Kept")), "{view}");
}

/// A link holds the whole story: nobody does anything but open it.
#[test]
fn a_share_link_plays_its_world_with_its_actions_at_their_times() {
    let site = Site::of_dist();
    let browser = Browser::open();
    let link = share::to_link(&story()).expect("it is short enough");
    browser.goto(&format!("{}?world={link}", site.url()));
    let begun = first_picture(&browser);
    let view = assert_same_trace(&browser, &begun);
    assert!(view["persistence"].as_str().is_some_and(|kept| kept.starts_with("Memory")), "{view}");
}

#[test]
fn a_broken_share_link_says_so_and_the_own_world_opens() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?world=1.broken", site.url()));
    let begun = first_picture(&browser);
    assert!(begun["persistence"].as_str().is_some_and(|kept| kept.starts_with("Kept")), "{begun}");
    browser.wait_for("the notice", || {
        let text = browser.execute("return document.body.innerText;", &[]);
        text.as_str().is_some_and(|text| text.contains("This link is damaged")).then_some(())
    });
}
