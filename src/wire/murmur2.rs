//! The hash that chooses the partition of a record with a key.
//!
//! In Kafka: `Utils.murmur2`, `DefaultPartitioner`.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The hash of `bytes`, as the signed number Java makes of it.
pub fn murmur2(bytes: &[u8]) -> i32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        k ^= k >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ hash >> 15) as i32
}

/// The partition of a record with that key, of `partitions` (at least one), available or not.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Kafka's own classes: key, hash, partition of 3, of 4, of 10.
    const VECTORS: &[(&str, i32, i32, i32, i32)] = &[
        ("", 275_646_681, 0, 1, 1),
        ("a", -1_563_381_124, 1, 0, 4),
        ("ab", 316_155_434, 2, 2, 4),
        ("abc", 479_470_107, 0, 3, 7),
        ("abcd", -1_323_649_548, 2, 0, 0),
        ("key", -1_079_937_367, 1, 1, 1),
        ("foobar", -790_332_482, 0, 2, 6),
        ("21", -973_932_308, 0, 0, 0),
        ("k1", 1_684_045_097, 2, 1, 7),
        ("k2", 380_483_553, 0, 1, 3),
        ("k3", 1_676_809_936, 1, 0, 6),
        ("k10", 655_378_078, 1, 2, 8),
        ("user-42", 1_459_644_460, 1, 0, 0),
        ("kafka", -798_503_068, 1, 0, 0),
        ("héllo", 614_509_002, 0, 2, 2),
    ];

    #[test]
    fn hashes_and_partitions_are_kafkas() {
        for (key, hash, of_3, of_4, of_10) in VECTORS {
            let key = key.as_bytes();
            assert_eq!(murmur2(key), *hash);
            assert_eq!(partition_for_key(key, 3), *of_3);
            assert_eq!(partition_for_key(key, 4), *of_4);
            assert_eq!(partition_for_key(key, 10), *of_10);
        }
    }

    #[test]
    fn keys_spread_over_three_partitions_as_observed() {
        let on_1: Vec<u32> = (1..=30)
            .filter(|number| partition_for_key(format!("k{number}").as_bytes(), 3) == 1)
            .collect();
        assert_eq!(on_1, [3, 4, 6, 7, 10, 14, 17, 18, 20, 21, 27, 29]);
    }
}
