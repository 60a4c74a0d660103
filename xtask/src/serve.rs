//! `cargo xtask serve`: from a fresh clone to the page in a browser.

use crate::Failure;
use crate::process::{command, run};
use crate::tools;

/// Sets up what is missing and hands over to `trunk serve`, which rebuilds whenever a source changes.
pub fn serve(args: &[String]) -> Result<(), Failure> {
    let tools = tools::set_up()?;
    println!("\n== Serving the page (end with Ctrl-C); the first build takes some minutes");
    let mut trunk = command("trunk");
    tools.on_path(&mut trunk);
    run(trunk.arg("serve").args(args))
}
