//! The first thing that every worker runs: it waits for its role.

use super::message::Role;
use super::port::open;
use super::{conductor, node};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Puts up the listener for the worker's role. Called once, before the boot script says `ready`.
pub fn main() {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else {
        return;
    };
    let holder = scope.clone();
    let listener = Closure::once_into_js(move |event: MessageEvent| {
        holder.set_onmessage(None);
        match open::<Role>(&event) {
            Some((Role::Conductor, _)) => conductor::begin(holder),
            Some((Role::Node, Some(port))) => node::begin(port),
            Some((Role::Node, None)) | None => {
                web_sys::console::error_1(&JsValue::from_str("a worker was given no role"));
            }
        }
    });
    scope.set_onmessage(Some(listener.unchecked_ref()));
}

/// The build of this worker, as its own address says (`boot.js?v=…`).
pub(super) fn build_id() -> String {
    let global = js_sys::global();
    let location = js_sys::Reflect::get(&global, &"location".into()).unwrap_or(JsValue::UNDEFINED);
    let search = js_sys::Reflect::get(&location, &"search".into()).ok();
    let search = search.and_then(|search| search.as_string()).unwrap_or_default();
    search.strip_prefix("?v=").unwrap_or_default().to_owned()
}
