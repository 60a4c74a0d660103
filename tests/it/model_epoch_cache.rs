//! The leader epoch cache against a model that keeps the epoch of every record.

use kafkarium::base::Rng;
use kafkarium::log::LeaderEpochCache;

/// The epoch of every offset, and the epoch that the leader began at the end without a record.
#[derive(Default)]
struct Model {
    epochs: Vec<i32>,
    open: Option<i32>,
}

impl Model {
    fn latest(&self) -> Option<i32> {
        self.open.or(self.epochs.last().copied())
    }

    fn end(&self) -> i64 {
        self.epochs.len() as i64
    }

    /// The largest epoch not after `epoch`, and where the next one begins.
    fn end_offset_for(&self, epoch: i32) -> (i32, i64) {
        let Some(latest) = self.latest() else { return (-1, -1) };
        if epoch < 0 || epoch > latest {
            return (-1, -1);
        }
        if epoch == latest {
            return (epoch, self.end());
        }
        let floor = self.epochs.iter().rev().find(|known| **known <= epoch);
        let next = self.epochs.iter().position(|known| *known > epoch);
        (floor.copied().unwrap_or(epoch), next.map_or(self.end(), |offset| offset as i64))
    }
}

fn run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let (mut cache, mut model, mut cuts) = (LeaderEpochCache::default(), Model::default(), 0);
    for _ in 0..150 {
        match rng.below(6) {
            // A new leader notes where its epoch begins; it may not come to write anything.
            0 => {
                let epoch = model.latest().unwrap_or(-1) + rng.between(1, 3) as i32;
                assert!(cache.assign(epoch, model.end()), "{seed}");
                model.open = Some(epoch);
            }
            1 => {
                let to = rng.between(0, model.epochs.len() as u64);
                cache.truncate_from_end(to as i64);
                if to < model.epochs.len() as u64 || model.open.is_some() {
                    model.epochs.truncate(to as usize);
                    model.open = None;
                    cuts += 1;
                }
            }
            _ => {
                let Some(epoch) = model.latest() else { continue };
                cache.assign(epoch, model.end());
                model.epochs.push(epoch);
                model.open = None;
            }
        }
        for epoch in -1..=model.latest().unwrap_or(0) + 2 {
            let expected = model.end_offset_for(epoch);
            assert_eq!(cache.end_offset_for(epoch, model.end()), expected, "{seed}, epoch {epoch}");
        }
        for offset in 0..model.end() {
            let expected = Some(model.epochs[offset as usize]);
            assert_eq!(cache.epoch_at(offset), expected, "{seed}, offset {offset}");
        }
        assert!(cache.entries().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{seed}");
        let again = LeaderEpochCache::new(cache.entries().iter().copied());
        assert_eq!(again, cache, "{seed}: what is written is what is read");
    }
    cuts
}

#[test]
fn the_cache_is_that_of_a_model_that_keeps_every_record() {
    let cuts: u64 = (0..200).map(run).sum();
    assert!(cuts > 1_000, "{cuts}");
}
