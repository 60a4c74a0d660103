//! The project's own commands, run as `cargo xtask NAME`. They set up what they need on a machine that has
//! nothing but rustup, say what they do while they do it, and are the same for people and for CI.

mod after_build;
mod apt;
mod bench;
mod build;
mod chromium;
mod clients;
mod console;
mod fuzz;
mod lockfile;
mod process;
mod serve;
mod simulate;
mod size;
mod tally;
mod test;
mod tools;
mod wasm_opt;

use std::process::ExitCode;

/// What went wrong, as one sentence for the person at the terminal.
#[derive(Debug)]
pub struct Failure(pub String);

impl<T: Into<String>> From<T> for Failure {
    fn from(sentence: T) -> Self {
        Self(sentence.into())
    }
}

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  serve [ARGS]      sets up what is missing, then builds the page and serves it (ARGS go to `trunk serve`,
                    for example --open or --port 9000)
  test [PART]       sets up what is missing, then runs everything CI runs; PART is one of
                    lint, native, simulate, clients, wasm, e2e
  build             builds the finished page into dist/ and prints its size
  bench [ARGS]      prints measurements, one JSON object a line
  sweep [ARGS]      runs the simulator over many seeds (ARGS go to `simulate`)
  mutants [NAME]    plants faults one at a time and shows that the simulator's checkers find each
  fuzz [S] [NAME]   searches for bytes that break something, S seconds for each target (600)
  java-clients      runs Apache Kafka's own tools against the gateway, where Java and Maven are there
  setup             installs the tools and nothing else
  after-build       what Trunk runs after each build (see Trunk.toml)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match command {
        "serve" => serve::serve(rest),
        "test" => test::test(rest),
        "build" => build::release().and_then(|dist| size::report(&dist)),
        "bench" => bench::bench(rest),
        "mutants" => simulate::mutants(rest),
        "sweep" => bench::sweep(rest),
        "fuzz" => fuzz::fuzz(rest),
        "java-clients" => clients::java(),
        "setup" => tools::set_up().map(drop),
        "after-build" => after_build::after_build(),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("There is no command `{other}`.\n\n{USAGE}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentence)) => {
            eprintln!("\nxtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}
