//! Layer 2: the contract between a process and its host. A process is a state machine: one input in,
//! effects out, nothing else. Whoever runs it (tests, the conductor, a worker, the gateway) applies
//! its effects; whoever looks at it sees its view.

pub mod admin_command;
pub mod consumer_command;
pub mod effect;
pub mod input;
pub mod process;
pub mod runner;
pub mod spec;
pub mod view;

pub use admin_command::AdminCommand;
pub use consumer_command::{ConsumerCommand, CrashPoint};
pub use effect::{Effect, Emission, ExitReason};
pub use input::{CloseReason, Command, Input, LinkInput, OutgoingRecord, TimedInput};
pub use process::{Ctx, Process};
pub use runner::{Batch, RunOutput, Runner};
pub use spec::{ConfigError, ProcessSpec, Program, Properties};
pub use view::ProcessView;
