//! `cargo xtask test`: everything that must hold before a change lands, in the order that finds mistakes
//! soonest. CI runs this and nothing else.

use crate::Failure;
use crate::console::part;
use crate::process::{cargo, project_root, run, run_tests};
use crate::tally::Tally;
use crate::{build, chromium, clients, simulate, size, tools};

const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

/// Runs all parts, or the one that is named.
pub fn test(args: &[String]) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let outcome = match args {
        [] => lint()
            .and_then(|()| native(&mut tally))
            .and_then(|()| simulate::test())
            .and_then(|()| clients::test(&mut tally))
            .and_then(|()| wasm(&mut tally))
            .and_then(|()| e2e(&mut tally)),
        [only] => match only.as_str() {
            "lint" => return lint(),
            "native" => native(&mut tally),
            "simulate" => return simulate::test(),
            "clients" => clients::test(&mut tally),
            "wasm" => wasm(&mut tally),
            "e2e" => e2e(&mut tally),
            other => return Err(no_such_part(other)),
        },
        more => return Err(no_such_part(&more.join(" "))),
    };
    close(&tally, outcome)
}

fn no_such_part(name: &str) -> Failure {
    format!(
        "There is no part `{name}`; the parts are lint, native, simulate, clients, wasm and e2e."
    )
    .into()
}

fn lint() -> Result<(), Failure> {
    part("Formatting", || run(cargo().args(["fmt", "--all", "--check"])))?;
    part("Lints for this machine", || {
        run(cargo().args([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    tools::ensure_wasm_target()?;
    part("Lints for the browser", || {
        let mut clippy = cargo();
        clippy.args([
            "clippy",
            "--locked",
            "--package",
            "kafkarium",
            "--lib",
            "--bin",
            "page",
            "--bin",
            "worker",
        ]);
        for name in web_tests() {
            clippy.args(["--test", &name]);
        }
        run(clippy.args(WASM).args(["--", "-D", "warnings"]))
    })
}

fn native(tally: &mut Tally) -> Result<(), Failure> {
    part("Tests on this machine", || {
        let packages = ["--package", "kafkarium", "--package", "xtask"];
        // Generated inputs are the same for the same commit, or a change could be refused for a fault that was there
        // before it. Who wants to look further gives another seed.
        let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| "1".into());
        count(
            tally,
            run_tests(
                cargo().args(["test", "--locked"]).args(packages).env("PROPTEST_RNG_SEED", seed),
            )?,
        )
    })
}

fn wasm(tally: &mut Tally) -> Result<(), Failure> {
    let names = web_tests();
    if names.is_empty() {
        return Ok(());
    }
    let chromium = chromium::set_up()?;
    let tools = tools::set_up()?;
    part("Tests in the browser", || {
        let mut tests = cargo();
        tests.args(["test", "--locked", "--package", "kafkarium"]).args(WASM);
        for name in &names {
            tests.args(["--test", name]);
        }
        tools.on_path(&mut tests);
        chromium.tell(&mut tests);
        tests.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
        count(tally, run_tests(&mut tests)?)
    })
}

fn e2e(tally: &mut Tally) -> Result<(), Failure> {
    let chromium = chromium::set_up()?;
    let dist = build::release()?;
    size::report(&dist)?;
    part("Tests of the finished page, end to end", || {
        let mut tests = cargo();
        tests.args(["test", "--locked", "--package", "e2e"]);
        // Two browsers at once on two cores make each other late.
        tests.env("RUST_TEST_THREADS", "1").env("KAFKARIUM_DIST", dist);
        chromium.tell(&mut tests);
        count(tally, run_tests(&mut tests)?)
    })
}

fn count(tally: &mut Tally, tests: Tally) -> Result<(), Failure> {
    let failure = tests.failure().map(Failure::from);
    let is_empty = tests.is_empty();
    tally.add(tests);
    match failure {
        Some(failure) => Err(failure),
        None if is_empty => Err("no test ran, so nothing was shown.".into()),
        None => Ok(()),
    }
}

/// The last lines: what each runner said, then the sum.
fn close(tally: &Tally, outcome: Result<(), Failure>) -> Result<(), Failure> {
    println!("\n== Result");
    if let Err(Failure(sentence)) = &outcome {
        println!("   Stopped at the first part that failed: {sentence}");
    }
    for line in tally.closing_lines() {
        println!("{line}");
    }
    println!("{}", tally.total());
    outcome
}

/// The tests that run in a browser: `tests/web*.rs`, by name.
fn web_tests() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(project_root().join("tests")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name.starts_with("web"))
        .collect();
    names.sort();
    names
}
