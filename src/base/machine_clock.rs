//! The clock of one machine, which may run at another speed than the world's. It never goes back:
//! one that ran fast and is put right stays ahead by what it gained.

use super::time::Time;
use serde::{Deserialize, Serialize};

/// How a machine's clock goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MachineClock {
    /// World time of the last change of its speed.
    since: Time,
    /// What it read then.
    read: Time,
    percent: u32,
}

impl Default for MachineClock {
    /// The world's own time.
    fn default() -> Self {
        Self { since: Time::ZERO, read: Time::ZERO, percent: 100 }
    }
}

impl MachineClock {
    /// The slowest and fastest that a clock may be set to, in hundredths of the world's speed.
    pub const PERCENT: std::ops::RangeInclusive<u32> = 10..=1_000;

    /// What it reads at the world time `at`.
    pub fn reads(self, at: Time) -> Time {
        let passed = u128::from(at.since(self.since).as_micros());
        let shown = u128::from(self.read.as_micros()) + passed * u128::from(self.percent) / 100;
        time(shown)
    }

    /// The first world time at which it reads `shown` or more.
    pub fn when(self, shown: Time) -> Time {
        let to_pass = u128::from(shown.since(self.read).as_micros()) * 100;
        let passes = to_pass.div_ceil(u128::from(self.percent.max(1)));
        time(u128::from(self.since.as_micros()) + passes)
    }

    /// The same clock, running at `percent` of the world's speed from the world time `at` on.
    pub fn at_speed(self, at: Time, percent: u32) -> Self {
        Self { since: at, read: self.reads(at), percent }
    }
}

fn time(micros: u128) -> Time {
    u64::try_from(micros).map_or(Time::MAX, Time::from_micros).min(Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_on_from_where_it_was_whatever_its_speed() {
        let plain = MachineClock::default();
        let second = |secs: u64| Time::from_micros(secs * 1_000_000);
        assert_eq!((plain.reads(second(7)), plain.when(second(7))), (second(7), second(7)));
        let fast = plain.at_speed(second(10), 150);
        assert_eq!((fast.reads(second(10)), fast.reads(second(20))), (second(10), second(25)));
        assert_eq!(fast.when(second(25)), second(20));
        assert_eq!(fast.when(second(3)), second(10), "what it has read already is now");
        let right = fast.at_speed(second(20), 100);
        assert_eq!(right.reads(second(30)), second(35), "it never goes back");
        for micros in 0..50 {
            let shown = Time::from_micros(10_000_000 + micros);
            let at = fast.when(shown);
            assert!(
                fast.reads(at) >= shown
                    && fast.reads(at - crate::base::Span::from_micros(1)) < shown
                    || at == second(10)
            );
        }
        assert_eq!(fast.when(Time::MAX).max(Time::MAX), Time::MAX);
    }
}
