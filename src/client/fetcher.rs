//! Fetching records: one request at a time to each leader, for every partition whose records are
//! used up; resetting positions that no commit gave; handing records out in order.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.Fetcher. Left out: incremental fetch
//! sessions (every request names all its partitions), fetching from followers, read_committed,
//! truncation detection (KIP-320).

use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::subscriptions::{FetchState, OwnedPartition, Subscriptions};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Time, TopicPartition};
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::batch::Batches;
use crate::wire::kafka::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchablePartitionResponse,
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.Fetcher";

/// A record handed to the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
    /// Timestamp in ms.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
}

/// Records of one partition that were fetched and not handed out yet.
#[derive(Debug)]
struct CompletedFetch {
    partition: TopicPartition,
    /// The position that these records continue; they are dropped when it is another by now.
    position: i64,
    records: VecDeque<ConsumedRecord>,
    /// The position behind them.
    next: i64,
}

/// The fetcher.
#[derive(Debug)]
pub struct Fetcher {
    config: Rc<ConsumerConfig>,
    completed: VecDeque<CompletedFetch>,
    /// Leaders that have a request of ours.
    fetching: SortedSet<i32>,
    /// Partitions whose offsets are being asked for.
    listing: SortedSet<TopicPartition>,
}

impl Fetcher {
    /// Nothing fetched yet.
    pub fn new(config: Rc<ConsumerConfig>) -> Self {
        Self {
            config,
            completed: VecDeque::new(),
            fetching: SortedSet::new(),
            listing: SortedSet::new(),
        }
    }

    /// Drops what was fetched: the partitions are somebody else's now.
    pub fn clear(&mut self) {
        self.completed.clear();
    }

    /// True when records wait to be handed out.
    pub fn has_records(&self) -> bool {
        !self.completed.is_empty()
    }

    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        let ConsumerConfig { client_id, group_id, .. } = &*self.config;
        let text = format!("[Consumer clientId={client_id}, groupId={group_id}] {text}");
        ctx.log(level, LOGGER, text);
    }

    /// Asks the leaders for the offsets of partitions that were reset.
    pub fn reset_positions(
        &mut self,
        subscriptions: &Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let waiting = |state| matches!(state, FetchState::AwaitsReset(_));
        let mut requests: SortedMap<i32, SortedMap<TopicPartition, (i64, i32)>> = SortedMap::new();
        for partition in subscriptions.due(ctx.now(), waiting) {
            if self.listing.contains(&partition) {
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
            let mut topics: SortedMap<String, Vec<ListOffsetsPartition>> = SortedMap::new();
            for (partition, (timestamp, current_leader_epoch)) in &partitions {
                let asked = ListOffsetsPartition {
                    partition_index: partition.partition,
                    current_leader_epoch: *current_leader_epoch,
                    timestamp: *timestamp,
                    max_num_offsets: 1,
                };
                topics.entry(partition.topic.clone()).or_default().push(asked);
            }
            let topics = topics.into_iter();
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: 0,
                topics: topics
                    .map(|(name, partitions)| ListOffsetsTopic { name, partitions })
                    .collect(),
            };
            let names: Vec<TopicPartition> = partitions.into_keys().collect();
            self.listing.extend(names.iter().cloned());
            links.network.send(leader, request, Tag::ListOffsets(names), ctx);
        }
    }

    /// Takes in offsets for partitions that were reset, or that there was no answer.
    pub fn on_listed(
        &mut self,
        asked: &[TopicPartition],
        response: Option<&ListOffsetsResponse>,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let retry_at = ctx.now() + self.config.retry_backoff;
        for partition in asked {
            self.listing.remove(partition);
            let topics = response.iter().flat_map(|response| &response.topics);
            let answer = topics
                .filter(|topic| topic.name == partition.topic)
                .flat_map(|topic| &topic.partitions)
                .find(|answer| answer.partition_index == partition.partition);
            let Some(owned) = subscriptions.get_mut(partition) else { continue };
            if !matches!(owned.state, FetchState::AwaitsReset(_)) {
                continue;
            }
            match answer {
                Some(answer) if answer.error_code.is_ok() && answer.offset >= 0 => {
                    owned.state = FetchState::Fetching(answer.offset);
                    let offset = answer.offset;
                    let text =
                        format!("Resetting offset for partition {partition} to offset {offset}.");
                    self.log(ctx, LogLevel::Info, &text);
                }
                _ => {
                    owned.not_before = retry_at;
                    links.metadata.request_update();
                }
            }
        }
    }

    /// Sends a fetch to every leader that has none of ours, for all its partitions whose records
    /// are used up.
    pub fn send_fetches(
        &mut self,
        subscriptions: &Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let mut requests: SortedMap<i32, Vec<(TopicPartition, i64, i32)>> = SortedMap::new();
        let fetching = |state| matches!(state, FetchState::Fetching(_));
        for partition in subscriptions.due(ctx.now(), fetching) {
            if self.completed.iter().any(|fetch| fetch.partition == partition) {
                continue;
            }
            let position = subscriptions.get(&partition).and_then(OwnedPartition::position);
            match (links.metadata.leader(&partition), position) {
                (Some((leader, _)), _) if self.fetching.contains(&leader) => {}
                (Some((leader, epoch)), Some(position)) => {
                    requests.entry(leader).or_default().push((partition, position, epoch));
                }
                (None, _) => links.metadata.request_update(),
                _ => {}
            }
        }
        for (leader, partitions) in requests {
            self.fetching.insert(leader);
            let asked = partitions.iter();
            let asked = asked.map(|(partition, position, _)| (partition.clone(), *position));
            let tag = Tag::Fetch(asked.collect());
            let request = self.request(partitions);
            links.network.send(leader, request, tag, ctx);
        }
    }

    fn request(&self, partitions: Vec<(TopicPartition, i64, i32)>) -> FetchRequest {
        let mut topics: SortedMap<String, Vec<FetchPartition>> = SortedMap::new();
        for (partition, fetch_offset, current_leader_epoch) in partitions {
            topics.entry(partition.topic).or_default().push(FetchPartition {
                partition: partition.partition,
                current_leader_epoch,
                fetch_offset,
                partition_max_bytes: self.config.max_partition_fetch_bytes,
                ..FetchPartition::default()
            });
        }
        let topics = topics.into_iter();
        FetchRequest {
            replica_id: -1,
            max_wait_ms: self.config.fetch_max_wait.as_millis() as i32,
            min_bytes: self.config.fetch_min_bytes,
            max_bytes: self.config.fetch_max_bytes,
            topics: topics.map(|(topic, partitions)| FetchTopic { topic, partitions }).collect(),
            ..FetchRequest::default()
        }
    }

    /// A fetch from `leader` was not answered.
    pub fn on_fetch_failed(
        &mut self,
        leader: i32,
        asked: &SortedMap<TopicPartition, i64>,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        now: Time,
    ) {
        self.fetching.remove(&leader);
        for partition in asked.keys() {
            self.back_off(partition, subscriptions, now);
        }
        links.metadata.request_update();
    }

    /// Takes in fetched records. Gives why the consumer cannot go on, if so.
    pub fn on_fetched(
        &mut self,
        leader: i32,
        asked: &SortedMap<TopicPartition, i64>,
        response: FetchResponse,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        self.fetching.remove(&leader);
        if response.error_code.is_error() {
            for partition in asked.keys() {
                self.back_off(partition, subscriptions, ctx.now());
            }
            return Ok(());
        }
        for topic in response.responses {
            for answer in topic.partition_responses {
                let partition = TopicPartition::new(topic.topic.clone(), answer.partition);
                let position = asked.get(&partition).copied();
                let owned = subscriptions.get_mut(&partition);
                let Some(owned) = owned.filter(|owned| owned.position() == position) else {
                    continue;
                };
                if answer.error_code.is_ok() {
                    owned.high_watermark = answer.high_watermark;
                    let position = position.unwrap_or_default();
                    self.complete(partition, position, &answer, subscriptions, ctx);
                } else {
                    let error = answer.error_code;
                    self.on_error(&partition, error, subscriptions, links, ctx)?;
                }
            }
        }
        Ok(())
    }

    fn back_off(&self, partition: &TopicPartition, subscriptions: &mut Subscriptions, now: Time) {
        if let Some(owned) = subscriptions.get_mut(partition) {
            owned.not_before = now + self.config.retry_backoff;
        }
    }

    /// In Kafka: Fetcher.initializeCompletedFetch.
    fn on_error(
        &mut self,
        partition: &TopicPartition,
        error: ErrorCode,
        subscriptions: &mut Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        if error == ErrorCode::OFFSET_OUT_OF_RANGE {
            let Some(owned) = subscriptions.get_mut(partition) else { return Ok(()) };
            let offset = owned.position().unwrap_or(-1);
            let Some(timestamp) = self.config.auto_offset_reset.timestamp() else {
                return Err(format!(
                    "OFFSET_OUT_OF_RANGE: Fetch position {offset} is out of range for partition \
                     {partition}, and no reset policy is configured"
                ));
            };
            owned.state = FetchState::AwaitsReset(timestamp);
            let text = format!(
                "Fetch position {offset} is out of range for partition {partition}, resetting \
                 offset"
            );
            self.log(ctx, LogLevel::Info, &text);
            return Ok(());
        }
        if !error.is_retriable() && error != ErrorCode::UNKNOWN_SERVER_ERROR {
            let (name, message) = (error.name(), error.message());
            return Err(format!("{name}: {message} (fetching {partition})"));
        }
        self.back_off(partition, subscriptions, ctx.now());
        links.metadata.request_update();
        Ok(())
    }

    /// Opens the batches of one partition.
    fn complete(
        &mut self,
        partition: TopicPartition,
        position: i64,
        answer: &FetchablePartitionResponse,
        subscriptions: &mut Subscriptions,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(bytes) = answer.record_set.as_ref().filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        let mut fetch =
            CompletedFetch { partition, position, records: VecDeque::new(), next: position };
        let mut batches = Batches::verified(bytes);
        let mut problem = None;
        for batch in batches.by_ref() {
            let next = batch.next_offset();
            if batch.is_control() {
                fetch.next = fetch.next.max(next);
                continue;
            }
            let contents = match batch.contents() {
                Ok(Cow::Borrowed(plain)) => bytes.slice_ref(plain),
                Ok(Cow::Owned(opened)) => Bytes::from(opened),
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            };
            let records = match batch.records_in(&contents) {
                Ok(records) => records,
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            };
            for record in records {
                match record {
                    Ok(record) if record.offset >= position => {
                        let slice = |part: Option<&[u8]>| part.map(|part| contents.slice_ref(part));
                        fetch.records.push_back(ConsumedRecord {
                            partition: fetch.partition.clone(),
                            offset: record.offset,
                            leader_epoch: batch.partition_leader_epoch(),
                            timestamp: record.timestamp,
                            key: slice(record.key),
                            value: slice(record.value),
                        });
                    }
                    Ok(_) => {}
                    Err(error) => problem = Some(error),
                }
            }
            if problem.is_some() {
                break;
            }
            fetch.next = fetch.next.max(next);
        }
        let torn = batches.stopped().filter(|_| fetch.next == position).cloned();
        if let Some(error) = problem.or(torn) {
            let (partition, next) = (&fetch.partition, fetch.next);
            let text = format!(
                "Record batch for partition {partition} at offset {next} is invalid, cause: {error}"
            );
            self.log(ctx, LogLevel::Error, &text);
            fetch.records.retain(|record| record.offset < next);
            self.back_off(&fetch.partition, subscriptions, ctx.now());
        }
        if fetch.next > position {
            self.completed.push_back(fetch);
        }
    }

    /// Hands out at most `max` records, in the order of each partition, and moves positions on.
    pub fn collect(
        &mut self,
        max: usize,
        subscriptions: &mut Subscriptions,
    ) -> Vec<ConsumedRecord> {
        let mut collected = Vec::new();
        while let Some(fetch) = self.completed.front_mut() {
            let owned = subscriptions.get_mut(&fetch.partition);
            let owned = owned.filter(|owned| owned.position() == Some(fetch.position));
            let Some(owned) = owned else {
                self.completed.pop_front();
                continue;
            };
            while collected.len() < max {
                let Some(record) = fetch.records.pop_front() else { break };
                fetch.position = record.offset.saturating_add(1);
                collected.push(record);
            }
            if fetch.records.is_empty() {
                fetch.position = fetch.next;
            }
            owned.state = FetchState::Fetching(fetch.position);
            if !fetch.records.is_empty() {
                break;
            }
            self.completed.pop_front();
        }
        collected
    }
}
