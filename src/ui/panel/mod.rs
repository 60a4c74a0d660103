//! The panels under the stage.

pub mod dock;
pub mod events;
pub mod logs;
pub mod messages;
pub mod tree;
