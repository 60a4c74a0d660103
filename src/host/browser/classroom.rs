//! A lesson being played by the conductor: its player, and the worlds to go back to.

use crate::base::Time;
use crate::lesson::run::POLL_INTERVAL;
use crate::lesson::setup::world_config;
use crate::lesson::view::LessonState;
use crate::lesson::{Order, Player, catalogue, parse};
use crate::world::picture::Picture;
use crate::world::{World, WorldSnapshot};
use std::rc::Rc;

/// A lesson and where it stands.
pub(super) struct Classroom {
    player: Player,
    snapshots: Vec<Rc<WorldSnapshot>>,
    next_look: Time,
}

impl Classroom {
    /// Opens the lesson `name` and the world that it is played in.
    pub fn enter(name: &str) -> Result<(World, Self), String> {
        let entry = catalogue::find(name).ok_or_else(|| format!("There is no lesson {name:?}."))?;
        let lesson = parse(entry.text).map_err(|error| format!("The lesson {name}: {error}"))?;
        let mut world = World::new(world_config(&lesson)?);
        world.keep_lives(true);
        let next_look = world.clock() + POLL_INTERVAL;
        let player = Player::new(name, lesson);
        Ok((world, Self { player, snapshots: Vec::new(), next_look }))
    }

    /// When it looks at the world next.
    pub fn next_look(&self) -> Time {
        self.next_look
    }

    /// Looks at the world.
    pub fn look(&mut self, picture: &Picture) -> Vec<Order> {
        self.next_look = picture.now + POLL_INTERVAL;
        self.player.poll(picture)
    }

    /// Keeps the beginning of a step.
    pub fn remember(&mut self, step: usize, snapshot: WorldSnapshot) {
        self.snapshots.truncate(step);
        self.snapshots.push(Rc::new(snapshot));
    }

    /// The beginning of a step.
    pub fn recall(&self, step: usize) -> Option<Rc<WorldSnapshot>> {
        self.snapshots.get(step).cloned()
    }

    /// To the next step.
    pub fn next(&mut self) {
        self.player.next();
    }

    /// To the step before.
    pub fn back(&mut self) -> Option<Order> {
        let order = self.player.back()?;
        if let Order::Restore(step) = order
            && let Some(snapshot) = self.snapshots.get(step)
        {
            // The step began with this look, and begins with it again.
            self.next_look = snapshot.clock();
        }
        Some(order)
    }

    /// Chooses an option.
    pub fn answer(&mut self, option: u32) {
        self.player.answer(option);
    }

    /// What the page shows.
    pub fn state(&self) -> LessonState {
        self.player.state()
    }
}
