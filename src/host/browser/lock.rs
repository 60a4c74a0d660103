//! One tab owns a world: the Web Lock of its name, held until the worker ends. The interface is
//! unstable in `web-sys`, so it is reached by reflection; a browser without it gives everybody the
//! lock.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Tries to take the lock `name` for the life of this worker; false when another tab has it.
pub(super) async fn take(name: &str) -> bool {
    let Some((locks, request)) = interface() else {
        return true;
    };
    let options = Object::new();
    let _ = Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE);
    let name = JsValue::from_str(name);
    let granted = Promise::new(&mut |resolve, _| {
        let held = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let _ = resolve.call1(&JsValue::NULL, &JsValue::from_bool(!lock.is_null()));
            if lock.is_null() {
                return JsValue::UNDEFINED;
            }
            // A promise that never ends holds the lock until the worker does.
            Promise::new(&mut |_, _| {}).into()
        });
        let _ = request.call3(&locks, &name, &options, &held);
    });
    JsFuture::from(granted).await.is_ok_and(|granted| granted.is_truthy())
}

fn interface() -> Option<(JsValue, Function)> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    let request = Reflect::get(&locks, &"request".into()).ok()?.dyn_into().ok()?;
    Some((locks, request))
}
