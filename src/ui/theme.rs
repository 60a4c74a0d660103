//! Light or dark: what the system says, unless the person chose otherwise.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Where the choice is remembered.
const STORED_AS: &str = "kafkarium-theme";

/// A theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What holds now: the remembered choice, else the system's.
    pub fn current() -> Self {
        let stored = storage().and_then(|storage| storage.get_item(STORED_AS).ok().flatten());
        match stored.as_deref() {
            Some("dark") => Self::Dark,
            Some("light") => Self::Light,
            _ if prefers("(prefers-color-scheme: dark)") => Self::Dark,
            _ => Self::Light,
        }
    }

    /// Makes the page look like it.
    pub fn apply(self) {
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(root) = document.and_then(|document| document.document_element()) {
            // Fails only for a malformed attribute name.
            let _ = root.set_attribute("data-theme", self.name());
        }
    }

    /// Remembers it as the person's choice.
    pub fn remember(self) {
        if let Some(storage) = storage() {
            // A private window may refuse; then the choice holds until the page is closed.
            let _ = storage.set_item(STORED_AS, self.name());
        }
    }
}

/// Whether the browser's media query holds.
pub fn prefers(query: &str) -> bool {
    let window = web_sys::window();
    let list = window.and_then(|window| window.match_media(query).ok().flatten());
    list.is_some_and(|list| list.matches())
}

/// Calls `changed` whenever the system's theme changes, for as long as the page lives.
pub fn watch_system(changed: impl Fn() + 'static) {
    let window = web_sys::window();
    let query = "(prefers-color-scheme: dark)";
    let Some(list) = window.and_then(|window| window.match_media(query).ok().flatten()) else {
        return;
    };
    let listener = Closure::<dyn Fn()>::new(changed);
    // Without the listener the theme follows at the next load.
    let _ = list.add_event_listener_with_callback("change", listener.as_ref().unchecked_ref());
    listener.forget();
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}
