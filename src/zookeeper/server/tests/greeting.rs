//! How a session begins, what a server without a quorum says, and what the view shows of it all.

use super::*;
use crate::wire::zookeeper::{ReconfigRequest, WatchesRequest};

fn hello() -> Bytes {
    ConnectRequest { timeout: 6_000, ..ConnectRequest::default() }.encode()
}

#[test]
fn what_is_asked_before_the_session_stands_is_answered_behind_the_greeting() {
    let mut bench = Bench::new();
    bench.accept(1, ms(2_000));
    bench.frame(1, ms(2_000), hello());
    bench.request(1, 1, ms(2_000), &get("/"));
    bench.request(1, 2, ms(2_000), &create("/a", 0));
    bench.request(1, 3, ms(2_000), &exists("/a"));
    bench.run_until(ms(2_100));
    let frames = bench.take_frames(1);
    assert!(ConnectResponse::decode(&frames[0]).unwrap().session_id != 0);
    let headers = frames[1..].iter().map(|frame| decode_reply_header(frame).unwrap());
    let headers: Vec<_> = headers.map(|header| (header.xid, header.err)).collect();
    let event = (XID_NOTIFICATION, 0);
    assert!(!headers.contains(&event), "the watch was set behind the creation");
    assert_eq!(headers, [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn who_floods_before_the_session_stands_is_cut_off() {
    let mut bench = Bench::new();
    bench.accept(1, ms(1_900));
    let junk = Bytes::from(vec![0; 600_000]);
    let frames = [hello(), junk.clone(), junk];
    let timed = |(seq, frame)| TimedInput {
        due: ms(2_000),
        source: 2,
        seq,
        cause: Cause::Beginning,
        input: Input::Link(LinkInput::Frame(conn(1), frame)),
    };
    bench.run((0..).zip(frames).map(timed).collect(), ms(2_100));
    assert!(bench.hung_up(1));
    bench.connect(2, ms(3_000), 0);
    assert_eq!(bench.ask(2, ms(3_100), &Request::Ping), KeeperCode::OK);
}

#[test]
fn a_server_without_a_quorum_refuses_clients_also_those_that_only_want_to_read() {
    let ensemble = [("myid", "1"), ("server.1", "a:2888:3888"), ("server.2", "b:2888:3888")];
    for read_only in [None, Some(false), Some(true)] {
        let mut bench = Bench::start(&ensemble, Volume::default(), ms(1_000), 1);
        bench.accept(1, ms(2_000));
        let request = ConnectRequest { timeout: 6_000, read_only, ..ConnectRequest::default() };
        bench.frame(1, ms(2_000), request.encode());
        assert!(bench.hung_up(1));
        assert!(bench.take_frames(1).is_empty());
    }
}

#[test]
fn what_is_not_served_is_answered_clearly_and_the_session_goes_on() {
    let mut bench = Bench::new();
    bench.connect(1, ms(2_000), 0);
    let reconfig = ReconfigRequest { leaving_servers: Some("3".to_owned()), ..Default::default() };
    let reconfig = Request::Reconfig(reconfig);
    assert_eq!(bench.ask(1, ms(2_100), &reconfig), KeeperCode::RECONFIG_DISABLED);
    assert_eq!(bench.ask(1, ms(2_200), &create("/c", 4)), KeeperCode::UNIMPLEMENTED);
    assert_eq!(bench.ask(1, ms(2_300), &create("/t", 5)), KeeperCode::UNIMPLEMENTED);
    assert_eq!(bench.ask(1, ms(2_400), &create("/p", 0)), KeeperCode::OK);
}

#[test]
fn watches_are_taken_away_one_sort_at_a_time() {
    let mut bench = Bench::new();
    bench.connect(1, ms(2_000), 0);
    bench.ask(1, ms(2_100), &get("/"));
    bench.ask(1, ms(2_200), &children("/"));
    let watches = |watcher_type| WatchesRequest { path: "/".to_owned(), watcher_type };
    let check = |sort| Request::CheckWatches(watches(sort));
    let remove = |sort| Request::RemoveWatches(watches(sort));
    let mut errors = Vec::new();
    let asked = [check(1), remove(1), check(1), remove(1), check(2), check(3), remove(3), check(3)];
    for (at, request) in (2_300..).step_by(10).zip(asked) {
        errors.push(bench.ask(1, ms(at), &request));
    }
    let (ok, none) = (KeeperCode::OK, KeeperCode::NO_WATCHER);
    assert_eq!(errors, [ok, ok, none, none, ok, ok, ok, none]);
    assert_eq!(bench.ask(1, ms(2_500), &create("/a", 0)), KeeperCode::OK);
    assert!(bench.take_frames(1).is_empty(), "nobody is told");
}

#[test]
fn the_view_shows_sessions_znodes_and_watches() {
    let mut bench = Bench::new();
    let session = bench.connect(1, ms(2_000), 0).session_id;
    bench.ask(1, ms(2_100), &create("/e", create_mode::EPHEMERAL));
    bench.ask(1, ms(2_200), &exists("/coming"));
    bench.ask(1, ms(2_300), &children("/"));
    let view = bench.view();
    let watches = view.watches.iter();
    let watches: Vec<_> =
        watches.map(|watch| (watch.path.as_str(), watch.is_child, watch.session)).collect();
    assert_eq!(watches, [("/", true, session), ("/coming", false, session)]);
    let root = &view.znodes[0];
    assert_eq!((root.path.as_str(), root.children, root.watches), ("/", 2, 1));
    let ephemeral = &view.znodes[1];
    assert_eq!((ephemeral.path.as_str(), ephemeral.ephemeral_owner), ("/e", session));
    assert_eq!((ephemeral.mzxid, ephemeral.version, ephemeral.data_bytes), (2, 0, 0));
    assert_eq!(view.znode_count, 5);
    assert_eq!(view.sessions[0].ephemerals, ["/e"]);
    assert_eq!(view.sessions[0].watches, 2);
    // Heard of at 2.3 s, timeout 6 s, a tick of 3 s.
    assert_eq!(view.sessions[0].expires, ms(9_000));
}
