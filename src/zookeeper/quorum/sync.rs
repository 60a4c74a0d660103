//! How a follower is brought to the leader's history: by what it lacks (DIFF), by cutting off what
//! it has too much (TRUNC), or by the whole tree (SNAP).
//!
//! In ZooKeeper: `server.quorum.LearnerHandler.syncFollower`. Differences that are no longer in
//! memory are not read from the log: the follower gets a snapshot instead.

use super::super::txn::{Txn, TxnHeader};
use crate::wire::zookeeper::quorum::epoch_of;
use std::collections::VecDeque;

/// What a follower is sent. The proposals are those of the committed log from an index on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Plan {
    /// It lacks the proposals from this index on.
    Diff(usize),
    /// It goes back to a zxid, and lacks the proposals from this index on.
    Trunc(i64, usize),
    /// It gets the tree.
    Snap,
}

/// The plan for a follower whose last zxid is `peer_last`, by a leader whose is `last`.
pub(super) fn plan(committed: &VecDeque<(TxnHeader, Txn)>, last: i64, peer_last: i64) -> Plan {
    if peer_last == last {
        return Plan::Diff(committed.len());
    }
    if peer_last > last {
        return Plan::Trunc(last, committed.len());
    }
    let lacks_from = committed.partition_point(|(header, _)| header.zxid <= peer_last);
    let Some((common, _)) = lacks_from.checked_sub(1).and_then(|index| committed.get(index)) else {
        return Plan::Snap;
    };
    if common.zxid == peer_last {
        Plan::Diff(lacks_from)
    } else if epoch_of(common.zxid) == epoch_of(peer_last) {
        Plan::Trunc(common.zxid, lacks_from)
    } else {
        Plan::Snap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(zxids: &[i64]) -> VecDeque<(TxnHeader, Txn)> {
        let header = |zxid| TxnHeader { session: 1, cxid: 1, zxid, time_ms: 0 };
        zxids.iter().map(|zxid| (header(*zxid), Txn::CloseSession)).collect()
    }

    #[test]
    fn each_history_has_its_way() {
        let leader = log(&[0x1_0000_0003, 0x1_0000_0004, 0x2_0000_0001, 0x3_0000_0001]);
        let last = 0x3_0000_0001;
        let plan = |peer_last| plan(&leader, last, peer_last);
        assert_eq!(plan(last), Plan::Diff(4));
        assert_eq!(plan(0x1_0000_0003), Plan::Diff(1));
        assert_eq!(plan(0x1_0000_0004), Plan::Diff(2));
        assert_eq!(plan(0x1_0000_0007), Plan::Trunc(0x1_0000_0004, 2));
        assert_eq!(plan(0x2_0000_0005), Plan::Trunc(0x2_0000_0001, 3));
        assert_eq!(plan(0x3_0000_0002), Plan::Trunc(last, 4));
        assert_eq!(plan(0x1_0000_0002), Plan::Snap);
        assert_eq!(plan(0), Plan::Snap);
        let gap = log(&[0x1_0000_0003, 0x3_0000_0001]);
        assert_eq!(super::plan(&gap, last, 0x2_0000_0005), Plan::Snap);
        assert_eq!(super::plan(&log(&[]), last, 0x2_0000_0005), Plan::Snap);
        assert_eq!(super::plan(&log(&[]), 0, 0), Plan::Diff(0));
        assert_eq!(super::plan(&log(&[]), 0, 5), Plan::Trunc(0, 0));
    }
}
