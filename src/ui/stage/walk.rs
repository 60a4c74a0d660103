//! Walking from node to node with the arrow keys: to the nearest one in that direction.

use super::layout::{Layout, Rect};
use crate::base::ProcessId;

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Left.
    Left,
    /// Right.
    Right,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// The node nearest to `from` in that direction. What lies straight ahead is preferred to what lies
/// nearer but aside.
pub fn walk(layout: &Layout, from: ProcessId, direction: Direction) -> Option<ProcessId> {
    let start = layout.node(from)?;
    let others = layout.nodes.iter().filter(|(process, _)| **process != from);
    let ahead = others.filter_map(|(process, (_, rect))| {
        let (along, aside) = offset(&start, rect, direction);
        (along > 0.0).then_some((along + 3.0 * aside, *process))
    });
    ahead.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, process)| process)
}

/// How far `to` lies ahead of `from`, and how far aside.
fn offset(from: &Rect, to: &Rect, direction: Direction) -> (f64, f64) {
    let across = gap(from.x, from.right(), to.x, to.right());
    let down = gap(from.y, from.bottom(), to.y, to.bottom());
    match direction {
        Direction::Left => (from.x - to.right() + 1.0, down),
        Direction::Right => (to.x - from.right() + 1.0, down),
        Direction::Up => (from.y - to.bottom() + 1.0, across),
        Direction::Down => (to.y - from.bottom() + 1.0, across),
    }
}

/// Distance between two stretches, zero when they overlap.
fn gap(a0: f64, a1: f64, b0: f64, b1: f64) -> f64 {
    (b0 - a1).max(a0 - b1).max(0.0)
}
