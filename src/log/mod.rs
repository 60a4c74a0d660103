//! Layer 3: the log of one replica: segments of record batches and their indexes byte for byte as
//! Kafka writes them, the leader epoch cache, offset checkpoints and recovery after an unclean stop.

pub mod checkpoint;
mod cleaner;
pub mod dump;
pub mod leader_epoch_cache;
pub mod log_config;
pub mod offset_index;
pub mod partition_log;
pub mod producer_state;
mod recent;
pub mod recovery;
pub mod segment;
mod sparse;
pub mod time_index;

pub use leader_epoch_cache::LeaderEpochCache;
pub use log_config::LogConfig;
pub use partition_log::{
    AppendError, AppendInfo, LogNote, LogToClean, PartitionLog, ReadError, StartOffsetReason,
    delete_dir,
};
pub use producer_state::{AppendOrigin, ProducerStateManager};
pub use recovery::{LogError, LogStart, RecoveryReport};
