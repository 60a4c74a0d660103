//! Reads versions out of Cargo.lock, so that a tool which must equal a library can never differ from it.

use crate::Failure;
use crate::process::project_root;

/// The version of one package in the project's Cargo.lock.
pub fn version_of(package: &str) -> Result<String, Failure> {
    let path = project_root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("Cargo.lock could not be read: {error}"))?;
    find_version(&text, package)
        .ok_or_else(|| format!("Cargo.lock names no package `{package}`.").into())
}

fn find_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.next()?;
    let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_package_of_exactly_that_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(find_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(find_version(lock, "wasm"), None);
    }
}
