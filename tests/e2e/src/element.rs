//! One element of the page.

use serde_json::{Value, json};

use crate::browser::{Browser, keys};

/// The key under which WebDriver passes elements.
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element that was found.
#[derive(Debug)]
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl<'a> Element<'a> {
    pub(crate) fn from_json(browser: &'a Browser, json: &Value) -> Option<Self> {
        Some(Self { browser, id: json.get(REFERENCE)?.as_str()?.to_owned() })
    }

    /// The element as an argument for `Browser::execute`.
    pub fn to_json(&self) -> Value {
        json!({ REFERENCE: self.id })
    }

    /// Clicks its middle, scrolled into view; fails when something covers it.
    pub fn click(&self) -> &Self {
        self.must("POST", "/click", None);
        self
    }

    /// Like `click`, but leaves an element that has meanwhile left the page, or is covered, to the caller.
    pub fn try_click(&self) -> bool {
        self.browser.try_element(&self.id, "/click").is_ok()
    }

    /// Opens its context menu with the right mouse button.
    pub fn context_click(&self) -> &Self {
        let body = json!({ "actions": [{
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" },
            "actions": [
                { "type": "pointerMove", "origin": self.to_json(), "x": 0, "y": 0 },
                { "type": "pointerDown", "button": 2 },
                { "type": "pointerUp", "button": 2 },
            ],
        }] });
        self.browser.must("POST", "/actions", Some(&body));
        self
    }

    /// Types into it, after what it holds already; takes the keys of `keys` too. A file input takes a path.
    pub fn type_text(&self, text: &str) -> &Self {
        self.must("POST", "/value", Some(&json!({ "text": text })));
        self
    }

    /// Selects what it holds and types over it, as a person does.
    pub fn fill(&self, text: &str) -> &Self {
        self.browser.execute("arguments[0].focus(); arguments[0].select();", &[self.to_json()]);
        self.type_text(if text.is_empty() { keys::BACKSPACE } else { text });
        self
    }

    /// Gives it the keyboard's focus.
    pub fn focus(&self) -> &Self {
        self.browser.execute("arguments[0].focus();", &[self.to_json()]);
        self
    }

    /// The text a person sees in it.
    pub fn text(&self) -> String {
        self.string("return arguments[0].innerText ?? arguments[0].textContent;")
    }

    /// What an input holds.
    pub fn value(&self) -> String {
        self.string("return String(arguments[0].value);")
    }

    /// An attribute as it stands in the document.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let script = "return arguments[0].getAttribute(arguments[1]);";
        let value = self.browser.execute(script, &[self.to_json(), json!(name)]);
        value.as_str().map(str::to_owned)
    }

    /// Whether it can be used.
    pub fn is_enabled(&self) -> bool {
        self.must("GET", "/enabled", None) == json!(true)
    }

    fn string(&self, script: &str) -> String {
        let value = self.browser.execute(script, &[self.to_json()]);
        value.as_str().unwrap_or_default().to_owned()
    }

    fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.browser.must(method, &format!("/element/{}{path}", self.id), body)
    }
}
