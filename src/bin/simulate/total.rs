//! What all seeds came to.

use super::run::Done;
use kafkarium::host::simulation::Marks;
use kafkarium::world::check::Counts;
use std::time::Duration;

/// What all seeds came to.
#[derive(Default)]
pub struct Total {
    seeds: u64,
    failed: u64,
    virtual_seconds: u64,
    faults: u64,
    counts: Counts,
    excused_losses: u64,
    /// What happened at all.
    pub marks: Marks,
    /// Exit code: of the first seed that failed.
    pub code: u8,
}

impl Total {
    /// Adds a seed.
    pub fn add(&mut self, done: &Done, twice: bool) {
        self.seeds += 1;
        self.failed += u64::from(done.code != 0);
        self.virtual_seconds += if twice { 2 } else { 1 } * done.report.virtual_seconds;
        self.faults += done.report.faults;
        self.counts.add(&done.report.counts);
        self.excused_losses += done.report.excused_losses;
        if let Some(marks) = &done.marks {
            self.marks.add(marks.clone());
        }
        self.code = if self.code == 0 { done.code } else { self.code };
    }

    /// The last line.
    pub fn words(&self, wall: Duration) -> String {
        let Self { seeds, failed, virtual_seconds, faults, counts, excused_losses, .. } = self;
        let wall_ms = wall.as_millis().max(1);
        let times = u128::from(*virtual_seconds) * 1_000 / wall_ms;
        let a_minute = u128::from(*seeds) * 60_000 / wall_ms;
        let Counts { elections, zookeeper_leaders, truncations, .. } = counts;
        let Counts { rebalances, acknowledged, .. } = counts;
        format!(
            "{seeds} seeds, {failed} failed: {virtual_seconds} virtual seconds in {wall_ms} ms ({times} × life, {a_minute} seeds a minute); \
             {faults} faults, {elections} elections, {zookeeper_leaders} ZooKeeper leaders, {truncations} truncations, {rebalances} rebalances, \
             {acknowledged} acknowledged, {excused_losses} lost with excuse"
        )
    }
}
