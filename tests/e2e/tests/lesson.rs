//! A lesson on the real page, with real workers: forth, back, and forth again.

use std::time::Duration;

use e2e::{Browser, Site};

/// Real time that a busy machine may take for some tens of virtual seconds.
const PATIENCE: Duration = Duration::from_mins(3);

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
