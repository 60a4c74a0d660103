//! The worker: conductor or node, as its first message says.

fn main() {}
