//! What every store of volumes must do: the same suite for the one in memory and the one in IndexedDB.

use kafkarium::base::{Rng, Time};
use kafkarium::disk::{Volume, VolumeDelta};

/// Keeps volumes beyond the life of who works on them.
pub trait Shelf {
    /// Stores what was just taken from `volume`.
    async fn commit(&mut self, delta: &VolumeDelta, volume: &Volume);
    /// The volume as the next life finds it.
    async fn reopen(&mut self) -> Volume;
}

/// What a volume shows and what a power cut would leave of it.
fn assert_same(left: &Volume, right: &Volume, what: &str) {
    assert_eq!(left.to_delta(), right.to_delta(), "{what}");
    assert_eq!(left.used(), right.used(), "{what}");
}

/// Files that grow, shrink and go, at sizes around the chunks of a database, come back byte for byte with
/// their marks, round by round.
pub async fn comes_back_as_it_was(shelf: &mut impl Shelf, seed: u64) {
    let mut rng = Rng::new(seed);
    let mut volume = shelf.reopen().await;
    assert!(volume.is_empty(), "a new volume is empty");
    for round in 0..40u64 {
        let now = Time::from_millis(round);
        volume.settle(now);
        for _ in 0..rng.between(1, 4) {
            change(&mut volume, &mut rng, now);
        }
        let delta = volume.take_delta();
        shelf.commit(&delta, &volume).await;
        if rng.chance(250) {
            assert_same(&shelf.reopen().await, &volume, &format!("seed {seed}, round {round}"));
        }
    }
    let mut again = shelf.reopen().await;
    assert_same(&again, &volume, &format!("seed {seed}, at the end"));
    let at = Time::from_millis(100);
    let cuts = volume.power_cut(at, &mut Rng::new(seed));
    assert_eq!(
        again.power_cut(at, &mut Rng::new(seed)),
        cuts,
        "seed {seed}: the marks came back too"
    );
    assert_same(&again, &volume, &format!("seed {seed}, after a power cut"));
}

fn change(volume: &mut Volume, rng: &mut Rng, now: Time) {
    let names = ["orders-0/00000000000000000000.log", "meta.properties", "a/b/c", "späße"];
    let name = names[rng.below(4) as usize];
    let sizes = [0, 1, 100, 16_383, 16_384, 16_385, 40_000];
    let bytes = vec![rng.below(256) as u8; sizes[rng.below(7) as usize]];
    // A refusal changes nothing, which the comparison shows.
    let _ = match rng.below(12) {
        10 => volume.rename(name, names[rng.below(4) as usize]),
        11 => volume.set_modified(name, now),
        0..=4 => volume.append(name, &bytes),
        5 => volume.replace(name, &bytes),
        6 => volume.truncate(name, rng.between(0, volume.len(name).unwrap_or(0))),
        7 => volume.delete(name),
        _ => volume.sync(name, now),
    };
}

/// The store in memory, as the tests and the gateway's world use it.
#[cfg(not(target_arch = "wasm32"))]
mod in_memory {
    use super::{Shelf, Volume, VolumeDelta, comes_back_as_it_was};

    #[derive(Default)]
    struct InMemory(Volume);

    impl Shelf for InMemory {
        async fn commit(&mut self, delta: &VolumeDelta, _volume: &Volume) {
            self.0.apply(delta);
        }

        async fn reopen(&mut self) -> Volume {
            self.0.clone()
        }
    }

    /// Runs a future that never waits.
    fn run(future: impl Future<Output = ()>) {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_ready(), "memory never waits");
    }

    #[test]
    fn memory_keeps_volumes() {
        for seed in 0..50 {
            run(comes_back_as_it_was(&mut InMemory::default(), seed));
        }
    }
}
