//! Bytes against whole servers, over the network or from their disks: a process may close the
//! connection or refuse to start, it may not crash.

use super::golden;
use bytes::Bytes;
use kafkarium::base::{Endpoint, EventId, Span, TraceEvent};
use kafkarium::disk::Volume;
use kafkarium::host::LocalHost;
use kafkarium::node::{LinkInput, Program};
use kafkarium::world::{Action, Profile, World, WorldConfig, launch};
use std::cell::RefCell;

/// A world is used for so many inputs; what they leave behind must not slow it down for ever.
const INPUTS_PER_WORLD: u32 = 200;

/// A world that stands.
struct Stand {
    host: LocalHost,
    inputs: u32,
}

impl Stand {
    fn new(brokers: usize, zookeepers: usize) -> Self {
        let mut config = WorldConfig::cluster_on(Profile::Native, 1, brokers, zookeepers);
        if brokers > 0 {
            config.client("admin-1", Program::Admin, &[]);
            let create = "tell admin-1 create-topic orders partitions=2 replication-factor=1";
            config.actions.push((config.epoch + Span::from_secs(5), parse(create)));
        }
        let mut host = LocalHost::new(World::new(config), launch);
        pass(&mut host, Span::from_secs(10));
        Self { host, inputs: 0 }
    }
}

thread_local! {
    static BROKER: RefCell<Option<Stand>> = const { RefCell::new(None) };
    static ZOOKEEPER: RefCell<Option<Stand>> = const { RefCell::new(None) };
    static DISKS: RefCell<Option<Vec<(String, Volume)>>> = const { RefCell::new(None) };
}

/// Runs `test` on the world of `stand`, which is made anew now and then.
fn on(stand: &RefCell<Option<Stand>>, sizes: (usize, usize), test: impl FnOnce(&mut LocalHost)) {
    // A world in which something crashed is not put back.
    let mut used = stand.borrow_mut().take().filter(|used| used.inputs < INPUTS_PER_WORLD);
    let mut used = used.take().unwrap_or_else(|| Stand::new(sizes.0, sizes.1));
    used.inputs += 1;
    test(&mut used.host);
    *stand.borrow_mut() = Some(used);
}

fn parse(action: &str) -> Action {
    action.parse().expect("an action")
}

/// Lets time pass; no process may crash in it.
fn pass(host: &mut LocalHost, span: Span) {
    let before = EventId(host.world().trace().total());
    let until = host.world().clock() + span;
    host.run_until(until);
    for record in host.world().trace().after(before) {
        if let TraceEvent::ProcessCrashed { process, message } = &record.event {
            let name = host.world().specs().find(|spec| spec.id == *process).map(|s| &s.name);
            panic!("{name:?} crashed: {message}");
        }
    }
}

/// Frames as one input: each behind its length in two bytes.
pub fn join(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut data = Vec::new();
    for frame in frames {
        data.extend_from_slice(&(frame.len() as u16).to_be_bytes());
        data.extend_from_slice(frame);
    }
    data
}

/// The parts of an input that [`join`] makes.
pub fn parts(mut data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk() {
        let (part, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        parts.push(part);
        data = rest;
    }
    parts
}

/// The frames of an input.
fn frames(data: &[u8]) -> Vec<Bytes> {
    parts(data).into_iter().map(Bytes::copy_from_slice).collect()
}

/// Says all frames on one connection, with a little time between them.
fn converse(host: &mut LocalHost, to: &Endpoint, frames: Vec<Bytes>) {
    let conn = host.world_mut().dial_from_outside(to);
    pass(host, Span::from_millis(1));
    for frame in frames {
        host.world_mut().send_from_outside(conn, frame);
        pass(host, Span::from_millis(2));
    }
    pass(host, Span::from_millis(10));
    for input in host.world_mut().take_outside() {
        if let LinkInput::Frame(_, frame) = input {
            assert!(!frame.is_empty(), "no server sends an empty frame");
        }
    }
    host.world_mut().hang_up_from_outside(conn);
    pass(host, Span::from_millis(2));
}

/// A connection to a broker.
pub fn broker_connection(data: &[u8]) {
    BROKER.with(|stand| {
        on(stand, (1, 1), |host| converse(host, &Endpoint::new("broker-1", 9092), frames(data)));
    });
}

/// Requests that clients and brokers made.
pub fn broker_seeds() -> Vec<Vec<u8>> {
    let single = golden::kafka_requests().into_iter().map(|frame| join(&[frame]));
    golden::conversations().into_iter().chain(single).collect()
}

/// A connection to a ZooKeeper server of three; the first byte says to which of its ports.
pub fn zookeeper_connection(data: &[u8]) {
    let Some((port, data)) = data.split_first() else { return };
    let port = [2181, 2888, 3888][usize::from(*port) % 3];
    ZOOKEEPER.with(|stand| {
        // The last server leads, so it listens on the second port too.
        on(stand, (0, 3), |host| converse(host, &Endpoint::new("zookeeper-3", port), frames(data)));
    });
}

/// A session with everything that was asked in the recordings, and the words of peers.
pub fn zookeeper_seeds() -> Vec<Vec<u8>> {
    let recorded = golden::zookeeper_frames();
    let of_kind = |kind: u8| {
        let mine = recorded.iter().filter(move |frame| frame.first() == Some(&kind));
        mine.map(|frame| frame[1..].to_vec())
    };
    let hello: Vec<Vec<u8>> = of_kind(0).take(1).collect();
    let mut seeds = Vec::new();
    for request in of_kind(2) {
        seeds.push([vec![0], join(&[hello.clone(), vec![request]].concat())].concat());
    }
    let every: Vec<Vec<u8>> = hello.iter().cloned().chain(of_kind(2)).collect();
    seeds.push([vec![0], join(&every)].concat());
    for kind in [4, 5, 6] {
        for port in [1, 2] {
            let said: Vec<Vec<u8>> = of_kind(kind).collect();
            seeds.push([vec![port], join(&said)].concat());
        }
    }
    seeds
}

/// The volumes of a broker and a ZooKeeper server that had a topic with records.
fn disks() -> Vec<(String, Volume)> {
    DISKS.with(|disks| disks.borrow_mut().get_or_insert_with(make_disks).clone())
}

fn make_disks() -> Vec<(String, Volume)> {
    let mut host = Stand::new(1, 1).host;
    let produce = "start producer-1 producer acks=all topic=orders";
    for action in [produce, "tell producer-1 produce orders a:1 b:2 c:3 d:4"] {
        host.world_mut().act(parse(action)).expect("a possible action");
        pass(&mut host, Span::from_secs(2));
    }
    let names = ["zookeeper-1", "broker-1"];
    let volume = |name: &str| {
        let id = host.world().process_named(name).expect("it runs");
        (name.to_owned(), host.volume(id).expect("it has one").clone())
    };
    names.map(volume).to_vec()
}

fn files(volume: &Volume) -> Vec<String> {
    volume.list("").map(str::to_owned).collect()
}

/// Starts the cluster with one file of `owner` replaced: the first byte says which.
fn boot(owner: &str, data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let config = WorldConfig::cluster_on(Profile::Native, 1, 1, 1);
    let mut host = LocalHost::new(World::new(config), launch);
    for (name, mut volume) in disks() {
        if name == owner {
            let files = files(&volume);
            volume.replace(&files[usize::from(*which) % files.len()], content).expect("room");
        }
        let id = host.world().process_named(&name).expect("it is configured");
        host.give_volume(id, volume);
    }
    pass(&mut host, Span::from_secs(4));
    let fetch = golden::conversations();
    for frames in fetch.iter().map(|data| frames(data)).take(3) {
        converse(&mut host, &Endpoint::new("broker-1", 9092), frames);
    }
}

fn disk_seeds(owner: &str) -> Vec<Vec<u8>> {
    let disks = disks();
    let (_, volume) = disks.iter().find(|(name, _)| name == owner).expect("it was made");
    let content = |name: &String| volume.read(name).unwrap_or_default();
    let numbered = files(volume).into_iter().enumerate();
    numbered.map(|(n, name)| [vec![n as u8], content(&name).to_vec()].concat()).collect()
}

/// A broker finds a file that is not as it left it.
pub fn broker_disk(data: &[u8]) {
    boot("broker-1", data);
}

/// Its files as it left them.
pub fn broker_disk_seeds() -> Vec<Vec<u8>> {
    disk_seeds("broker-1")
}

/// A ZooKeeper server finds a file that is not as it left it.
pub fn zookeeper_disk(data: &[u8]) {
    boot("zookeeper-1", data);
}

/// Its files as it left them.
pub fn zookeeper_disk_seeds() -> Vec<Vec<u8>> {
    disk_seeds("zookeeper-1")
}

/// Lines for zookeeper-shell.sh.
pub fn zookeeper_shell(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    ZOOKEEPER.with(|stand| {
        on(stand, (0, 3), |host| {
            let name = format!("shell-{}", host.world().trace().total());
            let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            let properties = vec![
                pair("tool", "zookeeper-shell"),
                pair("args", "zookeeper-1:2181"),
                pair("input", &text),
            ];
            let program = "admin".to_owned();
            let action = Action::Spawn { name: name.clone(), program, properties };
            host.world_mut().act(action).expect("a new name");
            pass(host, Span::from_millis(200));
            // It may have ended by itself.
            let _ = host.world_mut().act(Action::Kill(name));
            pass(host, Span::from_millis(1));
        });
    });
}

/// The commands that people give it.
pub fn shell_seeds() -> Vec<Vec<u8>> {
    let recorded = include_str!("../../tests/golden/cli/zookeeper-shell.input.txt");
    let mut seeds: Vec<Vec<u8>> = recorded.lines().map(|line| line.as_bytes().to_vec()).collect();
    seeds.push(recorded.as_bytes().to_vec());
    seeds
}
