//! The range assignor: topic by topic, each member gets a stretch of consecutive partitions; where
//! they do not divide evenly the first members get one more. Hence members that come first get
//! more of every topic.
//!
//! In Kafka: org.apache.kafka.clients.consumer.RangeAssignor. Left out: static members
//! (`group.instance.id`), which sort before all others there.

use crate::base::{SortedMap, TopicPartition};

/// The name of this assignor in the group protocol.
pub const NAME: &str = "range";

/// Shares out the partitions of `partition_counts` among members by their subscriptions. A topic
/// without a count is left out; every member gets an entry.
pub fn assign(
    partition_counts: &SortedMap<String, i32>,
    subscriptions: &SortedMap<String, Vec<String>>,
) -> SortedMap<String, Vec<TopicPartition>> {
    let members = subscriptions.keys();
    let mut assignment: SortedMap<String, Vec<TopicPartition>> =
        members.map(|member| (member.clone(), Vec::new())).collect();
    for (topic, partitions) in partition_counts {
        let subscribed = subscriptions.iter().filter(|(_, topics)| topics.contains(topic));
        let members: Vec<&String> = subscribed.map(|(member, _)| member).collect();
        if members.is_empty() {
            continue;
        }
        let each = partitions / members.len() as i32;
        let extra = partitions % members.len() as i32;
        let mut next = 0;
        for (index, member) in (0..).zip(members) {
            let end = next + each + i32::from(index < extra);
            let range = (next..end).map(|number| TopicPartition::new(topic.clone(), number));
            assignment.entry(member.clone()).or_default().extend(range);
            next = end;
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partitions of each member, members and topics as `name:count` and `member:topics`.
    fn check(topics: &[(&str, i32)], members: &[(&str, &[&str])], expected: &[&[&str]]) {
        let counts = topics.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect();
        let owned = |topics: &[&str]| topics.iter().copied().map(str::to_owned).collect();
        let subscriptions =
            members.iter().map(|(member, topics)| ((*member).to_owned(), owned(topics))).collect();
        let assignment = assign(&counts, &subscriptions);
        let got: Vec<Vec<String>> = assignment
            .values()
            .map(|partitions| partitions.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn shares_as_recorded_from_kafka() {
        let t: &[&str] = &["t"];
        check(&[("t", 3)], &[("c0", t), ("c1", t)], &[&["t-0", "t-1"], &["t-2"]]);
        let both: &[&str] = &["t0", "t1"];
        check(
            &[("t0", 3), ("t1", 3)],
            &[("c0", both), ("c1", both)],
            &[&["t0-0", "t0-1", "t1-0", "t1-1"], &["t0-2", "t1-2"]],
        );
        check(
            &[("t", 7)],
            &[("c0", t), ("c1", t), ("c2", t)],
            &[&["t-0", "t-1", "t-2"], &["t-3", "t-4"], &["t-5", "t-6"]],
        );
        check(&[("t", 2)], &[("c0", t), ("c1", t), ("c2", t)], &[&["t-0"], &["t-1"], &[]]);
    }

    #[test]
    fn only_subscribed_and_known_topics_are_shared() {
        check(&[("t", 2)], &[("c0", &["t", "x"]), ("c1", &["x"])], &[&["t-0", "t-1"], &[]]);
        check(&[], &[("c0", &["t"])], &[&[]]);
    }

    #[test]
    fn every_partition_has_one_owner() {
        for members in 1..5_usize {
            for partitions in 0..9 {
                let names: Vec<String> = (0..members).map(|member| format!("c{member}")).collect();
                let subscriptions =
                    names.iter().map(|name| (name.clone(), vec!["t".to_owned()])).collect();
                let counts = SortedMap::from([("t".to_owned(), partitions)]);
                let assignment = assign(&counts, &subscriptions);
                let mut owned: Vec<_> = assignment.values().flatten().cloned().collect();
                owned.sort();
                let all: Vec<_> = (0..partitions).map(|p| TopicPartition::new("t", p)).collect();
                assert_eq!(owned, all);
            }
        }
    }
}
