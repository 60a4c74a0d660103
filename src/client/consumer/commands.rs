//! What the application of a running consumer calls on it.
//!
//! In Kafka: the methods of org.apache.kafka.clients.consumer.KafkaConsumer.

use super::Consumer;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::client::committer::Purpose;
use crate::client::consumer_link::Tag;
use crate::client::positions::Positions;
use crate::client::subscription_type::{SubscriptionType, TopicPattern};
use crate::client::subscriptions::OffsetAndEpoch;
use crate::node::{ConsumerCommand, Ctx};
use crate::wire::kafka::ListOffsetsResponse;

/// `offsetsForTimes` under way.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// The command to answer.
    command: u64,
    timestamp: i64,
    deadline: Time,
    /// Partitions whose leader is still to be asked.
    open: Vec<TopicPartition>,
    /// How many were asked and did not answer yet.
    asked: usize,
    /// Nothing is asked before this time.
    not_before: Time,
    /// Offset and timestamp, or none.
    found: SortedMap<TopicPartition, Option<(i64, i64)>>,
}

impl Inquiry {
    /// When there is something to do about it.
    pub(super) fn next_deadline(&self) -> Time {
        if self.open.is_empty() { self.deadline } else { self.deadline.min(self.not_before) }
    }
}

fn not_assigned(partition: &TopicPartition) -> String {
    format!("No current assignment for partition {partition}")
}

impl Consumer {
    /// Goes to `offset` of a partition that it owns.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), String> {
        if offset < 0 {
            return Err("seek offset must not be a negative number".to_owned());
        }
        let owned = self.subscriptions.get_mut(partition);
        let owned = owned.ok_or_else(|| not_assigned(partition))?;
        owned.seek(offset, -1);
        Ok(())
    }

    /// Does what `command` says; the answer to `id` comes now or later. [`Consumer::run`] must
    /// follow. Those about the application itself are none of the consumer's.
    pub fn command(&mut self, id: u64, command: ConsumerCommand, ctx: &mut Ctx<'_>) {
        let outcome = match command {
            ConsumerCommand::SeekTo { timestamp, partitions } => {
                self.seek_to(timestamp, partitions)
            }
            ConsumerCommand::Pause(partitions) => self.set_paused(true, partitions),
            ConsumerCommand::Resume(partitions) => self.set_paused(false, partitions),
            ConsumerCommand::Commit { sync, offsets } => {
                let offsets: SortedMap<_, _> = if offsets.is_empty() {
                    self.subscriptions.all_consumed()
                } else {
                    offsets
                        .into_iter()
                        .map(|(partition, offset)| {
                            (partition, OffsetAndEpoch { offset, epoch: -1 })
                        })
                        .collect()
                };
                let odd = offsets.values().map(|one| one.offset).find(|offset| *offset < 0);
                let Some(odd) = odd else {
                    let purpose = Purpose::Application { command: id, sync };
                    self.commit(purpose, offsets, ctx);
                    return;
                };
                Err(format!("Invalid offset: {odd}"))
            }
            ConsumerCommand::Subscribe(topics) => self.change(SubscriptionType::AutoTopics(topics)),
            ConsumerCommand::SubscribePattern(pattern) => TopicPattern::parse(&pattern)
                .and_then(|pattern| self.change(SubscriptionType::AutoPattern(pattern))),
            ConsumerCommand::Assign(partitions) => {
                self.change(SubscriptionType::UserAssigned(partitions))
            }
            ConsumerCommand::Unsubscribe => {
                self.unsubscribe(ctx);
                Ok("Unsubscribed all topics or patterns and assigned partitions".to_owned())
            }
            ConsumerCommand::OffsetsForTimes { timestamp, partitions } => {
                match self.begin_inquiry(id, timestamp, partitions, ctx) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            ConsumerCommand::Positions => Ok(self.positions_in_words()),
            ConsumerCommand::ProcessFor { .. } | ConsumerCommand::CrashAfter { .. } => {
                Err("That is the application's to do.".to_owned())
            }
        };
        ctx.answer(id, outcome);
    }

    /// The given partitions, all of which it must own; none stands for all that it owns.
    fn owned(&self, partitions: Vec<TopicPartition>) -> Result<Vec<TopicPartition>, String> {
        if partitions.is_empty() {
            return Ok(self.subscriptions.partitions());
        }
        match partitions.iter().find(|one| self.subscriptions.get(one).is_none()) {
            Some(foreign) => Err(not_assigned(foreign)),
            None => Ok(partitions),
        }
    }

    fn seek_to(&mut self, timestamp: i64, wanted: Vec<TopicPartition>) -> Result<String, String> {
        if timestamp < -2 {
            return Err(format!("The target time {timestamp} cannot be negative"));
        }
        let partitions = self.owned(wanted)?;
        for partition in &partitions {
            if let Some(owned) = self.subscriptions.get_mut(partition) {
                owned.reset(timestamp);
            }
        }
        let place = match timestamp {
            -2 => "the beginning".to_owned(),
            -1 => "the end".to_owned(),
            time => format!("the first record at {time} ms or later"),
        };
        Ok(format!("{} partitions go on at {place}.", partitions.len()))
    }

    fn set_paused(&mut self, paused: bool, wanted: Vec<TopicPartition>) -> Result<String, String> {
        let partitions = self.owned(wanted)?;
        for partition in &partitions {
            if let Some(owned) = self.subscriptions.get_mut(partition) {
                owned.is_paused = paused;
            }
        }
        let done = if paused { "paused" } else { "resumed" };
        Ok(format!("{} partitions {done}.", partitions.len()))
    }

    fn change(&mut self, subscription: SubscriptionType) -> Result<String, String> {
        let exclusive = "Subscription to topics, partitions and pattern are mutually exclusive";
        let same_kind =
            std::mem::discriminant(&self.subscription) == std::mem::discriminant(&subscription);
        if !same_kind && !matches!(self.subscription, SubscriptionType::None) {
            return Err(exclusive.to_owned());
        }
        if subscription.is_auto() && self.config.group_id.is_empty() {
            return Err(
                "INVALID_GROUP_ID: To use the group management or offset commit APIs, you \
                        must provide a valid group.id in the consumer configuration."
                    .to_owned(),
            );
        }
        let words = subscription.words().join(", ");
        let how = match subscription {
            SubscriptionType::AutoPattern(_) => "Subscribed to pattern:",
            SubscriptionType::UserAssigned(_) => "Assigned partition(s):",
            SubscriptionType::AutoTopics(_) | SubscriptionType::None => "Subscribed to topic(s):",
        };
        self.subscribe(subscription);
        Ok(format!("{how} {words}"))
    }

    fn positions_in_words(&self) -> String {
        let known = |value: i64| if value < 0 { "none".to_owned() } else { value.to_string() };
        let lines = self.subscriptions.iter().map(|(partition, owned)| {
            let position = owned.position().unwrap_or(-1);
            let (committed, lag) = (known(owned.committed), known(self.lag(partition)));
            format!("{partition}: position {}, committed {committed}, lag {lag}", known(position))
        });
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() { "No partitions.".to_owned() } else { lines.join("; ") }
    }

    /// How many records lie between a partition's position and what may be read, −1 when not known.
    pub fn lag(&self, partition: &TopicPartition) -> i64 {
        let Some(owned) = self.subscriptions.get(partition) else { return -1 };
        let end = match self.config.isolation_level.id() {
            0 => owned.high_watermark,
            _ => owned.last_stable_offset,
        };
        match owned.position() {
            Some(position) if end >= 0 => (end - position).max(0),
            _ => -1,
        }
    }

    fn begin_inquiry(
        &mut self,
        command: u64,
        timestamp: i64,
        partitions: Vec<TopicPartition>,
        ctx: &Ctx<'_>,
    ) -> Result<(), String> {
        if timestamp < 0 {
            return Err(format!("The target time {timestamp} cannot be negative"));
        }
        let open = if partitions.is_empty() { self.subscriptions.partitions() } else { partitions };
        for partition in &open {
            self.links.metadata.add_topic(&partition.topic);
        }
        let inquiry = Inquiry {
            command,
            timestamp,
            deadline: ctx.now() + self.config.api_timeout,
            open,
            asked: 0,
            not_before: ctx.now(),
            found: SortedMap::new(),
        };
        let id = self.inquiries.last_key_value().map_or(0, |(id, _)| id + 1);
        self.inquiries.insert(id, inquiry);
        Ok(())
    }

    /// Asks the leaders, as far as they are known.
    pub(super) fn ask_for_times(&mut self, ctx: &mut Ctx<'_>) {
        let ids: Vec<u64> = self.inquiries.keys().copied().collect();
        for id in ids {
            let Some(inquiry) = self.inquiries.get_mut(&id) else { continue };
            if inquiry.deadline <= ctx.now() {
                let command = inquiry.command;
                self.inquiries.remove(&id);
                let timeout = self.config.api_timeout.as_millis();
                let text =
                    format!("REQUEST_TIMED_OUT: Failed to get offsets by times in {timeout}ms");
                ctx.answer(command, Err(text));
                continue;
            }
            let mut requests: SortedMap<i32, SortedMap<TopicPartition, (i64, i32)>> =
                SortedMap::new();
            if inquiry.not_before <= ctx.now() {
                let timestamp = inquiry.timestamp;
                inquiry.open.retain(|partition| {
                    let Some((leader, epoch)) = self.links.metadata.leader(partition) else {
                        self.links.metadata.request_update();
                        return true;
                    };
                    let request = requests.entry(leader).or_default();
                    request.insert(partition.clone(), (timestamp, epoch));
                    false
                });
            }
            inquiry.asked += requests.values().map(SortedMap::len).sum::<usize>();
            if inquiry.open.is_empty() && inquiry.asked == 0 {
                let found = inquiry.found.iter().map(|(partition, found)| match found {
                    Some((offset, timestamp)) => {
                        format!("{partition}: {offset} (at {timestamp} ms)")
                    }
                    None => format!("{partition}: none"),
                });
                let found: Vec<_> = found.collect();
                ctx.answer(inquiry.command, Ok(found.join("; ")));
                self.inquiries.remove(&id);
            }
            for (leader, partitions) in requests {
                let request = self.positions.list_offsets(&partitions);
                let tag = Tag::OffsetsForTimes(id, partitions.into_keys().collect());
                self.links.network.send(leader, request, tag, ctx);
            }
        }
    }

    /// Takes in offsets found by time, or that there was no answer.
    pub(super) fn on_times(
        &mut self,
        id: u64,
        asked: &[TopicPartition],
        response: Option<&ListOffsetsResponse>,
        ctx: &Ctx<'_>,
    ) {
        let Some(inquiry) = self.inquiries.get_mut(&id) else { return };
        inquiry.asked = inquiry.asked.saturating_sub(asked.len());
        for partition in asked {
            if let Some(found) = Positions::found(partition, response) {
                inquiry.found.insert(partition.clone(), found);
            } else {
                inquiry.open.push(partition.clone());
                inquiry.not_before = ctx.now() + self.config.retry_backoff;
                self.links.metadata.request_update();
            }
        }
    }
}
