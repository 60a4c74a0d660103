//! Snapshots, byte for byte ZooKeeper's: `version-2/snapshot.ZXID` is a header ("ZKSN", version,
//! database id), the sessions with their timeouts, the ACL lists, the znodes parents first, and an
//! Adler-32 of it all.
//!
//! In ZooKeeper: `server.persistence.FileSnap`, `DataTree.serialize`.

use super::tree::{DataTree, StatPersisted, Znode};
use super::txn::{get, put};
use super::txn_log::adler32;
use crate::base::{SortedMap, SortedSet};
use crate::wire::{DecodeError, Reader, Writer};
use bytes::Bytes;

const MAGIC: &[u8; 4] = b"ZKSN";
const VERSION: i32 = 2;
/// ZooKeeper writes no database id here.
const DATABASE_ID: i64 = -1;
/// Ends the list of znodes, and the file.
const END: &str = "/";

/// What a snapshot holds: the tree and the timeouts (ms) of the sessions.
pub(super) type State = (DataTree, SortedMap<i64, u32>);

/// A snapshot of a tree and its sessions.
pub(super) fn encode(tree: &DataTree, session_timeouts: &SortedMap<i64, u32>) -> Bytes {
    let mut writer = Writer::new();
    writer.put(MAGIC);
    put(&mut writer, &VERSION);
    put(&mut writer, &DATABASE_ID);
    put(&mut writer, &(session_timeouts.len() as i32));
    for (session, timeout_ms) in session_timeouts {
        put(&mut writer, session);
        put(&mut writer, &(*timeout_ms as i32));
    }
    let lists = tree.acls.iter();
    put(&mut writer, &(lists.len() as i32));
    for (number, acl) in lists {
        put(&mut writer, &number);
        put(&mut writer, acl);
    }
    // In path order a parent, being a prefix, stands before its children.
    for (path, znode) in &tree.nodes {
        let path = if path == END { "" } else { path };
        put(&mut writer, &path.to_owned());
        write_znode(&mut writer, znode);
    }
    put(&mut writer, &END.to_owned());
    let content = writer.finish();
    let mut file = Writer::new();
    file.put(&content);
    put(&mut file, &adler32(&content));
    put(&mut file, &END.to_owned());
    file.finish()
}

fn write_znode(writer: &mut Writer, znode: &Znode) {
    put(writer, &znode.data);
    put(writer, &znode.acl);
    let stat = &znode.stat;
    for number in [stat.czxid, stat.mzxid, stat.ctime, stat.mtime] {
        put(writer, &number);
    }
    for number in [stat.version, stat.cversion, stat.aversion] {
        put(writer, &number);
    }
    put(writer, &stat.ephemeral_owner);
    put(writer, &stat.pzxid);
}

/// Reads a snapshot. The zxid is in its name only: the tree comes back with zxid 0.
pub(super) fn decode(file: &Bytes) -> Result<State, DecodeError> {
    let mut reader = Reader::new(file);
    if reader.take(4)? != MAGIC || get::<i32>(&mut reader)? != VERSION {
        return Err(DecodeError::InvalidValue { at: 0, expected: "a snapshot" });
    }
    get::<i64>(&mut reader)?;
    let mut session_timeouts = SortedMap::new();
    for _ in 0..get::<i32>(&mut reader)? {
        let session = get(&mut reader)?;
        session_timeouts.insert(session, get::<i32>(&mut reader)?.max(0) as u32);
    }
    let mut tree = DataTree::empty();
    for _ in 0..get::<i32>(&mut reader)? {
        let number = get(&mut reader)?;
        tree.acls.define(number, get(&mut reader)?);
    }
    read_znodes(&mut reader, &mut tree)?;
    tree.acls.purge_unused();
    let end = reader.position();
    if get::<i64>(&mut reader)? != adler32(&file[..end]) || get::<String>(&mut reader)? != END {
        return Err(DecodeError::InvalidValue { at: end, expected: "the checksum" });
    }
    Ok((tree, session_timeouts))
}

fn read_znodes(reader: &mut Reader, tree: &mut DataTree) -> Result<(), DecodeError> {
    loop {
        let at = reader.position();
        let path = match get::<String>(reader)? {
            end if end == END => break,
            root if root.is_empty() => END.to_owned(),
            path => path,
        };
        let znode = read_znode(reader)?;
        let parent = super::path::parent_of(&path);
        let is_placed = path == END || parent.is_some_and(|parent| tree.get(parent).is_some());
        if !is_placed || !tree.acls.take_number(znode.acl) {
            return Err(DecodeError::InvalidValue { at, expected: "a parent and an ACL" });
        }
        tree.insert(&path, znode);
    }
    match tree.get(END) {
        Some(_) => Ok(()),
        None => Err(DecodeError::InvalidValue { at: reader.position(), expected: "a root" }),
    }
}

fn read_znode(reader: &mut Reader) -> Result<Znode, DecodeError> {
    // A copy: a slice would keep the whole file in memory.
    let data = get::<Option<Bytes>>(reader)?.map(|data| Bytes::copy_from_slice(&data));
    let acl = get(reader)?;
    let (czxid, mzxid) = (get(reader)?, get(reader)?);
    let (ctime, mtime) = (get(reader)?, get(reader)?);
    let (version, cversion, aversion) = (get(reader)?, get(reader)?, get(reader)?);
    let (ephemeral_owner, pzxid) = (get(reader)?, get(reader)?);
    let stat = StatPersisted {
        czxid,
        mzxid,
        ctime,
        mtime,
        version,
        cversion,
        aversion,
        ephemeral_owner,
        pzxid,
    };
    Ok(Znode { data, acl, stat, children: SortedSet::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_first_snapshot_of_a_real_server() {
        let real = include_bytes!("../../tests/golden/zookeeper/snapshot.0");
        let (tree, sessions) = decode(&Bytes::from_static(real)).unwrap();
        assert_eq!(tree, DataTree::default());
        assert!(sessions.is_empty());
        assert_eq!(encode(&tree, &sessions), real.as_slice());
    }

    #[test]
    fn refuses_every_cut_and_every_flipped_byte() {
        let real = include_bytes!("../../tests/golden/zookeeper/snapshot.0");
        for len in 0..real.len() {
            assert!(decode(&Bytes::copy_from_slice(&real[..len])).is_err(), "cut at {len}");
            let mut flipped = real.to_vec();
            flipped[len] ^= 1;
            let is_database_id = (8..16).contains(&len);
            assert!(is_database_id || decode(&Bytes::from(flipped)).is_err(), "flip at {len}");
        }
    }
}
