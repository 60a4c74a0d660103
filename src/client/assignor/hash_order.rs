//! The order in which a Java program walks over a hash map: Kafka's assignors let it show in their
//! results, so that two assignors agree only if they walk alike.
//!
//! In Java: java.util.HashMap, String.hashCode. Left out: buckets that became trees.

use crate::base::TopicPartition;

/// The hash code of a string, over its UTF-16 code units.
fn of_string(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The hash code of a partition (org.apache.kafka.common.TopicPartition).
fn of_partition(partition: &TopicPartition) -> i32 {
    let hash = 31_i32.wrapping_add(partition.partition);
    hash.wrapping_mul(31).wrapping_add(of_string(&partition.topic))
}

/// The bucket of a hash code in a map of that many entries that grew by itself.
fn bucket(hash: i32, entries: usize) -> u32 {
    let mut buckets = 16_usize;
    while entries * 4 > buckets * 3 {
        buckets *= 2;
    }
    let hash = hash as u32;
    (hash ^ (hash >> 16)) & (buckets as u32 - 1)
}

/// Strings in the order of a map that they were put into in theirs.
pub fn strings<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut keys: Vec<_> = keys.collect();
    let entries = keys.len();
    keys.sort_by_key(|key| bucket(of_string(key), entries));
    keys
}

/// Partitions in the order of a map that they were put into in theirs.
pub fn partitions(mut keys: Vec<TopicPartition>) -> Vec<TopicPartition> {
    let entries = keys.len();
    keys.sort_by_key(|key| bucket(of_partition(key), entries));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        for (text, hash) in
            [("my-group", -1_906_497_762), ("cg", 3_172), ("group1", -1_237_460_590)]
        {
            assert_eq!(of_string(text), hash, "{text}");
        }
        assert_eq!(of_partition(&TopicPartition::new("t", 0)), 31 * 31 + 116);
    }

    #[test]
    fn buckets_come_in_order_and_keep_the_order_within() {
        let names = ["cg", "b", "a", "Aa", "BB"].map(str::to_owned);
        // a = 97 → 1, b = 98 → 2, cg = 3172 → 4, Aa = BB = 2112 → 0.
        assert_eq!(strings(names.iter()), ["Aa", "BB", "a", "b", "cg"]);
        // Up to 12 entries share 16 buckets, 13 to 24 have 32: p = 0x70 → 0, or 16.
        let some = ["p", "a"].map(str::to_owned);
        assert_eq!(strings(some.iter()), ["p", "a"]);
        let many: Vec<String> = ('a'..='p').map(String::from).collect();
        assert_eq!(strings(many.iter()), many.iter().collect::<Vec<_>>());
    }
}
