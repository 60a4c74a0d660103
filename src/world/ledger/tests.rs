//! The ledger, fed with events by hand.

use super::*;
use crate::base::trace::ElectionReason;
use crate::base::{Cause, Time};

/// Broker n is process 10 + n, the producer process 1.
const PRODUCER: ProcessId = ProcessId(1);

struct Book {
    ledger: Ledger,
    next: u64,
}

impl Book {
    fn new(records_max: usize) -> Self {
        Self { ledger: Ledger::following(records_max), next: 0 }
    }

    fn see(&mut self, source: ProcessId, event: TraceEvent) -> EventId {
        self.next += 1;
        let id = EventId(self.next);
        self.ledger.see(&TraceRecord {
            id,
            at: Time::from_millis(self.next),
            source: Some(source),
            cause: Cause::Beginning,
            event,
        });
        id
    }

    fn send(&mut self, record: u64, acks: i16, checksum: u64) {
        self.see(PRODUCER, TraceEvent::RecordSent { record, partition: part(), acks, checksum });
    }

    fn acknowledge(&mut self, record: u64, acks: i16, offset: i64, checksum: u64) -> EventId {
        let partition = part();
        let event = TraceEvent::RecordAcknowledged { record, partition, offset, acks, checksum };
        self.see(PRODUCER, event)
    }

    fn consume(&mut self, group: &str, member: &str, offset: i64, checksum: u64) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let partition = part();
        let event = TraceEvent::RecordConsumed { group, member, partition, offset, checksum };
        self.see(ProcessId(2), event);
    }

    fn commit(&mut self, group: &str, offset: i64) {
        self.see(
            ProcessId(11),
            TraceEvent::OffsetCommitted {
                group: group.to_owned(),
                partition: part(),
                offset,
                member: "m".to_owned(),
                generation: 1,
            },
        );
    }

    fn high_watermark(&mut self, to: i64) {
        let (partition, broker) = (part(), BrokerId(1));
        self.see(
            ProcessId(11),
            TraceEvent::HighWatermarkAdvanced { partition, broker, from: 0, to, leader: true },
        );
    }

    fn leader(&mut self, broker: i32, leader_epoch: i32, start_offset: i64) -> EventId {
        let (partition, broker) = (part(), BrokerId(broker));
        let source = ProcessId(10 + broker.0.cast_unsigned());
        let event = TraceEvent::BecameLeader { partition, broker, leader_epoch, start_offset };
        self.see(source, event)
    }

    fn fate(&self, record: u64) -> &RecordFate {
        let id = RecordId { producer: PRODUCER, incarnation: Incarnation::default(), record };
        self.ledger.fate(id).expect("it is followed")
    }
}

fn part() -> TopicPartition {
    TopicPartition::new("t", 0)
}

#[test]
fn a_record_is_followed_from_its_sending_to_every_group() {
    let mut book = Book::new(10);
    book.send(1, -1, 7);
    assert_eq!(book.fate(1).outcome, Outcome::Pending);
    let event = book.acknowledge(1, -1, 0, 7);
    let at = Time::from_millis(event.0);
    assert_eq!(book.fate(1).outcome, Outcome::Acknowledged { event, at });
    assert!(!book.fate(1).is_visible);
    book.high_watermark(1);
    assert!(book.fate(1).is_visible);
    book.consume("g1", "a", 0, 7);
    book.consume("g2", "b", 0, 7);
    book.commit("g1", 1);
    let told = book.fate(1).deliveries.iter().map(|d| (&*d.group, d.times, d.committed));
    assert_eq!(told.collect::<Vec<_>>(), [("g1", 1, true), ("g2", 1, false)]);
    book.consume("g1", "c", 0, 7);
    assert!(book.fate(1).is_redelivered());
    assert_eq!(book.fate(1).deliveries[0].member, "c");
    let groups = book.ledger.groups();
    assert_eq!((groups["g1"].delivered, groups["g1"].redelivered), (1, 1));
    assert_eq!(groups["g1"].committed[&part()], 1);
}

#[test]
fn a_record_that_failed_or_was_sent_again_says_so() {
    let mut book = Book::new(10);
    book.send(1, 1, 7);
    let error = "REQUEST_TIMED_OUT".to_owned();
    let retried = TraceEvent::RecordRetried { record: 1, partition: part(), error: error.clone() };
    book.see(PRODUCER, retried);
    let event = book.see(PRODUCER, TraceEvent::RecordFailed { record: 1, error: error.clone() });
    assert_eq!(book.fate(1).retries, 1);
    assert_eq!(book.fate(1).outcome, Outcome::Failed { event, error });
    // It is in the log all the same.
    book.consume("g", "a", 4, 7);
    assert_eq!(book.fate(1).offset, Some(4));
}

#[test]
fn a_retry_that_was_appended_twice_is_a_copy() {
    let mut book = Book::new(10);
    book.send(1, -1, 7);
    book.acknowledge(1, -1, 1, 7);
    book.consume("g", "a", 0, 7);
    book.consume("g", "a", 1, 7);
    assert_eq!((book.fate(1).offset, book.fate(1).copies.clone()), (Some(1), vec![0]));
    assert_eq!(book.ledger.counts("t").copied, 1);
}

#[test]
fn what_was_read_before_its_acknowledgement_came_goes_to_the_right_record() {
    let mut book = Book::new(10);
    // The same content twice.
    book.send(1, -1, 7);
    book.send(2, -1, 7);
    book.consume("g", "a", 0, 7);
    assert_eq!(book.fate(1).offset, Some(0));
    book.acknowledge(2, -1, 0, 7);
    assert_eq!((book.fate(1).offset, book.fate(2).offset), (None, Some(0)));
    assert_eq!((book.fate(1).deliveries.len(), book.fate(2).deliveries.len()), (0, 1));
    book.acknowledge(1, -1, 1, 7);
    book.consume("g", "a", 1, 7);
    assert_eq!(book.fate(1).deliveries.len(), 1);
    assert_eq!(book.ledger.counts("t").copied, 0);
}

#[test]
fn a_loss_has_its_chain_of_causes() {
    let mut book = Book::new(10);
    book.leader(1, 0, 0);
    book.send(1, 1, 7);
    book.send(2, 1, 8);
    book.acknowledge(1, 1, 0, 7);
    let acknowledged = book.acknowledge(2, 1, 1, 8);
    let died = book.see(ProcessId(11), TraceEvent::ProcessKilled { process: ProcessId(11) });
    let elected = TraceEvent::LeaderElected {
        partition: part(),
        leader: BrokerId(2),
        leader_epoch: 1,
        isr: vec![BrokerId(2)],
        reason: ElectionReason::Offline,
    };
    let elected = book.see(ProcessId(13), elected);
    let led = book.leader(2, 1, 1);
    assert_eq!(book.fate(1).loss, None);
    let loss = book.fate(2).loss.clone().expect("offset 1 is in no log");
    let broker = BrokerId(2);
    let expected = [
        (acknowledged, LossCause::AcknowledgedEarly { acks: 1 }),
        (died, LossCause::LeaderDied { broker: BrokerId(1) }),
        (
            elected,
            LossCause::LeaderElected { broker, leader_epoch: 1, reason: ElectionReason::Offline },
        ),
        (led, LossCause::LedWithShorterLog { broker, leader_epoch: 1, end_offset: 1 }),
    ];
    assert_eq!(loss.causes, expected);
    assert_eq!(book.ledger.losses().count(), 1);
    assert_eq!(book.ledger.counts("t").lost, 1);
    // Another record takes its place.
    book.send(3, 1, 9);
    book.acknowledge(3, 1, 1, 9);
    book.consume("g", "a", 1, 9);
    assert_eq!(book.fate(3).deliveries.len(), 1);
}

#[test]
fn a_power_cut_is_a_cause() {
    let mut book = Book::new(10);
    book.leader(1, 0, 0);
    book.send(1, -1, 7);
    book.acknowledge(1, -1, 0, 7);
    let file = "kafka-logs/t-0/00000000000000000000.log".to_owned();
    let cut = TraceEvent::FileCut { process: ProcessId(11), file, from: 90, to: 0 };
    let cut = book.see(ProcessId(11), cut);
    let led = book.leader(1, 1, 0);
    let loss = book.fate(1).loss.clone().expect("the leader's log is empty");
    let broker = BrokerId(1);
    let led = (led, LossCause::LedWithShorterLog { broker, leader_epoch: 1, end_offset: 0 });
    assert_eq!(loss.causes, [(cut, LossCause::LogCut { broker }), led]);
}

#[test]
fn a_record_that_was_not_acknowledged_is_no_loss() {
    let mut book = Book::new(10);
    book.leader(1, 0, 0);
    book.send(1, -1, 7);
    book.consume("g", "a", 0, 7);
    book.leader(2, 1, 0);
    assert!(book.fate(1).loss.is_some());
    assert_eq!(book.ledger.counts("t").lost, 0);
    assert_eq!(book.ledger.losses().count(), 0);
}

#[test]
fn memory_is_bounded_and_the_counts_stay_right() {
    let mut book = Book::new(100);
    book.leader(1, 0, 0);
    let total: u64 = 100_000;
    for record in 1..=total {
        let offset = record.cast_signed() - 1;
        book.send(record, -1, record * 31);
        book.acknowledge(record, -1, offset, record * 31);
        book.high_watermark(offset + 1);
        book.consume("g", "a", offset, record * 31);
    }
    let ledger = &book.ledger;
    assert!(ledger.records().count() <= 125);
    assert!(ledger.ranges().len() <= RANGES_MAX, "{}", ledger.ranges().len());
    let counts = ledger.counts("t");
    let expected =
        FateCounts { sent: total, acknowledged: total, visible: total, ..FateCounts::default() };
    assert_eq!(counts, expected);
    let in_ranges: u64 = ledger.ranges().iter().map(|range| range.counts.sent).sum();
    assert_eq!(in_ranges + ledger.records().count() as u64, total);
    let first = &ledger.ranges()[0];
    assert_eq!((first.first.record, first.offsets.map(|(low, _)| low)), (1, Some(0)));
    assert_eq!(first.delivered["g"], first.counts.sent);
    assert_eq!(ledger.groups()["g"].delivered, total);
    // A loss of what is in ranges is counted.
    book.leader(2, 1, 90_000);
    assert_eq!(book.ledger.counts("t").lost, 10_000);
}

#[test]
fn many_lives_of_a_producer_do_not_add_up() {
    let mut book = Book::new(10);
    for life in 1..=2_000 {
        let incarnation = Incarnation(life);
        book.see(PRODUCER, TraceEvent::ProcessStarted { process: PRODUCER, incarnation });
        book.send(1, -1, u64::from(life));
    }
    assert!(book.ledger.records().count() <= 13);
    assert!(book.ledger.ranges().len() <= RANGES_MAX);
    assert_eq!(book.ledger.counts("t").sent, 2_000);
}
