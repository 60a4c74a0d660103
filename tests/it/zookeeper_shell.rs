//! The shell against a transcript of the real one: same lines in, same text out, but for what no two
//! clusters share.

use kafkarium::base::{EventId, Span, TraceEvent};
use kafkarium::cli::{STDERR, STDOUT};
use kafkarium::host::LocalHost;
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};
use std::fmt::Write as _;

const INPUT: &str = include_str!("../golden/cli/zookeeper-shell.input.txt");
const OUT: &str = include_str!("../golden/cli/zookeeper-shell.stdout.txt");
const ERR: &str = include_str!("../golden/cli/zookeeper-shell.stderr.txt");

struct Shells(LocalHost, u32);

impl Shells {
    fn new(zookeepers: usize) -> Self {
        let config = WorldConfig::cluster_on(Profile::Native, 1, 0, zookeepers);
        let mut host = LocalHost::new(World::new(config), launch);
        let until = host.world().clock() + Span::from_secs(10);
        host.run_until(until);
        Self(host, 0)
    }

    /// Runs a shell with this command line and input; what it printed.
    fn run(&mut self, args: &str, input: &str) -> (String, String) {
        self.1 += 1;
        let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let properties = vec![
            property("tool", "zookeeper-shell"),
            property("args", args),
            property("input", input),
        ];
        let (name, program) = (format!("shell-{}", self.1), "admin".to_owned());
        let seen = EventId(self.0.world().trace().total());
        let spawn = Action::Spawn { name, program, properties };
        self.0.world_mut().act(spawn).expect("a new name");
        let until = self.0.world().clock() + Span::from_secs(5);
        self.0.run_until(until);
        let printed = |wanted: &str| {
            let mut text = String::new();
            for record in self.0.world().trace().after(seen) {
                if let TraceEvent::Logged { logger, text: line, .. } = &record.event
                    && logger == wanted
                {
                    text.push_str(line);
                }
            }
            text
        };
        (printed(STDOUT), printed(STDERR))
    }
}

/// The text without zxids and times.
fn settled(text: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some((field @ ("ctime" | "mtime"), _)) => format!("{field} = TIME\n"),
        Some((field, value)) if value.starts_with("0x") && value != "0x0" => {
            format!("{field} = ZXID\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The text without what the other thread of the real shell prints in between: the session's beginning.
fn without_greeting(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_connected = |line: &str| line.contains("state:SyncConnected type:None");
        match lines[at] {
            "" if lines.get(at + 1).is_some_and(|next| *next == "WATCHER::") && at < 10 => at += 2,
            "" if lines.get(at + 1).is_some_and(|next| is_connected(next)) => at += 2,
            line => {
                kept.push(line);
                at += 1;
            }
        }
    }
    kept
}

/// The commands that make what the real shell found, read off what it printed of it.
fn layout(lines: &[&str]) -> String {
    let mut lines = lines.iter().copied().skip(2).peekable();
    let mut paths: Vec<String> = Vec::new();
    let mut data: Vec<(String, String)> = Vec::new();
    let commands = INPUT.lines().take_while(|line| *line != "get /nope");
    for words in commands.map(|line| line.split(' ').collect::<Vec<_>>()) {
        let path = words[words.len() - 1];
        match (words[0], words[1]) {
            ("ls", "-R") => {
                let below = format!("{path}/");
                while let Some(line) =
                    lines.next_if(|line| *line == path || line.starts_with(&below))
                {
                    paths.push(line.to_owned());
                }
            }
            ("ls", _) => {
                let names = lines.next().expect("a list").trim_matches(['[', ']']);
                let above = path.trim_end_matches('/');
                let names = names.split(", ").filter(|name| !name.is_empty());
                paths.extend(names.map(|name| format!("{above}/{name}")));
            }
            ("get", flag) => {
                let value = lines.next().expect("data").to_owned();
                data.push((path.to_owned(), value));
                paths.push(path.to_owned());
                if flag == "-s" {
                    lines.by_ref().take(11).for_each(drop);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    paths.sort();
    paths.dedup();
    let mut made = String::new();
    for path in paths.iter().filter(|path| !path.starts_with("/zookeeper")) {
        let value = data.iter().find(|(of, _)| of == path).map(|(_, value)| value.as_str());
        let value = value.filter(|value| *value != "null").unwrap_or_default();
        let is_broker = path.starts_with("/brokers/ids/");
        let flag = if is_broker { "-e " } else { "" };
        let _ = writeln!(made, "create {flag}{path} {value}");
        if is_broker && !value.is_empty() {
            // A broker registers with two operations, so its znode is of version 1.
            let _ = writeln!(made, "set {path} {value}");
        }
    }
    made
}

#[test]
fn the_real_shells_transcript_comes_out() {
    let mut shells = Shells::new(1);
    let theirs = without_greeting(OUT);
    let (_, err) = shells.run("zookeeper-1:2181", &layout(&theirs));
    assert!(err.lines().all(|line| line.starts_with("Created /")), "{err}");
    let (out, err) = shells.run("zookeeper-1:2181", INPUT);
    assert_eq!(err, ERR);
    let ours = without_greeting(&out);
    assert_eq!(settled(&ours.join("\n")), settled(&theirs.join("\n")));
    let greeting =
        "Connecting to zookeeper-1:2181\nWelcome to ZooKeeper!\nJLine support is disabled\n";
    assert!(out.starts_with(greeting), "{out}");
}

#[test]
fn one_command_is_run_on_any_server_of_an_ensemble() {
    let mut shells = Shells::new(3);
    let all = "zookeeper-1:2181,zookeeper-2:2181,zookeeper-3:2181";
    let (out, err) = shells.run(&format!("{all} create -s /a- \"two words\""), "");
    assert_eq!(err, "Created /a-0000000000\n");
    let connected = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n";
    assert_eq!(out, format!("Connecting to {all}\n{connected}"));
    for server in all.split(',') {
        let (out, _) = shells.run(server, "sync /\nget /a-0000000000\nls -R /\nls\n");
        let expected = "Sync returned 0\ntwo words\n/\n/a-0000000000\n/zookeeper\n\
                        /zookeeper/config\n/zookeeper/quota\n";
        assert!(out.ends_with(expected), "{out}");
    }
    let (_, err) = shells.run(&format!("{all}/chroot"), "ls /\nclose\nget -x /\nls a\nset /b");
    let expected = "Node does not exist: /\n\
                    org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -x\n\
                    Path must start with / character: a\nset [-s] [-v version] path data\n";
    assert_eq!(err, expected);
    let (_, err) = shells.run(all, "create /t\ncreate /t/u\ndelete /t\ndeleteall /t\nget /t");
    let expected = "Created /t\nCreated /t/u\nNode not empty: /t\n\
                    org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /t\n";
    assert_eq!(err, expected);
}
