//! `cargo fuzz run share_links`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("share_links", data));
