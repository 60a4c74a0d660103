use super::*;
use crate::base::{ProcessId, Time};
use crate::node::Program;
use crate::node::view::OwnedView;
use std::rc::Rc;

/// A picture of the named processes.
pub(in crate::lesson) fn picture(cards: Vec<(&str, ProcessState, ProcessView)>) -> Picture {
    let card = |(index, (name, state, view)): (usize, (&str, ProcessState, ProcessView))| {
        let program = match &view {
            ProcessView::Broker(_) => Program::Broker,
            ProcessView::ZooKeeper(_) => Program::ZooKeeper,
            ProcessView::Producer(_) => Program::Producer,
            ProcessView::Consumer(_) => Program::Consumer,
            ProcessView::Admin(_) => Program::Admin,
            ProcessView::Queue(_) => Program::Queue,
            ProcessView::QueueReceiver(_) => Program::QueueReceiver,
        };
        ProcessCard {
            id: ProcessId(index as u32 + 1),
            name: name.to_owned(),
            program,
            machine: name.to_owned(),
            powered: true,
            isolated: (false, false),
            state,
            incarnation: Incarnation(1),
            view: Some(Rc::new(view)),
            volume_bytes: 0,
            wakeup: None,
        }
    };
    Picture {
        now: Time::ZERO,
        epoch: Time::ZERO,
        seed: 1,
        events_total: 0,
        trace_hash: 0,
        processes: cards.into_iter().enumerate().map(card).collect(),
        flying: Vec::new(),
        events: Vec::new(),
        supervisor: true,
        ledger: crate::world::ledger::LedgerSummary::default(),
    }
}

pub(in crate::lesson) fn broker(is_leader: bool, leader_epoch: i32, isr: &[i32]) -> ProcessView {
    let replica = ReplicaView {
        partition: TopicPartition::new("orders", 0),
        is_leader,
        leader: 1,
        leader_epoch,
        assigned_replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
        log_start_offset: 0,
        log_end_offset: 5,
        high_watermark: 4,
        followers: SortedMap::new(),
        leader_epochs: Vec::new(),
        records: Vec::new(),
        batch_crcs: Vec::new(),
        online: true,
    };
    let controller_epoch = is_leader.then_some(leader_epoch);
    let zookeeper_session = 9;
    let replicas = vec![replica];
    ProcessView::Broker(BrokerView {
        zookeeper_session,
        controller_epoch,
        replicas,
        ..BrokerView::default()
    })
}

pub(in crate::lesson) fn dead() -> ProcessState {
    ProcessState::Dead { why: "killed".to_owned(), since: Time::ZERO, restart_at: None }
}

fn holds(line: &str, picture: &Picture) -> bool {
    match Condition::parse(line) {
        Ok(condition) => condition.holds(picture),
        Err(error) => panic!("{line}: {error}"),
    }
}

#[test]
fn the_leader_is_the_one_of_the_newest_epoch_that_runs() {
    let both = picture(vec![
        ("broker-1", ProcessState::Running, broker(true, 3, &[1, 2, 3])),
        ("broker-2", ProcessState::Running, broker(true, 4, &[2, 3])),
    ]);
    assert!(holds("leader orders-0 = broker-2", &both));
    assert!(holds("leader orders-0 broker-2", &both));
    assert!(holds("leader orders-0 != broker-1", &both));
    assert!(holds("isr orders-0 = 2", &both));
    assert!(holds("records orders = 4", &both));
    assert!(holds("controller broker-2", &both));
    let gone = picture(vec![("broker-1", dead(), broker(true, 3, &[1, 2, 3]))]);
    assert!(holds("leader orders-0 none", &gone));
    assert!(!holds("leader orders-0 != broker-2", &gone), "nobody is not somebody else");
    assert!(holds("process broker-1 dead", &gone));
    assert!(holds("session broker-1 gone", &gone));
}

#[test]
fn lag_is_known_only_when_every_partition_tells_it() {
    let consumer = |lag| {
        let partition = TopicPartition::new("orders", 0);
        let owned = vec![OwnedView { partition, position: 3, committed: -1, lag }];
        ProcessView::Consumer(ConsumerView {
            group: "g".to_owned(),
            consumed: 3,
            owned,
            ..ConsumerView::default()
        })
    };
    let known = picture(vec![("consumer-1", ProcessState::Running, consumer(0))]);
    assert!(holds("lag g = 0", &known));
    assert!(holds("consumed g >= 3", &known) && holds("consumed consumer-1 = 3", &known));
    let unknown = picture(vec![("consumer-1", ProcessState::Running, consumer(-1))]);
    assert!(!holds("lag g = 0", &unknown));
    assert!(
        !holds("consumed other >= 0", &unknown),
        "nobody consumed in a group that is not there"
    );
}

#[test]
fn wrong_words_are_named() {
    for (line, word) in [
        ("dance x = 1", "dance"),
        ("isr orders = 1", "TOPIC-NUMBER"),
        ("lag g >= many", "many"),
        ("lag g ? 1", "? 1"),
        ("lag", "name"),
        ("", "empty"),
    ] {
        let error = Condition::parse(line).expect_err(line);
        assert!(error.contains(word), "{line}: {error}");
    }
}
