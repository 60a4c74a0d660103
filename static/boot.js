// Starts a worker. The page compiles worker_bg.wasm once and posts the module as `{ mod }`; this listener must
// stand before any Rust runs, since a message that arrives earlier is lost. It answers 'ready' once Rust's
// main() has put up its own listener; the page sends nothing else before that.
importScripts('./worker.js' + self.location.search);
self.addEventListener('message', async (event) => {
  await wasm_bindgen({ module_or_path: event.data.mod });
  self.postMessage('ready');
}, { once: true });
