//! What Trunk runs after each build, before it puts the files in place: shrinks the wasm files of a release, and
//! stamps the page with a hash of the worker's files. Trunk names those without a hash, so without the stamp a
//! browser could start an old worker from its cache beside a new page.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::wasm_opt;

const PLACEHOLDER: &str = "name=\"build-id\" content=\"dev\"";
const WORKER_FILES: [&str; 3] = ["worker_bg.wasm", "worker.js", "boot.js"];

/// Works on the folder that Trunk names in `TRUNK_STAGING_DIR`.
pub fn after_build() -> Result<(), Failure> {
    let staging = std::env::var_os("TRUNK_STAGING_DIR").ok_or(
        "`after-build` is run by Trunk, which says in TRUNK_STAGING_DIR where the files are.",
    )?;
    let staging = PathBuf::from(staging);
    if std::env::var("TRUNK_PROFILE").as_deref() == Ok("release") {
        shrink_all(&staging)?;
    }
    stamp(&staging)
}

fn shrink_all(staging: &Path) -> Result<(), Failure> {
    let Some(program) = wasm_opt::find() else {
        println!(
            "   No wasm-opt of version 120 or newer was found: the wasm files are larger than they need to be. \
             `npm install --no-save binaryen@132.0.0` in the project brings one."
        );
        return Ok(());
    };
    let entries = std::fs::read_dir(staging).map_err(|error| unreadable(staging, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable(staging, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm")
            && let Err(reason) = wasm_opt::shrink(&program, &path)
        {
            println!("   {} stays as the compiler left it: {reason}", path.display());
        }
    }
    Ok(())
}

fn stamp(staging: &Path) -> Result<(), Failure> {
    let mut hash = Fnv::default();
    for name in WORKER_FILES {
        let path = staging.join(name);
        hash.add(&std::fs::read(&path).map_err(|error| unreadable(&path, &error))?);
    }
    let page = staging.join("index.html");
    let html = std::fs::read_to_string(&page).map_err(|error| unreadable(&page, &error))?;
    if !html.contains(PLACEHOLDER) {
        return Err(format!("index.html has lost the line with {PLACEHOLDER}.").into());
    }
    let stamped =
        html.replace(PLACEHOLDER, &format!("name=\"build-id\" content=\"{:016x}\"", hash.0));
    std::fs::write(&page, stamped).map_err(|error| unreadable(&page, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    format!("{} could not be read or written: {error}", path.display()).into()
}

/// FNV-1a: enough to tell one build from another, and ten lines instead of a dependency.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = Fnv::default();
        hash.add(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_stamp_replaces_the_placeholder() {
        let folder = std::env::temp_dir().join(format!("kafkarium-stamp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in WORKER_FILES {
            std::fs::write(folder.join(name), name).unwrap();
        }
        std::fs::write(folder.join("index.html"), format!("<meta {PLACEHOLDER} />")).unwrap();
        stamp(&folder).unwrap();
        let html = std::fs::read_to_string(folder.join("index.html")).unwrap();
        assert!(!html.contains("\"dev\""), "{html}");
        assert!(stamp(&folder).is_err(), "a page without the placeholder is refused");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
