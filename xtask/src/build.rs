//! Builds the finished page into `dist/`.

use std::path::PathBuf;

use crate::Failure;
use crate::console::part;
use crate::process::{command, project_root, run};
use crate::{tools, wasm_opt};

/// Builds the release and returns the folder that holds it.
pub fn release() -> Result<PathBuf, Failure> {
    let tools = tools::set_up()?;
    wasm_opt::set_up();
    part("Building the page (release)", || {
        let mut trunk = command("trunk");
        tools.on_path(&mut trunk);
        run(trunk.args(["build", "--release"]))
    })?;
    Ok(project_root().join("dist"))
}
