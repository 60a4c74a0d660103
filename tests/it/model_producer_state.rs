//! The producer state against a model that keeps everything: appends in order, again, with gaps and
//! of other epochs; snapshots; truncations; losing the memory.

use bytes::Bytes;
use kafkarium::base::{Rng, SortedMap, TopicPartition};
use kafkarium::disk::Volume;
use kafkarium::log::ProducerStateManager;
use kafkarium::log::producer_state::{Analysis, AppendOrigin};
use kafkarium::wire::ErrorCode;
use kafkarium::wire::batch::{BatchFields, RecordBatchBuilder, increment_sequence};

/// A batch as its producer sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sent {
    producer: i64,
    epoch: i16,
    sequence: i32,
    count: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Logged {
    sent: Sent,
    base_offset: i64,
}

impl Logged {
    fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.sent.count)
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Appended,
    Duplicate(i64),
    Refused(ErrorCode),
}

/// The whole log; every question is answered from its beginning.
#[derive(Default)]
struct Model {
    log: Vec<Logged>,
}

impl Model {
    fn end(&self) -> i64 {
        self.log.last().map_or(0, Logged::next_offset)
    }

    /// The batches of a producer's newest epoch.
    fn of(&self, producer: i64) -> Vec<Logged> {
        let mut own: Vec<Logged> = Vec::new();
        for logged in self.log.iter().filter(|logged| logged.sent.producer == producer) {
            if own.last().is_some_and(|last| last.sent.epoch != logged.sent.epoch) {
                own.clear();
            }
            own.push(*logged);
        }
        own
    }

    /// `remembered` says how many batches of the producer the manager must still know.
    fn judge(&self, sent: Sent, remembered: usize) -> Verdict {
        let own = self.of(sent.producer);
        let Some(last) = own.last() else { return Verdict::Appended };
        let known = &own[own.len().saturating_sub(remembered)..];
        if let Some(same) = known.iter().find(|logged| logged.sent == sent) {
            return Verdict::Duplicate(same.base_offset);
        }
        let next = increment_sequence(last.sent.sequence, last.sent.count);
        match sent.epoch.cmp(&last.sent.epoch) {
            std::cmp::Ordering::Less => Verdict::Refused(ErrorCode::INVALID_PRODUCER_EPOCH),
            std::cmp::Ordering::Equal if sent.sequence == next => Verdict::Appended,
            std::cmp::Ordering::Greater if sent.sequence == 0 => Verdict::Appended,
            _ => Verdict::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }
}

fn batch(sent: Sent, base_offset: i64) -> Bytes {
    let mut builder = RecordBatchBuilder::new(BatchFields {
        base_offset,
        producer_id: sent.producer,
        producer_epoch: sent.epoch,
        base_sequence: sent.sequence,
        ..BatchFields::default()
    });
    for _ in 0..sent.count {
        builder.append(1_000, None, Some(b"v"), &[]);
    }
    builder.build()
}

/// What the producer sends next: mostly what it should.
fn draw(model: &Model, rng: &mut Rng) -> Sent {
    let producer = rng.between(1, 3) as i64;
    let own = model.of(producer);
    let count = rng.between(1, 3) as i32;
    let Some(last) = own.last().map(|logged| logged.sent) else {
        // Now and then one that is about to begin its sequences anew.
        let sequence = if rng.chance(300) { i32::MAX - 2 } else { 0 };
        return Sent { producer, epoch: 0, sequence, count };
    };
    let next = increment_sequence(last.sequence, last.count);
    match rng.below(10) {
        0 => own[rng.below(own.len() as u64) as usize].sent,
        1 => own[own.len() - 1 - rng.below(own.len().min(5) as u64) as usize].sent,
        2 => Sent { sequence: increment_sequence(next, 1), count, ..last },
        3 => Sent { epoch: last.epoch + 1, sequence: rng.below(2) as i32, count, ..last },
        4 => Sent { epoch: last.epoch - 1, sequence: next, count, ..last },
        _ => Sent { sequence: next, count, ..last },
    }
}

fn reload(manager: &mut ProducerStateManager, model: &Model, volume: &mut Volume) {
    manager.truncate_and_reload(0, model.end(), volume).expect("a good disk");
    let from = manager.map_end_offset();
    for logged in model.log.iter().filter(|logged| logged.base_offset >= from) {
        manager.replay(&batch(logged.sent, logged.base_offset), logged.next_offset());
    }
}

/// One run. Returns how often each verdict fell, and how many reloads there were.
fn run(seed: u64) -> [u64; 4] {
    let mut rng = Rng::new(seed);
    let (id, mut volume) = (TopicPartition::new("t", 0), Volume::default());
    let mut manager = ProducerStateManager::new(id.clone(), &volume);
    let mut model = Model::default();
    // How many batches of each producer are known; a snapshot keeps but the last.
    let mut remembered: SortedMap<i64, usize> = SortedMap::new();
    let mut counts = [0; 4];
    for _ in 0..200 {
        match rng.below(20) {
            0 => {
                manager.take_snapshot(&mut volume).expect("room");
            }
            1 => {
                let keep = rng.between(0, model.log.len() as u64) as usize;
                model.log.truncate(keep.max(model.log.len().saturating_sub(6)));
                if rng.chance(500) {
                    manager = ProducerStateManager::new(id.clone(), &volume);
                }
                reload(&mut manager, &model, &mut volume);
                remembered = manager
                    .producers()
                    .iter()
                    .map(|(producer, entry)| (*producer, entry.batches.len()))
                    .collect();
                counts[3] += 1;
            }
            _ => {
                let sent = draw(&model, &mut rng);
                let known = remembered.get(&sent.producer).copied().unwrap_or(0);
                let expected = model.judge(sent, known);
                let records = batch(sent, model.end());
                let verdict = match manager.analyze(&records, None, AppendOrigin::Client) {
                    Ok(Analysis::New(update)) => {
                        let logged = Logged { sent, base_offset: model.end() };
                        let anew = model
                            .of(sent.producer)
                            .last()
                            .is_some_and(|l| l.sent.epoch != sent.epoch);
                        model.log.push(logged);
                        manager.apply(update, model.end());
                        let known = if anew { 1 } else { (known + 1).min(5) };
                        remembered.insert(sent.producer, known);
                        Verdict::Appended
                    }
                    Ok(Analysis::Duplicate(known)) => Verdict::Duplicate(known.first_offset()),
                    Err(refused) => Verdict::Refused(refused.code),
                };
                assert_eq!(verdict, expected, "seed {seed}: {sent:?} after {:?}", model.log);
                counts[match verdict {
                    Verdict::Appended => 0,
                    Verdict::Duplicate(_) => 1,
                    Verdict::Refused(_) => 2,
                }] += 1;
            }
        }
        for (producer, entry) in manager.producers() {
            let last = model.of(*producer).last().copied().expect("it is in the log");
            let last_sequence = increment_sequence(last.sent.sequence, last.sent.count - 1);
            let mine = (entry.producer_epoch, entry.last_sequence(), entry.last_offset());
            assert_eq!(mine, (last.sent.epoch, last_sequence, last.next_offset() - 1), "{seed}");
        }
        assert_eq!(manager.map_end_offset(), model.end(), "{seed}");
    }
    counts
}

#[test]
fn the_state_is_that_of_a_model_that_forgets_nothing() {
    let mut all = [0; 4];
    for seed in 0..100 {
        for (sum, count) in all.iter_mut().zip(run(seed)) {
            *sum += count;
        }
    }
    assert!(all.iter().all(|count| *count > 300), "every case came up: {all:?}");
}
