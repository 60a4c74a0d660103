//! Asking leaders about offsets: where a partition begins, ends, or was at a time; and whether a
//! new leader's log still has what was read from the old one (KIP-320).
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.{Fetcher, OffsetsForLeaderEpochClient}.

use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::fetcher::LOGGER;
use super::subscriptions::{FetchState, Subscriptions};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::node::Ctx;
use crate::wire::kafka::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use std::rc::Rc;

/// Timestamp of the end of a partition.
const LATEST: i64 = -1;

/// What is being asked.
#[derive(Debug)]
pub struct Positions {
    config: Rc<ConsumerConfig>,
    /// Partitions that have a question under way.
    asking: SortedSet<TopicPartition>,
}

/// The answer for one partition.
fn answer_of<'a>(
    partition: &TopicPartition,
    response: Option<&'a ListOffsetsResponse>,
) -> Option<&'a ListOffsetsPartitionResponse> {
    let topics = response.into_iter().flat_map(|response| &response.topics);
    topics
        .filter(|topic| topic.name == partition.topic)
        .flat_map(|topic| &topic.partitions)
        .find(|answer| answer.partition_index == partition.partition)
}

impl Positions {
    /// Nothing asked yet.
    pub fn new(config: Rc<ConsumerConfig>) -> Self {
        Self { config, asking: SortedSet::new() }
    }

    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        ctx.log(level, LOGGER, self.config.log_context() + text);
    }

    /// A request for the offsets of `partitions` at `timestamp`s, all led by one broker.
    pub fn list_offsets(
        &self,
        partitions: &SortedMap<TopicPartition, (i64, i32)>,
    ) -> ListOffsetsRequest {
        let mut topics: SortedMap<String, Vec<ListOffsetsPartition>> = SortedMap::new();
        for (partition, (timestamp, current_leader_epoch)) in partitions {
            let asked = ListOffsetsPartition {
                partition_index: partition.partition,
                current_leader_epoch: *current_leader_epoch,
                timestamp: *timestamp,
                max_num_offsets: 1,
            };
            topics.entry(partition.topic.clone()).or_default().push(asked);
        }
        let topics = topics.into_iter();
        ListOffsetsRequest {
            replica_id: -1,
            isolation_level: self.config.isolation_level.id(),
            topics: topics
                .map(|(name, partitions)| ListOffsetsTopic { name, partitions })
                .collect(),
        }
    }

    /// Asks the leaders for the offsets of partitions that were reset.
    pub fn reset(&mut self, subscriptions: &Subscriptions, links: &mut Links, ctx: &mut Ctx<'_>) {
        let mut requests: SortedMap<i32, SortedMap<TopicPartition, (i64, i32)>> = SortedMap::new();
        let waiting = |state| matches!(state, FetchState::AwaitsReset(_));
        for partition in subscriptions.due(ctx.now(), |owned| waiting(owned.state)) {
            if self.asking.contains(&partition) {
                continue;
            }
            let state = subscriptions.get(&partition).map(|owned| owned.state);
            match (links.metadata.leader(&partition), state) {
                (Some((leader, epoch)), Some(FetchState::AwaitsReset(timestamp))) => {
                    requests.entry(leader).or_default().insert(partition, (timestamp, epoch));
                }
                (None, _) => links.metadata.request_update(),
                _ => {}
            }
        }
        for (leader, partitions) in requests {
            let request = self.list_offsets(&partitions);
            self.asking.extend(partitions.keys().cloned());
            let asked = partitions.into_iter().map(|(partition, (at, _))| (partition, at));
            links.network.send(leader, request, Tag::ListOffsets(asked.collect()), ctx);
        }
    }

    /// Takes in offsets for partitions that were reset, or that there was no answer.
    pub fn on_listed(
        &mut self,
        asked: &SortedMap<TopicPartition, i64>,
        response: Option<&ListOffsetsResponse>,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let retry_at = ctx.now() + self.config.retry_backoff;
        for (partition, timestamp) in asked {
            self.asking.remove(partition);
            let Some(owned) = subscriptions.get_mut(partition) else { continue };
            if owned.state != FetchState::AwaitsReset(*timestamp) {
                continue;
            }
            match answer_of(partition, response).filter(|answer| answer.error_code.is_ok()) {
                Some(answer) if answer.offset >= 0 => {
                    owned.seek(answer.offset, -1);
                    links.metadata.saw_epoch(partition, answer.leader_epoch);
                    let offset = answer.offset;
                    let text =
                        format!("Resetting offset for partition {partition} to offset {offset}.");
                    self.log(ctx, LogLevel::Info, &text);
                }
                // No record is as young as that: what comes next will be.
                Some(_) if *timestamp >= 0 => owned.reset(LATEST),
                _ => {
                    owned.not_before = retry_at;
                    links.metadata.request_update();
                }
            }
        }
    }

    /// The offset and timestamp found for a partition, or none at or after the time asked for; none
    /// at all when it must be asked again.
    pub fn found(
        partition: &TopicPartition,
        response: Option<&ListOffsetsResponse>,
    ) -> Option<Option<(i64, i64)>> {
        let answer = answer_of(partition, response)?;
        let found = (answer.offset >= 0).then_some((answer.offset, answer.timestamp));
        answer.error_code.is_ok().then_some(found)
    }

    /// Has positions validated whose partition got a new leader.
    ///
    /// In Kafka: Fetcher.validateOffsetsIfNeeded.
    pub fn validate(
        &mut self,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        type Asked = SortedMap<TopicPartition, (i64, OffsetForLeaderPartition)>;
        let mut requests: SortedMap<i32, Asked> = SortedMap::new();
        for partition in subscriptions.due(ctx.now(), |owned| owned.position().is_some()) {
            let Some((leader, epoch)) = links.metadata.leader(&partition) else { continue };
            let Some(owned) = subscriptions.get_mut(&partition) else { continue };
            let Some(position) = owned.position() else { continue };
            if owned.leader_epoch != epoch && epoch >= 0 {
                owned.leader_epoch = epoch;
                owned.state = match owned.offset_epoch {
                    // Nothing was read yet that could have been lost.
                    ..0 => FetchState::Fetching(position),
                    _ => FetchState::AwaitsValidation(position),
                };
            }
            if matches!(owned.state, FetchState::AwaitsValidation(_))
                && !self.asking.contains(&partition)
            {
                let asked = OffsetForLeaderPartition {
                    partition: partition.partition,
                    current_leader_epoch: epoch,
                    leader_epoch: owned.offset_epoch,
                };
                requests.entry(leader).or_default().insert(partition, (position, asked));
            }
        }
        for (leader, partitions) in requests {
            self.asking.extend(partitions.keys().cloned());
            let mut topics: SortedMap<String, Vec<OffsetForLeaderPartition>> = SortedMap::new();
            let mut positions = SortedMap::new();
            for (partition, (position, asked)) in partitions {
                topics.entry(partition.topic.clone()).or_default().push(asked);
                positions.insert(partition, position);
            }
            let topics = topics.into_iter();
            let request = OffsetForLeaderEpochRequest {
                replica_id: -1,
                topics: topics
                    .map(|(topic, partitions)| OffsetForLeaderTopic { topic, partitions })
                    .collect(),
            };
            links.network.send(leader, request, Tag::OffsetsForLeaderEpoch(positions), ctx);
        }
    }

    /// Takes in where epochs end, or that there was no answer. Gives why the consumer cannot go on,
    /// if so.
    pub fn on_validated(
        &mut self,
        asked: &SortedMap<TopicPartition, i64>,
        response: Option<&OffsetForLeaderEpochResponse>,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        let retry_at = ctx.now() + self.config.retry_backoff;
        for (partition, position) in asked {
            self.asking.remove(partition);
            let topics = response.into_iter().flat_map(|response| &response.topics);
            let answer = topics
                .filter(|topic| topic.topic == partition.topic)
                .flat_map(|topic| &topic.partitions)
                .find(|answer| answer.partition == partition.partition)
                .filter(|answer| answer.error_code.is_ok());
            let Some(owned) = subscriptions.get_mut(partition) else { continue };
            if owned.state != FetchState::AwaitsValidation(*position) {
                continue;
            }
            let Some(answer) = answer else {
                owned.not_before = retry_at;
                links.metadata.request_update();
                continue;
            };
            if answer.end_offset >= *position && answer.leader_epoch >= 0 {
                owned.state = FetchState::Fetching(*position);
                continue;
            }
            let text =
                format!("Truncation detected for partition {partition} at offset {position}");
            let Some(timestamp) = self.config.auto_offset_reset.timestamp() else {
                self.log(ctx, LogLevel::Warn, &format!("{text}, but no reset policy is set"));
                return Err(format!("LogTruncationException: {text}"));
            };
            if answer.end_offset < 0 || answer.leader_epoch < 0 {
                owned.reset(timestamp);
                self.log(ctx, LogLevel::Info, &format!("{text}, resetting offset"));
            } else {
                let diverging = answer.end_offset;
                let leader_epoch = owned.leader_epoch;
                owned.seek(diverging, answer.leader_epoch);
                owned.leader_epoch = leader_epoch;
                let text = format!(
                    "{text}, resetting offset to the first offset known to diverge {diverging}"
                );
                self.log(ctx, LogLevel::Info, &text);
            }
        }
        Ok(())
    }
}
