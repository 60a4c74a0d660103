//! The ZooKeeper band: servers, sessions, the znodes that a Kafka cluster hangs on.

use super::partitions::broker_view;
use super::status::NodeStatus;
use crate::base::{ProcessId, Span, Time, TraceEvent};
use crate::node::ProcessView;
use crate::node::view::ZooKeeperView;
use crate::world::picture::Picture;

/// The band.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ZooKeeperBand {
    /// The servers.
    pub servers: Vec<ServerBox>,
    /// Last zxid that the leading server applied.
    pub last_zxid: i64,
    /// Znodes in the tree.
    pub znodes: usize,
    /// Broker id in `/controller`.
    pub controller: Option<i32>,
    /// Broker ids that were seen, and whether each is registered.
    pub ids: Vec<(i32, bool)>,
    /// Sessions.
    pub sessions: Vec<SessionRow>,
    /// Watched paths and how many watches each has.
    pub watches: Vec<(String, u32)>,
    /// Watches that fired lately, the newest first: when, and the path.
    pub fired: Vec<(Time, String)>,
}

/// How long a watch that fired stays marked, in virtual time: as long as its notice travels, and a look.
const FIRED_SHOWN: Span = Span::from_secs(2);

/// A ZooKeeper server.
#[derive(Clone, PartialEq, Debug)]
pub struct ServerBox {
    /// Its process.
    pub process: ProcessId,
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub status: NodeStatus,
    /// Its role in the ensemble.
    pub role: String,
}

/// A session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// Session id.
    pub id: i64,
    /// Whose it is.
    pub owner: String,
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// When it was last heard of.
    pub last_heard: Time,
    /// When it expires unless it is heard of.
    pub expires: Time,
}

/// The band of `picture`, after the band `before` it.
pub fn band(picture: &Picture, before: &ZooKeeperBand) -> ZooKeeperBand {
    let mut band = ZooKeeperBand { fired: fired(picture, before), ..ZooKeeperBand::default() };
    let mut speaker: Option<(bool, &ZooKeeperView)> = None;
    for card in &picture.processes {
        let Some(ProcessView::ZooKeeper(view)) = card.view.as_deref() else {
            if card.program == crate::node::Program::ZooKeeper {
                let (status, role) = (NodeStatus::of(card, picture), String::new());
                band.servers.push(ServerBox {
                    process: card.id,
                    name: card.name.clone(),
                    status,
                    role,
                });
            }
            continue;
        };
        let status = NodeStatus::of(card, picture);
        let leads = status.is_alive() && matches!(view.role.as_str(), "leader" | "standalone");
        let role = if status.is_alive() { view.role.clone() } else { status.word.to_lowercase() };
        band.servers.push(ServerBox { process: card.id, name: card.name.clone(), status, role });
        if speaker.is_none_or(|(before, old)| (leads, view.last_zxid) > (before, old.last_zxid)) {
            speaker = Some((leads, view));
        }
    }
    if let Some((_, view)) = speaker {
        describe(&mut band, picture, view);
    }
    band
}

/// The watches that fired not longer ago than they are shown, each path once.
fn fired(picture: &Picture, before: &ZooKeeperBand) -> Vec<(Time, String)> {
    let news = picture.events.iter().rev().filter_map(|record| match &record.event {
        TraceEvent::WatchFired { path, .. } => Some((record.at, path.clone())),
        _ => None,
    });
    let is_fresh = |at: Time| at <= picture.now && picture.now.since(at) < FIRED_SHOWN;
    let mut fired: Vec<(Time, String)> = Vec::new();
    for (at, path) in news.chain(before.fired.iter().cloned()) {
        if is_fresh(at) && fired.iter().all(|(_, known)| *known != path) {
            fired.push((at, path));
        }
    }
    fired
}

fn describe(band: &mut ZooKeeperBand, picture: &Picture, view: &ZooKeeperView) {
    band.last_zxid = view.last_zxid;
    band.znodes = view.znodes.len();
    let data =
        |path: &str| view.znodes.iter().find(|znode| znode.path == path).map(|znode| &znode.data);
    band.controller = data("/controller").and_then(|data| broker_id_in(data));
    let mut ids: Vec<i32> =
        picture.processes.iter().filter_map(broker_view).map(|broker| broker.broker_id).collect();
    ids.sort_unstable();
    ids.dedup();
    band.ids =
        ids.into_iter().map(|id| (id, data(&format!("/brokers/ids/{id}")).is_some())).collect();
    band.sessions = view
        .sessions
        .iter()
        .map(|session| SessionRow {
            id: session.id,
            owner: owner(picture, session.id, &session.client),
            timeout_ms: session.timeout_ms,
            last_heard: session.last_heard,
            expires: session.expires,
        })
        .collect();
    band.sessions.sort_by(|a, b| a.owner.cmp(&b.owner).then(a.id.cmp(&b.id)));
    let watched = view.znodes.iter().filter(|znode| znode.watches > 0);
    band.watches = watched.map(|znode| (znode.path.clone(), znode.watches)).collect();
    band.watches.sort_by_key(|(path, _)| path.matches('/').count());
}

fn owner(picture: &Picture, session: i64, client: &str) -> String {
    let of_broker = picture
        .processes
        .iter()
        .find(|card| broker_view(card).is_some_and(|view| view.zookeeper_session == session));
    match of_broker {
        Some(card) => card.name.clone(),
        None if client.is_empty() => format!("0x{session:x}"),
        None => client.to_owned(),
    }
}

/// `brokerid` of the JSON in `/controller`. A view carries only the beginning of the data, so this
/// reads the one number and no whole document.
fn broker_id_in(data: &str) -> Option<i32> {
    let (_, rest) = data.split_once("\"brokerid\":")?;
    let digits = rest.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}
