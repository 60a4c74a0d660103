//! The tools that build the page: the wasm target, Trunk and the wasm-bindgen CLI. Each is taken from PATH when
//! the right version is there, else compiled once into a folder that all later runs and clones share. A tool is
//! not the product, so it is compiled with a cheap profile.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::console::part;
use crate::lockfile;
use crate::process::{cargo, command, find_on_path, output_of, path_with, project_root, run};

const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The newest Trunk that compiles on the toolchain this project pins.
const TRUNK_VERSION: &str = "0.21.14";

/// Where the tools are.
pub struct Tools {
    folders: Vec<PathBuf>,
}

impl Tools {
    /// Lets a command find the tools before any others on PATH.
    pub fn on_path(&self, command: &mut Command) {
        command.env("PATH", path_with(&self.folders));
    }
}

struct Tool {
    krate: &'static str,
    program: &'static str,
    version: String,
    /// Arguments for `cargo install`: no TLS stack is built for tools that never use the network here.
    install: &'static [&'static str],
    minutes: &'static str,
}

/// Makes sure that everything needed to build the page is there.
pub fn set_up() -> Result<Tools, Failure> {
    ensure_wasm_target()?;
    let wasm_bindgen = Tool {
        krate: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: lockfile::version_of("wasm-bindgen")?,
        install: &["--no-default-features"],
        minutes: "2 to 3 minutes on two cores",
    };
    let trunk = Tool {
        krate: "trunk",
        program: "trunk",
        version: TRUNK_VERSION.to_owned(),
        install: &["--no-default-features", "--locked"],
        minutes: "5 to 6 minutes on two cores",
    };
    let mut folders = Vec::new();
    for tool in [wasm_bindgen, trunk] {
        folders.extend(tool.ensure()?);
    }
    Ok(Tools { folders })
}

/// The compiler's wasm target, which rust-toolchain.toml names and rustup installs.
pub fn ensure_wasm_target() -> Result<(), Failure> {
    let sysroot = output_of(command("rustc").args(["--print", "sysroot"]))
        .ok_or("`rustc` could not be run; install Rust with rustup (https://rustup.rs).")?;
    if Path::new(&sysroot).join("lib/rustlib").join(WASM_TARGET).is_dir() {
        return Ok(());
    }
    part("Adding the compiler's wasm target", || {
        run(command("rustup").args(["target", "add", WASM_TARGET]))
    })
}

/// The folder for tools: `KAFKARIUM_TOOLS`, else the user's cache folder, else `.tools` in the project.
pub fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("KAFKARIUM_TOOLS") {
        return folder.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    cache.map_or_else(|| project_root().join(".tools"), |cache| cache.join("kafkarium/tools"))
}

impl Tool {
    /// The folder to put on PATH, or none when the tool is on PATH already.
    fn ensure(&self) -> Result<Option<PathBuf>, Failure> {
        if find_on_path(self.program).is_some_and(|program| self.is_right(&program)) {
            return Ok(None);
        }
        let name = format!("{}-{}", self.krate, self.version);
        let root = folder().join(&name);
        let program =
            root.join("bin").join(self.program).with_extension(env::consts::EXE_EXTENSION);
        if !self.is_right(&program) {
            let heading =
                format!("Compiling {} {} (once, about {})", self.krate, self.version, self.minutes);
            part(&heading, || self.install(&root, &folder().join("build").join(&name)))?;
        }
        Ok(Some(root.join("bin")))
    }

    fn install(&self, root: &Path, target: &Path) -> Result<(), Failure> {
        let mut install = cargo();
        install
            .args(["install", self.krate, "--version", &self.version, "--force"])
            .args(self.install)
            .arg("--root")
            .arg(root)
            .arg("--target-dir")
            .arg(target)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
        run(&mut install)?;
        // Only an interrupted build needs what is in there; a failure to delete it costs disk, nothing else.
        std::fs::remove_dir_all(target).ok();
        Ok(())
    }

    fn is_right(&self, program: &Path) -> bool {
        output_of(command(program).arg("--version"))
            .is_some_and(|text| text.split_whitespace().any(|word| word == self.version))
    }
}
