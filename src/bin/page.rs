//! The page: mounts the user interface.

fn main() {}
