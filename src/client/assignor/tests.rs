//! The assignors against what Kafka's own returned, and by their properties.

use super::*;
use crate::base::SortedSet;

const VECTORS: &str = include_str!("../../../tests/golden/assignors.txt");
/// 160 groups of up to four members with topics of their choice, and 50 over four generations each.
const DRAWN: &str = include_str!("../../../tests/golden/assignors-drawn.txt");

fn partition(text: &str) -> TopicPartition {
    let (topic, number) = text.rsplit_once('-').expect("topic-number");
    TopicPartition::new(topic, number.parse().expect("a number"))
}

fn counts(text: &str) -> PartitionCounts {
    let pairs = text.split(", ").map(|pair| pair.split_once(" -> ").expect("topic -> count"));
    pairs.map(|(topic, count)| (topic.to_owned(), count.parse().expect("a count"))).collect()
}

fn subscription(topics: &str, owned: &str) -> Subscription {
    let owned = owned.split(',').filter(|text| !text.is_empty());
    Subscription {
        topics: topics.split('+').map(str::to_owned).collect(),
        owned: owned.map(partition).collect(),
        ..Subscription::default()
    }
}

fn text_of(assignment: &Assignment) -> String {
    let shares = assignment.iter().map(|(member, partitions)| {
        let partitions: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        format!("{member}=[{}]", partitions.join(","))
    });
    shares.collect::<Vec<_>>().join(" ")
}

/// What every member tells the leader after an assignment.
fn after(assignor: Assignor, assignment: &Assignment, generation: i32) -> Subscriptions {
    let topics: SortedSet<String> =
        assignment.values().flatten().map(|partition| partition.topic.clone()).collect();
    let subscription = |partitions: &Vec<TopicPartition>| {
        let last = LastAssignment { generation, partitions: partitions.clone() };
        Subscription {
            topics: topics.iter().cloned().collect(),
            user_data: assignor.user_data(Some(&last)),
            owned: if assignor.is_cooperative() { partitions.clone() } else { Vec::new() },
            group_instance_id: None,
        }
    };
    assignment.iter().map(|(member, owned)| (member.clone(), subscription(owned))).collect()
}

/// Checks every recorded case of one line; how many there were. In a chain the eager sticky assignor hears of the last
/// generation by its own data, the cooperative one by the protocol.
fn check_recorded(lines: &str) -> usize {
    let mut checked = 0;
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let (case, expected) = line.split_once(" => ").expect("case => result");
        let Some((name, rest)) = case.split_once(" topics=Map(") else { continue };
        let (topics, rest) = rest.split_once(") subs=").expect("topics and subs");
        let assignor = match name.split([' ', '-']).next().expect("a name") {
            "range" => Assignor::Range,
            "roundrobin" => Assignor::RoundRobin,
            "sticky" => Assignor::Sticky,
            _ => Assignor::CooperativeSticky,
        };
        let generation: i32 =
            name.rsplit_once('.').map_or(0, |(_, number)| number.parse().expect("a generation"));
        let mut subscriptions = Subscriptions::new();
        let mut words = rest.split(' ').peekable();
        while let Some(word) = words.next() {
            let (member, topics) = word.split_once(':').expect("member:topics");
            let owned = words.next_if_eq(&"owns").and_then(|_| words.next()).unwrap_or("");
            let mut one = subscription(topics, owned);
            if generation > 0 {
                let partitions = one.owned.clone();
                let last = LastAssignment { generation: generation - 1, partitions };
                let last = (!one.owned.is_empty()).then_some(&last);
                one.user_data = assignor.user_data(last);
                if assignor == Assignor::Sticky {
                    one.owned.clear();
                }
            }
            subscriptions.insert(member.to_owned(), one);
        }
        if name == "range-static" {
            // c1 is the static one.
            subscriptions.entry("c1".to_owned()).or_default().group_instance_id =
                Some("static".to_owned());
        }
        assert_eq!(text_of(&assignor.assign(&counts(topics), &subscriptions)), expected, "{case}");
        checked += 1;
    }
    checked
}

#[test]
fn results_are_kafkas_own() {
    assert_eq!(check_recorded(VECTORS), 12);
    assert_eq!(check_recorded(DRAWN), 360);
}

#[test]
fn sticky_remembers_over_generations_as_kafka_does() {
    let topics = counts("t0 -> 2, t1 -> 2, t2 -> 2, t3 -> 2");
    let generation = |number: i32| {
        let prefix = format!("sticky-mem gen{number} ");
        let line = VECTORS.lines().find(|line| line.starts_with(&prefix)).expect("recorded");
        line.split_once(" => ").expect("case => result").1
    };
    let fresh = || subscription("t0+t1+t2+t3", "");
    let members = ["c0", "c1", "c2"].map(|member| (member.to_owned(), fresh()));
    let sticky = Assignor::Sticky;
    let first = sticky.assign(&topics, &members.into_iter().collect());
    assert_eq!(text_of(&first), generation(1));
    let mut subscriptions = after(sticky, &first, 1);
    subscriptions.remove("c1");
    let second = sticky.assign(&topics, &subscriptions);
    assert_eq!(text_of(&second), generation(2));
    let mut subscriptions = after(sticky, &second, 2);
    subscriptions.insert("c1".to_owned(), fresh());
    assert_eq!(text_of(&sticky.assign(&topics, &subscriptions)), generation(3));
}

/// All small groups: up to 3 topics with up to 4 partitions, up to 4 members, each with any
/// subscription.
fn all_small_groups(mut check: impl FnMut(&PartitionCounts, &Subscriptions)) {
    for topics in 1..=3_usize {
        for shape in 0..4_usize.pow(topics as u32) {
            let count = |topic: usize| (shape / 4_usize.pow(topic as u32) % 4 + 1) as i32;
            let counts = (0..topics).map(|topic| (format!("t{topic}"), count(topic))).collect();
            for members in 1..=(if topics == 3 { 3_usize } else { 4 }) {
                let choices = (1_usize << topics) - 1;
                for wishes in 0..choices.pow(members as u32) {
                    let wish = |member: usize| wishes / choices.pow(member as u32) % choices + 1;
                    let topics_of = |member: usize| {
                        let wanted =
                            (0..topics).filter(move |topic| wish(member) >> topic & 1 == 1);
                        wanted.map(|topic| format!("t{topic}")).collect::<Vec<_>>()
                    };
                    let subscriptions = (0..members).map(|member| {
                        let topics = topics_of(member);
                        (format!("c{member}"), Subscription { topics, ..Subscription::default() })
                    });
                    check(&counts, &subscriptions.collect());
                }
            }
        }
    }
}

/// Every partition that somebody wants has one owner, who wants it.
fn check_owners(counts: &PartitionCounts, subscriptions: &Subscriptions, assignment: &Assignment) {
    let mut owned: Vec<_> = assignment.values().flatten().cloned().collect();
    owned.sort();
    let wanted = counts
        .iter()
        .filter(|(topic, _)| subscriptions.values().any(|one| one.topics.contains(topic)))
        .flat_map(|(topic, count)| (0..*count).map(|n| TopicPartition::new(topic.clone(), n)));
    assert_eq!(owned, wanted.collect::<Vec<_>>(), "{subscriptions:?}");
    assert!(assignment.keys().eq(subscriptions.keys()));
    for (member, partitions) in assignment {
        let topics = &subscriptions[member].topics;
        assert!(partitions.iter().all(|partition| topics.contains(&partition.topic)));
    }
}

/// No partition could move to somebody who wants it and has at least two less.
fn check_even(subscriptions: &Subscriptions, assignment: &Assignment) {
    for (owner, partitions) in assignment {
        for (other, theirs) in assignment {
            let wants =
                |partition: &TopicPartition| subscriptions[other].topics.contains(&partition.topic);
            let could = partitions.len() > theirs.len() + 1 && partitions.iter().any(wants);
            assert!(!could, "{owner} could give to {other}: {assignment:?}");
        }
    }
}

#[test]
fn every_partition_has_one_owner_in_all_small_groups() {
    all_small_groups(|counts, subscriptions| {
        for (assignor, ..) in Assignor::ALL {
            let assignment = assignor.assign(counts, subscriptions);
            check_owners(counts, subscriptions, &assignment);
            if matches!(assignor, Assignor::Sticky | Assignor::CooperativeSticky) {
                check_even(subscriptions, &assignment);
            }
        }
    });
}

#[test]
fn range_puts_equal_numbers_of_equal_topics_together() {
    for members in 1..5 {
        for partitions in 1..9 {
            let names = (0..members).map(|member| format!("c{member}"));
            let subscriptions =
                names.map(|member| (member, subscription("left+right", ""))).collect();
            let counts = counts(&format!("left -> {partitions}, right -> {partitions}"));
            for share in Assignor::Range.assign(&counts, &subscriptions).values() {
                let numbers = |topic: &str| {
                    let theirs = share.iter().filter(|partition| partition.topic == topic);
                    theirs.map(|partition| partition.partition).collect::<Vec<_>>()
                };
                assert_eq!(numbers("left"), numbers("right"));
            }
        }
    }
}

/// With one subscription for all: who stays keeps all that evenness allows.
#[test]
fn sticky_moves_no_more_than_evenness_asks_for() {
    let topics = subscription("t0+t1", "");
    for (left, right) in [(1, 1), (2, 3), (4, 4), (3, 7)] {
        let counts = counts(&format!("t0 -> {left}, t1 -> {right}"));
        let total = (left + right) as usize;
        for before in 1..6_usize {
            for after_change in 1..6_usize {
                let members = |range: std::ops::Range<usize>| {
                    range.map(|member| (format!("c{member}"), topics.clone()))
                };
                let sticky = Assignor::Sticky;
                let first = sticky.assign(&counts, &members(0..before).collect());
                let mut subscriptions = after(sticky, &first, 1);
                subscriptions.retain(|member, one| {
                    one.topics.clone_from(&topics.topics);
                    *member < format!("c{after_change}")
                });
                subscriptions.extend(members(before..after_change));
                let second = sticky.assign(&counts, &subscriptions);
                check_owners(&counts, &subscriptions, &second);
                check_even(&subscriptions, &second);
                let most = total.div_ceil(after_change);
                for (member, had) in first.iter().filter(|(member, _)| second.contains_key(*member))
                {
                    let kept =
                        had.iter().filter(|partition| second[member.as_str()].contains(partition));
                    let least = had.len().min(total / after_change);
                    let kept = kept.count();
                    assert!(kept >= least && kept <= most, "{member}: {first:?} → {second:?}");
                }
            }
        }
    }
}

/// Two phases: nothing is owned twice at any time, and the second phase ends where eager stickiness
/// would have been.
#[test]
fn cooperative_members_give_up_first_and_get_later() {
    let assignor = Assignor::CooperativeSticky;
    for partitions in 1..9 {
        let counts = counts(&format!("t -> {partitions}"));
        for before in 1..5_usize {
            for joined in 1..4_usize {
                let fresh = |range: std::ops::Range<usize>| {
                    range.map(|member| (format!("c{member}"), subscription("t", "")))
                };
                let first = assignor.assign(&counts, &fresh(0..before).collect());
                let mut subscriptions = after(assignor, &first, 1);
                subscriptions.values_mut().for_each(|one| one.topics = vec!["t".to_owned()]);
                subscriptions.extend(fresh(before..before + joined));
                let second = assignor.assign(&counts, &subscriptions);
                for (member, share) in &second {
                    for partition in share {
                        let others = first.iter().filter(|(other, _)| *other != member);
                        let mut others = others.flat_map(|(_, owned)| owned);
                        assert!(!others.any(|owned| owned == partition), "{partition} is not free");
                    }
                }
                let mut subscriptions = after(assignor, &second, 2);
                subscriptions.values_mut().for_each(|one| one.topics = vec!["t".to_owned()]);
                let third = assignor.assign(&counts, &subscriptions);
                check_owners(&counts, &subscriptions, &third);
                check_even(&subscriptions, &third);
                for (member, kept) in &second {
                    assert!(kept.iter().all(|partition| third[member].contains(partition)));
                }
            }
        }
    }
}

#[test]
fn a_partition_that_two_claim_goes_back_to_the_heap() {
    let counts = counts("t -> 4");
    let claims = [("c0", "t-0,t-1"), ("c1", "t-1,t-2"), ("c2", "")];
    let subscriptions = claims.map(|(member, owned)| (member.to_owned(), subscription("t", owned)));
    let assignment =
        Assignor::CooperativeSticky.assign(&counts, &subscriptions.into_iter().collect());
    let text = text_of(&assignment);
    assert_eq!(text, "c0=[t-0,t-3] c1=[t-2] c2=[]", "t-3 is free, t-1 must wait for its new owner");
}

#[test]
fn strategies_are_found_by_class_or_name_and_odd_ones_are_refused() {
    let of = |value: &str| {
        let properties = Properties::of([("partition.assignment.strategy", value)]);
        Assignor::from_properties(&properties).map_err(|error| error.value)
    };
    let full = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor, RangeAssignor";
    assert_eq!(of(full), Ok(vec![Assignor::CooperativeSticky, Assignor::Range]));
    assert_eq!(of("roundrobin"), Ok(vec![Assignor::RoundRobin]));
    assert_eq!(of(""), Ok(vec![Assignor::Range]));
    assert_eq!(of("range,fair"), Err("fair".to_owned()));
    assert_eq!(Assignor::from_name("sticky"), Some(Assignor::Sticky));
    assert_eq!(Assignor::Sticky.user_data(None), None);
}
