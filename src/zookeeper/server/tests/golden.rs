//! The server on the data directory that a real one left behind.

use super::*;

const LOG: &[u8] = include_bytes!("../../../../tests/golden/zookeeper/log.1");
const SNAPSHOT: &[u8] = include_bytes!("../../../../tests/golden/zookeeper/snapshot.0");
/// The session of a broker that was killed; all others were closed.
const OPEN_SESSION: i64 = 0x0100_004f_0f5b_0002;

fn data_directory() -> Volume {
    let mut volume = Volume::default();
    volume.append("version-2/log.1", LOG).unwrap();
    volume.append("version-2/snapshot.0", SNAPSHOT).unwrap();
    volume
}

fn data_of(bench: &mut Bench, serial: u32, due: Time, path: &str) -> String {
    bench.request(serial, 5, due, &get(path));
    bench.run_until(due + Span::from_millis(1));
    let frame = bench.take_frames(serial).pop().unwrap();
    match decode_reply(&frame, OpCode::GetData).unwrap() {
        (_, Some(Reply::GetData(body))) => {
            String::from_utf8(body.data.unwrap_or_default().to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn serves_the_data_directory_of_a_real_server_and_goes_on_from_it() {
    let mut bench = Bench::start(&[], data_directory(), ms(1_000), 1);
    let view = bench.view();
    assert_eq!(view.last_zxid, 0x123);
    let sessions: Vec<_> = view.sessions.iter().map(|session| session.id).collect();
    assert_eq!(sessions, [OPEN_SESSION]);
    assert!(!view.sessions[0].ephemerals.is_empty());
    assert_eq!(view.sessions[0].timeout_ms, 6_000);

    let greeting = bench.connect(1, ms(2_000), 0);
    assert!(greeting.session_id > OPEN_SESSION, "a number that was never given");
    assert_eq!(data_of(&mut bench, 1, ms(2_100), "/controller_epoch"), "2");
    let meta = data_of(&mut bench, 1, ms(2_200), "/feature");
    assert!(meta.contains("\"status\":1"), "{meta}");
    assert_eq!(bench.ask(1, ms(2_300), &create("/after", 0)), KeeperCode::OK);
    for second in 3..15 {
        bench.ask(1, ms(second * 1_000), &Request::Ping);
    }
    let expired = TraceEvent::SessionExpired { session: OPEN_SESSION };
    assert!(bench.traced(&expired).is_some(), "the broker does not come back");

    let volume = bench.runner.into_volume();
    let files: Vec<&str> = volume.list("version-2/").collect();
    let expected = ["log.1", "log.124", "snapshot.0", "snapshot.123"];
    assert_eq!(files, expected.map(|name| format!("version-2/{name}")));
    let bench = Bench::start(&[], volume, ms(20_000), 2);
    assert!(bench.paths().contains(&"/after".to_owned()));
    assert!(bench.view().sessions.iter().all(|session| session.id != OPEN_SESSION));
}

/// A member of an ensemble finds its epoch in the zxids when it has no files that name one.
#[test]
fn an_ensemble_goes_on_from_what_a_single_server_left() {
    let ensemble = [
        ("myid", "1"),
        ("server.1", "zookeeper-1:2888:3888"),
        ("server.2", "zookeeper-2:2888:3888"),
    ];
    let bench = Bench::start(&ensemble, data_directory(), ms(1_000), 1);
    let view = bench.view();
    assert_eq!((view.role.as_str(), view.epoch, view.last_zxid), ("looking", 0, 0x123));
    assert_eq!((view.server, view.vote, view.is_serving), (1, 1, false));
}
