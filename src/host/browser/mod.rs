//! Runs a world in a browser: the page owns the workers, the conductor and every process live in a
//! worker of their own, volumes lie in IndexedDB. Nobody else in the crate knows workers or
//! IndexedDB.

mod classroom;
mod clock;
mod conductor;
mod inbox;
mod lock;
mod message;
mod node;
mod nodes;
mod pace;
pub mod page;
mod play;
mod port;
mod save;
mod session;
mod setup;
pub mod volume_store;
pub mod worker;
