//! The layers: a module imports only lower layers, two modules of one layer never see each other, and some pairs
//! never meet although their layers would let them. ARCHITECTURE.md shows the same table to readers.
//! THINK HARD ABOUT THE LAYERING OF THE PROJECT BEFORE CHANGING THIS FILE.

use std::collections::BTreeSet;
use std::fs;

use super::source::Source;

/// Every module of the crate with its layer.
const LAYERS: [(&str, u8); 19] = [
    ("base", 0),
    ("disk", 1),
    ("wire", 1),
    ("node", 2),
    ("log", 3),
    ("zookeeper", 3),
    ("network", 4),
    ("cluster", 4),
    ("zk_client", 4),
    ("broker", 5),
    ("client", 5),
    ("queue", 5),
    ("cli", 6),
    ("world", 7),
    ("shell", 8),
    ("lesson", 9),
    ("host", 10),
    ("ui", 11),
    ("bin", 12),
];

/// What never imports what, and why.
const NEVER: [(&str, &[&str], &str); 5] = [
    ("broker", &["zookeeper"], "a broker knows ZooKeeper's server by its protocol only"),
    ("client", &["log", "zookeeper"], "a client knows brokers by their protocol only"),
    ("cli", &["broker", "zookeeper"], "tools talk to servers over the network"),
    ("shell", &["broker", "log", "zookeeper"], "the shell reaches into no server"),
    (
        "ui",
        &["broker", "client", "log", "queue", "zookeeper"],
        "the page sees processes by their view, the trace and frame summaries only",
    ),
];

fn layer_of(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// Everything in these files, and in ARCHITECTURE.md's table, that breaks the rules.
pub(super) fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints: Vec<String> = sources.iter().flat_map(complaints_of).collect();
    complaints.extend(missing_from_table());
    complaints
}

fn complaints_of(source: &Source) -> Vec<String> {
    let Some(module) = module_path(&source.name).first().cloned() else { return Vec::new() };
    let Some(own) = layer_of(&module) else {
        return vec![format!(
            "{}: the module `{module}` has no layer: give it one in design, ARCHITECTURE.md and {}",
            source.name,
            file!()
        )];
    };
    let mut complaints = Vec::new();
    for (line, other) in references(source) {
        if other == module {
            continue;
        }
        let place = format!("{}:{line}", source.name);
        match layer_of(&other) {
            None => complaints.push(format!("{place}: `{other}` is no module that has a layer")),
            Some(layer) if layer >= own => complaints.push(format!(
                "{place}: `{module}` (layer {own}) imports `{other}` (layer {layer}): only lower layers may be seen"
            )),
            Some(_) => {}
        }
        let reason =
            NEVER.iter().find(|(who, whom, _)| *who == module && whom.contains(&other.as_str()));
        if let Some((_, _, reason)) = reason {
            complaints.push(format!("{place}: `{module}` never imports `{other}`: {reason}"));
        }
    }
    complaints
}

/// `src/broker/handlers/fetch.rs` is the module `broker::handlers::fetch`; lib.rs is the root.
fn module_path(name: &str) -> Vec<String> {
    let inside = name.strip_prefix("src/").unwrap_or(name);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    if inside == "lib" { Vec::new() } else { inside.split('/').map(str::to_owned).collect() }
}

/// The modules of the crate's root that a file names, each with its line: after `crate::`, or after as many
/// `super::` as lead to the root.
fn references(source: &Source) -> BTreeSet<(usize, String)> {
    let tokens = &source.tokens;
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let is_path_sign = |index: usize| text(index) == ":" && text(index + 1) == ":";
    let depth_of_file = module_path(&source.name).len();
    let mut inline_modules: Vec<usize> = Vec::new();
    let mut braces = 0;
    let mut found = BTreeSet::new();
    for index in 0..tokens.len() {
        match text(index) {
            "{" => {
                braces += 1;
                if index >= 2 && text(index - 2) == "mod" {
                    inline_modules.push(braces);
                }
            }
            "}" => {
                if inline_modules.last() == Some(&braces) {
                    inline_modules.pop();
                }
                braces -= 1;
            }
            "crate" if is_path_sign(index + 1) => found.extend(names_from(source, index + 3)),
            "super" if index < 2 || !is_path_sign(index - 2) => {
                let (mut next, mut steps) = (index, 0);
                while text(next) == "super" && is_path_sign(next + 1) {
                    (next, steps) = (next + 3, steps + 1);
                }
                if steps > 0 && steps >= depth_of_file + inline_modules.len() {
                    found.extend(names_from(source, next));
                }
            }
            _ => {}
        }
    }
    found
}

/// The one name at this place, or all first names in the braces that open here.
fn names_from(source: &Source, start: usize) -> Vec<(usize, String)> {
    let name =
        |index: usize| source.tokens.get(index).map(|token| (token.line, token.text.clone()));
    let text = |index: usize| source.tokens.get(index).map_or("", |token| token.text.as_str());
    if text(start) != "{" {
        return name(start).into_iter().collect();
    }
    let (mut depth, mut index) = (0, start);
    let mut names = Vec::new();
    loop {
        match text(index) {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        let opens = depth == 1 && matches!(text(index), "{" | ",");
        if opens && !matches!(text(index + 1), "}" | "") {
            names.extend(name(index + 1));
        }
        index += 1;
        if depth == 0 || index >= source.tokens.len() {
            return names;
        }
    }
}

/// ARCHITECTURE.md has a row `| layer | `module` | …` for every module.
fn missing_from_table() -> Vec<String> {
    let text = fs::read_to_string(super::project().join("ARCHITECTURE.md")).unwrap_or_default();
    let is_there = |module: &str, layer: u8| {
        let start = format!("| {layer} | `{module}` |");
        text.lines().any(|line| line.starts_with(&start))
    };
    LAYERS
        .iter()
        .filter(|(module, layer)| *module != "bin" && !is_there(module, *layer))
        .map(|(module, layer)| {
            format!("ARCHITECTURE.md: no row starts with | {layer} | `{module}` |")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints_about(name: &str, text: &str) -> String {
        complaints_of(&Source::new(name, text)).join("\n")
    }

    #[test]
    fn lower_layers_may_be_seen() {
        assert_eq!(
            complaints_about("src/log/segment.rs", "use crate::{base::time::Time, wire::{a, b}};"),
            ""
        );
        assert_eq!(
            complaints_about("src/log.rs", "use crate::log::segment; pub(crate) fn f() {}"),
            ""
        );
    }

    #[test]
    fn higher_and_equal_layers_may_not() {
        assert!(
            complaints_about("src/base/time.rs", "use crate::node::X;")
                .contains("only lower layers")
        );
        assert!(
            complaints_about("src/disk.rs", "fn f(x: crate::wire::Y) {}")
                .contains("only lower layers")
        );
        let grouped = "use crate::{\n  base::A,\n  client::{B, C},\n};";
        let found = complaints_about("src/broker/server.rs", grouped);
        assert!(found.contains("src/broker/server.rs:3"), "{found}");
    }

    #[test]
    fn ways_around_by_super_are_seen() {
        let found = complaints_about("src/disk/volume.rs", "use super::super::wire::X;");
        assert!(found.contains("`wire`"), "{found}");
        let inner = "mod tests { use super::super::Delta; use super::super::super::node::X; }";
        let found = complaints_about("src/disk/volume.rs", inner);
        assert!(found.contains("`node`") && !found.contains("Delta"), "{found}");
    }

    #[test]
    fn some_pairs_never_meet() {
        let found = complaints_about("src/broker/server.rs", "use crate::zookeeper::Server;");
        assert!(found.contains("never imports"), "{found}");
        assert!(
            complaints_about("src/client/producer.rs", "use crate::log::Log;")
                .contains("never imports")
        );
    }

    #[test]
    fn modules_nobody_knows_are_refused() {
        assert!(complaints_about("src/helpers.rs", "").contains("has no layer"));
        assert!(
            complaints_about("src/ui.rs", "use crate::utils::x;")
                .contains("no module that has a layer")
        );
    }
}
