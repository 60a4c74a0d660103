//! chromedriver: started on a port of its own choice, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::http;

/// A running chromedriver. Dropping it ends it and its browser.
pub(crate) struct Driver {
    process: Child,
    address: SocketAddr,
}

impl Driver {
    /// Starts the program that `CHROMEDRIVER` names, or the one on PATH.
    pub(crate) fn start() -> Self {
        let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()));
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split("started successfully on port ")
                    .nth(1)?
                    .trim_end_matches('.')
                    .parse()
                    .ok()
            })
            .expect("chromedriver says on which port it listens");
        // Read on to the end, or chromedriver would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    /// Sends one WebDriver command; an error is what the browser says it is.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let empty = json!({});
        let body = body.or((method == "POST").then_some(&empty));
        let answer = http::request(self.address, method, path, body)
            .map_err(|error| format!("{method} {path}: {error}"))?;
        let value = answer.get("value").cloned().unwrap_or_default();
        match value.get("error").and_then(Value::as_str) {
            Some(error) => {
                let message = value.get("message").and_then(Value::as_str).unwrap_or_default();
                Err(format!("{error}: {}", message.lines().next().unwrap_or_default()))
            }
            None => Ok(value),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail only if chromedriver has ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
