//! Layer 7: the world. Machines, processes, links, faults, the clock and the trace, as one state
//! machine that plans rounds for its host and takes their results.

mod act;
pub mod action;
pub mod any_process;
pub mod check;
mod checkpoint;
pub mod config;
mod emissions;
mod era;
pub mod file;
mod intervals;
pub mod ledger;
mod link;
mod lives;
mod observer;
pub mod outside;
pub mod picture;
pub mod profile;
pub mod round;
mod rounds;
pub mod share;
mod show;
mod snapshot;
mod state;
pub mod trace_log;

pub use act::ActionError;
pub use action::Action;
pub use any_process::launch;
pub use checkpoint::WorldCheckpoint;
pub use config::{ProcessConfig, WorldConfig};
pub use observer::FrameDetails;
pub use picture::Picture;
pub use profile::Profile;
pub use round::{HostOrder, LifeLog, LifeStep, NodeResult, NodeTask, Round};
pub use snapshot::WorldSnapshot;
pub use state::{Answer, World};
