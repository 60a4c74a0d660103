//! `cargo fuzz run log_directories`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("log_directories", data));
