//! The speed of a partition log in a worker of a headless browser; `cargo xtask bench` asks for it.
#![cfg(target_arch = "wasm32")]

use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[path = "../benches/log/speed.rs"]
mod speed;

fn now() -> Duration {
    let global: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    Duration::from_secs_f64(global.performance().map_or(0.0, |clock| clock.now()) / 1_000.0)
}

#[wasm_bindgen_test]
#[ignore = "a benchmark, which takes half a minute: `cargo xtask bench` asks for it"]
fn a_log_is_measured() {
    speed::measure("browser", now, |line| console_log!("{line}"));
}
