//! ZooKeeper servers against bytes that nobody should send, and against files that nobody wrote.

mod property;

use bytes::Bytes;
use kafkarium::wire::jute;
use kafkarium::wire::zookeeper::Id;
use kafkarium::wire::zookeeper::quorum::{Notification, QuorumPacket, numbers};
use property::{
    Doing, FRESH_TREE, Port, any_bytes, log_of, snapshot_of, starts_or_says_why, withstands,
};
use proptest::prelude::*;

const LOG: &[u8] = include_bytes!("../golden/zookeeper/log.1");
const SNAPSHOT: &[u8] = include_bytes!("../golden/zookeeper/snapshot.0");

/// Recorded requests, and the first frames of their connections.
fn recorded() -> Vec<Vec<u8>> {
    let lines = include_str!("../golden/zookeeper-frames.txt").lines();
    let requests = lines.filter_map(|line| line.split_once(" > "));
    let byte = |hex: &str, at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    let bytes =
        |(_, hex): (&str, &str)| (0..hex.len()).step_by(2).map(|at| byte(hex, at)).collect();
    requests.map(bytes).collect()
}

/// A recorded request, whole or with some of its bytes changed, or cut.
fn any_request() -> impl Strategy<Value = Bytes> {
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop_oneof![4 => Just(usize::MAX), 1 => 0..60usize];
    (prop::sample::select(recorded()), flips, cut).prop_map(|(mut frame, flips, cut)| {
        for (at, byte) in flips {
            let at = at.index(frame.len());
            frame[at] ^= byte;
        }
        frame.truncate(cut);
        Bytes::from(frame)
    })
}

fn any_zxid() -> impl Strategy<Value = i64> {
    prop_oneof![
        (0..3i64, 0..5i64).prop_map(|(epoch, counter)| (epoch << 32) + counter),
        Just(0x1_ffff_ffff),
        Just(i64::MAX),
        any::<i64>(),
    ]
}

/// A transaction as a proposal carries it, its type and the rest as they come.
fn any_txn() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec![-11, -10, -1, 1, 2, 5, 7, 13, 14, 15];
    let path = prop::sample::select(vec!["/a", "/a/b", "/", "a", ""]);
    let rest = prop::collection::vec(any::<u8>(), 0..40);
    let header = (any::<i64>(), any::<i32>(), any_zxid(), prop::sample::select(kinds));
    (header, path, rest).prop_map(|((session, cxid, zxid, kind), path, rest)| {
        let mut txn = numbers(Some(session), &[cxid]).to_vec();
        txn.extend_from_slice(&numbers(Some(zxid), &[0, 0, kind, path.len() as i32]));
        txn.extend_from_slice(path.as_bytes());
        txn.extend_from_slice(&rest);
        txn
    })
}

fn any_packet() -> impl Strategy<Value = Bytes> {
    let data = prop_oneof![
        Just(None),
        any_txn().prop_map(Some),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        any_request().prop_map(|request| Some([&[0; 8], &request[..]].concat())),
        Just(Some(SNAPSHOT.to_vec())),
    ];
    (0..20i32, any_zxid(), data, any::<bool>()).prop_map(|(kind, zxid, data, has_auth)| {
        let id = Id { scheme: "digest".to_owned(), id: "a:b".to_owned() };
        let auth = if has_auth { vec![id] } else { Vec::new() };
        jute::encode(&QuorumPacket { kind, zxid, data: data.map(Bytes::from), auth })
    })
}

fn any_vote() -> impl Strategy<Value = Bytes> {
    let numbers = (0..4i32, any_zxid(), 0..4i64, 0..3i64, 0..5i64);
    numbers.prop_map(|(state, zxid, election_epoch, peer_epoch, leader)| {
        let version = 2;
        jute::encode(&Notification { state, leader, zxid, election_epoch, peer_epoch, version })
    })
}

fn any_frame() -> impl Strategy<Value = (Port, Bytes)> {
    let ports = [
        Port::Client,
        Port::Stranger,
        Port::Election,
        Port::ElectionStranger,
        Port::Quorum,
        Port::QuorumStranger,
    ];
    let anything = prop::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from);
    prop_oneof![
        3 => any_request().prop_map(|frame| (Port::Client, frame)),
        1 => any_request().prop_map(|frame| (Port::Stranger, frame)),
        3 => any_packet().prop_map(|frame| (Port::Quorum, frame)),
        1 => any_packet().prop_map(|frame| (Port::QuorumStranger, frame)),
        2 => any_vote().prop_map(|frame| (Port::Election, frame)),
        2 => (prop::sample::select(ports.to_vec()), anything),
    ]
}

proptest! {
    #[test]
    fn a_server_withstands_any_frames(
        doing in prop::sample::select(vec![
            Doing::Standalone, Doing::Looking, Doing::Leading, Doing::Following,
        ]),
        frames in prop::collection::vec(any_frame(), 1..12),
    ) {
        withstands(doing, &frames);
    }

    #[test]
    fn a_server_reads_a_changed_log_and_snapshot_or_says_why_not(
        in_log in prop::collection::vec((0..LOG.len(), any::<u8>()), 0..3),
        log_cut in 0..LOG.len(),
        in_snapshot in prop::collection::vec((0..SNAPSHOT.len(), any::<u8>()), 0..2),
    ) {
        let (mut log, mut snapshot) = (LOG[..log_cut].to_vec(), SNAPSHOT.to_vec());
        for (at, byte) in in_log {
            if let Some(old) = log.get_mut(at) {
                *old ^= byte;
            }
        }
        for (at, byte) in in_snapshot {
            snapshot[at] ^= byte;
        }
        starts_or_says_why(&log, &snapshot);
    }

    #[test]
    fn a_server_reads_whole_records_of_anything_or_says_why_not(
        records in prop::collection::vec(any_txn(), 0..6),
    ) {
        starts_or_says_why(&log_of(&records), SNAPSHOT);
    }

    #[test]
    fn a_server_reads_a_whole_snapshot_of_anything_or_says_why_not(
        from in 16..SNAPSHOT.len() - 13,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        // Behind the header, before the checksum.
        let mut content = SNAPSHOT[16..SNAPSHOT.len() - 13].to_vec();
        for (at, byte) in bytes {
            let at = at.index(content.len());
            content[at] ^= byte;
        }
        starts_or_says_why(LOG, &snapshot_of(&content));
        content.truncate(from);
        starts_or_says_why(LOG, &snapshot_of(&content));
    }

    #[test]
    fn the_fuzzers_entry_takes_anything(input in prop::collection::vec(any::<u8>(), 0..400)) {
        any_bytes(&input);
    }
}

/// A closed session at the last of all zxids: the next one was too much for a server.
#[test]
fn a_log_may_end_at_the_last_zxid() {
    let record = numbers(Some(0), &[0, i32::MAX, -1, 0, 0, -11]).to_vec();
    assert!(starts_or_says_why(&log_of(&[record]), SNAPSHOT));
}

#[test]
fn whole_files_are_read_and_others_are_not() {
    assert!(starts_or_says_why(LOG, SNAPSHOT));
    assert!(starts_or_says_why(&log_of(&[]), &snapshot_of(&FRESH_TREE)));
    assert!(!starts_or_says_why(LOG, b"no snapshot"));
    assert!(!starts_or_says_why(&log_of(&[b"no transaction".to_vec()]), SNAPSHOT));
}
