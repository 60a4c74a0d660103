//! A lesson that is played on the session's world: what it does, the way back, and taking over.

use super::{Session, forget, generation_of};
use crate::base::ProcessId;
use crate::host::browser::save::Archive;
use crate::host::protocol::{LessonCommand, NoticeLevel, Persistence};
use crate::lesson::Order;
use crate::world::action::Action;
use std::str::FromStr;

impl Session {
    /// Lets the lesson look at the world and do what it says.
    pub(super) async fn teach(&mut self) {
        self.look().await;
        let Some(stage) = &mut self.stage else {
            return;
        };
        let mut picture = stage.world.picture(stage.world.clock());
        let orders = stage.lesson.as_mut().map(|lesson| lesson.look(&picture)).unwrap_or_default();
        stage.unsent.append(&mut picture.events);
        stage.changed = true;
        self.obey(orders).await;
    }

    async fn obey(&mut self, orders: Vec<Order>) {
        for order in orders {
            let Some(stage) = &mut self.stage else {
                return;
            };
            match order {
                Order::Act(line) => {
                    let acted = Action::from_str(&line).map_err(|error| error.to_string());
                    let acted = acted.and_then(|action| {
                        stage.world.act(action).map_err(|error| error.to_string())
                    });
                    if let Err(why) = acted {
                        self.notice(NoticeLevel::Fault, format!("{line}: {why}"));
                    }
                }
                Order::Remember(step) => {
                    // A world is remembered when nothing waits to be carried out.
                    self.settle().await;
                    let Some(stage) = &mut self.stage else {
                        return;
                    };
                    if let (Some(snapshot), Some(lesson)) =
                        (stage.world.snapshot(), &mut stage.lesson)
                    {
                        lesson.remember(step, snapshot);
                    }
                }
                Order::Restore(step) => {
                    let snapshot = stage.lesson.as_ref().and_then(|lesson| lesson.recall(step));
                    if let Some(snapshot) = snapshot {
                        stage.world.restore(&snapshot);
                        stage.commands.clear();
                    }
                }
            }
        }
        self.settle().await;
    }

    pub(super) async fn lesson(&mut self, command: LessonCommand) {
        let Some(stage) = &mut self.stage else {
            return;
        };
        let Some(lesson) = &mut stage.lesson else {
            return;
        };
        stage.changed = true;
        match command {
            LessonCommand::Next => lesson.next(),
            LessonCommand::Back => {
                let orders = lesson.back().into_iter().collect();
                self.obey(orders).await;
            }
            LessonCommand::Answer(option) => lesson.answer(option),
            LessonCommand::TakeOver => self.take_over().await,
        }
    }

    /// The lesson's world becomes the sandbox.
    async fn take_over(&mut self) {
        if !self.owns_lock && !self.take_lock().await {
            self.notice(
                NoticeLevel::Warning,
                "The kept world is open elsewhere; this one stays in memory.",
            );
        }
        if self.archive.is_none() && self.owns_lock {
            self.archive = Archive::open().await.ok();
        }
        let archive = self.archive.as_ref().filter(|_| self.owns_lock);
        let kept = archive.and_then(Archive::load);
        let Some(stage) = &mut self.stage else {
            return;
        };
        stage.lesson = None;
        stage.world.keep_lives(false);
        stage.changed = true;
        if self.archive.is_some() && self.owns_lock {
            let generation = kept.as_ref().map_or(0, |kept| generation_of(&kept.databases)) + 1;
            let databases = format!("kafkarium/{generation}");
            let processes: Vec<ProcessId> = stage.world.specs().map(|spec| spec.id).collect();
            stage.nodes.keep(&databases, &processes).await;
            stage.databases = Some(databases);
            stage.persistence = Persistence::Kept;
            if let Some(kept) = kept {
                forget(&kept);
            }
        }
        self.keep().await;
        self.pass_on();
    }
}
