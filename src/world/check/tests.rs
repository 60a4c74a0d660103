use super::*;
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, Cause, EventId, Incarnation, SortedMap};
use crate::node::view::{BrokerView, ReplicaView};

const PRODUCER: ProcessId = ProcessId(7);

fn id() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// What the checkers say to a history that ends here.
fn judge(events: &[TraceEvent]) -> Vec<&'static str> {
    let mut checkers = Checkers::default();
    checkers.expect_idempotent(PRODUCER);
    see(&mut checkers, events);
    checkers.conclude(Time::ZERO);
    checkers.violations.iter().map(|violation| violation.rule).collect()
}

fn see(checkers: &mut Checkers, events: &[TraceEvent]) {
    for (i, event) in events.iter().enumerate() {
        checkers.see(&TraceRecord {
            id: EventId(i as u64 + 1),
            at: Time::ZERO,
            source: Some(PRODUCER),
            cause: Cause::Beginning,
            event: event.clone(),
        });
    }
}

fn elected(leader: i32, leader_epoch: i32, isr: &[i32], reason: ElectionReason) -> TraceEvent {
    TraceEvent::LeaderElected {
        partition: id(),
        leader: BrokerId(leader),
        leader_epoch,
        isr: isr.iter().copied().map(BrokerId).collect(),
        reason,
    }
}

fn leads(broker: i32, leader_epoch: i32) -> TraceEvent {
    TraceEvent::BecameLeader {
        partition: id(),
        broker: BrokerId(broker),
        leader_epoch,
        start_offset: 0,
    }
}

fn watermark(broker: i32, from: i64, to: i64) -> TraceEvent {
    let (broker, leader) = (BrokerId(broker), true);
    TraceEvent::HighWatermarkAdvanced { partition: id(), broker, from, to, leader }
}

fn consumed(group: &str, offset: i64, checksum: u64) -> TraceEvent {
    let (group, member) = (group.to_owned(), "m".to_owned());
    TraceEvent::RecordConsumed { group, member, partition: id(), offset, checksum }
}

fn sent(record: u64, checksum: u64) -> TraceEvent {
    TraceEvent::RecordSent { record, partition: id(), acks: -1, checksum }
}

fn acknowledged(record: u64, offset: i64, checksum: u64) -> TraceEvent {
    TraceEvent::RecordAcknowledged { record, partition: id(), offset, acks: -1, checksum }
}

#[test]
fn two_leaders_of_an_epoch_are_found() {
    assert!(judge(&[leads(1, 0), leads(1, 0), leads(2, 1)]).is_empty());
    assert_eq!(judge(&[leads(1, 0), leads(2, 0)]), ["SingleLeader"]);
    let controller = |broker, epoch| TraceEvent::ControllerElected { broker, epoch };
    assert!(judge(&[controller(BrokerId(1), 1), controller(BrokerId(2), 2)]).is_empty());
    assert_eq!(
        judge(&[controller(BrokerId(1), 1), controller(BrokerId(2), 1)]),
        ["SingleController"]
    );
}

#[test]
fn epochs_that_do_not_grow_and_leaders_from_outside_the_isr_are_found() {
    let offline = ElectionReason::Offline;
    assert!(judge(&[elected(1, 0, &[1], offline), elected(2, 1, &[2], offline)]).is_empty());
    let again = [elected(1, 1, &[1], offline), elected(2, 1, &[2], offline)];
    assert_eq!(judge(&again), ["MonotonicEpoch"]);
    assert_eq!(judge(&[elected(3, 0, &[1, 2], offline)]), ["CleanLeader"]);
    assert!(judge(&[elected(3, 0, &[1, 2], ElectionReason::Unclean)]).is_empty());
}

#[test]
fn a_high_watermark_that_falls_and_a_read_at_it_are_found() {
    let begin = [leads(1, 0), watermark(1, 0, 5)];
    let with = |more: &[TraceEvent]| judge(&[&begin[..], more].concat());
    assert!(with(&[consumed("g", 4, 1), watermark(1, 5, 6), consumed("g", 5, 2)]).is_empty());
    assert_eq!(with(&[watermark(1, 5, 4)]), ["MonotonicHighWatermark"]);
    assert_eq!(with(&[consumed("g", 5, 1)]), ["ReadsBelowHighWatermark"]);
    assert!(with(&[leads(2, 1), watermark(2, 0, 4)]).is_empty(), "a new epoch may begin lower");
}

#[test]
fn two_owners_of_a_partition_are_found() {
    let assigned = |member: &str, generation| TraceEvent::PartitionsAssigned {
        group: "g".to_owned(),
        member: member.to_owned(),
        generation,
        partitions: vec![id()],
    };
    assert!(judge(&[assigned("a", 1), assigned("a", 1), assigned("b", 2)]).is_empty());
    assert_eq!(judge(&[assigned("a", 1), assigned("b", 1)]), ["OneOwnerPerGeneration"]);
}

#[test]
fn duplicates_and_disorder_of_an_idempotent_producer_are_found() {
    let audit = |offset, checksum| consumed(Checkers::AUDIT_GROUP, offset, checksum);
    let start = TraceEvent::ProcessStarted { process: PRODUCER, incarnation: Incarnation(1) };
    let begin = [start, leads(1, 0), watermark(1, 0, 9), sent(1, 11), sent(2, 22)];
    let with = |more: &[TraceEvent]| judge(&[&begin[..], more].concat());
    let acked = [acknowledged(1, 0, 11), acknowledged(2, 1, 22)];
    assert!(with(&[&acked[..], &[audit(0, 11), audit(1, 22)]].concat()).is_empty());
    let twice = [&acked[..], &[audit(0, 11), audit(1, 22), audit(2, 22)]].concat();
    assert_eq!(with(&twice), ["NoDuplicateFromIdempotent"]);
    let unclean = elected(3, 1, &[3], ElectionReason::Unclean);
    assert!(with(&[&[unclean][..], &twice].concat()).is_empty(), "an unclean election excuses");
    assert!(with(&[&[sent(3, 22)][..], &twice].concat()).is_empty(), "the same was sent twice");
    let swapped = [acknowledged(1, 1, 11), acknowledged(2, 0, 22), audit(0, 22), audit(1, 11)];
    assert_eq!(with(&swapped), ["NoDuplicateFromIdempotent"]);
}

/// A broker's replica: leader epoch, ISR, end, high watermark.
fn replica(broker: i32, leader: i32, isr: &[i32], end: i64, high_watermark: i64) -> ProcessView {
    ProcessView::Broker(BrokerView {
        broker_id: broker,
        replicas: vec![ReplicaView {
            partition: id(),
            is_leader: broker == leader,
            leader,
            leader_epoch: 3,
            assigned_replicas: vec![1, 2],
            isr: isr.to_vec(),
            log_start_offset: 0,
            log_end_offset: end,
            high_watermark,
            followers: SortedMap::new(),
            leader_epochs: Vec::new(),
            records: Vec::new(),
            batch_crcs: (0..end).map(|offset| (offset, 100 + offset as u32)).collect(),
            online: true,
        }],
        ..BrokerView::default()
    })
}

fn look(views: &[ProcessView], before: &[TraceEvent]) -> Vec<&'static str> {
    let mut checkers = Checkers::default();
    see(&mut checkers, before);
    checkers.look(Time::ZERO, &views.iter().collect::<Vec<_>>());
    checkers.violations.iter().map(|violation| violation.rule).collect()
}

#[test]
fn a_high_watermark_that_an_in_sync_replica_lacks_is_found() {
    let views = |end| [replica(1, 1, &[1, 2], 5, 5), replica(2, 1, &[1, 2], end, 3)];
    assert!(look(&views(5), &[]).is_empty());
    assert_eq!(look(&views(4), &[]), ["HighWatermarkInIsr"]);
    let laggard = [replica(1, 1, &[1], 5, 5), replica(2, 1, &[1], 4, 3)];
    assert!(look(&laggard, &[]).is_empty(), "it is not in the ISR");
    let follows = TraceEvent::BecameFollower {
        partition: id(),
        broker: BrokerId(2),
        leader_epoch: 3,
        leader: BrokerId(1),
    };
    let file = "t-0/00000000000000000000.log".to_owned();
    let cut = TraceEvent::FileCut { process: PRODUCER, file, from: 9, to: 3 };
    assert!(look(&views(4), &[follows, cut]).is_empty(), "a power cut took what it had");
}

#[test]
fn replicas_that_differ_below_the_high_watermark_are_found() {
    let mut views = [replica(1, 1, &[1, 2], 5, 5), replica(2, 1, &[1, 2], 5, 5)];
    assert!(look(&views, &[]).is_empty());
    let ProcessView::Broker(broker) = &mut views[1] else { return };
    broker.replicas[0].batch_crcs[4].1 = 7;
    assert_eq!(look(&views, &[]), ["ConsistentCommittedData"]);
    let ProcessView::Broker(broker) = &mut views[1] else { return };
    broker.replicas[0].high_watermark = 4;
    assert!(look(&views, &[]).is_empty(), "it may still be taken away");
}
