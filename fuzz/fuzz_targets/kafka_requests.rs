//! `cargo fuzz run kafka_requests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("kafka_requests", data));
