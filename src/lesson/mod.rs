//! Layer 9: lessons as data.

pub mod view;
