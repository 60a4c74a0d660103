//! `cargo fuzz run zookeeper_connections`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("zookeeper_connections", data));
