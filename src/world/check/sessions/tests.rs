//! Each rule against a history that breaks it.

use super::*;
use crate::base::trace::LogLevel;
use crate::base::{Cause, EventId, Incarnation};

const SERVER: u32 = 1;
const A: u32 = 8;
const B: u32 = 9;

#[derive(Default)]
struct Court {
    checker: SessionHistories,
    found: Vec<Violation>,
}

impl Court {
    /// Two clients with sessions 0xa and 0xb.
    fn new() -> Self {
        let mut court = Self::default();
        court.say(A, "connected 0xa new");
        court.say(B, "connected 0xb new");
        court
    }

    fn see(&mut self, source: Option<u32>, event: TraceEvent) {
        let (id, at, cause) = (EventId(0), Time::from_millis(5), Cause::Beginning);
        let record = TraceRecord { id, at, source: source.map(ProcessId), cause, event };
        self.checker.see(&record, &mut self.found);
    }

    fn say(&mut self, client: u32, text: &str) {
        let (level, logger) = (LogLevel::Info, WORKLOAD_LOGGER.to_owned());
        self.see(Some(client), TraceEvent::Logged { level, text: text.to_owned(), logger });
    }

    /// The histories to their end: which rules were broken.
    fn judged(mut self) -> Vec<&'static str> {
        self.checker.conclude(Time::from_millis(9), &mut self.found);
        self.found.into_iter().map(|violation| violation.rule).collect()
    }
}

/// What two clients say, one line each.
fn judge(lines: &[(u32, &str)]) -> Vec<&'static str> {
    let mut court = Court::new();
    for (client, line) in lines {
        court.say(*client, line);
    }
    court.judged()
}

#[test]
fn a_good_history_is_clean() {
    let lines = [
        (A, "invoke set /r0 x"),
        (B, "read /r0 - 1 3 0 true"),
        (A, "set /r0 x 4 4 1 -1"),
        (B, "watch /r0"),
        (B, "read /r0 x 4 5 1 false"),
        (B, "invoke set /r0 y"),
        (A, "made /p/one 5"),
        (A, "made /p/two.a 6"),
        (A, "made /p/two.b 6"),
        (B, "set /r0 y 7 7 2 1"),
        (A, "children /p 7 one two.a two.b"),
    ];
    assert_eq!(judge(&lines), Vec::<&str>::new());
}

#[test]
fn a_write_behind_an_earlier_one_is_found() {
    let lines = [
        (A, "invoke set /r0 x"),
        (A, "set /r0 x 4 4 1 -1"),
        (B, "invoke set /r1 y"),
        (B, "set /r1 y 3 4 1 -1"),
        (B, "children /p 9 "),
    ];
    assert_eq!(judge(&lines), ["LinearizableWrites"]);
    let versions = [(A, "read /r0 x 4 4 2 false"), (B, "read /r0 y 5 5 1 false")];
    assert_eq!(judge(&versions), ["LinearizableWrites"]);
    let twice = [(A, "read /r0 x 4 4 2 false"), (B, "read /r0 y 5 5 2 false")];
    assert_eq!(judge(&twice), ["LinearizableWrites"]);
}

#[test]
fn a_conditional_write_over_another_version_is_found() {
    let lines = [(A, "set /r0 x 4 4 5 3"), (B, "children /p 9 ")];
    assert_eq!(judge(&lines), ["CompareAndSet"]);
}

#[test]
fn two_values_of_one_transaction_are_found() {
    let lines = [(A, "read /r0 x 4 4 1 false"), (B, "read /r0 y 4 4 1 false")];
    assert_eq!(judge(&lines), ["OneHistory"]);
}

#[test]
fn a_session_that_goes_back_is_found_but_not_a_new_one() {
    let back = [(A, "read /r0 x 4 9 1 false"), (A, "read /r0 x 4 8 1 false")];
    assert_eq!(judge(&back), ["SessionOrder"]);
    let new = [back[0], (A, "connected 0xc new"), back[1]];
    assert_eq!(judge(&new), Vec::<&str>::new());
}

#[test]
fn an_own_write_that_is_not_read_and_answers_out_of_order_are_found() {
    let lines = [(A, "set /r0 x 4 4 1 -1"), (A, "read /r0 - 1 5 0 false"), (B, "children /p 4 ")];
    assert_eq!(judge(&lines), ["ReadYourWrites", "NoLostWrite"]);
    let mut court = Court::new();
    let (level, logger) = (LogLevel::Warn, CLIENT_CNXN.to_owned());
    let text = "Xid out of order. Got Xid 5 with err 0 expected Xid 4".to_owned();
    court.see(Some(A), TraceEvent::Logged { level, text, logger });
    assert_eq!(court.judged(), ["ReplyOrder"]);
}

#[test]
fn data_before_its_watch_and_a_watch_unasked_are_found() {
    let armed = (A, "read /r0 - 1 3 0 true");
    assert_eq!(judge(&[armed, (A, "read /r0 x 4 4 1 false")]), ["WatchBeforeData"]);
    assert_eq!(judge(&[(A, "watch /r0")]), ["WatchOnce"]);
    assert_eq!(judge(&[armed, (A, "watch /r0"), (A, "watch /r0")]), ["WatchOnce"]);
}

#[test]
fn half_a_multi_and_a_name_made_twice_are_found() {
    assert_eq!(judge(&[(A, "children /p 4 one.b")]), ["AtomicMulti"]);
    let twice = [(A, "made /p/n-0 3"), (B, "made /p/n-0 4"), (A, "children /p 5 n-0")];
    assert_eq!(judge(&twice), ["UniqueName"]);
}

#[test]
fn an_ephemeral_after_the_end_of_its_session_is_found() {
    let end = |court: &mut Court| {
        court.see(Some(SERVER), TraceEvent::SessionExpired { session: 0xa });
        let (op, path) = ("closeSession".to_owned(), String::new());
        court.see(Some(SERVER), TraceEvent::TransactionApplied { zxid: 6, op, path });
    };
    let mut court = Court::new();
    court.say(A, "made /e/x 4");
    end(&mut court);
    // Another server had not heard of the end.
    court.say(B, "children /e 5 x");
    court.say(B, "children /e 6 x");
    assert_eq!(court.judged(), ["EphemeralDiesWithSession"]);
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_found() {
    let lost_node = [(A, "made /p/x 4"), (B, "children /p 9 y")];
    assert_eq!(judge(&lost_node), ["NoLostWrite"]);
    let beyond = [(A, "set /r0 x 12 12 1 -1"), (B, "children /p 9 ")];
    assert_eq!(judge(&beyond), ["NoLostWrite"]);
    let missed = [
        (A, "read /r0 - 1 3 0 false"),
        (A, "set /r0 x 5 5 1 -1"),
        (B, "read /r0 - 1 8 0 false"),
        (B, "children /p 9 "),
    ];
    assert_eq!(judge(&missed), ["NoLostWrite"]);
}

#[test]
fn a_client_that_started_again_begins_anew() {
    let mut court = Court::new();
    court.say(A, "read /r0 x 4 9 1 true");
    let event = TraceEvent::ProcessStarted { process: ProcessId(A), incarnation: Incarnation(2) };
    court.see(None, event);
    court.say(A, "connected 0xc new");
    court.say(A, "read /r0 x 4 4 1 false");
    assert_eq!(court.judged(), Vec::<&str>::new());
}
