//! The gateway as a program: its command line, its script and standard input, what it leaves on the
//! disk, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running gateway with one ZooKeeper server.
struct Gateway {
    child: Child,
    kafka: u16,
    said: Receiver<String>,
    heard: Vec<String>,
}

/// A folder that is there as long as the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("kafkarium-gateway-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // It may be left from a process of the same number.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a temporary directory");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that failed may have left it to its gateway.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first of `count` neighbouring ports that are free.
fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 33_000 + (std::process::id() % 1_000) as u16 * 16;
    loop {
        let first = begin + NEXT.fetch_add(count, Ordering::Relaxed) % 15_000;
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return first;
        }
    }
}

fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[expect(clippy::disallowed_methods, reason = "a program lives in real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "pipes block")]
fn follow(pipe: impl Read + Send + 'static, to: std::sync::mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

impl Gateway {
    fn start(brokers: u16, words: &[&str]) -> Self {
        let first = free_ports(brokers + 1);
        Self::start_on(first, brokers, words)
    }

    fn start_on(first: u16, brokers: u16, words: &[&str]) -> Self {
        let numbers = [brokers, first, first + brokers].map(|number| number.to_string());
        let mut all = vec!["--brokers", &numbers[0], "--kafka-port", &numbers[1]];
        all.extend(["--zookeeper-port", &numbers[2]]);
        all.extend(words);
        let mut child = program(&all).spawn().expect("it was built");
        let (sender, said) = channel();
        follow(child.stdout.take().expect("a pipe"), sender.clone());
        follow(child.stderr.take().expect("a pipe"), sender);
        Self { child, kafka: first, said, heard: Vec::new() }
    }

    fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("it reads");
    }

    /// Waits for a line that `wanted` takes, and returns it.
    fn hear(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(now());
            let line = self.said.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {what} in {:#?}", self.heard));
            self.heard.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Waits until a broker listens.
    fn wait_for_broker(&self, number: u16) {
        let deadline = now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.kafka + number - 1)).is_err() {
            assert!(now() < deadline, "broker {number} does not listen: {:#?}", self.heard);
            pause();
        }
    }

    fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &number]).status();
        assert!(sent.expect("a Unix").success());
    }

    fn end(&mut self) -> ExitStatus {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                self.heard.extend(self.said.try_iter());
                return status;
            }
            assert!(now() < deadline, "it does not end: {:#?}", self.heard);
            pause();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a program lives in real time")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// What a gateway prints that must not stay: its exit code and the words of both streams.
fn refused(words: &[&str]) -> (Option<i32>, String) {
    let output = program(words).output().expect("it was built");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            names.extend(files(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

#[test]
fn a_script_is_obeyed_and_what_is_left_has_kafkas_and_zookeepers_layout() {
    let scratch = Scratch::new("script");
    let (script, data) = (scratch.path("script"), scratch.path("data"));
    let lines = "# a broker goes and comes back\nwait 3\nstop broker-1\nwait 2\nrestart broker-1\nwait 3\n\
                 start admin-1 admin bootstrap.servers=BOOTSTRAP\nwait 1\n\
                 tell admin-1 create-topic orders partitions=2\nwait 2\nquit\n";
    let first = free_ports(2);
    let lines = lines.replace("BOOTSTRAP", &format!("localhost:{first}"));
    fs::write(&script, lines).expect("a file");
    let (script, data) = (script.to_string_lossy(), data.to_string_lossy());
    let mut gateway = Gateway::start_on(first, 1, &["--script", &script, "--data", &data]);
    gateway.hear("end", |line| line == "stopped");
    assert!(gateway.end().success());
    let kept = |line: &&String| line.contains("broker-1") || line.contains("orders");
    let heard: Vec<&String> = gateway.heard.iter().filter(kept).collect();
    assert_eq!(heard[..2], ["stop broker-1", "restart broker-1"], "{:#?}", gateway.heard);
    let left = files(Path::new(&*data));
    for name in [
        "broker-1/.kafka_cleanshutdown",
        "broker-1/meta.properties",
        "broker-1/orders-0/00000000000000000000.log",
        "broker-1/orders-0/00000000000000000000.index",
        "broker-1/orders-0/00000000000000000000.timeindex",
        "broker-1/orders-0/leader-epoch-checkpoint",
        "broker-1/orders-0/partition.metadata",
        "broker-1/orders-1/00000000000000000000.log",
        "broker-1/recovery-point-offset-checkpoint",
        "broker-1/replication-offset-checkpoint",
        "broker-1/log-start-offset-checkpoint",
    ] {
        assert!(left.iter().any(|file| file == name), "{name}: {left:#?}");
    }
    let of_zookeeper = |kind: &str| {
        let begin = format!("zookeeper-1/zookeeper/version-2/{kind}.");
        left.iter().any(|file| file.starts_with(&begin))
    };
    assert!(of_zookeeper("log") && of_zookeeper("snapshot"), "{left:#?}");
}

#[test]
fn signals_stop_the_brokers_cleanly_and_the_directory_is_taken_up_again() {
    let scratch = Scratch::new("signals");
    let data = scratch.path("data");
    let data = data.to_string_lossy();
    let clean = Path::new(&*data).join("broker-1/.kafka_cleanshutdown");
    for signal in ["-INT", "-TERM"] {
        let mut gateway = Gateway::start(1, &["--data", &data]);
        gateway.wait_for_broker(1);
        assert!(!clean.exists(), "it was taken up");
        let ports = gateway.hear("ports", |line| line.starts_with("kafka "));
        assert_eq!(ports, format!("kafka 127.0.0.1:{}", gateway.kafka));
        let (code, text) = refused(&["--brokers", "1", "--data", &data]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("another gateway uses it"), "{text}");
        gateway.signal(signal);
        let status = gateway.end();
        assert!(status.success(), "{status}: {:#?}", gateway.heard);
        assert!(gateway.heard.iter().any(|line| line == "stopped"), "{:#?}", gateway.heard);
        assert!(clean.exists(), "stopped by {signal}");
    }
}

#[test]
fn every_action_is_taken_on_standard_input() {
    let mut gateway = Gateway::start(2, &[]);
    gateway.wait_for_broker(1);
    gateway.wait_for_broker(2);
    let bootstrap = format!("bootstrap.servers=localhost:{}", gateway.kafka);
    let lines = [
        "supervisor on",
        "kill broker-1",
        "restart broker-1",
        "pause broker-2",
        "resume broker-2",
        "power-off broker-2",
        "power-on broker-2",
        "isolate broker-1",
        "isolate broker-1 in",
        "isolate broker-1 out",
        "heal broker-1",
        "latency broker-1 5000",
        "latency broker-1 0",
        "fill-disk broker-2",
        "repair-disk broker-2",
        "fail-disk broker-2",
        "repair-disk broker-2",
        "corrupt broker-1 meta.properties 0",
        "reset broker-1",
        "reset broker-1 broker-2",
        "clock broker-2 150",
        "clock broker-2 100",
        &format!("start admin-1 admin {bootstrap}"),
        "stop admin-1",
        "at 99999999 kill broker-1",
    ];
    for line in lines {
        gateway.type_line(line);
        let answer = gateway.hear(line, |said| said.starts_with(line));
        assert_eq!(answer, line, "{:#?}", gateway.heard);
    }
    let wrong = ["explode", "kill", "kill nobody", "wait soon", "latency broker-1 x"];
    for line in wrong {
        gateway.type_line(line);
        let answer = gateway.hear(line, |said| said.starts_with(line) || said.contains('"'));
        assert_ne!(answer, line, "it cannot be done");
    }
    gateway.type_line("quit");
    gateway.hear("end", |line| line == "stopped");
    assert!(gateway.end().success());
    assert!(!gateway.heard.iter().any(|line| line.contains("crashed")), "{:#?}", gateway.heard);
}

#[test]
fn ports_are_opened_on_loopback_alone_unless_it_is_told_otherwise() {
    let mut gateway = Gateway::start(1, &[]);
    gateway.wait_for_broker(1);
    // On every address of this machine it would stand in the way of this one.
    TcpListener::bind(("127.0.0.2", gateway.kafka)).expect("another address is free");
    let taken = gateway.kafka.to_string();
    let (code, text) = refused(&["--brokers", "1", "--kafka-port", &taken]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("port {taken}")), "{text}");
    gateway.type_line("quit");
    assert!(gateway.end().success());

    let gateway = Gateway::start(1, &["--bind", "127.0.0.2"]);
    let deadline = now() + PATIENCE;
    while TcpStream::connect(("127.0.0.2", gateway.kafka)).is_err() {
        assert!(now() < deadline, "nobody listens");
        pause();
    }
    TcpStream::connect(("127.0.0.1", gateway.kafka)).expect_err("not there any more");
}

#[test]
fn a_wrong_command_line_is_answered_with_what_is_wrong() {
    for (words, problem) in [
        (&["--brokers", "0"][..], "--brokers: from 1 to 20"),
        (&["--brokers", "21"], "--brokers: from 1 to 20"),
        (&["--zookeepers", "8"], "--zookeepers: from 1 to 7"),
        (&["--kafka-port", "x"], "--kafka-port x: no number in range"),
        (&["--kafka-port", "65535"], "there are no 3 ports from 65535 on"),
        (&["--zookeeper-port", "0"], "there are no 1 ports from 0 on"),
        (&["--override", "a"], "--override a: no KEY=VALUE"),
        (&["--data"], "--data needs a value"),
        (&["--color", "red"], "--color is not an option"),
    ] {
        let (code, text) = refused(words);
        assert_eq!(code, Some(2), "{words:?}: {text}");
        assert!(text.starts_with(problem) && text.contains("usage: gateway"), "{text}");
    }
    let (first, second) = (free_ports(4), free_ports(1));
    let ports = [first, second].map(|port| port.to_string());
    let ports = ["--kafka-port", &ports[0], "--zookeeper-port", &ports[1]];
    let missing = refused(&[&ports[..], &["--script", "/nowhere/script"]].concat());
    assert_eq!(missing.0, Some(1), "{}", missing.1);
    assert!(missing.1.contains("/nowhere/script: "), "{}", missing.1);
}
