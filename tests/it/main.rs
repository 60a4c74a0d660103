//! The integration tests that run on this machine, in one program: one link instead of many.

mod same_everywhere;
mod tidy;
