//! `cargo fuzz run lesson_files`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("lesson_files", data));
