//! What happened, as lines: the newest ones, with the oldest dropped.

use crate::base::{EventId, ProcessId, Time, TraceRecord};
use crate::ui::model::narrate::{Line, LogLine, Weight, line, log_line};
use std::cell::{Ref, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Lines kept of those that are one of very many.
const DETAILS_MAX: usize = 800;
/// Lines kept of the others.
const LINES_MAX: usize = 1_000;
/// Log lines kept.
const LOGS_MAX: usize = 1_000;

/// The lines, shared; equal while nothing was added.
#[derive(Clone, Default)]
pub struct EventLog {
    lines: Rc<RefCell<Lines>>,
    revision: u64,
}

/// The lines.
#[derive(Default)]
pub struct Lines {
    /// Frames, appends and the like.
    pub details: VecDeque<Line>,
    /// Everything that is worth a line.
    pub events: VecDeque<Line>,
    /// Servers' log lines.
    pub logs: VecDeque<LogLine>,
}

impl PartialEq for EventLog {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && Rc::ptr_eq(&self.lines, &other.lines)
    }
}

impl EventLog {
    /// The log with `records` added; what lies after `newest` is forgotten first, since a lesson may
    /// have gone back.
    pub fn with(
        &self,
        records: &[TraceRecord],
        newest: EventId,
        name: &dyn Fn(ProcessId) -> String,
    ) -> Self {
        let mut lines = self.lines.borrow_mut();
        let forgotten = lines.forget_after(newest);
        if records.is_empty() && !forgotten {
            return self.clone();
        }
        for record in records {
            if let Some(log) = log_line(record, name) {
                push(&mut lines.logs, log, LOGS_MAX);
            } else if let Some(line) = line(record, name) {
                match line.weight {
                    Weight::Detail => push(&mut lines.details, line, DETAILS_MAX),
                    _ => push(&mut lines.events, line, LINES_MAX),
                }
            }
        }
        Self { lines: Rc::clone(&self.lines), revision: self.revision + 1 }
    }

    /// The lines as they are now.
    pub fn lines(&self) -> Ref<'_, Lines> {
        self.lines.borrow()
    }
}

impl Lines {
    fn forget_after(&mut self, newest: EventId) -> bool {
        let before = self.details.len() + self.events.len() + self.logs.len();
        self.details.retain(|line| line.id <= newest);
        self.events.retain(|line| line.id <= newest);
        self.logs.retain(|line| line.id <= newest);
        before != self.details.len() + self.events.len() + self.logs.len()
    }

    /// Changes and faults since `since`, oldest first.
    pub fn marks(&self, since: Time) -> impl Iterator<Item = &Line> {
        let from = self.events.partition_point(|line| line.at < since);
        self.events.range(from..).filter(|line| line.weight >= Weight::Change)
    }
}

fn push<T>(lines: &mut VecDeque<T>, line: T, max: usize) {
    if lines.len() >= max {
        lines.pop_front();
    }
    lines.push_back(line);
}
