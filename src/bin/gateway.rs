//! The gateway: a world in real time behind TCP ports.

fn main() {}
