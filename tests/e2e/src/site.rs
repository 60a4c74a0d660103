//! A static host for the finished page: the files of one folder, nothing else, with the types a browser insists
//! on (a streamed wasm file must be `application/wasm`) and revalidation, as plain static hosts do it.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Serves until the program ends.
pub struct Site {
    url: String,
}

impl Site {
    /// Serves the page that `cargo xtask build` left in `dist/`, or in the folder `KAFKARIUM_DIST` names.
    pub fn of_dist() -> Self {
        Self::of_dist_under("/")
    }

    /// Serves the page under a path such as `/some/where/`, as a host with several pages does.
    pub fn of_dist_under(path: &str) -> Self {
        Self::serve(dist(), path)
    }

    /// Serves a copy of the page whose workers run `prelude`, in JavaScript, before anything of their own: a
    /// browser that refuses something, or a worker that breaks on demand.
    pub fn of_dist_with_workers_after(prelude: &str) -> Self {
        let copy = std::env::temp_dir().join(format!(
            "kafkarium-site-{}-{:x}",
            std::process::id(),
            prelude.len()
        ));
        fs::create_dir_all(&copy).expect("a folder for the copy");
        for entry in fs::read_dir(dist()).expect("dist holds a page").flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.join(entry.file_name())).expect("a copy");
            }
        }
        let boot = copy.join("boot.js");
        let own = fs::read_to_string(&boot).expect("boot.js starts workers");
        fs::write(&boot, format!("{prelude}\n{own}")).expect("the copy can be written to");
        Self::serve(copy, "/")
    }

    /// Serves a folder under a path.
    pub fn serve(folder: PathBuf, under: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let url = format!("http://{address}{under}");
        let under = under.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, under) = (folder.clone(), under.clone());
                // A browser that goes away in the middle of a file is no trouble of the test's.
                std::thread::spawn(move || answer(&stream, &folder, &under).ok());
            }
        });
        Self { url }
    }

    /// Where the page is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Where the finished page is.
fn dist() -> PathBuf {
    let dist = std::env::var_os("KAFKARIUM_DIST")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist"), PathBuf::from);
    assert!(
        dist.join("index.html").is_file(),
        "{} holds no page; `cargo xtask build` builds one",
        dist.display()
    );
    dist
}

struct Request {
    path: String,
    known_etag: Option<String>,
}

/// Answers requests on one connection until the browser closes it.
fn answer(stream: &TcpStream, folder: &Path, under: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let file = locate(folder, under, &request.path);
        let contents = file.as_deref().and_then(|file| Some((file, fs::metadata(file).ok()?)));
        let Some((file, metadata)) = contents.filter(|(_, metadata)| metadata.is_file()) else {
            respond(stream, "404 Not Found", "text/plain", "", b"no such file")?;
            continue;
        };
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let etag = format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos());
        if request.known_etag.as_ref() == Some(&etag) {
            respond(stream, "304 Not Modified", mime(file), &etag, b"")?;
        } else {
            respond(stream, "200 OK", mime(file), &etag, &fs::read(file)?)?;
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or("/");
    let path = target.split(['?', '#']).next().unwrap_or("/").to_owned();
    let mut known_etag = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(Some(Request { path, known_etag }));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("if-none-match")
        {
            known_etag = Some(value.trim().to_owned());
        }
    }
}

fn locate(folder: &Path, under: &str, path: &str) -> Option<PathBuf> {
    let inside = path.strip_prefix(under)?;
    let inside = Path::new(if inside.is_empty() { "index.html" } else { inside });
    let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    is_plain.then(|| folder.join(inside))
}

fn respond(
    mut stream: &TcpStream,
    status: &str,
    mime: &str,
    etag: &str,
    body: &[u8],
) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {}\r\n\
         Cache-Control: no-cache\r\nETag: {etag}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        Some("md" | "txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_the_folder_are_found() {
        let folder = Path::new("dist");
        assert_eq!(locate(folder, "/", "/"), Some(folder.join("index.html")));
        assert_eq!(locate(folder, "/a/", "/a/boot.js"), Some(folder.join("boot.js")));
        assert_eq!(locate(folder, "/a/", "/boot.js"), None);
        assert_eq!(locate(folder, "/", "/../Cargo.toml"), None);
        assert_eq!(locate(folder, "/", "//etc/passwd"), None);
    }
}
