//! What the stage shows, as plain values made from a picture: no layout, no drawing. A scene changes
//! only when something happened, never because time passed.

pub mod groups;
pub mod keys;
pub mod narrate;
pub mod partitions;
pub mod scene;
pub mod status;
pub mod tapes;
pub mod zookeeper;

pub use keys::{KeyMark, KeyTable};
pub use scene::Scene;
pub use status::NodeStatus;
