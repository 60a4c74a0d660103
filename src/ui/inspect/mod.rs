//! The inspector at the right: one node, partition, record, group or frame in full.

pub mod frame;
pub mod group;
pub mod partition;
pub mod process;
mod queue;
pub mod record;
pub mod view;
