//! What is left of a server that was killed, lost its power, or filled its disk.

use super::*;

/// Writes `count` znodes and tells which were acknowledged by `until`.
fn write_and_count(bench: &mut Bench, count: u64, until: Time) -> Vec<String> {
    bench.connect(0, ms(2_000), 0);
    for number in 0..count {
        let due = ms(3_000) + Span::from_micros(number * 300);
        let name = format!("/n{number:04}");
        bench.request(0, number as i32 + 1, due, &create(&name, create_mode::PERSISTENT));
    }
    bench.run_until(until);
    let early: Vec<Emission> =
        bench.emissions.drain(..).filter(|emission| emission.at < until).collect();
    bench.emissions = early;
    let frames = bench.take_frames(0).into_iter();
    let xids = frames.map(|frame| decode_reply_header(&frame).unwrap());
    xids.map(|header| format!("/n{:04}", header.xid - 1)).collect()
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_point_of_the_log() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let cut_at = ms(3_000) + Span::from_micros(rng.between(1, 30_000));
        let mut bench = Bench::new();
        let acknowledged = write_and_count(&mut bench, 80, cut_at);
        let mut volume = bench.runner.into_volume();
        volume.power_cut(cut_at, &mut rng);
        let mut bench = Bench::start(&[], volume, ms(10_000), 2);
        bench.run_until(ms(10_100));
        let paths = bench.paths();
        for path in &acknowledged {
            assert!(paths.contains(path), "seed {seed}: {path} was acknowledged");
        }
        let expected: Vec<_> = (0..paths.len() - 1).map(|n| format!("/n{n:04}")).collect();
        assert_eq!(paths[1..], expected, "a prefix of what was written");
        let last = bench.view().last_zxid;
        bench.connect(1, ms(11_000), 0);
        assert_eq!(bench.view().last_zxid, last + 1);
        assert_eq!(bench.ask(1, ms(11_100), &create("/after", 0)), KeeperCode::OK);
        let volume = bench.runner.into_volume();
        let bench = Bench::start(&[], volume, ms(20_000), 3);
        assert!(bench.paths().contains(&"/after".to_owned()), "seed {seed}: the log goes on");
    }
}

#[test]
fn a_killed_server_comes_back_with_its_sessions_and_their_whole_timeout() {
    let mut bench = Bench::new();
    let session = bench.connect(0, ms(2_000), 0).session_id;
    bench.ask(0, ms(2_100), &create("/e", create_mode::EPHEMERAL));
    let mut bench = Bench::start(&[], bench.runner.into_volume(), ms(60_000), 2);
    bench.run_until(ms(65_000));
    let view = bench.view();
    assert_eq!(view.sessions.len(), 1);
    assert_eq!((view.sessions[0].id, view.sessions[0].ephemerals.len()), (session, 1));
    assert_eq!(bench.connect(1, ms(65_500), session).session_id, session);
    bench.put(ms(66_000), Input::Link(LinkInput::Closed(conn(1), CloseReason::Reset)));
    bench.run_until(ms(80_000));
    assert!(bench.traced(&TraceEvent::SessionExpired { session }).is_some());
    assert_eq!(bench.paths(), ["/"]);
}

#[test]
fn snapshots_come_by_snap_count_and_the_log_goes_on_from_them() {
    let properties = [("snapCount", "10")];
    let mut bench = Bench::start(&properties, Volume::default(), ms(0), 1);
    bench.connect(0, ms(2_000), 0);
    for number in 0..50 {
        bench.ask(0, ms(3_000 + number * 10), &create(&format!("/n{number:02}"), 0));
    }
    let volume = bench.runner.into_volume();
    let snapshots = volume.list("version-2/snapshot.").count();
    let logs = volume.list("version-2/log.").count();
    assert!((5..=12).contains(&snapshots), "{snapshots}");
    assert_eq!(logs, snapshots, "each snapshot but the last begins a log, and the first began one");
    let bench = Bench::start(&properties, volume, ms(10_000), 2);
    assert_eq!(bench.paths().len(), 51);
    assert_eq!(bench.view().last_zxid, 51);
}

#[test]
fn a_full_disk_stops_the_server() {
    let mut bench = Bench::new();
    bench.connect(0, ms(2_000), 0);
    bench.runner.volume_mut().suffer(&crate::disk::DiskFault::Health(crate::disk::Health::Full));
    bench.request(0, 1, ms(3_000), &create("/a", 0));
    bench.run_until(ms(3_100));
    let is_exit =
        |emission: &Emission| matches!(&emission.effect, Effect::Exit(exit) if exit.failure);
    assert!(bench.emissions.iter().any(is_exit));
    assert!(bench.take_frames(0).is_empty(), "nothing is acknowledged");
}
