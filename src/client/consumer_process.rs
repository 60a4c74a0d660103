//! A consumer as a process: a member of its group that polls, shows what it got, and commits.
//!
//! In Kafka: what a program around KafkaConsumer does, as kafka.tools.ConsoleConsumer.

use super::application::Application;
use super::completed_fetch::ConsumedRecord;
use super::consumer::Consumer;
use super::consumer_config::ConsumerConfig;
use super::group_member::MemberState;
use crate::base::timers::Wakeup;
use crate::base::{Span, Time, TopicPartition, TraceEvent};
use crate::node::view::{ConsumerView, OwnedView, RecordView, preview};
use crate::node::{
    Command, ConfigError, ConsumerCommand, Ctx, Input, Process, ProcessSpec, ProcessView,
};
use std::collections::VecDeque;
use std::rc::Rc;

/// How many records the view holds.
const RECORDS_SHOWN_MAX: usize = 32;

/// The process.
#[derive(Debug)]
pub struct ConsumerProcess {
    consumer: Consumer,
    application: Application,
    consumed: u64,
    records: VecDeque<Rc<(TopicPartition, RecordView)>>,
    /// Time of the last step; none before the first, when there is nothing to wake up for.
    now: Option<Time>,
}

impl ConsumerProcess {
    /// A consumer with the settings of `spec`: those of `consumer.properties`; `topics`,
    /// `topics.pattern` or `partitions`; and how the application treats records: `process.ms`,
    /// `acknowledge`.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let config = ConsumerConfig::from_properties(&spec.properties, &spec.name)?;
        Ok(Self {
            consumer: Consumer::new(config),
            application: Application::new(&spec.properties)?,
            consumed: 0,
            records: VecDeque::new(),
            now: None,
        })
    }

    fn on_command(&mut self, id: u64, command: Command, ctx: &mut Ctx<'_>) {
        let outcome = match command {
            Command::Seek { topic, partition, offset } => {
                let partition = TopicPartition::new(topic, partition);
                let outcome = self.consumer.seek(&partition, offset);
                outcome.map(|()| format!("{partition} goes on at offset {offset}."))
            }
            Command::Consumer(ConsumerCommand::ProcessFor { micros }) => {
                let time = Span::from_micros(micros);
                self.application.process_for(time);
                Ok(format!("Each record takes {time}."))
            }
            Command::Consumer(ConsumerCommand::CrashAfter { records, point }) => {
                self.application.crash_after(records, point);
                Ok(format!("The application will crash at record {records} from now."))
            }
            Command::Consumer(command) => return self.consumer.command(id, command, ctx),
            Command::Produce { .. }
            | Command::ProduceEvery { .. }
            | Command::CreateTopic { .. }
            | Command::DumpLog(_)
            | Command::Admin(_) => {
                Err("A consumer does not send records or create topics.".to_owned())
            }
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
        self.records.push_back(Rc::new((record.partition.clone(), shown)));
    }

    /// The application goes on, polls, and goes on with what it got.
    fn run(&mut self, ctx: &mut Ctx<'_>) {
        let mut may_poll = true;
        loop {
            while let Some(record) = self.application.run(&mut self.consumer, ctx) {
                self.on_record(&record, ctx);
            }
            if self.application.death().is_some() {
                return;
            }
            let records = self.consumer.run(may_poll && self.application.polls(), ctx);
            if records.is_empty() && !self.application.can_go_on(&self.consumer, ctx.now()) {
                return;
            }
            may_poll = false;
            self.application.take(records, &mut self.consumer, ctx);
        }
    }

    fn state(&self) -> &'static str {
        let coordinator = self.consumer.coordinator();
        match coordinator.state {
            _ if !self.consumer.subscription().is_auto() => "Assigned",
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
        self.run(ctx);
        if let Some(death) = self.application.death() {
            ctx.exit(true, death);
        } else if let Some(reason) = self.consumer.failure() {
            ctx.exit(true, reason);
        } else if self.consumer.is_closed() {
            let total = self.consumed;
            ctx.exit(false, format!("Processed a total of {total} messages"));
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let consumer = self.consumer.next_wakeup(self.application.polls(), self.now?);
        let wakes = [consumer, self.application.next_wakeup()];
        wakes.into_iter().flatten().min_by_key(|wakeup| wakeup.at)
    }

    fn view(&self) -> ProcessView {
        let config = self.consumer.config();
        let coordinator = self.consumer.coordinator();
        let owned = self.consumer.subscriptions().iter().map(|(partition, owned)| OwnedView {
            partition: partition.clone(),
            position: owned.position().unwrap_or(-1),
            committed: owned.committed,
            lag: self.consumer.lag(partition),
        });
        ProcessView::Consumer(ConsumerView {
            client_id: config.client_id.clone(),
            group: config.group_id.clone(),
            member: coordinator.member_id.clone(),
            generation: coordinator.generation,
            state: self.state().to_owned(),
            topics: self.consumer.subscription().words(),
            owned: owned.collect(),
            consumed: self.consumed,
            records: self.records.iter().cloned().collect(),
        })
    }
}
