//! One node as the network client sees it: where it is, whether it is connected, and the requests
//! that wait for it or for its answer.
//!
//! action: dial when something is to be sent and no back-off runs.
//! transition: Disconnected → Dialing → Negotiating → Ready → Disconnected.
//!
//! In Kafka: org.apache.kafka.clients.{ClusterConnectionStates, InFlightRequests}.

use super::versions::NodeApiVersions;
use crate::base::{ConnId, Endpoint, Span, Time};
use crate::wire::kafka::{AnyRequest, ApiKey};
use std::collections::VecDeque;

/// A request that has not left yet.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub request: AnyRequest,
    pub version: Option<i16>,
    pub timeout: Span,
    pub deadline: Time,
    pub tag: T,
}

/// A request that left.
#[derive(Debug)]
pub(super) struct InFlight<T> {
    pub api: ApiKey,
    pub version: i16,
    pub correlation_id: i32,
    pub deadline: Time,
    /// None for the client's own ApiVersions request.
    pub tag: Option<T>,
}

/// How far the connection to a node is.
#[derive(Debug)]
pub(super) enum State {
    /// There is none, and none is dialled before `not_before`.
    Disconnected { not_before: Time },
    /// Dialled, not yet standing.
    Dialing { conn: ConnId, deadline: Time },
    /// It stands; ApiVersions is on its way.
    Negotiating { conn: ConnId },
    /// Requests may be sent.
    Ready { conn: ConnId, versions: NodeApiVersions },
}

/// A node with its requests.
#[derive(Debug)]
pub(super) struct Node<T> {
    pub endpoint: Endpoint,
    pub state: State,
    /// Failures in a row, for the back-off.
    pub failures: u32,
    /// Those of them that were dials without an answer.
    pub dial_failures: u32,
    /// Somebody wants a connection though no request waits for it.
    pub wanted: bool,
    pub waiting: VecDeque<Waiting<T>>,
    pub in_flight: VecDeque<InFlight<T>>,
}

impl<T> Node<T> {
    /// A node that nobody has dialled yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            state: State::Disconnected { not_before: Time::ZERO },
            failures: 0,
            dial_failures: 0,
            wanted: false,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
        }
    }

    /// Its connection, standing or not.
    pub fn conn(&self) -> Option<ConnId> {
        match &self.state {
            State::Disconnected { .. } => None,
            State::Dialing { conn, .. }
            | State::Negotiating { conn }
            | State::Ready { conn, .. } => Some(*conn),
        }
    }

    /// Whether a connection would be of use.
    pub fn is_needed(&self) -> bool {
        self.wanted || !self.waiting.is_empty()
    }

    /// When something of this node is due, and why.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let state = match &self.state {
            State::Disconnected { not_before } if self.is_needed() => {
                Some((*not_before, "reconnect back-off"))
            }
            State::Dialing { deadline, .. } => Some((*deadline, "connection setup timeout")),
            _ => None,
        };
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline);
        let in_flight = self.in_flight.iter().map(|request| request.deadline);
        let request = waiting.chain(in_flight).min().map(|at| (at, "request timeout"));
        state.into_iter().chain(request).min()
    }
}
