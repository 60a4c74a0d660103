//! Fast leader election: every server votes for the one with the newest history (epoch, zxid, id)
//! that it has heard of, until a quorum votes the same. A server that already follows or leads tells
//! those who look whom.
//!
//! In ZooKeeper: `server.quorum.FastLeaderElection`.

use crate::base::mutant::{Mutant, is_planted};
use crate::base::{SortedMap, Span, Time};

/// How long a winner is waited on for a better vote (`finalizeWait`), and the first pause before a
/// vote is told again.
const FINALIZE_WAIT: Span = Span::from_millis(200);
/// The pause doubles up to this (`maxNotificationInterval`).
const NOTIFICATION_INTERVAL_MAX: Span = Span::from_secs(60);

/// What a server is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PeerState {
    /// It looks for a leader.
    Looking,
    /// It follows.
    Following,
    /// It leads.
    Leading,
}

/// Whom a server wants as its leader; the order is that of preference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Candidate {
    /// The epoch that the candidate was last in.
    pub peer_epoch: i64,
    /// The last transaction in its log.
    pub zxid: i64,
    /// Its number.
    pub leader: u8,
}

/// A vote with its round and what the voter is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Vote {
    /// For whom.
    pub candidate: Candidate,
    /// In which round.
    pub election_epoch: i64,
    /// What the voter is doing.
    pub state: PeerState,
}

/// What is to be done after a step of the election.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// Tell everybody the vote.
    Broadcast,
    /// Tell one server the vote.
    Tell(u8),
    /// The leader is found.
    Elected(u8),
}

/// The election as one server sees it.
#[derive(Clone, Debug)]
pub(super) struct Election {
    me: u8,
    servers: usize,
    /// The round.
    logical_clock: i64,
    /// Itself.
    own: Candidate,
    /// Whom it votes for; whom it has as its leader when it does not look.
    candidate: Candidate,
    state: PeerState,
    received: SortedMap<u8, Vote>,
    settled: SortedMap<u8, Vote>,
    finalize_at: Option<Time>,
    resend_at: Time,
    pause: Span,
}

impl Election {
    /// An election of `servers` servers that has not begun.
    pub(super) fn new(me: u8, servers: usize) -> Self {
        let own = Candidate { peer_epoch: 0, zxid: 0, leader: me };
        Self {
            me,
            servers,
            logical_clock: 0,
            own,
            candidate: own,
            state: PeerState::Looking,
            received: SortedMap::new(),
            settled: SortedMap::new(),
            finalize_at: None,
            resend_at: Time::MAX,
            pause: FINALIZE_WAIT,
        }
    }

    /// Whether so many servers are a quorum.
    pub(super) fn is_quorum(&self, count: usize) -> bool {
        count * 2 > self.servers
    }

    /// The vote as it is told to others.
    pub(super) fn vote(&self) -> Vote {
        let Self { candidate, logical_clock, state, .. } = *self;
        Vote { candidate, election_epoch: logical_clock, state }
    }

    /// Begins a new round; the vote must be told to everybody.
    pub(super) fn start(&mut self, peer_epoch: i64, zxid: i64, now: Time) {
        self.logical_clock += 1;
        self.state = PeerState::Looking;
        self.own = Candidate { peer_epoch, zxid, leader: self.me };
        if is_planted(Mutant::ElectAnybody) {
            self.own = Candidate { peer_epoch: 0, zxid: 0, leader: self.me };
        }
        self.candidate = self.own;
        self.received.clear();
        self.settled.clear();
        self.received.insert(self.me, self.vote());
        self.finalize_at = None;
        self.pause = FINALIZE_WAIT;
        self.resend_at = now + self.pause;
    }

    /// The election is over: this server leads or follows.
    pub(super) fn settle(&mut self, state: PeerState, leader: u8) {
        self.state = state;
        self.candidate.leader = leader;
        self.finalize_at = None;
        self.resend_at = Time::MAX;
    }

    /// The leader's epoch stands: others are told of it.
    pub(super) fn set_epoch(&mut self, epoch: i64) {
        self.candidate.peer_epoch = epoch;
    }

    /// When something is due.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let is_looking = self.state == PeerState::Looking;
        is_looking.then(|| self.finalize_at.map_or(self.resend_at, |at| at.min(self.resend_at)))
    }

    /// Does what is due.
    pub(super) fn on_wake(&mut self, now: Time) -> Step {
        if self.state != PeerState::Looking {
            return Step::Wait;
        }
        if self.finalize_at.is_some_and(|at| at <= now) {
            return Step::Elected(self.candidate.leader);
        }
        if self.resend_at <= now {
            self.pause = NOTIFICATION_INTERVAL_MAX.min(self.pause + self.pause);
            self.resend_at = now + self.pause;
            return Step::Broadcast;
        }
        Step::Wait
    }

    /// Takes a vote from another server.
    pub(super) fn on_vote(&mut self, from: u8, vote: Vote, now: Time) -> Step {
        if self.state != PeerState::Looking {
            let is_looking = vote.state == PeerState::Looking;
            return if is_looking { Step::Tell(from) } else { Step::Wait };
        }
        match vote.state {
            PeerState::Looking => self.on_looking(from, vote, now),
            PeerState::Following | PeerState::Leading => self.on_settled(from, vote),
        }
    }

    fn on_looking(&mut self, from: u8, vote: Vote, now: Time) -> Step {
        let before = self.candidate;
        let mut must_tell = false;
        if vote.election_epoch > self.logical_clock {
            self.logical_clock = vote.election_epoch;
            self.received.clear();
            self.candidate = self.own.max(vote.candidate);
            must_tell = true;
        } else if vote.election_epoch < self.logical_clock {
            return Step::Tell(from);
        } else if vote.candidate > self.candidate {
            self.candidate = vote.candidate;
            must_tell = true;
        }
        self.received.insert(from, vote);
        self.received.insert(self.me, self.vote());
        if self.candidate != before {
            self.finalize_at = None;
        }
        let same = self.received.values().filter(|vote| vote.candidate == self.candidate).count();
        if !self.is_quorum(same) {
            self.finalize_at = None;
        } else if self.finalize_at.is_none() {
            self.finalize_at = Some(now + FINALIZE_WAIT);
        }
        if must_tell { Step::Broadcast } else { Step::Wait }
    }

    /// A server that follows or leads says whom.
    fn on_settled(&mut self, from: u8, vote: Vote) -> Step {
        let leader = vote.candidate.leader;
        self.settled.insert(from, vote);
        if vote.election_epoch == self.logical_clock {
            self.received.insert(from, vote);
            let same = self.received.values().filter(|other| is_same(other, &vote)).count();
            if self.is_quorum(same) && self.leads(leader, vote.election_epoch) {
                return Step::Elected(leader);
            }
        }
        let same = self.settled.values().filter(|other| is_same(other, &vote)).count();
        if self.is_quorum(same) && self.leads(leader, vote.election_epoch) {
            self.logical_clock = vote.election_epoch;
            return Step::Elected(leader);
        }
        Step::Wait
    }

    /// Whether the elected server itself says that it leads.
    fn leads(&self, leader: u8, election_epoch: i64) -> bool {
        if leader == self.me {
            return self.logical_clock == election_epoch;
        }
        self.settled.get(&leader).is_some_and(|vote| vote.state == PeerState::Leading)
    }
}

/// Whether two votes are for the same leader; between those who look, all of it must be the same.
fn is_same(a: &Vote, b: &Vote) -> bool {
    if a.state == PeerState::Looking || b.state == PeerState::Looking {
        a.candidate == b.candidate && a.election_epoch == b.election_epoch
    } else {
        a.candidate.leader == b.candidate.leader && a.candidate.peer_epoch == b.candidate.peer_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Servers 1 to n with these last zxids, their votes delivered in order; who was elected.
    fn elect(zxids: &[(i64, i64)]) -> Vec<u8> {
        let now = Time::from_millis(1_000);
        let count = zxids.len();
        let mut servers: Vec<Election> =
            (1..=count).map(|id| Election::new(id as u8, count)).collect();
        let mut mail = VecDeque::new();
        for (server, (epoch, zxid)) in servers.iter_mut().zip(zxids) {
            server.start(*epoch, *zxid, now);
            mail.push_back((server.me, Step::Broadcast));
        }
        while let Some((from, step)) = mail.pop_front() {
            let vote = servers[usize::from(from) - 1].vote();
            for to in 1..=count as u8 {
                let is_for = match step {
                    Step::Broadcast => to != from,
                    Step::Tell(target) => to == target,
                    Step::Wait | Step::Elected(_) => false,
                };
                if is_for {
                    let step = servers[usize::from(to) - 1].on_vote(from, vote, now);
                    mail.push_back((to, step));
                }
            }
        }
        let later = now + FINALIZE_WAIT;
        servers
            .iter_mut()
            .map(|server| match server.on_wake(later) {
                Step::Elected(leader) => leader,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_newest_history_wins_then_the_highest_number() {
        assert_eq!(elect(&[(0, 0), (0, 0), (0, 0)]), [3, 3, 3]);
        assert_eq!(elect(&[(1, 0x1_0000_0005), (1, 0x1_0000_0007), (1, 0x1_0000_0002)]), [2, 2, 2]);
        assert_eq!(elect(&[(2, 0x1_0000_0001), (1, 0x1_0000_0009), (1, 0)]), [1, 1, 1]);
        assert_eq!(elect(&[(0, 0), (0, 0)]), [2, 2]);
        assert_eq!(elect(&[(0, 0); 7]), [7; 7]);
    }

    #[test]
    fn a_majority_need_not_wait_for_the_last() {
        let now = Time::from_millis(1_000);
        let mut first = Election::new(1, 3);
        let mut second = Election::new(2, 3);
        first.start(0, 0, now);
        second.start(0, 0, now);
        assert_eq!(first.on_vote(2, second.vote(), now), Step::Broadcast);
        assert_eq!(second.on_vote(1, first.vote(), now), Step::Wait);
        assert_eq!(second.next_wakeup(), Some(now + FINALIZE_WAIT));
        assert_eq!(second.on_wake(now + FINALIZE_WAIT), Step::Elected(2));
    }

    #[test]
    fn a_late_server_believes_a_quorum_only_with_the_leader_in_it() {
        let now = Time::from_millis(1_000);
        let mut late = Election::new(3, 3);
        late.start(0, 9, now);
        let candidate = Candidate { peer_epoch: 1, zxid: 5, leader: 2 };
        let follows = Vote { candidate, election_epoch: 4, state: PeerState::Following };
        let leads = Vote { state: PeerState::Leading, ..follows };
        assert_eq!(late.on_vote(1, follows, now), Step::Wait);
        assert_eq!(late.on_vote(2, leads, now), Step::Elected(2));
        assert_eq!(late.vote().election_epoch, 4);
    }

    #[test]
    fn who_is_in_an_older_round_is_told_the_newer_one() {
        let now = Time::from_millis(1_000);
        let mut server = Election::new(1, 3);
        server.start(0, 0, now);
        server.start(0, 0, now);
        let candidate = Candidate { peer_epoch: 9, zxid: 9, leader: 2 };
        let vote = Vote { candidate, election_epoch: 1, state: PeerState::Looking };
        assert_eq!(server.on_vote(2, vote, now), Step::Tell(2));
        assert_eq!(server.vote().candidate.leader, 1);
        server.settle(PeerState::Leading, 1);
        assert_eq!(server.on_vote(2, vote, now), Step::Tell(2));
        assert_eq!(server.next_wakeup(), None);
    }
}
