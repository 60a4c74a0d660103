//! What CI asks of the simulator: seeds played twice, faults that were planted found, and that everything that
//! can happen does happen. One optimised build serves all of it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::Failure;
use crate::console::part;
use crate::process::{cargo, project_root, run};

/// Seeds of Kafka clusters, and of ZooKeeper ensembles alone, that CI plays.
const SEEDS: &str = "0..200";
/// Seeds within which a planted fault must be found.
const HUNT: &str = "0..1000";
/// Where the marks are excused that no seed of CI reaches.
const EXCUSED: &str = "tests/marks.txt";

fn simulate() -> Command {
    let mut simulate = cargo();
    simulate.args(["run", "--locked", "--quiet", "--profile", "native", "--features", "mutants"]);
    simulate.args(["--bin", "simulate", "--"]);
    simulate
}

/// The part of `cargo xtask test`.
pub fn test() -> Result<(), Failure> {
    part("Simulated clusters", || {
        let marks = project_root().join("target/marks.json");
        run(simulate()
            .args([
                "--seeds",
                SEEDS,
                "--minutes",
                "1",
                "--twice",
                "--quiet",
                "--save",
                "target/failed",
            ])
            .arg("--marks")
            .arg(&marks))?;
        let text =
            fs::read_to_string(&marks).map_err(|error| format!("{}: {error}", marks.display()))?;
        check_marks(&text)
    })?;
    part("Simulated ensembles", || {
        let ensembles = ["--workload", "zookeeper", "--seconds", "20", "--twice", "--quiet"];
        run(simulate().args(["--seeds", SEEDS]).args(ensembles))
    })?;
    part("Planted faults", || run(simulate().args(["--mutant", "all", "--seeds", HUNT])))
}

/// `cargo xtask mutants`: every planted fault, or the one that is named, within a thousand seeds.
pub fn mutants(args: &[String]) -> Result<(), Failure> {
    let name = args.first().map_or("all", String::as_str);
    run(simulate().args(["--mutant", name, "--seeds", HUNT]))
}

/// Compares what happened with everything that could, as the sources have it.
fn check_marks(seen: &str) -> Result<(), Failure> {
    let read = |file: &str| {
        fs::read_to_string(project_root().join(file)).map_err(|error| format!("{file}: {error}"))
    };
    let mut possible = variants(&read("src/base/trace.rs")?);
    for file in rust_files("src/broker")? {
        possible.extend(error_codes(&read(&file)?));
    }
    let excused = read(EXCUSED)?;
    let excused: BTreeSet<&str> = excused
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' ').map(|(name, _)| name))
        .collect();
    // Names in quotation marks are all that matters of the report.
    let seen: BTreeSet<&str> = seen.split('"').skip(1).step_by(2).collect();
    let mut complaints = Vec::new();
    for name in &possible {
        match (seen.contains(name.as_str()), excused.contains(name.as_str())) {
            (false, false) => complaints.push(format!("{name} never happened")),
            (true, true) => complaints.push(format!("{name} happens: take it out of {EXCUSED}")),
            _ => {}
        }
    }
    let stale = excused.iter().filter(|name| !possible.contains(**name));
    complaints
        .extend(stale.map(|name| format!("{name} in {EXCUSED} is nothing that could happen")));
    println!("   {} of {} marks were reached", possible.len() - excused.len(), possible.len());
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ").into()) }
}

/// The variants of `TraceEvent` in its source.
fn variants(source: &str) -> BTreeSet<String> {
    let body = source.split("pub enum TraceEvent {").nth(1).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.filter_map(|line| line.split([' ', '{', ',']).next()).map(str::to_owned).collect()
}

/// Kafka's errors that a source names, its unit tests aside.
fn error_codes(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let names = code.split("ErrorCode::").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        Some(rest[..end].to_owned()).filter(|name| name.len() > 1 && name != "NONE")
    });
    names.collect()
}

/// All sources below a folder but those of tests, as paths from the project's root.
fn rust_files(folder: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(project_root().join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            if name != "tests" {
                found.extend(rust_files(&path)?);
            }
        } else if entry.path().extension().is_some_and(|it| it == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_sources() {
        let source = "pub enum TraceEvent {\n    /// One.\n    One { a: u8 },\n    Two,\n    Three {\n        b: u8,\n    },\n}\n";
        let names: Vec<String> = variants(source).into_iter().collect();
        assert_eq!(names, ["One", "Three", "Two"]);
        let source =
            "ErrorCode::NONE; ErrorCode::A_B, ErrorCode::is_ok\n#[cfg(test)]\nErrorCode::C_D";
        assert_eq!(error_codes(source).into_iter().collect::<Vec<_>>(), ["A_B"]);
    }
}
