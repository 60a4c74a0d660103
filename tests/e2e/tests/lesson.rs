//! Lessons on the real page, with real workers: both are walked to their end, by what the page says, with a
//! look back on the way.

use e2e::{Browser, PATIENCE, Site};
use serde_json::Value;

fn open(site: &Site, lesson: &str) -> Browser {
    let browser = Browser::open();
    browser.goto(&format!("{}?lesson={lesson}&speed=max", site.url()));
    browser.wait_until("the lesson", || {
        let view = browser.try_execute("return window.kafkarium.view();", &[]);
        view.is_ok_and(|view| view["lesson"]["name"] == lesson)
    });
    browser
}

fn step(view: &Value) -> i64 {
    view["lesson"]["step"].as_i64().unwrap_or(-1)
}

/// Waits until the way on is open and takes it; `meanwhile` does what the step asks for.
fn next(browser: &Browser, mut meanwhile: impl FnMut(&Browser)) {
    let before = step(&browser.view());
    browser.wait_at_most(PATIENCE, "the step to be done", || {
        meanwhile(browser);
        let view = browser.view();
        (view["lesson"]["may_go_on"] == true).then_some(())
    });
    browser.find("button", "Next").click();
    browser.wait_until("the next step", || step(&browser.view()) == before + 1);
}

fn back(browser: &Browser) {
    let before = step(&browser.view());
    browser.find("button", "Back").click();
    browser.wait_until("the step before", || step(&browser.view()) == before - 1);
}

/// Chooses an option of the prediction, if it still waits for one; the answer may come between two looks.
fn predict(browser: &Browser, option: &str) {
    for (role, name) in [("radio", option), ("button", "Lock in")] {
        if let Some(element) = browser.find_all(role, name).first() {
            element.try_click();
        }
    }
}

#[test]
fn point_to_point_and_publish_subscribe_is_walked_to_its_end() {
    let site = Site::of_dist();
    let browser = open(&site, "point-to-point-or-publish-subscribe");
    assert!(browser.text().contains("Point to point, or publish-subscribe?"));
    next(&browser, |_| ());
    browser.wait_until("the second step", || browser.text().contains("One group of two"));
    back(&browser);
    browser
        .wait_until("the first step again", || browser.text().contains("A topic in three parts"));
    next(&browser, |_| ());
    let right = "One consumer reads two partitions, the other reads one.";
    browser.wait_until("the prediction", || browser.has("radio", right));
    next(&browser, |browser| predict(browser, right));
    browser.wait_until("two groups", || browser.text().contains("Two groups"));
    let wrong = "None, they are gone.";
    browser.wait_until("the prediction", || browser.has("radio", wrong));
    predict(&browser, wrong);
    browser.wait_until("the answer", || browser.text().contains("It went another way"));
    next(&browser, |_| ());
    browser.screenshot("lesson-two-groups");
    assert!(browser.text().contains("What decides it"));
    let view = browser.view();
    for group in ["processors", "audit"] {
        let committed = view["groups"][group]["committed"].as_object().expect("committed offsets");
        assert_eq!(committed.values().filter_map(Value::as_i64).sum::<i64>(), 9, "{group}: {view}");
    }
    browser.assert_no_console_errors();
}

#[test]
fn kill_the_leader_is_walked_to_its_end() {
    let site = Site::of_dist();
    let browser = open(&site, "kill-the-leader");
    next(&browser, |_| ());
    let leader = browser.view()["partitions"]["orders-0"]["leader"].as_i64().expect("a leader");
    let broker = format!("broker-{leader}");
    assert!(browser.text().contains(&broker), "the text names the leader");
    let choose = |item: &str| {
        browser.find("group", &broker).context_click();
        browser.find("menuitem", item).click();
    };
    choose("Kill");
    browser.wait_until("the broker to be dead", || {
        browser.view()["processes"][&broker]["state"] == "dead"
    });
    let right = "ZooKeeper does not hear from the broker, and its session expires.";
    browser.wait_until("the prediction", || browser.has("radio", right));
    predict(&browser, right);
    browser.wait_until("the answer", || browser.text().contains("You predicted this"));
    next(&browser, |_| ());
    assert!(browser.text().contains("The election"));
    let elected = browser.view()["partitions"]["orders-0"]["leader"].as_i64();
    assert!(
        elected.is_some_and(|elected| elected != leader),
        "{elected:?} leads, {leader} is dead"
    );
    browser.screenshot("lesson-election");
    next(&browser, |_| ());
    next(&browser, |_| ());
    choose("Restart");
    browser.wait_at_most(PATIENCE, "the end", || {
        let view = browser.view();
        let isr = view["partitions"]["orders-0"]["isr"].as_array().map_or(0, Vec::len);
        (isr == 3 && view["lesson"]["step"] == 4).then_some(())
    });
    browser.screenshot("lesson-return");
    browser.find("button", "Take over").click();
    browser.wait_until("the sandbox", || browser.view()["lesson"].is_null());
    browser.find("button", "Send");
    browser.assert_no_console_errors();
}
