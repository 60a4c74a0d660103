//! The point-to-point queue in a world: each message to one receiver, gone once it is acknowledged,
//! back in the queue when its receiver dies before, and nothing lost in a power cut.

use kafkarium::base::{EventId, Span, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::node::view::{ProducerView, QueueReceiverView, QueueView};
use kafkarium::node::{ProcessView, Program};
use kafkarium::world::check::QueueDelivery;
use kafkarium::world::{Profile, World, WorldConfig, launch};

/// A queue server and one sender.
fn world(seed: u64) -> LocalHost {
    let mut config = WorldConfig::of_profile(Profile::Native, seed, "nobody:1", "nobody:2");
    config.client("queue-1", Program::Queue, &[]);
    config.client("queue-sender-1", Program::QueueSender, &[]);
    LocalHost::new(World::new(config), launch)
}

fn act(host: &mut LocalHost, words: &str) {
    let action = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
    host.world_mut().act(action).unwrap_or_else(|error| panic!("{words}: {error}"));
}

fn run(host: &mut LocalHost, millis: u64) {
    host.run_until(host.world().clock() + Span::from_millis(millis));
    host.refresh_views();
}

fn view(host: &LocalHost, name: &str) -> ProcessView {
    let process = host.world().process_named(name).expect("it is in the world");
    host.runner(process).expect("it runs").process().view()
}

fn queue(host: &LocalHost) -> QueueView {
    match view(host, "queue-1") {
        ProcessView::Queue(view) => view,
        other => panic!("{other:?}"),
    }
}

fn sender(host: &LocalHost) -> ProducerView {
    match view(host, "queue-sender-1") {
        ProcessView::Producer(view) => view,
        other => panic!("{other:?}"),
    }
}

fn receiver(host: &LocalHost, name: &str) -> QueueReceiverView {
    match view(host, name) {
        ProcessView::QueueReceiver(view) => view,
        other => panic!("{other:?}"),
    }
}

/// Everything that the checker has to say about the run; how many messages nobody ever got.
fn judged(host: &LocalHost) -> (Vec<String>, usize) {
    let (mut checker, mut found) = (QueueDelivery::default(), Vec::new());
    for record in host.world().trace().after(EventId::default()) {
        checker.see(record, &mut found);
    }
    (found.into_iter().map(|violation| violation.text).collect(), checker.undelivered())
}

fn count(host: &LocalHost, wanted: impl Fn(&TraceEvent) -> bool) -> usize {
    let all = host.world().trace().after(EventId::default());
    all.filter(|record| wanted(&record.event)).count()
}

#[test]
fn each_message_goes_to_one_receiver_and_is_gone() {
    let mut host = world(1);
    run(&mut host, 1_000);
    act(&mut host, "tell queue-sender-1 produce q a b c d e f");
    run(&mut host, 1_000);
    assert_eq!((queue(&host).ready, sender(&host).acknowledged), (6, 6));
    for name in ["queue-receiver-1", "queue-receiver-2"] {
        act(&mut host, &format!("start {name} queue-receiver processing.time.ms=10"));
    }
    run(&mut host, 2_000);
    let (one, two) = (receiver(&host, "queue-receiver-1"), receiver(&host, "queue-receiver-2"));
    assert_eq!(one.received + two.received, 6);
    assert!(one.received > 0 && two.received > 0, "they take turns");
    assert_eq!(one.acknowledged + two.acknowledged, 6);
    let left = queue(&host);
    assert_eq!((left.ready, left.delivered, left.removed), (0, 0, 6));
    // Somebody who comes later finds nothing: there is no history.
    act(&mut host, "start queue-receiver-3 queue-receiver");
    run(&mut host, 2_000);
    assert_eq!(receiver(&host, "queue-receiver-3").received, 0);
    assert_eq!(judged(&host), (Vec::new(), 0));
}

#[test]
fn a_message_whose_receiver_dies_before_acknowledging_goes_to_another() {
    let mut host = world(2);
    act(&mut host, "start queue-receiver-1 queue-receiver processing.time.ms=60000");
    run(&mut host, 1_000);
    act(&mut host, "tell queue-sender-1 produce q work");
    run(&mut host, 1_000);
    assert_eq!(receiver(&host, "queue-receiver-1").current, Some(0));
    assert_eq!((queue(&host).ready, queue(&host).delivered), (0, 1));
    act(&mut host, "kill queue-receiver-1");
    run(&mut host, 1_000);
    assert_eq!((queue(&host).ready, queue(&host).delivered), (1, 0));
    act(&mut host, "start queue-receiver-2 queue-receiver");
    run(&mut host, 1_000);
    assert_eq!(receiver(&host, "queue-receiver-2").messages, [(0, "work".to_owned())]);
    assert_eq!((queue(&host).ready, queue(&host).delivered), (0, 0));
    assert_eq!(judged(&host), (Vec::new(), 0));
}

#[test]
fn a_receiver_that_falls_silent_is_found_by_its_missing_heartbeat() {
    let mut host = world(3);
    act(&mut host, "start queue-receiver-1 queue-receiver processing.time.ms=600000");
    run(&mut host, 1_000);
    act(&mut host, "tell queue-sender-1 produce q work");
    run(&mut host, 1_000);
    act(&mut host, "power-off queue-receiver-1");
    run(&mut host, 3_000);
    assert_eq!(queue(&host).delivered, 1, "no connection was reset");
    run(&mut host, 8_000);
    assert_eq!((queue(&host).ready, queue(&host).delivered), (1, 0));
    // One that lives answers, and keeps what it works on.
    act(&mut host, "start queue-receiver-2 queue-receiver processing.time.ms=30000");
    run(&mut host, 25_000);
    assert_eq!(queue(&host).delivered, 1);
    run(&mut host, 10_000);
    assert_eq!(queue(&host).removed, 1);
    assert_eq!(judged(&host), (Vec::new(), 0));
}

#[test]
fn a_late_acknowledgement_of_a_receiver_that_was_given_up_counts_for_nothing() {
    let mut host = world(4);
    act(&mut host, "start queue-receiver-1 queue-receiver processing.time.ms=2000");
    run(&mut host, 1_000);
    act(&mut host, "tell queue-sender-1 produce q work");
    run(&mut host, 1_000);
    act(&mut host, "isolate queue-receiver-1");
    run(&mut host, 15_000);
    act(&mut host, "start queue-receiver-2 queue-receiver processing.time.ms=5000");
    run(&mut host, 1_000);
    assert_eq!(queue(&host).messages[0].holder.as_deref(), Some("queue-receiver-2"));
    act(&mut host, "heal queue-receiver-1");
    run(&mut host, 1_000);
    assert_eq!(queue(&host).removed, 0, "the first one's acknowledgement came too late");
    run(&mut host, 5_000);
    assert_eq!(queue(&host).removed, 1);
    assert_eq!(judged(&host), (Vec::new(), 0));
}

#[test]
fn what_was_acknowledged_to_the_sender_survives_a_power_cut() {
    for seed in 10..20 {
        let mut host = world(seed);
        run(&mut host, 1_000);
        act(&mut host, "tell queue-sender-1 produce every 20 topic=q");
        run(&mut host, 500 + seed * 7);
        act(&mut host, "power-off queue-1");
        run(&mut host, 3_000);
        act(&mut host, "power-on queue-1");
        run(&mut host, 10_000);
        act(&mut host, "tell queue-sender-1 produce every 0 topic=q");
        run(&mut host, 2_000);
        let stored = count(&host, |event| matches!(event, TraceEvent::QueueMessageStored { .. }));
        assert!(stored > 50, "{stored}");
        assert_eq!(sender(&host).pending, 0);
        act(&mut host, "start queue-receiver-1 queue-receiver prefetch=100");
        run(&mut host, 60_000);
        assert_eq!(queue(&host).ready, 0);
        let (told, undelivered) = judged(&host);
        assert_eq!(
            (told, undelivered),
            (Vec::new(), 0),
            "every message that was promised was handed out"
        );
    }
}

#[test]
fn faults_leave_nothing_lost_and_nothing_twice() {
    for seed in 30..40 {
        let mut host = world(seed);
        for name in ["queue-receiver-1", "queue-receiver-2"] {
            act(&mut host, &format!("start {name} queue-receiver processing.time.ms=20"));
        }
        act(&mut host, "tell queue-sender-1 produce every 15 topic=q");
        for round in 0..6 {
            run(&mut host, 700 + 13 * (seed + round));
            let victim = ["queue-receiver-1", "queue-1", "queue-receiver-2"][(round % 3) as usize];
            act(&mut host, &format!("kill {victim}"));
            run(&mut host, 300);
            act(&mut host, &format!("restart {victim}"));
        }
        run(&mut host, 2_000);
        act(&mut host, "tell queue-sender-1 produce every 0 topic=q");
        run(&mut host, 30_000);
        let (told, undelivered) = judged(&host);
        assert_eq!((told, undelivered), (Vec::new(), 0), "seed {seed}");
        assert_eq!((queue(&host).ready, queue(&host).delivered), (0, 0), "seed {seed}");
        let redelivered = |event: &TraceEvent| match event {
            TraceEvent::QueueMessageReturned { .. } => true,
            TraceEvent::QueueMessageDelivered { deliveries, .. } => *deliveries > 1,
            _ => false,
        };
        assert!(count(&host, redelivered) > 0, "seed {seed}: something was on its way");
    }
}
