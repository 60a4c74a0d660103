//! The connections that others opened to this broker. One request of a connection is worked on at a
//! time: the connection is muted until its answer has left, and what arrives meanwhile waits.
//!
//! In Kafka: `kafka.network.SocketServer`, `RequestChannel`.

use super::action::{RequestContext, RequestToken};
use crate::base::{ConnId, Endpoint, SortedMap, limits};
use crate::node::Ctx;
use crate::wire::kafka::{
    AnyRequest, AnyResponse, ApiKey, ApiVersion, ApiVersionsResponse, RequestError, decode_request,
};
use crate::wire::{DecodeError, ErrorCode};
use bytes::Bytes;
use std::collections::VecDeque;

/// One client.
#[derive(Clone, Debug)]
struct Connection {
    from: Endpoint,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    muted: bool,
}

/// A request that is being worked on.
#[derive(Clone, Copy, Debug)]
struct InProgress {
    conn: ConnId,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
}

/// Connections and the requests on them.
#[derive(Clone, Debug, Default)]
pub struct SocketServer {
    connections: SortedMap<ConnId, Connection>,
    in_progress: SortedMap<RequestToken, InProgress>,
    next_token: u64,
}

/// Why a connection was closed from this side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Whom it came from.
    pub from: Endpoint,
    /// What is wrong, in Kafka's words where it has some.
    pub text: String,
}

impl SocketServer {
    /// Somebody connected.
    pub fn on_accepted(&mut self, conn: ConnId, from: Endpoint) {
        let waiting = VecDeque::new();
        let connection = Connection { from, waiting, waiting_bytes: 0, muted: false };
        self.connections.insert(conn, connection);
    }

    /// True when `conn` was opened by somebody else and still stands.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.connections.contains_key(&conn)
    }

    /// A frame arrived. One that is too large, or one too many, closes the connection.
    pub fn on_frame(&mut self, conn: ConnId, frame: Bytes, ctx: &mut Ctx<'_>) -> Option<Refusal> {
        let connection = self.connections.get_mut(&conn)?;
        let (size, most) = (frame.len(), limits::FRAME_BYTES_MAX);
        if size > most || connection.waiting_bytes + size > 2 * most {
            let text = format!("Invalid receive (size = {size} larger than {most})");
            return self.refuse(conn, text, ctx);
        }
        connection.waiting_bytes += size;
        connection.waiting.push_back(frame);
        None
    }

    /// The other side is gone; what is being worked on for it is answered to nobody.
    pub fn on_closed(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
        self.in_progress.retain(|_, request| request.conn != conn);
    }

    /// Bytes of the requests of `conn` that wait for their turn.
    pub fn unread(&self, conn: ConnId) -> usize {
        self.connections.get(&conn).map_or(0, |connection| connection.waiting_bytes)
    }

    /// The connections that have a request to begin with.
    pub fn ready(&self) -> Vec<ConnId> {
        let ready = self.connections.iter();
        ready.filter(|(_, c)| !c.muted && !c.waiting.is_empty()).map(|(conn, _)| *conn).collect()
    }

    /// Takes the next request of `conn`, unless it is muted. What cannot be read closes the
    /// connection, except that a client which asks in too new a version what versions there are is
    /// told in the oldest.
    pub fn next_request(
        &mut self,
        conn: ConnId,
        ctx: &mut Ctx<'_>,
    ) -> Result<Option<(RequestContext, AnyRequest)>, Refusal> {
        let Some(connection) = self.connections.get_mut(&conn).filter(|known| !known.muted) else {
            return Ok(None);
        };
        let Some(frame) = connection.waiting.pop_front() else { return Ok(None) };
        connection.waiting_bytes -= frame.len();
        let (header, request) = match decode_request(&frame) {
            Ok(read) => read,
            Err(RequestError::UnsupportedVersion(header))
                if header.api() == Some(ApiKey::ApiVersions) =>
            {
                ctx.send(conn, unsupported_api_versions().to_frame(0, header.correlation_id));
                return Ok(None);
            }
            Err(error) => {
                let text = refusal_text(&error);
                return self.refuse(conn, text, ctx).map_or(Ok(None), Err);
            }
        };
        connection.muted = true;
        let token = RequestToken(self.next_token);
        self.next_token += 1;
        let context = RequestContext {
            token,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.unwrap_or_default(),
            client_host: format!("/{}", connection.from.host),
        };
        let (api, version, correlation_id) =
            (request.api(), header.api_version, header.correlation_id);
        self.in_progress.insert(token, InProgress { conn, api, version, correlation_id });
        Ok(Some((context, request)))
    }

    /// Answers a request and unmutes its connection. An answer to nobody is dropped.
    pub fn reply(&mut self, token: RequestToken, response: &AnyResponse, ctx: &mut Ctx<'_>) {
        let Some(InProgress { conn, version, correlation_id, .. }) = self.finish(token) else {
            return;
        };
        ctx.send(conn, response.to_frame(version, correlation_id));
    }

    /// Ends a request that has no answer (acks=0).
    pub fn end_without_reply(&mut self, token: RequestToken) {
        self.finish(token);
    }

    /// Closes the connection that a request came by.
    pub fn close(&mut self, token: RequestToken, text: &str, ctx: &mut Ctx<'_>) -> Option<Refusal> {
        let request = self.finish(token)?;
        self.refuse(request.conn, text.to_owned(), ctx)
    }

    /// What API a request in progress is of.
    pub fn api_of(&self, token: RequestToken) -> Option<ApiKey> {
        self.in_progress.get(&token).map(|request| request.api)
    }

    fn finish(&mut self, token: RequestToken) -> Option<InProgress> {
        let request = self.in_progress.remove(&token)?;
        if let Some(connection) = self.connections.get_mut(&request.conn) {
            connection.muted = false;
        }
        Some(request)
    }

    fn refuse(&mut self, conn: ConnId, text: String, ctx: &mut Ctx<'_>) -> Option<Refusal> {
        let connection = self.connections.remove(&conn)?;
        self.in_progress.retain(|_, request| request.conn != conn);
        ctx.hangup(conn);
        Some(Refusal { from: connection.from, text })
    }
}

/// The answer to an ApiVersions request of a version that we do not speak (KIP-511).
fn unsupported_api_versions() -> AnyResponse {
    let versions = ApiKey::ApiVersions.versions();
    let known = ApiVersion {
        api_key: ApiKey::ApiVersions as i16,
        min_version: *versions.start(),
        max_version: *versions.end(),
    };
    ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: vec![known],
        ..Default::default()
    }
    .into()
}

fn refusal_text(error: &RequestError) -> String {
    match error {
        RequestError::UnknownApi(header) => format!("Unknown API key {}", header.api_key),
        RequestError::UnsupportedVersion(header) => format!(
            "Received request api key {} with unsupported version {}",
            header.api().map_or("UNKNOWN", ApiKey::name),
            header.api_version
        ),
        RequestError::Malformed { header, error } => malformed_text(header.as_ref(), error),
    }
}

fn malformed_text(
    header: Option<&crate::wire::kafka::RequestHeader>,
    error: &DecodeError,
) -> String {
    match header.and_then(|header| header.api().map(|api| (api, header))) {
        Some((api, header)) => format!(
            "Error getting request for apiKey: {}, apiVersion: {}: {error}",
            api.name(),
            header.api_version
        ),
        None => format!("Error parsing request header: {error}"),
    }
}
