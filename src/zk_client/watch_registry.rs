//! The watches that a client has set, so that it can set them again on another connection.
//!
//! In ZooKeeper: `ZooKeeper.ZKWatchManager`, `ZooKeeper.ExistsWatchRegistration`.

use crate::base::SortedSet;
use crate::wire::zookeeper::{KeeperCode, OpCode, SetWatchesRequest, event_type};

/// Bytes of paths in one setWatches, so that it stays far below jute.maxbuffer.
const BATCH_BYTES_MAX: usize = 128 * 1024;

/// Watches by path, as the owner calls it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WatchRegistry {
    /// On the data of a znode that was there.
    data: SortedSet<String>,
    /// On a znode that was not there yet.
    exist: SortedSet<String>,
    /// On children.
    child: SortedSet<String>,
}

impl WatchRegistry {
    /// A request that watches `path` was answered; tells whether that set the watch.
    pub(super) fn set_by(&mut self, op: OpCode, error: KeeperCode, path: String) {
        match op {
            OpCode::Exists if error == KeeperCode::NO_NODE => self.exist.insert(path),
            OpCode::Exists | OpCode::GetData if error.is_ok() => self.data.insert(path),
            OpCode::GetChildren | OpCode::GetChildren2 if error.is_ok() => self.child.insert(path),
            _ => false,
        };
    }

    /// An event came: the watches that waited for it are gone.
    pub(super) fn fired(&mut self, kind: i32, path: &str) {
        if kind != event_type::NODE_CHILDREN_CHANGED {
            self.data.remove(path);
            self.exist.remove(path);
        }
        if matches!(kind, event_type::NODE_CHILDREN_CHANGED | event_type::NODE_DELETED) {
            self.child.remove(path);
        }
    }

    /// The requests that set all watches again for a client that has seen `zxid`.
    pub(super) fn batches(&self, zxid: i64) -> Vec<SetWatchesRequest> {
        let mut batches: Vec<SetWatchesRequest> = Vec::new();
        let mut room = 0;
        let lists = [&self.data, &self.exist, &self.child];
        for (list, path) in
            (0..).zip(lists).flat_map(|(index, paths)| paths.iter().map(move |path| (index, path)))
        {
            if room < path.len() {
                room = BATCH_BYTES_MAX.max(path.len());
                batches.push(SetWatchesRequest { relative_zxid: zxid, ..Default::default() });
            }
            room -= path.len();
            if let Some(batch) = batches.last_mut() {
                let paths = match list {
                    0 => &mut batch.data_watches,
                    1 => &mut batch.exist_watches,
                    _ => &mut batch.child_watches,
                };
                paths.push(path.clone());
            }
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_are_set_by_what_the_reply_says() {
        let mut watches = WatchRegistry::default();
        let path = |name: &str| name.to_owned();
        watches.set_by(OpCode::Exists, KeeperCode::NO_NODE, path("/coming"));
        watches.set_by(OpCode::Exists, KeeperCode::OK, path("/there"));
        watches.set_by(OpCode::GetData, KeeperCode::NO_NODE, path("/nothing"));
        watches.set_by(OpCode::GetChildren2, KeeperCode::OK, path("/there"));
        let expected = SetWatchesRequest {
            relative_zxid: 9,
            data_watches: vec![path("/there")],
            exist_watches: vec![path("/coming")],
            child_watches: vec![path("/there")],
        };
        assert_eq!(watches.batches(9), [expected]);
        watches.fired(event_type::NODE_CHILDREN_CHANGED, "/there");
        watches.fired(event_type::NODE_CREATED, "/coming");
        watches.fired(event_type::NODE_DELETED, "/there");
        assert_eq!(watches, WatchRegistry::default());
    }

    #[test]
    fn many_watches_are_set_in_several_requests() {
        let mut watches = WatchRegistry::default();
        for number in 0..300 {
            let path = format!("/{number:01000}");
            watches.set_by(OpCode::GetData, KeeperCode::OK, path);
        }
        let batches = watches.batches(1);
        assert_eq!(batches.iter().map(|batch| batch.data_watches.len()).sum::<usize>(), 300);
        assert!(batches.len() > 1);
    }
}
