//! `cargo fuzz run zookeeper_shell_lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafkarium_fuzz::run("zookeeper_shell_lines", data));
