//! The story of the first page: a person sends records, watches them arrive, kills the leader's broker, sees the
//! failover, loads the page again and finds the cluster and every record. Nothing is asked of the page but what it
//! says; the kill really terminates a worker and the reload really ends all of them.

use std::time::Duration;

use e2e::{Browser, Site};
use serde_json::Value;

/// Real time that a busy machine may take for some tens of virtual seconds.
const PATIENCE: Duration = Duration::from_mins(3);

fn leader(view: &Value) -> Option<i64> {
    view["partitions"]["orders-0"]["leader"].as_i64()
}

/// Records that consumers may read, in all partitions of `orders`.
fn readable(view: &Value) -> i64 {
    let partitions = view["partitions"].as_object().into_iter().flatten();
    let orders = partitions.filter(|(name, _)| name.starts_with("orders-"));
    orders.filter_map(|(_, partition)| partition["high_watermark"].as_i64()).sum()
}

fn consumed(view: &Value) -> i64 {
    let members = view["groups"]["g1"]["members"].as_array().into_iter().flatten();
    members.filter_map(|member| member["consumed"].as_i64()).sum()
}

fn is_stable(view: &Value) -> bool {
    let group = &view["groups"]["g1"];
    group["state"] == "Stable" && group["members"].as_array().is_some_and(|all| all.len() == 2)
}

fn send(browser: &Browser, key: &str, value: &str) {
    browser.find("textbox", "Topic").fill("orders");
    browser.find("textbox", "Key").fill(key);
    browser.find("textbox", "Value").fill(value);
    browser.find("button", "Send").click();
}

#[test]
fn a_record_survives_the_leader_and_the_page() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?speed=4", site.url()));
    browser.wait_at_most(PATIENCE, "the cluster to stand", || {
        let view = browser.view();
        (leader(&view).is_some() && is_stable(&view)).then_some(())
    });
    for (key, value) in [("ann", "1"), ("bob", "2"), ("cho", "3"), ("<b>dee</b>", "4")] {
        send(&browser, key, value);
    }
    browser.wait_at_most(PATIENCE, "four records to be consumed", || {
        let view = browser.view();
        (readable(&view) == 4 && consumed(&view) == 4).then_some(())
    });
    browser.screenshot("story-records");

    let victim = leader(&browser.view()).expect("orders-0 has a leader");
    browser.find("group", &format!("broker-{victim}")).context_click();
    browser.find("menuitem", "Kill").click();
    browser.wait_until("the broker to be dead", || {
        browser.view()["processes"][format!("broker-{victim}")]["state"] == "dead"
    });
    browser.wait_at_most(PATIENCE, "another leader", || {
        leader(&browser.view()).filter(|leader| *leader != victim)
    });
    send(&browser, "ann", "5");
    browser.wait_at_most(PATIENCE, "the fifth record to be consumed", || {
        (consumed(&browser.view()) >= 5).then_some(())
    });
    browser.screenshot("story-failover");

    browser.goto(site.url());
    browser.wait_at_most(PATIENCE, "every record to be there after the reload", || {
        let view = browser.view();
        (leader(&view).is_some() && readable(&view) == 5).then_some(())
    });
    assert_eq!(browser.view()["persistence"], "Kept");
    browser.screenshot("story-reloaded");
    browser.assert_no_console_errors();
}

#[test]
fn a_lesson_is_walked_forth_and_back() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?lesson=point-to-point-or-publish-subscribe&speed=max", site.url()));
    browser.wait_until("the lesson's title", || {
        browser.text().contains("Point to point, or publish-subscribe?")
    });
    let next = || {
        browser.wait_at_most(PATIENCE, "the step to be done", || {
            let button = browser.find("button", "Next");
            button.is_enabled().then(|| button.click()).map(|_| ())
        });
    };
    next();
    browser.wait_until("the second step", || browser.text().contains("One group of two"));
    browser.find("button", "Back").click();
    browser
        .wait_until("the first step again", || browser.text().contains("A topic in three parts"));
    next();
    browser.wait_until("the second step again", || browser.text().contains("One group of two"));
    browser.screenshot("lesson");
    browser.assert_no_console_errors();
}
