//! The gateway: a world in real time behind TCP ports on loopback, for real Kafka and ZooKeeper
//! clients.

#[cfg(not(target_arch = "wasm32"))]
#[path = "gateway/run.rs"]
mod run;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
