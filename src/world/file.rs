//! A world as a text: its seed, its configuration and its timed actions, one a line, in the words of
//! the terminal. What a failing seed is kept as, and what a share link folds up.

use super::action::{Action, BadAction, Pairs, word_and_pairs};
use super::config::{ProcessConfig, WorldConfig};
use crate::base::{Span, Time, limits};
use crate::node::{Program, Properties};
use std::fmt;
use std::fmt::Write as _;

/// Words before the version in the first line.
const TITLE: &str = "kafkarium world ";
/// The version that this build writes and reads. It changes when an older world would no longer play
/// as it did: when the meaning of a line changes, not when the engine does.
const VERSION: u32 = 1;

/// Why a text is no world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadWorld {
    /// It has more than [`limits::WORLD_TEXT_MAX`] bytes.
    TooLong,
    /// It does not begin as a world does.
    NotAWorld,
    /// It is of another version.
    OtherVersion(String),
    /// A line cannot be read.
    Line {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for BadWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {} bytes", limits::WORLD_TEXT_MAX),
            Self::NotAWorld => write!(f, "it does not begin with \"{TITLE}{VERSION}\""),
            Self::OtherVersion(version) => {
                write!(f, "it is a world of version {version}, and this is version {VERSION}")
            }
            Self::Line { number, problem } => write!(f, "line {number}: {problem}"),
        }
    }
}

impl std::error::Error for BadWorld {}

/// The text of `config`, with the actions to come among it.
pub fn to_text(config: &WorldConfig) -> String {
    let mut text = format!("{TITLE}{VERSION}\n");
    let mut line = |words: fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(words);
        text.push('\n');
    };
    line(format_args!("seed {}", config.seed));
    line(format_args!("epoch {}", config.epoch.as_micros()));
    line(format_args!("links {} {}", config.latency.as_micros(), config.jitter.as_micros()));
    line(format_args!("sync {}", config.sync_latency.as_micros()));
    let supervisor = if config.supervisor { "on" } else { "off" };
    line(format_args!("supervisor {supervisor} {}", config.restart_back_off.as_micros()));
    for name in &config.machines {
        let pairs = [("machine".to_owned(), name.clone())];
        line(format_args!("machine{}", Pairs(&pairs)));
    }
    for (program, properties) in &config.defaults {
        line(format_args!("defaults {}{}", program.word(), Pairs(&pairs_of(properties))));
    }
    for process in &config.processes {
        let mut properties = pairs_of(&process.properties);
        if process.machine != process.name {
            properties.push(("machine".to_owned(), process.machine.clone()));
        }
        let (name, program) = (process.name.clone(), process.program.word().to_owned());
        line(format_args!("{}", Action::Spawn { name, program, properties }));
    }
    for (at, action) in &config.actions {
        let (age, action) = (at.since(config.epoch), Box::new(action.clone()));
        line(format_args!("{}", Action::At { age, action }));
    }
    text
}

fn pairs_of(properties: &Properties) -> Vec<(String, String)> {
    properties.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The world of a text.
pub fn from_text(text: &str) -> Result<WorldConfig, BadWorld> {
    if text.len() > limits::WORLD_TEXT_MAX {
        return Err(BadWorld::TooLong);
    }
    let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
    let mut lines = lines.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let version = lines.next().and_then(|(_, line)| line.strip_prefix(TITLE));
    let version = version.ok_or(BadWorld::NotAWorld)?.trim();
    if version.parse() != Ok(VERSION) {
        return Err(BadWorld::OtherVersion(version.chars().take(20).collect()));
    }
    let mut config = WorldConfig::new(0);
    for (number, line) in lines {
        read(&mut config, line).map_err(|problem| BadWorld::Line { number, problem })?;
    }
    // Actions of one instant stay in the order of the text.
    config.actions.sort_by_key(|(at, _)| *at);
    Ok(config)
}

fn read(config: &mut WorldConfig, line: &str) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "seed" => config.seed = number(rest)?,
        "epoch" => config.epoch = Time::from_micros(number(rest)?).min(EPOCH_MAX),
        "links" => {
            let (latency, jitter) = rest.split_once(' ').ok_or("wants latency and jitter")?;
            (config.latency, config.jitter) = (span(latency)?, span(jitter)?);
        }
        "sync" => config.sync_latency = span(rest)?,
        "supervisor" => {
            let (state, back_off) = rest.split_once(' ').ok_or("wants on or off and a time")?;
            config.supervisor = match state {
                "on" => true,
                "off" => false,
                other => return Err(format!("{other:?} is neither on nor off")),
            };
            config.restart_back_off = span(back_off)?;
        }
        "machine" => {
            let (_, pairs) = word_and_pairs(&format!("machine {rest}")).map_err(words)?;
            config.machines.extend(pairs.into_iter().map(|(_, name)| name));
        }
        "defaults" => {
            let (program, pairs) = word_and_pairs(rest).map_err(words)?;
            config.defaults.insert(program_of(&program)?, properties_of(pairs));
        }
        "start" => {
            if config.processes.len() >= limits::WORLD_PROCESSES_MAX {
                return Err(format!("more than {} processes", limits::WORLD_PROCESSES_MAX));
            }
            config.processes.push(process(line)?);
        }
        "at" => match line.parse::<Action>().map_err(words)? {
            Action::At { age, action } => {
                let at = config.epoch + age;
                config.actions.push((at, *action));
            }
            _ => return Err("wants a time and an action".to_owned()),
        },
        other => return Err(format!("{other:?} is not known")),
    }
    if config.machines.len() > limits::WORLD_PROCESSES_MAX {
        return Err(format!("more than {} machines", limits::WORLD_PROCESSES_MAX));
    }
    Ok(())
}

/// A world that begins later would soon reach the end of time.
const EPOCH_MAX: Time = Time::from_micros(Time::MAX.as_micros() / 2);
/// The longest that a latency, a sync or a back-off may take: longer than any timeout.
const SPAN_MAX: Span = Span::from_secs(3_600);

fn process(line: &str) -> Result<ProcessConfig, String> {
    let Action::Spawn { name, program, properties } = line.parse().map_err(words)? else {
        return Err("wants a name and a program".to_owned());
    };
    let program = program_of(&program)?;
    let mut properties = properties_of(properties);
    let machine = properties.0.remove("machine").unwrap_or_else(|| name.clone());
    for name in [&name, &machine] {
        if !super::act::is_host_name(name) {
            return Err(format!("{name:?} cannot be a name"));
        }
    }
    Ok(ProcessConfig { name, machine, program, properties })
}

fn properties_of(pairs: Vec<(String, String)>) -> Properties {
    Properties(pairs.into_iter().collect())
}

fn program_of(word: &str) -> Result<Program, String> {
    Program::named(word).ok_or_else(|| format!("{word:?} is not a program"))
}

fn number(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is not a number in range"))
}

fn span(text: &str) -> Result<Span, String> {
    let span = Span::from_micros(number(text)?);
    if span > SPAN_MAX { Err(format!("{text:?} is longer than an hour")) } else { Ok(span) }
}

fn words(error: BadAction) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Profile;

    #[test]
    fn a_world_is_the_same_after_being_written_and_read() {
        let mut config = WorldConfig::sandbox_on(Profile::Teaching, 7, 3);
        config.machines.push("spare machine".to_owned());
        config.processes[0].machine = "rack-1".to_owned();
        let kill = (config.epoch + Span::from_micros(40_000_123), Action::Kill("broker-1".into()));
        config.actions.push(kill);
        let text = to_text(&config);
        assert_eq!(from_text(&text), Ok(config), "{text}");
    }

    #[test]
    fn a_text_that_is_no_world_is_refused_with_its_line() {
        let line = |text: &str| from_text(&format!("# mine\nkafkarium world 1\n\n{text}\n"));
        assert_eq!(from_text("hello"), Err(BadWorld::NotAWorld));
        assert_eq!(from_text(""), Err(BadWorld::NotAWorld));
        assert_eq!(
            from_text("kafkarium world 9\nseed 1"),
            Err(BadWorld::OtherVersion("9".to_owned()))
        );
        assert_eq!(from_text(&" ".repeat(limits::WORLD_TEXT_MAX + 1)), Err(BadWorld::TooLong));
        for bad in [
            "seed x",
            "links 5",
            "links 5 99999999999999",
            "supervisor maybe 5",
            "start a program",
            "start \"two words\" broker",
            "at 5 explode",
            "at 5",
            "defaults robot a=b",
            "weather fine",
        ] {
            assert!(matches!(line(bad), Err(BadWorld::Line { number: 4, .. })), "{bad}");
        }
        let many: Vec<String> = (0..65).map(|i| format!("start a{i} admin")).collect();
        assert!(matches!(line(&many.join("\n")), Err(BadWorld::Line { number: 68, .. })));
    }
}
