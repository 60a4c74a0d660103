//! Outside bytes against every decoder and server that meets them: nothing panics, and a decoder holds
//! no more than a multiple of what it was given. The targets are those of `cargo xtask fuzz`; here
//! they meet their seeds, each damaged in many ways.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../fuzz/src/lib.rs"]
mod outside;

use outside::{Bounds, TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what this thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one only counts")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What any input may take, however short it is (bytes).
const BASE_BYTES: usize = 64 * 1024;
/// What each byte of an input may take: a field tree has names and places for every byte.
const BYTES_PER_BYTE: usize = 512;
/// What the records of one batch may be when they are decompressed, and once more while the buffer
/// that they are read into grows.
const RECORDS_BYTES: usize = 4 * kafkarium::base::limits::RECORDS_BYTES_MAX;
/// The same for the world of a link: its lines, and the actions and processes that they name.
const TEXT_BYTES: usize = 64 * kafkarium::base::limits::WORLD_TEXT_MAX;

/// Takes in one input; a decoder must stay within its bounds.
fn take(target: &Target, input: &[u8]) {
    PEAK.with(|peak| peak.set(HELD.get()));
    let before = HELD.get();
    outside::run(target.name, input);
    let held = usize::try_from(PEAK.get() - before).unwrap_or(0);
    let records = match target.bounds {
        Bounds::OfInput => 0,
        Bounds::OfInputAndRecords => RECORDS_BYTES,
        Bounds::OfInputAndText => TEXT_BYTES,
        Bounds::None => return,
    };
    let most = BASE_BYTES + records + BYTES_PER_BYTE * input.len();
    assert!(held <= most, "{}: {held} bytes held for {} bytes", target.name, input.len());
}

/// A way to damage an input.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Overwrite(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Numbers that are larger than anything can be.
    let numbers = prop_oneof![
        Just(vec![0x7f, 0xff, 0xff, 0xff]),
        Just(vec![0xff; 4]),
        Just(vec![0xff; 8]),
        Just(vec![0x80, 0, 0, 0]),
        Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        Just(vec![0; 4]),
        proptest::collection::vec(any::<u8>(), 1..9),
    ];
    let numbers = numbers.boxed();
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<Index>(), numbers.clone()).prop_map(|(at, by)| Damage::Overwrite(at, by)),
        (any::<Index>(), numbers).prop_map(|(at, what)| Damage::Insert(at, what)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut input: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        let place = |index: Index, input: &[u8]| index.index(input.len() + 1);
        match damage {
            Damage::Cut(at) => input.truncate(place(at, &input)),
            Damage::Flip(at, bits) => {
                let at = place(at, &input);
                input.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Damage::Overwrite(at, by) => {
                let at = place(at, &input);
                input.iter_mut().skip(at).zip(by).for_each(|(byte, new)| *byte = new);
            }
            Damage::Insert(at, what) => {
                let at = place(at, &input);
                input.splice(at..at, what);
            }
            Damage::Repeat(from, to) => {
                let (from, to) = (place(from, &input), place(to, &input));
                let part = input[from.min(to)..from.max(to)].to_vec();
                input.extend(part.into_iter().take(4_096));
            }
        }
    }
    input
}

fn check(name: &str, cases: u32) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a known target");
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    take(target, &[]);
    for seed in &seeds {
        take(target, seed);
    }
    let seeds = proptest::sample::select(seeds);
    let random = proptest::collection::vec(any::<u8>(), 0..300);
    let inputs = prop_oneof![9 => seeds.boxed(), 1 => random.boxed()];
    let strategy = (inputs, proptest::collection::vec(damage(), 0..4));
    let config =
        Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |(input, damages)| {
        take(target, &damaged(input, damages));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
}

macro_rules! targets {
    ($($name:ident $cases:literal;)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $cases);
            }
        )*

        #[test]
        fn every_target_is_here() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), here);
        }
    };
}

targets! {
    kafka_requests 4_000;
    kafka_responses 4_000;
    record_batches 4_000;
    zookeeper_frames 4_000;
    stored_values 4_000;
    lesson_files 400;
    action_lines 4_000;
    byte_streams 2_000;
    share_links 2_000;
    log_directories 4_000;
    broker_connections 300;
    zookeeper_connections 300;
    broker_disks 100;
    zookeeper_disks 100;
    zookeeper_shell_lines 100;
}
