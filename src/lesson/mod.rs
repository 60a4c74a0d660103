//! Layer 9: lessons are data. A lesson is Markdown with fenced steps; the same runner plays it on the
//! page and in the tests, where a lesson whose claim is false fails the build (design decision 11).

pub mod catalogue;
pub mod condition;
pub mod parse;
pub mod run;
pub mod setup;
pub mod text;
pub mod view;

pub use parse::{Item, Lesson, ParseError, Prediction, Step, parse};
pub use run::{Order, Player};
