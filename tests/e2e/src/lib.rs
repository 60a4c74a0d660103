//! Drives the finished page in a real, headless Chromium, as a person would: finds things by their accessible
//! role and name, clicks, types, reads what the page says. The stories are in `tests/`; `cargo xtask test e2e`
//! builds the page and runs them.
//!
//! A test stops at the first thing that goes wrong, so these functions panic with a sentence instead of
//! returning errors.

mod base64;
mod browser;
mod driver;
mod element;
mod http;
mod sandbox;
mod site;

pub use browser::{Browser, Options, keys};
pub use element::Element;
pub use sandbox::{PATIENCE, readable};
pub use site::Site;
