//! The words of commands for consumers.

use super::parse::{BadAction, Line, micros};
use super::words::{Word, escape_into, is_plain};
use super::{Quoted, write_millis};
use crate::base::TopicPartition;
use crate::node::{ConsumerCommand, CrashPoint};
use std::fmt;

/// Timestamps that stand for places.
const PLACES: [(&str, i64); 2] = [("beginning", -2), ("end", -1)];
const POINTS: [(&str, CrashPoint); 3] = [
    ("received", CrashPoint::Received),
    ("processed", CrashPoint::Processed),
    ("acknowledged", CrashPoint::Acknowledged),
];

fn write_partitions(f: &mut fmt::Formatter<'_>, partitions: &[TopicPartition]) -> fmt::Result {
    partitions.iter().try_for_each(|partition| write!(f, " {}", Quoted(&partition.to_string())))
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, command: &ConsumerCommand) -> fmt::Result {
    match command {
        ConsumerCommand::SeekTo { timestamp, partitions } => {
            match PLACES.iter().find(|(_, place)| place == timestamp) {
                Some((word, _)) => write!(f, "seek-to {word}")?,
                None => write!(f, "seek-to {timestamp}")?,
            }
            write_partitions(f, partitions)
        }
        ConsumerCommand::Pause(partitions) => {
            f.write_str("pause")?;
            write_partitions(f, partitions)
        }
        ConsumerCommand::Resume(partitions) => {
            f.write_str("resume")?;
            write_partitions(f, partitions)
        }
        ConsumerCommand::Commit { sync, offsets } => {
            f.write_str(if *sync { "commit sync" } else { "commit async" })?;
            offsets.iter().try_for_each(|(partition, offset)| {
                let name = partition.to_string();
                if name.bytes().all(is_plain) {
                    return write!(f, " {name}={offset}");
                }
                let mut text = String::new();
                escape_into(&mut text, name.as_bytes(), b"=");
                write!(f, " \"{text}={offset}\"")
            })
        }
        ConsumerCommand::Subscribe(topics) => {
            f.write_str("subscribe")?;
            topics.iter().try_for_each(|topic| write!(f, " {}", Quoted(topic)))
        }
        ConsumerCommand::SubscribePattern(pattern) => {
            write!(f, "subscribe-pattern {}", Quoted(pattern))
        }
        ConsumerCommand::Assign(partitions) => {
            f.write_str("assign")?;
            write_partitions(f, partitions)
        }
        ConsumerCommand::Unsubscribe => f.write_str("unsubscribe"),
        ConsumerCommand::OffsetsForTimes { timestamp, partitions } => {
            write!(f, "offsets-for-times {timestamp}")?;
            write_partitions(f, partitions)
        }
        ConsumerCommand::Positions => f.write_str("positions"),
        ConsumerCommand::ProcessFor { micros } => {
            f.write_str("process-for ")?;
            write_millis(f, *micros)
        }
        ConsumerCommand::CrashAfter { records, point } => {
            let word = POINTS.iter().find(|(_, known)| known == point).map_or("", |(word, _)| word);
            write!(f, "crash-after {records} {word}")
        }
    }
}

fn partition(word: &Word) -> Result<TopicPartition, BadAction> {
    word.text()?.parse().map_err(|_| word.bad("should be TOPIC-PARTITION"))
}

impl Line {
    fn partitions(&mut self) -> Result<Vec<TopicPartition>, BadAction> {
        self.rest().map(|word| partition(&word)).collect()
    }

    fn some<T>(&self, list: Vec<T>, wanted: &str) -> Result<Vec<T>, BadAction> {
        if list.is_empty() { Err(self.missing(wanted)) } else { Ok(list) }
    }

    /// The command for consumers whose first word is `verb`; none when it is none of theirs.
    pub(super) fn consumer_command(
        &mut self,
        verb: &str,
    ) -> Result<Option<ConsumerCommand>, BadAction> {
        Ok(Some(match verb {
            "seek-to" => {
                let word = self.next("beginning, end or milliseconds")?;
                let place = PLACES.iter().find(|(name, _)| word.is(name));
                let timestamp = match place {
                    Some((_, timestamp)) => *timestamp,
                    None => word.number()?,
                };
                ConsumerCommand::SeekTo { timestamp, partitions: self.partitions()? }
            }
            "pause" => ConsumerCommand::Pause(self.partitions()?),
            "resume" => ConsumerCommand::Resume(self.partitions()?),
            "commit" => {
                let word = self.next("sync or async")?;
                let sync = word.is("sync");
                if !sync && !word.is("async") {
                    return Err(word.bad("is neither sync nor async"));
                }
                let offset = |word: Word| {
                    let (name, offset) = word
                        .split_once(b'=')
                        .ok_or_else(|| word.bad("should be TOPIC-PARTITION=OFFSET"))?;
                    Ok((partition(&name)?, offset.number()?))
                };
                let offsets = self.rest().map(offset).collect::<Result<_, _>>()?;
                ConsumerCommand::Commit { sync, offsets }
            }
            "subscribe" => {
                let topics = self.rest().map(|word| word.text()).collect::<Result<_, _>>()?;
                ConsumerCommand::Subscribe(self.some(topics, "topics")?)
            }
            "subscribe-pattern" => {
                ConsumerCommand::SubscribePattern(self.next("a pattern")?.text()?)
            }
            "assign" => {
                let partitions = self.partitions()?;
                ConsumerCommand::Assign(self.some(partitions, "TOPIC-PARTITIONs")?)
            }
            "unsubscribe" => ConsumerCommand::Unsubscribe,
            "offsets-for-times" => {
                let timestamp = self.next("milliseconds")?.number()?;
                ConsumerCommand::OffsetsForTimes { timestamp, partitions: self.partitions()? }
            }
            "positions" => ConsumerCommand::Positions,
            "process-for" => {
                ConsumerCommand::ProcessFor { micros: micros(&self.next("milliseconds")?)? }
            }
            "crash-after" => {
                let records = self.next("a number of records")?.number()?;
                let word = self.next("received, processed or acknowledged")?;
                let point = POINTS.iter().find(|(name, _)| word.is(name));
                let (_, point) = point
                    .ok_or_else(|| word.bad("is neither received, processed nor acknowledged"))?;
                ConsumerCommand::CrashAfter { records, point: *point }
            }
            _ => return Ok(None),
        }))
    }
}
