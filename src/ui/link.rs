//! The way out of the user interface: whatever a person does leaves here, as a message.

use crate::host::protocol::{LessonCommand, ToConductor};
use crate::world::action::Action;
use std::cell::Cell;
use std::rc::Rc;

/// Whoever runs the world, as the user interface sees it.
#[derive(Clone)]
pub struct Conductor {
    send: Rc<dyn Fn(ToConductor)>,
    next_act: Rc<Cell<u64>>,
}

impl PartialEq for Conductor {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.send, &other.send)
    }
}

impl Conductor {
    /// A conductor that is reached through `send`.
    pub fn new(send: Rc<dyn Fn(ToConductor)>) -> Self {
        Self { send, next_act: Rc::new(Cell::new(1)) }
    }

    /// Sends a message.
    pub fn send(&self, message: ToConductor) {
        (self.send)(message);
    }

    /// Asks for an action; its answer will carry the returned number.
    pub fn act(&self, action: Action) -> u64 {
        let id = self.next_act.get();
        self.next_act.set(id + 1);
        self.send(ToConductor::Act { id, action });
        id
    }

    /// Uses the lesson player.
    pub fn lesson(&self, command: LessonCommand) {
        self.send(ToConductor::Lesson(command));
    }
}
