//! The simulator: random faults on random worlds, judged by checkers. Native only.

#[cfg(not(target_arch = "wasm32"))]
#[path = "simulate/arguments.rs"]
mod arguments;
#[cfg(all(feature = "mutants", not(target_arch = "wasm32")))]
#[path = "simulate/hunt.rs"]
mod hunt;
#[cfg(not(target_arch = "wasm32"))]
#[path = "simulate/run.rs"]
mod run;
#[cfg(not(target_arch = "wasm32"))]
#[path = "simulate/total.rs"]
mod total;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
