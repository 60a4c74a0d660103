//! The shell against a transcript of the real one: same lines in, same text out, but for what no two
//! clusters share.

use kafkarium::base::{EventId, Span, TraceEvent};
use kafkarium::cli::{STDERR, STDOUT};
use kafkarium::host::LocalHost;
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};

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

#[test]
fn the_real_shells_transcript_comes_out() {
    let mut shells = Shells::new(1);
    // What a cluster had left there, as far as the transcript looks at it.
    let layout = "create /brokers\ncreate /brokers/ids\ncreate /brokers/ids/0 a\n\
                  create /brokers/ids/1 b\ncreate /brokers/ids/2 c\n";
    shells.run("zookeeper-1:2181", layout);
    let from = INPUT.find("get /nope").unwrap();
    // The commands before keep their numbers in the history.
    let skipped = INPUT[..from].lines().count();
    let before = "history\n".repeat(skipped);
    let (out, err) = shells.run("zookeeper-1:2181", &format!("{before}{}", &INPUT[from..]));
    assert_eq!(err, ERR);
    let ours = &out[out.find("cZxid").unwrap()..];
    // The last thing that the transcript shows before `stat /brokers/ids`.
    let theirs = OUT.split("/log_dir_event_notification\nnull\n").nth(1).unwrap();
    assert_eq!(settled(ours), settled(theirs));
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
