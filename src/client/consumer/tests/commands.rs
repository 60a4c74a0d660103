//! What the application of a running consumer calls on it.

use super::*;
use crate::node::ConsumerCommand;

fn tell(
    bench: &mut Bench<FakeCluster>,
    id: ProcessId,
    command: ConsumerCommand,
) -> Result<String, String> {
    let number = bench.answers.len() as u64 + 1;
    bench.tell(id, number, Command::Consumer(command));
    // An answer may stand behind a long poll.
    bench.run(Span::from_millis(600));
    let answer = bench.answers.iter().find(|(_, told, _)| *told == number);
    answer.map_or(Err("no answer".to_owned()), |answer| answer.2.clone())
}

fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A partition with a record at 1000, 2000 … ms.
fn by_the_second(records: i64) -> FakeCluster {
    let mut cluster = FakeCluster::new(2).with_topic("t", 1);
    for second in 1..=records {
        let mut builder = RecordBatchBuilder::default();
        builder.append(second * 1_000, None, Some(b"x"), &[]);
        cluster.append(&t(0), &builder.build());
    }
    cluster
}

#[test]
fn seeking_to_places_and_times() {
    let mut bench = Bench::new(by_the_second(5));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let mut read = consumed(&bench, id).len();
    assert_eq!(read, 5);
    for (timestamp, more, words) in [
        (-2, 5, "1 partitions go on at the beginning."),
        (3_500, 2, "1 partitions go on at the first record at 3500 ms or later."),
        (9_000, 0, "1 partitions go on at the first record at 9000 ms or later."),
        (-1, 0, "1 partitions go on at the end."),
    ] {
        let command = ConsumerCommand::SeekTo { timestamp, partitions: vec![] };
        assert_eq!(tell(&mut bench, id, command).as_deref(), Ok(words));
        bench.run(Span::from_secs(1));
        assert_eq!(consumed(&bench, id).len(), read + more, "{timestamp}");
        read += more;
    }
    let foreign = ConsumerCommand::SeekTo { timestamp: -1, partitions: vec![t(7)] };
    let refused = Err("No current assignment for partition t-7".to_owned());
    assert_eq!(tell(&mut bench, id, foreign), refused);
    let times = ConsumerCommand::OffsetsForTimes { timestamp: 1_500, partitions: vec![] };
    assert_eq!(tell(&mut bench, id, times).as_deref(), Ok("t-0: 1 (at 2000 ms)"));
    let times = ConsumerCommand::OffsetsForTimes { timestamp: 9_999, partitions: vec![t(0)] };
    assert_eq!(tell(&mut bench, id, times).as_deref(), Ok("t-0: none"));
}

#[test]
fn a_time_is_asked_of_a_partition_that_never_comes_until_the_timeout() {
    let mut bench = Bench::new(by_the_second(1));
    let id = start(&mut bench, 1, &[("default.api.timeout.ms", "5000")]);
    bench.run(Span::from_secs(1));
    let partitions = vec![TopicPartition::new("nowhere", 0)];
    let times = ConsumerCommand::OffsetsForTimes { timestamp: 0, partitions };
    bench.tell(id, 1, Command::Consumer(times));
    bench.run(Span::from_millis(4_900));
    assert!(bench.answers.is_empty());
    bench.run(Span::from_millis(200));
    let text = "REQUEST_TIMED_OUT: Failed to get offsets by times in 5000ms";
    assert_eq!(bench.answers[0].2, Err(text.to_owned()));
}

#[test]
fn paused_partitions_wait_and_keep_what_was_fetched() {
    let mut bench = Bench::new(cluster(2, 1));
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let pause = ConsumerCommand::Pause(vec![t(0)]);
    assert_eq!(tell(&mut bench, id, pause).as_deref(), Ok("1 partitions paused."));
    add(&mut bench.servers, 0, 2);
    add(&mut bench.servers, 1, 1);
    bench.run(Span::from_secs(2));
    assert_eq!(consumed(&bench, id)[2..], [(1, 1)]);
    let resume = ConsumerCommand::Resume(vec![]);
    assert_eq!(tell(&mut bench, id, resume).as_deref(), Ok("2 partitions resumed."));
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id)[3..], [(0, 1), (0, 2)]);
}

#[test]
fn commits_of_everything_and_of_particular_offsets() {
    let mut bench = Bench::new(cluster(2, 3));
    let id = start(&mut bench, 1, &[("enable.auto.commit", "false")]);
    bench.run(Span::from_secs(1));
    let all = ConsumerCommand::Commit { sync: true, offsets: vec![] };
    let said = tell(&mut bench, id, all);
    assert_eq!(said.as_deref(), Ok("Committed the offsets of 2 partitions."));
    let one = ConsumerCommand::Commit { sync: false, offsets: vec![(t(1), 1)] };
    assert_eq!(tell(&mut bench, id, one).as_deref(), Ok("Committed the offset of 1 partition."));
    let positions = tell(&mut bench, id, ConsumerCommand::Positions);
    let expected = "t-0: position 3, committed 3, lag 0; t-1: position 3, committed 1, lag 0";
    assert_eq!(positions.as_deref(), Ok(expected));
    let odd = ConsumerCommand::Commit { sync: true, offsets: vec![(t(1), -4)] };
    assert_eq!(tell(&mut bench, id, odd), Err("Invalid offset: -4".to_owned()));
}

#[test]
fn commit_sync_is_tried_again_and_commit_async_is_not() {
    use crate::wire::ErrorCode;
    let mut bench = Bench::new(cluster(1, 3));
    let id = start(&mut bench, 1, &[("enable.auto.commit", "false")]);
    bench.run(Span::from_secs(1));
    bench.servers.commit_errors = vec![ErrorCode::COORDINATOR_LOAD_IN_PROGRESS; 2];
    let asynchronous = ConsumerCommand::Commit { sync: false, offsets: vec![] };
    let text = "COORDINATOR_LOAD_IN_PROGRESS: Offset commit failed with a retriable exception. You \
                should retry committing the latest consumed offsets.";
    assert_eq!(tell(&mut bench, id, asynchronous), Err(text.to_owned()));
    let sync = ConsumerCommand::Commit { sync: true, offsets: vec![] };
    assert_eq!(tell(&mut bench, id, sync).as_deref(), Ok("Committed the offset of 1 partition."));
    bench.servers.commit_errors = vec![ErrorCode::OFFSET_METADATA_TOO_LARGE];
    let sync = ConsumerCommand::Commit { sync: true, offsets: vec![] };
    let text = "OFFSET_METADATA_TOO_LARGE: The metadata field of the offset request was too large.";
    assert_eq!(tell(&mut bench, id, sync), Err(text.to_owned()));
}

#[test]
fn a_consumer_without_a_group_reads_what_it_assigns_itself() {
    let mut bench = Bench::new(cluster(2, 3));
    let alone = [("group.id", ""), ("topics", ""), ("partitions", "t-1")];
    let id = start(&mut bench, 1, &alone);
    bench.run(Span::from_secs(6));
    assert_eq!(consumed(&bench, id), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(view(&bench, id).state, "Assigned");
    assert_eq!(bench.servers.count(ApiKey::FindCoordinator), 0);
    let commit = ConsumerCommand::Commit { sync: true, offsets: vec![] };
    let refused = tell(&mut bench, id, commit).expect_err("no group");
    assert!(refused.starts_with("INVALID_GROUP_ID"), "{refused}");
    let subscribe = ConsumerCommand::Subscribe(vec!["t".to_owned()]);
    let refused = tell(&mut bench, id, subscribe).expect_err("assigned");
    assert!(refused.contains("mutually exclusive"), "{refused}");
    let more = ConsumerCommand::Assign(vec![t(0), t(1)]);
    assert_eq!(tell(&mut bench, id, more).as_deref(), Ok("Assigned partition(s): t-0, t-1"));
    bench.run(Span::from_secs(1));
    assert_eq!(consumed(&bench, id)[3..], [(0, 0), (0, 1), (0, 2)], "t-1 went on where it was");
    bench.give(id, Input::Stop);
    bench.run(Span::from_secs(1));
    assert_eq!((bench.exits, bench.servers.commits.len()), (vec![id], 0));
}

#[test]
fn an_assigned_consumer_with_a_group_commits_outside_of_it() {
    let mut bench = Bench::new(cluster(1, 3));
    let id = start(&mut bench, 1, &[("topics", ""), ("partitions", "t-0")]);
    bench.run(Span::from_secs(7));
    assert_eq!(bench.servers.count(ApiKey::JoinGroup), 0);
    assert_eq!(bench.servers.offsets.get(&("g".to_owned(), t(0))), Some(&3));
    assert_eq!(consumed(&bench, id).len(), 3);
}

#[test]
fn subscriptions_change_on_the_fly() {
    let mut cluster = cluster(1, 1).with_topic("u", 1);
    cluster.leaders.insert(TopicPartition::new("u", 0), 2);
    let mut bench = Bench::new(cluster);
    let id = start(&mut bench, 1, &[]);
    bench.run(Span::from_secs(1));
    let both = ConsumerCommand::Subscribe(vec!["t".to_owned(), "u".to_owned()]);
    assert_eq!(tell(&mut bench, id, both).as_deref(), Ok("Subscribed to topic(s): t, u"));
    bench.run(Span::from_secs(1));
    let names: Vec<_> = owned(&bench, id).into_iter().map(|owned| owned.0).collect();
    assert_eq!(names, ["t-0", "u-0"]);
    let odd = ConsumerCommand::SubscribePattern("*".to_owned());
    let refused = tell(&mut bench, id, odd).expect_err("no pattern");
    assert!(refused.starts_with("PatternSyntaxException"), "{refused}");
    assert!(tell(&mut bench, id, ConsumerCommand::Unsubscribe).is_ok());
    bench.run(Span::from_secs(1));
    assert_eq!(owned(&bench, id).len(), 0);
    assert_eq!(bench.servers.groups["g"].members.len(), 0);
    let pattern = ConsumerCommand::SubscribePattern("[tu]".to_owned());
    assert!(tell(&mut bench, id, pattern).is_ok());
    bench.run(Span::from_secs(1));
    assert_eq!(owned(&bench, id).len(), 2);
}
