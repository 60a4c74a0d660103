//! Rebalances: eager and cooperative, dynamic and static members, patterns.

use super::*;
use crate::base::trace::LogLevel;
use crate::client::fake_cluster::Sessions;
use crate::wire::ErrorCode;

/// Partitions that a process gave up, and whether it lost them.
fn revoked(bench: &Bench<FakeCluster>, id: ProcessId) -> Vec<(Vec<String>, bool)> {
    let traces = bench.traces.iter().filter(|(_, process, _)| *process == id);
    traces
        .filter_map(|(_, _, event)| match event {
            TraceEvent::PartitionsRevoked { partitions, lost, .. } => {
                Some((partitions.iter().map(ToString::to_string).collect(), *lost))
            }
            _ => None,
        })
        .collect()
}

fn names(bench: &Bench<FakeCluster>, id: ProcessId) -> Vec<String> {
    owned(bench, id).into_iter().map(|owned| owned.0).collect()
}

#[test]
fn a_cooperative_member_keeps_what_it_does_not_have_to_give() {
    let pairs = [("partition.assignment.strategy", "cooperative-sticky")];
    let mut bench = Bench::new(cluster(4, 2));
    let first = start(&mut bench, 1, &pairs);
    bench.run(Span::from_secs(1));
    assert_eq!(names(&bench, first).len(), 4);
    assert_eq!(consumed(&bench, first).len(), 8);
    let second = start(&mut bench, 2, &pairs);
    bench.run(Span::from_secs(8));
    assert_eq!(names(&bench, first), ["t-0", "t-1"]);
    assert_eq!(names(&bench, second), ["t-2", "t-3"]);
    let moved = vec!["t-2".to_owned(), "t-3".to_owned()];
    assert_eq!(revoked(&bench, first), [(moved, false)], "the others were never given up");
    assert_eq!(view(&bench, first).generation, 3, "two phases");
    assert_eq!(view(&bench, second).generation, 3);
    assert_eq!(consumed(&bench, first).len() + consumed(&bench, second).len(), 8, "nothing twice");
    bench.give(second, Input::Stop);
    bench.run(Span::from_secs(8));
    assert_eq!(names(&bench, first).len(), 4);
    assert_eq!(revoked(&bench, first).len(), 1);
}

#[test]
fn eager_members_give_everything_up_whatever_the_assignor() {
    for strategy in ["range", "roundrobin", "sticky", "cooperative-sticky,range"] {
        let pairs = [("partition.assignment.strategy", strategy)];
        let mut bench = Bench::new(cluster(4, 2));
        let first = start(&mut bench, 1, &pairs);
        bench.run(Span::from_secs(1));
        let second = start(&mut bench, 2, &pairs);
        bench.run(Span::from_secs(8));
        let mut all = names(&bench, first);
        all.extend(names(&bench, second));
        all.sort();
        assert_eq!(all, ["t-0", "t-1", "t-2", "t-3"], "{strategy}");
        assert_eq!(names(&bench, first).len(), 2, "{strategy}");
        let everything = ["t-0", "t-1", "t-2", "t-3"].map(str::to_owned).to_vec();
        assert_eq!(revoked(&bench, first), [(everything, false)], "{strategy}");
        assert_eq!(consumed(&bench, first).len() + consumed(&bench, second).len(), 8);
    }
}

/// Nothing is committed but by the rebalance listener; without it, whoever takes over begins anew.
#[test]
fn a_rebalance_listener_that_commits_spares_the_next_owner_what_was_read() {
    for strategy in ["range", "cooperative-sticky"] {
        for (listener, twice) in [("commit", 0), ("nothing", 4)] {
            let pairs = [
                ("enable.auto.commit", "false"),
                ("on.partitions.revoked", listener),
                ("partition.assignment.strategy", strategy),
            ];
            let mut bench = Bench::new(cluster(4, 2));
            let first = start(&mut bench, 1, &pairs);
            bench.run(Span::from_secs(6));
            assert_eq!((consumed(&bench, first).len(), bench.servers.commits.len()), (8, 0));
            let second = start(&mut bench, 2, &pairs);
            bench.run(Span::from_secs(8));
            assert_eq!((names(&bench, first).len(), names(&bench, second).len()), (2, 2));
            assert_eq!(consumed(&bench, second).len(), twice, "{strategy}, {listener}");
            // It is called when the consumer leaves, too.
            bench.give(first, Input::Stop);
            bench.run(Span::from_secs(1));
            assert_eq!(bench.exits, [first]);
            assert_eq!(bench.servers.offsets.is_empty(), listener == "nothing");
        }
    }
}

#[test]
fn a_static_member_does_not_say_goodbye() {
    let mut bench = Bench::new(cluster(1, 1));
    let id = start(&mut bench, 1, &[("group.instance.id", "one")]);
    bench.run(Span::from_secs(1));
    let instances: Vec<_> = bench.servers.groups["g"].instances.values().cloned().collect();
    assert_eq!(instances, ["one"]);
    bench.give(id, Input::Stop);
    bench.run(Span::from_secs(1));
    assert_eq!((bench.exits.clone(), bench.servers.count(ApiKey::LeaveGroup)), (vec![id], 0));
    assert_eq!(bench.servers.offsets.len(), 1, "it commits all the same");
}

#[test]
fn a_pattern_follows_the_topics_that_come() {
    let mut cluster = cluster(1, 1);
    cluster.internal_topics.push("t_internal".to_owned());
    cluster.leaders.insert(TopicPartition::new("t_internal", 0), 1);
    cluster.leaders.insert(TopicPartition::new("other", 0), 1);
    let mut bench = Bench::new(cluster);
    let pairs = [("topics", ""), ("topics.pattern", "t.*"), ("metadata.max.age.ms", "3000")];
    let id = start(&mut bench, 1, &pairs);
    bench.run(Span::from_secs(2));
    assert_eq!(
        (names(&bench, id), view(&bench, id).topics),
        (vec!["t-0".into()], vec!["t.*".into()])
    );
    bench.servers.leaders.insert(TopicPartition::new("t2", 0), 2);
    bench.run(Span::from_secs(5));
    assert_eq!(names(&bench, id), ["t-0", "t2-0"]);
    bench.servers.leaders.remove(&TopicPartition::new("t", 0));
    bench.run(Span::from_secs(5));
    assert_eq!(names(&bench, id), ["t2-0"]);
}

#[test]
fn fetch_sessions_say_only_what_changes() {
    let mut cluster = cluster(4, 3);
    cluster.leaders.iter_mut().for_each(|(_, leader)| *leader = 1);
    cluster.sessions = Some(Sessions::default());
    let mut bench = Bench::new(cluster);
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(2));
    add(&mut bench.servers, 1, 1);
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id).len(), 13);
    let named = &bench.servers.sessions.as_ref().expect("kept").named;
    assert_eq!(named[..2], [4, 4], "all at first, all positions after that");
    assert_eq!(named[2..].iter().sum::<usize>(), 1, "then the one that moved: {named:?}");
}

#[test]
fn a_truncated_log_is_noticed_and_read_from_where_it_diverges() {
    for (reset, survives) in [("latest", true), ("none", false)] {
        let t = TopicPartition::new("t", 0);
        let mut cluster = FakeCluster::new(2).with_topic("t", 1);
        cluster.epochs.insert(t.clone(), 1);
        cluster.offsets.insert(("g".to_owned(), t.clone()), 0);
        let mut bench = Bench::new(cluster);
        let in_epoch = |bench: &mut Bench<FakeCluster>, epoch, count| {
            for _ in 0..count {
                let mut builder = RecordBatchBuilder::default();
                builder.fields.partition_leader_epoch = epoch;
                builder.append(1_000, None, Some(b"x"), &[]);
                bench.servers.append(&TopicPartition::new("t", 0), &builder.build());
            }
        };
        in_epoch(&mut bench, 1, 5);
        let id = start(&mut bench, 1, &[("auto.offset.reset", reset)]);
        bench.run(Span::from_secs(1));
        assert_eq!(owned(&bench, id)[0].1, 5);
        // Broker 2 leads now, and never had the last two.
        bench.servers.truncate(&t, 3);
        in_epoch(&mut bench, 2, 4);
        bench.servers.epochs.insert(t.clone(), 2);
        bench.servers.epoch_ends.insert((t.clone(), 1), 3);
        bench.servers.leaders.insert(t.clone(), 2);
        bench.run(Span::from_secs(2));
        let offsets: Vec<_> = consumed(&bench, id).into_iter().map(|(_, offset)| offset).collect();
        if survives {
            assert_eq!(offsets, [0, 1, 2, 3, 4, 3, 4, 5, 6]);
            assert_eq!(bench.servers.count(ApiKey::OffsetForLeaderEpoch), 1);
        } else {
            assert_eq!(offsets, [0, 1, 2, 3, 4]);
            assert_eq!(bench.exits, [id]);
        }
    }
}

#[test]
fn without_a_reset_policy_a_missing_offset_is_the_end() {
    for (committed, exception) in
        [(None, "NoOffsetForPartitionException"), (Some(9), "OffsetOutOfRangeException")]
    {
        let mut cluster = cluster(1, 3);
        if let Some(offset) = committed {
            cluster.offsets.insert(("g".to_owned(), TopicPartition::new("t", 0)), offset);
        }
        let mut bench = Bench::new(cluster);
        let id = start(&mut bench, 1, &[("auto.offset.reset", "none")]);
        bench.run(Span::from_secs(2));
        assert_eq!(bench.exits, [id]);
        assert!(bench.messages.iter().any(|text| text.contains(exception)), "{:?}", bench.messages);
    }
}

#[test]
fn who_does_not_poll_in_time_leaves_and_commits_nothing_more() {
    let mut bench = Bench::new(cluster(1, 2));
    let pairs = [
        ("max.poll.interval.ms", "2000"),
        ("process.ms", "3000"),
        ("acknowledge", "each"),
        ("enable.auto.commit", "false"),
    ];
    let id = start(&mut bench, 1, &pairs);
    bench.run(Span::from_millis(3_500));
    assert_eq!(bench.servers.count(ApiKey::LeaveGroup), 1);
    assert_eq!(revoked(&bench, id), [(vec!["t-0".to_owned()], true)]);
    assert!(bench.servers.offsets.is_empty(), "its commit came too late");
    let refused = bench.traces.iter().any(|(_, _, event)| {
        matches!(event, TraceEvent::Logged { level: LogLevel::Error, text, .. }
            if text.contains("not part of an active group"))
    });
    assert!(refused);
    bench.run(Span::from_secs(1));
    assert_eq!(view(&bench, id).state, "Stable", "it joins again with its next poll");
}

#[test]
fn a_fenced_static_member_ends() {
    let mut bench = Bench::new(cluster(1, 1));
    let id = start(&mut bench, 1, &[("group.instance.id", "one")]);
    bench.run(Span::from_secs(1));
    bench.servers.heartbeat_error = Some(ErrorCode::FENCED_INSTANCE_ID);
    bench.run(Span::from_secs(4));
    assert_eq!(bench.exits, [id]);
    assert!(bench.messages[0].starts_with("FENCED_INSTANCE_ID: The broker rejected"));
}
