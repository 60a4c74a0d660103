//! Plays every lesson from its first step to its last on one thread. A lesson whose claim does not come
//! true fails here; so does a way back that does not lead to exactly where it says.

use kafkarium::base::{Span, Time};
use kafkarium::host::LocalHost;
use kafkarium::lesson::run::POLL_INTERVAL;
use kafkarium::lesson::setup::world_config;
use kafkarium::lesson::{Order, Player, catalogue, parse};
use kafkarium::world::{Action, World, WorldSnapshot, launch};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Virtual time that a whole lesson may take.
const LESSON_MAX: Span = Span::from_secs(3_600);

struct Class {
    player: Player,
    host: LocalHost,
    /// The world, its digest and its trace hash at the beginning of each step.
    marks: BTreeMap<usize, (WorldSnapshot, u64)>,
    next_look: Time,
}

impl Class {
    fn enter(entry: &catalogue::Entry) -> Self {
        let lesson = parse(entry.text).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        let config =
            world_config(&lesson).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        let mut world = World::new(config);
        world.keep_lives(true);
        world.observe(true);
        let next_look = world.clock() + POLL_INTERVAL;
        let host = LocalHost::new(world, launch);
        Self { player: Player::new(entry.name, lesson), host, marks: BTreeMap::new(), next_look }
    }

    fn now(&self) -> Time {
        self.host.world().clock()
    }

    /// Lets time pass until the player looks, and does what it says.
    fn look(&mut self) {
        let until = self.next_look;
        self.host.run_until(until);
        self.host.refresh_views();
        let picture = self.host.world_mut().picture(until);
        let orders = self.player.poll(&picture);
        self.next_look = until + POLL_INTERVAL;
        self.obey(orders);
    }

    fn obey(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Act(line) => {
                    let action = Action::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
                    let acted = self.host.world_mut().act(action);
                    acted.unwrap_or_else(|error| panic!("{line}: {error}"));
                }
                Order::Remember(step) => {
                    let now = self.now();
                    self.host.run_until(now);
                    let digest = self.host.digest();
                    let snapshot = self.host.world().snapshot().expect("nothing waits");
                    self.marks.insert(step, (snapshot, digest));
                }
                Order::Restore(step) => {
                    let (snapshot, digest) = &self.marks[&step];
                    // The step began with this look, and begins with it again.
                    self.next_look = snapshot.clock();
                    let snapshot = snapshot.clone();
                    self.host.world_mut().restore(&snapshot);
                    let now = self.now();
                    self.host.run_until(now);
                    assert_eq!(self.host.digest(), *digest, "back at step {step} as it began");
                }
            }
        }
    }

    /// Plays the current step to its end as a learner would who knows everything.
    fn play_step(&mut self) {
        let mut tried = None;
        while !self.player.step_is_done() {
            self.look();
            let where_ = format!("{:?}", self.player.state().step_title);
            if let Some(claim) = self.player.failure() {
                panic!("{where_}: {claim}");
            }
            if let Some(right) = self.player.right_answer() {
                assert!(self.player.answer(right));
            }
            let solution = self.player.solution();
            if !solution.is_empty() && tried.as_ref() != Some(&solution) {
                tried = Some(solution.clone());
                self.obey(solution);
            }
            if let Some((waited, within)) = self.player.waited(self.now()) {
                assert!(waited <= within, "{where_}: {:?}", self.player.state().waiting_for);
            }
            let began = self.host.world().epoch();
            assert!(self.now().since(began) < LESSON_MAX, "{where_}: never done");
        }
    }
}

fn play(entry: &catalogue::Entry) -> u64 {
    let mut class = Class::enter(entry);
    let steps = class.player.lesson().steps.len();
    for step in 0..steps {
        class.play_step();
        if step > 0 {
            // Back to the step before, exactly, and the same way again.
            let (now, hash) = (class.now(), class.host.world().trace().hash());
            let order = class.player.back().expect("there is a step before");
            class.obey(vec![order]);
            class.play_step();
            class.player.next();
            class.play_step();
            assert_eq!(class.now(), now, "step {step} takes the same virtual time again");
            let again = class.host.world().trace().hash();
            assert_eq!(again, hash, "step {step} goes on the same way again");
        }
        class.player.next();
    }
    assert!(class.player.is_done());
    class.host.world().trace().hash()
}

#[test]
fn every_lesson_is_true_and_can_be_walked_back_and_forth() {
    for entry in catalogue::LESSONS {
        let hash = play(entry);
        println!("{}: trace hash {hash:016x}", entry.name);
    }
}
