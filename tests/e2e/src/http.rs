//! The one kind of HTTP request that a WebDriver server on this machine needs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any command may take: a hung browser must end the test.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Sends JSON and returns the JSON that comes back.
pub(crate) fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> io::Result<Value> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    read_json(&mut stream)
}

fn read_json(stream: &mut TcpStream) -> io::Result<Value> {
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    let (start, length) = loop {
        match stream.read(&mut piece)? {
            0 => return Err(invalid("the server closed the connection before its answer ended")),
            count => answer.extend_from_slice(&piece[..count]),
        }
        if let Some(body) = body_of(&answer)? {
            break body;
        }
    };
    while answer.len() < start + length {
        match stream.read(&mut piece)? {
            0 => return Err(invalid("the server closed the connection inside its answer")),
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    serde_json::from_slice(&answer[start..start + length]).map_err(io::Error::other)
}

/// Where the body starts and how long it is, once the head is complete.
fn body_of(answer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .ok_or_else(|| invalid("the server's answer has no length"))?;
    Ok(Some((end + 4, length)))
}

fn invalid(sentence: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}
