//! Transcripts: text files of commands, each followed by `----` and what came of it, if anything did,
//! up to an empty line. `UPDATE=1 cargo test` writes down what comes of them now; the difference is
//! then reviewed. Lines that begin with `#` say what the transcript is about.

use std::path::PathBuf;

/// Plays `tests/transcripts/NAME`: `command` takes a line and gives back what came of it.
pub fn check(name: &str, command: &mut dyn FnMut(&str) -> String) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "transcripts", name].iter().collect();
    let expected = std::fs::read_to_string(&path).expect("a transcript");
    let found = play(&expected, command);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).expect("a place to write");
        return;
    }
    assert_eq!(found, expected, "{name}: `UPDATE=1 cargo test` writes down what happens now");
}

fn play(text: &str, command: &mut dyn FnMut(&str) -> String) -> String {
    let mut found = String::new();
    let mut is_outcome = false;
    for line in text.lines() {
        if is_outcome {
            is_outcome = !line.is_empty();
        } else if line == "----" {
            is_outcome = true;
        } else if line.is_empty() {
            // One is enough, and an outcome brings its own.
            if !found.ends_with("\n\n") {
                found.push('\n');
            }
        } else if line.starts_with('#') {
            found.extend([line, "\n"]);
        } else {
            let outcome = command(line);
            let outcome = outcome.trim_end();
            if outcome.is_empty() {
                found.extend([line, "\n"]);
            } else {
                found.extend([line, "\n----\n", outcome, "\n\n"]);
            }
        }
    }
    found.truncate(found.trim_end().len());
    found.push('\n');
    found
}

#[test]
fn what_comes_of_a_command_replaces_what_came_of_it() {
    let mut lengths = |line: &str| match line {
        "quiet" => String::new(),
        line => line.len().to_string(),
    };
    let text = "# one\nabc\n----\nold\n\nquiet\nde\n";
    assert_eq!(play(text, &mut lengths), "# one\nabc\n----\n3\n\nquiet\nde\n----\n2\n");
    let again = play(text, &mut lengths);
    assert_eq!(play(&again, &mut lengths), again);
}
