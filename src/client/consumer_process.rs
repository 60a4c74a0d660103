//! A consumer as a process: a member of its group that polls, shows what it got, and commits.
//!
//! In Kafka: what a program around KafkaConsumer does, as kafka.tools.ConsoleConsumer.

use super::consumer::Consumer;
use super::consumer_config::ConsumerConfig;
use super::fetcher::ConsumedRecord;
use super::group_member::MemberState;
use crate::base::timers::Wakeup;
use crate::base::{Time, TopicPartition, TraceEvent};
use crate::node::view::{ConsumerView, OwnedView, RecordView, preview};
use crate::node::{Command, ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use std::collections::VecDeque;

/// How many records the view holds.
const RECORDS_SHOWN_MAX: usize = 32;

/// The process.
#[derive(Debug)]
pub struct ConsumerProcess {
    consumer: Consumer,
    consumed: u64,
    records: VecDeque<(TopicPartition, RecordView)>,
    /// Time of the last step; none before the first, when there is nothing to wake up for.
    now: Option<Time>,
}

impl ConsumerProcess {
    /// A consumer with the settings of `spec`: those of `consumer.properties`, and `topics`.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let config = ConsumerConfig::from_properties(&spec.properties, &spec.name)?;
        let consumer = Consumer::new(config);
        Ok(Self { consumer, consumed: 0, records: VecDeque::new(), now: None })
    }

    fn on_command(&mut self, id: u64, command: Command, ctx: &mut Ctx<'_>) {
        let outcome = match command {
            Command::Seek { topic, partition, offset } => {
                let partition = TopicPartition::new(topic, partition);
                let outcome = self.consumer.seek(&partition, offset);
                outcome.map(|()| format!("{partition} goes on at offset {offset}."))
            }
            Command::Produce { .. }
            | Command::ProduceEvery { .. }
            | Command::CreateTopic { .. } => Err("A consumer can only be told to seek.".to_owned()),
        };
        ctx.answer(id, outcome);
    }

    fn on_record(&mut self, record: &ConsumedRecord, ctx: &mut Ctx<'_>) {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        ctx.trace(TraceEvent::RecordConsumed {
            group: self.consumer.config().group_id.clone(),
            member: self.consumer.coordinator().member_id.clone(),
            partition: record.partition.clone(),
            offset: record.offset,
            checksum: super::record_checksum(key, value),
        });
        self.consumed += 1;
        if self.records.len() == RECORDS_SHOWN_MAX {
            self.records.pop_front();
        }
        let size = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let shown = RecordView {
            offset: record.offset,
            leader_epoch: record.leader_epoch,
            timestamp: record.timestamp,
            key: key.map(preview),
            value: value.map(preview),
            size_bytes: (size(key) + size(value)) as u32,
            control: false,
        };
        self.records.push_back((record.partition.clone(), shown));
    }

    fn state(&self) -> &'static str {
        let coordinator = self.consumer.coordinator();
        match coordinator.state {
            _ if coordinator.node.is_none() => "FindingCoordinator",
            MemberState::Unjoined | MemberState::Joining => "Joining",
            MemberState::AwaitingMetadata { .. } | MemberState::Syncing => "Syncing",
            MemberState::Stable if coordinator.is_stable() => "Stable",
            MemberState::Stable => "Rebalancing",
        }
    }
}

impl Process for ConsumerProcess {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.now = Some(ctx.now());
        match input {
            Input::Start { .. } => {}
            Input::Wake => self.consumer.on_wake(ctx),
            Input::Link(link) => self.consumer.on_link(link, ctx),
            Input::Command { id, command } => self.on_command(id, command, ctx),
            Input::Stop => self.consumer.close(ctx),
        }
        for record in self.consumer.run(ctx) {
            self.on_record(&record, ctx);
        }
        if let Some(reason) = self.consumer.failure() {
            ctx.exit(true, reason);
        } else if self.consumer.is_closed() {
            let total = self.consumed;
            ctx.exit(false, format!("Processed a total of {total} messages"));
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.consumer.next_wakeup(self.now?)
    }

    fn view(&self) -> ProcessView {
        let config = self.consumer.config();
        let coordinator = self.consumer.coordinator();
        let owned = self.consumer.subscriptions().iter().map(|(partition, owned)| {
            let position = owned.position();
            let lag = position.filter(|_| owned.high_watermark >= 0);
            OwnedView {
                partition: partition.clone(),
                position: position.unwrap_or(-1),
                committed: owned.committed,
                lag: lag.map_or(-1, |position| (owned.high_watermark - position).max(0)),
            }
        });
        ProcessView::Consumer(ConsumerView {
            client_id: config.client_id.clone(),
            group: config.group_id.clone(),
            member: coordinator.member_id.clone(),
            generation: coordinator.generation,
            state: self.state().to_owned(),
            topics: config.topics.clone(),
            owned: owned.collect(),
            consumed: self.consumed,
            records: self.records.iter().cloned().collect(),
        })
    }
}
