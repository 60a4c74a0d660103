//! A producer as a process: it sends what it is told to, or a numbered record every so often, and
//! reports what became of each command.
//!
//! In Kafka: what a program around KafkaProducer does, as kafka.tools.ConsoleProducer.

use super::producer::{Completion, Producer, ProducerRecord};
use super::producer_config::ProducerConfig;
use crate::base::timers::Wakeup;
use crate::base::{SortedMap, Span, Time, TopicPartition};
use crate::node::view::{OutcomeView, ProducerView, preview};
use crate::node::{
    Command, ConfigError, Ctx, Input, OutgoingRecord, Process, ProcessSpec, ProcessView, Properties,
};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::rc::Rc;

/// How many outcomes the view holds.
const OUTCOMES_SHOWN_MAX: usize = 32;
/// The owner of records that belong to no command.
const NOBODY: u64 = 0;
/// How many records a generator sends at once at most.
const LOAD_RECORDS_MAX: usize = 100_000;
/// How many bytes its values have at most.
const LOAD_RECORD_SIZE_MAX: usize = 16 * 1024 * 1024;

/// A `Produce` command under way.
#[derive(Debug, Default)]
struct Progress {
    command: u64,
    records: usize,
    done: usize,
    failed: usize,
    first_error: Option<String>,
    /// Lowest and highest offset in each partition.
    offsets: SortedMap<TopicPartition, (i64, i64)>,
}

/// What a generator sends, however it was begun.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Records each time.
    records: u32,
    /// Bytes that a value has at least.
    record_size: usize,
}

impl Load {
    /// `records.per.interval` and `record.size`.
    fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let (records, record_size) = ("records.per.interval", "record.size");
        let load = Self {
            records: properties.parse(records, 1)?,
            record_size: properties.parse(record_size, 0)?,
        };
        let bounds = [
            (records, load.records as usize, LOAD_RECORDS_MAX),
            (record_size, load.record_size, LOAD_RECORD_SIZE_MAX),
        ];
        match bounds.into_iter().find(|(_, value, most)| value > most) {
            None => Ok(load),
            Some((key, value, most)) => Err(ConfigError {
                key: key.to_owned(),
                value: value.to_string(),
                reason: format!("Value must be no more than {most}"),
            }),
        }
    }

    /// The value of a record.
    fn value(self, number: u64) -> Bytes {
        let mut value = format!("message-{number}").into_bytes();
        value.resize(value.len().max(self.record_size), b'.');
        value.into()
    }
}

/// A `ProduceEvery` command.
#[derive(Debug)]
struct Generator {
    topic: Rc<str>,
    interval: Span,
    keys: Vec<String>,
    produced: u64,
    next: Time,
}

impl Generator {
    /// The next record.
    fn record(&mut self, load: Load) -> ProducerRecord {
        let turn = (self.produced % self.keys.len().max(1) as u64) as usize;
        self.produced += 1;
        ProducerRecord {
            topic: Rc::clone(&self.topic),
            partition: None,
            key: self.keys.get(turn).map(|key| Bytes::from(key.clone())),
            value: Some(load.value(self.produced)),
            headers: Vec::new(),
            timestamp: None,
        }
    }
}

/// The process.
#[derive(Debug)]
pub struct ProducerProcess {
    producer: Producer,
    commands: SortedMap<u64, Progress>,
    next_owner: u64,
    load: Load,
    generator: Option<Generator>,
    /// The generator of the properties, begun at the start.
    configured: Option<(String, u64, Vec<String>)>,
    sent: u64,
    acknowledged: u64,
    failed: u64,
    outcomes: VecDeque<Rc<OutcomeView>>,
    closing: bool,
    /// Time of the last step; none before the first, when there is nothing to wake up for.
    now: Option<Time>,
}

impl ProducerProcess {
    /// A producer with the settings of `spec`: those of `producer.properties`, and with `topic`
    /// and `interval.ms` (and `keys`) one that begins to produce by itself. What it then sends each
    /// time are `records.per.interval` records of `record.size` bytes, as far as they can be sent
    /// without waiting (kafka-producer-perf-test.sh has `--record-size`).
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let properties = &spec.properties;
        let config = ProducerConfig::from_properties(properties, &spec.name)?;
        let interval_us = properties.millis("interval.ms", 0)?.as_micros();
        let topic = properties.get("topic").filter(|_| interval_us > 0);
        Ok(Self {
            producer: Producer::new(config),
            commands: SortedMap::new(),
            next_owner: NOBODY + 1,
            load: Load::from_properties(properties)?,
            generator: None,
            configured: topic.map(|topic| (topic.to_owned(), interval_us, properties.list("keys"))),
            sent: 0,
            acknowledged: 0,
            failed: 0,
            outcomes: VecDeque::new(),
            closing: false,
            now: None,
        })
    }

    fn on_command(&mut self, id: u64, command: Command, ctx: &mut Ctx<'_>) {
        if self.closing {
            ctx.answer(id, Err("Producer closed while send in progress".to_owned()));
            return;
        }
        match command {
            Command::Produce { topic, records } => self.produce(id, topic, records, ctx),
            Command::ProduceEvery { topic, interval_us: 0, .. } => {
                self.generator = None;
                ctx.answer(id, Ok(format!("No longer producing to {topic}.")));
            }
            Command::ProduceEvery { topic, interval_us, keys } => {
                let every = Span::from_micros(interval_us);
                let sentence = format!("Producing to {topic} every {every}.");
                self.generate(topic, interval_us, keys, ctx);
                ctx.answer(id, Ok(sentence));
            }
            Command::CreateTopic { .. }
            | Command::DumpLog(_)
            | Command::Admin(_)
            | Command::Seek { .. }
            | Command::Consumer(_) => {
                ctx.answer(id, Err("A producer only takes records.".to_owned()));
            }
        }
    }

    fn produce(&mut self, id: u64, topic: String, records: Vec<OutgoingRecord>, ctx: &mut Ctx<'_>) {
        if records.is_empty() {
            ctx.answer(id, Ok("0 records".to_owned()));
            return;
        }
        let owner = self.next_owner;
        self.next_owner += 1;
        let progress = Progress { command: id, records: records.len(), ..Progress::default() };
        self.commands.insert(owner, progress);
        let topic: Rc<str> = topic.into();
        for OutgoingRecord { key, value, partition, headers, timestamp } in records {
            let topic = Rc::clone(&topic);
            let record = ProducerRecord { topic, partition, key, value, headers, timestamp };
            self.sent += 1;
            self.producer.send(record, owner, ctx);
        }
    }

    fn generate(&mut self, topic: String, interval_us: u64, keys: Vec<String>, ctx: &Ctx<'_>) {
        let interval = Span::from_micros(interval_us);
        let topic = topic.into();
        self.generator = Some(Generator { topic, interval, keys, produced: 0, next: ctx.now() });
    }

    /// Sends the generator's records when their time has come. While the producer blocks, its caller
    /// could not produce either.
    fn run_generator(&mut self, ctx: &mut Ctx<'_>) {
        let Some(generator) = &mut self.generator else { return };
        if generator.next > ctx.now() {
            return;
        }
        generator.next = ctx.now() + generator.interval;
        if self.producer.is_blocked() {
            return;
        }
        for _ in 0..self.load.records {
            self.sent += 1;
            self.producer.send(generator.record(self.load), NOBODY, ctx);
        }
    }

    fn on_completion(&mut self, completion: Completion, ctx: &mut Ctx<'_>) {
        let Completion { record, result } = completion;
        match &result {
            Ok(_) => self.acknowledged += 1,
            Err(_) => self.failed += 1,
        }
        if let Some(progress) = self.commands.get_mut(&record.owner) {
            progress.done += 1;
            match &result {
                Ok((partition, offset)) => {
                    let range = progress.offsets.entry(partition.clone());
                    let range = range.or_insert((*offset, *offset));
                    *range = (range.0.min(*offset), range.1.max(*offset));
                }
                Err(error) => {
                    progress.failed += 1;
                    progress.first_error.get_or_insert_with(|| error.to_string());
                }
            }
            if progress.done == progress.records {
                ctx.answer(progress.command, progress.outcome());
                self.commands.remove(&record.owner);
            }
        }
        if self.outcomes.len() == OUTCOMES_SHOWN_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(Rc::new(OutcomeView {
            record: record.number,
            key: record.key.as_deref().map(preview),
            value: record.value.as_deref().map(preview),
            result: match result {
                Ok((partition, offset)) => Ok(format!("{partition}@{offset}")),
                Err(error) => Err(error.name().to_owned()),
            },
        }));
    }
}

impl Progress {
    /// Count and places, or the first error.
    fn outcome(&self) -> Result<String, String> {
        if let Some(error) = &self.first_error {
            let Self { failed, records, .. } = self;
            return Err(match records {
                1 => error.clone(),
                _ => format!("{error} ({failed} of {records} records failed)"),
            });
        }
        let plural = if self.records == 1 { "" } else { "s" };
        let mut text = format!("{} record{plural}:", self.records);
        for (index, (partition, (first, last))) in self.offsets.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma} {partition}@{first}");
            if last > first {
                let _ = write!(text, "..{last}");
            }
        }
        Ok(text)
    }
}

impl Process for ProducerProcess {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.now = Some(ctx.now());
        match input {
            Input::Start { .. } => {
                if let Some((topic, interval_us, keys)) = self.configured.take() {
                    self.generate(topic, interval_us, keys, ctx);
                }
            }
            Input::Wake => self.producer.on_wake(ctx),
            Input::Link(link) => self.producer.on_link(link, ctx),
            Input::Command { id, command } => self.on_command(id, command, ctx),
            Input::Stop => {
                self.closing = true;
                self.generator = None;
                self.producer.close(ctx);
            }
        }
        self.run_generator(ctx);
        for completion in self.producer.run(ctx) {
            self.on_completion(completion, ctx);
        }
        if self.closing && self.producer.unfinished() == 0 {
            ctx.exit(false, "Closed the Kafka producer");
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let generator = self.generator.as_ref();
        let tick =
            generator.map(|generator| Wakeup { at: generator.next, reason: "next record".into() });
        let producer = self.producer.next_wakeup(self.now?);
        producer.into_iter().chain(tick).min_by_key(|wakeup| wakeup.at)
    }

    fn view(&self) -> ProcessView {
        ProcessView::Producer(ProducerView {
            client_id: self.producer.config().client_id.clone(),
            sent: self.sent,
            acknowledged: self.acknowledged,
            failed: self.failed,
            retries: self.producer.retries(),
            pending: self.producer.unfinished(),
            outcomes: self.outcomes.iter().cloned().collect(),
            interval_us: self
                .generator
                .as_ref()
                .map_or(0, |generator| generator.interval.as_micros()),
            acks: self.producer.config().acks,
            producer_id: self.producer.identity().map_or(-1, |producer| producer.id),
            producer_epoch: self.producer.identity().map_or(-1, |producer| producer.epoch),
        })
    }
}
