//! Coverage marks: what happened at all over many seeds. A fault that never happens, or an error
//! that no broker ever gives, is not tested by a simulator that could make it.

use crate::base::{SortedSet, TraceEvent, TraceRecord};
use crate::world::World;
use serde::Serialize;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Marks {
    /// Variants of [`TraceEvent`].
    pub events: SortedSet<String>,
    /// Kafka's errors in answers of brokers.
    pub errors: SortedSet<String>,
}

impl Marks {
    /// Takes note of an event of `world`, which observes its frames.
    pub(super) fn see(&mut self, record: &TraceRecord, world: &mut World) {
        let words = format!("{:?}", record.event);
        let name = words.split([' ', '{']).next().unwrap_or_default();
        if !self.events.contains(name) {
            self.events.insert(name.to_owned());
        }
        if matches!(record.event, TraceEvent::FrameSent { .. })
            && let Some(error) = world.frame_error(record.id)
            && !self.errors.contains(&error)
        {
            self.errors.insert(error);
        }
    }

    /// Adds what was seen in another run.
    pub fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.errors.extend(other.errors);
    }
}
