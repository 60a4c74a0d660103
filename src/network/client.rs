//! The network client itself: requests go in by node id, events come out.
//!
//! The owner calls [`NetworkClient::send`] at any time, hands in the news of links that
//! [`NetworkClient::owns`], calls [`NetworkClient::on_wake`] when [`NetworkClient::next_wakeup`]
//! has come, and looks at every event that these two return.
//!
//! In Kafka: org.apache.kafka.clients.NetworkClient. Left out: idle connections are not closed
//! (`connections.max.idle.ms`), throttling is left to the broker.

use super::config::NetworkConfig;
use super::event::{NetworkEvent, RequestFailure};
use super::node::{InFlight, Node, State, Waiting};
use super::versions::NodeApiVersions;
use crate::base::timers::Wakeup;
use crate::base::{ConnId, Endpoint, SortedMap, Span, Time};
use crate::node::{Ctx, LinkInput};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AnyRequest, AnyResponse, ApiKey, ApiVersionsRequest, ApiVersionsResponse, decode_any_response,
};
use bytes::Bytes;
use std::collections::VecDeque;

/// The correlation id of a request that was never sent.
const UNSENT: i32 = -1;

/// What a request may want beyond the usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SendOptions {
    /// A version to use instead of the highest that both sides speak.
    pub version: Option<i16>,
    /// A time-out instead of the client's `request.timeout.ms`.
    pub timeout: Option<Span>,
}

/// Connections to nodes and the requests on them. `T` is what the owner wants back with each
/// answer.
#[derive(Debug)]
pub struct NetworkClient<T> {
    client_id: String,
    config: NetworkConfig,
    nodes: SortedMap<i32, Node<T>>,
    by_conn: SortedMap<ConnId, i32>,
    next_correlation_id: i32,
    /// Events made outside of `on_link` and `on_wake`, and since when they wait to be fetched.
    events: Vec<NetworkEvent<T>>,
    events_since: Time,
}

impl<T> NetworkClient<T> {
    /// A client without nodes.
    pub fn new(client_id: &str, config: NetworkConfig) -> Self {
        Self {
            client_id: client_id.to_owned(),
            config,
            nodes: SortedMap::new(),
            by_conn: SortedMap::new(),
            next_correlation_id: 0,
            events: Vec::new(),
            events_since: Time::ZERO,
        }
    }

    /// Says where `node` is. A standing connection is kept; a new address counts from the next
    /// dial on. Bootstrap servers have negative ids.
    pub fn set_node(&mut self, node: i32, endpoint: Endpoint) {
        match self.nodes.get_mut(&node) {
            Some(known) => known.endpoint = endpoint,
            None => drop(self.nodes.insert(node, Node::new(endpoint))),
        }
    }

    /// Forgets `node`: its connection is closed, its requests fail. That is the owner's wish, so no
    /// [`NetworkEvent::Disconnected`] tells of it.
    pub fn forget_node(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        self.disconnect(node, ctx);
        self.nodes.remove(&node);
        self.events.retain(
            |event| !matches!(event, NetworkEvent::Disconnected { node: gone } if *gone == node),
        );
    }

    /// The nodes it knows.
    pub fn nodes(&self) -> impl Iterator<Item = i32> {
        self.nodes.keys().copied()
    }

    /// True when `node` has an address.
    pub fn knows(&self, node: i32) -> bool {
        self.nodes.contains_key(&node)
    }

    /// Sends `request` to `node`. It dials when there is no connection, and the request waits while
    /// that takes, while versions are agreed on, through a back-off, and at the in-flight limit.
    pub fn send(&mut self, node: i32, request: impl Into<AnyRequest>, tag: T, ctx: &mut Ctx<'_>) {
        self.send_with(node, request, SendOptions::default(), tag, ctx);
    }

    /// As [`NetworkClient::send`], with a fixed version or a time-out of its own.
    pub fn send_with(
        &mut self,
        node: i32,
        request: impl Into<AnyRequest>,
        options: SendOptions,
        tag: T,
        ctx: &mut Ctx<'_>,
    ) {
        let timeout = options.timeout.unwrap_or(self.config.request_timeout);
        let deadline = ctx.now() + timeout;
        let Some(known) = self.nodes.get_mut(&node) else {
            self.fail(node, tag, UNSENT, RequestFailure::Disconnected, ctx);
            return;
        };
        let (request, version) = (request.into(), options.version);
        known.waiting.push_back(Waiting { request, version, timeout, deadline, tag });
        self.dial_if_due(node, ctx);
        self.flush(node, ctx);
    }

    /// True when `conn` is one of this client's connections, standing or dialled.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.by_conn.contains_key(&conn)
    }

    /// True when a request to `node` would leave at once.
    pub fn is_ready(&self, node: i32) -> bool {
        self.nodes.get(&node).is_some_and(|known| {
            matches!(known.state, State::Ready { .. })
                && known.waiting.is_empty()
                && known.in_flight.len() < self.config.max_in_flight
        })
    }

    /// As [`NetworkClient::is_ready`]; and when there is no connection to `node`, one is dialled now
    /// or after the back-off, so that it will be ready some time.
    pub fn ready(&mut self, node: i32, ctx: &mut Ctx<'_>) -> bool {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.wanted = true;
            self.dial_if_due(node, ctx);
        }
        self.is_ready(node)
    }

    /// Requests to `node` that are not answered yet, those that wait to be sent included.
    pub fn in_flight(&self, node: i32) -> usize {
        self.nodes.get(&node).map_or(0, |known| {
            let own = known.in_flight.iter().filter(|request| request.tag.is_none()).count();
            known.waiting.len() + known.in_flight.len() - own
        })
    }

    /// Closes the connection to `node`, if any; its requests fail.
    pub fn disconnect(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.nodes.get(&node).and_then(Node::conn) {
            ctx.hangup(conn);
        }
        self.drop_connection(node, RequestFailure::Disconnected, ctx);
    }

    /// The one of `nodes` to ask when any will do: a connected one with the fewest requests, else
    /// one that is being connected, else the one that may be dialled the earliest.
    ///
    /// In Kafka: NetworkClient.leastLoadedNode.
    pub fn least_loaded_node(&self, nodes: &[i32], ctx: &mut Ctx<'_>) -> Option<i32> {
        let first = ctx.rng.below(nodes.len() as u64) as usize;
        let now = ctx.now();
        let rank = |known: &Node<T>| match &known.state {
            State::Ready { .. } => (0, now),
            State::Dialing { .. } | State::Negotiating { .. } => (1, now),
            State::Disconnected { not_before } => (2, now.max(*not_before)),
        };
        let load = |known: &Node<T>| known.waiting.len() + known.in_flight.len();
        let rotated = nodes.iter().cycle().skip(first).take(nodes.len());
        let candidates = rotated.filter_map(|node| self.nodes.get_key_value(node));
        candidates.min_by_key(|(_, known)| (rank(known), load(known))).map(|(node, _)| *node)
    }

    /// Takes in what happened on a link that [`NetworkClient::owns`].
    pub fn on_link(&mut self, input: LinkInput, ctx: &mut Ctx<'_>) -> Vec<NetworkEvent<T>> {
        match input {
            LinkInput::Opened(conn) => self.on_opened(conn, ctx),
            LinkInput::Frame(conn, frame) => self.on_frame(conn, &frame, ctx),
            LinkInput::Closed(conn, _) => {
                if let Some(node) = self.by_conn.get(&conn).copied() {
                    self.drop_connection(node, RequestFailure::Disconnected, ctx);
                }
            }
            LinkInput::Accepted { .. } => {}
        }
        self.drain()
    }

    /// Does what is due: dials after a back-off, gives up what timed out. To be called on every
    /// wake-up of the owner; it returns nothing when nothing was due.
    pub fn on_wake(&mut self, ctx: &mut Ctx<'_>) -> Vec<NetworkEvent<T>> {
        let nodes: Vec<i32> = self.nodes.keys().copied().collect();
        for node in nodes {
            self.expire(node, ctx);
            self.dial_if_due(node, ctx);
        }
        self.drain()
    }

    /// When [`NetworkClient::on_wake`] has something to do, and why.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let news = (!self.events.is_empty()).then_some((self.events_since, "request completed"));
        let due = self.nodes.values().filter_map(Node::next_deadline).chain(news).min();
        due.map(|(at, reason)| Wakeup { at, reason: reason.into() })
    }

    fn drain(&mut self) -> Vec<NetworkEvent<T>> {
        std::mem::take(&mut self.events)
    }

    fn push(&mut self, event: NetworkEvent<T>, ctx: &Ctx<'_>) {
        if self.events.is_empty() {
            self.events_since = ctx.now();
        }
        self.events.push(event);
    }

    fn fail(
        &mut self,
        node: i32,
        tag: T,
        correlation_id: i32,
        error: RequestFailure,
        ctx: &Ctx<'_>,
    ) {
        self.push(NetworkEvent::Failed { node, tag, correlation_id, error }, ctx);
    }

    fn dial_if_due(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        let State::Disconnected { not_before } = known.state else { return };
        if !known.is_needed() || not_before > ctx.now() {
            return;
        }
        let conn = ctx.dial(known.endpoint.clone());
        let may_take = match known.dial_failures {
            0 => self.config.connection_setup_timeout,
            failures => self.config.setup_timeout().after(failures, ctx.rng),
        };
        let deadline = ctx.now() + may_take;
        known.state = State::Dialing { conn, deadline };
        known.wanted = false;
        self.by_conn.insert(conn, node);
    }

    fn on_opened(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        let Some(node) = self.by_conn.get(&conn).copied() else { return };
        let Some(known) = self.nodes.get_mut(&node) else { return };
        if !matches!(known.state, State::Dialing { conn: dialled, .. } if dialled == conn) {
            return;
        }
        if !self.config.discover_versions {
            self.become_ready(node, conn, NodeApiVersions::same_as_ours(), ctx);
            return;
        }
        known.state = State::Negotiating { conn };
        self.transmit_api_versions(node, conn, *ApiKey::ApiVersions.versions().end(), ctx);
    }

    fn transmit_api_versions(&mut self, node: i32, conn: ConnId, version: i16, ctx: &mut Ctx<'_>) {
        let api = ApiKey::ApiVersions;
        let deadline = ctx.now() + self.config.request_timeout;
        let request = ApiVersionsRequest {
            client_software_name: "apache-kafka-java".to_owned(),
            client_software_version: "2.8.2".to_owned(),
        };
        let correlation_id = self.take_correlation_id();
        if let Some(known) = self.nodes.get_mut(&node) {
            let frame = AnyRequest::from(request);
            ctx.send(conn, frame.to_frame(version, correlation_id, Some(&self.client_id)));
            known.in_flight.push_back(InFlight {
                api,
                version,
                correlation_id,
                deadline,
                tag: None,
            });
        }
    }

    fn take_correlation_id(&mut self) -> i32 {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.checked_add(1).unwrap_or(0);
        id
    }

    fn become_ready(
        &mut self,
        node: i32,
        conn: ConnId,
        versions: NodeApiVersions,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        known.state = State::Ready { conn, versions };
        known.failures = 0;
        known.dial_failures = 0;
        self.push(NetworkEvent::Connected { node }, ctx);
        self.flush(node, ctx);
    }

    /// Sends what waits for `node` as far as the in-flight limit allows.
    fn flush(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        loop {
            let Some(known) = self.nodes.get_mut(&node) else { return };
            let State::Ready { conn, versions } = &known.state else { return };
            if known.in_flight.len() >= self.config.max_in_flight {
                return;
            }
            let Some(waiting) = known.waiting.pop_front() else { return };
            let Waiting { request, version, timeout, tag, .. } = waiting;
            let (api, conn) = (request.api(), *conn);
            let Some(version) = versions.choose(api, version) else {
                let error = RequestFailure::UnsupportedVersion;
                self.fail(node, tag, UNSENT, error, ctx);
                continue;
            };
            let correlation_id = self.take_correlation_id();
            ctx.send(conn, request.to_frame(version, correlation_id, Some(&self.client_id)));
            if matches!(&request, AnyRequest::Produce(produce) if produce.acks == 0) {
                self.push(NetworkEvent::Sent { node, tag }, ctx);
                continue;
            }
            let (deadline, tag) = (ctx.now() + timeout, Some(tag));
            if let Some(known) = self.nodes.get_mut(&node) {
                let sent = InFlight { api, version, correlation_id, deadline, tag };
                known.in_flight.push_back(sent);
            }
        }
    }

    fn on_frame(&mut self, conn: ConnId, frame: &Bytes, ctx: &mut Ctx<'_>) {
        let Some(node) = self.by_conn.get(&conn).copied() else { return };
        let Some(known) = self.nodes.get_mut(&node) else { return };
        let Some(oldest) = known.in_flight.front() else {
            // An answer that nobody asked for: the stream is out of step.
            ctx.hangup(conn);
            self.drop_connection(node, RequestFailure::Disconnected, ctx);
            return;
        };
        let response = match decode_any_response(frame, oldest.api, oldest.version) {
            Ok((correlation_id, response)) if correlation_id == oldest.correlation_id => response,
            _ => {
                ctx.hangup(conn);
                self.drop_connection(node, RequestFailure::BadResponse, ctx);
                return;
            }
        };
        let (correlation_id, version) = (oldest.correlation_id, oldest.version);
        let tag = known.in_flight.pop_front().and_then(|request| request.tag);
        match (tag, response) {
            (Some(tag), response) => {
                self.push(NetworkEvent::Response { node, tag, correlation_id, response }, ctx);
                self.flush(node, ctx);
            }
            (None, AnyResponse::ApiVersions(response)) => {
                self.on_api_versions(node, conn, version, &response, ctx);
            }
            (None, _) => {}
        }
    }

    /// A broker that does not know the version of ApiVersions that it was asked in answers
    /// UNSUPPORTED_VERSION; it is asked again in the highest that it has, or in version 0 when it does
    /// not say, as brokers before 2.4.
    ///
    /// In Kafka: NetworkClient.handleApiVersionsResponse.
    fn on_api_versions(
        &mut self,
        node: i32,
        conn: ConnId,
        asked: i16,
        response: &ApiVersionsResponse,
        ctx: &mut Ctx<'_>,
    ) {
        if response.error_code == ErrorCode::NONE {
            self.become_ready(node, conn, NodeApiVersions::of(response), ctx);
        } else if response.error_code == ErrorCode::UNSUPPORTED_VERSION && asked > 0 {
            let own =
                response.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions as i16);
            let lower = own.map_or(0, |api| api.max_version.clamp(0, asked - 1));
            self.transmit_api_versions(node, conn, lower, ctx);
        } else {
            ctx.hangup(conn);
            self.drop_connection(node, RequestFailure::UnsupportedVersion, ctx);
        }
    }

    /// Gives up what timed out: a dial, or a request and with it the connection.
    fn expire(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let Some(known) = self.nodes.get_mut(&node) else { return };
        let dial_failed = matches!(known.state, State::Dialing { deadline, .. } if deadline <= now);
        let timed_out = known.in_flight.iter().any(|request| request.deadline <= now);
        if dial_failed || timed_out {
            if let Some(conn) = known.conn() {
                ctx.hangup(conn);
            }
            self.drop_connection(node, RequestFailure::Disconnected, ctx);
        }
        let Some(known) = self.nodes.get_mut(&node) else { return };
        if known.waiting.iter().all(|waiting| waiting.deadline > now) {
            return;
        }
        let all = std::mem::take(&mut known.waiting).into_iter();
        let (expired, kept): (VecDeque<_>, _) = all.partition(|waiting| waiting.deadline <= now);
        known.waiting = kept;
        for Waiting { tag, .. } in expired {
            self.fail(node, tag, UNSENT, RequestFailure::TimedOut, ctx);
        }
    }

    /// Forgets the connection to `node`. Its oldest request fails with `first`, or with the time-out
    /// that ended the connection; all others, the waiting ones too, as disconnected.
    fn drop_connection(&mut self, node: i32, first: RequestFailure, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let Some(known) = self.nodes.get_mut(&node) else { return };
        let conn = known.conn();
        if conn.is_some() {
            let dialing = matches!(known.state, State::Dialing { .. });
            known.dial_failures = known.dial_failures.saturating_add(u32::from(dialing));
            let wait = self.config.backoff().after(known.failures, ctx.rng);
            known.failures = known.failures.saturating_add(1);
            known.state = State::Disconnected { not_before: now + wait };
        }
        let in_flight = std::mem::take(&mut known.in_flight).into_iter().enumerate();
        let sent = in_flight.filter_map(|(index, request)| {
            let error = match index {
                _ if request.deadline <= now => RequestFailure::TimedOut,
                0 => first,
                _ => RequestFailure::Disconnected,
            };
            request.tag.map(|tag| (tag, request.correlation_id, error))
        });
        let waiting = std::mem::take(&mut known.waiting).into_iter();
        let waiting = waiting.map(|waiting| (waiting.tag, UNSENT, RequestFailure::Disconnected));
        let failed: Vec<_> = sent.chain(waiting).collect();
        if let Some(conn) = conn {
            self.by_conn.remove(&conn);
            self.push(NetworkEvent::Disconnected { node }, ctx);
        }
        for (tag, correlation_id, error) in failed {
            self.fail(node, tag, correlation_id, error, ctx);
        }
    }
}

#[cfg(test)]
mod tests;
