//! Which server to try next, and the times that a connection lives by.
//!
//! In ZooKeeper: `client.StaticHostProvider`, `ClientCnxn.SendThread`.

use crate::base::{ConnId, Endpoint, Rng, Span, Time};

/// No more than this passes without a ping.
const PING_INTERVAL_MAX: Span = Span::from_secs(10);
/// Pause after every server has been tried in vain.
const ROUND_PAUSE: Span = Span::from_secs(1);
/// A lost connection is tried again after a random time up to this, so that the clients of a
/// server that died do not all come at once.
const RECONNECT_JITTER_MS: u64 = 1_000;

/// Where the client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing is wanted: not connected yet, expired or closed.
    Idle,
    /// The next server is dialled at this time.
    BackingOff { until: Time },
    /// A server was dialled.
    Dialing { conn: ConnId, since: Time },
    /// The session was asked for.
    Greeting { conn: ConnId, since: Time },
    /// The session stands.
    Connected { conn: ConnId },
}

impl State {
    /// The connection, if there is one.
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Self::Idle | Self::BackingOff { .. } => None,
            Self::Dialing { conn, .. } | Self::Greeting { conn, .. } | Self::Connected { conn } => {
                Some(conn)
            }
        }
    }
}

/// The servers in the order in which this client tries them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HostProvider {
    servers: Vec<Endpoint>,
    next: usize,
    tried: usize,
}

impl HostProvider {
    /// The servers as they were given.
    pub(super) fn new(servers: Vec<Endpoint>) -> Self {
        Self { servers, next: 0, tried: 0 }
    }

    /// Puts them into a random order.
    pub(super) fn shuffle(&mut self, rng: &mut Rng) {
        for last in (1..self.servers.len()).rev() {
            self.servers.swap(last, rng.below(last as u64 + 1) as usize);
        }
        (self.next, self.tried) = (0, 0);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The server to try now; none when there is none at all.
    pub(super) fn next(&mut self) -> Option<Endpoint> {
        let server = self.servers.get(self.next % self.servers.len().max(1)).cloned();
        self.next = (self.next + 1) % self.servers.len().max(1);
        self.tried += 1;
        server
    }

    /// A server took the client in.
    pub(super) fn connected(&mut self) {
        self.tried = 0;
    }

    /// How long to wait before the next try.
    pub(super) fn pause(&self, rng: &mut Rng) -> Span {
        let jitter = Span::from_millis(rng.below(RECONNECT_JITTER_MS));
        let is_round_over = self.tried > 0 && self.tried.is_multiple_of(self.servers.len().max(1));
        if is_round_over { jitter + ROUND_PAUSE } else { jitter }
    }
}

/// The times that follow from the session timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timeouts {
    /// How long dialling and greeting may take.
    pub connect: Span,
    /// How long a server may be silent: two thirds of the session timeout.
    pub read: Span,
    /// How long the client itself may be silent: a third, less a second where there is room.
    pub ping: Span,
}

impl Timeouts {
    /// Those of a session with this timeout among so many servers.
    pub(super) fn of(session: Span, servers: usize) -> Self {
        let read = Span::from_millis(session.as_millis() * 2 / 3);
        let half_ms = read.as_millis() / 2;
        let ping = match half_ms {
            0..=1_000 => Span::from_millis(half_ms),
            _ => Span::from_millis(half_ms.saturating_sub(1_000).max(1_000)),
        };
        Self {
            connect: Span::from_millis(session.as_millis() / servers.max(1) as u64),
            read,
            ping: ping.min(PING_INTERVAL_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_come_well_before_the_read_timeout() {
        let ms = |timeouts: Timeouts| {
            let Timeouts { connect, read, ping } = timeouts;
            (connect.as_millis(), read.as_millis(), ping.as_millis())
        };
        assert_eq!(ms(Timeouts::of(Span::from_secs(18), 3)), (6_000, 12_000, 5_000));
        assert_eq!(ms(Timeouts::of(Span::from_secs(6), 1)), (6_000, 4_000, 1_000));
        assert_eq!(ms(Timeouts::of(Span::from_secs(60), 1)), (60_000, 40_000, 10_000));
        assert_eq!(ms(Timeouts::of(Span::from_millis(900), 1)), (900, 600, 300));
    }

    #[test]
    fn servers_are_tried_in_turn_with_a_pause_after_each_round() {
        let servers = vec![Endpoint::new("a", 1), Endpoint::new("b", 1)];
        let (mut hosts, mut rng) = (HostProvider::new(servers), Rng::new(1));
        hosts.shuffle(&mut rng);
        let first = hosts.next();
        assert!(hosts.pause(&mut rng) < ROUND_PAUSE);
        assert_ne!(hosts.next(), first);
        assert!(hosts.pause(&mut rng) >= ROUND_PAUSE);
        assert_eq!(hosts.next(), first);
    }
}
