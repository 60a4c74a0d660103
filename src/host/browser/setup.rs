//! The sandbox as the page asks for it: its links, its seed, and the era whose mechanisms it shows.

use crate::host::protocol::{Era, Profile};
use crate::world::{WorldConfig, profile};

/// Servers that an ensemble has at most: more would not fit the stage.
const ZOOKEEPERS_MAX: u8 = 7;

/// The configuration of the sandbox, on an ensemble of `zookeepers` servers.
pub(super) fn sandbox(profile: Profile, era: Era, seed: u64, zookeepers: u8) -> WorldConfig {
    let profile = match profile {
        Profile::Teaching => profile::Profile::Teaching,
        Profile::Realistic => profile::Profile::Realistic,
        Profile::Browser => profile::Profile::Browser,
    };
    let servers = usize::from(zookeepers.clamp(1, ZOOKEEPERS_MAX));
    let config = WorldConfig::sandbox_on(profile, seed, servers);
    match era {
        Era::TwoEight => config,
        Era::Textbook => config.in_the_textbook_era(),
    }
}
