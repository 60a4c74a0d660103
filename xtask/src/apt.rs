//! Debian's packages: installed where the machine is a Debian and we may.

use std::path::Path;

use crate::Failure;
use crate::console::part;
use crate::process::{command, find_on_path, output_of, run};

/// How apt-get can be run here.
pub struct Apt {
    needs_sudo: bool,
}

impl Apt {
    /// None on other systems, and where we may not install.
    pub fn here() -> Option<Self> {
        if !Path::new("/etc/debian_version").is_file() || find_on_path("apt-get").is_none() {
            return None;
        }
        let needs_sudo = output_of(command("id").arg("-u")).as_deref() != Some("0");
        let may = !needs_sudo || output_of(command("sudo").args(["-n", "true"])).is_some();
        may.then_some(Self { needs_sudo })
    }

    /// Installs packages, under a heading that names what they bring.
    pub fn install(&self, what: &str, packages: &[&str]) -> Result<(), Failure> {
        let apt = |args: &[&str]| {
            let mut apt = if self.needs_sudo { command("sudo") } else { command("apt-get") };
            if self.needs_sudo {
                apt.args(["-n", "apt-get"]);
            }
            run(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        part(&format!("Installing {what} with apt-get"), || {
            apt(&["update", "--quiet"])?;
            apt(&[&["install", "--quiet", "--yes", "--no-install-recommends"], packages].concat())
        })
    }
}
