//! What the finished page costs in a real browser, one JSON object a line; `cargo xtask bench` runs it. Figures
//! depend on the machine; nothing here passes or fails. Names of benches as arguments run only those.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are for people to read"
)]

mod throughput;

use std::time::{Duration, Instant};

use e2e::{Browser, PATIENCE, Site};
use serde_json::{Map, Value, json};

/// Real time for which a speed is measured.
const MEASURED: Duration = Duration::from_secs(20);

/// Runs before anything of the page: notes when something that a producer sent is first seen to move, and how long
/// animation frames take.
const WATCH: &str = "
    window.__bench = { moved: null, frames: [] };
    let last = null;
    const look = (now) => {
      if (last !== null) window.__bench.frames.push(now - last);
      last = now;
      const page = window.kafkarium;
      if (window.__bench.moved === null && page) {
        const view = page.view();
        const group = view && view.groups && view.groups.g1;
        if (!window.__bench.asked && group && group.state === 'Stable') {
          window.__bench.asked = performance.now();
          page.act('tell producer-1 produce orders k:v');
        }
        const producer = view && view.processes && view.processes['producer-1'];
        if (window.__bench.asked && producer && producer.pending > 0 && view.in_flight > 0) {
          window.__bench.moved = performance.now();
        }
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

fn main() {
    let site = Site::of_dist();
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if is_wanted("first-record") {
        first_record(&site);
    }
    if is_wanted("realistic") {
        realistic(&site);
    }
    if is_wanted("ensemble") {
        ensemble(&site);
    }
    if is_wanted("frames") {
        frames_in_flight(&site);
    }
    if is_wanted("end-to-end") {
        throughput::end_to_end(&site);
    }
}

/// Realistic links, and a broker killed on them.
fn realistic(site: &Site) {
    let browser = Browser::open();
    browser.goto(&format!("{}?seed=1&profile=realistic&speed=max", site.url()));
    browser.wait_for_cluster();
    speed_and_rounds(&browser, "realistic links");
    restart(&browser);
}

/// Offsets in ZooKeeper and seven servers that log each of them at once: rounds with many dirty volumes.
fn ensemble(site: &Site) {
    let browser = Browser::open();
    browser.goto(&format!("{}?seed=1&era=textbook&zookeepers=7&speed=max", site.url()));
    browser.wait_for_cluster();
    speed_and_rounds(&browser, "seven ZooKeeper servers");
}

fn print(line: &Value) {
    println!("{line}");
}

/// From navigation to the first record that moves: a world made anew, then the kept one from a warm cache.
fn first_record(site: &Site) {
    let browser = Browser::open();
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH }));
    for what in ["a new world", "the kept world, warm cache"] {
        browser.goto(site.url());
        let moved = browser.wait_at_most(PATIENCE, "a record to move", || {
            let bench = browser.execute("return window.__bench;", &[]);
            bench["moved"].is_number().then_some(bench)
        });
        print(&json!({
            "bench": "first_moving_record", "from": what, "ms": moved["moved"], "ms_until_asked": moved["asked"],
        }));
    }
}

/// Virtual seconds a real second, with 100 records a second; and rounds a second by the volumes they wrote to.
fn speed_and_rounds(browser: &Browser, world: &str) {
    browser.act("tell producer-1 produce every 10 topic=orders keys=a,b,c,d");
    let begun = browser.view();
    let started = Instant::now();
    std::thread::sleep(MEASURED);
    let ended = browser.view();
    let wall = started.elapsed();
    let micros = |view: &Value| view["picture_us"].as_u64().unwrap_or(0);
    let virtual_us = micros(&ended) - micros(&begun);
    print(&json!({
        "bench": "browser_speed", "world": world, "brokers": 3, "records_per_virtual_second": 100,
        "virtual_ms": virtual_us / 1_000, "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        "times_real": virtual_us as f64 / wall.as_micros() as f64,
    }));
    let count =
        |view: &Value, stores: usize, key: &str| view["rounds"][stores][key].as_u64().unwrap_or(0);
    for stores in 0..8 {
        let rounds = count(&ended, stores, "rounds") - count(&begun, stores, "rounds");
        let wall_us = count(&ended, stores, "wall_us") - count(&begun, stores, "wall_us");
        if rounds > 0 {
            print(&json!({
                "bench": "rounds", "world": world, "dirty_volumes": stores, "rounds": rounds,
                "rounds_per_second": rounds as f64 * 1e6 / wall_us.max(1) as f64,
            }));
        }
    }
}

/// From the kill to a worker that runs again and has read its volume.
fn restart(browser: &Browser) {
    let script = "
        const page = window.kafkarium, name = 'broker-2';
        const state = () => page.view().processes[name];
        const frame = () => new Promise(requestAnimationFrame);
        const life = state().incarnation, begun = performance.now();
        await page.act('kill ' + name);
        await page.act('restart ' + name);
        while (!(state().state === 'running' && state().incarnation > life)) await frame();
        return { ms: performance.now() - begun, volume_bytes: state().volume_bytes };";
    for _ in 0..5 {
        let figure = browser.execute(script, &[]);
        print(&json!({
            "bench": "kill_to_restarted", "ms": figure["ms"], "volume_bytes": figure["volume_bytes"],
        }));
        // It comes up in the end: its former session must expire first.
        browser.wait_at_most(PATIENCE, "the broker to run", || {
            (browser.view()["processes"]["broker-2"]["broker_state"] == "Running").then_some(())
        });
    }
}

/// How many animation frames a second the page draws while many messages are under way.
fn frames_in_flight(site: &Site) {
    let browser = Browser::open();
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH }));
    browser.goto(&format!("{}?seed=3&speed=1", site.url()));
    browser.wait_for_cluster();
    for number in 1..=12 {
        let start = format!(
            "start flood-{number} producer linger.ms=0 batch.size=1 topic=orders max.in.flight.requests.per.connection=100"
        );
        browser.act(&start);
    }
    std::thread::sleep(Duration::from_secs(5));
    for number in 1..=12 {
        browser.act(&format!("tell flood-{number} produce every 20 topic=orders keys=a,b,c,d"));
    }
    std::thread::sleep(Duration::from_secs(6));
    browser.execute("window.__bench.frames = [];", &[]);
    std::thread::sleep(Duration::from_secs(10));
    let mut figures =
        json!({ "bench": "frames_per_second", "in_flight": browser.view()["in_flight"] });
    figures.as_object_mut().expect("an object").extend(frames(&browser));
    print(&figures);
}

/// How the page drew since its list of frames was emptied.
fn frames(browser: &Browser) -> Map<String, Value> {
    let frames = browser.execute("return window.__bench.frames;", &[]);
    let mut times: Vec<f64> =
        frames.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(0.0);
    let total: f64 = times.iter().sum();
    let figures = [
        ("fps", times.len() as f64 * 1_000.0 / total.max(1.0)),
        ("p50_ms", at(0.5)),
        ("p99_ms", at(0.99)),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), json!(figure))).collect()
}
