//! The trace of a world: a running hash over everything that happened, and the newest events.

use crate::base::{Cause, EventId, ProcessId, StableHasher, Time, TraceEvent, TraceRecord, limits};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

/// Events in their order: by (time, source, sequence), the world itself first.
#[derive(Clone, Debug, Default)]
pub struct TraceLog {
    hasher: StableHasher,
    total: u64,
    last_at: Time,
    ring: VecDeque<Rc<TraceRecord>>,
    buffer: Vec<u8>,
}

/// What a trace goes on from when its events are gone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TraceMark {
    hasher: StableHasher,
    total: u64,
    last_at: Time,
}

impl TraceLog {
    /// Adds an event and returns its id.
    pub fn push(
        &mut self,
        at: Time,
        source: Option<ProcessId>,
        cause: Cause,
        event: TraceEvent,
    ) -> EventId {
        debug_assert!(at >= self.last_at, "events come in order of time");
        self.last_at = at;
        self.total += 1;
        let id = EventId(self.total);
        let buffer = std::mem::take(&mut self.buffer);
        let encoded = postcard::to_extend(&(at, source, &cause, &event), buffer);
        let mut buffer = encoded.expect("a trace event is plain data, which postcard encodes");
        self.hasher.write(&buffer);
        buffer.clear();
        self.buffer = buffer;
        if self.ring.len() >= limits::TRACE_EVENTS_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(Rc::new(TraceRecord { id, at, source, cause, event }));
        id
    }

    /// Hash over all events so far.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// How many events there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The events after `id` that are still held, oldest first.
    pub fn after(&self, id: EventId) -> impl Iterator<Item = &Rc<TraceRecord>> {
        let first_held = self.total - self.ring.len() as u64;
        let skip = id.0.saturating_sub(first_held);
        self.ring.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    /// The event `id`, while it is held.
    pub fn get(&self, id: EventId) -> Option<&TraceRecord> {
        let first_held = self.total - self.ring.len() as u64;
        let place = id.0.checked_sub(first_held + 1)?;
        self.ring.get(usize::try_from(place).ok()?).map(Rc::as_ref)
    }

    /// What a trace goes on from in another life of the page.
    pub fn mark(&self) -> TraceMark {
        TraceMark { hasher: self.hasher, total: self.total, last_at: self.last_at }
    }

    /// A trace that goes on from `mark`.
    pub fn resume(mark: &TraceMark) -> Self {
        let (hasher, total, last_at) = (mark.hasher, mark.total, mark.last_at);
        Self { hasher, total, last_at, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(log: &mut TraceLog, text: &str) -> EventId {
        let event = TraceEvent::ActionTaken { text: text.to_owned() };
        log.push(Time::ZERO, None, Cause::Beginning, event)
    }

    #[test]
    fn the_hash_goes_on_where_a_mark_was_set() {
        let mut whole = TraceLog::default();
        push(&mut whole, "a");
        let mut resumed = TraceLog::resume(&whole.mark());
        let id = push(&mut whole, "b");
        assert_eq!(push(&mut resumed, "b"), id);
        assert_eq!(whole.hash(), resumed.hash());
        assert_ne!(whole.hash(), TraceLog::default().hash());
    }

    #[test]
    fn events_are_found_by_id_and_the_oldest_go() {
        let mut log = TraceLog::default();
        for _ in 0..limits::TRACE_EVENTS_MAX + 10 {
            push(&mut log, "x");
        }
        assert_eq!(log.get(EventId(10)), None);
        assert_eq!(log.get(EventId(11)).map(|record| record.id), Some(EventId(11)));
        let last = EventId(log.total() - 1);
        assert_eq!(log.after(last).map(|record| record.id.0).collect::<Vec<_>>(), [log.total()]);
        assert_eq!(log.after(EventId(0)).count(), limits::TRACE_EVENTS_MAX);
    }
}
