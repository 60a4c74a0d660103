//! Layer 3: the log of one replica: segments of record batches byte for byte as Kafka writes them,
//! the leader epoch cache, offset checkpoints and recovery after an unclean stop.

pub mod checkpoint;
pub mod leader_epoch_cache;
pub mod partition_log;
pub mod producer_state;
pub mod recovery;
pub mod segment;

pub use leader_epoch_cache::LeaderEpochCache;
pub use partition_log::{AppendError, AppendInfo, LogConfig, PartitionLog, ReadError};
pub use producer_state::ProducerStateManager;
pub use recovery::{LogError, RecoveryReport};
