//! Logs on the disk: every batch is whole, offsets rise, and where nothing is compacted away none is
//! missing. A person sees as much with Kafka's tool for dumping logs.

use super::Violation;
use crate::base::{Time, TopicPartition};
use crate::disk::Volume;
use crate::wire::batch::Batches;

/// Checks all logs of a broker that lives. `is_compacted` tells topics whose logs have gaps.
pub fn check_logs(
    at: Time,
    broker: &str,
    volume: &Volume,
    is_compacted: impl Fn(&str) -> bool,
    found: &mut Vec<Violation>,
) {
    let mut expected: Option<(TopicPartition, i64)> = None;
    for (file, partition, base_offset) in segments(volume) {
        let mut violation = |rule, text: String| {
            found.push(Violation { at, rule, text: format!("{broker}, {file}: {text}") });
        };
        let mut next = match expected.take().filter(|(known, _)| *known == partition) {
            Some((_, end)) => {
                if end > base_offset || (end < base_offset && !is_compacted(&partition.topic)) {
                    violation("DenseOffsets", format!("the segment before ends at {end}"));
                }
                base_offset
            }
            None => base_offset,
        };
        let mut batches = Batches::verified(volume.read(file).unwrap_or_default());
        for batch in &mut batches {
            let (first, last) = (batch.base_offset(), batch.last_offset());
            if first < next || (first > next && !is_compacted(&partition.topic)) {
                violation("DenseOffsets", format!("{first} comes where {next} should"));
            }
            if last < first {
                violation("DenseOffsets", format!("a batch from {first} to {last}"));
            }
            next = batch.next_offset();
        }
        if let Some(error) = batches.stopped() {
            violation("SoundBatches", format!("at offset {next}: {error}"));
        }
        expected = Some((partition, next));
    }
}

/// The segments on a volume in their order: file, partition, base offset.
fn segments(volume: &Volume) -> impl Iterator<Item = (&str, TopicPartition, i64)> {
    volume.list("").filter_map(|file| {
        let (directory, name) = file.rsplit_once('/')?;
        let base_offset = name.strip_suffix(".log")?.parse().ok()?;
        let directory = directory.rsplit('/').next()?;
        let (topic, partition) = directory.rsplit_once('-')?;
        Some((file, TopicPartition::new(topic, partition.parse().ok()?), base_offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::{BatchFields, RecordBatchBuilder};

    fn batch(base_offset: i64, count: i32) -> Vec<u8> {
        let fields = BatchFields { base_offset, ..BatchFields::default() };
        let mut builder = RecordBatchBuilder::new(fields);
        for _ in 0..count {
            builder.append(1_000, None, Some(b"v"), &[]);
        }
        builder.build().to_vec()
    }

    fn check(files: &[(i64, Vec<u8>)], compacted: bool) -> Vec<&'static str> {
        let (mut volume, mut found) = (Volume::default(), Vec::new());
        for (base_offset, bytes) in files {
            volume.append(&format!("t-0/{base_offset:020}.log"), bytes).expect("room");
        }
        check_logs(Time::ZERO, "broker-1", &volume, |_| compacted, &mut found);
        found.into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn gaps_overlaps_and_damage_are_found() {
        let log = |parts: &[(i64, i32)]| -> Vec<u8> {
            parts.iter().flat_map(|(base, count)| batch(*base, *count)).collect()
        };
        assert!(check(&[(0, log(&[(0, 2), (2, 1)])), (3, log(&[(3, 1)]))], false).is_empty());
        assert_eq!(check(&[(0, log(&[(0, 2), (3, 1)]))], false), ["DenseOffsets"]);
        assert!(check(&[(0, log(&[(0, 2), (3, 1)]))], true).is_empty(), "compaction leaves gaps");
        assert_eq!(check(&[(0, log(&[(0, 2), (1, 1)]))], true), ["DenseOffsets"], "and no overlap");
        assert_eq!(check(&[(0, log(&[(0, 2)])), (3, vec![])], false), ["DenseOffsets"]);
        let mut damaged = log(&[(0, 2), (2, 1)]);
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert_eq!(check(&[(0, damaged)], false), ["SoundBatches"]);
        assert_eq!(check(&[(0, log(&[(0, 2)])[..70].to_vec())], false), ["SoundBatches"]);
    }
}
