//! Fetching records: one request at a time to each leader, for every partition whose records are
//! used up; handing records out in order.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.Fetcher. Left out: fetching from followers
//! (KIP-392).

use super::completed_fetch::{CompletedFetch, ConsumedRecord};
use super::consumer_config::ConsumerConfig;
use super::consumer_link::{Links, Tag};
use super::fetch_session::FetchSession;
use super::subscriptions::{OwnedPartition, Subscriptions};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Time, TopicPartition};
use crate::node::Ctx;
use crate::wire::ErrorCode;
use crate::wire::kafka::{FetchPartition, FetchRequest, FetchResponse, FetchablePartitionResponse};
use std::collections::VecDeque;
use std::rc::Rc;

/// The logger of this class and of the parts of it that stand in files of their own.
pub(super) const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.Fetcher";

/// The fetcher.
#[derive(Debug)]
pub struct Fetcher {
    config: Rc<ConsumerConfig>,
    completed: VecDeque<CompletedFetch>,
    /// Leaders that have a request of ours.
    fetching: SortedSet<i32>,
    sessions: SortedMap<i32, FetchSession>,
}

impl Fetcher {
    /// Nothing fetched yet.
    pub fn new(config: Rc<ConsumerConfig>) -> Self {
        Self {
            config,
            completed: VecDeque::new(),
            fetching: SortedSet::new(),
            sessions: SortedMap::new(),
        }
    }

    /// Drops what was fetched of partitions that are somebody else's now.
    pub fn retain(&mut self, subscriptions: &Subscriptions) {
        self.completed.retain(|fetch| subscriptions.get(&fetch.partition).is_some());
    }

    /// True when records wait that may be handed out.
    pub fn has_records(&self, subscriptions: &Subscriptions) -> bool {
        self.completed.iter().any(|fetch| {
            let owned = subscriptions.get(&fetch.partition);
            owned.is_some_and(|owned| owned.fetchable().is_some())
        })
    }

    fn log(&self, ctx: &mut Ctx<'_>, level: LogLevel, text: &str) {
        ctx.log(level, LOGGER, self.config.log_context() + text);
    }

    /// Sends a fetch to every leader that has none of ours, for all its partitions whose records
    /// are used up.
    pub fn send_fetches(
        &mut self,
        subscriptions: &Subscriptions,
        links: &mut Links,
        ctx: &mut Ctx<'_>,
    ) {
        let mut requests: SortedMap<i32, SortedMap<TopicPartition, FetchPartition>> =
            SortedMap::new();
        for partition in subscriptions.due(ctx.now(), |owned| owned.fetchable().is_some()) {
            if self.completed.iter().any(|fetch| fetch.partition == partition) {
                continue;
            }
            let position = subscriptions.get(&partition).and_then(OwnedPartition::fetchable);
            match (links.metadata.leader(&partition), position) {
                (Some((leader, _)), _) if self.fetching.contains(&leader) => {}
                (Some((leader, current_leader_epoch)), Some(fetch_offset)) => {
                    let data = FetchPartition {
                        partition: partition.partition,
                        current_leader_epoch,
                        fetch_offset,
                        partition_max_bytes: self.config.max_partition_fetch_bytes,
                        ..FetchPartition::default()
                    };
                    requests.entry(leader).or_default().insert(partition, data);
                }
                (None, _) => links.metadata.request_update(),
                _ => {}
            }
        }
        for (leader, partitions) in requests {
            self.fetching.insert(leader);
            let asked = partitions.iter();
            let asked = asked.map(|(partition, data)| (partition.clone(), data.fetch_offset));
            let tag = Tag::Fetch(asked.collect());
            let session = self.sessions.entry(leader).or_default().request(partitions);
            let request = FetchRequest {
                replica_id: -1,
                max_wait_ms: self.config.fetch_max_wait.as_millis() as i32,
                min_bytes: self.config.fetch_min_bytes,
                max_bytes: self.config.fetch_max_bytes,
                isolation_level: self.config.isolation_level.id(),
                session_id: session.id,
                session_epoch: session.epoch,
                topics: session.topics,
                forgotten_topics_data: session.forgotten,
                ..FetchRequest::default()
            };
            links.network.send(leader, request, tag, ctx);
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
        self.sessions.entry(leader).or_default().on_failure();
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
        let session = self.sessions.entry(leader).or_default();
        session.on_response(response.session_id, response.error_code);
        if response.error_code.is_error() {
            // Only the session is at fault; Kafka asks again at once.
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
                    owned.last_stable_offset = answer.last_stable_offset;
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
            let text = format!("Fetch position {offset} is out of range for partition {partition}");
            let Some(timestamp) = self.config.auto_offset_reset.timestamp() else {
                let raised = "raising error to the application since no reset policy is configured";
                self.log(ctx, LogLevel::Info, &format!("{text}, {raised}"));
                return Err(format!("OffsetOutOfRangeException: {text}"));
            };
            owned.reset(timestamp);
            self.log(ctx, LogLevel::Info, &format!("{text}, resetting offset"));
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
        let isolation = self.config.isolation_level;
        let (mut fetch, problem) = CompletedFetch::open(partition, position, answer, isolation);
        if let Some(error) = problem {
            let (partition, next) = (&fetch.partition, fetch.next);
            let text = format!(
                "Record batch for partition {partition} at offset {next} is invalid, cause: {error}"
            );
            self.log(ctx, LogLevel::Error, &text);
            self.back_off(partition, subscriptions, ctx.now());
        }
        if is_planted(Mutant::SkipFetchedRecord) && fetch.records.len() > 1 {
            fetch.records.pop_back();
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
        let (mut collected, mut kept) = (Vec::new(), VecDeque::new());
        while let Some(mut fetch) = self.completed.pop_front() {
            let owned = subscriptions.get_mut(&fetch.partition);
            let owned = owned.filter(|owned| owned.position() == Some(fetch.position));
            let Some(owned) = owned else { continue };
            if owned.fetchable().is_none() || collected.len() == max {
                kept.push_back(fetch);
                continue;
            }
            while collected.len() < max {
                let Some(record) = fetch.records.pop_front() else { break };
                fetch.position = record.offset.saturating_add(1);
                owned.offset_epoch = record.leader_epoch;
                collected.push(record);
            }
            if fetch.records.is_empty() {
                fetch.position = fetch.next;
                owned.offset_epoch = fetch.epoch;
            }
            owned.state = super::subscriptions::FetchState::Fetching(fetch.position);
            if !fetch.records.is_empty() {
                kept.push_back(fetch);
            }
        }
        self.completed = kept;
        collected
    }
}
