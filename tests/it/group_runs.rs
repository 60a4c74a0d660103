//! Consumer groups in a world: scaled out and in, killed, paused until they are fenced; and what the
//! ledger says of every record meanwhile.

use crate::stage::{Stage, join, refusals};
use kafkarium::base::{EventId, TraceEvent};
use kafkarium::node::ProcessView;
use kafkarium::world::ledger::{LossCause, RecordFate};

#[test]
fn a_group_is_scaled_out_past_its_partitions_and_survives_the_loss_of_members() {
    let mut stage = Stage::new(5, 3, "all");
    stage.act("tell producer-1 produce every 20 topic=orders");
    let names = ["consumer-1", "consumer-2", "consumer-3", "consumer-4", "consumer-5"];
    for (count, name) in (1..).zip(names) {
        join(&mut stage, name, "g1");
        stage.run(12_000);
        let (_, group) = stage.group("g1");
        assert_eq!((group.state.as_str(), group.members.len()), ("Stable", count));
        stage.assert_shared(&names[..count], 3);
    }
    let idle = names.iter().filter(|name| stage.owned(name).is_empty()).count();
    assert_eq!(idle, 2, "more members than partitions");

    // Two that work are killed at once: nobody says goodbye, their sessions have to end.
    let working: Vec<&str> =
        names.into_iter().filter(|name| !stage.owned(name).is_empty()).take(2).collect();
    for name in &working {
        stage.act(&format!("kill {name}"));
    }
    stage.run(4_000);
    assert_eq!(stage.group("g1").1.members.len(), 5, "not noticed yet");
    stage.run(20_000);
    let left: Vec<&str> = names.into_iter().filter(|name| !working.contains(name)).collect();
    stage.assert_shared(&left, 3);

    // One leaves properly: at once.
    stage.act(&format!("stop {}", left[0]));
    stage.run(8_000);
    stage.assert_shared(&left[1..], 3);

    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(10_000);
    stage.assert_sound();
    // Nothing was lost on the way, and nothing is left to do.
    let counts = stage.ledger.counts("orders");
    assert!(counts.sent > 3_000, "{counts:?}");
    assert_eq!((counts.acknowledged, counts.visible, counts.lost), (counts.sent, counts.sent, 0));
    for fate in stage.fates() {
        let [delivery] = &fate.deliveries[..] else { panic!("{fate:?}") };
        assert!(delivery.committed, "{fate:?}");
    }
    // A crash between reading and committing may repeat records, a rebalance may not.
    let repeated = stage.ledger.groups()["g1"].redelivered;
    assert!(repeated < 600, "{repeated}: what two members read in five seconds, at most");
}

#[test]
fn a_member_that_pauses_too_long_is_fenced_and_its_late_commit_refused() {
    let mut stage = Stage::new(6, 2, "all");
    stage.act("tell producer-1 produce every 20 topic=orders");
    join(&mut stage, "consumer-1", "g1");
    stage.act(
        "start consumer-2 consumer group.id=g1 topics=orders auto.offset.reset=earliest \
         auto.commit.interval.ms=10",
    );
    stage.run(20_000);
    stage.assert_shared(&["consumer-1", "consumer-2"], 2);
    let (coordinator, group) = stage.group("g1");
    let old = stage.consumer("consumer-2");
    assert_eq!(old.generation, group.generation);

    stage.act("pause consumer-2");
    stage.run(25_000);
    let (_, group) = stage.group("g1");
    assert!(group.generation > old.generation);
    assert!(group.members.iter().all(|member| member.member != old.member));
    stage.assert_shared(&["consumer-1"], 2);

    let resumed = EventId(stage.host.world().trace().total());
    stage.act("resume consumer-2");
    stage.run(1_000);
    let refused = refusals(&mut stage, resumed, &coordinator, "consumer-2");
    assert!(refused.iter().any(|(api, _)| api == "OffsetCommit"), "{refused:?}");
    for (api, error) in &refused {
        let expected = ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "MEMBER_ID_REQUIRED"];
        assert!(expected.contains(&error.as_str()), "{api}: {error}");
    }
    let late = |event: &TraceEvent| matches!(event, TraceEvent::OffsetCommitted { member, .. } if *member == old.member);
    let trace = stage.host.world().trace();
    assert!(!trace.after(resumed).any(|record| late(&record.event)), "it commits nothing");

    // It joins again, as somebody else, and everything is read.
    stage.run(20_000);
    stage.assert_shared(&["consumer-1", "consumer-2"], 2);
    assert_ne!(stage.consumer("consumer-2").member, old.member);
    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(10_000);
    stage.assert_sound();
    assert!(stage.fates().all(|fate| fate.deliveries.len() == 1 && fate.loss.is_none()));
}

#[test]
fn one_group_shares_the_records_and_several_groups_each_get_all() {
    let mut stage = Stage::new(7, 2, "all");
    join(&mut stage, "consumer-1", "g1");
    join(&mut stage, "consumer-2", "g1");
    join(&mut stage, "consumer-3", "g2");
    stage.act(
        "start consumer-4 consumer group.id=g3 topics=orders,bills auto.offset.reset=earliest",
    );
    stage.run(15_000);
    stage.act("tell producer-1 produce orders a b c d e f");
    stage.act("tell producer-1 produce bills x y");
    stage.run(8_000);
    let consumed = |name: &str| stage.consumer(name).consumed;
    assert_eq!(consumed("consumer-1") + consumed("consumer-2"), 6, "each record to one of them");
    assert_eq!((consumed("consumer-3"), consumed("consumer-4")), (6, 8));
    for fate in stage.fates().filter(|fate| fate.partition.topic == "orders") {
        let groups: Vec<&str> = fate.deliveries.iter().map(|one| one.group.as_str()).collect();
        assert_eq!(groups.len(), 3, "{groups:?}");
    }
    let shown = stage.host.world().ledger().expect("somebody looks").summary();
    assert_eq!(shown.topics["orders"].sent, 6);
    assert_eq!(shown.groups["g3"].delivered, 8);
    stage.assert_sound();
}

#[test]
fn the_next_coordinator_goes_on_with_the_groups_of_one_that_lost_its_power() {
    let mut stage = Stage::new(8, 3, "all");
    stage.act("tell producer-1 produce every 20 topic=orders");
    join(&mut stage, "consumer-1", "g1");
    join(&mut stage, "consumer-2", "g1");
    stage.run(20_000);
    let (coordinator, before) = stage.group("g1");
    stage.act(&format!("power-off {coordinator}"));
    stage.run(40_000);
    let (next, after) = stage.group("g1");
    assert_ne!(next, coordinator);
    assert_eq!(after.state, "Stable");
    assert!(after.generation >= before.generation);
    stage.assert_shared(&["consumer-1", "consumer-2"], 3);
    stage.act(&format!("power-on {coordinator}"));
    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(30_000);
    stage.assert_sound();
    for fate in stage.fates().filter(|fate| fate.is_acknowledged()) {
        assert_eq!(fate.deliveries.len(), 1, "{fate:?}");
    }
}

#[test]
fn the_ledger_tells_why_an_acknowledged_record_is_lost() {
    let mut stage = Stage::new(9, 1, "1");
    stage.act("tell producer-1 produce orders kept");
    stage.run(2_000);
    let leader = (1..=3)
        .map(|id| format!("broker-{id}"))
        .find(|name| match stage.view(name) {
            ProcessView::Broker(view) => {
                view.replicas.iter().any(|one| one.is_leader && one.partition.topic == "orders")
            }
            _ => false,
        })
        .expect("orders has a leader");
    let followers: Vec<String> =
        (1..=3).map(|id| format!("broker-{id}")).filter(|name| *name != leader).collect();
    // The leader acknowledges before its followers can fetch, and dies.
    for follower in &followers {
        stage.act(&format!("isolate {follower}"));
    }
    // Their fetches that wait at the leader are answered, into the void.
    stage.run(1_000);
    stage.act("tell producer-1 produce orders lost");
    stage.run(300);
    stage.act(&format!("kill {leader}"));
    for follower in &followers {
        stage.act(&format!("heal {follower}"));
    }
    stage.run(40_000);
    let losses: Vec<&RecordFate> = stage.ledger.losses().collect();
    assert_eq!(losses.len(), 1, "{losses:#?}");
    assert_eq!((losses[0].id.record, losses[0].acks), (2, 1));
    let loss = losses[0].loss.as_ref().expect("it is lost");
    let kinds: Vec<&str> = loss
        .causes
        .iter()
        .map(|(_, cause)| match cause {
            LossCause::AcknowledgedEarly { .. } => "early",
            LossCause::LogCut { .. } => "cut",
            LossCause::LeaderDied { .. } => "died",
            LossCause::LeaderElected { .. } => "elected",
            LossCause::LedWithShorterLog { .. } => "shorter",
        })
        .collect();
    assert_eq!(kinds, ["early", "died", "elected", "shorter"]);
    assert!(loss.causes.is_sorted_by_key(|(event, _)| *event));
    assert_eq!(stage.ledger.counts("orders").lost, 1);
}

#[test]
fn a_static_member_that_is_back_in_time_costs_no_rebalance_and_its_double_is_fenced() {
    let mut stage = Stage::new(10, 2, "all");
    stage.act("tell producer-1 produce every 20 topic=orders");
    for id in ["1", "2"] {
        stage.act(&format!(
            "start consumer-{id} consumer group.id=g1 topics=orders auto.offset.reset=earliest \
             group.instance.id=i{id}"
        ));
    }
    stage.run(20_000);
    stage.assert_shared(&["consumer-1", "consumer-2"], 2);
    let (before, owned) = (stage.consumer("consumer-2"), stage.owned("consumer-2"));
    assert!(before.member.starts_with("i2-"), "{}", before.member);

    stage.act("kill consumer-2");
    stage.run(2_000);
    stage.act("restart consumer-2");
    stage.run(6_000);
    let after = stage.consumer("consumer-2");
    assert_eq!((after.generation, stage.owned("consumer-2")), (before.generation, owned.clone()));
    assert_ne!(after.member, before.member, "under another id");

    // A second process with the same instance takes the place; the first one has to go.
    stage.act("supervisor off");
    stage.act(
        "start consumer-3 consumer group.id=g1 topics=orders auto.offset.reset=earliest \
         group.instance.id=i2",
    );
    stage.run(10_000);
    assert_eq!(stage.owned("consumer-3"), owned);
    assert_eq!(stage.group("g1").1.generation, before.generation);
    let double = stage.host.world().process_named("consumer-2").expect("it is in the world");
    let fenced = |event: &TraceEvent| match event {
        TraceEvent::ProcessExited { process, message, failure: true } => {
            *process == double && message.starts_with("FENCED_INSTANCE_ID")
        }
        _ => false,
    };
    let is_fenced =
        stage.host.world().trace().after(EventId(0)).any(|record| fenced(&record.event));
    assert!(is_fenced, "consumer-2 had to go");
    stage.act("tell producer-1 produce every 0 topic=orders");
    stage.run(10_000);
    stage.assert_sound();
    assert!(stage.fates().all(|fate| fate.deliveries.len() == 1));
}
