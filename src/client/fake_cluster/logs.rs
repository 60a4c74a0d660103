//! What the fake cluster's partitions hold: fetching, with or without sessions, and finding offsets.

use super::FakeCluster;
use crate::base::{SortedMap, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::batch::Batches;
use crate::wire::kafka::*;
use bytes::Bytes;

/// Fetch sessions by broker, and how many partitions each request named.
#[derive(Default)]
pub(crate) struct Sessions {
    by_broker: SortedMap<i32, (i32, SortedMap<TopicPartition, FetchPartition>)>,
    last_id: i32,
    pub named: Vec<usize>,
}

impl Sessions {
    /// Applies a request; the session's id and all of its partitions.
    fn apply(&mut self, broker: i32, request: &FetchRequest) -> (i32, Vec<FetchTopic>) {
        self.named.push(request.topics.iter().map(|topic| topic.partitions.len()).sum());
        if request.session_epoch == 0 {
            self.last_id += 1;
            self.by_broker.insert(broker, (self.last_id, SortedMap::new()));
        }
        let (id, partitions) = self.by_broker.entry(broker).or_default();
        for topic in &request.topics {
            for asked in &topic.partitions {
                let partition = TopicPartition::new(topic.topic.clone(), asked.partition);
                partitions.insert(partition, asked.clone());
            }
        }
        for topic in &request.forgotten_topics_data {
            for number in &topic.partitions {
                partitions.remove(&TopicPartition::new(topic.topic.clone(), *number));
            }
        }
        let topics = partitions.iter().map(|(partition, asked)| FetchTopic {
            topic: partition.topic.clone(),
            partitions: vec![asked.clone()],
        });
        (*id, topics.collect())
    }
}

impl FakeCluster {
    pub(super) fn fetch(&mut self, broker: i32, request: FetchRequest) -> FetchResponse {
        let mut response = FetchResponse::default();
        let mut topics = request.topics.clone();
        if let Some(sessions) = &mut self.sessions {
            (response.session_id, topics) = sessions.apply(broker, &request);
        }
        for topic in &topics {
            let mut partition_responses = Vec::new();
            for asked in &topic.partitions {
                let tp = TopicPartition::new(topic.topic.clone(), asked.partition);
                let end = self.ends.get(&tp).copied().unwrap_or_default();
                let mut answer = FetchablePartitionResponse {
                    partition: asked.partition,
                    high_watermark: end,
                    ..Default::default()
                };
                if self.leaders.get(&tp) != Some(&broker) {
                    answer.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
                } else if asked.fetch_offset > end {
                    answer.error_code = ErrorCode::OFFSET_OUT_OF_RANGE;
                } else {
                    answer.record_set = Some(self.read(&tp, asked.fetch_offset));
                }
                let empty = answer.record_set.as_ref().is_some_and(Bytes::is_empty);
                if request.session_epoch <= 0 || !empty {
                    partition_responses.push(answer);
                }
            }
            let topic = topic.topic.clone();
            response.responses.push(FetchableTopicResponse { topic, partition_responses });
        }
        response
    }

    fn read(&self, tp: &TopicPartition, from: i64) -> Bytes {
        let log = self.logs.get(tp).map_or(&[][..], Vec::as_slice);
        let mut start = 0;
        for batch in Batches::new(log) {
            if batch.last_offset() >= from {
                break;
            }
            start += batch.size();
        }
        Bytes::copy_from_slice(&log[start..])
    }

    /// Cuts a partition back, as a new leader that has less does.
    pub(crate) fn truncate(&mut self, tp: &TopicPartition, to: i64) {
        let log = self.logs.entry(tp.clone()).or_default();
        let kept = Batches::new(log).take_while(|batch| batch.last_offset() < to);
        let size = kept.map(|batch| batch.size()).sum();
        log.truncate(size);
        self.ends.insert(tp.clone(), to);
    }

    pub(super) fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    let tp = TopicPartition::new(topic.name.clone(), asked.partition_index);
                    let (offset, timestamp) = self.offset_at(&tp, asked.timestamp);
                    ListOffsetsPartitionResponse {
                        partition_index: asked.partition_index,
                        offset,
                        timestamp,
                        ..Default::default()
                    }
                })
                .collect(),
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn offset_at(&self, tp: &TopicPartition, timestamp: i64) -> (i64, i64) {
        match timestamp {
            -2 => (0, -1),
            -1 => (self.ends.get(tp).copied().unwrap_or_default(), -1),
            time => {
                let log = self.logs.get(tp).map_or(&[][..], Vec::as_slice);
                let mut batches = Batches::new(log);
                let found = batches.find(|batch| batch.max_timestamp() >= time);
                found.map_or((-1, -1), |batch| (batch.base_offset(), batch.max_timestamp()))
            }
        }
    }

    pub(super) fn epoch_ends(
        &self,
        request: &OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let topics = request.topics.iter().map(|topic| OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    let tp = TopicPartition::new(topic.topic.clone(), asked.partition);
                    let end = self.epoch_ends.get(&(tp.clone(), asked.leader_epoch));
                    let log_end = self.ends.get(&tp).copied().unwrap_or_default();
                    OffsetForLeaderEpochResponseEpochEndOffset {
                        partition: asked.partition,
                        leader_epoch: asked.leader_epoch,
                        end_offset: end.copied().unwrap_or(log_end),
                        ..Default::default()
                    }
                })
                .collect(),
        });
        OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
    }
}
