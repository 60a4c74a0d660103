//! The lesson player at the left of the stage.

pub mod player;
pub mod text;
