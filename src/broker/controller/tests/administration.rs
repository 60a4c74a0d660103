//! Deletion, reassignment and elections that somebody asks for.

use super::stage::Stage;
use super::{elections, leader_and_isr};
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, TraceEvent};
use crate::broker::controller::{Controller, ElectionType};
use crate::wire::ErrorCode;
use crate::wire::kafka::AnyRequest;

/// What a broker was told to stop: (partition, leader epoch, delete).
fn stops(stage: &Stage, to: i32) -> Vec<(i32, i32, bool)> {
    let told = stage.told.iter().filter(|(broker, _)| *broker == to);
    let requests = told.filter_map(|(_, request)| match request {
        AnyRequest::StopReplica(request) => Some(request),
        _ => None,
    });
    let states = requests
        .flat_map(|request| &request.topic_states)
        .flat_map(|topic| &topic.partition_states);
    states.map(|one| (one.partition_index, one.leader_epoch, one.delete_partition)).collect()
}

fn deleted(stage: &Stage, topic: &str) -> bool {
    stage.traces.contains(&TraceEvent::TopicDeleted { topic: topic.to_owned() })
}

/// The ISR of `t`-0 changes as its leader asks.
fn set_isr(stage: &mut Stage, isr: &[i32]) {
    let (leader, epoch, _) = stage.state("t", 0);
    let (broker_epoch, version) = (stage.broker_epoch(leader), stage.state_version("t", 0));
    let controller = stage.active()[0];
    let response = stage.alter_isr(controller, (leader, broker_epoch), "t", (epoch, isr, version));
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
}

#[test]
fn a_topic_is_deleted_everywhere_and_then_from_zookeeper() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2], &[2, 3]], &[]);
    stage.create_topic("u", &[&[1]], &[]);
    stage.told.clear();
    stage.delete_topic("t");
    assert_eq!(stage.znodes_of("t"), Vec::<&str>::new());
    assert!(deleted(&stage, "t") && stage.has_state("u", 0));
    // Brokers hear first that nobody leads it, then stop it, then delete it.
    let Some((3, AnyRequest::UpdateMetadata(told))) =
        stage.told.iter().find(|(broker, _)| *broker == 3)
    else {
        panic!("{:?}", stage.told)
    };
    let states = &told.topic_states[0].partition_states;
    assert_eq!(states.iter().map(|state| state.leader).collect::<Vec<_>>(), [-2, -2]);
    assert_eq!(stops(&stage, 3), [(1, -2, false), (1, -2, true)]);
    assert!(leader_and_isr(&stage, 3).is_empty());
    // A topic of that name can be made again.
    stage.create_topic("t", &[&[3]], &[]);
    assert_eq!(stage.state("t", 0), (3, 0, vec![3]));
}

#[test]
fn a_deletion_waits_for_a_broker_that_is_down() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2], &[1, 3]], &[]);
    stage.kill_broker(3);
    stage.told.clear();
    stage.delete_topic("t");
    assert!(!deleted(&stage, "t"));
    assert!(stops(&stage, 2).contains(&(0, -2, true)), "those alive delete at once");
    let halted = "[Topic Deletion Manager 1] Halted deletion of topics t due to offline replicas";
    assert!(stage.logs.iter().any(|line| line == halted), "{:#?}", stage.logs);
    // The controller may change meanwhile.
    stage.expire_session(1);
    assert_eq!(stage.active(), [2]);
    assert!(!deleted(&stage, "t"));
    stage.register(1);
    stage.told.clear();
    stage.start_broker(3);
    assert!(deleted(&stage, "t"), "{:#?}", stage.logs);
    assert!(stops(&stage, 3).contains(&(1, -2, true)));
    assert_eq!(stage.znodes_of("t"), Vec::<&str>::new());
}

#[test]
fn a_broker_that_dies_in_a_deletion_deletes_when_it_is_back() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    stage.deaf.insert(3);
    stage.delete_topic("t");
    assert!(!deleted(&stage, "t"));
    stage.kill_broker(3);
    stage.deaf.clear();
    assert!(!deleted(&stage, "t"));
    stage.start_broker(3);
    assert!(deleted(&stage, "t"), "{:#?}", stage.logs);
}

#[test]
fn a_replica_that_cannot_be_deleted_halts_the_deletion() {
    let mut stage = Stage::new(2);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.stubborn.insert(2);
    stage.delete_topic("t");
    assert!(!deleted(&stage, "t"));
    let halted =
        "[Topic Deletion Manager 1] Halted deletion of topics t due to replica deletion failure";
    assert!(stage.logs.iter().any(|line| line == halted), "{:#?}", stage.logs);
    stage.stubborn.clear();
    stage.kill_broker(2);
    stage.start_broker(2);
    assert!(deleted(&stage, "t"), "{:#?}", stage.logs);
}

#[test]
fn wishes_that_cannot_be_granted_are_taken_back() {
    let mut stage = Stage::new(1);
    stage.delete_topic("nope");
    assert_eq!(stage.znodes_of("nope"), Vec::<&str>::new());
    let ignored = "[Controller id=1] Ignoring request to delete non-existing topics nope";
    assert!(stage.logs.iter().any(|line| line == ignored), "{:#?}", stage.logs);
}

#[test]
fn a_topic_that_is_being_deleted_gets_no_partitions() {
    let mut stage = Stage::new(2);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.kill_broker(2);
    stage.delete_topic("t");
    stage.set_partitions("t", &[&[1, 2], &[1]]);
    assert!(!stage.has_state("t", 1));
    assert_eq!(stage.assignment("t", 0).replicas, [1, 2]);
    let warned = "[Controller id=1] Skipping adding partitions 1 for topic t since it is currently \
                  being deleted";
    assert!(stage.logs.iter().any(|line| line == warned), "{:#?}", stage.logs);
}

#[test]
fn a_partition_moves_when_its_new_replicas_have_caught_up() {
    let mut stage = Stage::new(4);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.told.clear();
    let answered = stage.reassign(1, "t", &[(0, Some(&[3, 4]))]);
    assert_eq!(answered.error_code, ErrorCode::NONE);
    assert_eq!(answered.responses[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(stage.moving(1), [[vec![3, 4, 1, 2], vec![3, 4], vec![1, 2]]]);
    assert_eq!(stage.state("t", 0), (1, 1, vec![1, 2]), "a new leader epoch, the same leader");
    let told = leader_and_isr(&stage, 3);
    let state = &told[0].topic_states[0].partition_states[0];
    assert!(state.is_new && state.replicas == [3, 4, 1, 2] && state.adding_replicas == [3, 4]);
    let told = leader_and_isr(&stage, 1);
    assert!(!told[0].topic_states[0].partition_states[0].is_new);

    set_isr(&mut stage, &[1, 2, 3]);
    assert_eq!(stage.moving(1).len(), 1, "4 is missing");
    stage.told.clear();
    set_isr(&mut stage, &[1, 2, 3, 4]);
    assert_eq!(stage.moving(1).len(), 0);
    assert_eq!(
        stage.assignment("t", 0).to_string(),
        "ReplicaAssignment(replicas=3,4, addingReplicas=, removingReplicas=)"
    );
    let (leader, _, isr) = stage.state("t", 0);
    assert_eq!((leader, isr), (3, vec![3, 4]));
    assert_eq!(elections(&stage).last().map(|one| one.2), Some(ElectionReason::Reassign));
    for broker in [1, 2] {
        assert!(stops(&stage, broker).iter().any(|(_, _, delete)| *delete), "{broker}");
    }
    // A later failure is none of theirs.
    stage.kill_broker(2);
    assert_eq!(stage.state("t", 0).2, [3, 4]);
}

#[test]
fn a_leader_that_stays_is_told_of_the_new_replicas() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.reassign(1, "t", &[(0, Some(&[1, 3]))]);
    set_isr(&mut stage, &[1, 2, 3]);
    let (leader, epoch, isr) = stage.state("t", 0);
    assert_eq!((leader, isr), (1, vec![1, 3]));
    let told = leader_and_isr(&stage, 1);
    let state = &told.last().unwrap().topic_states[0].partition_states[0];
    assert_eq!((state.leader_epoch, state.replicas.clone()), (epoch, vec![1, 3]));
}

#[test]
fn a_reassignment_can_be_taken_back_or_be_given_another_target() {
    let mut stage = Stage::new(4);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.reassign(1, "t", &[(0, Some(&[3]))]);
    stage.reassign(1, "t", &[(0, Some(&[4]))]);
    assert_eq!(stage.moving(1), [[vec![4, 1, 2], vec![4], vec![1, 2]]]);
    assert!(stops(&stage, 3).iter().any(|(_, _, delete)| *delete));
    stage.told.clear();
    let answered = stage.reassign(1, "t", &[(0, None)]);
    assert_eq!(answered.responses[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(stage.moving(1).len(), 0);
    assert_eq!(stage.assignment("t", 0).replicas, [1, 2]);
    assert!(stops(&stage, 4).iter().any(|(_, _, delete)| *delete));
    let (leader, _, isr) = stage.state("t", 0);
    assert_eq!((leader, isr), (1, vec![1, 2]));
    let none = stage.reassign(1, "t", &[(0, None)]);
    let none = &none.responses[0].partitions[0];
    assert_eq!(none.error_code, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
}

#[test]
fn a_reassignment_outlives_its_controller_and_the_death_of_a_new_replica() {
    let mut stage = Stage::new(4);
    stage.create_topic("t", &[&[2, 3]], &[]);
    stage.reassign(1, "t", &[(0, Some(&[4, 3]))]);
    stage.kill_broker(4);
    stage.kill_broker(1);
    assert_eq!(stage.active(), [2]);
    assert_eq!(stage.moving(2), [[vec![4, 3, 2], vec![4], vec![2]]]);
    stage.told.clear();
    stage.start_broker(4);
    assert!(!leader_and_isr(&stage, 4).is_empty());
    set_isr(&mut stage, &[2, 3, 4]);
    let (leader, _, isr) = stage.state("t", 0);
    assert_eq!((leader, isr), (4, vec![3, 4]));
}

#[test]
fn targets_that_make_no_sense_are_refused_in_kafkas_words() {
    let mut stage = Stage::new(2);
    stage.create_topic("t", &[&[1, 2]], &[]);
    let check = |stage: &mut Stage, target: &[i32], code: ErrorCode, text: &str| {
        let answered = stage.reassign(1, "t", &[(0, Some(target))]);
        let one = &answered.responses[0].partitions[0];
        assert_eq!((one.error_code, one.error_message.as_deref()), (code, Some(text)));
    };
    let bad = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
    check(&mut stage, &[], bad, "Empty replica list specified in partition reassignment.");
    check(
        &mut stage,
        &[1, 1],
        bad,
        "Duplicate replica ids in partition reassignment replica list: ArrayBuffer(1, 1)",
    );
    check(&mut stage, &[-1], bad, "Invalid broker id in replica list: ArrayBuffer(-1)");
    check(
        &mut stage,
        &[1, 7],
        bad,
        "Replica assignment has brokers that are not alive. Replica list: ArrayBuffer(7), live \
         broker list: Set(1, 2)",
    );
    let missing = stage.reassign(1, "nope", &[(0, Some(&[1]))]);
    let missing = &missing.responses[0].partitions[0];
    assert_eq!(missing.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let elsewhere = stage.reassign(2, "t", &[(0, Some(&[1]))]);
    assert_eq!(elsewhere.error_code, ErrorCode::NOT_CONTROLLER);
}

#[test]
fn a_topic_that_moves_is_deleted_afterwards() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.reassign(1, "t", &[(0, Some(&[3]))]);
    stage.delete_topic("t");
    assert!(!deleted(&stage, "t"));
    let refused = stage.reassign(1, "t", &[(0, Some(&[2]))]);
    let refused = &refused.responses[0].partitions[0];
    assert_eq!(refused.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    set_isr(&mut stage, &[1, 2, 3]);
    assert!(deleted(&stage, "t"), "{:#?}", stage.logs);
}

#[test]
fn a_preferred_leader_is_elected_when_asked_for() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    stage.kill_broker(2);
    let electing = |stage: &mut Stage| stage.elect(1, ElectionType::Preferred, &[("t", 0)]);
    let failed = electing(&mut stage)[0].clone().unwrap_err();
    assert_eq!(failed.code, ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
    assert_eq!(
        failed.message.as_deref(),
        Some(
            "Failed to elect leader for partition t-0 under strategy \
             PreferredReplicaPartitionLeaderElectionStrategy"
        )
    );
    stage.start_broker(2);
    set_isr(&mut stage, &[3, 2]);
    assert_eq!(electing(&mut stage), [Ok(2)]);
    assert_eq!(elections(&stage).last().map(|one| one.2), Some(ElectionReason::Preferred));
    let again = electing(&mut stage)[0].clone().unwrap_err();
    assert_eq!(again.code, ErrorCode::ELECTION_NOT_NEEDED);
    assert_eq!(again.message.as_deref(), Some("Leader election not needed for topic partition."));
    let unknown = stage.elect(1, ElectionType::Preferred, &[("nope", 0)])[0].clone().unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let elsewhere = stage.elect(2, ElectionType::Preferred, &[("t", 0)])[0].clone().unwrap_err();
    assert_eq!(elsewhere.code, ErrorCode::NOT_CONTROLLER);
}

#[test]
fn an_unclean_leader_is_elected_when_asked_for_or_when_it_becomes_allowed() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    let lose = |stage: &mut Stage| {
        stage.kill_broker(3);
        stage.kill_broker(2);
        stage.start_broker(3);
        assert_eq!(stage.state("t", 0).0, -1);
    };
    lose(&mut stage);
    assert_eq!(stage.elect(1, ElectionType::Unclean, &[("t", 0)]), [Ok(3)]);
    assert_eq!(elections(&stage).last().map(|one| one.2), Some(ElectionReason::Unclean));
    stage.kill_broker(3);
    let nobody = stage.elect(1, ElectionType::Unclean, &[("t", 0)])[0].clone().unwrap_err();
    assert_eq!(nobody.code, ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE);

    stage.start_broker(2);
    stage.act(1, |one, now| one.enable_unclean_leader_election(now, Some("t")));
    assert_eq!(stage.state("t", 0).0, -1, "the topic's config still forbids it");
    stage.set_config("t", &[("unclean.leader.election.enable", "true")]);
    stage.act(1, |one, now| one.enable_unclean_leader_election(now, Some("t")));
    assert_eq!(stage.state("t", 0).0, 2);
}

#[test]
fn whoever_waits_for_a_deposed_controller_is_turned_away() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    let zombie = stage.controllers.remove(&1).unwrap();
    stage.kill_broker(1);
    stage.controllers.insert(1, zombie);
    let answered = stage.reassign(1, "t", &[(0, Some(&[3]))]);
    assert_eq!(answered.error_code, ErrorCode::NOT_CONTROLLER);
    assert_eq!(stage.assignment("t", 0).replicas, [2, 3]);
    let resigned = TraceEvent::ControllerResigned { broker: BrokerId(1), epoch: 1 };
    assert!(stage.traces.contains(&resigned));
    assert_eq!(stage.controllers.get(&1).map(Controller::is_active), Some(false));
}

#[test]
fn what_a_tool_of_old_writes_into_zookeeper_is_done() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2]], &[]);
    let data = br#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[3,2]},
        {"topic":"nope","partition":0,"replicas":[1]}]}"#;
    stage.put("/admin/reassign_partitions", data);
    assert_eq!(stage.moving(1), [[vec![3, 2, 1], vec![3], vec![1]]]);
    let left = stage.data("/admin/reassign_partitions").unwrap();
    assert!(!left.contains("nope") && left.contains(r#""replicas":[3,2]"#), "{left}");
    set_isr(&mut stage, &[1, 2, 3]);
    assert_eq!(stage.assignment("t", 0).replicas, [3, 2]);
    assert_eq!(stage.data("/admin/reassign_partitions"), None);

    // Broker 3 leads; the other one takes over and keeps it until somebody asks.
    stage.kill_broker(3);
    stage.start_broker(3);
    set_isr(&mut stage, &[2, 3]);
    assert_eq!(stage.state("t", 0).0, 2);
    let data = br#"{"version":1,"partitions":[{"topic":"t","partition":0}]}"#;
    stage.put("/admin/preferred_replica_election", data);
    assert_eq!(stage.state("t", 0).0, 3);
    assert_eq!(stage.data("/admin/preferred_replica_election"), None);
    let said = "[Controller id=1] Partition t-0 completed preferred replica leader election. New \
                leader is 3";
    assert!(stage.logs.iter().any(|line| line == said), "{:#?}", stage.logs);
    // The znodes are watched again.
    stage.put("/admin/preferred_replica_election", data);
    assert_eq!(stage.data("/admin/preferred_replica_election"), None);
}

#[test]
fn a_new_controller_finds_what_a_tool_of_old_has_written() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    stage.kill_broker(2);
    stage.start_broker(2);
    set_isr(&mut stage, &[3, 2]);
    stage.zookeeper.put(
        "/admin/preferred_replica_election",
        br#"{"version":1,"partitions":[{"topic":"t","partition":0}]}"#,
        None,
    );
    stage.kill_broker(1);
    assert_eq!((stage.active(), stage.state("t", 0).0), (vec![2], 2));
    let said = "[Controller id=2] Resuming preferred replica election for partitions: t-0";
    assert!(stage.logs.iter().any(|line| line == said), "{:#?}", stage.logs);
}

/// What Kafka's controller said when it took office in an empty cluster, as a set: what is written in
/// one millisecond has no order there.
#[test]
fn a_controller_says_what_kafkas_says_when_it_takes_office() {
    let stage = Stage::new(1);
    let recorded = include_str!("../../../../tests/golden/logs/controller-start.txt");
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let line = line
            .replace("=0]", "=1]")
            .replace("] 0 succ", "] 1 succ")
            .replace("Manager 0]", "Manager 1]")
            .replace("Set(0)", "Set(1)");
        let line = line.split("Map(").next().unwrap_or_default();
        assert!(stage.logs.iter().any(|one| one.starts_with(line)), "{line}\n{:#?}", stage.logs);
    }
}
