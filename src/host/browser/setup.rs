//! The sandbox as the page asks for it: its links, its seed, and the era whose mechanisms it shows.

use crate::host::protocol::{Era, Profile};
use crate::node::Program;
use crate::world::{WorldConfig, profile};

/// The textbook's mechanisms, by Kafka's own settings where it still has them: producers that took
/// partitions in turn (to 2.3), consumers that asked every 100 ms and kept offsets in ZooKeeper.
const TEXTBOOK: [(Program, &str, &str); 3] = [
    (Program::Producer, "partitioner.class", "round-robin"),
    (Program::Consumer, "poll.interval.ms", "100"),
    (Program::Consumer, "offsets.storage", "zookeeper"),
];

/// Servers that an ensemble has at most: more would not fit the stage.
const ZOOKEEPERS_MAX: u8 = 7;

/// The configuration of the sandbox, on an ensemble of `zookeepers` servers.
pub(super) fn sandbox(profile: Profile, era: Era, seed: u64, zookeepers: u8) -> WorldConfig {
    let profile = match profile {
        Profile::Teaching => profile::Profile::Teaching,
        Profile::Realistic => profile::Profile::Realistic,
    };
    let mut config =
        WorldConfig::sandbox_on(profile, seed, usize::from(zookeepers.clamp(1, ZOOKEEPERS_MAX)));
    if era == Era::Textbook {
        for (program, key, value) in TEXTBOOK {
            config.defaults.entry(program).or_default().set(key, value);
            let same = config.processes.iter_mut().filter(|process| process.program == program);
            same.for_each(|process| process.properties.set(key, value));
        }
    }
    config
}
