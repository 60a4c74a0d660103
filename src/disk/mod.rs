//! Layer 1: volumes, the disks of processes. A volume is files in memory as a page cache shows
//! them; each file knows how much of it a power cut would leave.

pub mod delta;
pub mod volume;

pub use delta::{FileDelta, FileMeta, VolumeDelta};
pub use volume::{Cut, DiskError, DiskFault, Health, Volume};
