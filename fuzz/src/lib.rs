//! What must hold for any bytes from outside, one function for each kind of bytes: it may refuse them,
//! it may not panic. `cargo xtask fuzz` searches for inputs that break it; `tests/outside_bytes.rs`
//! tries the recorded ones, damaged in every way it can think of, in every run of the tests.

mod decoders;
mod golden;
mod servers;

/// A kind of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its program in `fuzz_targets` too.
    pub name: &'static str,
    /// Takes the bytes in; panics when what must hold does not.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Most bytes that may be held at any moment for each byte of the input; none for servers, which
    /// keep what they are told.
    pub bytes_per_byte: Option<usize>,
}

/// All kinds.
pub const TARGETS: [Target; 12] = [
    decoder("kafka_requests", decoders::kafka_request, golden::kafka_requests),
    decoder("kafka_responses", decoders::kafka_response, golden::kafka_responses),
    decoder("record_batches", decoders::record_batches, golden::record_batches),
    decoder("zookeeper_frames", decoders::zookeeper_frame, golden::zookeeper_frames),
    decoder("stored_values", decoders::stored_value, golden::stored_values),
    decoder("lesson_files", decoders::lesson_file, golden::lesson_files),
    decoder("action_lines", decoders::action_line, golden::action_lines),
    server("broker_connections", servers::broker_connection, servers::broker_seeds),
    server("zookeeper_connections", servers::zookeeper_connection, servers::zookeeper_seeds),
    server("broker_disks", servers::broker_disk, servers::broker_disk_seeds),
    server("zookeeper_disks", servers::zookeeper_disk, servers::zookeeper_disk_seeds),
    server("zookeeper_shell_lines", servers::zookeeper_shell, servers::shell_seeds),
];

const fn decoder(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, bytes_per_byte: Some(512) }
}

const fn server(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, bytes_per_byte: None }
}

/// Runs the kind called `name`.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a known target").run)(data);
}
