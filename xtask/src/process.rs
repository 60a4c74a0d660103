//! Runs other programs: always from the project's root, never with a terminal for input (CI has none), and
//! with a sentence when one fails.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::tally::Tally;

/// The folder that holds the workspace.
pub fn project_root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| "xtask".into(), PathBuf::from);
    here.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// A command that runs in the project's root and reads no input.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project_root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this program.
pub fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Prints the command, runs it with its output shown, and fails when it fails.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    println!("   {shown}");
    let status = command.status().map_err(|error| could_not_start(&shown, &error))?;
    if status.success() { Ok(()) } else { Err(failed(&shown, status.code())) }
}

/// Runs a test runner with its output shown, and counts the tests by its closing lines.
pub fn run_tests(command: &mut Command) -> Result<Tally, Failure> {
    let shown = show(command);
    println!("   {shown}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| could_not_start(&shown, &error))?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(|error| format!("`{shown}` could not be read: {error}"))?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
    }
    let status = child.wait().map_err(|error| could_not_start(&shown, &error))?;
    if !status.success() {
        tally.fail(failed(&shown, status.code()).0);
    }
    Ok(tally)
}

/// What a command prints, or nothing when it cannot be run or fails.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Looks a program up on PATH.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program).with_extension(env::consts::EXE_EXTENSION))
        .find(|file| file.is_file())
}

/// PATH with these folders before all others.
pub fn path_with<'a>(folders: impl IntoIterator<Item = &'a PathBuf>) -> OsString {
    let before = env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = folders.into_iter().cloned().chain(env::split_paths(&before)).collect();
    env::join_paths(all).unwrap_or(before)
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn could_not_start(shown: &str, error: &std::io::Error) -> Failure {
    format!("`{shown}` could not be run: {error}.").into()
}

fn failed(shown: &str, code: Option<i32>) -> Failure {
    let ending =
        code.map_or_else(|| "was ended by a signal".into(), |code| format!("ended with {code}"));
    format!("`{shown}` {ending}; what it printed above says why.").into()
}
