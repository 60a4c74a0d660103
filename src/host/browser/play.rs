//! How fast virtual time passes for the person who looks at it. Nothing of this enters the engine.

use crate::base::Span;

/// Real time that one look may make up for: a tab that was in the background does not catch up.
const CATCH_UP_MS_MAX: f64 = 250.0;

/// Whether time passes, and how fast.
#[derive(Debug)]
pub(super) struct Play {
    /// Whether it passes.
    pub playing: bool,
    /// Virtual time in a thousandth of the real time; 0 is as fast as it goes.
    pub speed: u32,
    last_ms: Option<f64>,
    /// Virtual microseconds that are due but less than one, since time has no smaller unit.
    rest: f64,
}

impl Play {
    /// Playing at `speed`.
    pub fn new(speed: u32) -> Self {
        Self { playing: true, speed, last_ms: None, rest: 0.0 }
    }

    /// How much virtual time is due at the real time `now_ms`; none when there is no limit.
    pub fn due(&mut self, now_ms: f64) -> Option<Span> {
        let passed = self.last_ms.map_or(0.0, |last| (now_ms - last).clamp(0.0, CATCH_UP_MS_MAX));
        self.last_ms = Some(now_ms);
        if !self.playing {
            return Some(Span::ZERO);
        }
        if self.speed == 0 {
            return None;
        }
        // A thousandth of real time per unit of speed: 1 ms at 1000 is 1000 µs.
        let micros = passed * f64::from(self.speed) + self.rest;
        self.rest = micros.fract();
        Some(Span::from_micros(micros.trunc() as u64))
    }

    /// Forgets when it was last looked, so that what passed meanwhile does not count.
    pub fn start_afresh(&mut self) {
        self.last_ms = None;
        self.rest = 0.0;
    }
}
