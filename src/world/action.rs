//! World actions: what a person, a lesson, a script or the supervisor does to a world. They are
//! timed, logged and replayed; each has the words in which the terminal, the gateway's script and
//! `window.kafkarium.act` give it.

mod admin_words;
mod consumer_words;
mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use parse::BadAction;
pub(super) use parse::word_and_pairs;

use crate::base::Span;
use crate::node::Command;
use serde::{Deserialize, Serialize};
use std::fmt;
use words::{Quoted, escape_into};

/// One action. Processes and machines are named as on the stage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// `kill broker-1`: `kill -9`.
    Kill(String),
    /// `stop broker-1`: SIGTERM.
    Stop(String),
    /// `restart broker-1`: starts it again, after a kill when it still runs.
    Restart(String),
    /// `pause broker-1`: it does nothing, as in a long garbage collection.
    Pause(String),
    /// `resume broker-1`.
    Resume(String),
    /// `power-off MACHINE-OR-PROCESS`.
    PowerOff(String),
    /// `power-on MACHINE-OR-PROCESS`; the processes that ran there start again.
    PowerOn(String),
    /// `isolate MACHINE [in|out]`: no frame passes, and nobody is told.
    Isolate {
        /// Machine or process name.
        machine: String,
        /// What arrives is held up.
        inbound: bool,
        /// What leaves is held up.
        outbound: bool,
    },
    /// `heal MACHINE`: what was held up is delivered, in order.
    Heal(String),
    /// `latency MACHINE MICROSECONDS`: one-way latency of its links; 0 is the world's default.
    Latency {
        /// Machine or process name.
        machine: String,
        /// One way.
        latency: Span,
    },
    /// `fill-disk PROCESS-OR-MACHINE`: its disk takes no more bytes.
    FillDisk(String),
    /// `fail-disk PROCESS-OR-MACHINE`: its disk fails every operation.
    FailDisk(String),
    /// `repair-disk PROCESS-OR-MACHINE`: its disk works again, with what was on it.
    RepairDisk(String),
    /// `corrupt PROCESS FILE POSITION`: a byte on its disk reads as another from now on.
    Corrupt {
        /// The process.
        process: String,
        /// The file on its volume.
        file: String,
        /// Which byte, from 0.
        position: u64,
    },
    /// `reset MACHINE [MACHINE]`: its connections with other machines, or with that one, break.
    Reset {
        /// Machine or process name.
        machine: String,
        /// Only those with this one.
        other: Option<String>,
    },
    /// `clock MACHINE PERCENT`: how fast its clock runs from now on; 100 is right.
    Clock {
        /// Machine or process name.
        machine: String,
        /// Hundredths of the world's speed.
        percent: u32,
    },
    /// `supervisor on|off`: whether a failed process is started again.
    Supervisor(bool),
    /// `start consumer-3 consumer group.id=g topics=orders …`: a new process (on a machine of its
    /// own unless `machine=NAME`).
    Spawn {
        /// Name of the process.
        name: String,
        /// `broker`, `zookeeper`, `producer`, `consumer`, `admin`, `queue`, `queue-sender`,
        /// `queue-receiver`.
        program: String,
        /// Its properties.
        properties: Vec<(String, String)>,
    },
    /// `tell PROCESS …`: a command for a client process.
    Tell {
        /// The process.
        process: String,
        /// What to do.
        command: Command,
    },
    /// The page was loaded again: every process restarts from its volume.
    Reload,
    /// `at MILLISECONDS ACTION`: do that when the world is that old. Leaves no mark until then, so
    /// a world that is told before its time does the same as one that was configured with it.
    At {
        /// Age of the world.
        age: Span,
        /// What to do then; not another `at`.
        action: Box<Action>,
    },
}

impl fmt::Display for Action {
    /// The terminal's words; parsing them gives the action back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(name) => write!(f, "kill {}", Quoted(name)),
            Self::Stop(name) => write!(f, "stop {}", Quoted(name)),
            Self::Restart(name) => write!(f, "restart {}", Quoted(name)),
            Self::Pause(name) => write!(f, "pause {}", Quoted(name)),
            Self::Resume(name) => write!(f, "resume {}", Quoted(name)),
            Self::PowerOff(name) => write!(f, "power-off {}", Quoted(name)),
            Self::PowerOn(name) => write!(f, "power-on {}", Quoted(name)),
            Self::Isolate { machine, inbound, outbound } => {
                write!(f, "isolate {}", Quoted(machine))?;
                f.write_str(match (inbound, outbound) {
                    (true, true) => "",
                    (true, false) => " in",
                    (false, true) => " out",
                    (false, false) => " none",
                })
            }
            Self::Heal(name) => write!(f, "heal {}", Quoted(name)),
            Self::Latency { machine, latency } => {
                write!(f, "latency {} {}", Quoted(machine), latency.as_micros())
            }
            Self::FillDisk(name) => write!(f, "fill-disk {}", Quoted(name)),
            Self::FailDisk(name) => write!(f, "fail-disk {}", Quoted(name)),
            Self::RepairDisk(name) => write!(f, "repair-disk {}", Quoted(name)),
            Self::Corrupt { process, file, position } => {
                write!(f, "corrupt {} {} {position}", Quoted(process), Quoted(file))
            }
            Self::Reset { machine, other } => {
                write!(f, "reset {}", Quoted(machine))?;
                other.iter().try_for_each(|other| write!(f, " {}", Quoted(other)))
            }
            Self::Clock { machine, percent } => write!(f, "clock {} {percent}", Quoted(machine)),
            Self::Supervisor(on) => write!(f, "supervisor {}", if *on { "on" } else { "off" }),
            Self::Spawn { name, program, properties } => {
                write!(f, "start {} {}", Quoted(name), Quoted(program))?;
                write!(f, "{}", Pairs(properties))
            }
            Self::Tell { process, command } => {
                write!(f, "tell {} ", Quoted(process))?;
                write_command(f, command)
            }
            Self::Reload => f.write_str("reload"),
            Self::At { age, action } => {
                f.write_str("at ")?;
                write_millis(f, age.as_micros())?;
                write!(f, " {action}")
            }
        }
    }
}

/// Words of `create-topic` that are not topic configs.
const TOPIC_WORDS: [&str; 2] = ["partitions", "replication-factor"];

fn write_command(f: &mut fmt::Formatter<'_>, command: &Command) -> fmt::Result {
    match command {
        Command::Produce { topic, records } => {
            // A topic called `every` must not read as the generator's word.
            let escape = if topic == "every" { "\\" } else { "" };
            write!(f, "produce {escape}{}", Quoted(topic))?;
            records.iter().try_for_each(|record| write!(f, " {}", words::record(record)))
        }
        Command::ProduceEvery { topic, interval_us, keys } => {
            f.write_str("produce every ")?;
            write_millis(f, *interval_us)?;
            write_pair(f, &("topic".to_owned(), topic.clone()), &[])?;
            if keys.is_empty() {
                return Ok(());
            }
            let mut list = String::new();
            for (i, key) in keys.iter().enumerate() {
                list.push_str(if i > 0 { "," } else { "" });
                escape_into(&mut list, key.as_bytes(), b",");
            }
            write!(f, " \"keys={list}\"")
        }
        Command::CreateTopic { topic, partitions, replication_factor, configs } => {
            write!(f, "create-topic {} partitions={partitions}", Quoted(topic))?;
            write!(f, " replication-factor={replication_factor}")?;
            configs.iter().try_for_each(|pair| write_pair(f, pair, &TOPIC_WORDS))
        }
        Command::Seek { topic, partition, offset } => {
            write!(f, "seek {} {partition} {offset}", Quoted(topic))
        }
        Command::DumpLog(file) => write!(f, "dump-log {}", Quoted(file)),
        Command::Admin(command) => admin_words::write(f, command),
        Command::Consumer(command) => consumer_words::write(f, command),
    }
}

fn write_millis(f: &mut fmt::Formatter<'_>, micros: u64) -> fmt::Result {
    let (whole, part) = (micros / 1_000, micros % 1_000);
    write!(f, "{whole}")?;
    if part > 0 {
        write!(f, ".{part:03}")?;
    }
    Ok(())
}

/// Pairs as a line has them: ` key=value` for each.
pub(super) struct Pairs<'a>(pub &'a [(String, String)]);

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|pair| write_pair(f, pair, &[]))
    }
}

fn write_pair(
    f: &mut fmt::Formatter<'_>,
    (key, value): &(String, String),
    reserved: &[&str],
) -> fmt::Result {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(words::is_plain);
    if plain(key) && (value.is_empty() || plain(value)) && !reserved.contains(&key.as_str()) {
        return write!(f, " {key}={value}");
    }
    let mut pair = String::new();
    let mut rest = key.as_bytes();
    if let Some((first, others)) = rest.split_first().filter(|_| reserved.contains(&key.as_str())) {
        // By its number: a backslash before some letters means something else.
        pair = format!("\\x{first:02x}");
        rest = others;
    }
    escape_into(&mut pair, rest, b"=");
    pair.push('=');
    escape_into(&mut pair, value.as_bytes(), b"");
    write!(f, " \"{pair}\"")
}
