//! `cargo fuzz run kafka_responses`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("kafka_responses", data));
