//! Bad input and trouble on the real page: each gives a clear sentence, and nothing is lost.

use e2e::{Browser, PATIENCE, Site, readable};
use serde_json::json;

fn open(site: &Site) -> Browser {
    let browser = Browser::open();
    browser.goto(&format!("{}?speed=8", site.url()));
    browser.wait_for_cluster();
    browser
}

fn wait_for_text(browser: &Browser, text: &str) {
    browser.wait_at_most(PATIENCE, &format!("the page to say \"{text}\""), || {
        browser.text().contains(text).then_some(())
    });
}

/// Sets a field at once; typing a megabyte key by key would take an hour.
const PASTE: &str = "
    const field = document.querySelector(arguments[0]);
    const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set;
    setter.call(field, arguments[1].repeat(arguments[2]));
    field.dispatchEvent(new Event('input', { bubbles: true }));";

#[test]
fn bad_records_are_answered_in_kafkas_words() {
    let site = Site::of_dist();
    let browser = open(&site);
    browser.send("no such topic!", "k", "v");
    wait_for_text(&browser, "INVALID_TOPIC_EXCEPTION");
    browser.send("<img src=x onerror=alert(1)>", "k", "v");
    wait_for_text(&browser, "INVALID_TOPIC_EXCEPTION");
    assert_eq!(browser.execute("return document.querySelectorAll('img').length;", &[]), 0);

    // One record of 1.2 MB: max.request.size is 1 MiB.
    browser.find("combobox", "Topic").fill("orders");
    let value = "input[type=text]:not([list]):not([placeholder])";
    browser.execute(PASTE, &[json!(value), json!("0123456789ab"), json!(100_000)]);
    browser.find("button", "Send").click();
    wait_for_text(&browser, "MESSAGE_TOO_LARGE");
    let width = browser.execute("return document.querySelector('.stage').scrollWidth;", &[]);
    assert!(
        width.as_i64().is_some_and(|width| width < 1_440),
        "the stage keeps its place: {width}"
    );

    // Any bytes may be a key.
    browser.send("orders", "\u{0}\u{7f}\u{202e}\u{1f980}'\"&<", "odd");
    browser.wait_at_most(PATIENCE, "the odd key to be stored", || {
        (readable(&browser.view(), "orders") == 1).then_some(())
    });

    // A megabyte of lines, all at once.
    browser.find("button", "many records").click();
    let line = "key-1:0123456789012345678901234567890123456789012345678901234567890123456789\n";
    let lines = 1_000_000 / line.len() + 1;
    browser.execute(PASTE, &[json!("textarea"), json!(line), json!(lines)]);
    browser.find("button", "Send").click();
    browser.wait_at_most(PATIENCE, "every line to be stored", || {
        (readable(&browser.view(), "orders") == 1 + i64::try_from(lines).expect("fits"))
            .then_some(())
    });
    browser.screenshot("trouble-megabyte");
    browser.assert_no_console_errors();
}

#[test]
fn without_a_database_the_world_runs_on_in_memory_and_says_so() {
    let site = Site::of_dist_with_workers_after(
        "Object.defineProperty(self, 'indexedDB', { get() { return undefined; } });",
    );
    let browser = open(&site);
    wait_for_text(&browser, "In memory");
    browser.send("orders", "ann", "1");
    browser.wait_at_most(PATIENCE, "the record", || {
        (readable(&browser.view(), "orders") == 1).then_some(())
    });
    browser.screenshot("trouble-memory");
}

#[test]
fn a_full_quota_stops_persistence_and_nothing_else() {
    let site = Site::of_dist();
    let browser = open(&site);
    assert!(browser.view()["persistence"].as_str().is_some_and(|kept| kept.starts_with("Kept")));
    browser.cdp(
        "Storage.overrideQuotaForOrigin",
        &json!({ "origin": site.url().trim_end_matches('/'), "quotaSize": 1 }),
    );
    browser.send("orders", "ann", "1");
    browser.wait_at_most(PATIENCE, "the record", || {
        (readable(&browser.view(), "orders") == 1).then_some(())
    });
    wait_for_text(&browser, "In memory");
    browser.screenshot("trouble-quota");
}

#[test]
fn a_second_tab_says_that_the_world_is_open_elsewhere() {
    let site = Site::of_dist();
    let browser = open(&site);
    browser.open_tab(site.url());
    wait_for_text(&browser, "This world is open in another tab");
    browser.screenshot("trouble-second-tab");
    browser.assert_no_console_errors();
}

#[test]
fn a_worker_that_breaks_is_a_crashed_process_and_the_rest_lives_on() {
    // Of the workers that hold a process, the first one that takes a lock breaks.
    let site = Site::of_dist_with_workers_after(
        "let isNode = false, messages = 0;
         self.addEventListener('message', (event) => {
           // First the module, then the role; a node's comes with a port.
           messages += 1;
           isNode ||= messages === 2 && event.ports.length > 0;
         });
         new BroadcastChannel('break').onmessage = () => isNode && navigator.locks.request(
           'break', { ifAvailable: true }, (lock) => {
             if (lock) setTimeout(() => { throw new Error('broken on purpose'); });
             return new Promise(() => {});
           });",
    );
    let browser = open(&site);
    browser.execute("new BroadcastChannel('break').postMessage('now');", &[]);
    let crashed = browser.wait_at_most(PATIENCE, "a crashed process", || {
        let view = browser.view();
        let processes = view["processes"].as_object()?.clone();
        processes.into_iter().find(|(_, process)| process["state"] == "dead")
    });
    assert!(
        crashed.1["why"].as_str().is_some_and(|why| why.contains("broken on purpose")),
        "{crashed:?}"
    );
    browser.screenshot("trouble-crash");
    let alive = browser.view()["processes"]
        .as_object()
        .expect("processes")
        .values()
        .filter(|process| process["state"] == "running")
        .count();
    assert!(alive >= 7, "the rest lives on: {alive}");
}
