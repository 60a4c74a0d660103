//! Layer 6: Kafka's and ZooKeeper's command-line tools, each a process: its arguments and its input
//! in, its text out, everything in between over the network as any client.
//!
//! What a tool prints is in the trace, as log lines of [`STDOUT`] and [`STDERR`], and in its view.

mod zookeeper_shell;

pub use zookeeper_shell::ZooKeeperShell;

/// The logger of what a tool prints to its standard output.
pub const STDOUT: &str = "stdout";
/// The logger of what a tool prints to its standard error.
pub const STDERR: &str = "stderr";
