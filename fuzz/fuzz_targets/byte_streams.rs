//! `cargo fuzz run byte_streams`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("byte_streams", data));
