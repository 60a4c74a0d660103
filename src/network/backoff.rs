//! Waiting longer after each failure, with a jitter that keeps many clients from coming back at
//! one moment.
//!
//! In Kafka: org.apache.kafka.common.utils.ExponentialBackoff, KIP-601.

use crate::base::{Rng, Span};

/// How long to wait after the n-th failure in a row: `initial` doubled n times, at most `max`, and
/// up to 20 % more or less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExponentialBackoff {
    /// The wait after the first failure.
    pub initial: Span,
    /// The longest wait before the jitter.
    pub max: Span,
}

impl ExponentialBackoff {
    /// The wait after `failures` earlier failures.
    pub fn after(&self, failures: u32, rng: &mut Rng) -> Span {
        let max = self.max.max(self.initial).as_micros();
        let doubled = self.initial.as_micros().saturating_mul(1 << failures.min(32));
        let per_mille = rng.between(800, 1_200);
        Span::from_micros(doubled.min(max).saturating_mul(per_mille) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_within_a_fifth() {
        let backoff =
            ExponentialBackoff { initial: Span::from_millis(50), max: Span::from_secs(1) };
        let mut rng = Rng::new(1);
        for (failures, expected_ms) in [(0, 50), (1, 100), (4, 800), (5, 1_000), (60, 1_000)] {
            for _ in 0..50 {
                let wait = backoff.after(failures, &mut rng).as_micros();
                let expected = expected_ms * 1_000;
                assert!(wait >= expected * 8 / 10 && wait <= expected * 12 / 10, "{failures}");
            }
        }
    }
}
