//! Offset checkpoints: small text files that a broker replaces whole: a version line, a count, then
//! `topic partition offset` lines.
//!
//! In Kafka: `kafka.server.checkpoints.OffsetCheckpointFile`, `LeaderEpochCheckpointFile`.

use crate::base::{SortedMap, TopicPartition};
use crate::disk::{DiskError, Volume};
use std::fmt::Write;

/// High watermarks of all replicas.
pub const REPLICATION_OFFSET: &str = "replication-offset-checkpoint";
/// Offsets below which every log is known to be on the disk.
pub const RECOVERY_POINT_OFFSET: &str = "recovery-point-offset-checkpoint";
/// Offsets up to which logs were compacted.
pub const CLEANER_OFFSET: &str = "cleaner-offset-checkpoint";
/// Log start offsets of logs that do not begin where their first segment does.
pub const LOG_START_OFFSET: &str = "log-start-offset-checkpoint";

/// Replaces the checkpoint `name`. The caller syncs it ([`crate::node::Ctx::fsync`]), as Kafka does.
pub fn write_offset_checkpoint<'a>(
    volume: &mut Volume,
    name: &str,
    offsets: impl IntoIterator<Item = (&'a TopicPartition, i64)>,
) -> Result<(), DiskError> {
    let (mut lines, mut count) = (String::new(), 0);
    for (TopicPartition { topic, partition }, offset) in offsets {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{topic} {partition} {offset}");
        count += 1;
    }
    volume.replace(name, format!("0\n{count}\n{lines}").as_bytes())
}

/// Reads the checkpoint `name`. A missing or malformed file counts as empty: every log then starts
/// from what it can prove, as after Kafka's `CheckpointReadBuffer` refused it.
pub fn read_offset_checkpoint(volume: &Volume, name: &str) -> SortedMap<TopicPartition, i64> {
    read_offsets(volume, name).into_iter().collect()
}

/// Reads the checkpoint `name` in the order of its lines.
pub fn read_offsets(volume: &Volume, name: &str) -> Vec<(TopicPartition, i64)> {
    parse(volume, name, |line| {
        let mut words = line.split(' ');
        let topic = words.next()?;
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        Some((TopicPartition::new(topic, partition), offset))
    })
    .unwrap_or_default()
}

/// Replaces a leader epoch checkpoint (`epoch startOffset` lines).
pub(super) fn write_epochs(
    volume: &mut Volume,
    name: &str,
    epochs: &[(i32, i64)],
) -> Result<(), DiskError> {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{epoch} {start}");
    }
    volume.replace(name, text.as_bytes())
}

/// Reads a leader epoch checkpoint; a missing or malformed one counts as empty.
pub(super) fn read_epochs(volume: &Volume, name: &str) -> Vec<(i32, i64)> {
    parse(volume, name, |line| {
        let (epoch, start) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, start.parse().ok()?))
    })
    .unwrap_or_default()
}

fn parse<T>(volume: &Volume, name: &str, entry: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let text = std::str::from_utf8(volume.read(name)?).ok()?;
    let mut lines = text.lines();
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let entries: Option<Vec<T>> = lines.map(entry).collect();
    entries.filter(|entries| entries.len() == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_have_kafkas_text_and_come_back() {
        let mut volume = Volume::default();
        let offsets = SortedMap::from([
            (TopicPartition::new("orders", 0), 5),
            (TopicPartition::new("orders", 1), 0),
        ]);
        write_offset_checkpoint(
            &mut volume,
            REPLICATION_OFFSET,
            offsets.iter().map(|(id, offset)| (id, *offset)),
        )
        .expect("room");
        assert_eq!(volume.read(REPLICATION_OFFSET), Some(&b"0\n2\norders 0 5\norders 1 0\n"[..]));
        assert_eq!(read_offset_checkpoint(&volume, REPLICATION_OFFSET), offsets);
    }

    #[test]
    fn a_damaged_checkpoint_counts_as_empty() {
        for text in ["", "1\n0\n", "0\n2\norders 0 5\n", "0\n1\norders x 5\n", "0\n1\n\u{fffd}"] {
            let mut volume = Volume::default();
            volume.replace("c", text.as_bytes()).expect("room");
            assert!(read_offset_checkpoint(&volume, "c").is_empty(), "{text:?}");
        }
    }
}
