//! Layer 0: what every other module stands on: virtual time, identifiers, seeded randomness,
//! timers, limits, the stable hash and the one trace vocabulary. No input, no output, no clock.

pub mod hash;
pub mod ids;
pub mod limits;
pub mod machine_clock;
pub mod mutant;
pub mod rng;
pub mod sorted_map;
pub mod sorted_set;
pub mod time;
pub mod timers;
pub mod trace;

pub use hash::{StableHasher, record_checksum};
pub use ids::{BrokerId, ConnId, Endpoint, Incarnation, MachineId, ProcessId, TopicPartition};
pub use machine_clock::MachineClock;
pub use mutant::{Mutant, is_planted};
pub use rng::Rng;
pub use sorted_map::SortedMap;
pub use sorted_set::SortedSet;
pub use time::{Span, Time};
pub use timers::Timers;
pub use trace::{Cause, EventId, TraceEvent, TraceRecord};
