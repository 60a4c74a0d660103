//! The speed of a partition log on this machine; `cargo xtask bench` runs it, and the same in a browser.

#[path = "log/speed.rs"]
mod speed;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Duration {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    STARTED.get_or_init(Instant::now).elapsed()
}

fn main() {
    speed::measure("native", now, |line| println!("{line}"));
}
