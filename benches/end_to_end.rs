//! How many records a second of real time go from a producer through three brokers with acks=all to
//! a consumer, all on one thread: records of 100 bytes and of 1 KiB, batched and one by one. Prints
//! one JSON line for each; `cargo xtask bench` runs it.

use bytes::Bytes;
use kafkarium::base::Span;
use kafkarium::host::LocalHost;
use kafkarium::node::{Command, OutgoingRecord, ProcessView, Program};
use kafkarium::world::{Action, Profile, World, WorldConfig, any_process};
use std::time::Instant;

/// Values that one run sends, less than a volume holds.
const BYTES: usize = 12 * 1024 * 1024;
/// Records of one command.
const CHUNK: usize = 500;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// A cluster with a topic, a producer and a consumer that is in its group.
fn cluster(batched: bool) -> LocalHost {
    let mut config = WorldConfig::cluster(Profile::Native, 1, 3);
    let batches: &[(&str, &str)] = if batched { &[] } else { &[("batch.size", "0")] };
    let mut own = vec![("acks", "all"), ("buffer.memory", "67108864")];
    own.extend(batches);
    config.client("load", Program::Producer, &own);
    let group = [("group.id", "g"), ("topics", "load"), ("auto.offset.reset", "earliest")];
    config.client("reader", Program::Consumer, &group);
    config.client("admin", Program::Admin, &[]);
    let create = "tell admin create-topic load partitions=3 replication-factor=3 \
                  segment.bytes=4194304 retention.bytes=16777216";
    let at = config.epoch + Span::from_secs(3);
    config.actions.push((at, create.parse().expect("an action")));
    let ready = config.epoch + Span::from_secs(15);
    let mut host = LocalHost::new(World::new(config), any_process::launch);
    host.run_until(ready);
    host
}

/// Records that the consumer has had.
fn consumed(host: &mut LocalHost) -> usize {
    host.refresh_views();
    let world = host.world();
    let reader = world.specs().find(|spec| spec.name == "reader").expect("it was configured");
    match world.view(reader.id) {
        Some(ProcessView::Consumer(view)) => view.consumed as usize,
        _ => 0,
    }
}

/// Sends `records` and waits until they are consumed.
fn send(host: &mut LocalHost, records: usize, size: usize) {
    let target = consumed(host) + records;
    let value = Bytes::from(vec![b'x'; size]);
    let record = || OutgoingRecord { value: Some(value.clone()), ..OutgoingRecord::default() };
    let mut left = records;
    while left > 0 {
        let chunk = left.min(CHUNK);
        left -= chunk;
        let records = (0..chunk).map(|_| record()).collect();
        let command = Command::Produce { topic: "load".to_owned(), records };
        let action = Action::Tell { process: "load".to_owned(), command };
        host.world_mut().act(action).expect("the producer runs");
        host.run_until(host.world().clock() + Span::from_millis(2));
    }
    while consumed(host) < target {
        host.run_until(host.world().clock() + Span::from_millis(10));
    }
}

fn main() {
    for size in [100, 1_024] {
        for batched in [true, false] {
            let mut host = cluster(batched);
            let records = if batched { BYTES / size } else { BYTES / size / 20 };
            send(&mut host, records / 10, size);
            let (started, began) = (now(), host.world().clock());
            send(&mut host, records, size);
            let wall_ms = started.elapsed().as_millis().max(1);
            let per_second = records as u128 * 1_000 / wall_ms;
            let virtual_ms = host.world().clock().since(began).as_millis();
            println!(
                "{{\"bench\":\"end_to_end\",\"value_bytes\":{size},\"batched\":{batched},\"brokers\":3,\"acks\":\"all\",\"records\":{records},\"wall_ms\":{wall_ms},\"virtual_ms\":{virtual_ms},\"records_per_second\":{per_second}}}"
            );
        }
    }
}
