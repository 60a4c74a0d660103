//! Sessions and when they expire.
//!
//! A session lives as long as the server hears of it within its timeout. Expiry times are rounded
//! up to a multiple of tickTime, so that sessions expire in buckets: a session lives at least its
//! timeout and at most one tick longer.
//!
//! In ZooKeeper: `server.SessionTrackerImpl`, `server.ExpiryQueue`.

use crate::base::{Mutant, SortedMap, Span, Time, Timers, is_planted};

/// What `ZooKeeperServer` mixes into a session id to make its password.
const SUPER_SECRET: i64 = 0xb341_5c00;

/// One session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Session {
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// When it was last heard of.
    pub last_heard: Time,
    /// Set once its close is under way: nothing more is taken from it.
    pub is_closing: bool,
}

/// The sessions of a server.
#[derive(Debug)]
pub(super) struct SessionTracker {
    sessions: SortedMap<i64, Session>,
    expiry: Timers<i64>,
    tick: Span,
    next_id: i64,
}

impl SessionTracker {
    /// No sessions; ids begin with the server's number and the time.
    pub(super) fn new(server_id: u8, tick: Span, now: Time) -> Self {
        let time = ((now.as_millis() as u64) << 24) >> 8;
        let next_id = (time | (u64::from(server_id) << 56)) as i64;
        Self { sessions: SortedMap::new(), expiry: Timers::default(), tick, next_id }
    }

    /// The number of a new session. It is never given again.
    pub(super) fn next_id(&mut self) -> i64 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }

    /// Tracks the session `id`, with its whole timeout before it.
    pub(super) fn add(&mut self, id: i64, timeout_ms: u32, now: Time) {
        if id >= self.next_id && (id ^ self.next_id) >> 56 == 0 {
            self.next_id = id.wrapping_add(1);
        }
        let session = Session { timeout_ms, last_heard: now, is_closing: false };
        self.sessions.entry(id).or_insert(session);
        self.touch(id, now);
    }

    /// The session was heard of; false when there is none or it is closing.
    pub(super) fn touch(&mut self, id: i64, now: Time) -> bool {
        match self.sessions.get(&id) {
            Some(session) => self.touch_for(id, session.timeout_ms, now),
            None => false,
        }
    }

    /// The session was heard of and now has the timeout `timeout_ms`, as a client that reconnects
    /// may ask for another one.
    pub(super) fn touch_for(&mut self, id: i64, timeout_ms: u32, now: Time) -> bool {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.is_closing) else {
            return false;
        };
        session.last_heard = now;
        session.timeout_ms = timeout_ms;
        let due = round_to_next_tick(now + Span::from_millis(u64::from(timeout_ms)), self.tick);
        if !is_planted(Mutant::NeverExpire) {
            self.expiry.set(id, due);
        }
        true
    }

    /// From now on nothing is taken from the session.
    pub(super) fn set_closing(&mut self, id: i64) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.is_closing = true;
            self.expiry.cancel(&id);
        }
    }

    /// Forgets the session; true when there was one.
    pub(super) fn remove(&mut self, id: i64) -> bool {
        self.expiry.cancel(&id);
        self.sessions.remove(&id).is_some()
    }

    /// Forgets all sessions; their numbers are not given again.
    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.expiry = Timers::default();
    }

    /// The session, if it is known.
    pub(super) fn get(&self, id: i64) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// When the session expires unless it is heard of.
    pub(super) fn expires(&self, id: i64) -> Option<Time> {
        self.expiry.get(&id)
    }

    /// Takes out a session whose bucket is due; it is closing from now on.
    pub(super) fn pop_expired(&mut self, now: Time) -> Option<i64> {
        let id = self.expiry.pop_due(now)?;
        self.set_closing(id);
        Some(id)
    }

    /// When the next bucket is due.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        self.expiry.next().map(|(at, _)| at)
    }

    /// All sessions by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }
}

/// The bucket of `time`: the next multiple of `tick` after it, never `time` itself.
fn round_to_next_tick(time: Time, tick: Span) -> Time {
    let tick = tick.as_millis().max(1);
    Time::from_millis((time.as_millis() as u64 / tick + 1) * tick)
}

/// The password of the session `id`, by which a client proves on reconnect that it is the same one.
/// It follows from the id, so that every server of an ensemble knows it.
pub(super) fn password_of(id: i64) -> [u8; 16] {
    let mut password = [0; 16];
    let mut random = JavaRandom::new(id ^ SUPER_SECRET);
    for chunk in password.chunks_mut(4) {
        chunk.copy_from_slice(&random.next_i32().to_le_bytes());
    }
    password
}

/// The generator of `java.util.Random`, from which ZooKeeper draws passwords.
struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_deec_e66d;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next_i32(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xb) & Self::MASK;
        (self.0 >> 16) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn passwords_are_those_of_a_real_server() {
        let expected = "0731d5c9885bdb8abdf4022d114b02ec";
        let hex = |bytes: [u8; 16]| bytes.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex(password_of(0x0100_004f_0f5b_0000)), expected);
        assert_eq!(hex(password_of(0x0100_004f_0f5b_0001)), "1a52cfc928a7bacfb2376a58e5d316b9");
    }

    #[test]
    fn ids_begin_with_the_server_and_hold_the_time() {
        let mut tracker = SessionTracker::new(1, Span::from_secs(3), at(0x004f_0f5b));
        assert_eq!(tracker.next_id(), 0x0100_004f_0f5b_0000);
        assert_eq!(tracker.next_id(), 0x0100_004f_0f5b_0001);
        tracker.add(0x0100_004f_0f5b_0009, 6_000, at(0));
        assert_eq!(tracker.next_id(), 0x0100_004f_0f5b_000a, "a restored id is not given again");
    }

    #[test]
    fn sessions_expire_in_buckets_of_a_tick() {
        let mut tracker = SessionTracker::new(1, Span::from_secs(3), at(0));
        tracker.add(7, 6_000, at(1));
        tracker.add(8, 6_000, at(2_999));
        tracker.add(9, 6_000, at(3_000));
        assert_eq!(tracker.expires(7), Some(at(9_000)));
        assert_eq!(tracker.expires(8), Some(at(9_000)));
        assert_eq!(tracker.expires(9), Some(at(12_000)));
        assert_eq!(tracker.pop_expired(at(8_999)), None);
        assert!(tracker.touch(8, at(5_000)));
        assert_eq!(tracker.pop_expired(at(9_000)), Some(7));
        assert_eq!(tracker.pop_expired(at(9_000)), None);
        assert!(!tracker.touch(7, at(9_000)), "a closing session is dead");
        assert!(tracker.remove(7));
        assert!(!tracker.remove(7));
    }
}
