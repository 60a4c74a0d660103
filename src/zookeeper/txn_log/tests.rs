//! The log against the bytes of a real server, and against cuts and flips anywhere.

use super::*;
use crate::wire::zookeeper::KeeperCode;

const REAL: &[u8] = include_bytes!("../../../tests/golden/zookeeper/log.1");

#[test]
fn checksums_match_the_published_vectors() {
    assert_eq!(adler32(b""), 1);
    assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    assert_eq!(adler32(&vec![0xff; 100_000]), 0x149a_302c);
}

#[test]
fn reads_the_log_of_a_real_server_and_writes_the_same_bytes() {
    let file = read_log(&Bytes::from_static(REAL)).unwrap();
    assert_eq!(file.txns.len(), 0x123);
    assert_eq!(file.txns[0].1, Txn::CreateSession { timeout_ms: 6_000 });
    let zxids: Vec<i64> = file.txns.iter().map(|(header, _)| header.zxid).collect();
    assert_eq!(zxids, (1..=0x123).collect::<Vec<_>>());
    assert!(file.txns.iter().any(|(_, txn)| *txn == Txn::Error(KeeperCode::NO_NODE)));

    let (mut log, mut volume) = (TxnLog::new("version-2/"), Volume::default());
    for (index, (header, txn)) in file.txns.iter().enumerate() {
        let begun = log.append(header, txn, &mut volume).unwrap();
        assert_eq!(begun, (index == 0).then(|| "log.1".to_owned()));
    }
    let end = usize::try_from(file.valid_len).unwrap();
    assert_eq!(volume.read("version-2/log.1").unwrap(), &REAL[..end]);
    assert!(REAL[end..].iter().all(|byte| *byte == 0), "only preallocated bytes are left");
}

#[test]
fn a_torn_log_is_read_up_to_its_last_whole_record() {
    let whole = read_log(&Bytes::from_static(REAL)).unwrap();
    for len in 0..2_000 {
        let file = read_log(&Bytes::from_static(&REAL[..len])).unwrap();
        assert!(file.valid_len as usize <= len);
        assert_eq!(file.txns[..], whole.txns[..file.txns.len()]);
    }
}

#[test]
fn a_flipped_byte_ends_the_log_and_is_never_believed() {
    let whole = read_log(&Bytes::from_static(REAL)).unwrap();
    for at in 16..2_000 {
        let mut bytes = REAL[..2_000].to_vec();
        bytes[at] ^= 0x10;
        let file = read_log(&Bytes::from(bytes)).unwrap();
        assert!(file.valid_len as usize <= at);
        assert_eq!(file.txns[..], whole.txns[..file.txns.len()]);
    }
}

#[test]
fn what_was_appended_before_a_roll_is_synced_too() {
    let (mut log, mut volume) = (TxnLog::new("version-2/"), Volume::default());
    let mut append = |log: &mut TxnLog, zxid| {
        let header = TxnHeader { session: 1, cxid: 1, zxid, time_ms: 0 };
        log.append(&header, &Txn::CloseSession, &mut volume).unwrap();
    };
    append(&mut log, 1);
    log.roll();
    append(&mut log, 2);
    append(&mut log, 3);
    let files: Vec<String> = log.take_unsynced().into_iter().collect();
    assert_eq!(files, ["version-2/log.1", "version-2/log.2"]);
    assert!(log.take_unsynced().is_empty());
}
