//! Messages as buffers: postcard in, one transferred `ArrayBuffer` out, and back.

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, MessagePort, Worker};

/// Something that messages can be posted to.
pub(super) trait Post {
    /// Posts `message`, handing over what is in `transfer`.
    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue>;
}

impl Post for MessagePort {
    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
        self.post_message_with_transferable(message, transfer)
    }
}

impl Post for Worker {
    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
        self.post_message_with_transfer(message, transfer)
    }
}

impl Post for DedicatedWorkerGlobalScope {
    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
        self.post_message_with_transfer(message, transfer)
    }
}

/// Sends `message`, and with it a port if one is given. A target that is gone is no error: its
/// death is told by other ways.
pub(super) fn send<T: Serialize>(target: &impl Post, message: &T, port: Option<&MessagePort>) {
    let Ok(bytes) = postcard::to_stdvec(message) else {
        return;
    };
    // The copy is what leaves: a view on wasm memory must not be transferred.
    let array = Uint8Array::from(bytes.as_slice());
    let transfer = Array::of1(&array.buffer());
    let envelope = Object::new();
    let _ = Reflect::set(&envelope, &"bytes".into(), &array);
    if let Some(port) = port {
        let _ = Reflect::set(&envelope, &"port".into(), port);
        transfer.push(port);
    }
    let _ = target.post(&envelope, &transfer);
}

/// Opens a message: what was sent, and the port that came with it. None for what we did not send.
pub(super) fn open<T: DeserializeOwned>(event: &MessageEvent) -> Option<(T, Option<MessagePort>)> {
    let data = event.data();
    let bytes = Reflect::get(&data, &"bytes".into()).ok()?.dyn_into::<Uint8Array>().ok()?;
    let message = postcard::from_bytes(&bytes.to_vec()).ok()?;
    let port = Reflect::get(&data, &"port".into()).ok()?.dyn_into::<MessagePort>().ok();
    Some((message, port))
}

/// A handler of messages that lives as long as it is held.
pub(super) type Listener = Closure<dyn FnMut(MessageEvent)>;

/// Calls `handle` with every message on `port`.
pub(super) fn listen_port<T: DeserializeOwned + 'static>(
    port: &MessagePort,
    handle: impl Fn(T) + 'static,
) -> Listener {
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some((message, _)) = open(&event) {
            handle(message);
        }
    });
    port.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener
}

/// Calls `handle` with every message that this worker gets from the page.
pub(super) fn listen_scope<T: DeserializeOwned + 'static>(
    scope: &DedicatedWorkerGlobalScope,
    handle: impl Fn(T, Option<MessagePort>) + 'static,
) -> Listener {
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some((message, port)) = open(&event) {
            handle(message, port);
        }
    });
    scope.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener
}
