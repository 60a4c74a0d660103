//! Layer 7: the world. Machines, processes, links, faults, the clock and the trace, as one state
//! machine that plans rounds for its host and takes their results.

pub mod action;
pub mod picture;
