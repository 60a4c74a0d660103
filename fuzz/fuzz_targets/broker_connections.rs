//! `cargo fuzz run broker_connections`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("broker_connections", data));
