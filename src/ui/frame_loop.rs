//! One call an animation frame: hand on what arrived, draw what moves, ask for the next picture.

use crate::base::Time;
use crate::ui::context::{Ui, real_ms};
use crate::ui::controls::transport::CLOCK_ID;
use crate::ui::handles::Handles;
use crate::ui::model::narrate::clock_text;
use crate::ui::store::Msg;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, Window};

type Step = Rc<RefCell<Option<Closure<dyn FnMut()>>>>;

/// Starts the loop. It runs for as long as the page; a hidden tab gets no animation frames, so the
/// world rests with it.
pub fn start(ui: Ui, handles: Handles) {
    let step: Step = Rc::default();
    let again = Rc::clone(&step);
    let mut clock = ClockText::default();
    *step.borrow_mut() = Some(Closure::new(move || {
        let now = real_ms();
        let messages = ui.live.take_inbox(now);
        for message in &messages {
            handles.settle(message);
        }
        let is_shown = ui.live.shown().is_some();
        if !messages.is_empty() {
            ui.tell(Msg::Received(messages));
        }
        ui.live.paint(now);
        if is_shown {
            clock.write(ui.live.clock(now), ui.live.epoch());
        }
        ui.live.want_picture(&ui.conductor);
        request(&again);
    }));
    request(&step);
}

fn request(step: &Step) {
    let window: Option<Window> = web_sys::window();
    if let (Some(window), Some(closure)) = (window, step.borrow().as_ref()) {
        // Fails only in a window that is being closed.
        let _ = window.request_animation_frame(closure.as_ref().unchecked_ref());
    }
}

/// Writes the clock without the virtual DOM, and only when its text differs.
#[derive(Default)]
struct ClockText {
    element: Option<Element>,
    text: String,
}

impl ClockText {
    fn write(&mut self, clock: Time, epoch: Time) {
        let text = clock_text(clock, epoch);
        if self.element.as_ref().is_none_or(|element| !element.is_connected()) {
            let document = web_sys::window().and_then(|window| window.document());
            self.element = document.and_then(|document| document.get_element_by_id(CLOCK_ID));
            self.text.clear();
        }
        if let Some(element) = self.element.as_ref().filter(|_| self.text != text) {
            element.set_text_content(Some(&text));
            self.text = text;
        }
    }
}
