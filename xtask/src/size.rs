//! How large the finished page is: each file raw, and compressed as static hosts send it.

use std::path::Path;
use std::process::Stdio;

use crate::Failure;
use crate::process::command;

/// One file of the page.
pub struct FileSize {
    /// Its name without the hash that Trunk adds.
    pub name: String,
    /// Bytes on disk.
    pub raw: u64,
    /// Bytes after `gzip -9`, where there is a gzip.
    pub gzip: Option<u64>,
    /// Bytes after `brotli -q 11`, where there is a brotli.
    pub brotli: Option<u64>,
}

/// Measures the files that a first visit loads.
pub fn measure(dist: &Path) -> Result<Vec<FileSize>, Failure> {
    let unreadable =
        |error: std::io::Error| format!("{} could not be read: {error}", dist.display());
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(dist).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
            continue;
        };
        if !matches!(extension, "wasm" | "js" | "css" | "html") {
            continue;
        }
        sizes.push(FileSize {
            name: without_hash(&entry.file_name().to_string_lossy()),
            raw: entry.metadata().map_err(unreadable)?.len(),
            gzip: compressed(&path, "gzip", &["-9", "-c"]),
            brotli: compressed(&path, "brotli", &["-q", "11", "-c"]),
        });
    }
    sizes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(sizes)
}

/// Prints the sizes as a table.
pub fn report(dist: &Path) -> Result<(), Failure> {
    let sizes = measure(dist)?;
    println!("\n== Size of the page (KB)");
    println!("   {:<16} {:>8} {:>8} {:>8}", "file", "raw", "gzip", "brotli");
    let row = |name: &str, raw, gzip, brotli| {
        println!(
            "   {name:<16} {:>8} {:>8} {:>8}",
            kilobytes(Some(raw)),
            kilobytes(gzip),
            kilobytes(brotli)
        );
    };
    for size in &sizes {
        row(&size.name, size.raw, size.gzip, size.brotli);
    }
    let sum = |of: fn(&FileSize) -> Option<u64>| sizes.iter().map(of).sum::<Option<u64>>();
    row(
        "all",
        sizes.iter().map(|size| size.raw).sum(),
        sum(|size| size.gzip),
        sum(|size| size.brotli),
    );
    Ok(())
}

fn compressed(path: &Path, program: &str, args: &[&str]) -> Option<u64> {
    let output = command(program).args(args).arg(path).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout.len() as u64)
}

fn kilobytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".into(), |bytes| format!("{}.{}", bytes / 1000, bytes % 1000 / 100))
}

/// `page-1a2b3c4d5e6f7a8b_bg.wasm` is `page_bg.wasm` to a reader.
fn without_hash(name: &str) -> String {
    let Some((stem, rest)) = name.split_once('-') else {
        return name.into();
    };
    let hash = rest.chars().take_while(char::is_ascii_hexdigit).count();
    if hash == 16 { format!("{stem}{}", &rest[hash..]) } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_in_a_name_is_left_out() {
        assert_eq!(without_hash("page-1a2b3c4d5e6f7a8b_bg.wasm"), "page_bg.wasm");
        assert_eq!(without_hash("worker_bg.wasm"), "worker_bg.wasm");
        assert_eq!(without_hash("well-known.js"), "well-known.js");
    }

    #[test]
    fn sizes_are_in_kilobytes_with_one_digit() {
        assert_eq!(kilobytes(Some(12_345)), "12.3");
        assert_eq!(kilobytes(None), "-");
    }
}
