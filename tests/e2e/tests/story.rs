//! The story of the first page: a person sends records, watches them arrive, kills the leader's broker, sees the
//! failover, loads the page again and finds the cluster and every record. Nothing is asked of the page but what it
//! says; the kill really terminates a worker and the reload really ends all of them.

use e2e::{Browser, Options, PATIENCE, Site, keys, readable};
use serde_json::Value;

fn leader(view: &Value) -> Option<i64> {
    view["partitions"]["orders-0"]["leader"].as_i64()
}

/// Offsets up to which the group has read, summed over partitions.
fn positions(view: &Value) -> i64 {
    let members = view["groups"]["g1"]["members"].as_array().into_iter().flatten();
    let owned = members.flat_map(|member| member["assignment"].as_array().into_iter().flatten());
    owned.filter_map(|owned| owned["position"].as_i64()).sum()
}

fn wait_for_readers(browser: &Browser, records: i64) {
    browser.wait_at_most(PATIENCE, &format!("{records} records to be read"), || {
        let view = browser.view();
        (readable(&view, "orders") == records && positions(&view) == records).then_some(())
    });
}

fn wait_for_state(browser: &Browser, process: &str, state: &str) {
    browser.wait_at_most(PATIENCE, &format!("{process} to be {state}"), || {
        (browser.view()["processes"][process]["state"] == state).then_some(())
    });
}

#[test]
fn a_record_survives_the_leader_and_the_page() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?speed=8", site.url()));
    browser.wait_for_cluster();
    for (key, value) in [("ann", "1"), ("bob", "2"), ("cho", "3"), ("<b>dee</b>", "<i>4</i>")] {
        browser.send("orders", key, value);
    }
    wait_for_readers(&browser, 4);
    assert!(browser.text().contains("<b>dee</b>"), "a key with markup is shown as it is");
    browser.screenshot("story-records");

    let victim = leader(&browser.view()).expect("orders-0 has a leader");
    let broker = format!("broker-{victim}");
    let life = browser.view()["processes"][&broker]["incarnation"].clone();
    browser.find("group", &broker).context_click();
    browser.find("menuitem", "Kill").click();
    wait_for_state(&browser, &broker, "dead");
    browser.wait_at_most(PATIENCE, "another leader", || {
        leader(&browser.view()).filter(|leader| *leader != victim)
    });
    browser.send("orders", "ann", "5");
    wait_for_readers(&browser, 5);
    browser.screenshot("story-failover");

    browser.find("group", &broker).context_click();
    browser.find("menuitem", "Restart").click();
    browser.wait_at_most(PATIENCE, "all three replicas in sync again", || {
        let view = browser.view();
        let isr = view["partitions"]["orders-0"]["isr"].as_array().map_or(0, Vec::len);
        (isr == 3).then_some(())
    });
    assert_ne!(browser.view()["processes"][&broker]["incarnation"], life);

    browser.goto(&format!("{}?speed=8", site.url()));
    browser.wait_for_cluster();
    wait_for_readers(&browser, 5);
    let view = browser.view();
    assert!(view["persistence"].as_str().is_some_and(|kept| kept.starts_with("Kept")), "{view}");
    browser.screenshot("story-reloaded");
    browser.assert_no_console_errors();
}

#[test]
fn the_keyboard_reaches_everything() {
    let site = Site::of_dist();
    let options = Options { is_dark: true, is_still: true, ..Options::default() };
    let browser = Browser::open_with(&options);
    browser.goto(&format!("{}?speed=8", site.url()));
    browser.wait_for_cluster();
    let focused = || {
        browser.execute(
            "return document.activeElement.getAttribute('aria-label') || document.activeElement.id \
             || document.activeElement.textContent;",
            &[],
        )
    };
    // The form, by Tab and typing alone.
    browser.find("textbox", "Value").focus();
    browser.press(&format!("seven{}", keys::ENTER));
    wait_for_readers(&browser, 1);
    // Space stands still and goes on, the full stop steps.
    browser.press(keys::ESCAPE);
    browser.press(keys::SPACE);
    browser.wait_until("time to stand still", || browser.view()["playing"] == false);
    let before = browser.view()["picture_us"].as_u64().expect("a time");
    browser.press(".");
    browser.wait_until("the next event", || {
        browser.view()["picture_us"].as_u64().is_some_and(|now| now > before)
    });
    assert_eq!(browser.view()["playing"], false);
    browser.press(keys::SPACE);
    browser.wait_until("time to go on", || browser.view()["playing"] == true);
    // The stage is reached by Tab, a node of it by arrows, its menu by M.
    let on_stage = || {
        let script = "return document.activeElement.hasAttribute('data-process');";
        browser.execute(script, &[]) == true
    };
    for _ in 0..60 {
        if on_stage() {
            break;
        }
        browser.press(keys::TAB);
    }
    assert!(on_stage(), "Tab reaches the stage, not only {}", focused());
    for key in [keys::LEFT, keys::LEFT, keys::DOWN, keys::DOWN, keys::RIGHT, keys::UP, keys::UP] {
        browser.press(key);
    }
    for _ in 0..12 {
        if focused() == "broker-2" {
            break;
        }
        browser.press(keys::DOWN);
    }
    assert_eq!(focused(), "broker-2", "arrows walk from node to node");
    browser.press("m");
    browser.wait_until("the menu", || browser.has("menuitem", "Kill"));
    browser.screenshot("keyboard-menu");
    for _ in 0..12 {
        if focused().as_str().is_some_and(|name| name.contains("Kill")) {
            break;
        }
        browser.press(keys::DOWN);
    }
    browser.press(keys::ENTER);
    wait_for_state(&browser, "broker-2", "dead");
    browser.press("?");
    browser.wait_until("the help", || {
        browser.has("dialog", "Help") || browser.text().contains("Keys")
    });
    browser.screenshot("keyboard-help");
    browser.press(keys::ESCAPE);
    browser.assert_no_console_errors();
}

#[test]
fn an_ensemble_elects_and_its_tree_is_shown() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(&format!("{}?zookeepers=3&speed=8", site.url()));
    browser.wait_for_cluster();
    let leading = |browser: &Browser| {
        let view = browser.view();
        let servers = view["zookeeper"].as_object()?.clone();
        let alive = |name: &str| view["processes"][name]["state"] == "running";
        servers
            .into_iter()
            .find(|(name, server)| server["role"] == "leader" && alive(name))
            .map(|(name, _)| name)
    };
    let first = browser.wait_at_most(PATIENCE, "a leader of the ensemble", || leading(&browser));
    browser.find("tab", "ZooKeeper tree").click();
    let tree = browser.find("list", "Znodes");
    for znode in ["/controller", "/brokers/ids/1", "/brokers/topics/orders/partitions/0/state"] {
        browser.wait_until(znode, || tree.text().contains(znode));
    }
    browser.screenshot("ensemble");
    browser.find("group", &first).context_click();
    browser.find("menuitem", "Kill").click();
    wait_for_state(&browser, &first, "dead");
    browser.wait_at_most(PATIENCE, "another leader of the ensemble", || {
        leading(&browser).filter(|name| *name != first)
    });
    browser.send("orders", "ann", "after the election");
    wait_for_readers(&browser, 1);
    browser.screenshot("ensemble-elected");
    browser.assert_no_console_errors();
}
