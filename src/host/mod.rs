//! Layer 10: runs a world. The page and the conductor talk in the messages of [`protocol`].

pub mod protocol;
