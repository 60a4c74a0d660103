//! The crates this project depends on directly: each is there for a reason, which ARCHITECTURE.md tells.

use std::fs;

/// Every direct dependency, of the product, its tests and its tools.
const KNOWN: [&str; 22] = [
    "bytes",
    "crc32c",
    "ctrlc",
    "flate2",
    "gloo",
    "idb",
    "js-sys",
    "kafka-protocol",
    "lz4_flex",
    "postcard",
    "proptest",
    "pulldown-cmark",
    "regex-lite",
    "ruzstd",
    "serde",
    "serde_json",
    "snap",
    "wasm-bindgen",
    "wasm-bindgen-futures",
    "wasm-bindgen-test",
    "web-sys",
    "yew",
];
const MANIFESTS: [&str; 3] = ["Cargo.toml", "xtask/Cargo.toml", "tests/e2e/Cargo.toml"];

/// Everything about the dependencies that is not as it should be.
pub(super) fn complaints() -> Vec<String> {
    let read = |file: &str| fs::read_to_string(super::project().join(file)).unwrap_or_default();
    let architecture = read("ARCHITECTURE.md");
    let mut complaints = Vec::new();
    let mut used = Vec::new();
    for manifest in MANIFESTS {
        used.extend(direct_dependencies(&read(manifest)).into_iter().map(|name| (manifest, name)));
    }
    for (manifest, name) in &used {
        if !KNOWN.contains(&name.as_str()) {
            complaints.push(format!(
                "{manifest}: `{name}` is new: give its reason in ARCHITECTURE.md and name it in {}",
                file!()
            ));
        }
    }
    for name in KNOWN {
        if !used.iter().any(|(_, used)| used == name) {
            complaints.push(format!("`{name}` is used no more: take it out of {}", file!()));
        }
        if !architecture.lines().any(|line| has_reason(line, name)) {
            complaints.push(format!(
                "ARCHITECTURE.md: no row | `{name}` | reason | explains the dependency"
            ));
        }
    }
    complaints
}

fn has_reason(line: &str, name: &str) -> bool {
    line.strip_prefix(&format!("| `{name}` |"))
        .is_some_and(|rest| rest.trim_matches(['|', ' ']).len() > 3)
}

/// The names in all tables of dependencies, whatever their kind and target; packages of this project aside.
fn direct_dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, last) = header.rsplit_once('.').unwrap_or(("", header));
            is_inside = last.ends_with("dependencies");
            if table.ends_with("dependencies") {
                names.push(last.to_owned());
            }
        } else if is_inside
            && let Some((name, what)) = line.split_once('=')
            && !what.contains("path =")
            && line.starts_with(|character: char| character.is_ascii_alphabetic())
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_tables_are_read() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\nb = { version = \"1\",\n  features = [] }\n\
                        [target.'cfg(unix)'.dependencies.c]\nversion = \"1\"\n[dev-dependencies]\nd = \"1\"\n\
                        e = { path = \"..\" }\n";
        assert_eq!(direct_dependencies(manifest), ["a", "b", "c", "d"]);
    }
}
