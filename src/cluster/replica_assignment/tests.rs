use super::*;

fn brokers(n: i32) -> Vec<BrokerMetadata> {
    (0..n).map(|id| BrokerMetadata { id, rack: None }).collect()
}

fn check(n: i32, partitions: i32, replicas: i32, start: AssignmentStart, expected: &[&[i32]]) {
    let assigned = assign_replicas_to_brokers(&brokers(n), partitions, replicas, start)
        .unwrap()
        .into_iter()
        .collect::<Vec<_>>();
    let expected = (start.partition as i32..)
        .zip(expected.iter().map(|replicas| replicas.to_vec()))
        .collect::<Vec<_>>();
    assert_eq!(assigned, expected);
}

/// Vectors computed by Kafka's own class.
#[test]
fn places_replicas_as_kafka_does() {
    let at = |index| AssignmentStart::fixed(index, 0);
    check(
        5,
        10,
        3,
        at(0),
        &[
            &[0, 1, 2],
            &[1, 2, 3],
            &[2, 3, 4],
            &[3, 4, 0],
            &[4, 0, 1],
            &[0, 2, 3],
            &[1, 3, 4],
            &[2, 4, 0],
            &[3, 0, 1],
            &[4, 1, 2],
        ],
    );
    check(3, 3, 2, at(0), &[&[0, 1], &[1, 2], &[2, 0]]);
    check(3, 3, 2, at(1), &[&[1, 0], &[2, 1], &[0, 2]]);
    check(3, 3, 2, at(2), &[&[2, 0], &[0, 1], &[1, 2]]);
    check(
        3,
        6,
        3,
        at(0),
        &[&[0, 1, 2], &[1, 2, 0], &[2, 0, 1], &[0, 2, 1], &[1, 0, 2], &[2, 1, 0]],
    );
    check(
        3,
        6,
        3,
        at(1),
        &[&[1, 0, 2], &[2, 1, 0], &[0, 2, 1], &[1, 2, 0], &[2, 0, 1], &[0, 1, 2]],
    );
    check(1, 3, 1, at(0), &[&[0], &[0], &[0]]);
    check(5, 3, 1, at(2), &[&[2], &[3], &[4]]);
    check(2, 4, 2, at(0), &[&[0, 1], &[1, 0], &[0, 1], &[1, 0]]);
    check(3, 7, 2, at(0), &[&[0, 1], &[1, 2], &[2, 0], &[0, 2], &[1, 0], &[2, 1], &[0, 1]]);
    check(3, 2, 2, AssignmentStart::fixed(0, 3), &[&[0, 2], &[1, 0]]);
}

#[test]
fn spreads_over_racks() {
    let racks = ["r1", "r3", "r3", "r2", "r2", "r1"];
    let brokers: Vec<_> = (0..)
        .zip(racks)
        .map(|(id, rack)| BrokerMetadata { id, rack: Some(rack.to_owned()) })
        .collect();
    let assigned =
        assign_replicas_to_brokers(&brokers, 7, 3, AssignmentStart::fixed(0, 0)).unwrap();
    let expected: [[i32; 3]; 7] =
        [[0, 3, 1], [3, 1, 5], [1, 5, 4], [5, 4, 2], [4, 2, 0], [2, 0, 3], [0, 4, 2]];
    assert_eq!(assigned.into_values().collect::<Vec<_>>(), expected);
}

#[test]
fn refuses_in_kafkas_words() {
    let start = AssignmentStart::fixed(0, 0);
    let refused = |partitions, replicas| {
        assign_replicas_to_brokers(&brokers(1), partitions, replicas, start)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(refused(0, 1), "Number of partitions must be larger than 0.");
    assert_eq!(refused(1, 0), "Replication factor must be larger than 0.");
    assert_eq!(refused(1, 2), "Replication factor: 2 larger than available brokers: 1.");
    let mut some_racks = brokers(2);
    some_racks[0].rack = Some("r1".to_owned());
    let refused = assign_replicas_to_brokers(&some_racks, 1, 1, start);
    assert_eq!(refused, Err(AssignmentError::IncompleteRacks));
}

#[test]
fn a_random_start_still_spreads_leaders_evenly() {
    let mut rng = Rng::new(3);
    for _ in 0..20 {
        let start = AssignmentStart::random(&mut rng, 3);
        let assigned = assign_replicas_to_brokers(&brokers(3), 6, 2, start).unwrap();
        for broker in 0..3 {
            assert_eq!(assigned.values().filter(|replicas| replicas[0] == broker).count(), 2);
        }
    }
}
