//! The map and the set beside the standard library's.

use super::{Entry, SortedMap};
use crate::base::{Rng, SortedSet};
use std::collections::{BTreeMap, BTreeSet};

fn same(ours: &SortedMap<u64, u64>, theirs: &BTreeMap<u64, u64>) {
    assert!(ours.iter().eq(theirs.iter()), "{ours:?} is not {theirs:?}");
    assert!(ours.iter().rev().eq(theirs.iter().rev()));
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours.first_key_value(), theirs.first_key_value());
    assert_eq!(ours.last_key_value(), theirs.last_key_value());
}

#[test]
fn a_map_does_what_a_tree_does() {
    let mut rng = Rng::new(7);
    let (mut ours, mut theirs) = (SortedMap::new(), BTreeMap::new());
    for step in 0..5_000 {
        let key = rng.below(40);
        match rng.below(9) {
            0..=2 => assert_eq!(ours.insert(key, step), theirs.insert(key, step)),
            3 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
            4 => assert_eq!(ours.pop_first(), theirs.pop_first()),
            5 => assert_eq!(ours.entry(key).or_insert(step), theirs.entry(key).or_insert(step)),
            6 => {
                assert!(ours.range(key..).eq(theirs.range(key..)));
                assert!(ours.range(..=key).eq(theirs.range(..=key)));
                assert_eq!(ours.range(key..key + 9).count(), theirs.range(key..key + 9).count());
            }
            7 => {
                ours.retain(|known, value| (*known + *value) % 7 != key % 7);
                theirs.retain(|known, value| (*known + *value) % 7 != key % 7);
            }
            _ => {
                let mut tails = (ours.split_off(&key), theirs.split_off(&key));
                same(&tails.0, &tails.1);
                ours.append(&mut tails.0);
                theirs.append(&mut tails.1);
            }
        }
        assert_eq!(ours.get(&key), theirs.get(&key));
        same(&ours, &theirs);
    }
}

#[test]
fn an_entry_is_found_once() {
    let mut map = SortedMap::from([("a", 1)]);
    map.entry("a").and_modify(|value| *value += 1).or_insert(9);
    *map.entry("b").or_default() += 5;
    assert_eq!(map["a"], 2);
    assert_eq!(map["b"], 5);
    let Entry::Occupied(entry) = map.entry("a") else { panic!("a has a value") };
    assert_eq!(entry.remove(), 2);
    assert!(!map.contains_key("a"));
}

#[test]
fn a_range_that_ends_before_it_begins_is_empty() {
    let map: SortedMap<u32, ()> = (0..9).map(|key| (key, ())).collect();
    let (late, early) = (7, 3);
    assert_eq!(map.range(late..early).count(), 0);
}

#[test]
fn maps_are_kept_as_the_standard_librarys_are() {
    let ours = SortedMap::from([(3_u32, "c".to_owned()), (1, "a".to_owned())]);
    let theirs = BTreeMap::from([(3_u32, "c".to_owned()), (1, "a".to_owned())]);
    let bytes = postcard::to_stdvec(&ours).unwrap();
    assert_eq!(bytes, postcard::to_stdvec(&theirs).unwrap());
    assert_eq!(postcard::from_bytes::<SortedMap<u32, String>>(&bytes).unwrap(), ours);
}

#[test]
fn a_set_does_what_a_tree_does() {
    let mut rng = Rng::new(8);
    let (mut ours, mut theirs) = (SortedSet::new(), BTreeSet::new());
    for _ in 0..5_000 {
        let key = rng.below(40);
        match rng.below(4) {
            0 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
            1 => assert_eq!(ours.pop_first(), theirs.pop_first()),
            _ => assert_eq!(ours.insert(key), theirs.insert(key)),
        }
        assert!(ours.iter().eq(theirs.iter()));
        assert!(ours.range(key..).eq(theirs.range(key..)));
        assert_eq!(ours.contains(&key), theirs.contains(&key));
    }
    let (some, most) = (SortedSet::from([1, 2, 3]), SortedSet::from([2, 3, 4]));
    assert!(some.difference(&most).eq([1].iter()));
    assert!(some.intersection(&most).eq([2, 3].iter()));
    assert!(some.union(&most).eq([1, 2, 3, 4].iter()));
    assert!(SortedSet::from([2]).is_subset(&some));
}
