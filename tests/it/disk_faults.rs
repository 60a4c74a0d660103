//! Disks that are full, fail, or give back other bytes than were written: what a broker makes of it,
//! and what the cluster makes of the broker.

use super::broker_cluster::{
    acknowledged, assert_whole, broker, cluster, count, replicas, run, story,
};
use kafkarium::base::{TopicPartition, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::log::segment::file_name;

fn act(host: &mut LocalHost, action: &str) {
    host.world_mut().act(action.parse().expect("an action")).expect("it can be done");
}

fn leader_of(host: &LocalHost, id: &TopicPartition) -> i32 {
    let leader = replicas(host).into_iter().find(|one| one.partition == *id && one.is_leader);
    leader.expect("a leader").leader
}

fn said(host: &LocalHost, words: &str) -> usize {
    count(host, |event| matches!(event, TraceEvent::Logged { text, .. } if text.contains(words)))
}

#[test]
fn a_broker_with_a_full_or_failed_disk_halts_and_comes_back_when_it_is_repaired() {
    for (fault, error) in
        [("fill-disk", "No space left on device"), ("fail-disk", "Input/output error")]
    {
        let mut host = cluster(5);
        run(&mut host, 20);
        let leader = leader_of(&host, &TopicPartition::new("orders", 0));
        let before = acknowledged(&host);
        act(&mut host, &format!("{fault} broker-{leader}"));
        run(&mut host, 20);
        assert!(said(&host, &format!("java.io.IOException: {error}")) > 0, "{}", story(&host));
        let halted = "Shutdown broker because all log dirs in /tmp/kafka-logs have failed";
        assert!(said(&host, halted) > 0, "{}", story(&host));
        let new = replicas(&host);
        assert!(new.iter().filter(|one| one.is_leader).all(|one| one.leader != leader));
        assert!(acknowledged(&host) > before + 50, "the others go on");
        act(&mut host, &format!("repair-disk broker-{leader}"));
        run(&mut host, 40);
        assert_eq!(broker(&host, leader).map(|view| view.state), Some("Running".to_owned()));
        assert_whole(&host, 3);
    }
}

#[test]
fn corrupt_bytes_are_found_at_the_next_start_and_fetched_again() {
    let mut host = cluster(6);
    run(&mut host, 20);
    let id = TopicPartition::new("orders", 0);
    let follower = 1 + leader_of(&host, &id) % 3;
    act(&mut host, "supervisor off");
    act(&mut host, &format!("kill broker-{follower}"));
    let file = file_name(&id.to_string(), 0, ".log");
    act(&mut host, &format!("corrupt broker-{follower} {file} 300"));
    // Its old session would be in its way.
    run(&mut host, 10);
    act(&mut host, &format!("restart broker-{follower}"));
    run(&mut host, 20);
    let cut = count(&host, |event| {
        matches!(event, TraceEvent::LogRecovered { partition, bytes_dropped, .. }
            if *partition == id && *bytes_dropped > 0)
    });
    assert_eq!(cut, 1, "{}", story(&host));
    assert_eq!(said(&host, "Corruption found in segment 0, truncating to offset"), 1);
    assert_whole(&host, 3);
}

#[test]
fn only_disks_that_are_there_and_are_not_so_already_can_be_changed() {
    let mut host = cluster(7);
    let mut refused = |action: &str| {
        let refusal = host.world_mut().act(action.parse().expect("an action"));
        refusal.expect_err("refused").to_string()
    };
    assert_eq!(refused("repair-disk broker-1"), "broker-1 has a disk that works");
    assert_eq!(refused("fill-disk nobody"), "there is no machine or process called \"nobody\"");
    assert_eq!(refused("corrupt nobody a 0"), "there is no process called \"nobody\"");
}
