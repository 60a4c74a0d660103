//! The browser that runs the wasm and end-to-end tests: Chromium and its WebDriver server.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::Failure;
use crate::apt::Apt;
use crate::process::find_on_path;

const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The two programs.
pub struct Chromium {
    /// The browser, when it has a known name on PATH; else the driver looks for it by itself.
    pub browser: Option<PathBuf>,
    /// chromedriver.
    pub driver: PathBuf,
}

impl Chromium {
    /// Tells a test runner where they are, in the variables that the wasm test runner and ours read.
    pub fn tell(&self, command: &mut Command) {
        command.env("CHROMEDRIVER", &self.driver);
        if let Some(browser) = &self.browser {
            command.env("CHROMIUM", browser);
        }
    }
}

/// Finds both, or installs them where the machine is a Debian and we may.
pub fn set_up() -> Result<Chromium, Failure> {
    if let Some(chromium) = find() {
        return Ok(chromium);
    }
    install()?;
    find().ok_or_else(|| "Chromium was installed but chromedriver is still not on PATH.".into())
}

fn find() -> Option<Chromium> {
    let named =
        |variable: &str| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
    let driver = named("CHROMEDRIVER").or_else(|| find_on_path("chromedriver"))?;
    let browser =
        named("CHROMIUM").or_else(|| BROWSERS.iter().find_map(|program| find_on_path(program)));
    let is_app = cfg!(not(target_os = "linux"));
    (browser.is_some() || is_app).then_some(Chromium { browser, driver })
}

fn install() -> Result<(), Failure> {
    const BY_HAND: &str = "The browser tests need Chromium (or Chrome) and the chromedriver of the same version. \
                           Install both, put chromedriver on PATH or name it in CHROMEDRIVER, and run this again. \
                           On Debian: apt-get install chromium chromium-driver.";
    let apt = Apt::here().ok_or(BY_HAND)?;
    // Fonts are only recommended by chromium, but a page without a single one is no page.
    apt.install("Chromium and chromedriver", &["chromium", "chromium-driver", "fonts-liberation"])
}
