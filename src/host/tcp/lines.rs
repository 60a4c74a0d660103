//! Lines of the terminal and of a script: world actions, `wait` and `quit`. Each source is obeyed in
//! its own order; a `wait` holds up what follows it from the same source.

use crate::base::{Span, Time};
use std::collections::VecDeque;

/// Where a line comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineSource {
    /// `--script FILE`.
    Script,
    /// Standard input.
    Terminal,
}

/// What a line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// `quit` or `exit`.
    Quit,
    /// Anything else: the words of a world action.
    Act(String),
    /// No order: what is wrong with it.
    Bad(String),
}

/// The lines of one source that were not obeyed yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: VecDeque<String>,
    not_before: Time,
}

impl Lines {
    /// Adds a line.
    pub fn push(&mut self, line: String) {
        self.waiting.push_back(line);
    }

    /// When the next line may be obeyed; none when there is no line.
    pub fn next_at(&self) -> Option<Time> {
        self.waiting.front().map(|_| self.not_before)
    }

    /// Takes the next order that is due at `now`. Empty lines and those that begin with `#` say nothing.
    pub fn next(&mut self, now: Time) -> Option<Order> {
        while self.not_before <= now {
            let line = self.waiting.pop_front()?;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match verb {
                "quit" | "exit" => return Some(Order::Quit),
                "wait" => {
                    let Some(span) = parse_wait(rest.trim()) else {
                        let text = format!("{line}: should be wait SECONDS, 5 or 0.5 or 500ms");
                        return Some(Order::Bad(text));
                    };
                    self.not_before = now + span;
                }
                _ => return Some(Order::Act(line.to_owned())),
            }
        }
        None
    }
}

/// Longest wait that makes sense: a day.
const WAIT_MICROS_MAX: u64 = 24 * 3_600 * 1_000_000;

/// `5`, `5s`, `0.5`, `0.5s` or `500ms`.
fn parse_wait(text: &str) -> Option<Span> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000_u64),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000_000),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(part.len() as u32);
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let part = part.parse::<u64>().ok()? * unit / scale;
    Some(Span::from_micros(whole.checked_add(part)?)).filter(|s| s.as_micros() <= WAIT_MICROS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_holds_up_what_follows_it() {
        let mut lines = Lines::default();
        for line in ["# a comment", "", "kill broker-1", "wait 2", "  restart broker-1 ", "quit"] {
            lines.push(line.to_owned());
        }
        let at = |millis| Time::from_millis(millis);
        assert_eq!(lines.next(at(10)), Some(Order::Act("kill broker-1".to_owned())));
        assert_eq!(lines.next(at(10)), None);
        assert_eq!(lines.next_at(), Some(at(2_010)));
        assert_eq!(lines.next(at(2_009)), None);
        assert_eq!(lines.next(at(2_010)), Some(Order::Act("restart broker-1".to_owned())));
        assert_eq!(lines.next(at(2_010)), Some(Order::Quit));
        assert_eq!(lines.next_at(), None);
    }

    #[test]
    fn waits_are_seconds_or_milliseconds() {
        for (text, micros) in [
            ("5", Some(5_000_000)),
            ("0.25s", Some(250_000)),
            ("1.5ms", Some(1_500)),
            ("86400", Some(86_400_000_000)),
            ("86401", None),
            ("", None),
            ("-1", None),
            ("1.", None),
            ("99999999999999999999", None),
            ("18446744073709551615", None),
            ("soon", None),
        ] {
            assert_eq!(parse_wait(text).map(Span::as_micros), micros, "{text}");
        }
    }
}
