//! Requests of this server's own clients that wait for the ensemble: a write until it is committed,
//! and behind it whatever the same client asked later, so that each client's requests are answered in
//! order. Clients do not wait for each other.
//!
//! In ZooKeeper: `server.quorum.CommitProcessor`.

use super::super::pipeline::{Asked, Client};
use crate::base::{ConnId, SortedMap};
use std::collections::VecDeque;

/// The requests that wait, by connection.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Waiting {
    by_conn: SortedMap<ConnId, VecDeque<(Client, Asked)>>,
}

impl Waiting {
    /// Lets a request wait.
    pub(super) fn push(&mut self, conn: ConnId, client: Client, asked: Asked) {
        self.by_conn.entry(conn).or_default().push_back((client, asked));
    }

    /// Whether something waits on this connection.
    pub(super) fn is_busy(&self, conn: ConnId) -> bool {
        self.by_conn.contains_key(&conn)
    }

    /// Takes out the request at the front when it is the one that the ensemble has done.
    pub(super) fn take_done(&mut self, conn: ConnId, xid: i32) -> Option<(Client, Asked)> {
        let queue = self.by_conn.get_mut(&conn)?;
        let is_done =
            |(client, asked): &mut (Client, Asked)| client.xid == xid && needs_ensemble(asked);
        let done = queue.pop_front_if(is_done);
        self.drop_empty(conn);
        done
    }

    /// Takes out the request at the front when it waits for nothing any more.
    pub(super) fn take_read(&mut self, conn: ConnId) -> Option<(Client, Asked)> {
        let queue = self.by_conn.get_mut(&conn)?;
        let read = queue.pop_front_if(|(_, asked)| !needs_ensemble(asked));
        self.drop_empty(conn);
        read
    }

    fn drop_empty(&mut self, conn: ConnId) {
        if self.by_conn.get(&conn).is_some_and(VecDeque::is_empty) {
            self.by_conn.remove(&conn);
        }
    }

    /// Forgets what waits on a connection that is gone.
    pub(in super::super) fn forget(&mut self, conn: ConnId) {
        self.by_conn.remove(&conn);
    }

    /// How many requests wait.
    pub(in super::super) fn len(&self) -> usize {
        self.by_conn.values().map(VecDeque::len).sum()
    }
}

/// Whether the leader must be asked.
pub(super) fn needs_ensemble(asked: &Asked) -> bool {
    use crate::wire::zookeeper::Request as R;
    match asked {
        Asked::CreateSession { .. } | Asked::ExpireSession => true,
        Asked::Request(request) => match request {
            R::Create(_)
            | R::Create2(_)
            | R::CreateContainer(_)
            | R::CreateTtl(_)
            | R::Reconfig(_)
            | R::Delete(_)
            | R::SetData(_)
            | R::SetAcl(_)
            | R::Check(_)
            | R::Multi(_)
            | R::Sync(_)
            | R::CloseSession => true,
            R::Exists(_)
            | R::GetData(_)
            | R::GetAcl(_)
            | R::GetChildren(_)
            | R::GetChildren2(_)
            | R::Ping
            | R::CheckWatches(_)
            | R::RemoveWatches(_)
            | R::Auth(_)
            | R::SetWatches(_) => false,
        },
    }
}
