mod administration;
mod notifications;
mod stage;
mod zookeeper;

use super::Controller;
use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, Span, TraceEvent};
use crate::wire::ErrorCode;
use crate::wire::kafka::{AnyRequest, LeaderAndIsrRequest};
use stage::Stage;

fn leader_and_isr(stage: &Stage, to: i32) -> Vec<&LeaderAndIsrRequest> {
    stage
        .told
        .iter()
        .filter(|(broker, _)| *broker == to)
        .filter_map(|(_, request)| match request {
            AnyRequest::LeaderAndIsr(request) => Some(request),
            _ => None,
        })
        .collect()
}

fn elections(stage: &Stage) -> Vec<(i32, i32, ElectionReason)> {
    stage
        .traces
        .iter()
        .filter_map(|event| match event {
            TraceEvent::LeaderElected { leader, leader_epoch, reason, .. } => {
                Some((leader.0, *leader_epoch, *reason))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn the_first_broker_becomes_controller_and_the_others_know_it() {
    let stage = Stage::new(3);
    assert_eq!(stage.active(), [1]);
    for controller in stage.controllers.values() {
        assert_eq!(controller.active_controller(), Some(BrokerId(1)));
    }
    assert_eq!(stage.controllers[&1].epoch(), Some(1));
    let expected = "[Controller id=1] 1 successfully elected as the controller. Epoch incremented \
                    to 1 and epoch zk version is now 1";
    assert!(stage.logs.iter().any(|line| line == expected), "{:#?}", stage.logs);
    let expected = "[Controller id=1] Newly added brokers: 3, deleted brokers: , bounced brokers: \
                    , all live brokers: 1,2,3";
    assert!(stage.logs.iter().any(|line| line == expected), "{:#?}", stage.logs);
    // The newest broker was told of all brokers.
    let Some((3, AnyRequest::UpdateMetadata(last))) = stage.told.last() else {
        panic!("{:?}", stage.told.last())
    };
    assert_eq!(last.live_brokers.len(), 3);
    assert_eq!(last.broker_epoch, stage.broker_epoch(3));
}

#[test]
fn a_new_topic_gets_its_first_live_replica_as_leader() {
    let mut stage = Stage::new(3);
    stage.told.clear();
    stage.create_topic("t", &[&[2, 3, 9], &[3, 1], &[8, 9]], &[]);
    assert_eq!(stage.state("t", 0), (2, 0, vec![2, 3]));
    assert_eq!(stage.state("t", 1), (3, 0, vec![3, 1]));
    // Both partitions of broker 3 in one request, marked as new.
    let requests = leader_and_isr(&stage, 3);
    assert_eq!(requests.len(), 1);
    let states = &requests[0].topic_states[0].partition_states;
    assert_eq!(states.iter().map(|state| state.partition_index).collect::<Vec<_>>(), [0, 1]);
    assert!(states.iter().all(|state| state.is_new && state.replicas.len() >= 2));
    assert_ne!(requests[0].topic_states[0].topic_id, crate::wire::Uuid::ZERO);
    assert_eq!(requests[0].live_leaders.len(), 2);
    let created =
        TraceEvent::TopicCreated { topic: "t".to_owned(), partitions: 3, replication_factor: 3 };
    assert!(stage.traces.contains(&created));
    // The partition nobody can serve gets its leader when the replica arrives.
    stage.start_broker(8);
    assert_eq!(stage.state("t", 2), (8, 0, vec![8]));
}

#[test]
fn partitions_of_a_dead_broker_get_other_leaders_and_smaller_isrs() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3], &[3, 2], &[1, 3]], &[]);
    stage.told.clear();
    stage.kill_broker(2);
    assert_eq!(stage.state("t", 0), (3, 1, vec![3]));
    assert_eq!(stage.state("t", 1), (3, 1, vec![3]));
    assert_eq!(stage.state("t", 2), (1, 0, vec![1, 3]));
    assert_eq!(elections(&stage).last(), Some(&(3, 1, ElectionReason::Offline)));
    assert!(stage.told.iter().all(|(broker, _)| *broker != 2));

    // It comes back, is told to follow, and leads again only when it is in sync.
    stage.told.clear();
    stage.start_broker(2);
    let requests = leader_and_isr(&stage, 2);
    assert!(requests[0].topic_states[0].partition_states.iter().all(|state| state.leader == 3));
    assert_eq!(stage.state("t", 0), (3, 1, vec![3]));
    let epoch = stage.broker_epoch(3);
    let version = stage.state_version("t", 0);
    stage.alter_isr(1, (3, epoch), "t", (1, &[3, 2], version));
    assert_eq!(stage.state("t", 0), (3, 1, vec![3, 2]));
    stage.pass(Span::from_secs(301));
    assert_eq!(stage.state("t", 0), (2, 2, vec![3, 2]));
    assert_eq!(elections(&stage).last(), Some(&(2, 2, ElectionReason::Preferred)));
}

#[test]
fn the_last_in_sync_replica_stays_and_alone_may_lead_again() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    stage.kill_broker(3);
    assert_eq!(stage.state("t", 0), (2, 1, vec![2]));
    stage.kill_broker(2);
    assert_eq!(stage.state("t", 0), (-1, 2, vec![2]));
    let offline =
        stage.traces.iter().filter(|one| matches!(one, TraceEvent::PartitionWentOffline { .. }));
    assert_eq!(offline.count(), 1);
    stage.start_broker(3);
    assert_eq!(stage.state("t", 0), (-1, 2, vec![2]), "3 is not in sync");
    stage.start_broker(2);
    assert_eq!(stage.state("t", 0), (2, 3, vec![2]));
}

#[test]
fn an_unclean_election_takes_whoever_is_alive_where_the_topic_allows_it() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[("unclean.leader.election.enable", "true")]);
    stage.kill_broker(3);
    stage.kill_broker(2);
    stage.start_broker(3);
    assert_eq!(stage.state("t", 0), (3, 3, vec![3]));
    assert_eq!(elections(&stage).last(), Some(&(3, 3, ElectionReason::Unclean)));
}

#[test]
fn another_broker_takes_over_when_the_controller_dies() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2], &[2, 3]], &[]);
    stage.kill_broker(1);
    assert_eq!(stage.active(), [2]);
    assert_eq!(stage.controllers[&2].epoch(), Some(2));
    assert_eq!(stage.controllers[&3].active_controller(), Some(BrokerId(2)));
    // Two leader epochs, as Kafka: first the lost replica leaves the ISR, then a leader is elected.
    assert_eq!(stage.state("t", 0), (2, 2, vec![2]));
    assert_eq!(stage.state("t", 1), (2, 0, vec![2, 3]));
    let told = leader_and_isr(&stage, 3);
    assert_eq!(told.last().map(|request| request.controller_epoch), Some(2));
}

#[test]
fn a_partition_that_goes_offline_with_the_controller_is_reported_once() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1]], &[]);
    let offline = |stage: &Stage| {
        let is_offline = |one: &&TraceEvent| matches!(one, TraceEvent::PartitionWentOffline { .. });
        stage.traces.iter().filter(is_offline).count()
    };
    stage.kill_broker(1);
    assert_eq!((stage.active(), offline(&stage)), (vec![2], 1));
    stage.kill_broker(2);
    assert_eq!((stage.active(), offline(&stage)), (vec![3], 1));
    assert_eq!(stage.state("t", 0), (-1, 2, vec![1]));
    stage.start_broker(1);
    assert_eq!(stage.state("t", 0), (1, 3, vec![1]));
}

#[test]
fn a_deposed_controller_writes_nothing_and_resigns() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    // Its session expires while it hears nothing of it.
    let zombie = stage.controllers.remove(&1).unwrap();
    stage.kill_broker(1);
    assert_eq!(stage.active(), [2]);
    stage.controllers.insert(1, zombie);
    let before = stage.state("t", 0);
    let epoch = stage.broker_epoch(2);
    let response = stage.alter_isr(1, (2, epoch), "t", (0, &[2], 0));
    assert_eq!(response.error_code, ErrorCode::NOT_CONTROLLER);
    assert_eq!(stage.state("t", 0), before);
    assert_eq!(stage.active(), [2]);
    let resigned = TraceEvent::ControllerResigned { broker: BrokerId(1), epoch: 1 };
    assert!(stage.traces.contains(&resigned));
}

#[test]
fn alter_isr_is_fenced_by_life_epoch_and_version() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3, 1]], &[]);
    let epoch = stage.broker_epoch(2);
    let of = |response: crate::wire::kafka::AlterIsrResponse| {
        let partition = response.topics[0].partitions[0].clone();
        (partition.error_code, partition.isr, partition.current_isr_version)
    };
    let stale = stage.alter_isr(1, (2, epoch - 1), "t", (0, &[2], 0));
    assert_eq!(stale.error_code, ErrorCode::STALE_BROKER_EPOCH);
    let unknown = stage.alter_isr(1, (7, 1), "t", (0, &[2], 0));
    assert_eq!(unknown.error_code, ErrorCode::STALE_BROKER_EPOCH);
    let elsewhere = stage.alter_isr(3, (2, epoch), "t", (0, &[2], 0));
    assert_eq!(elsewhere.error_code, ErrorCode::NOT_CONTROLLER);

    let shrunk = stage.alter_isr(1, (2, epoch), "t", (0, &[2, 3], 0));
    assert_eq!(of(shrunk), (ErrorCode::NONE, vec![2, 3], 1));
    assert_eq!(stage.state("t", 0), (2, 0, vec![2, 3]), "no new leader epoch");
    let again = stage.alter_isr(1, (2, epoch), "t", (0, &[2, 3], 0));
    assert_eq!(of(again), (ErrorCode::NONE, vec![2, 3], 1));
    let bad_version = stage.alter_isr(1, (2, epoch), "t", (0, &[2], 0));
    assert_eq!(of(bad_version).0, ErrorCode::INVALID_UPDATE_VERSION);
    let no_topic = stage.alter_isr(1, (2, epoch), "nope", (0, &[2], 0));
    assert_eq!(of(no_topic).0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    stage.kill_broker(3);
    assert_eq!(stage.state("t", 0), (2, 1, vec![2]));
    let old_epoch = stage.alter_isr(1, (2, epoch), "t", (0, &[2, 1], 2));
    assert_eq!(of(old_epoch).0, ErrorCode::FENCED_LEADER_EPOCH);
}

#[test]
fn a_controlled_shutdown_moves_leaders_first() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3], &[3, 2], &[2]], &[]);
    let response = stage.shut_down(1, 2);
    assert_eq!((response.error_code, response.remaining_partitions.len()), (ErrorCode::NONE, 0));
    assert_eq!(stage.state("t", 0), (3, 1, vec![3]));
    assert_eq!(stage.state("t", 1), (3, 1, vec![3]));
    assert_eq!(stage.state("t", 2), (2, 0, vec![2]), "nobody else has it");
    assert!(
        stage.told.iter().any(|(to, one)| *to == 2 && matches!(one, AnyRequest::StopReplica(_)))
    );
    assert_eq!(elections(&stage).last(), Some(&(3, 1, ElectionReason::ControlledShutdown)));
    assert_eq!(stage.shut_down(3, 2).error_code, ErrorCode::STALE_CONTROLLER_EPOCH);
}

#[test]
fn a_bounced_broker_counts_as_dead_and_started() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    // The controller does not get round to the first change before the second.
    let controller = stage.controllers.remove(&1).unwrap();
    stage.kill_broker(2);
    stage.start_broker(2);
    stage.controllers.insert(1, controller);
    stage.told.clear();
    stage.act(1, |one, now| one.on_watch(now, "/brokers/ids"));
    assert_eq!(stage.state("t", 0), (3, 1, vec![3]));
    let epoch = stage.broker_epoch(2);
    let told = leader_and_isr(&stage, 2);
    assert!(told.iter().all(|request| request.broker_epoch == epoch) && !told.is_empty());
}

#[test]
fn a_broker_that_does_not_answer_is_asked_again_until_it_is_gone() {
    let mut stage = Stage::new(3);
    stage.deaf.insert(3);
    stage.create_topic("t", &[&[2, 3]], &[]);
    let (controller, tag) = stage.unanswered.pop().unwrap();
    let failed = Err(crate::broker::action::SendError::Disconnected);
    stage.act(controller, |one, now| one.on_response(now, tag, failed));
    stage.told.clear();
    stage.deaf.clear();
    stage.pass(Span::from_millis(100));
    assert_eq!(leader_and_isr(&stage, 3).len(), 1);
}

#[test]
fn new_partitions_of_a_topic_are_brought_online() {
    let mut stage = Stage::new(2);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.set_partitions("t", &[&[1, 2], &[2, 1]]);
    assert_eq!(stage.state("t", 1), (2, 0, vec![2, 1]));
    assert_eq!(stage.state("t", 0), (1, 0, vec![1, 2]));
}

#[test]
fn an_office_that_was_won_unheard_is_taken_all_the_same() {
    let mut stage = Stage::new(0);
    stage.zookeeper.lose_next_answer = true;
    stage.start_broker(1);
    assert!(stage.active().is_empty());
    stage.act(1, Controller::on_reconnected);
    assert_eq!(stage.active(), [1]);
    assert_eq!(stage.controllers[&1].epoch(), Some(1));
    stage.create_topic("t", &[&[1]], &[]);
    assert_eq!(stage.state("t", 0), (1, 0, vec![1]));
}

#[test]
fn a_controller_whose_session_expires_makes_way_and_comes_back_as_a_broker() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2]], &[]);
    stage.expire_session(1);
    assert_eq!(stage.active(), [2]);
    assert_eq!(stage.state("t", 0), (2, 2, vec![2]));
    stage.told.clear();
    stage.register(1);
    assert_eq!(stage.active(), [2]);
    assert_eq!(stage.controllers[&1].active_controller(), Some(BrokerId(2)));
    let told = leader_and_isr(&stage, 1);
    assert_eq!(told[0].topic_states[0].partition_states[0].leader, 2);
    assert_eq!(told[0].broker_epoch, stage.broker_epoch(1));
}

#[test]
fn an_expired_session_makes_no_broker_look_dead() {
    let mut stage = Stage::new(2);
    stage.create_topic("t", &[&[2, 1]], &[]);
    stage.traces.clear();
    stage.zookeeper.is_expired = true;
    stage.act(1, |one, now| one.on_watch(now, "/brokers/ids"));
    stage.act(1, Controller::on_session_expired);
    let resigned = TraceEvent::ControllerResigned { broker: BrokerId(1), epoch: 1 };
    assert_eq!(stage.traces, [resigned]);
}

#[test]
fn what_a_lost_connection_swallowed_is_asked_again() {
    let mut stage = Stage::new(2);
    stage.zookeeper.lose_next = true;
    stage.create_topic("t", &[&[1, 2]], &[]);
    assert!(!stage.has_state("t", 0));
    stage.act(1, Controller::on_reconnected);
    assert_eq!(stage.state("t", 0), (1, 0, vec![1, 2]));
}
