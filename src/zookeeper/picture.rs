//! What the page and the checkers see of a server.

use super::quorum::{Peer, Role};
use super::server::ZooKeeperServer;
use super::session::Session;
use super::tree::Znode;
use crate::base::{ConnId, Span, Time};
use crate::node::view::{SessionView, WatchView, ZnodeView, ZooKeeperView, preview};
use bytes::Bytes;

/// How many znodes a view carries.
const ZNODES_SHOWN_MAX: usize = 300;
/// How many watches a view carries.
const WATCHES_SHOWN_MAX: usize = 300;

impl ZooKeeperServer {
    /// The server as it is now.
    pub(super) fn picture(&self) -> ZooKeeperView {
        let znodes = self.database.tree.nodes.iter().take(ZNODES_SHOWN_MAX);
        ZooKeeperView {
            role: self.mode().to_owned(),
            epoch: self.peer.as_ref().map_or(0, |peer| peer.epoch() as u32),
            is_serving: self.is_serving(),
            server: self.server_id(),
            vote: self.peer.as_ref().map_or(0, Peer::vote),
            last_zxid: self.database.tree.last_processed_zxid,
            sessions: self.session_views(),
            znode_count: self.database.tree.nodes.len() as u32,
            znodes: znodes.map(|(path, znode)| self.znode(path, znode)).collect(),
            watches: self.watch_views(),
        }
    }

    fn watch_views(&self) -> Vec<WatchView> {
        let watches = self.watches.by_path().filter_map(|(path, is_child, conn)| {
            let session = self.connections.get(&conn)?.session;
            Some(WatchView { path: path.to_owned(), is_child, session })
        });
        watches.take(WATCHES_SHOWN_MAX).collect()
    }

    /// The sessions with their time, which only the leader counts; a follower knows who they are, and
    /// that the leader spoke of them when it was last heard.
    fn session_views(&self) -> Vec<SessionView> {
        let heard = match self.peer.as_ref().map(|peer| &peer.role) {
            Some(Role::Following(follower)) => follower.heard(),
            Some(Role::Looking) => Time::ZERO,
            Some(Role::Leading(_)) | None => {
                let sessions = self.sessions.iter();
                return sessions.map(|(id, session)| self.session(id, session)).collect();
            }
        };
        let sessions = self.database.session_timeouts.iter();
        let known = sessions.map(|(id, timeout_ms)| {
            let session = Session { timeout_ms: *timeout_ms, last_heard: heard, is_closing: false };
            let expires = heard + Span::from_millis(u64::from(*timeout_ms));
            SessionView { expires, ..self.session(*id, &session) }
        });
        known.collect()
    }

    fn session(&self, id: i64, session: &Session) -> SessionView {
        let attached = self.connections.iter().find(|(_, connection)| connection.session == id);
        let watches_of =
            |conn: ConnId| self.watches.data.count_of(conn) + self.watches.child.count_of(conn);
        SessionView {
            id,
            timeout_ms: session.timeout_ms,
            // A session whose end is under way has nothing left.
            expires: self.sessions.expires(id).unwrap_or(session.last_heard),
            last_heard: session.last_heard,
            client: attached.map(|(_, connection)| connection.from.clone()).unwrap_or_default(),
            ephemerals: self.database.tree.ephemerals_of(id).cloned().collect(),
            watches: attached.map_or(0, |(conn, _)| watches_of(*conn)),
        }
    }

    fn znode(&self, path: &str, znode: &Znode) -> ZnodeView {
        ZnodeView {
            path: path.to_owned(),
            data: znode.data.as_deref().map(preview).unwrap_or_default(),
            version: znode.stat.version,
            ephemeral_owner: znode.stat.ephemeral_owner,
            mzxid: znode.stat.mzxid,
            data_bytes: znode.data.as_ref().map_or(0, Bytes::len) as u32,
            children: znode.children.len() as u32,
            watches: self.watches.data.count_on(path) + self.watches.child.count_on(path),
        }
    }
}
