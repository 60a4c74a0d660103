//! `cargo xtask fuzz`: searches for bytes that break a decoder or a server.

use crate::Failure;
use crate::console::part;
use crate::process::{cargo, command, find_on_path, output_of, project_root, run};

/// How long each target runs unless told otherwise (seconds).
const SECONDS: u64 = 600;

/// `fuzz [SECONDS] [TARGET…]`: all targets one after the other, or those that are named.
pub fn fuzz(args: &[String]) -> Result<(), Failure> {
    let (seconds, named) = match args.split_first() {
        Some((first, rest)) => match first.parse() {
            Ok(seconds) => (seconds, rest),
            Err(_) => (SECONDS, args),
        },
        None => (SECONDS, args),
    };
    if find_on_path("cargo-fuzz").is_none() {
        part("Compiling cargo-fuzz (once, about 2 minutes on two cores)", || {
            run(cargo().args(["install", "cargo-fuzz", "--locked"]))
        })?;
    }
    // The sanitizer's coverage is unstable; a stable compiler has it too, when it is let.
    let has_nightly = output_of(command("rustup").args(["run", "nightly", "rustc", "--version"]));
    let toolchain: &[&str] = if has_nightly.is_some() { &["run", "nightly"] } else { &[] };
    let corpus = project_root().join("fuzz/corpus");
    part("Writing the seeds", || {
        let manifest = ["--manifest-path", "fuzz/Cargo.toml"];
        run(cargo().arg("run").args(manifest).args(["--example", "seeds", "--"]).arg(&corpus))
    })?;
    let targets = targets(named)?;
    for target in &targets {
        part(&format!("Fuzzing {target} for {seconds} s"), || {
            let mut fuzz = match toolchain {
                [] => cargo(),
                words => {
                    let mut rustup = command("rustup");
                    rustup.args(words).arg("cargo");
                    rustup
                }
            };
            // The cargo that runs this command names its own compiler to those it starts.
            fuzz.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
            if toolchain.is_empty() {
                fuzz.env("RUSTC_BOOTSTRAP", "1");
            }
            // The code holds no `unsafe`, so a sanitizer would only make it slow.
            fuzz.args(["fuzz", "run", "--sanitizer", "none", target, "--"]);
            fuzz.arg(format!("-max_total_time={seconds}"));
            fuzz.args(["-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]);
            run(&mut fuzz)
        })?;
    }
    Ok(())
}

/// The targets that are named, or all: `fuzz/fuzz_targets/*.rs`.
fn targets(named: &[String]) -> Result<Vec<String>, Failure> {
    let folder = project_root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("fuzz_targets: {error}"))?;
    let mut all: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    all.sort();
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(format!("There is no target `{unknown}`; they are {}.", all.join(", ")).into());
    }
    if !named.is_empty() {
        all.retain(|name| named.contains(name));
    }
    Ok(all)
}
