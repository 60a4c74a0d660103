//! The part of the page that moves every animation frame and never goes through the virtual DOM:
//! what arrived since the last frame, the clock between two pictures, and what is in flight.

use crate::base::{EventId, SortedSet, Time};
use crate::host::protocol::{FromConductor, Shown, ToConductor};
use crate::ui::link::Conductor;
use crate::ui::model::KeyTable;
use crate::ui::shared::Shared;
use crate::ui::stage::canvas::Painter;
use crate::ui::stage::flight::Flights;
use crate::ui::stage::layout::Layout;
use crate::ui::stage::route::Point;
use crate::ui::theme::prefers;
use crate::wire::summary::FrameKind;
use std::cell::RefCell;
use std::rc::Rc;

/// What moves.
#[derive(Clone)]
pub struct Live(Rc<RefCell<State>>);

impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

struct State {
    inbox: Vec<FromConductor>,
    is_picture_wanted: bool,
    clock: Clock,
    shown: Option<Shared<Shown>>,
    flights: Flights,
    painter: Option<Rc<RefCell<Option<Painter>>>>,
    painted: Option<Painted>,
    size: (f64, f64),
}

/// What the canvas shows: nothing is drawn again while this stays the same.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Painted {
    clock: Time,
    revision: u64,
    size: (f64, f64),
}

/// The clock that the page shows. It never runs ahead of what the conductor vouched for.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// Virtual time of the newest picture, in µs.
    picture_us: f64,
    /// Real time at which it came, in ms.
    came_ms: f64,
    /// Up to where it may run, in µs.
    known_us: f64,
    /// Virtual µs for a real ms; 0 while it stands.
    rate: f64,
    /// What was shown last, in µs.
    shown_us: f64,
}

impl Clock {
    fn set(&mut self, shown: &Shown, now_ms: f64) {
        let picture_us = shown.picture.now.as_micros() as f64;
        // Back in time, or stopped: the picture is what counts. Otherwise never jump back.
        let is_going_on = shown.playing && picture_us >= self.picture_us;
        *self = Self {
            picture_us,
            came_ms: now_ms,
            known_us: (shown.known_until.as_micros() as f64).max(picture_us),
            rate: if shown.playing { f64::from(shown.speed) } else { 0.0 },
            shown_us: if is_going_on { self.shown_us.max(picture_us) } else { picture_us },
        };
    }

    fn at(&mut self, now_ms: f64) -> Time {
        let run = (now_ms - self.came_ms).max(0.0) * self.rate;
        let reached = (self.picture_us + run).min(self.known_us);
        self.shown_us = self.shown_us.max(reached).min(self.known_us.max(self.picture_us));
        Time::from_micros(self.shown_us as u64)
    }
}

impl Live {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            inbox: Vec::new(),
            is_picture_wanted: false,
            clock: Clock::default(),
            shown: None,
            flights: Flights::default(),
            painter: None,
            painted: None,
            size: (0.0, 0.0),
        })))
    }

    /// Takes a message; it is handled with the next animation frame.
    pub fn receive(&self, message: FromConductor) {
        self.0.borrow_mut().inbox.push(message);
    }

    /// What arrived since the last call. Of several pictures the newest counts, with the events of
    /// all.
    pub fn take_inbox(&self, now_ms: f64) -> Vec<FromConductor> {
        let mut state = self.0.borrow_mut();
        let mut messages: Vec<FromConductor> = Vec::new();
        for message in std::mem::take(&mut state.inbox) {
            if let FromConductor::Picture(mut shown) = message {
                state.is_picture_wanted = false;
                state.clock.set(&shown, now_ms);
                let earlier = messages.iter().position(|m| matches!(m, FromConductor::Picture(_)));
                if let Some(FromConductor::Picture(old)) = earlier.map(|at| messages.remove(at)) {
                    let mut events = old.picture.events;
                    events.append(&mut shown.picture.events);
                    shown.picture.events = events;
                }
                messages.push(FromConductor::Picture(shown));
            } else {
                messages.push(message);
            }
        }
        messages
    }

    /// Asks for the next picture unless one is on its way.
    pub fn want_picture(&self, conductor: &Conductor) {
        let mut state = self.0.borrow_mut();
        if !std::mem::replace(&mut state.is_picture_wanted, true) {
            drop(state);
            conductor.send(ToConductor::PictureWanted);
        }
    }

    /// The virtual time to show now.
    pub fn clock(&self, now_ms: f64) -> Time {
        self.0.borrow_mut().clock.at(now_ms)
    }

    /// The newest picture, as it was laid out.
    pub fn shown(&self) -> Option<Shared<Shown>> {
        self.0.borrow().shown.clone()
    }

    /// When the world began.
    pub fn epoch(&self) -> Time {
        self.0.borrow().shown.as_ref().map_or(Time::ZERO, |shown| shown.picture.epoch)
    }

    /// The frame whose dot is drawn near `point` now.
    pub fn frame_near(&self, point: Point, now_ms: f64) -> Option<EventId> {
        let mut state = self.0.borrow_mut();
        let clock = state.clock.at(now_ms);
        state.flights.nearest(point, clock)
    }

    /// Takes what the store made of the newest picture.
    pub fn show(
        &self,
        shown: Option<Shared<Shown>>,
        layout: &Shared<Layout>,
        keys: &Shared<KeyTable>,
        filtered: &SortedSet<FrameKind>,
    ) {
        let mut state = self.0.borrow_mut();
        state.size = (layout.width, layout.height);
        if let Some(shown) = &shown {
            state.flights.still = prefers("(prefers-reduced-motion: reduce)");
            state.flights.update(&shown.picture.flying, layout, keys, filtered);
        }
        state.shown = shown;
    }

    /// Draws with this painter from now on.
    pub fn paint_with(&self, painter: Rc<RefCell<Option<Painter>>>) {
        self.0.borrow_mut().painter = Some(painter);
    }

    /// Draws again even if nothing moves, since colours changed.
    pub fn repaint(&self) {
        self.0.borrow_mut().painted = None;
    }

    /// Draws what is in flight, if anything moved since the last time.
    pub fn paint(&self, now_ms: f64) {
        let mut state = self.0.borrow_mut();
        let clock = state.clock.at(now_ms);
        let wanted = Painted { clock, revision: state.flights.revision(), size: state.size };
        let was_empty = state.painted.is_some_and(|before| {
            before.revision == wanted.revision
                && before.size == wanted.size
                && !state.flights.is_moving()
        });
        if state.painted == Some(wanted) || was_empty {
            return;
        }
        state.painted = Some(wanted);
        let Some(painter) = state.painter.clone() else { return };
        let dots = state.flights.dots(clock);
        if let Some(painter) = painter.borrow().as_ref() {
            // A failed drawing call leaves this frame incomplete; the next one draws everything anew.
            let _ = painter.draw(state.size.0, state.size.1, &dots);
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
