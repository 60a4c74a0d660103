//! Layer 10: hosts run worlds. `local` is one thread, native and wasm; `browser` is workers and
//! IndexedDB, and nobody else knows those; `protocol` is what page and conductor say to each other.

#[cfg(target_arch = "wasm32")]
pub mod browser;
#[cfg(not(target_arch = "wasm32"))]
pub mod ensemble_simulation;
pub mod local;
pub mod protocol;
#[cfg(not(target_arch = "wasm32"))]
pub mod simulation;
#[cfg(not(target_arch = "wasm32"))]
pub mod tcp;

pub use local::LocalHost;
