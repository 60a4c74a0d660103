//! The program of every worker: conductor or node, as its first message says.

#[cfg(target_arch = "wasm32")]
fn main() {
    kafkarium::host::browser::worker::main();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
