//! Ensembles of ZooKeeper servers under faults, judged by what their clients saw; and what becomes of
//! a Kafka cluster on an ensemble when a server of it dies.

use kafkarium::base::{Span, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::host::ensemble_simulation::simulate_ensemble;
use kafkarium::host::simulation::Faults;
use kafkarium::node::ProcessView;
use kafkarium::node::view::ZooKeeperView;
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};
use std::ops::Range;

/// Two hundred short runs, side by side; `cargo xtask sweep --workload zookeeper` runs more and longer
/// ones.
fn are_clean(seeds: Range<u64>) {
    let (mut leaders, mut faults, mut answered) = (0, 0, 0);
    for seed in seeds {
        let report = simulate_ensemble(seed, Span::from_secs(8), Faults::ALL, |_| ());
        assert_eq!(report.panics, [], "seed {seed}");
        assert_eq!(report.safety, [], "seed {seed}");
        assert_eq!(report.liveness, Vec::<String>::new(), "seed {seed}");
        leaders += report.counts.zookeeper_leaders;
        faults += report.faults;
        answered += report.counts.acknowledged;
    }
    assert!(leaders > 60 && faults > 100 && answered > 10_000, "{leaders} {faults} {answered}");
}

#[test]
fn the_first_seeds_of_an_ensemble_are_clean() {
    are_clean(0..50);
}

#[test]
fn the_second_seeds_of_an_ensemble_are_clean() {
    are_clean(50..100);
}

#[test]
fn the_third_seeds_of_an_ensemble_are_clean() {
    are_clean(100..150);
}

#[test]
fn the_fourth_seeds_of_an_ensemble_are_clean() {
    are_clean(150..200);
}

fn zookeepers(host: &mut LocalHost) -> Vec<(String, ZooKeeperView)> {
    host.refresh_views();
    let world = host.world();
    let alive = world.specs().filter(|spec| world.is_alive(spec.id));
    alive
        .filter_map(|spec| match world.view(spec.id) {
            Some(ProcessView::ZooKeeper(view)) => Some((spec.name.clone(), view.clone())),
            _ => None,
        })
        .collect()
}

fn roles(host: &mut LocalHost) -> Vec<(String, String)> {
    zookeepers(host).into_iter().map(|(name, view)| (name, view.role)).collect()
}

fn pass(host: &mut LocalHost, seconds: u64) {
    let until = host.world().clock() + Span::from_secs(seconds);
    host.run_until(until);
}

#[test]
fn every_size_elects_its_highest_number_and_serves() {
    for count in 2..=7 {
        let config = WorldConfig::cluster_on(Profile::Browser, 1, 0, count);
        let mut host = LocalHost::new(World::new(config), launch);
        pass(&mut host, 20);
        let found = zookeepers(&mut host);
        for (name, view) in found {
            let is_last = name == format!("zookeeper-{count}");
            let role = if is_last { "leader" } else { "follower" };
            assert_eq!(
                (view.role.as_str(), view.is_serving, view.epoch),
                (role, true, 1),
                "{name}"
            );
        }
    }
}

#[test]
fn a_kafka_cluster_outlives_the_leader_of_its_ensemble_but_not_the_quorum() {
    let config = WorldConfig::cluster_on(Profile::Browser, 3, 1, 3);
    let mut host = LocalHost::new(World::new(config), launch);
    let act = |host: &mut LocalHost, line: &str| {
        host.world_mut().act(line.parse::<Action>().unwrap()).unwrap();
    };
    let has_controller = |host: &mut LocalHost, name: &str| {
        let found = zookeepers(host).into_iter().find(|(server, _)| server == name);
        found.unwrap().1.znodes.iter().any(|znode| znode.path == "/controller")
    };
    pass(&mut host, 30);
    assert!(has_controller(&mut host, "zookeeper-1"));
    act(&mut host, "kill zookeeper-3");
    pass(&mut host, 30);
    let expected = [("zookeeper-1", "follower"), ("zookeeper-2", "leader")];
    let expected = expected.map(|(name, role)| (name.to_owned(), role.to_owned()));
    assert_eq!(roles(&mut host), expected);
    assert!(has_controller(&mut host, "zookeeper-1"), "the session moved in time");
    let expired = |host: &LocalHost| {
        let is_expiry = |event: &TraceEvent| matches!(event, TraceEvent::SessionExpired { .. });
        host.world()
            .trace()
            .after(kafkarium::base::EventId(0))
            .filter(|r| is_expiry(&r.event))
            .count()
    };
    assert_eq!(expired(&host), 0);

    act(&mut host, "kill zookeeper-2");
    pass(&mut host, 60);
    let found = zookeepers(&mut host);
    assert_eq!((found[0].1.role.as_str(), found[0].1.is_serving), ("looking", false));
    assert_eq!(expired(&host), 0, "without a quorum no session ends");

    act(&mut host, "restart zookeeper-2");
    act(&mut host, "restart zookeeper-3");
    pass(&mut host, 60);
    let found = zookeepers(&mut host);
    assert!(
        found.iter().all(|(_, view)| view.is_serving && view.epoch == 3),
        "{:?}",
        roles(&mut host)
    );
    assert!(has_controller(&mut host, "zookeeper-3"));
}

#[test]
fn a_kafka_cluster_lives_below_its_chroot_on_whatever_server_there_is() {
    let mut config = WorldConfig::cluster_on(Profile::Browser, 3, 1, 3);
    for process in &mut config.processes {
        if let Some(connect) = process.properties.get("zookeeper.connect") {
            let connect = format!("{connect}/kafka/a");
            process.properties.set("zookeeper.connect", &connect);
        }
    }
    let mut host = LocalHost::new(World::new(config), launch);
    pass(&mut host, 30);
    let paths = |host: &mut LocalHost| -> Vec<String> {
        let found = zookeepers(host).into_iter().find(|(_, view)| view.is_serving);
        found.unwrap().1.znodes.into_iter().map(|znode| znode.path).collect()
    };
    let found = paths(&mut host);
    for path in ["/kafka", "/kafka/a/brokers/ids/1", "/kafka/a/controller", "/kafka/a/cluster/id"] {
        assert!(found.contains(&path.to_owned()), "{path} in {found:?}");
    }
    let is_outside =
        |path: &&String| !path.starts_with("/kafka") && !path.starts_with("/zookeeper");
    assert_eq!(found.iter().filter(is_outside).collect::<Vec<_>>(), ["/"]);
    // Whichever server the broker is on, it is gone for a while.
    for server in ["zookeeper-1", "zookeeper-2", "zookeeper-3"] {
        host.world_mut().act(format!("kill {server}").parse::<Action>().unwrap()).unwrap();
        pass(&mut host, 20);
        host.world_mut().act(format!("restart {server}").parse::<Action>().unwrap()).unwrap();
        pass(&mut host, 20);
    }
    assert!(paths(&mut host).contains(&"/kafka/a/controller".to_owned()));
    let is_expiry = |event: &TraceEvent| matches!(event, TraceEvent::SessionExpired { .. });
    let trace = host.world().trace();
    assert!(!trace.after(kafkarium::base::EventId(0)).any(|record| is_expiry(&record.event)));
}
