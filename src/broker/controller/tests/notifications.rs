//! What brokers tell the controller through ZooKeeper.

use super::Stage;
use crate::base::Endpoint;
use crate::cluster::znode_data::{BrokerRegistration, PartitionState};
use crate::wire::kafka::{AnyRequest, UpdateMetadataRequest};

fn updates(stage: &Stage, to: i32) -> Vec<&UpdateMetadataRequest> {
    let told = stage.told.iter().filter(|(broker, _)| *broker == to);
    told.filter_map(|(_, request)| match request {
        AnyRequest::UpdateMetadata(request) => Some(request),
        _ => None,
    })
    .collect()
}

#[test]
fn a_broker_that_moves_is_told_of_to_everybody() {
    let mut stage = Stage::new(3);
    for port in [9093, 9094] {
        stage.told.clear();
        let registration = BrokerRegistration {
            endpoint: Endpoint::new("elsewhere", port),
            rack: None,
            timestamp_ms: 0,
        };
        stage.set("/brokers/ids/2", &registration.to_json());
        for broker in 1..=3 {
            let updates = updates(&stage, broker);
            assert_eq!(updates.len(), 1, "broker {broker}");
            let moved = updates[0].live_brokers.iter().find(|one| one.id == 2).expect("it lives");
            let endpoint = &moved.endpoints[0];
            assert_eq!((endpoint.host.as_str(), endpoint.port), ("elsewhere", i32::from(port)));
        }
    }
    assert!(stage.logs.iter().any(|line| {
        line.ends_with(
            "Updated broker metadata: 2 : (EndPoint(elsewhere,9093,ListenerName(PLAINTEXT),PLAINTEXT)) : \
             null : Features{} -> 2 : (EndPoint(elsewhere,9094,ListenerName(PLAINTEXT),PLAINTEXT)) : null : \
             Features{}",
        )
    }));
    // The same once more, or nonsense, changes nothing.
    stage.told.clear();
    let same = BrokerRegistration {
        endpoint: Endpoint::new("elsewhere", 9094),
        rack: None,
        timestamp_ms: 5,
    };
    stage.set("/brokers/ids/2", &same.to_json());
    stage.set("/brokers/ids/2", b"?");
    assert!(stage.told.is_empty());
}

#[test]
fn an_isr_that_a_broker_of_old_changed_is_told_to_everybody() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[1, 2, 3]], &[]);
    let state = "/brokers/topics/t/partitions/0/state";
    let mut changed = PartitionState::from_json(stage.data(state).unwrap().as_bytes()).unwrap();
    changed.isr = vec![1, 3];
    stage.set(state, &changed.to_json());
    stage.told.clear();
    let notification = br#"{"version":1,"partitions":[{"topic":"t","partition":0}]}"#;
    let path = "/isr_change_notification/isr_change_0000000000";
    stage.put(path, notification);
    for broker in 1..=3 {
        let updates = updates(&stage, broker);
        let states = &updates.last().expect("an update").topic_states[0].partition_states;
        assert_eq!(states[0].isr, [1, 3]);
    }
    assert_eq!(stage.data(path), None, "it is done with");
    // What cannot be read is done with, too.
    stage.put("/isr_change_notification/isr_change_0000000001", b"?");
    assert_eq!(stage.data("/isr_change_notification/isr_change_0000000001"), None);
}

#[test]
fn a_failed_log_directory_has_its_broker_asked_which_replicas_are_lost() {
    let mut stage = Stage::new(3);
    stage.create_topic("t", &[&[2, 3], &[3, 1]], &[]);
    stage.told.clear();
    let path = "/log_dir_event_notification/log_dir_event_0000000000";
    stage.put(path, br#"{"version":1,"broker":2,"event":1}"#);
    let asked: Vec<i32> = stage
        .told
        .iter()
        .filter(|(_, request)| matches!(request, AnyRequest::LeaderAndIsr(_)))
        .map(|(broker, _)| *broker)
        .collect();
    assert_eq!(asked, [2]);
    assert_eq!(stage.data(path), None);
    let line = "[Controller id=1] Handling log directory failure for brokers 2";
    assert!(stage.logs.iter().any(|one| one == line));
}
