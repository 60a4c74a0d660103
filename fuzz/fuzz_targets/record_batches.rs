//! `cargo fuzz run record_batches`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("record_batches", data));
