//! The server against what a real one said, and against bad frames.

mod bench;
mod durability;
mod golden;
mod greeting;
mod model;

use super::*;
use crate::base::{Cause, Endpoint, Incarnation, MachineId, ProcessId, Rng, Span};
use crate::disk::Volume;
use crate::node::{Batch, CloseReason, Effect, Emission, Program, Properties, Runner, TimedInput};
use crate::wire::zookeeper::{
    Acl, AuthRequest, ConnectRequest, ConnectResponse, CreateRequest, ExistsRequest,
    GetChildrenRequest, GetDataRequest, Id, OpCode, Request, SetDataRequest, SetWatchesRequest,
    XID_NOTIFICATION, create_mode, decode_event, decode_reply, decode_reply_header, decode_request,
    encode_request, event_type, op_of_reserved_xid, reply_xid,
};
use bench::{Bench, SYNC_MS, children, conn, create, exists, get, ms, set};
use bytes::Bytes;
use std::collections::VecDeque;

/// A frame without what no two runs share: wall clock and the order of a Java hash set.
fn settled(frame: &Bytes, asked: &mut VecDeque<(i32, OpCode)>) -> String {
    let xid = reply_xid(frame).unwrap();
    if xid == XID_NOTIFICATION {
        return format!("{:?}", decode_event(frame).unwrap());
    }
    let op = op_of_reserved_xid(xid).unwrap_or_else(|| {
        let (asked_xid, op) = asked.pop_front().unwrap();
        assert_eq!(asked_xid, xid);
        op
    });
    let (header, mut body) = decode_reply(frame, op).unwrap();
    let timeless = |stat: &mut crate::wire::zookeeper::Stat| (stat.ctime, stat.mtime) = (0, 0);
    match &mut body {
        Some(Reply::Stat(body)) => timeless(&mut body.stat),
        Some(Reply::GetData(body)) => timeless(&mut body.stat),
        Some(Reply::Create2(body)) => timeless(&mut body.stat),
        Some(Reply::GetChildren2(body)) => {
            timeless(&mut body.stat);
            body.children.sort();
        }
        Some(Reply::GetChildren(body)) => body.children.sort(),
        Some(Reply::Multi(results)) => {
            for result in results {
                if let crate::wire::zookeeper::MultiResult::SetData(body) = result {
                    timeless(&mut body.stat);
                }
            }
        }
        _ => {}
    }
    format!("{header:?} {body:?}")
}

/// Two brokers start: this server says what the real one said, byte for byte but for the clock.
#[test]
fn answers_two_starting_brokers_as_the_real_server_did() {
    let golden = include_str!("../../../tests/golden/zookeeper/first-seconds.txt");
    // The real server's session ids tell what its clock showed.
    let origin = ms(0x004f_0f5b);
    let start = origin - Span::from_millis(SYNC_MS);
    let mut bench = Bench::start(&[], Volume::default(), start, 1);
    let mut asked: SortedMap<u32, VecDeque<(i32, OpCode)>> = SortedMap::new();
    let mut expected: SortedMap<u32, Vec<Bytes>> = SortedMap::new();
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let due = origin + Span::from_millis(10) + Span::from_micros(words[0].parse().unwrap());
        let serial = words[1].parse().unwrap();
        let byte = |at| u8::from_str_radix(&words[3][at..at + 2], 16).unwrap();
        let frame: Bytes = (0..words[3].len()).step_by(2).map(byte).collect();
        if words[2] == "<" {
            expected.entry(serial).or_default().push(frame);
            continue;
        }
        if let Some(asked) = asked.get_mut(&serial) {
            let (header, request) = decode_request(&frame).unwrap();
            if header.xid > 0 {
                asked.push_back((header.xid, request.op()));
            }
        } else {
            asked.insert(serial, VecDeque::new());
            bench.accept(serial, due);
        }
        bench.frame(serial, due, frame);
    }
    bench.run_until(origin + Span::from_secs(7));
    assert_eq!(expected.len(), 2);
    for (serial, expected) in expected {
        let said = bench.take_frames(serial);
        assert_eq!(said[0], expected[0], "the session, its timeout and its password");
        let mut asked_of_ours = asked[&serial].clone();
        let mut asked_of_real = asked[&serial].clone();
        for (said, expected) in said[1..].iter().zip(&expected[1..]) {
            let expected = settled(expected, &mut asked_of_real);
            assert_eq!(settled(said, &mut asked_of_ours), expected);
        }
        assert!(said.len() >= expected.len());
    }
}

#[test]
fn a_write_is_answered_after_its_sync_and_writes_that_gather_share_one() {
    let mut bench = Bench::new();
    bench.connect(0, ms(2_000), 0);
    let syncs = |bench: &Bench| bench.runner.volume().durable_len("version-2/log.1");
    let before = syncs(&bench);
    for (xid, name) in (1..).zip(["/a", "/b", "/c", "/d"]) {
        let due = ms(3_000) + Span::from_micros(xid as u64 * 100);
        bench.request(0, xid, due, &create(name, create_mode::PERSISTENT));
    }
    bench.run_until(ms(3_100));
    assert!(syncs(&bench) > before);
    let replies = bench.emissions.iter().filter_map(|emission| match &emission.effect {
        Effect::Send { frame, .. } => Some((reply_xid(frame).unwrap(), emission.at.as_micros())),
        _ => None,
    });
    let replies: Vec<_> = replies.collect();
    let first = 3_000_100 + SYNC_MS * 1_000;
    let second = first + SYNC_MS * 1_000;
    assert_eq!(replies, [(1, first), (2, second), (3, second), (4, second)]);
}

#[test]
fn a_read_waits_for_the_writes_before_it() {
    let mut bench = Bench::new();
    bench.connect(0, ms(2_000), 0);
    bench.request(0, 1, ms(3_000), &create("/a", create_mode::PERSISTENT));
    let due = ms(3_000) + Span::from_micros(10);
    bench.request(0, 2, due, &exists("/a"));
    bench.run_until(ms(3_100));
    let frames = bench.take_frames(0);
    let errors: Vec<_> = frames.iter().map(|frame| decode_reply_header(frame).unwrap()).collect();
    assert_eq!(
        errors.iter().map(|header| (header.xid, header.err)).collect::<Vec<_>>(),
        [(1, 0), (2, 0)]
    );
}

#[test]
fn a_silent_session_expires_in_its_bucket_and_takes_its_ephemerals_with_it() {
    let mut bench = Bench::new();
    let session = bench.connect(0, ms(2_000), 0).session_id;
    bench.connect(1, ms(2_100), 0);
    assert_eq!(bench.ask(0, ms(3_000), &create("/e", create_mode::EPHEMERAL)), KeeperCode::OK);
    assert_eq!(bench.ask(1, ms(3_100), &exists("/e")), KeeperCode::OK);
    for second in 4..16 {
        bench.ask(1, ms(second * 1_000), &Request::Ping);
    }
    // Heard of at 3 s, timeout 6 s: the bucket after 9 s is 12 s, and the sync takes its time.
    let expired = bench.traced(&TraceEvent::SessionExpired { session });
    assert_eq!(expired, Some(ms(12_000 + SYNC_MS)));
    assert!(bench.hung_up(0));
    assert!(bench.paths().iter().all(|path| path != "/e"));
    let fired = |emission: &&Emission| matches!(&emission.effect, Effect::Trace(TraceEvent::WatchFired { path, kind, .. }) if path == "/e" && kind == "NodeDeleted");
    assert_eq!(bench.emissions.iter().find(fired).map(|emission| emission.at), expired);
    assert_eq!(bench.view().sessions.len(), 1);
}

#[test]
fn a_session_is_taken_over_by_a_new_connection_and_only_with_its_password() {
    let mut bench = Bench::new();
    let session = bench.connect(0, ms(2_000), 0).session_id;
    assert_eq!(bench.connect(1, ms(3_000), session).session_id, session);
    assert!(bench.hung_up(0), "the old connection is closed");
    assert_eq!(bench.connect(2, ms(3_500), session + 1).timeout, 0, "nobody's session");
    bench.accept(3, ms(4_000));
    let request = ConnectRequest { session_id: session, ..ConnectRequest::default() };
    bench.frame(3, ms(4_000), request.encode());
    let response = ConnectResponse::decode(&bench.take_frames(3)[0]).unwrap();
    assert_eq!((response.timeout, response.session_id), (0, 0));
    assert!(bench.hung_up(3));
}

#[test]
fn a_client_that_has_seen_more_is_refused() {
    let mut bench = Bench::new();
    bench.accept(0, ms(2_000));
    let request = ConnectRequest { last_zxid_seen: 1, timeout: 6_000, ..Default::default() };
    bench.frame(0, ms(2_000), request.encode());
    assert!(bench.hung_up(0));
    assert!(bench.take_frames(0).is_empty());
}

#[test]
fn watches_fire_before_the_reply_that_shows_the_change() {
    let mut bench = Bench::new();
    bench.connect(0, ms(2_000), 0);
    bench.ask(0, ms(2_100), &create("/a", create_mode::PERSISTENT));
    bench.ask(0, ms(2_200), &get("/a"));
    bench.ask(0, ms(2_300), &children("/"));
    assert_eq!(bench.ask(0, ms(2_400), &exists("/a/b")), KeeperCode::NO_NODE);
    bench.request(0, 1, ms(3_000), &set("/a"));
    bench.request(0, 2, ms(3_000), &create("/a/b", create_mode::PERSISTENT));
    bench.request(0, 3, ms(3_000), &create("/c", create_mode::PERSISTENT));
    bench.request(0, 4, ms(3_000), &set("/a"));
    bench.run_until(ms(3_100));
    let frames = bench.take_frames(0);
    let told: Vec<_> = frames
        .iter()
        .map(|frame| match reply_xid(frame).unwrap() {
            XID_NOTIFICATION => {
                let event = decode_event(frame).unwrap();
                format!("{} {}", event_type::name(event.event_type), event.path)
            }
            xid => xid.to_string(),
        })
        .collect();
    let expected =
        ["NodeDataChanged /a", "1", "NodeCreated /a/b", "2", "NodeChildrenChanged /", "3", "4"];
    assert_eq!(told, expected);
}

#[test]
fn set_watches_tells_at_once_what_was_missed_and_arms_the_rest() {
    let mut bench = Bench::new();
    let session = bench.connect(0, ms(2_000), 0).session_id;
    for (at, path) in (2_100..).step_by(100).zip(["/a", "/b", "/c"]) {
        bench.ask(0, ms(at), &create(path, create_mode::PERSISTENT));
    }
    let seen = bench.view().last_zxid;
    bench.ask(0, ms(2_500), &set("/a"));
    bench.connect(1, ms(3_000), session);
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let request = SetWatchesRequest {
        relative_zxid: seen,
        data_watches: names(&["/a", "/b", "/gone"]),
        exist_watches: names(&["/c", "/coming"]),
        child_watches: names(&["/", "/gone"]),
    };
    bench.request(1, -8, ms(3_100), &Request::SetWatches(request));
    let frames = bench.take_frames(1);
    let last = decode_reply_header(&frames[frames.len() - 1]).unwrap();
    assert_eq!((last.xid, last.err), (-8, 0));
    let events: Vec<_> = frames[..frames.len() - 1]
        .iter()
        .map(|frame| decode_event(frame).unwrap())
        .map(|event| (event_type::name(event.event_type), event.path))
        .collect();
    let expected = [
        ("NodeDataChanged", "/a"),
        ("NodeDeleted", "/gone"),
        ("NodeCreated", "/c"),
        ("NodeDeleted", "/gone"),
    ];
    assert_eq!(events, expected.map(|(kind, path)| (kind, path.to_owned())));
    let watches: u32 = bench.view().sessions.iter().map(|session| session.watches).sum();
    assert_eq!(watches, 3, "/b, /coming and the children of /");
}

#[test]
fn malformed_frames_close_the_connection_and_nothing_else() {
    let good = encode_request(1, &create("/a", create_mode::PERSISTENT));
    for len in 0..good.len() {
        let mut bench = Bench::new();
        bench.connect(0, ms(2_000), 0);
        bench.connect(1, ms(2_100), 0);
        bench.frame(0, ms(3_000), good.slice(..len));
        assert!(bench.hung_up(0), "cut at {len}");
        assert_eq!(bench.ask(1, ms(3_100), &Request::Ping), KeeperCode::OK);
        assert_eq!(bench.paths(), ["/"]);
    }
}

#[test]
fn unknown_operations_and_oversized_frames_close_the_connection() {
    let mut bench = Bench::start(&[("jute.maxbuffer", "1000")], Volume::default(), ms(0), 1);
    bench.connect(0, ms(2_000), 0);
    bench.frame(0, ms(3_000), Bytes::from_static(&[0, 0, 0, 9, 0, 0, 3, 0x84]));
    let frame = bench.take_frames(0).pop().unwrap();
    let header = decode_reply_header(&frame).unwrap();
    assert_eq!((header.xid, KeeperCode(header.err)), (9, KeeperCode::UNIMPLEMENTED));
    assert!(bench.hung_up(0));
    bench.connect(1, ms(4_000), 0);
    bench.frame(1, ms(5_000), Bytes::from(vec![0; 1_001]));
    assert!(bench.hung_up(1));
    bench.accept(2, ms(6_000));
    bench.frame(2, ms(6_000), Bytes::from_static(b"GET "));
    assert!(bench.hung_up(2));
}

#[test]
fn acls_are_enforced_for_whom_a_client_proved_to_be() {
    let mut bench = Bench::new();
    bench.connect(1, ms(2_000), 0);
    bench.connect(2, ms(2_010), 0);
    let auth = |credentials: &'static str| {
        let (scheme, auth) =
            ("digest".to_owned(), Some(Bytes::from_static(credentials.as_bytes())));
        Request::Auth(AuthRequest { auth_type: 0, scheme, auth })
    };
    assert_eq!(bench.ask(1, ms(2_020), &auth("me:secret")), KeeperCode::OK);
    let mine =
        Acl { id: Id { scheme: "auth".to_owned(), id: String::new() }, ..Acl::open()[0].clone() };
    let (path, data) = ("/mine".to_owned(), None);
    let make = Request::Create(CreateRequest { path, data, acl: vec![mine], flags: 0 });
    assert_eq!(bench.ask(2, ms(2_030), &make), KeeperCode::INVALID_ACL);
    assert_eq!(bench.ask(1, ms(2_040), &make), KeeperCode::OK);
    let open_child = create("/mine/child", 0);
    for request in [get("/mine"), children("/mine"), set("/mine"), open_child.clone()] {
        assert_eq!(bench.ask(2, ms(2_050), &request), KeeperCode::NO_AUTH, "{request:?}");
    }
    assert_eq!(bench.ask(2, ms(2_060), &exists("/mine")), KeeperCode::OK);
    assert_eq!(bench.ask(1, ms(2_070), &open_child), KeeperCode::OK);
    assert_eq!(bench.ask(2, ms(2_080), &auth("me:secret")), KeeperCode::OK);
    assert_eq!(bench.ask(2, ms(2_090), &set("/mine")), KeeperCode::OK);
    let (scheme, auth) = ("kerberos".to_owned(), None);
    let unknown = Request::Auth(AuthRequest { auth_type: 0, scheme, auth });
    assert_eq!(bench.ask(2, ms(2_100), &unknown), KeeperCode::AUTH_FAILED);
    assert!(bench.hung_up(2));
    assert_eq!(bench.ask(1, ms(2_110), &get("/mine")), KeeperCode::OK);
}

#[test]
fn four_letter_words_are_answered_as_the_whitelist_allows() {
    let mut bench = Bench::new();
    let say = |bench: &mut Bench, serial, word: &'static str| {
        bench.accept(serial, ms(2_000));
        bench.frame(serial, ms(2_000), Bytes::from_static(word.as_bytes()));
        assert!(bench.hung_up(serial));
        let frames = bench.take_frames(serial);
        assert_eq!(frames.len(), 1);
        String::from_utf8(frames[0].to_vec()).unwrap()
    };
    let srvr = say(&mut bench, 1, "srvr");
    assert!(srvr.starts_with("Zookeeper version: 3.5.9-"), "{srvr}");
    assert!(srvr.ends_with("Zxid: 0x0\nMode: standalone\nNode count: 4\n"), "{srvr}");
    let refused = "ruok is not executed because it is not in the whitelist.\n";
    assert_eq!(say(&mut bench, 2, "ruok"), refused);

    let all = [("4lw.commands.whitelist", "*")];
    let mut bench = Bench::start(&all, Volume::default(), ms(1_000), 1);
    let session = bench.connect(1, ms(1_500), 0).session_id;
    assert_eq!(bench.ask(1, ms(1_600), &get("/")), KeeperCode::OK);
    assert_eq!(bench.ask(1, ms(1_700), &create("/eph", create_mode::EPHEMERAL)), KeeperCode::OK);
    assert_eq!(say(&mut bench, 2, "ruok"), "imok");
    assert_eq!(say(&mut bench, 3, "wchs"), "1 connections watching 1 paths\nTotal watches:1\n");
    assert_eq!(say(&mut bench, 4, "wchp"), format!("/\n\t0x{session:x}\n"));
    assert_eq!(say(&mut bench, 5, "wchc"), format!("0x{session:x}\n\t/\n"));
    assert!(say(&mut bench, 6, "dump").ends_with(&format!("0x{session:x}:\n\t/eph\n")));
    assert!(say(&mut bench, 7, "mntr").contains("zk_watch_count\t1\n"));
    assert!(say(&mut bench, 8, "conf").contains("clientPort=2181\n"));
    assert!(say(&mut bench, 9, "cons").contains(&format!("sid=0x{session:x}")));
    assert!(say(&mut bench, 10, "stat").contains("Clients:\n /client:40000[1]("));
}

/// Recorded requests with flipped bits, on a connection each: whatever they mean now, the server
/// goes on, and a client that said nothing wrong is served.
#[test]
fn damaged_requests_harm_nobody_else() {
    let golden = include_str!("../../../tests/golden/zookeeper/first-seconds.txt");
    let requests: Vec<Vec<u8>> = golden
        .lines()
        .filter(|line| line.contains(" 0 > "))
        .map(|line| {
            let hex = line.rsplit(' ').next().unwrap();
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        })
        .collect();
    let mut rng = Rng::new(11);
    let mut bench = Bench::new();
    bench.connect(0, ms(2_000), 0);
    for round in 0..600u32 {
        let due = ms(3_000 + u64::from(round) * 100);
        let serial = round + 1;
        let connected = rng.chance(900);
        if connected {
            bench.connect(serial, due, 0);
        } else {
            bench.accept(serial, due);
        }
        let mut frame = rng.pick(&requests).unwrap().clone();
        for _ in 0..rng.between(1, 4) {
            let at = rng.below(frame.len() as u64) as usize;
            frame[at] ^= 1 << rng.below(8);
        }
        bench.frame(serial, due + Span::from_millis(10), Bytes::from(frame));
        let due = due + Span::from_millis(50);
        assert_eq!(bench.ask(0, due, &Request::Ping), KeeperCode::OK, "round {round}");
        bench.put(due, Input::Link(LinkInput::Closed(conn(serial), CloseReason::Reset)));
    }
    let volume = bench.runner.into_volume();
    let bench = Bench::start(&[], volume, ms(100_000), 2);
    assert!(!bench.emissions.iter().any(|emission| matches!(emission.effect, Effect::Exit(_))));
}
