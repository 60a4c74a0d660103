//! The simulator: seeds, faults, checkers.

fn main() {}
