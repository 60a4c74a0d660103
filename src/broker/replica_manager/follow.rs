//! Following: the fetches that this broker's followers make, and what their leaders answer.
//!
//! In Kafka: `AbstractFetcherThread.processFetchRequest`, `handleOutOfRangeError`,
//! `ReplicaFetcherThread`.

use super::ReplicaManager;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Time, TopicPartition};
use crate::broker::action::Node;
use crate::broker::fetcher::FetchPosition;
use crate::broker::partition::{Partition, ProduceError};
use crate::disk::Volume;
use crate::log::LogError;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyRequest, FetchResponse, FetchablePartitionResponse, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};

const FETCHER: &str = "kafka.server.ReplicaFetcherThread";
const LATEST_TIMESTAMP: i64 = -1;
const EARLIEST_TIMESTAMP: i64 = -2;

/// What a request of a fetcher asks for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FollowTag {
    /// Records.
    Fetch,
    /// Where the leader's log begins or ends, after it refused our offset.
    ListOffsets {
        /// For this partition.
        partition: TopicPartition,
        /// −1 for the end, −2 for the start.
        timestamp: i64,
        /// Epoch of the leader at that time.
        leader_epoch: i32,
    },
}

/// A request for another broker.
pub type FollowRequest = (Node, AnyRequest, FollowTag);

impl ReplicaManager {
    /// The fetches that should leave now.
    pub fn due_fetches(&mut self, now: Time) -> Vec<FollowRequest> {
        let partitions = &self.partitions;
        let start = |id: &TopicPartition| {
            partitions.get(id).map_or(-1, |partition| partition.log().log_start_offset())
        };
        let due = self.fetchers.due_requests(now, start);
        due.into_iter().map(|(node, fetch)| (node, fetch.into(), FollowTag::Fetch)).collect()
    }

    /// The leaders that are followed.
    pub fn followed_leaders(&self) -> crate::base::SortedSet<BrokerId> {
        self.fetchers.leaders()
    }

    /// A fetch to `leader` failed: everything it asked for waits for the back-off.
    pub fn on_fetch_failed(&mut self, leader: BrokerId, why: &str, now: Time) {
        let text = format!(
            "[ReplicaFetcher replicaId={}, leaderId={leader}, fetcherId=0] Error in response for fetch request: {why}",
            self.broker()
        );
        self.changes.log(LogLevel::Warn, FETCHER, text);
        for partition in self.fetchers.on_failure(leader).keys() {
            self.fetchers.delay(leader, partition, now);
        }
    }

    /// `leader` answered a fetch. Returns what must be asked of it besides.
    pub fn on_fetch_response(
        &mut self,
        leader: &Node,
        response: &FetchResponse,
        volume: &mut Volume,
        now: Time,
    ) -> Vec<FollowRequest> {
        let asked = match self.fetchers.on_response(leader.id, response) {
            Ok(asked) => asked,
            Err(problem) => {
                let text = format!("Node {} {problem}", leader.id);
                self.fetcher_log_as(
                    "org.apache.kafka.clients.FetchSessionHandler",
                    LogLevel::Info,
                    leader.id,
                    &text,
                );
                return Vec::new();
            }
        };
        let mut requests = Vec::new();
        for topic in &response.responses {
            for data in &topic.partition_responses {
                let id = TopicPartition::new(&topic.topic, data.partition);
                // What changed since the fetch left is answered by a later one.
                let current = self.fetchers.position(leader.id, &id);
                let Some(position) = asked.get(&id).copied().filter(|p| current == Some(*p)) else {
                    continue;
                };
                match self.on_partition_data(leader, &id, position, data, volume, now) {
                    Ok(more) => requests.extend(more),
                    Err(error) => self.disk_failed(error),
                }
            }
        }
        requests
    }

    fn on_partition_data(
        &mut self,
        leader: &Node,
        id: &TopicPartition,
        position: FetchPosition,
        data: &FetchablePartitionResponse,
        volume: &mut Volume,
        now: Time,
    ) -> Result<Option<FollowRequest>, LogError> {
        match data.error_code {
            ErrorCode::NONE => {
                self.take_records(leader.id, id, position, data, volume, now)?;
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                let epoch = position.current_leader_epoch;
                self.fetchers.delay(leader.id, id, now);
                return Ok(Some(list_offsets(self.broker(), leader, id, LATEST_TIMESTAMP, epoch)));
            }
            ErrorCode::FENCED_LEADER_EPOCH => {
                // A newer leader exists; the controller's next LeaderAndIsr will name it.
                self.fetcher_log(LogLevel::Info, leader.id, &format!("Partition {id} has an older epoch ({}) than the current leader. Will await the new LeaderAndIsr state before resuming fetching.", position.current_leader_epoch));
                self.fetcher_log(
                    LogLevel::Warn,
                    leader.id,
                    &format!("Partition {id} marked as failed"),
                );
                self.fetchers.remove(id);
            }
            // Leadership is moving; the leader or the controller will tell.
            ErrorCode::UNKNOWN_LEADER_EPOCH | ErrorCode::NOT_LEADER_OR_FOLLOWER => {
                self.fetchers.delay(leader.id, id, now);
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                self.fetcher_log(LogLevel::Warn, leader.id, &format!("Received UNKNOWN_TOPIC_OR_PARTITION from the leader for partition {id}. This error may be returned transiently when the partition is being created or deleted, but it is not expected to persist."));
                self.fetchers.delay(leader.id, id, now);
            }
            error => {
                let offset = position.fetch_offset;
                let text = format!("Error for partition {id} at offset {offset}: {error}");
                self.fetcher_log(LogLevel::Error, leader.id, &text);
                self.fetchers.delay(leader.id, id, now);
            }
        }
        Ok(None)
    }

    fn take_records(
        &mut self,
        leader: BrokerId,
        id: &TopicPartition,
        position: FetchPosition,
        data: &FetchablePartitionResponse,
        volume: &mut Volume,
        now: Time,
    ) -> Result<(), LogError> {
        let Some(partition) = self.partitions.get_mut(id).filter(|known| known.is_follower())
        else {
            self.fetchers.remove(id);
            return Ok(());
        };
        let changes = &mut self.changes;
        let diverging = &data.diverging_epoch;
        if diverging.end_offset >= 0 || diverging.epoch >= 0 {
            let (epoch, end) = (diverging.epoch, diverging.end_offset);
            let (offset, last) =
                partition.truncate_to_divergence(epoch, end, volume, now, changes)?;
            self.fetchers.advance(leader, id, offset, last);
            return Ok(());
        }
        let at_end = partition.log().log_end_offset() == position.fetch_offset;
        let records = data.record_set.clone().unwrap_or_default();
        let appended = at_end.then(|| {
            partition.append_records_to_follower(
                &records,
                data.high_watermark,
                data.log_start_offset,
                volume,
                now,
                changes,
            )
        });
        let offset = position.fetch_offset;
        match appended {
            Some(Ok(())) => {
                let (end, last) = (partition.log().log_end_offset(), last_epoch(partition));
                self.fetchers.advance(leader, id, end, last);
            }
            // What was damaged on its way may be whole the next time.
            Some(Err(ProduceError { code: ErrorCode::CORRUPT_MESSAGE, .. })) => {
                let text = format!(
                    "Found invalid messages during fetch for partition {id} offset {offset}"
                );
                self.fetcher_log(LogLevel::Error, leader, &text);
                self.fetchers.delay(leader, id, now);
            }
            // The leader's log is not the continuation of this one, or the disk fails: only the
            // controller can help.
            Some(Err(_)) | None => {
                let text = format!(
                    "Unexpected error occurred while processing data for partition {id} at offset {offset}"
                );
                self.fetcher_log(LogLevel::Error, leader, &text);
                let text = format!("Partition {id} marked as failed");
                self.fetcher_log(LogLevel::Warn, leader, &text);
                self.fetchers.remove(id);
            }
        }
        Ok(())
    }

    /// The leader said where its log ends or begins, after it had refused our offset: cut to its
    /// end, or when we are below its start begin anew there.
    pub fn on_list_offsets(
        &mut self,
        leader: &Node,
        tag: &FollowTag,
        response: &ListOffsetsResponse,
        volume: &mut Volume,
        now: Time,
    ) -> Option<FollowRequest> {
        let FollowTag::ListOffsets { partition: id, timestamp, leader_epoch } = tag else {
            return None;
        };
        let current = self.fetchers.position(leader.id, id)?;
        if current.current_leader_epoch != *leader_epoch {
            return None;
        }
        let partition = self.partitions.get_mut(id).filter(|known| known.is_follower())?;
        let found = response.topics.iter().flat_map(|topic| &topic.partitions).next();
        let Some(offset) = found.filter(|f| f.error_code == ErrorCode::NONE).map(|f| f.offset)
        else {
            self.fetchers.delay(leader.id, id, now);
            return None;
        };
        let end = partition.log().log_end_offset();
        let changes = &mut self.changes;
        let done = if *timestamp == LATEST_TIMESTAMP && offset < end {
            let text = format!(
                "Reset fetch offset for partition {id} from {end} to current leader's latest offset {offset}"
            );
            changes.log(LogLevel::Warn, FETCHER, text);
            partition.truncate_to(offset, volume, now, changes)
        } else if *timestamp == LATEST_TIMESTAMP {
            let broker = self.broker();
            return Some(list_offsets(broker, leader, id, EARLIEST_TIMESTAMP, *leader_epoch));
        } else if offset > end {
            partition.truncate_fully_and_start_at(offset, volume, now, changes)
        } else {
            Ok(())
        };
        let (end, last) = (partition.log().log_end_offset(), last_epoch(partition));
        self.fetchers.advance(leader.id, id, end, last);
        let text = format!(
            "Current offset {} for partition {id} is out of range, which typically implies a leader change. Reset fetch offset to {end}",
            current.fetch_offset
        );
        self.fetcher_log(LogLevel::Info, leader.id, &text);
        if let Err(error) = done {
            self.disk_failed(error);
        }
        None
    }

    fn fetcher_log(&mut self, level: LogLevel, leader: BrokerId, text: &str) {
        self.fetcher_log_as(FETCHER, level, leader, text);
    }

    fn fetcher_log_as(&mut self, logger: &str, level: LogLevel, leader: BrokerId, text: &str) {
        let me = self.broker();
        let text =
            format!("[ReplicaFetcher replicaId={me}, leaderId={leader}, fetcherId=0] {text}");
        self.changes.log(level, logger, text);
    }
}

fn last_epoch(partition: &Partition) -> Option<i32> {
    partition.log().leader_epochs().latest()
}

fn list_offsets(
    me: BrokerId,
    leader: &Node,
    id: &TopicPartition,
    timestamp: i64,
    leader_epoch: i32,
) -> FollowRequest {
    let wanted = ListOffsetsPartition {
        partition_index: id.partition,
        current_leader_epoch: leader_epoch,
        timestamp,
        ..Default::default()
    };
    let topic = ListOffsetsTopic { name: id.topic.clone(), partitions: vec![wanted] };
    let request = ListOffsetsRequest { replica_id: me.0, isolation_level: 0, topics: vec![topic] };
    let tag = FollowTag::ListOffsets { partition: id.clone(), timestamp, leader_epoch };
    (leader.clone(), request.into(), tag)
}
