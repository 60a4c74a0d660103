//! The browser that runs the wasm and end-to-end tests: Chromium and its WebDriver server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::console::part;
use crate::process::{command, find_on_path, output_of, run};

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
    if !Path::new("/etc/debian_version").is_file() || find_on_path("apt-get").is_none() {
        return Err(BY_HAND.into());
    }
    let is_root = output_of(command("id").arg("-u")).as_deref() == Some("0");
    if !is_root && output_of(command("sudo").args(["-n", "true"])).is_none() {
        return Err(BY_HAND.into());
    }
    let apt = |args: &[&str]| {
        let mut apt = if is_root { command("apt-get") } else { command("sudo") };
        if !is_root {
            apt.args(["-n", "apt-get"]);
        }
        run(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    part("Installing Chromium and chromedriver with apt-get", || {
        apt(&["update", "--quiet"])?;
        apt(&[
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            "chromium",
            "chromium-driver",
            // Only recommended by chromium, but a page without a single font is no page.
            "fonts-liberation",
        ])
    })
}
