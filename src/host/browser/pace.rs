//! How long rounds take in real time, by how many volumes they wrote to: the figure on which the speed of a
//! world in the browser hangs, since a round lasts until its transactions are complete.

use super::clock::real_ms;
use crate::host::protocol::RoundPace;

/// Rounds that wrote to more volumes count with this many.
const STORES_MAX: usize = 7;

/// Counts rounds.
#[derive(Default)]
pub(super) struct Pace {
    by_stores: [RoundPace; STORES_MAX + 1],
    stores: usize,
    begun_ms: f64,
}

impl Pace {
    /// A round begins.
    pub fn begin(&mut self) {
        self.stores = 0;
        self.begun_ms = real_ms();
    }

    /// A volume's transaction was complete.
    pub fn stored(&mut self) {
        self.stores += 1;
    }

    /// The round is over.
    pub fn end(&mut self) {
        let entry = &mut self.by_stores[self.stores.min(STORES_MAX)];
        entry.rounds += 1;
        entry.wall_us += ((real_ms() - self.begun_ms) * 1_000.0) as u64;
    }

    /// The counts, from rounds that wrote nothing to those that wrote to seven volumes or more.
    pub fn counts(&self) -> Vec<RoundPace> {
        self.by_stores.to_vec()
    }
}
