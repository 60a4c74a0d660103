//! Delta debugging (Zeller and Hildebrandt): which of the actions of a failing run are needed for it
//! to fail. A run is played again with fewer and fewer actions for as long as it fails alike.

use super::replay;
use super::report::{Failure, Judged};
use crate::base::Time;
use crate::world::{Action, WorldConfig};

/// A failing run with few actions.
pub struct Minimal {
    /// The run; its world holds all of its actions, with those of the healing and the audit.
    pub judged: Judged,
    /// The actions that are needed.
    pub actions: Vec<(Time, Action)>,
    /// How many runs it took to find them.
    pub runs: usize,
}

/// Leaves away actions of `judged` that are not needed for its failure, with `runs_max` runs at most;
/// none when it does not fail, or not again.
pub fn minimise(judged: &Judged, runs_max: usize) -> Option<Minimal> {
    let failure = judged.report.failure()?;
    let before_healing = |(at, _): &&(Time, Action)| *at < judged.healed;
    let actions: Vec<_> = judged.world.actions.iter().filter(before_healing).cloned().collect();
    let mut search =
        Search { world: &judged.world, end: judged.healed, failure, runs: 0, found: None };
    if !search.fails(&actions) {
        return None;
    }
    let actions = search.reduce(actions, runs_max);
    let judged = search.found?;
    Some(Minimal { judged, actions, runs: search.runs })
}

struct Search<'a> {
    world: &'a WorldConfig,
    end: Time,
    failure: Failure,
    runs: usize,
    /// The last run that failed.
    found: Option<Judged>,
}

impl Search<'_> {
    fn fails(&mut self, actions: &[(Time, Action)]) -> bool {
        self.runs += 1;
        let world = WorldConfig { actions: actions.to_vec(), ..self.world.clone() };
        let judged = replay(world, self.end, |_| ());
        let alike = judged.report.failure() == Some(self.failure);
        if alike {
            self.found = Some(judged);
        }
        alike
    }

    /// Cuts the actions into ever smaller parts and leaves each part away in turn.
    fn reduce(&mut self, mut actions: Vec<(Time, Action)>, runs_max: usize) -> Vec<(Time, Action)> {
        let mut size = actions.len().div_ceil(2);
        while size > 0 && !actions.is_empty() {
            let mut from = 0;
            while from < actions.len() {
                if self.runs >= runs_max {
                    return actions;
                }
                let to = (from + size).min(actions.len());
                let fewer: Vec<_> = actions[..from].iter().chain(&actions[to..]).cloned().collect();
                if self.fails(&fewer) {
                    actions = fewer;
                } else {
                    from = to;
                }
            }
            size /= 2;
        }
        actions
    }
}
