//! What every component may use: the way out, the store's dispatcher and what moves. It never
//! changes, so nobody is drawn again because of it.

use crate::base::EventId;
use crate::host::protocol::ToConductor;
use crate::ui::link::Conductor;
use crate::ui::live::Live;
use crate::ui::store::{Msg, Selection, Store};
use crate::world::action::Action;
use yew::prelude::*;

/// What every component may use.
#[derive(Clone, PartialEq)]
pub struct Ui {
    /// The way out.
    pub conductor: Conductor,
    /// The way to the store.
    pub dispatch: UseReducerDispatcher<Store>,
    /// What moves.
    pub live: Live,
}

impl Ui {
    /// Sends a message to the conductor.
    pub fn send(&self, message: ToConductor) {
        self.conductor.send(message);
    }

    /// Changes the store.
    pub fn tell(&self, message: Msg) {
        self.dispatch.dispatch(message);
    }

    /// Asks for an action; when it fails, a notice says why.
    pub fn act(&self, action: Action) {
        let id = self.conductor.act(action);
        self.tell(Msg::Watch(id));
    }

    /// Shows something in the inspector.
    pub fn select(&self, selection: Selection) {
        if let Selection::Frame(frame) = selection {
            self.send(ToConductor::Inspect { frame });
        }
        self.tell(Msg::Select(Some(selection)));
    }

    /// Opens a frame.
    pub fn open_frame(&self, frame: EventId) {
        self.select(Selection::Frame(frame));
    }
}

/// The context of a component.
#[hook]
pub fn use_ui() -> Ui {
    use_context::<Ui>().expect("the root component provides it before any other is made")
}

/// Real time in milliseconds, for pacing only.
pub fn real_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |timer| timer.now())
}
