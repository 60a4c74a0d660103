//! One browser window and what a person can do with it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::base64;
use crate::driver::Driver;
use crate::element::Element;

/// How long a person would wait before giving up.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

const FLAGS: [&str; 10] = [
    "--headless=new",
    // Chromium refuses its sandbox to root, and CI is root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
];

/// How the browser is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Width and height of the page in CSS pixels.
    pub size: (u32, u32),
    /// The person prefers dark colours.
    pub is_dark: bool,
    /// The person asks for reduced motion.
    pub is_still: bool,
    /// The browser's data; none takes a fresh folder that goes with the browser. A story that opens the browser a
    /// second time on the same data names one.
    pub profile: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: (1440, 900), is_dark: false, is_still: false, profile: None }
    }
}

/// A browser with one window. Dropping it closes it.
pub struct Browser {
    driver: Driver,
    session: String,
    /// Console messages read so far: chromedriver hands each out once.
    console: std::cell::RefCell<Vec<String>>,
    temporary_profile: Option<PathBuf>,
}

impl Browser {
    /// Opens a browser as most people have it.
    pub fn open() -> Self {
        Self::open_with(&Options::default())
    }

    /// Opens a browser.
    pub fn open_with(options: &Options) -> Self {
        let driver = Driver::start();
        let temporary_profile = options.profile.is_none().then(fresh_profile);
        let profile = options.profile.as_ref().or(temporary_profile.as_ref());
        let mut args: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        args.push(format!("--window-size={},{}", options.size.0, options.size.1));
        args.extend(profile.map(|profile| format!("--user-data-dir={}", profile.display())));
        let mut chrome = json!({ "args": args });
        if let Some(binary) = std::env::var_os("CHROMIUM") {
            chrome["binary"] = json!(binary.to_string_lossy());
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE.as_secs() * 1000 },
        } } });
        let session = driver
            .call("POST", "/session", Some(&capabilities))
            .unwrap_or_else(|error| panic!("Chromium could not be opened: {error}"));
        let session = session["sessionId"].as_str().expect("a session has an id").to_owned();
        let browser =
            Self { driver, session, console: std::cell::RefCell::default(), temporary_profile };
        browser.emulate(options);
        browser
    }

    fn emulate(&self, options: &Options) {
        let (width, height) = options.size;
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let scheme = if options.is_dark { "dark" } else { "light" };
        let motion = if options.is_still { "reduce" } else { "no-preference" };
        self.cdp(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": motion },
            ] }),
        );
    }

    /// Goes to an address and waits for the page's `load` event.
    pub fn goto(&self, url: &str) {
        self.must("POST", "/url", Some(&json!({ "url": url })));
    }

    /// Opens another tab and goes to an address there; what is asked from now on is asked of that tab.
    pub fn open_tab(&self, url: &str) {
        let tab = self.must("POST", "/window/new", Some(&json!({ "type": "tab" })));
        self.must("POST", "/window", Some(&json!({ "handle": tab["handle"] })));
        self.goto(url);
    }

    /// Reloads the page as the person does with F5.
    pub fn reload(&self) {
        self.must("POST", "/refresh", None);
    }

    /// Runs JavaScript as the body of a function with these arguments; a promise it returns is awaited.
    pub fn execute(&self, script: &str, args: &[Value]) -> Value {
        self.try_execute(script, args).unwrap_or_else(|error| panic!("{error}\nin: {script}"))
    }

    /// Like `execute`, but leaves an exception of the script to the caller.
    pub fn try_execute(&self, script: &str, args: &[Value]) -> Result<Value, String> {
        self.call("POST", "/execute/sync", Some(&json!({ "script": script, "args": args })))
    }

    /// Sends one command of the DevTools protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.must("POST", "/goog/cdp/execute", Some(&body))
    }

    /// All elements with this role and this accessible name, as assistive technology sees them.
    pub fn find_all(&self, role: &str, name: &str) -> Vec<Element<'_>> {
        let query = |document: &Value| {
            self.cdp(
                "Accessibility.queryAXTree",
                &json!({ "objectId": document, "role": role, "accessibleName": name }),
            )
        };
        let document = self.cdp("Runtime.evaluate", &json!({ "expression": "document" }))["result"]
            ["objectId"]
            .clone();
        let found = query(&document);
        let nodes = found["nodes"].as_array().cloned().unwrap_or_default();
        nodes
            .iter()
            .filter(|node| node["ignored"] != json!(true))
            .filter_map(|node| self.element(&node["backendDOMNodeId"]))
            .collect()
    }

    /// Turns a node of the DevTools protocol into an element of WebDriver: the page lends a variable for a moment.
    fn element(&self, backend_node: &Value) -> Option<Element<'_>> {
        let resolved =
            self.call_cdp("DOM.resolveNode", &json!({ "backendNodeId": backend_node })).ok()?;
        self.call_cdp(
            "Runtime.callFunctionOn",
            &json!({
                "objectId": resolved["object"]["objectId"],
                "functionDeclaration": "function () { window.__found = this; }",
            }),
        )
        .ok()?;
        let script = "const found = window.__found; delete window.__found; return found;";
        // The element may have left the page between two commands; then it is not found.
        Element::from_json(self, &self.try_execute(script, &[]).ok()?)
    }

    /// The first element with this role and name, waited for.
    pub fn find(&self, role: &str, name: &str) -> Element<'_> {
        self.wait_for(&format!("a {role} named \"{name}\""), || {
            self.find_all(role, name).into_iter().next()
        })
    }

    /// Whether there is such an element now.
    pub fn has(&self, role: &str, name: &str) -> bool {
        !self.find_all(role, name).is_empty()
    }

    /// Sends keys to whatever has the focus: plain text, or the names in `keys`. A modifier is held until the end
    /// of the call.
    pub fn press(&self, text: &str) {
        let is_modifier =
            |key: &char| [keys::SHIFT, keys::CONTROL].contains(&key.to_string().as_str());
        let action = |kind: &str, key: char| json!({ "type": kind, "value": key });
        let mut actions = Vec::new();
        for key in text.chars() {
            actions.push(action("keyDown", key));
            if !is_modifier(&key) {
                actions.push(action("keyUp", key));
            }
        }
        actions.extend(text.chars().filter(is_modifier).map(|key| action("keyUp", key)));
        let body = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.must("POST", "/actions", Some(&body));
    }

    /// The text a person sees on the whole page.
    pub fn text(&self) -> String {
        self.execute("return document.body.innerText;", &[]).as_str().unwrap_or_default().to_owned()
    }

    /// What the page's handle `window.kafkarium.view()` returns.
    pub fn view(&self) -> Value {
        self.execute("return window.kafkarium.view();", &[])
    }

    /// Gives the page's handle `window.kafkarium.act()` one world action in the terminal's words.
    pub fn act(&self, action: &str) -> Value {
        self.execute("return window.kafkarium.act(arguments[0]);", &[json!(action)])
    }

    /// Waits until this gives something; panics with a sentence, a screenshot and the console when it never does.
    pub fn wait_for<T>(&self, what: &str, attempt: impl FnMut() -> Option<T>) -> T {
        self.wait_at_most(PATIENCE, what, attempt)
    }

    /// Waits until this holds.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        self.wait_for(what, || holds().then_some(()));
    }

    /// Waits for so long and no longer.
    pub fn wait_at_most<T>(
        &self,
        patience: Duration,
        what: &str,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> T {
        let started = Instant::now();
        loop {
            if let Some(result) = attempt() {
                return result;
            }
            if started.elapsed() > patience {
                let picture = self.screenshot("gave-up");
                panic!(
                    "waited {} s in vain for {what}\nscreenshot: {}\nconsole: {:#?}\npage: {}",
                    patience.as_secs(),
                    picture.display(),
                    self.console(),
                    self.text()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Everything the page has written to the console so far, errors of the browser included, each message headed by
    /// its level (`SEVERE`, `WARNING`, `INFO`, `DEBUG`).
    pub fn console(&self) -> Vec<String> {
        let log = self.must("POST", "/se/log", Some(&json!({ "type": "browser" })));
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let mut console = self.console.borrow_mut();
        for entry in log.as_array().into_iter().flatten() {
            console.push(format!("{} {}", text(entry, "level"), text(entry, "message")));
        }
        console.clone()
    }

    /// Panics if anything went wrong that a developer would see in the console.
    pub fn assert_no_console_errors(&self) {
        let errors: Vec<String> =
            self.console().into_iter().filter(|line| line.starts_with("SEVERE")).collect();
        assert!(errors.is_empty(), "the console shows errors: {errors:#?}");
    }

    /// Writes what the page looks like to `target/e2e/NAME.png` and returns the path.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e");
        let file = folder.join(name).with_extension("png");
        let png =
            base64::decode(self.must("GET", "/screenshot", None).as_str().unwrap_or_default());
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&file, png))
            .unwrap_or_else(|error| panic!("{} could not be written: {error}", file.display()));
        file
    }

    pub(crate) fn try_element(&self, element: &str, command: &str) -> Result<Value, String> {
        self.call("POST", &format!("/element/{element}{command}"), None)
    }

    pub(crate) fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.call(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        self.driver.call(method, &format!("/session/{}{path}", self.session), body)
    }

    fn call_cdp(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        let body = json!({ "cmd": command, "params": parameters });
        self.call("POST", "/goog/cdp/execute", Some(&body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closes Chromium properly; it may be gone already, and a test that panics must not panic again here.
        self.call("DELETE", "", None).ok();
        if let Some(profile) = &self.temporary_profile {
            std::fs::remove_dir_all(profile).ok();
        }
    }
}

impl Debug for Browser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Browser").field("session", &self.session).finish_non_exhaustive()
    }
}

fn fresh_profile() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("kafkarium-e2e-{}-{count}", std::process::id()))
}

/// Keys without a character, in the code points WebDriver gives them.
pub mod keys {
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Tab.
    pub const TAB: &str = "\u{e004}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// The space bar.
    pub const SPACE: &str = " ";
    /// Backspace.
    pub const BACKSPACE: &str = "\u{e003}";
    /// The arrow that points left.
    pub const LEFT: &str = "\u{e012}";
    /// The arrow that points up.
    pub const UP: &str = "\u{e013}";
    /// The arrow that points right.
    pub const RIGHT: &str = "\u{e014}";
    /// The arrow that points down.
    pub const DOWN: &str = "\u{e015}";
    /// Shift, held until the end of the same call.
    pub const SHIFT: &str = "\u{e008}";
    /// Control, held until the end of the same call.
    pub const CONTROL: &str = "\u{e009}";
    /// F10, which with Shift opens a context menu.
    pub const F10: &str = "\u{e03a}";
}
