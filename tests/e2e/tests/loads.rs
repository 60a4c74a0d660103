//! The page loads: from the root of a host and from a folder of one, without a word in the console; its worker
//! starts from a module that the page compiled.

use e2e::{Browser, Site};

/// What the page does to start a worker, in JavaScript: compile once, post the module, wait for 'ready'.
const START_WORKER: &str = "
    const build = document.querySelector('meta[name=build-id]').content;
    const mod = await WebAssembly.compileStreaming(fetch(`./worker_bg.wasm?v=${build}`));
    const worker = new Worker(`./boot.js?v=${build}`);
    return await new Promise((resolve, reject) => {
        worker.onmessage = (event) => { worker.terminate(); resolve(event.data); };
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ mod });
    });";

#[test]
fn the_page_loads_without_a_word_in_the_console() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(site.url());
    browser.wait_until("the page to say something", || !browser.text().trim().is_empty());
    browser.assert_no_console_errors();
    browser.screenshot("loads");
}

#[test]
fn the_page_loads_from_a_folder_of_a_host() {
    let site = Site::of_dist_under("/some/where/");
    let browser = Browser::open();
    browser.goto(site.url());
    browser.wait_until("the page to say something", || !browser.text().trim().is_empty());
    assert_eq!(browser.execute(START_WORKER, &[]), "ready");
    browser.assert_no_console_errors();
}

#[test]
fn a_worker_starts_from_the_module_the_page_compiled() {
    let site = Site::of_dist();
    let browser = Browser::open();
    browser.goto(site.url());
    let answer = browser.execute(START_WORKER, &[]);
    assert_eq!(answer, "ready", "boot.js answers once the worker's main has run");
    let build =
        browser.execute("return document.querySelector('meta[name=build-id]').content;", &[]);
    assert_ne!(build, "dev", "the build stamps the page");
    browser.assert_no_console_errors();
}
