//! Transcripts: texts of commands with what came of each, played again and compared. With `UPDATE=1`
//! they are rewritten instead, and the difference is judged by eye.
//!
//! A line that begins with `> ` is a command; the lines below it, up to the next command, comment or
//! empty line, are its answer. Everything else is for the reader.

mod replicas;

use std::fs;
use std::path::PathBuf;

/// Plays `name` in `tests/transcripts`, asking `answer` for what each command answers.
fn play(name: &str, mut answer: impl FnMut(&str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let text = fs::read_to_string(&path).expect("the transcript is there");
    let (mut played, mut is_answer) = (String::new(), false);
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            played.extend([line, "\n"]);
            for line in answer(command).lines() {
                assert!(!line.is_empty() && !line.starts_with(['>', '#']), "{name}: {line}");
                played.extend([line, "\n"]);
            }
            is_answer = true;
        } else if line.is_empty() || line.starts_with('#') || !is_answer {
            played.extend([line, "\n"]);
            is_answer = false;
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, played).expect("the transcript can be written");
        return;
    }
    let differs = text.lines().zip(played.lines()).position(|(was, is)| was != is);
    let at = differs.unwrap_or(text.lines().count().min(played.lines().count()));
    assert!(text == played, "{name}:{}: another answer; the whole is\n{played}", at + 1);
}
