//! The world that a lesson is played in: the sandbox without its consumers, which the lesson starts
//! itself when it speaks of them.

use super::parse::Lesson;
use crate::node::Program;
use crate::world::profile::Profile;
use crate::world::{Action, WorldConfig};
use std::str::FromStr;

/// The configuration of `lesson`'s world.
pub fn world_config(lesson: &Lesson) -> Result<WorldConfig, String> {
    let (mut profile, mut seed) = (Profile::Teaching, 1);
    for (key, value) in &lesson.setup {
        match (key.as_str(), value.as_str()) {
            ("profile", "teaching") => profile = Profile::Teaching,
            ("profile", "realistic") => profile = Profile::Realistic,
            ("seed", number) => {
                seed = number.parse().map_err(|_| format!("seed = {number}: no number"))?;
            }
            _ => return Err(format!("{key} = {value}: not known")),
        }
    }
    let mut config = WorldConfig::sandbox(profile, seed);
    config.processes.retain(|process| process.program != Program::Consumer);
    for line in &lesson.begin {
        let action = Action::from_str(line).map_err(|error| error.to_string())?;
        config.actions.insert(0, (config.epoch, action));
    }
    Ok(config)
}
