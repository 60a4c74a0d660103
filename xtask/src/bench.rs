//! `cargo xtask bench` and `cargo xtask sweep`: hand over to the programs that measure and search.

use crate::Failure;
use crate::chromium::Chromium;
use crate::process::{cargo, project_root, run};
use crate::{build, chromium, clients, size, tools};

/// Prints one JSON object a line: the size of each file of the page, what it costs in a
/// browser, then what the native benches print.
pub fn bench(args: &[String]) -> Result<(), Failure> {
    let dist = build::release()?;
    for file in size::measure(&dist)? {
        let number =
            |bytes: Option<u64>| bytes.map_or_else(|| "null".into(), |bytes| bytes.to_string());
        println!(
            "{{\"bench\":\"size\",\"file\":\"{}\",\"raw_bytes\":{},\"gzip_bytes\":{},\"brotli_bytes\":{}}}",
            file.name,
            file.raw,
            number(file.gzip),
            number(file.brotli)
        );
    }
    let chromium = chromium::set_up()?;
    let mut in_browser = cargo();
    in_browser.args(["run", "--locked", "--quiet", "--package", "e2e", "--bin", "bench"]);
    in_browser.env("KAFKARIUM_DIST", &dist);
    chromium.tell(&mut in_browser);
    run(&mut in_browser)?;
    log_in_browser(&chromium)?;
    if project_root().join("benches").is_dir() {
        run(cargo().args(["bench", "--locked", "--"]).args(args))?;
    }
    clients::bench()
}

/// The bench of the log as wasm.
fn log_in_browser(chromium: &Chromium) -> Result<(), Failure> {
    let mut bench = cargo();
    bench.args(["test", "--locked", "--release", "--target", "wasm32-unknown-unknown"]);
    bench.args(["--test", "web_log_speed", "--", "--include-ignored", "--nocapture"]);
    tools::set_up()?.on_path(&mut bench);
    chromium.tell(&mut bench);
    bench.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    run(&mut bench)
}

/// Runs the simulator with these arguments.
pub fn sweep(args: &[String]) -> Result<(), Failure> {
    let mut simulate = cargo();
    simulate.args(["run", "--locked", "--profile", "native", "--bin", "simulate", "--"]);
    run(simulate.args(args))
}
