//! `cargo fuzz run action_lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("action_lines", data));
