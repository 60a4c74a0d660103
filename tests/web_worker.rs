//! Tests that run in a dedicated worker of a headless browser, where conductor and processes live
//! (`cargo xtask test wasm`).
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test_configure;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[path = "it/same_everywhere.rs"]
mod same_everywhere;
