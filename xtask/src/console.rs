//! What the commands print: plain headings, and how long each part took.

use std::time::{Duration, Instant};

use crate::Failure;

/// Prints a heading, does the work, and prints how long it took.
pub fn part<T>(heading: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    println!("\n== {heading}");
    let started = Instant::now();
    let result = work();
    let ending = if result.is_ok() { "done" } else { "failed" };
    println!("== {heading}: {ending} in {}", duration(started.elapsed()));
    result
}

/// A duration as people say it: `0.4 s`, `38 s`, `5 min 2 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.1} s", time.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_say_them() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(38)), "38 s");
        assert_eq!(duration(Duration::from_secs(302)), "5 min 2 s");
    }
}
