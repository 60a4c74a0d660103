//! The textbook's era: mechanisms of which older books tell, by Kafka's own settings where it still has them.

use super::config::WorldConfig;
use crate::node::Program;

/// Producers took partitions in turn (to 2.3), consumers asked every 100 ms and kept their offsets in ZooKeeper
/// (to 0.8.1; a 2.8 broker still writes them there for OffsetCommit in version 0).
const TEXTBOOK: [(Program, &str, &str); 3] = [
    (Program::Producer, "partitioner.class", "round-robin"),
    (Program::Consumer, "poll.interval.ms", "100"),
    (Program::Consumer, "offsets.storage", "zookeeper"),
];

impl WorldConfig {
    /// The same world with the textbook's mechanisms, in processes that are started later too.
    #[must_use]
    pub fn in_the_textbook_era(mut self) -> Self {
        for (program, key, value) in TEXTBOOK {
            self.defaults.entry(program).or_default().set(key, value);
            let same = self.processes.iter_mut().filter(|process| process.program == program);
            same.for_each(|process| process.properties.set(key, value));
        }
        self
    }
}
