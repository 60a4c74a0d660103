//! What the servers of an ensemble say to each other, as text: `tests/transcripts/zookeeper-*.txt`.
//!
//! A transcript is a sequence of commands, each followed by `----` and what happened, if anything is told,
//! up to an empty line. `UPDATE=1 cargo test` writes
//! down what happens now; the difference is then reviewed. Commands:
//! - `servers N [key=value …]` begins a world of N servers;
//! - `run MS` lets time pass, and tells the votes, packets and roles in it, but no signs of life;
//! - `pass MS` lets time pass, and tells nothing;
//! - `shell SERVER COMMAND` runs a line of the ZooKeeper shell on a server, and tells what it printed;
//! - `state` tells what each server is, and its znodes;
//! - anything else is an action of the world, such as `kill zookeeper-1`.

use kafkarium::base::{EventId, Span, TraceEvent};
use kafkarium::cli::{STDERR, STDOUT};
use kafkarium::host::LocalHost;
use kafkarium::node::{ProcessView, Program};
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};
use std::fmt::Write as _;
use std::path::PathBuf;

struct Play {
    host: LocalHost,
    seen: EventId,
    shells: u32,
}

impl Play {
    fn new(words: &str) -> Self {
        let mut words = words.split(' ');
        let count = words.next().and_then(|count| count.parse().ok()).expect("how many");
        let mut config = WorldConfig::cluster_on(Profile::Native, 1, 0, count);
        config.latency = Span::from_millis(1);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            for process in &mut config.processes {
                process.properties.set(key, value);
            }
        }
        let mut world = World::new(config);
        world.observe(true);
        Self { host: LocalHost::new(world, launch), seen: EventId(0), shells: 0 }
    }

    fn command(&mut self, line: &str) -> String {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("run", ms) => self.run(Span::from_millis(ms.parse().expect("milliseconds"))),
            ("pass", ms) => {
                self.pass(Span::from_millis(ms.parse().expect("milliseconds")));
                String::new()
            }
            ("shell", args) => self.shell(args),
            ("state", "") => self.state(),
            _ => {
                let action: Action = line.parse().expect("an action");
                self.host.world_mut().act(action).expect("an action that can be done");
                String::new()
            }
        }
    }

    fn pass(&mut self, span: Span) -> Vec<std::rc::Rc<kafkarium::base::TraceRecord>> {
        let until = self.host.world().clock() + span;
        self.host.run_until(until);
        let trace = self.host.world().trace();
        let records = trace.after(self.seen).cloned().collect();
        self.seen = EventId(trace.total());
        records
    }

    fn run(&mut self, span: Span) -> String {
        let mut text = String::new();
        for record in self.pass(span) {
            let world = self.host.world_mut();
            let spec = |id| world.specs().find(|spec| Some(spec.id) == id);
            let Some(source) = spec(record.source) else { continue };
            if source.program != Program::ZooKeeper {
                continue;
            }
            let name = source.name.clone();
            let said = match &record.event {
                TraceEvent::FrameSent { to, .. } => {
                    let other = spec(Some(*to)).filter(|it| it.program == Program::ZooKeeper);
                    let Some(other) = other.map(|other| other.name.clone()) else { continue };
                    let details = world.frame_details(record.id);
                    let label = details.map(|it| it.summary.label.clone()).unwrap_or_default();
                    if label == "PING" {
                        continue;
                    }
                    format!("→ {other}: {label}")
                }
                TraceEvent::ZooKeeperRoleChanged { role, epoch } => {
                    format!("is {role}, epoch {epoch}")
                }
                TraceEvent::ZooKeeperEpochEntered { epoch } => format!("enters epoch {epoch}"),
                TraceEvent::SessionExpired { .. } => "a session expires".to_owned(),
                _ => continue,
            };
            let micros = record.at.since(world.epoch()).as_micros();
            let _ = writeln!(text, "{:>6}.{:03} {name} {said}", micros / 1_000, micros % 1_000);
        }
        text
    }

    fn shell(&mut self, args: &str) -> String {
        self.shells += 1;
        let (server, command) = args.split_once(' ').expect("a server and a command");
        let properties =
            [("tool", "zookeeper-shell".to_owned()), ("args", format!("{server}:2181 {command}"))];
        let properties = properties.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let (name, program) = (format!("shell-{}", self.shells), "admin".to_owned());
        let spawn = Action::Spawn { name, program, properties };
        self.host.world_mut().act(spawn).expect("a new name");
        let mut text = String::new();
        for record in self.pass(Span::from_millis(500)) {
            if let TraceEvent::Logged { logger, text: line, .. } = &record.event
                && (logger == STDERR || logger == STDOUT)
            {
                text.push_str(line);
            }
        }
        let greeting = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n";
        let text = text.replace(&format!("Connecting to {server}:2181\n"), "");
        text.replace(greeting, "")
    }

    fn state(&mut self) -> String {
        self.host.refresh_views();
        let world = self.host.world();
        let mut text = String::new();
        for spec in world.specs().filter(|spec| spec.program == Program::ZooKeeper) {
            let name = &spec.name;
            let Some(ProcessView::ZooKeeper(view)) =
                world.view(spec.id).filter(|_| world.is_alive(spec.id))
            else {
                let _ = writeln!(text, "{name} is down");
                continue;
            };
            let own = |path: &&str| *path != "/" && !path.starts_with("/zookeeper");
            let paths = view.znodes.iter().map(|znode| znode.path.as_str()).filter(own);
            let paths = paths.collect::<Vec<_>>().join(" ");
            let (role, epoch, zxid) = (&view.role, view.epoch, view.last_zxid);
            let line = format!("{name} is {role}, epoch {epoch}, zxid 0x{zxid:x}: {paths}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

/// Plays the commands of a transcript; the transcript as it is now.
fn play(text: &str) -> String {
    let mut play: Option<Play> = None;
    let mut out = String::new();
    let mut is_output = false;
    for line in text.lines() {
        if line.starts_with('#') || line.is_empty() {
            if line.starts_with('#') {
                let _ = writeln!(out, "{line}");
            }
            is_output = false;
            continue;
        }
        if is_output || line == "----" {
            is_output = true;
            continue;
        }
        let happened = match line.strip_prefix("servers ") {
            Some(words) => {
                play = Some(Play::new(words));
                String::new()
            }
            None => play.as_mut().expect("servers").command(line),
        };
        let _ = writeln!(out, "{line}");
        if !happened.is_empty() {
            let _ = writeln!(out, "----\n{}\n", happened.trim_end());
        }
    }
    out
}

fn check(name: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "transcripts", name].iter().collect();
    let expected = std::fs::read_to_string(&path).expect("a transcript");
    let found = play(&expected);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).expect("a place to write");
        return;
    }
    assert_eq!(found, expected, "{name}: `UPDATE=1 cargo test` writes down what happens now");
}

#[test]
fn an_ensemble_elects_its_leader() {
    check("zookeeper-election.txt");
}

#[test]
fn a_follower_that_lacks_transactions_gets_a_diff() {
    check("zookeeper-diff.txt");
}

#[test]
fn a_follower_that_has_too_many_is_truncated() {
    check("zookeeper-trunc.txt");
}

#[test]
fn a_follower_that_lacks_too_much_gets_a_snapshot() {
    check("zookeeper-snap.txt");
}
