//! `cargo fuzz run stored_values`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("stored_values", data));
