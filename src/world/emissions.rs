//! What processes have let out and the world has not applied yet, in the order in which it counts: by time, process and
//! number.
//!
//! A round brings thousands at once and takes them from the front one by one, so neither may cost the length of the
//! whole.

use crate::base::{ProcessId, Time};
use crate::node::Emission;
use std::collections::VecDeque;

/// Emissions to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Emissions {
    queue: VecDeque<(ProcessId, Emission)>,
}

fn key((process, emission): &(ProcessId, Emission)) -> (Time, ProcessId, u64) {
    (emission.at, *process, emission.seq)
}

impl Emissions {
    /// Takes in what processes have let out.
    pub fn extend(&mut self, emissions: impl IntoIterator<Item = (ProcessId, Emission)>) {
        self.queue.extend(emissions);
        // What each process brings is in order already, and sorting joins what is.
        self.queue.make_contiguous().sort_by_key(key);
    }

    /// When the next one counts.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.front().map(|(_, emission)| emission.at)
    }

    /// Takes out the next one.
    pub fn pop_first(&mut self) -> Option<(ProcessId, Emission)> {
        self.queue.pop_front()
    }

    /// Forgets those of a process.
    pub fn forget(&mut self, process: ProcessId) {
        self.queue.retain(|(source, _)| *source != process);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = &(ProcessId, Emission)> {
        self.queue.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cause;
    use crate::node::Effect;

    fn emission(at: u64, process: u32, seq: u64) -> (ProcessId, Emission) {
        let (at, effect) = (Time::from_micros(at), Effect::Listen(1));
        (ProcessId(process), Emission { at, seq, cause: Cause::Beginning, effect })
    }

    #[test]
    fn they_come_by_time_process_and_number_whatever_brought_them() {
        let mut emissions = Emissions::default();
        emissions.extend([emission(5, 2, 1), emission(5, 2, 2), emission(9, 2, 3)]);
        emissions.extend([emission(5, 1, 7), emission(7, 1, 8)]);
        emissions.extend([emission(1, 3, 1)]);
        emissions.forget(ProcessId(3));
        assert_eq!(emissions.next_at(), Some(Time::from_micros(5)));
        let order = std::iter::from_fn(|| emissions.pop_first());
        let order: Vec<_> = order.map(|(process, emission)| (process.0, emission.seq)).collect();
        assert_eq!(order, [(1, 7), (2, 1), (2, 2), (1, 8), (2, 3)]);
        assert_eq!(emissions.next_at(), None);
    }
}
