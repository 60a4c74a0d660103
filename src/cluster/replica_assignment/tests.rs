use super::*;
use crate::base::Rng;
use proptest::prelude::*;
use std::fmt::Write as _;

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

/// All small cases, as checksums of what Kafka's own class answers: on 1 to 7 brokers without racks, or
/// on 2 or 3 racks, with 1 to 2N+3 partitions, each replication factor and each start, for a new topic
/// and for more partitions of one.
#[test]
fn places_replicas_as_kafka_does_in_every_small_case() {
    const CHECKSUMS: [(i32, [u32; 7]); 3] = [
        (
            0,
            [
                0xbe1c_045e,
                0x5340_2a2d,
                0x1ef6_2811,
                0x0972_136e,
                0x3d1b_d3c3,
                0x8221_ae49,
                0xfd2f_32cf,
            ],
        ),
        (
            2,
            [
                0xbe1c_045e,
                0x80b8_8767,
                0x6ef9_9021,
                0xcb71_3be8,
                0x6d8e_f5c3,
                0xdd86_ac37,
                0x95f9_a596,
            ],
        ),
        (
            3,
            [
                0xbe1c_045e,
                0x80b8_8767,
                0x3c04_c529,
                0x078e_4210,
                0x109f_39b1,
                0x9683_90b8,
                0x9062_bf12,
            ],
        ),
    ];
    for (racks, checksums) in CHECKSUMS {
        for (n, checksum) in (1..).zip(checksums) {
            let rack = |id: i32| (racks > 0).then(|| format!("r{}", id * 5 % racks));
            let brokers: Vec<BrokerMetadata> =
                (1..=n).map(|id| BrokerMetadata { id, rack: rack(id) }).collect();
            let mut all = String::new();
            for replicas in 1..=n {
                for partitions in 1..=2 * n + 3 {
                    for index in 0..n {
                        for first in [0, n + 1] {
                            let start = AssignmentStart::fixed(index as usize, first as usize);
                            let assigned =
                                assign_replicas_to_brokers(&brokers, partitions, replicas, start)
                                    .expect("enough brokers");
                            write!(all, "{n} {partitions} {replicas} {index} {first}:")
                                .expect("room");
                            for (partition, ids) in assigned {
                                let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
                                write!(all, " {partition}={}", ids.join(",")).expect("room");
                            }
                            all.push('\n');
                        }
                    }
                }
            }
            assert_eq!(crc32c::crc32c(all.as_bytes()), checksum, "{n} brokers, {racks} racks");
        }
    }
}

proptest! {
    /// What holds wherever one begins: replicas on brokers of their own, leaders and replicas spread
    /// evenly. So with N partitions on N brokers each leads one, on N + M brokers M lead none, and on
    /// N − M brokers nobody leads two more than another.
    #[test]
    fn leaders_and_replicas_are_spread_evenly(
        n in 1..12i32,
        partitions in 1..40i32,
        wanted in 1..6i32,
        seed in any::<u64>(),
    ) {
        let replicas = wanted.min(n);
        let start = AssignmentStart::random(&mut Rng::new(seed), n as usize);
        let assigned = assign_replicas_to_brokers(&brokers(n), partitions, replicas, start).unwrap();
        prop_assert!(assigned.keys().copied().eq(0..partitions));
        for ids in assigned.values() {
            prop_assert_eq!(ids.len(), replicas as usize);
            prop_assert_eq!(ids.iter().collect::<SortedSet<_>>().len(), ids.len());
        }
        let leads = |id: i32| assigned.values().filter(|ids| ids[0] == id).count();
        let mut led: Vec<usize> = (0..n).map(leads).collect();
        led.sort_unstable();
        prop_assert!(led[led.len() - 1] - led[0] <= 1, "{:?}", led);
        prop_assert_eq!(led[0], (partitions / n) as usize);
        if partitions % n == 0 {
            let holds = |id: i32| assigned.values().filter(|ids| ids.contains(&id)).count();
            prop_assert!((0..n).all(|id| holds(id) == (partitions / n * replicas) as usize));
        }
    }
}
