//! Real time, which only hosts may read: it paces virtual time and never enters the engine.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Milliseconds since the worker or page began (`performance.now()`).
pub(super) fn real_ms() -> f64 {
    let global = js_sys::global();
    let performance = Reflect::get(&global, &"performance".into()).unwrap_or(JsValue::UNDEFINED);
    let now = Reflect::get(&performance, &"now".into()).ok();
    let now = now.and_then(|now| now.dyn_into::<Function>().ok());
    now.and_then(|now| now.call0(&performance).ok()).and_then(|ms| ms.as_f64()).unwrap_or(0.0)
}
