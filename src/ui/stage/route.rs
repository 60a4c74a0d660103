//! The way of a frame across the stage: a line that a dot follows, measured along its length.

use super::layout::{Column, Layout, Rect};
use crate::base::{ProcessId, TopicPartition};
use std::fmt::Write;

/// A point in stage pixels.
pub type Point = (f64, f64);

/// A line across the stage.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Route {
    points: Vec<Point>,
    /// Distance from the start to each point.
    reached: Vec<f64>,
}

impl Route {
    fn through(points: Vec<Point>) -> Self {
        let mut reached = Vec::with_capacity(points.len());
        let (mut total, mut before) = (0.0, None);
        for point in &points {
            if let Some((x, y)) = before {
                total += distance((x, y), *point);
            }
            reached.push(total);
            before = Some(*point);
        }
        Self { points, reached }
    }

    /// A soft S from `a` to `b`, leaving and arriving level.
    fn curve(a: Point, b: Point) -> Self {
        const STEPS: u32 = 24;
        let reach = (b.0 - a.0) * 0.55;
        let bends = (a.0 + reach, b.0 - reach);
        // A cubic Bézier curve; its bends are level with its ends.
        let at = |t: f64| {
            let rest = 1.0 - t;
            let (near_a, near_b) = (3.0 * rest * rest * t, 3.0 * rest * t * t);
            let (end_a, end_b) = (rest * rest * rest, t * t * t);
            (
                end_a * a.0 + near_a * bends.0 + near_b * bends.1 + end_b * b.0,
                (end_a + near_a) * a.1 + (near_b + end_b) * b.1,
            )
        };
        Self::through((0..=STEPS).map(|step| at(f64::from(step) / f64::from(STEPS))).collect())
    }

    fn reversed(mut self) -> Self {
        self.points.reverse();
        Self::through(self.points)
    }

    /// The point at `fraction` of the way.
    pub fn at(&self, fraction: f64) -> Point {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return (0.0, 0.0);
        };
        let total = self.reached.last().copied().unwrap_or(0.0);
        let wanted = total * fraction.clamp(0.0, 1.0);
        let after = self.reached.partition_point(|reached| *reached < wanted);
        if after == 0 {
            return *first;
        }
        let (Some(p), Some(q)) = (self.points.get(after - 1), self.points.get(after)) else {
            return *last;
        };
        let step = self.reached[after] - self.reached[after - 1];
        let part = if step > 0.0 { (wanted - self.reached[after - 1]) / step } else { 0.0 };
        (p.0 + (q.0 - p.0) * part, p.1 + (q.1 - p.1) * part)
    }

    /// As the `d` of an SVG path.
    pub fn path(&self) -> String {
        let mut text = String::new();
        for (at, (x, y)) in self.points.iter().enumerate() {
            let command = if at == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(text, "{command}{x:.1} {y:.1}");
        }
        text
    }
}

/// Straight distance between two points.
pub fn distance(a: Point, b: Point) -> f64 {
    ((a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)).sqrt()
}

/// The way from one process to another, of a frame about `partition`. None when one of the two is
/// not on the stage.
pub fn route(
    layout: &Layout,
    from: ProcessId,
    to: ProcessId,
    partition: Option<&TopicPartition>,
) -> Option<Route> {
    let (from_column, a) = layout.nodes.get(&from)?;
    let (to_column, b) = layout.nodes.get(&to)?;
    let (ay, by) = (layout.port_y(from, partition)?, layout.port_y(to, partition)?);
    let end = |rect: &Rect, y: f64| (*rect, y);
    let (from_end, to_end) = (end(a, ay), end(b, by));
    let lane = partition.map_or(3, |partition| partition.partition.rem_euclid(3));
    Some(match (from_column, to_column) {
        (Column::Broker, Column::Broker) => beside(layout, from_end, to_end, lane),
        (Column::ZooKeeper, _) => up(layout, to_end, a, *to_column).reversed(),
        (_, Column::ZooKeeper) => up(layout, from_end, b, *from_column),
        (Column::Client, _) => rightward(layout, from_end, to_end, *to_column),
        (_, Column::Client) => rightward(layout, to_end, from_end, *from_column).reversed(),
        (Column::Broker, Column::Group) => to_group(layout, from_end, to_end),
        (Column::Group, Column::Broker) => to_group(layout, to_end, from_end).reversed(),
        (Column::Group, Column::Group) => Route::curve((a.x, ay), (b.x, by)),
    })
}

type End = (Rect, f64);

/// Between two brokers: along a lane at their right.
fn beside(layout: &Layout, (a, ay): End, (b, by): End, lane: i32) -> Route {
    let x = if layout.narrow {
        layout.width - 7.0
    } else {
        layout.brokers.right() + 10.0 + 9.0 * f64::from(lane)
    };
    rounded(&[(a.right(), ay), (x, ay), (x, by), (b.right(), by)])
}

/// From any process up to a ZooKeeper server.
fn up(layout: &Layout, (a, ay): End, server: &Rect, column: Column) -> Route {
    let door = (server.middle_x(), server.bottom());
    let ceiling = layout.band.bottom() + 5.0;
    match column {
        Column::Broker => {
            let x = if layout.narrow { 7.0 } else { layout.brokers.x - 12.0 };
            rounded(&[(a.x, ay), (x, ay), (x, ceiling), (door.0, ceiling), door])
        }
        _ => rounded(&[(a.middle_x(), a.y), (a.middle_x(), ceiling), (door.0, ceiling), door]),
    }
}

/// From a client to whoever stands to its right.
fn rightward(layout: &Layout, (a, ay): End, (b, by): End, column: Column) -> Route {
    if layout.narrow {
        let (x, below) = (7.0, a.bottom() + 4.0);
        let foot = a.x + 18.0;
        return rounded(&[(foot, a.bottom()), (foot, below), (x, below), (x, by), (b.x, by)]);
    }
    match column {
        Column::Client => Route::curve((a.right(), ay), (b.right(), by)),
        _ => Route::curve((a.right(), ay), (b.x, by)),
    }
}

/// From a broker to a member of a group.
fn to_group(layout: &Layout, (a, ay): End, (b, by): End) -> Route {
    if layout.narrow {
        let x = layout.width - 7.0;
        return rounded(&[(a.right(), ay), (x, ay), (x, by), (b.right(), by)]);
    }
    Route::curve((a.right(), ay), (b.x, by))
}

/// Straight lines with small rounded corners.
fn rounded(corners: &[Point]) -> Route {
    const RADIUS: f64 = 5.0;
    let mut points: Vec<Point> = Vec::new();
    for (at, corner) in corners.iter().enumerate() {
        let around = at.checked_sub(1).and_then(|i| corners.get(i)).zip(corners.get(at + 1));
        let Some((before, after)) = around else {
            points.push(*corner);
            continue;
        };
        for neighbour in [before, after] {
            let length = distance(*corner, *neighbour);
            let part = if length > 0.0 { (RADIUS / length).min(0.5) } else { 0.0 };
            points.push((
                corner.0 + (neighbour.0 - corner.0) * part,
                corner.1 + (neighbour.1 - corner.1) * part,
            ));
        }
    }
    Route::through(points)
}
