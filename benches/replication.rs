//! How many records a wall second three brokers in one process take with acks=all and copy to each
//! other, everything included: frames, network, purgatories, high watermarks. Beside it a bare loop
//! that only copies and checksums the same bytes as often. Prints one JSON line; `cargo xtask bench`
//! runs it.

use kafkarium::base::Span;
use kafkarium::host::LocalHost;
use kafkarium::node::{Command, OutgoingRecord, ProcessView};
use kafkarium::wire::batch::RecordBatchBuilder;
use kafkarium::world::{Action, Profile, World, WorldConfig, any_process};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Replicas of every record.
const REPLICAS: u32 = 3;
/// Bytes of a record's value; sixteen fill a batch of `batch.size`.
const VALUE_BYTES: usize = 1_000;
/// Records in all: three volumes hold them.
const RECORDS: usize = 30_000;
/// Records given to the producer at a time.
const GIVEN: usize = 1_000;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn acknowledged(host: &mut LocalHost) -> u64 {
    host.refresh_views();
    let process = host.world().process_named("producer-1").expect("it is in the sandbox");
    match host.world().view(process) {
        Some(ProcessView::Producer(view)) => view.acknowledged,
        _ => 0,
    }
}

fn produce() -> Action {
    let value = Some("v".repeat(VALUE_BYTES).into());
    let record = OutgoingRecord { value, ..OutgoingRecord::default() };
    let command = Command::Produce { topic: "orders".to_owned(), records: vec![record; GIVEN] };
    Action::Tell { process: "producer-1".to_owned(), command }
}

/// The same bytes, copied and checksummed once for each replica.
fn bare() -> Duration {
    let mut builder = RecordBatchBuilder::default();
    for _ in 0..16 {
        builder.append(0, None, Some("v".repeat(VALUE_BYTES).as_bytes()), &[]);
    }
    let batch = builder.build();
    let started = now();
    let mut copies: Vec<u8> = Vec::new();
    for _ in 0..RECORDS / 16 {
        for _ in 0..REPLICAS {
            copies.extend_from_slice(&batch);
            black_box(crc32c::crc32c(&copies[copies.len() - batch.len()..]));
        }
    }
    black_box(copies.len());
    started.elapsed()
}

fn main() {
    let config = WorldConfig::sandbox(Profile::Native, 1);
    let begin = config.epoch + Span::from_secs(10);
    let mut host = LocalHost::new(World::new(config), any_process::launch);
    host.world_mut().want_views(false);
    host.run_until(begin);
    let started = now();
    let mut given = 0;
    while given < RECORDS {
        host.world_mut().act(produce()).expect("the producer lives");
        given += GIVEN;
        while acknowledged(&mut host) < given as u64 {
            host.run_until(host.world().clock() + Span::from_millis(50));
        }
    }
    let wall = started.elapsed();
    let per_second = |wall: Duration| RECORDS as u128 * 1_000_000 / wall.as_micros().max(1);
    println!(
        "{{\"bench\":\"replication\",\"records\":{RECORDS},\"value_bytes\":{VALUE_BYTES},\"wall_ms\":{},\"records_per_second\":{},\"bare_records_per_second\":{}}}",
        wall.as_millis(),
        per_second(wall),
        per_second(bare())
    );
}
