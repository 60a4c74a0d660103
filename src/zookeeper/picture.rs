//! What the page and the checkers see of a server.

use super::server::ZooKeeperServer;
use super::session::Session;
use super::tree::Znode;
use crate::base::ConnId;
use crate::node::view::{SessionView, ZnodeView, ZooKeeperView, preview};

/// How many znodes a view carries.
const ZNODES_SHOWN_MAX: usize = 300;

impl ZooKeeperServer {
    /// The server as it is now.
    pub(super) fn picture(&self) -> ZooKeeperView {
        let znodes = self.database.tree.nodes.iter().take(ZNODES_SHOWN_MAX);
        ZooKeeperView {
            role: "standalone".to_owned(),
            last_zxid: self.database.tree.last_processed_zxid,
            sessions: self.sessions.iter().map(|(id, session)| self.session(id, session)).collect(),
            znodes: znodes.map(|(path, znode)| self.znode(path, znode)).collect(),
        }
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
            watches: self.watches.data.count_on(path) + self.watches.child.count_on(path),
        }
    }
}
