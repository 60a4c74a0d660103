//! wasm-opt makes the page's files smaller and is the one tool the project can do without: where no recent one
//! is found, a sentence says so and the files stay as the compiler left them.

use std::path::{Path, PathBuf};

use crate::console::part;
use crate::process::{command, find_on_path, output_of, project_root, run};
use crate::tools;

/// Tried and found to understand what today's compiler emits; 108 does not.
const VERSION_MIN: u32 = 120;
/// The npm package that carries wasm-opt as a program for Node.js.
const NPM_PACKAGE: &str = "binaryen@132.0.0";
const NPM_FOLDER: &str = "binaryen-132";

/// Takes wasm-opt from npm when the machine has npm and no wasm-opt. Never fails: the page builds without.
pub fn set_up() {
    if find().is_some() || find_on_path("npm").is_none() {
        return;
    }
    let prefix = tools::folder().join(NPM_FOLDER);
    let outcome = part("Installing wasm-opt from npm (once)", || {
        std::fs::create_dir_all(&prefix)
            .map_err(|error| format!("the folder for tools could not be made: {error}"))?;
        let mut npm = command("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"]);
        run(npm.arg(&prefix).arg(NPM_PACKAGE))
    });
    if let Err(failure) = outcome {
        println!("   wasm-opt could not be installed, the page is built without it: {}", failure.0);
    }
}

/// A wasm-opt that is new enough.
pub fn find() -> Option<PathBuf> {
    let installed = [
        project_root().join("node_modules/.bin/wasm-opt"),
        tools::folder().join(NPM_FOLDER).join("node_modules/.bin/wasm-opt"),
    ];
    installed.into_iter().chain(find_on_path("wasm-opt")).find(|program| is_recent(program))
}

/// Optimises a file in place for size. Returns why it was left as it is, if it was.
pub fn shrink(program: &Path, wasm: &Path) -> Result<(), String> {
    let smaller = wasm.with_extension("wasm.opt");
    let mut optimise = command(program);
    optimise.arg("-Oz").arg(wasm).arg("-o").arg(&smaller);
    run(&mut optimise).map_err(|failure| failure.0)?;
    std::fs::rename(&smaller, wasm)
        .map_err(|error| format!("the result could not be put in place: {error}"))
}

fn is_recent(program: &Path) -> bool {
    output_of(command(program).arg("--version"))
        .and_then(|text| version(&text))
        .is_some_and(|version| version >= VERSION_MIN)
}

fn version(text: &str) -> Option<u32> {
    text.strip_prefix("wasm-opt version ")?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_the_version() {
        assert_eq!(version("wasm-opt version 132 (version_132)"), Some(132));
        assert_eq!(version("wasm-opt version 108"), Some(108));
        assert_eq!(version("something else"), None);
    }
}
