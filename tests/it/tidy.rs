//! What a reader may rely on in every file of the project, held by a test: the layers, the sizes, the words that
//! never stay behind. Each failure names the file, the line and what to do instead.

mod dependencies;
mod layers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// A longer file holds more than one idea.
const LINES_MAX: usize = 600;

/// Words that mark unfinished work, and what to do instead. Taken apart, so that this file may hold them.
const LEFTOVERS: [(&str, &str); 3] = [
    (concat!("TO", "DO"), "finish it, or file an issue"),
    (concat!("FIX", "ME"), "fix it, or file an issue"),
    (concat!("XX", "X:"), "say in plain words what is meant"),
];

/// Names that no code uses, and what to use instead.
const BANNED_NAMES: [(&str, &str); 2] = [
    ("HashMap", "BTreeMap: its order is the same in every run"),
    ("HashSet", "BTreeSet: its order is the same in every run"),
];

/// Macros that never stay behind.
const BANNED_MACROS: [&str; 3] = ["dbg", "unimplemented", "todo"];

/// Where paths of one machine start. Taken apart, so that this file may hold them.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Crates that only the browser's side may know.
const BROWSER_CRATES: [&str; 7] =
    ["gloo", "idb", "js_sys", "wasm_bindgen", "wasm_bindgen_futures", "web_sys", "yew"];

/// Parts of std through which the world outside could come in.
const OUTSIDE_STD: [&str; 6] = ["env", "fs", "net", "process", "thread", "time"];

/// The project's root.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, in a steady order, as paths from the project's root.
fn files_under(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&project().join(folder), &mut found);
    let root = project();
    for path in &mut found {
        *path = path.strip_prefix(&root).expect("walked from the root").to_path_buf();
    }
    found.sort();
    found
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn sources(folder: &str) -> Vec<Source> {
    files_under(folder).into_iter().filter(|path| is_rust(path)).map(Source::read).collect()
}

/// Fails with all complaints at once, so that one run shows all there is to do.
fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn modules_import_only_lower_layers() {
    assert_tidy(&layers::complaints(&sources("src")));
}

#[test]
fn every_dependency_is_known_and_explained() {
    assert_tidy(&dependencies::complaints());
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    let mut complaints = Vec::new();
    for source in ["src", "xtask", "tests/it", "tests/e2e"].into_iter().flat_map(sources) {
        // A file of unit tests is explained by its name and by the file it tests.
        let is_explained = source.text.starts_with("//!") || source.name.ends_with("/tests.rs");
        if !is_explained {
            complaints.push(format!("{}: opens without `//!`: say what it is", source.name));
        }
        let lines = source.code_lines();
        if lines > LINES_MAX {
            complaints.push(format!(
                "{}: {lines} lines without its tests, more than {LINES_MAX}: split it by idea",
                source.name
            ));
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn nothing_unfinished_stays_behind() {
    let mut complaints = Vec::new();
    for source in ["src", "xtask", "tests"].into_iter().flat_map(sources) {
        for (number, line) in source.text.lines().enumerate() {
            for (word, instead) in LEFTOVERS {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: {word}: {instead}", source.name, number + 1));
                }
            }
        }
        for pair in source.tokens.windows(2) {
            if BANNED_MACROS.contains(&pair[0].text.as_str()) && pair[1].text == "!" {
                complaints.push(format!("{}: {}! stays behind", source.at(&pair[0]), pair[0].text));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn the_engine_has_no_order_of_chance() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        for token in &source.tokens {
            if let Some((name, instead)) = BANNED_NAMES.iter().find(|(name, _)| token.text == *name)
            {
                complaints.push(format!("{}: {name}: use {instead}", source.at(token)));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn only_hosts_know_the_world_outside() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        let is_program = source.name.starts_with("src/bin/");
        let is_browser = is_program
            || source.name.starts_with("src/host/browser")
            || source.name.starts_with("src/ui");
        let is_host = is_program || source.name.starts_with("src/host");
        for (index, token) in source.tokens.iter().enumerate() {
            if source.is_test(token) {
                continue;
            }
            let path = source.path_at(index);
            if !is_browser && BROWSER_CRATES.contains(&token.text.as_str()) && path.len() > 1 {
                complaints.push(format!(
                    "{}: `{}`: only src/host/browser and src/ui know the browser",
                    source.at(token),
                    token.text
                ));
            }
            let comes_from_outside = match path.as_slice() {
                ["std", "time", "Duration", ..] => false,
                ["std", part, ..] => OUTSIDE_STD.contains(part),
                _ => false,
            };
            if !is_host && comes_from_outside {
                complaints.push(format!(
                    "{}: `{}`: only src/host and the programs meet clocks, threads, files and sockets",
                    source.at(token),
                    path.join("::")
                ));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn no_path_of_one_machine_is_named() {
    let folders =
        ["src", "tests", "xtask", "docs", "static", "lessons", "benches", ".ci", ".github"];
    let mut files: Vec<PathBuf> = folders.into_iter().flat_map(files_under).collect();
    let at_root = fs::read_dir(project()).expect("the project can be read").flatten();
    files.extend(
        at_root
            .filter(|entry| entry.path().is_file() && entry.file_name() != ".git")
            .map(|entry| entry.file_name().into()),
    );
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("Cargo.lock")) {
        // What is not text has no paths to read.
        let Ok(text) = fs::read_to_string(project().join(file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if MACHINE_PATHS.iter().any(|path| names_path(line, path)) {
                complaints.push(format!(
                    "{}:{}: names a path of one machine: {}",
                    file.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_tidy(&complaints);
}

/// Whether the path stands in the line as the start of a path, not inside a longer one or an address.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-/}".contains(character))
    })
}

#[test]
fn a_path_of_a_machine_is_told_from_the_rest() {
    let path = MACHINE_PATHS[0];
    assert!(names_path(&format!("cd {path}main"), path));
    assert!(names_path(&format!("\"{path}main\""), path));
    assert!(!names_path(&format!("https://example.com{path}main"), path));
    assert!(!names_path(&format!("${{HOME}}{path}main"), path));
}
