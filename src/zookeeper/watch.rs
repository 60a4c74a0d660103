//! Watches: one-shot, kept by path and by connection.
//!
//! A watch lives on the connection that set it; a client that reconnects sets its watches anew
//! (setWatches). Since a watch is taken out and its event sent while the change is applied, the
//! event goes out before any reply that shows the change.
//!
//! In ZooKeeper: `server.WatchManager`.

use super::path::parent_of;
use super::tree::Change;
use crate::base::{ConnId, Mutant, SortedMap, SortedSet, is_planted};
use crate::wire::zookeeper::event_type;

/// The watches of one sort (data or children) on a server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WatchManager {
    by_path: SortedMap<String, SortedSet<ConnId>>,
    by_conn: SortedMap<ConnId, SortedSet<String>>,
}

impl WatchManager {
    /// Sets a watch; setting it again changes nothing.
    pub(super) fn add(&mut self, path: &str, conn: ConnId) {
        if is_planted(Mutant::ForgetWatch) {
            return;
        }
        self.by_path.entry(path.to_owned()).or_default().insert(conn);
        self.by_conn.entry(conn).or_default().insert(path.to_owned());
    }

    /// Takes out the watches on `path`: whom to tell, in the order of connections.
    pub(super) fn take(&mut self, path: &str) -> SortedSet<ConnId> {
        if is_planted(Mutant::KeepFiredWatch) {
            return self.by_path.get(path).cloned().unwrap_or_default();
        }
        let watchers = self.by_path.remove(path).unwrap_or_default();
        for conn in &watchers {
            if let Some(paths) = self.by_conn.get_mut(conn) {
                paths.remove(path);
                if paths.is_empty() {
                    self.by_conn.remove(conn);
                }
            }
        }
        watchers
    }

    /// Takes out the watch of `conn` on `path`; false when there was none.
    pub(super) fn remove(&mut self, path: &str, conn: ConnId) -> bool {
        if !self.contains(path, conn) {
            return false;
        }
        if let Some(paths) = self.by_conn.get_mut(&conn) {
            paths.remove(path);
            if paths.is_empty() {
                self.by_conn.remove(&conn);
            }
        }
        self.forget(path, conn);
        true
    }

    /// Takes out all watches of a connection that is gone.
    pub(super) fn remove_conn(&mut self, conn: ConnId) {
        for path in self.by_conn.remove(&conn).unwrap_or_default() {
            self.forget(&path, conn);
        }
    }

    fn forget(&mut self, path: &str, conn: ConnId) {
        if let Some(watchers) = self.by_path.get_mut(path) {
            watchers.remove(&conn);
            if watchers.is_empty() {
                self.by_path.remove(path);
            }
        }
    }

    /// True when `conn` watches `path`.
    pub(super) fn contains(&self, path: &str, conn: ConnId) -> bool {
        self.by_path.get(path).is_some_and(|watchers| watchers.contains(&conn))
    }

    /// How many connections watch `path`.
    pub(super) fn count_on(&self, path: &str) -> u32 {
        self.by_path.get(path).map_or(0, |watchers| watchers.len() as u32)
    }

    /// How many paths `conn` watches.
    pub(super) fn count_of(&self, conn: ConnId) -> u32 {
        self.by_conn.get(&conn).map_or(0, |paths| paths.len() as u32)
    }
}

/// Which watches are meant (Watcher.WatcherType).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WatcherType {
    /// Those set by getChildren.
    Children,
    /// Those set by getData and exists.
    Data,
    /// All.
    Any,
}

impl WatcherType {
    /// The type with this number.
    pub(super) fn of(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Children),
            2 => Some(Self::Data),
            3 => Some(Self::Any),
            _ => None,
        }
    }
}

/// An event for the client at the other end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatchEvent {
    /// Whom to tell.
    pub conn: ConnId,
    /// What happened, as an [`event_type`].
    pub kind: i32,
    /// To which znode.
    pub path: String,
}

/// All watches of a server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Watches {
    /// Set by getData and exists.
    pub data: WatchManager,
    /// Set by getChildren.
    pub child: WatchManager,
}

impl Watches {
    /// Takes out the watches that wait for `change`: what to tell whom, in order.
    pub(super) fn trigger(&mut self, change: &Change) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        let mut tell = |watchers: SortedSet<ConnId>, kind, path: &str| {
            let event = |conn| WatchEvent { conn, kind, path: path.to_owned() };
            events.extend(watchers.into_iter().map(event));
        };
        match change {
            Change::Created(path) => tell(self.data.take(path), event_type::NODE_CREATED, path),
            Change::DataChanged(path) => {
                tell(self.data.take(path), event_type::NODE_DATA_CHANGED, path);
            }
            Change::Deleted(path) => {
                // Who watches both data and children is told once.
                let mut watchers = self.data.take(path);
                watchers.append(&mut self.child.take(path));
                tell(watchers, event_type::NODE_DELETED, path);
            }
        }
        if let Change::Created(path) | Change::Deleted(path) = change
            && let Some(parent) = parent_of(path)
        {
            tell(self.child.take(parent), event_type::NODE_CHILDREN_CHANGED, parent);
        }
        events
    }

    /// True when `conn` has such a watch on `path`.
    pub(super) fn contains(&self, path: &str, which: WatcherType, conn: ConnId) -> bool {
        let data = which != WatcherType::Children && self.data.contains(path, conn);
        data || (which != WatcherType::Data && self.child.contains(path, conn))
    }

    /// Takes out such watches; false when there was none.
    pub(super) fn remove(&mut self, path: &str, which: WatcherType, conn: ConnId) -> bool {
        let data = which != WatcherType::Children && self.data.remove(path, conn);
        let child = which != WatcherType::Data && self.child.remove(path, conn);
        data || child
    }

    /// How many connections watch, how many paths are watched, and how many watches that is.
    pub(super) fn totals(&self) -> (usize, usize, usize) {
        let Self { data, child } = self;
        let conns: SortedSet<_> = data.by_conn.keys().chain(child.by_conn.keys()).collect();
        let watches = data.by_conn.values().chain(child.by_conn.values()).map(SortedSet::len).sum();
        (conns.len(), data.by_path.len() + child.by_path.len(), watches)
    }

    /// All watches: who watches which path.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &str)> {
        let lists = self.data.by_conn.iter().chain(&self.child.by_conn);
        lists.flat_map(|(conn, paths)| paths.iter().map(move |path| (*conn, path.as_str())))
    }

    /// All watches in path order: what is watched, whether it is its children, and by whom.
    pub(super) fn by_path(&self) -> impl Iterator<Item = (&str, bool, ConnId)> {
        let paths: SortedSet<&String> =
            self.data.by_path.keys().chain(self.child.by_path.keys()).collect();
        let sorts = [(&self.data, false), (&self.child, true)];
        paths.into_iter().flat_map(move |path| {
            sorts.into_iter().flat_map(move |(sort, is_child)| {
                let watchers = sort.by_path.get(path).into_iter().flatten();
                watchers.map(move |conn| (path.as_str(), is_child, *conn))
            })
        })
    }

    /// Takes out all watches of a connection that is gone.
    pub(super) fn remove_conn(&mut self, conn: ConnId) {
        self.data.remove_conn(conn);
        self.child.remove_conn(conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Incarnation, ProcessId};

    fn conn(serial: u32) -> ConnId {
        ConnId { opener: ProcessId(1), incarnation: Incarnation(1), serial }
    }

    #[test]
    fn a_watch_fires_once() {
        let mut watches = WatchManager::default();
        watches.add("/a", conn(2));
        watches.add("/a", conn(1));
        watches.add("/a", conn(1));
        assert_eq!(watches.count_on("/a"), 2);
        assert_eq!(watches.take("/a").into_iter().collect::<Vec<_>>(), [conn(1), conn(2)]);
        assert!(watches.take("/a").is_empty());
        assert_eq!(watches, WatchManager::default());
    }

    #[test]
    fn a_gone_connection_leaves_nothing() {
        let mut watches = WatchManager::default();
        watches.add("/a", conn(1));
        watches.add("/b", conn(1));
        watches.add("/b", conn(2));
        assert_eq!(watches.count_of(conn(1)), 2);
        watches.remove_conn(conn(1));
        assert!(!watches.contains("/a", conn(1)));
        assert!(watches.contains("/b", conn(2)));
        assert!(!watches.remove("/b", conn(1)));
        assert!(watches.remove("/b", conn(2)));
        assert_eq!(watches, WatchManager::default());
    }

    #[test]
    fn a_deletion_tells_each_watcher_once_and_then_the_parents() {
        let mut watches = Watches::default();
        watches.data.add("/a/b", conn(1));
        watches.child.add("/a/b", conn(1));
        watches.child.add("/a/b", conn(2));
        watches.child.add("/a", conn(1));
        let events = watches.trigger(&Change::Deleted("/a/b".to_owned()));
        let event = |serial, kind, path: &str| WatchEvent {
            conn: conn(serial),
            kind,
            path: path.to_owned(),
        };
        let expected = [
            event(1, event_type::NODE_DELETED, "/a/b"),
            event(2, event_type::NODE_DELETED, "/a/b"),
            event(1, event_type::NODE_CHILDREN_CHANGED, "/a"),
        ];
        assert_eq!(events, expected);
        assert_eq!(watches, Watches::default());
    }

    #[test]
    fn creating_a_child_of_the_root_tells_who_watches_the_root() {
        let mut watches = Watches::default();
        watches.child.add("/", conn(1));
        watches.data.add("/a", conn(1));
        let events = watches.trigger(&Change::Created("/a".to_owned()));
        let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.path.as_str())).collect();
        assert_eq!(
            kinds,
            [(event_type::NODE_CREATED, "/a"), (event_type::NODE_CHILDREN_CHANGED, "/")]
        );
    }
}
