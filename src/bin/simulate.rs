//! The simulator: random faults on random worlds, judged by checkers. Native only.

#[cfg(not(target_arch = "wasm32"))]
#[path = "simulate/run.rs"]
mod run;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
