//! The application around a consumer: it takes the records of a poll one by one, each for some
//! time, acknowledges them before or after, and may die at a chosen point. While it is busy it
//! does not poll.
//!
//! In Kafka: the loop around KafkaConsumer.poll that every consuming program has.

use super::completed_fetch::ConsumedRecord;
use super::consumer::Consumer;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{Span, Time, TopicPartition};
use crate::node::{ConfigError, CrashPoint, Ctx, Properties};
use std::collections::VecDeque;

const LOGGER: &str = "application";

/// `acknowledge`: who commits, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Acknowledge {
    /// `auto`: nobody but the consumer itself, inside of poll.
    Auto,
    /// `before`: commitSync as soon as poll returns; what a crash then cuts short is lost.
    Before,
    /// `after`: commitSync behind the last record of a poll; what a crash then leaves comes twice.
    After,
    /// `each`: commitSync behind every record.
    Each,
}

/// What it is doing.
#[derive(Debug)]
enum Doing {
    /// Waiting for records.
    Polling,
    /// At the first of its records, until then.
    Processing { until: Time },
    /// Waiting for commitSync to return.
    Acknowledging,
}

/// A chosen death.
#[derive(Debug)]
struct Crash {
    /// At which record from now, from 1.
    countdown: u64,
    point: CrashPoint,
}

/// The application.
#[derive(Debug)]
pub struct Application {
    acknowledge: Acknowledge,
    time_per_record: Span,
    doing: Doing,
    records: VecDeque<ConsumedRecord>,
    crash: Option<Crash>,
    /// Dies as soon as this offset of a partition is committed.
    dies_at: Option<(TopicPartition, i64)>,
    /// What it died of.
    death: Option<&'static str>,
}

impl Application {
    /// An application with the settings `process.ms` and `acknowledge`.
    pub fn new(properties: &Properties) -> Result<Self, ConfigError> {
        let key = "acknowledge";
        let acknowledge = match properties.get(key).map(str::trim) {
            None | Some("auto") => Acknowledge::Auto,
            Some("before") => Acknowledge::Before,
            Some("after") => Acknowledge::After,
            Some("each") => Acknowledge::Each,
            Some(other) => {
                return Err(ConfigError {
                    key: key.to_owned(),
                    value: other.to_owned(),
                    reason: "String must be one of: auto, before, after, each".to_owned(),
                });
            }
        };
        Ok(Self {
            acknowledge,
            time_per_record: properties.millis("process.ms", 0)?,
            doing: Doing::Polling,
            records: VecDeque::new(),
            crash: None,
            dies_at: None,
            death: None,
        })
    }

    /// True when it would call poll, or is waiting in it.
    pub fn polls(&self) -> bool {
        matches!(self.doing, Doing::Polling)
    }

    /// Takes that long for each record from now on.
    pub fn process_for(&mut self, time: Span) {
        self.time_per_record = time;
    }

    /// Dies at one of the next records.
    pub fn crash_after(&mut self, records: u64, point: CrashPoint) {
        self.crash = Some(Crash { countdown: records.max(1), point });
    }

    /// Takes what poll returned.
    pub fn take(
        &mut self,
        records: Vec<ConsumedRecord>,
        consumer: &mut Consumer,
        ctx: &mut Ctx<'_>,
    ) {
        if records.is_empty() {
            return;
        }
        self.records.extend(records);
        if self.acknowledge == Acknowledge::Before {
            self.doing = Doing::Acknowledging;
            consumer.acknowledge(None, ctx);
        } else {
            self.begin(ctx);
        }
    }

    fn begin(&mut self, ctx: &mut Ctx<'_>) {
        let crash = self.crash.as_ref();
        let dies = crash.is_some_and(|one| one.countdown == 1 && one.point == CrashPoint::Received);
        if self.records.is_empty() {
            self.doing = Doing::Polling;
        } else if dies {
            self.die(CrashPoint::Received);
        } else {
            self.doing = Doing::Processing { until: ctx.now() + self.time_per_record };
        }
    }

    /// Goes on; gives the record that it is done with. To be called in every step, until it gives
    /// none.
    pub fn run(&mut self, consumer: &mut Consumer, ctx: &mut Ctx<'_>) -> Option<ConsumedRecord> {
        self.die_if_committed(consumer);
        if self.death.is_some() {
            return None;
        }
        match self.doing {
            Doing::Processing { until } if until <= ctx.now() => {
                let record = self.records.pop_front()?;
                self.on_processed(&record, consumer, ctx).then_some(record)
            }
            Doing::Acknowledging => {
                let outcome = consumer.take_acknowledgement()?;
                self.on_acknowledged(outcome, ctx);
                self.run(consumer, ctx)
            }
            Doing::Polling | Doing::Processing { .. } => None,
        }
    }

    /// True when it was processed, whatever came after.
    fn on_processed(
        &mut self,
        record: &ConsumedRecord,
        consumer: &mut Consumer,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let place = (record.partition.clone(), record.offset.saturating_add(1));
        match self.countdown() {
            Some(point @ (CrashPoint::Received | CrashPoint::Processed)) => {
                self.die(point);
                return point == CrashPoint::Processed;
            }
            Some(CrashPoint::Acknowledged) => self.dies_at = Some(place.clone()),
            None => {}
        }
        match self.acknowledge {
            Acknowledge::Each => {
                self.doing = Doing::Acknowledging;
                consumer.acknowledge(Some(place), ctx);
            }
            Acknowledge::After if self.records.is_empty() => {
                self.doing = Doing::Acknowledging;
                consumer.acknowledge(None, ctx);
            }
            _ => self.begin(ctx),
        }
        true
    }

    fn on_acknowledged(&mut self, outcome: Result<(), String>, ctx: &mut Ctx<'_>) {
        if let Err(error) = outcome {
            ctx.log(LogLevel::Error, LOGGER, format!("commitSync failed: {error}"));
            // What comes first is the exception; the records of this poll go unprocessed.
            if self.acknowledge != Acknowledge::After {
                self.records.clear();
            }
        }
        self.begin(ctx);
    }

    /// Where to die at this record, if at this one.
    fn countdown(&mut self) -> Option<CrashPoint> {
        let crash = self.crash.as_mut()?;
        crash.countdown = crash.countdown.saturating_sub(1);
        if crash.countdown > 0 {
            return None;
        }
        self.crash.take().map(|crash| crash.point)
    }

    fn die_if_committed(&mut self, consumer: &Consumer) {
        let Some((partition, offset)) = &self.dies_at else { return };
        let owned = consumer.subscriptions().get(partition);
        if owned.is_some_and(|owned| owned.committed >= *offset) {
            self.die(CrashPoint::Acknowledged);
        }
    }

    /// It ends once the record in hand, if it is processed, has been told of: an exit is the last that is seen.
    fn die(&mut self, point: CrashPoint) {
        self.death = Some(match point {
            CrashPoint::Received => "before it processed a record",
            CrashPoint::Processed => "after it processed a record, before it acknowledged it",
            CrashPoint::Acknowledged => "after it acknowledged a record",
        });
        self.dies_at = None;
        self.records.clear();
    }

    /// What it died of, once it has died.
    pub fn death(&self) -> Option<String> {
        self.death.map(|when| format!("The application crashed {when}"))
    }

    /// True when a record in hand is done, or an acknowledgement has come.
    pub fn can_go_on(&self, consumer: &Consumer, now: Time) -> bool {
        match self.doing {
            Doing::Polling => false,
            Doing::Processing { until } => until <= now,
            Doing::Acknowledging => consumer.has_acknowledgement(),
        }
    }

    /// When the record in hand is done.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        match self.doing {
            Doing::Processing { until } => {
                Some(Wakeup { at: until, reason: "processing a record".into() })
            }
            Doing::Polling | Doing::Acknowledging => None,
        }
    }
}
