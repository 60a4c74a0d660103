//! How much faster than life a cluster runs on one thread: three brokers, 100 records a second,
//! acks=all, a group of two consumers. Prints one JSON line; `cargo xtask bench` runs it.

use kafkarium::base::Span;
use kafkarium::host::LocalHost;
use kafkarium::world::{Profile, World, WorldConfig, any_process};
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let mut config = WorldConfig::sandbox(Profile::Native, 1);
    let begin = config.epoch + Span::from_secs(5);
    let produce = "tell producer-1 produce every 10 topic=orders keys=a,b,c,d";
    config.actions.push((begin, produce.parse().expect("an action")));
    let mut host = LocalHost::new(World::new(config), any_process::launch);
    host.run_until(begin + Span::from_secs(10));
    let events_before = host.world().trace().total();
    let started = now();
    let mut virtual_seconds = 0_u64;
    while started.elapsed() < Duration::from_secs(3) {
        host.run_until(host.world().clock() + Span::from_secs(5));
        virtual_seconds += 5;
    }
    let wall_ms = started.elapsed().as_millis().max(1);
    let times = u128::from(virtual_seconds) * 1_000 / wall_ms;
    let events = host.world().trace().total() - events_before;
    println!(
        "{{\"bench\":\"simulation\",\"virtual_seconds\":{virtual_seconds},\"wall_ms\":{wall_ms},\"times_real\":{times},\"events\":{events}}}"
    );
}
