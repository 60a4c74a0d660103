//! The line for each frame of a ZooKeeper session.

use bytes::Bytes;

use super::{FrameKind, FrameSummary, Names};
use crate::wire::jute;
use crate::wire::zookeeper::{
    self, ConnectRequest, ConnectResponse, FrameShape, KeeperCode, MultiResult, OpCode, Reply,
    Request, decode_event, decode_reply, decode_request, event_type, quorum,
};

pub(super) fn summarize(frame: &Bytes, shape: FrameShape) -> FrameSummary {
    match shape {
        FrameShape::ConnectRequest => match ConnectRequest::decode(frame) {
            Ok(request) if request.session_id == 0 => {
                line("connect", format!("connect timeout {} ms", request.timeout))
            }
            Ok(request) => line("connect", format!("connect session {:#x}", request.session_id)),
            Err(error) => FrameSummary::malformed("connect", error),
        },
        FrameShape::ConnectResponse => match ConnectResponse::decode(frame) {
            Ok(response) if response.timeout <= 0 => FrameSummary {
                error: Some(KeeperCode::SESSION_EXPIRED.to_string()),
                ..answer("connect", "connect → session expired".to_owned())
            },
            Ok(response) => answer(
                "connect",
                format!(
                    "connect → session {:#x} timeout {} ms",
                    response.session_id, response.timeout
                ),
            ),
            Err(error) => FrameSummary::malformed("connect", error),
        },
        FrameShape::Request => match decode_request(frame) {
            Ok((_, request)) => request_line(&request),
            Err(error) => FrameSummary::malformed("request", error),
        },
        FrameShape::Reply(op) => reply(frame, op),
        FrameShape::Event => match decode_event(frame) {
            Ok(event) => {
                let name = event_type::name(event.event_type);
                FrameSummary {
                    is_response: true,
                    ..line("event", format!("{name} {}", event.path))
                }
            }
            Err(error) => FrameSummary::malformed("event", error),
        },
        FrameShape::ElectionHello => match jute::decode::<quorum::ConnectionHello>(frame) {
            Ok(hello) => line("election", format!("election hello from {}", hello.server)),
            Err(error) => FrameSummary::malformed("election", error),
        },
        FrameShape::Vote => match jute::decode::<quorum::Notification>(frame) {
            Ok(vote) => line("vote", quorum::vote_line(&vote)),
            Err(error) => FrameSummary::malformed("vote", error),
        },
        FrameShape::QuorumPacket => match jute::decode::<quorum::QuorumPacket>(frame) {
            Ok(packet) => {
                let mut summary = line(quorum::packet::name(packet.kind), packet.line());
                if packet.kind == quorum::packet::PING {
                    summary.kind = FrameKind::Heartbeat;
                }
                summary
            }
            Err(error) => FrameSummary::malformed("quorum packet", error),
        },
    }
}

fn line(api: &'static str, label: String) -> FrameSummary {
    FrameSummary { api: api.into(), label, ..FrameSummary::default() }
}

fn answer(api: &'static str, label: String) -> FrameSummary {
    FrameSummary { is_response: true, ..line(api, label) }
}

fn request_line(request: &Request) -> FrameSummary {
    let name = request.op().name();
    let mut summary = line(name, name.to_owned());
    match request {
        Request::Ping => summary.kind = FrameKind::Heartbeat,
        Request::Multi(operations) => {
            let mut names = Names::default();
            for operation in operations {
                names.add(|| format!("{} {}", operation.op().name(), operation.path()));
            }
            summary.say(names.text());
        }
        _ => summary.say(request.path().unwrap_or_default()),
    }
    let is_watching = match request {
        Request::Exists(body) => body.watch,
        Request::GetData(body) => body.watch,
        Request::GetChildren(body) | Request::GetChildren2(body) => body.watch,
        _ => false,
    };
    if is_watching {
        summary.say("and watch");
    }
    summary
}

fn reply(frame: &Bytes, op: OpCode) -> FrameSummary {
    let name = op.name();
    let (header, body) = match decode_reply(frame, op) {
        Ok(decoded) => decoded,
        Err(error) => {
            return FrameSummary { is_response: true, ..FrameSummary::malformed(name, error) };
        }
    };
    let mut summary = answer(name, format!("{name} →"));
    if op == OpCode::Ping {
        summary.kind = FrameKind::Heartbeat;
    }
    let failed = match &body {
        Some(Reply::Multi(results)) => failure(results),
        _ => Some(KeeperCode(header.err)).filter(|code| !code.is_ok()),
    };
    if let Some(code) = failed {
        summary.error = Some(code.to_string());
        summary.say(code.to_string());
    } else {
        summary.say(result(body.as_ref()));
    }
    summary
}

/// The code of the operation that made a multi fail.
fn failure(results: &[MultiResult]) -> Option<KeeperCode> {
    results.iter().find_map(|result| match result {
        MultiResult::Error(code) if !code.is_ok() => Some(*code),
        _ => None,
    })
}

fn result(body: Option<&Reply>) -> String {
    match body {
        Some(Reply::Create(body)) => body.path.clone(),
        Some(Reply::Create2(body)) => body.path.clone(),
        Some(Reply::Stat(body)) => format!("version {}", body.stat.version),
        Some(Reply::GetData(body)) => {
            let length = body.data.as_ref().map_or(0, Bytes::len);
            format!("{length} bytes, version {}", body.stat.version)
        }
        Some(
            Reply::GetChildren(zookeeper::GetChildrenResponse { children })
            | Reply::GetChildren2(zookeeper::GetChildren2Response { children, .. }),
        ) => {
            format!("{} children", children.len())
        }
        Some(Reply::Multi(results)) => format!("{} operations", results.len()),
        Some(Reply::GetAcl(_) | Reply::Sync(_)) | None => "ok".to_owned(),
    }
}
