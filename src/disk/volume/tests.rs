use super::*;
use crate::base::{Rng, Span};
use proptest::prelude::*;

const T: Time = Time::from_millis(1_000);

#[test]
fn a_power_cut_leaves_at_least_what_was_synced_by_then() {
    for seed in 0..50 {
        let mut volume = Volume::default();
        volume.append("log", b"durable").expect("room");
        volume.sync("log", T).expect("file");
        volume.append("log", b"-unsynced").expect("room");
        let mut early = volume.clone();
        let cuts = volume.power_cut(T, &mut Rng::new(seed));
        let left = volume.read("log").expect("file");
        assert!(left.starts_with(b"durable") && b"durable-unsynced".starts_with(left));
        assert_eq!(cuts.is_empty(), left.len() == 16);
        early.power_cut(T - Span::from_micros(1), &mut Rng::new(seed));
        assert!(b"durable-unsynced".starts_with(early.read("log").expect("file")));
    }
}

#[test]
fn unsynced_replace_and_delete_revert_whole() {
    let mut volume = Volume::default();
    volume.replace("new", b"1").expect("room");
    volume.replace("old", b"v1").expect("room");
    volume.append("gone", b"here").expect("room");
    for name in ["old", "gone"] {
        volume.sync(name, T).expect("file");
    }
    volume.settle(T);
    volume.replace("old", b"v2").expect("room");
    volume.replace("old", b"v3").expect("room");
    volume.delete("gone").expect("file");
    assert_eq!(volume.read("gone"), None);
    volume.power_cut(T, &mut Rng::new(1));
    assert_eq!(volume.read("old"), Some(&b"v1"[..]));
    assert_eq!(volume.read("gone"), Some(&b"here"[..]));
    assert_eq!(volume.read("new"), None);
    assert_eq!(volume.used(), 6);
}

#[test]
fn a_synced_delete_stays_deleted() {
    let mut volume = Volume::default();
    volume.append("gone", b"here").expect("room");
    volume.sync("gone", T).expect("file");
    volume.settle(T);
    volume.delete("gone").expect("file");
    volume.sync("gone", T).expect("the entry is known until the delete is durable");
    volume.power_cut(T, &mut Rng::new(1));
    assert_eq!(volume.read("gone"), None);
    assert!(volume.is_empty());
}

#[test]
fn a_rename_counts_at_once_and_keeps_what_was_synced() {
    let mut volume = Volume::default();
    volume.settle(T);
    volume.append("a", b"synced").expect("room");
    volume.sync("a", T).expect("file");
    volume.settle(T + Span::from_secs(1));
    volume.append("a", b"-not").expect("room");
    volume.append("b", b"replaced").expect("room");
    volume.rename("a", "b").expect("file");
    assert_eq!(volume.rename("a", "b"), Err(DiskError::NotFound));
    assert_eq!((volume.read("a"), volume.used()), (None, 10));
    assert_eq!(volume.modified("b"), Some(T + Span::from_secs(1)));
    volume.set_modified("b", T).expect("file");
    assert_eq!((volume.modified("b"), volume.durable_len("b")), (Some(T), 6));
    volume.power_cut(T, &mut Rng::new(1));
    assert!(volume.read("b").is_some_and(|left| left.starts_with(b"synced")));
}

#[test]
fn limits_and_faults_are_errors() {
    let mut volume = Volume::default();
    assert_eq!(volume.truncate("none", 0), Err(DiskError::NotFound));
    assert_eq!(volume.delete("none"), Err(DiskError::NotFound));
    assert_eq!(volume.read_range("none", 0, 1), Err(DiskError::NotFound));
    let big = vec![0; limits::VOLUME_BYTES_MAX as usize];
    volume.append("big", &big).expect("just fits");
    assert_eq!(volume.append("big", b"x"), Err(DiskError::Full));
    volume.suffer(&DiskFault::Health(Health::Failed));
    assert_eq!(volume.truncate("big", 0), Err(DiskError::Failed));
}

#[test]
fn a_corrupt_byte_is_another_one_and_nothing_else_changes() {
    let mut volume = Volume::default();
    volume.append("log", b"abc").expect("room");
    volume.take_delta();
    for (file, position) in [("log", 1), ("log", 3), ("none", 0)] {
        volume.suffer(&DiskFault::Corrupt { file: file.to_owned(), position });
    }
    assert_eq!(volume.read("log"), Some(&[b'a', !b'b', b'c'][..]));
    assert_eq!((volume.used(), volume.take_delta().size_bytes()), (3, 2));
}

#[derive(Clone, Debug)]
enum Op {
    Append(u8, Vec<u8>),
    Replace(u8, Vec<u8>),
    Truncate(u8, u64),
    Delete(u8),
    Rename(u8, u8),
    Touch(u8, u64),
    Sync(u8, u64),
    Settle(u64),
    PowerCut(u64),
    Store,
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        (0..3u8, bytes()).prop_map(|(f, b)| Op::Append(f, b)),
        (0..3u8, bytes()).prop_map(|(f, b)| Op::Replace(f, b)),
        (0..3u8, 0..20u64).prop_map(|(f, l)| Op::Truncate(f, l)),
        (0..3u8).prop_map(Op::Delete),
        (0..3u8, 0..3u8).prop_map(|(f, t)| Op::Rename(f, t)),
        (0..3u8, 0..9u64).prop_map(|(f, t)| Op::Touch(f, t)),
        (0..3u8, 0..9u64).prop_map(|(f, t)| Op::Sync(f, t)),
        (0..9u64).prop_map(Op::Settle),
        (0..9u64).prop_map(Op::PowerCut),
        Just(Op::Store),
    ]
}

proptest! {
    /// A copy that applies every delta is equal to the original, power cuts included.
    #[test]
    fn deltas_carry_everything(ops in prop::collection::vec(op(), 1..40)) {
        let (mut volume, mut copy) = (Volume::default(), Volume::default());
        for op in ops {
            // Refusals are part of the sequence: they must leave both sides equal too.
            let _ = match op {
                Op::Append(f, b) => volume.append(&f.to_string(), &b),
                Op::Replace(f, b) => volume.replace(&f.to_string(), &b),
                Op::Truncate(f, l) => volume.truncate(&f.to_string(), l),
                Op::Delete(f) => volume.delete(&f.to_string()),
                Op::Rename(f, t) => volume.rename(&f.to_string(), &t.to_string()),
                Op::Touch(f, t) => volume.set_modified(&f.to_string(), Time::from_micros(t)),
                Op::Sync(f, t) => volume.sync(&f.to_string(), Time::from_micros(t)),
                Op::Settle(t) => { volume.settle(Time::from_micros(t)); Ok(()) }
                Op::PowerCut(t) => { volume.power_cut(Time::from_micros(t), &mut Rng::new(t)); Ok(()) }
                Op::Store => { copy.apply(&volume.take_delta()); Ok(()) }
            };
            let total: usize = volume.files.values().map(|file| file.data.len()).sum();
            prop_assert_eq!(volume.used(), total as u64);
        }
        copy.apply(&volume.take_delta());
        // Whoever lends a volume tells it the time anew.
        volume.now = Time::ZERO;
        prop_assert_eq!(&copy, &volume);
        let mut whole = Volume::default();
        whole.apply(&volume.to_delta());
        prop_assert_eq!(&whole, &volume);
    }
}
