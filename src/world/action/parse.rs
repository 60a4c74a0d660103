//! Reading actions in the terminal's words.

use super::words::{Word, parse_record, split_words};
use super::{Action, TOPIC_WORDS};
use crate::base::Span;
use crate::node::Command;
use std::fmt;
use std::str::FromStr;

/// A line that is no action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadAction {
    /// The word that is wrong, or the last one when something is missing.
    pub word: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.word, self.problem)
    }
}

impl std::error::Error for BadAction {}

/// The words of a line, taken from the front.
pub(super) struct Line {
    words: std::vec::IntoIter<Word>,
    last: Word,
}

impl Line {
    pub(super) fn next(&mut self, wanted: &str) -> Result<Word, BadAction> {
        match self.words.next() {
            Some(word) => {
                self.last = word.clone();
                Ok(word)
            }
            None => Err(self.missing(wanted)),
        }
    }

    /// The complaint that the last word is not the end.
    pub(super) fn missing(&self, wanted: &str) -> BadAction {
        self.last.bad(&format!("should be followed by {wanted}"))
    }

    /// All words that are left.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Word> {
        self.words.by_ref()
    }

    fn name(&mut self) -> Result<String, BadAction> {
        self.next("the name of a process or machine")?.text()
    }

    fn pair(word: &Word) -> Result<(Word, Word), BadAction> {
        word.split_once(b'=').ok_or_else(|| word.bad("should be KEY=VALUE"))
    }

    fn pairs(&mut self) -> Result<Vec<(String, String)>, BadAction> {
        let text = |word: Word| {
            let (key, value) = Self::pair(&word)?;
            Ok((key.text()?, value.text()?))
        };
        self.words.by_ref().map(text).collect()
    }

    fn command(&mut self) -> Result<Command, BadAction> {
        let verb = self.next("a command")?;
        if verb.is("produce") {
            let topic = self.next("a topic")?;
            return if topic.is("every") { self.produce_every() } else { self.produce(&topic) };
        }
        if verb.is("create-topic") {
            return self.create_topic();
        }
        if verb.is("dump-log") {
            return Ok(Command::DumpLog(self.next("a file")?.text()?));
        }
        if verb.is("seek") {
            let topic = self.next("a topic")?.text()?;
            let partition = self.next("a partition")?.number()?;
            let offset = self.next("an offset")?.number()?;
            return Ok(Command::Seek { topic, partition, offset });
        }
        if let Some(command) = self.admin_command(&verb.text()?)? {
            return Ok(Command::Admin(command));
        }
        if let Some(command) = self.consumer_command(&verb.text()?)? {
            return Ok(Command::Consumer(command));
        }
        Err(verb.bad(
            "is not a command: produce, create-topic, delete-topic, create-partitions, reassign, dump-log; \
             for consumers seek, seek-to, pause, resume, commit, subscribe, subscribe-pattern, assign, unsubscribe, offsets-for-times, \
             positions, process-for, crash-after",
        ))
    }

    fn produce(&mut self, topic: &Word) -> Result<Command, BadAction> {
        let records = self.words.by_ref().map(|word| parse_record(&word));
        let records = records.collect::<Result<_, _>>()?;
        Ok(Command::Produce { topic: topic.text()?, records })
    }

    fn produce_every(&mut self) -> Result<Command, BadAction> {
        let interval = self.next("milliseconds")?;
        let interval_us = micros(&interval)?;
        let (mut topic, mut keys) = (None, Vec::new());
        for word in self.words.by_ref() {
            let (key, value) = Self::pair(&word)?;
            if key.is("topic") {
                topic = Some(value.text()?);
            } else if key.is("keys") {
                let parts = value.split(b',');
                keys = parts.iter().map(Word::text).collect::<Result<_, _>>()?;
            } else {
                return Err(key.bad("is neither topic nor keys"));
            }
        }
        let topic = topic.ok_or_else(|| interval.bad("should be followed by topic=NAME"))?;
        Ok(Command::ProduceEvery { topic, interval_us, keys })
    }

    fn create_topic(&mut self) -> Result<Command, BadAction> {
        let topic = self.next("a topic")?.text()?;
        let (mut partitions, mut replication_factor) = (-1, -1);
        let mut configs = Vec::new();
        for word in self.words.by_ref() {
            let (key, value) = Self::pair(&word)?;
            if key.is(TOPIC_WORDS[0]) {
                partitions = value.number()?;
            } else if key.is(TOPIC_WORDS[1]) {
                replication_factor = value.number()?;
            } else {
                configs.push((key.text()?, value.text()?));
            }
        }
        Ok(Command::CreateTopic { topic, partitions, replication_factor, configs })
    }
}

/// Milliseconds with at most three decimals, in microseconds.
pub(super) fn micros(word: &Word) -> Result<u64, BadAction> {
    let text = word.text()?;
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let bad = || word.bad("is not a number of milliseconds");
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| bad())?;
    whole.checked_mul(1_000).and_then(|us| us.checked_add(part)).ok_or_else(bad)
}

impl FromStr for Action {
    type Err = BadAction;

    fn from_str(text: &str) -> Result<Self, BadAction> {
        let words = split_words(text)?;
        let mut line = Line { words: words.into_iter(), last: Word::default() };
        let mut verb = line.next("an action")?;
        let mut age = None;
        if verb.is("at") {
            age = Some(Span::from_micros(micros(&line.next("milliseconds")?)?));
            verb = line.next("an action")?;
        }
        let action = line.action(&verb)?;
        match line.words.next() {
            Some(word) => Err(word.bad("is one word too many")),
            None => Ok(match age {
                Some(age) => Self::At { age, action: Box::new(action) },
                None => action,
            }),
        }
    }
}

/// A word and the `KEY=VALUE` pairs behind it.
pub(in crate::world) fn word_and_pairs(
    text: &str,
) -> Result<(String, Vec<(String, String)>), BadAction> {
    let mut line = Line { words: split_words(text)?.into_iter(), last: Word::default() };
    Ok((line.next("a word")?.text()?, line.pairs()?))
}

impl Line {
    /// The action whose first word is `verb`.
    fn action(&mut self, verb: &Word) -> Result<Action, BadAction> {
        let known = verb.text()?;
        Ok(match known.as_str() {
            "kill" => Action::Kill(self.name()?),
            "stop" => Action::Stop(self.name()?),
            "restart" => Action::Restart(self.name()?),
            "pause" => Action::Pause(self.name()?),
            "resume" => Action::Resume(self.name()?),
            "power-off" => Action::PowerOff(self.name()?),
            "power-on" => Action::PowerOn(self.name()?),
            "heal" => Action::Heal(self.name()?),
            "isolate" => {
                let machine = self.name()?;
                let (inbound, outbound) = match self.words.next() {
                    None => (true, true),
                    Some(word) if word.is("in") => (true, false),
                    Some(word) if word.is("out") => (false, true),
                    Some(word) if word.is("none") => (false, false),
                    Some(word) => return Err(word.bad("is neither in nor out")),
                };
                Action::Isolate { machine, inbound, outbound }
            }
            "latency" => {
                let machine = self.name()?;
                let latency = Span::from_micros(self.next("microseconds")?.number()?);
                Action::Latency { machine, latency }
            }
            "fill-disk" => Action::FillDisk(self.name()?),
            "fail-disk" => Action::FailDisk(self.name()?),
            "repair-disk" => Action::RepairDisk(self.name()?),
            "corrupt" => Action::Corrupt {
                process: self.name()?,
                file: self.next("a file")?.text()?,
                position: self.next("a position")?.number()?,
            },
            "reset" => {
                let machine = self.name()?;
                let other = self.words.next().map(|word| word.text()).transpose()?;
                Action::Reset { machine, other }
            }
            "clock" => Action::Clock {
                machine: self.name()?,
                percent: self.next("hundredths of the world's speed")?.number()?,
            },
            "supervisor" => match self.next("on or off")? {
                word if word.is("on") => Action::Supervisor(true),
                word if word.is("off") => Action::Supervisor(false),
                word => return Err(word.bad("is neither on nor off")),
            },
            "start" => {
                let name = self.name()?;
                let program = self.next("a program")?.text()?;
                Action::Spawn { name, program, properties: self.pairs()? }
            }
            "tell" => Action::Tell { process: self.name()?, command: self.command()? },
            "reload" => Action::Reload,
            _ => return Err(verb.bad("is not an action")),
        })
    }
}
