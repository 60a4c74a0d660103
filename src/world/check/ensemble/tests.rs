//! Each rule against a history that breaks it.

use super::*;
use crate::base::{Cause, EventId};
use crate::node::view::SessionView;

/// Histories in a few words; what was found.
struct Court {
    checker: AgreedTransactions,
    found: Vec<Violation>,
}

impl Court {
    /// Three servers that look for a leader.
    fn new() -> Self {
        let mut court = Self { checker: AgreedTransactions::default(), found: Vec::new() };
        for server in 1..=3 {
            court.role(server, "looking", 0);
        }
        court
    }

    fn see(&mut self, source: Option<u32>, event: TraceEvent) {
        let (id, at, cause) = (EventId(0), Time::from_millis(5), Cause::Beginning);
        let record = TraceRecord { id, at, source: source.map(ProcessId), cause, event };
        self.checker.see(&record, &mut self.found);
    }

    fn role(&mut self, server: u32, role: &str, epoch: u64) {
        let role = role.to_owned();
        self.see(Some(server), TraceEvent::ZooKeeperRoleChanged { role, epoch });
    }

    fn enter(&mut self, servers: &[u32], epoch: u64) {
        for server in servers {
            self.see(Some(*server), TraceEvent::ZooKeeperEpochEntered { epoch });
        }
    }

    fn apply(&mut self, server: u32, zxid: i64, op: &str) {
        let (op, path) = (op.to_owned(), "/a".to_owned());
        self.see(Some(server), TraceEvent::TransactionApplied { zxid, op, path });
    }

    fn rules(&self) -> Vec<&'static str> {
        self.found.iter().map(|violation| violation.rule).collect()
    }
}

fn view(last_zxid: i64, data: &str, owner: i64, sessions: &[i64]) -> ProcessView {
    let znode = ZnodeView {
        path: "/a".to_owned(),
        data: data.to_owned(),
        version: 1,
        ephemeral_owner: owner,
        mzxid: 1,
        data_bytes: data.len() as u32,
        children: 0,
        watches: 0,
    };
    let session = |id: &i64| SessionView {
        id: *id,
        timeout_ms: 1_000,
        expires: Time::MAX,
        last_heard: Time::ZERO,
        client: String::new(),
        ephemerals: Vec::new(),
        watches: 0,
    };
    ProcessView::ZooKeeper(ZooKeeperView {
        role: "follower".to_owned(),
        is_serving: true,
        last_zxid,
        sessions: sessions.iter().map(session).collect(),
        znodes: vec![znode],
        ..ZooKeeperView::default()
    })
}

#[test]
fn a_good_history_is_clean() {
    let mut court = Court::new();
    court.enter(&[3, 1], 1);
    court.role(3, "leader", 1);
    court.role(1, "follower", 1);
    for server in [3, 1] {
        court.apply(server, 0x1_0000_0001, "create");
        court.apply(server, 0x1_0000_0002, "setData");
    }
    court.enter(&[1, 2], 2);
    court.role(1, "leader", 2);
    court.apply(1, 0x2_0000_0001, "delete");
    // It got a snapshot in between.
    court.role(3, "follower", 2);
    court.apply(3, 0x2_0000_0001, "delete");
    assert_eq!(court.found, []);
}

#[test]
fn two_leaders_of_an_epoch_and_epochs_that_shrink_are_found() {
    let mut court = Court::new();
    court.enter(&[1, 2, 3], 2);
    court.role(3, "leader", 2);
    court.role(2, "leader", 2);
    assert_eq!(court.rules(), ["OneLeaderPerEpoch"]);
    court.enter(&[1, 2], 1);
    court.role(1, "leader", 1);
    assert_eq!(court.rules(), ["OneLeaderPerEpoch", "EpochsGrow"]);
}

#[test]
fn a_leader_without_a_quorum_is_found() {
    let mut court = Court::new();
    court.enter(&[3], 1);
    court.role(3, "leader", 1);
    assert_eq!(court.rules(), ["LeaderHasQuorum"]);
}

#[test]
fn transactions_out_of_order_left_out_or_different_are_found() {
    let mut court = Court::new();
    court.apply(1, 5, "create");
    court.apply(1, 6, "create");
    court.apply(1, 7, "create");
    court.apply(1, 7, "create");
    assert_eq!(court.rules(), ["CommitOrder"]);
    court.apply(2, 5, "create");
    court.apply(2, 7, "create");
    assert_eq!(court.rules(), ["CommitOrder", "PrefixAgreement"]);
    court.apply(3, 5, "delete");
    assert_eq!(court.rules(), ["CommitOrder", "PrefixAgreement", "OneHistory"]);
    // A new life begins where its log ends.
    court.see(
        None,
        TraceEvent::ProcessStarted {
            process: ProcessId(1),
            incarnation: crate::base::Incarnation(2),
        },
    );
    court.apply(1, 5, "create");
    assert_eq!(court.found.len(), 3);
}

#[test]
fn trees_that_differ_and_ephemerals_without_a_session_are_found() {
    let rules = |views: &[ProcessView]| {
        let mut found = Vec::new();
        let views: Vec<&ProcessView> = views.iter().collect();
        AgreedTransactions::look(Time::ZERO, &views, &mut found);
        found.into_iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert!(rules(&[view(7, "x", 0, &[]), view(7, "x", 0, &[]), view(8, "y", 4, &[4])]).is_empty());
    assert_eq!(rules(&[view(7, "x", 0, &[]), view(7, "y", 0, &[])]), ["OneTree"]);
    assert_eq!(rules(&[view(7, "x", 4, &[5])]), ["EphemeralDiesWithSession"]);
}

#[test]
fn an_ensemble_that_has_not_healed_says_why() {
    let views = [view(7, "x", 0, &[]), view(8, "x", 0, &[])];
    let views: Vec<&ProcessView> = views.iter().collect();
    let left = disagreements(3, &views);
    let expected =
        ["2 of 3 ZooKeeper servers serve", "0 leaders", "last zxids from Some(7) to Some(8)"];
    assert_eq!(left, expected);
}
