//! DescribeLogDirs: how much room each replica takes.
//!
//! In Kafka: `KafkaApis.handleDescribeLogDirsRequest`, `ReplicaManager.describeLogDirs`. A broker has
//! one log directory; when that fails the broker ends, so whoever can ask finds it online.

use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::disk::Volume;
use crate::wire::kafka::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

/// Answers.
pub fn handle(
    request: &DescribeLogDirsRequest,
    log_dir: &str,
    volume: &Volume,
) -> DescribeLogDirsResponse {
    let wanted: Option<SortedSet<TopicPartition>> = request.topics.as_ref().map(|topics| {
        let of = |topic: &crate::wire::kafka::DescribableLogDirTopic| {
            let indexes = topic.partition_index.iter();
            indexes.map(|index| TopicPartition::new(&topic.topic, *index)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of).collect()
    });
    let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
    for (partition, size) in sizes(volume) {
        if topics.last().is_none_or(|topic| topic.name != partition.topic) {
            let name = partition.topic.clone();
            topics.push(DescribeLogDirsTopic { name, partitions: Vec::new() });
        }
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(&partition));
        if let Some(topic) = topics.last_mut().filter(|_| is_wanted) {
            topic.partitions.push(DescribeLogDirsPartition {
                partition_index: partition.partition,
                partition_size: size as i64,
                offset_lag: 0,
                is_future_key: false,
            });
        }
    }
    let log_dir = log_dir.to_owned();
    let result = DescribeLogDirsResult { log_dir, topics, ..Default::default() };
    DescribeLogDirsResponse { results: vec![result], ..Default::default() }
}

/// The bytes of the segments of every replica on the volume.
fn sizes(volume: &Volume) -> SortedMap<TopicPartition, u64> {
    let mut sizes: SortedMap<TopicPartition, u64> = SortedMap::new();
    for name in volume.list("") {
        let Some((dir, file)) = name.split_once('/') else { continue };
        let Some((topic, partition)) = dir.rsplit_once('-') else { continue };
        let Ok(partition) = partition.parse::<i32>() else { continue };
        let is_segment = file.rsplit_once('.').is_some_and(|(_, kind)| kind == "log");
        let size = if is_segment { volume.len(name).unwrap_or(0) } else { 0 };
        *sizes.entry(TopicPartition::new(topic, partition)).or_default() += size;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::DescribableLogDirTopic;

    fn described(topics: Option<Vec<DescribableLogDirTopic>>) -> Vec<(String, Vec<(i32, i64)>)> {
        let mut volume = Volume::default();
        for (name, bytes) in [
            ("a-b-0/00000000000000000000.log", &b"12345"[..]),
            ("a-b-0/00000000000000000005.log", b"12"),
            ("a-b-0/00000000000000000000.index", b"1234567"),
            ("a-b-1/00000000000000000000.log", b"1"),
            ("c-0/partition.metadata", b"version: 0"),
            ("meta.properties", b"version=0"),
            ("c-1.0123-delete/00000000000000000000.log", b"1234"),
        ] {
            volume.append(name, bytes).unwrap();
        }
        let response = handle(&DescribeLogDirsRequest { topics }, "/tmp/kafka-logs", &volume);
        assert_eq!(response.results[0].log_dir, "/tmp/kafka-logs");
        let topics = response.results[0].topics.iter();
        topics
            .map(|topic| {
                let partitions = topic.partitions.iter();
                let sizes = partitions.map(|one| (one.partition_index, one.partition_size));
                (topic.name.clone(), sizes.collect())
            })
            .collect()
    }

    #[test]
    fn segments_are_counted_by_replica() {
        let all = [("a-b".to_owned(), vec![(0, 7), (1, 1)]), ("c".to_owned(), vec![(0, 0)])];
        assert_eq!(described(None), all);
        let topic = DescribableLogDirTopic { topic: "a-b".to_owned(), partition_index: vec![1] };
        let some = [("a-b".to_owned(), vec![(1, 1)]), ("c".to_owned(), vec![])];
        assert_eq!(described(Some(vec![topic])), some);
    }
}
