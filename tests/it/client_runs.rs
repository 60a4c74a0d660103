//! Clients in a world: where records go and where offsets are kept, in both eras; cooperative rebalances; an application
//! that dies at a chosen point; fetches that wait for more; and bad input beside good.

use crate::stage::{Stage, join};
use kafkarium::base::{EventId, TopicPartition, TraceEvent};
use kafkarium::node::ProcessView;
use kafkarium::world::ledger::RecordFate;
use kafkarium::world::{Profile, WorldConfig};

/// Log end offsets of a topic's partitions, as their leaders have them.
fn log_ends(stage: &Stage, topic: &str) -> Vec<i64> {
    let brokers = (1..=3).filter_map(|id| match stage.view(&format!("broker-{id}")) {
        ProcessView::Broker(view) => Some(view.replicas),
        _ => None,
    });
    let led = brokers.flatten().filter(|one| one.is_leader && one.partition.topic == topic);
    let mut ends: Vec<_> = led.map(|one| (one.partition.partition, one.log_end_offset)).collect();
    ends.sort_unstable();
    ends.into_iter().map(|(_, end)| end).collect()
}

fn znode(stage: &Stage, path: &str) -> Option<String> {
    match stage.view("zookeeper-1") {
        ProcessView::ZooKeeper(view) => {
            view.znodes.iter().find(|znode| znode.path == path).map(|znode| znode.data.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_messages_go_to_two_partitions_one_each_in_the_textbook_era_and_together_today() {
    for (textbook, expected) in [(true, [1, 1]), (false, [0, 2])] {
        let mut config = WorldConfig::sandbox(Profile::Native, 21);
        if textbook {
            config = config.in_the_textbook_era();
        }
        let mut stage = Stage::of(config, 15_000);
        let made = stage.tell("tell admin-1 create-topic pair partitions=2 replication-factor=3");
        assert!(made.is_ok(), "{made:?}");
        stage.act("start reader consumer group.id=pairs topics=pair auto.offset.reset=earliest");
        stage.run(5_000);
        let sent = stage.tell("tell producer-1 produce pair first second").expect("sent");
        let mut ends = log_ends(&stage, "pair");
        ends.sort_unstable();
        assert_eq!(ends, expected, "{sent}");
        stage.run(10_000);
        assert_eq!(stage.consumer("reader").consumed, 2);
        let kept: Vec<_> = (0..2)
            .map(|number| znode(&stage, &format!("/consumers/pairs/offsets/pair/{number}")))
            .collect();
        let in_kafka = stage.group("pairs").1.offsets.len();
        if textbook {
            assert_eq!((kept, in_kafka), (vec![Some("1".to_owned()); 2], 0));
        } else {
            assert_eq!((kept, in_kafka), (vec![None, None], 2));
        }
        stage.assert_sound();
    }
}

/// The consumer lives through it, or another takes its place after it.
#[test]
fn offsets_in_zookeeper_and_in_kafka_outlive_an_outage_of_every_server() {
    for (storage, stays) in
        [("zookeeper", true), ("zookeeper", false), ("kafka", true), ("kafka", false)]
    {
        let mut stage = Stage::new(11, 1, "all");
        let start = |name: &str| {
            format!(
                "start {name} consumer group.id=g1 topics=orders auto.offset.reset=earliest \
                 offsets.storage={storage} auto.commit.interval.ms=500"
            )
        };
        let kept = |stage: &Stage| {
            let in_kafka = stage.group("g1").1.offsets;
            let in_kafka = in_kafka.first().map(|(_, offset)| offset.to_string());
            (znode(stage, "/consumers/g1/offsets/orders/0"), in_kafka)
        };
        let expected = |offset: &str| match storage {
            "zookeeper" => (Some(offset.to_owned()), None),
            _ => (None, Some(offset.to_owned())),
        };
        stage.act(&start("consumer-1"));
        stage.tell("tell producer-1 produce orders a b c").expect("acknowledged");
        stage.run(15_000);
        assert_eq!(stage.consumer("consumer-1").consumed, 3);
        assert_eq!(kept(&stage), expected("3"));
        let outage = EventId(stage.host.world().trace().total());
        if !stays {
            stage.act("stop consumer-1");
            stage.run(1_000);
        }
        // Power for those that sync what they answer for; the brokers' page caches live on.
        stage.act("power-off zookeeper-1");
        for id in 1..=3 {
            stage.act(&format!("kill broker-{id}"));
        }
        stage.run(20_000);
        stage.act("power-on zookeeper-1");
        for id in 1..=3 {
            stage.act(&format!("restart broker-{id}"));
        }
        stage.run(60_000);
        assert_eq!(kept(&stage), expected("3"), "{storage}");
        let sent = stage.tell("tell producer-1 produce orders d");
        assert!(sent.is_ok(), "{storage}: {sent:?}");
        if !stays {
            stage.act(&start("consumer-2"));
        }
        stage.run(30_000);
        let read: Vec<i64> =
            consumed(&stage, outage).into_iter().map(|(_, offset)| offset).collect();
        assert_eq!(read, [3], "{storage}: the next message, and only that");
        assert_eq!(kept(&stage), expected("4"), "{storage}");
        stage.assert_sound();
    }
}

/// Partition and offset of everything that was consumed after `since`.
fn consumed(stage: &Stage, since: EventId) -> Vec<(TopicPartition, i64)> {
    let trace = stage.host.world().trace();
    let events = trace.after(since).filter_map(|record| match &record.event {
        TraceEvent::RecordConsumed { partition, offset, .. } => Some((partition.clone(), *offset)),
        _ => None,
    });
    events.collect()
}

/// The first phase takes away, the second gives; whoever keeps a partition reads on all the while.
#[test]
fn a_cooperative_rebalance_has_two_phases_and_stops_nobody_who_keeps_his_partitions() {
    let mut stage = Stage::new(22, 6, "all");
    stage.act("tell producer-1 produce every 20 topic=orders keys=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p");
    let start = |stage: &mut Stage, name: &str| {
        stage.act(&format!(
            "start {name} consumer group.id=g1 topics=orders auto.offset.reset=earliest \
             partition.assignment.strategy=cooperative-sticky"
        ));
    };
    for name in ["consumer-1", "consumer-2"] {
        start(&mut stage, name);
    }
    stage.run(20_000);
    stage.assert_shared(&["consumer-1", "consumer-2"], 6);
    let before = stage.group("g1").1.generation;
    let owned = ["consumer-1", "consumer-2"].map(|name| stage.owned(name));

    start(&mut stage, "consumer-3");
    let mut events = Vec::new();
    for _ in 0..40 {
        let since = EventId(stage.host.world().trace().total());
        stage.run(500);
        events.extend(stage.host.world().trace().after(since).map(|record| record.event.clone()));
    }
    stage.assert_shared(&["consumer-1", "consumer-2", "consumer-3"], 6);
    assert_eq!(stage.group("g1").1.generation, before + 2, "two phases");
    let moved = stage.owned("consumer-3");
    for (name, had) in ["consumer-1", "consumer-2"].into_iter().zip(owned) {
        let kept: Vec<_> = had.into_iter().filter(|partition| !moved.contains(partition)).collect();
        assert_eq!(stage.owned(name), kept, "{name} keeps what does not move");
    }
    let mut revoked = Vec::new();
    let (mut first, mut last) = (None, None);
    for (number, event) in events.iter().enumerate() {
        match event {
            TraceEvent::PartitionsRevoked { partitions, lost, .. } => {
                assert!(!lost, "nobody was thrown out");
                first = first.or(Some(number));
                revoked.extend(partitions.iter().cloned());
            }
            TraceEvent::PartitionsAssigned { partitions, .. } if *partitions == moved => {
                last = Some(number);
            }
            _ => {}
        }
    }
    revoked.sort();
    assert_eq!(revoked, moved, "only what moves is given up");
    let (first, last) = (first.expect("a first phase"), last.expect("a second phase"));
    let reads_on = |event: &TraceEvent| matches!(event, TraceEvent::RecordConsumed { partition, .. } if !moved.contains(partition));
    assert!(events[first..last].iter().any(reads_on), "the others read on");
    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(10_000);
    stage.assert_sound();
    assert!(stage.fates().all(|fate| fate.deliveries.len() == 1 && !fate.is_redelivered()));
}

/// One record at a time, and the application dies at the third: what its successor gets depends on when it acknowledges.
#[test]
fn a_crash_redelivers_or_skips_by_when_records_are_acknowledged() {
    for (acknowledge, point, redelivered, skipped) in [
        ("after", "processed", 1, 0),
        ("after", "acknowledged", 0, 0),
        ("before", "received", 0, 1),
        ("before", "acknowledged", 0, 0),
        ("each", "processed", 1, 0),
    ] {
        let mut stage = Stage::new(23, 1, "all");
        stage.act(&format!(
            "start consumer-1 consumer group.id=g1 topics=orders auto.offset.reset=earliest \
             enable.auto.commit=false acknowledge={acknowledge} process.ms=50 max.poll.records=1"
        ));
        stage.run(10_000);
        stage.act(&format!("tell consumer-1 crash-after 3 {point}"));
        stage.tell("tell producer-1 produce orders a b c d e").expect("acknowledged");
        // The supervisor starts it again, and the group waits for the session of its former life to end.
        stage.run(40_000);
        let case = format!("acknowledge={acknowledge}, dies when {point}");
        let fates: Vec<&RecordFate> = stage.fates().collect();
        assert_eq!(fates.len(), 5);
        let times: Vec<u32> = fates
            .iter()
            .map(|fate| fate.deliveries.iter().map(|delivery| delivery.times).sum())
            .collect();
        assert_eq!(
            times.iter().filter(|times| **times == 2).count(),
            redelivered,
            "{case}: {times:?}"
        );
        assert_eq!(times.iter().filter(|times| **times == 0).count(), skipped, "{case}: {times:?}");
        assert_eq!(stage.ledger.groups()["g1"].redelivered, redelivered as u64, "{case}");
        let orders = TopicPartition::new("orders", 0);
        assert_eq!(stage.ledger.groups()["g1"].committed.get(&orders), Some(&5), "{case}");
        // Who commits what it has not processed yet is told of by the checkers too.
        let violations = stage.checkers.violations.iter();
        assert!(violations.clone().all(|one| one.rule == "NoSkip"), "{case}");
        assert_eq!(violations.count() > 0, acknowledge == "before", "{case}");
    }
}

/// Its heartbeats go on, so nobody else would notice: the client itself leaves, and what it acknowledges later counts for
/// nothing.
#[test]
fn who_is_busy_for_longer_than_max_poll_interval_leaves_and_somebody_else_gets_its_records() {
    let mut stage = Stage::new(26, 2, "all");
    join(&mut stage, "consumer-1", "g1");
    stage.act(
        "start busy consumer group.id=g1 topics=orders auto.offset.reset=earliest enable.auto.commit=false \
         acknowledge=after process.ms=9000 max.poll.records=1 max.poll.interval.ms=3000 session.timeout.ms=30000",
    );
    stage.run(15_000);
    stage.assert_shared(&["consumer-1", "busy"], 2);
    let old = stage.consumer("busy").member;
    let since = EventId(stage.host.world().trace().total());
    stage.tell("tell producer-1 produce orders a:1 b:2 c:3 d:4 e:5 f:6").expect("acknowledged");
    stage.run(5_000);
    let group = stage.group("g1").1;
    assert!(
        group.members.iter().all(|member| member.member != old),
        "long before its session ends"
    );
    stage.assert_shared(&["consumer-1"], 2);
    assert_eq!(stage.consumer("busy").consumed, 0, "still at its first record");
    stage.run(6_000);
    let refused = |event: &TraceEvent| {
        matches!(event, TraceEvent::Logged { text, .. } if text.starts_with("commitSync failed: ")
            && text.contains("not part of an active group"))
    };
    assert!(stage.host.world().trace().after(since).any(|record| refused(&record.event)));
    // It comes back with its next poll.
    stage.run(20_000);
    stage.assert_shared(&["consumer-1", "busy"], 2);
    assert_ne!(stage.consumer("busy").member, old);
    stage.assert_sound();
    assert!(stage.fates().all(|fate| fate.deliveries.len() == 1 && fate.deliveries[0].committed));
    assert!(stage.fates().any(RecordFate::is_redelivered), "what it worked on went to both");
}

#[test]
fn a_fetch_waits_for_as_much_as_it_asks_for_or_as_long() {
    let mut stage = Stage::new(24, 1, "all");
    let start = |name: &str, more: &str| {
        format!(
            "start {name} consumer group.id={name} topics=orders auto.offset.reset=earliest {more}"
        )
    };
    stage.act(&start("patient", "fetch.min.bytes=2000 fetch.max.wait.ms=5000"));
    stage.act(&start("narrow", "max.partition.fetch.bytes=1 max.poll.records=1"));
    stage.act(&start("eager", ""));
    stage.run(15_000);
    stage.tell("tell producer-1 produce orders small").expect("acknowledged");
    let counts =
        |stage: &Stage| ["eager", "narrow", "patient"].map(|name| stage.consumer(name).consumed);
    assert_eq!(counts(&stage), [1, 1, 0], "too little for it");
    stage.run(6_000);
    assert_eq!(counts(&stage), [1, 1, 1], "but not for ever");
    let large = "x".repeat(3_000);
    stage.tell(&format!("tell producer-1 produce orders {large} {large}")).expect("acknowledged");
    assert_eq!(counts(&stage), [3, 3, 3], "enough at once; and one batch always fits (KIP-74)");
    stage.assert_sound();
}

/// Everything odd at once, beside a group that goes on as if nothing were.
#[test]
fn bad_input_is_answered_in_kafkas_words_and_nothing_is_stuck_or_lost() {
    let mut stage = Stage::new(25, 2, "all");
    stage.act("supervisor off");
    stage.act("tell producer-1 produce every 50 topic=orders");
    join(&mut stage, "consumer-1", "g1");
    let odd = "\"g \u{fc}/../\u{1f980} \\\"x\\\"\"";
    stage.act(
        "start odd consumer \"group.id=g \u{fc}/../\u{1f980} x\" topics=orders auto.offset.reset=earliest \
         \"client.id=\u{202e} c\"",
    );
    stage.act("start nowhere consumer group.id=g2 topics=nosuch");
    stage.act("start strict consumer group.id=g3 topics=orders auto.offset.reset=none");
    stage.act("start unmatched consumer group.id=g4 topics.pattern=*");
    stage.act("start twice consumer group.id=g5 topics=orders partitions=orders-0");
    stage.act("start hasty consumer group.id=g6 topics=orders session.timeout.ms=100 heartbeat.interval.ms=50");
    stage.act("start small producer acks=all");
    stage.run(20_000);
    let why = |stage: &Stage, name: &str| {
        let process = stage.host.world().process_named(name).expect("it is in the world");
        let exits =
            stage.host.world().trace().after(EventId(0)).filter_map(|record| match &record.event {
                TraceEvent::ProcessExited { process: ended, message, .. } if *ended == process => {
                    Some(message.clone())
                }
                _ => None,
            });
        exits.last().unwrap_or_default()
    };
    for (name, words) in [
        (
            "strict",
            "NoOffsetForPartitionException: Undefined offset with no reset policy for partitions: ",
        ),
        ("unmatched", "Invalid value * for configuration topics.pattern"),
        ("twice", "Subscription to topics, partitions and pattern are mutually exclusive"),
        (
            "hasty",
            "INVALID_SESSION_TIMEOUT: The session timeout is not within the range allowed by the broker",
        ),
    ] {
        assert!(why(&stage, name).contains(words), "{name}: {}", why(&stage, name));
    }
    let nowhere = stage.consumer("nowhere");
    assert_eq!(
        (nowhere.state.as_str(), nowhere.owned.len()),
        ("Stable", 0),
        "it waits for its topic"
    );

    let large = "x".repeat(2_000);
    let topic = stage.tell(
        "tell admin-1 create-topic tiny partitions=1 replication-factor=3 max.message.bytes=1000",
    );
    assert!(topic.is_ok(), "{topic:?}");
    for (words, expected) in [
        (
            format!("tell small produce tiny {large}"),
            "MESSAGE_TOO_LARGE: The request included a message larger than the max message size the server will accept.",
        ),
        (
            format!("tell small produce orders {}", "x".repeat(1_048_576)),
            "MESSAGE_TOO_LARGE: The message is 1048664 bytes when serialized which is larger than 1048576, which is \
             the value of the max.request.size configuration.",
        ),
        (
            format!("tell small produce {odd} v"),
            "INVALID_TOPIC_EXCEPTION: Invalid topics: [g \u{fc}/../\u{1f980} \"x\"]",
        ),
        (
            "tell consumer-1 seek orders 9 0".to_owned(),
            "No current assignment for partition orders-9",
        ),
        (
            "tell consumer-1 seek orders 0 -3".to_owned(),
            "seek offset must not be a negative number",
        ),
        ("tell consumer-1 commit sync orders-0=-4".to_owned(), "Invalid offset: -4"),
        ("tell consumer-1 subscribe-pattern (".to_owned(), "PatternSyntaxException"),
    ] {
        let refused = stage.tell(&words).expect_err(&words);
        assert!(refused.starts_with(expected), "{}: {refused}", &words[..40]);
    }
    let fine = stage.tell("tell small produce tiny fits").expect("nothing is stuck behind it");
    assert_eq!(fine, "1 record: tiny-0@0");
    stage.assert_sound();
    // An offset out of range is where auto.offset.reset says: whoever asks for it reads all again.
    let before = stage.consumer("consumer-1").consumed;
    stage.tell("tell consumer-1 seek orders 0 999999").expect("it may be there one day");
    stage.run(3_000);
    let in_range =
        stage.consumer("consumer-1").owned.into_iter().all(|owned| owned.position < 999_999);
    assert!(in_range && stage.consumer("consumer-1").consumed > before);

    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(10_000);
    let violations = stage.checkers.violations.iter().map(|one| one.rule);
    assert!(violations.clone().all(|rule| rule == "MonotonicPoll") && violations.count() > 0);
    assert_eq!(stage.checkers.crashes, Vec::new());
    let orders = stage.fates().filter(|fate| fate.partition.topic == "orders");
    let all = orders.filter(|fate| fate.is_acknowledged()).count() as u64;
    assert_eq!(stage.consumer("odd").consumed, all);
    let group = stage.group("g \u{fc}/../\u{1f980} x").1;
    assert_eq!((group.state.as_str(), group.members.len()), ("Stable", 1));
    assert_eq!(stage.consumer("consumer-1").owned.iter().map(|owned| owned.lag).sum::<i64>(), 0);
}
