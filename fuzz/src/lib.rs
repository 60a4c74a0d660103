//! What must hold for any bytes from outside, one function for each kind of bytes: it may refuse them,
//! it may not panic. `cargo xtask fuzz` searches for inputs that break it; `tests/outside_bytes.rs`
//! tries the recorded ones, damaged in every way it can think of, in every run of the tests.

mod decoders;
mod golden;
mod links;
mod logs;
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
    /// How much it may hold of an input.
    pub bounds: Bounds,
}

/// What a target may hold at any moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// A multiple of the input.
    OfInput,
    /// The same, and the decompressed records of a batch, which have a bound of their own.
    OfInputAndRecords,
    /// The same, and a multiple of the longest text that a link may unfold to.
    OfInputAndText,
    /// Servers keep what they are told.
    None,
}

/// All kinds.
pub const TARGETS: [Target; 15] = [
    with_records("kafka_requests", decoders::kafka_request, golden::kafka_requests),
    with_records("kafka_responses", decoders::kafka_response, golden::kafka_responses),
    with_records("record_batches", decoders::record_batches, golden::record_batches),
    decoder("zookeeper_frames", decoders::zookeeper_frame, golden::zookeeper_frames),
    decoder("stored_values", decoders::stored_value, golden::stored_values),
    decoder("lesson_files", decoders::lesson_file, golden::lesson_files),
    decoder("action_lines", decoders::action_line, golden::action_lines),
    decoder("byte_streams", links::byte_stream, links::byte_streams),
    Target {
        name: "share_links",
        run: links::share_link,
        seeds: links::share_links,
        bounds: Bounds::OfInputAndText,
    },
    server("log_directories", logs::log_directory, logs::log_directories),
    server("broker_connections", servers::broker_connection, servers::broker_seeds),
    server("zookeeper_connections", servers::zookeeper_connection, servers::zookeeper_seeds),
    server("broker_disks", servers::broker_disk, servers::broker_disk_seeds),
    server("zookeeper_disks", servers::zookeeper_disk, servers::zookeeper_disk_seeds),
    server("zookeeper_shell_lines", servers::zookeeper_shell, servers::shell_seeds),
];

const fn with_records(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, bounds: Bounds::OfInputAndRecords }
}

const fn decoder(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, bounds: Bounds::OfInput }
}

const fn server(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, bounds: Bounds::None }
}

/// Runs the kind called `name`.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a known target").run)(data);
}
