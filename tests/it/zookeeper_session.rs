//! The ZooKeeper client against the ZooKeeper server: sessions over lost connections, watches,
//! expiry, kills and power cuts.

mod pair;

use bytes::Bytes;
use kafkarium::base::{ProcessId, TraceEvent};
use kafkarium::wire::zookeeper::{
    Acl, AuthRequest, CreateRequest, DeleteRequest, ExistsRequest, GetChildrenRequest,
    GetDataRequest, Id, MultiOperation, MultiResult, Reply, Request, SetDataRequest, create_mode,
    event_type,
};
use kafkarium::zk_client::ZkEvent;
use pair::{Order, Pair};
use std::collections::BTreeSet;

const CONNECT: &str = "zookeeper-1:2181";

fn create_request(path: &str, data: &str, flags: i32) -> CreateRequest {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    CreateRequest { path: path.to_owned(), data, acl: Acl::open(), flags }
}

fn create(path: &str, data: &str, flags: i32) -> Request {
    Request::Create(create_request(path, data, flags))
}

fn set(path: &str, data: &str) -> Request {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    Request::SetData(SetDataRequest { path: path.to_owned(), data, version: -1 })
}

fn get(path: &str, watch: bool) -> Request {
    Request::GetData(GetDataRequest { path: path.to_owned(), watch })
}

fn exists(path: &str, watch: bool) -> Request {
    Request::Exists(ExistsRequest { path: path.to_owned(), watch })
}

fn children(path: &str, watch: bool) -> Request {
    Request::GetChildren(GetChildrenRequest { path: path.to_owned(), watch })
}

/// What a client was told, one word an event.
fn told(events: Vec<ZkEvent<u32>>) -> Vec<String> {
    let word = |event| match event {
        ZkEvent::Connected { new_session: true, .. } => "new session".to_owned(),
        ZkEvent::Connected { new_session: false, .. } => "reconnected".to_owned(),
        ZkEvent::Disconnected => "disconnected".to_owned(),
        ZkEvent::Expired => "expired".to_owned(),
        ZkEvent::Watch { kind, path } => format!("{} {path}", event_type::name(kind)),
        ZkEvent::Reply { tag, result: Err(error), .. } => format!("{tag} {error}"),
        ZkEvent::Reply { tag, result: Ok(reply), .. } => match reply {
            None => format!("{tag} ok"),
            Some(Reply::Create(body)) => format!("{tag} {}", body.path),
            Some(Reply::GetData(body)) => {
                format!("{tag} {}", String::from_utf8_lossy(&body.data.unwrap_or_default()))
            }
            Some(Reply::GetChildren(body)) => format!("{tag} {}", body.children.join(",")),
            Some(Reply::Stat(body)) => format!("{tag} version {}", body.stat.version),
            Some(other) => format!("{tag} {other:?}"),
        },
    };
    events.into_iter().map(word).collect()
}

impl Pair {
    fn told(&mut self, client: ProcessId) -> Vec<String> {
        told(self.events(client))
    }
}

#[test]
fn requests_submitted_before_the_connection_are_answered_in_order() {
    let mut pair = Pair::new();
    let client = pair.client(5, CONNECT, 8_000);
    pair.submit(client, 1, create("/a", "x", create_mode::PERSISTENT));
    pair.submit(client, 2, get("/a", false));
    pair.submit(client, 3, get("/no", false));
    pair.submit(client, 4, create("/a/n-", "", create_mode::EPHEMERAL_SEQUENTIAL));
    pair.run(100);
    let expected = ["new session", "1 /a", "2 x", "3 NoNode", "4 /a/n-0000000000"];
    assert_eq!(pair.told(client), expected);
}

#[test]
fn pings_keep_an_idle_session() {
    let mut pair = Pair::new();
    let client = pair.client(5, CONNECT, 8_000);
    pair.run(600_000);
    assert_eq!(pair.told(client), ["new session"]);
}

#[test]
fn a_watcher_hears_of_the_change_before_it_sees_it() {
    let mut pair = Pair::new();
    let (writer, watcher) = (pair.client(5, CONNECT, 8_000), pair.client(6, CONNECT, 8_000));
    pair.submit(writer, 1, create("/a", "old", create_mode::PERSISTENT));
    pair.run(100);
    pair.submit(watcher, 1, get("/a", true));
    pair.submit(watcher, 2, children("/", true));
    pair.submit(watcher, 3, exists("/b", true));
    pair.run(100);
    assert_eq!(pair.told(watcher), ["new session", "1 old", "2 a,zookeeper", "3 NoNode"]);
    pair.submit(writer, 2, set("/a", "new"));
    pair.submit(writer, 3, create("/b", "", create_mode::PERSISTENT));
    for tag in 10..40 {
        pair.submit(watcher, tag, get("/a", false));
        pair.run(1);
    }
    pair.run(100);
    let told = pair.told(watcher);
    let heard = told.iter().position(|word| word == "NodeDataChanged /a").unwrap();
    let seen = told.iter().position(|word| word.ends_with(" new")).unwrap();
    assert!(heard < seen, "{told:?}");
    let events: Vec<_> = told.iter().filter(|word| word.starts_with("Node")).collect();
    assert_eq!(events, ["NodeDataChanged /a", "NodeCreated /b", "NodeChildrenChanged /"]);
}

#[test]
fn a_session_outlives_a_killed_server_and_its_watches_tell_what_was_missed() {
    let mut pair = Pair::new();
    let (client, other) = (pair.client(5, CONNECT, 8_000), pair.client(6, CONNECT, 8_000));
    pair.submit(client, 1, create("/a", "1", create_mode::PERSISTENT));
    pair.submit(client, 2, create("/e", "", create_mode::EPHEMERAL));
    pair.submit(client, 3, get("/a", true));
    pair.submit(client, 4, exists("/b", true));
    pair.run(100);
    let session = pair.session(client);
    pair.events(client);
    pair.isolate(client);
    pair.submit(other, 1, set("/a", "2"));
    pair.run(100);
    pair.kill_server();
    pair.submit(client, 5, get("/e", false));
    pair.run(1_000);
    pair.heal(client);
    pair.start_server();
    pair.run(8_000);
    let told = pair.told(client);
    let expected = ["5 ConnectionLoss", "disconnected", "reconnected", "NodeDataChanged /a"];
    assert_eq!(told, expected);
    assert_eq!(pair.session(client), session);
    pair.submit(other, 2, create("/b", "", create_mode::PERSISTENT));
    pair.submit(client, 6, exists("/e", false));
    pair.run(3_000);
    let mut told = pair.told(client);
    told.sort();
    assert_eq!(told, ["6 version 0", "NodeCreated /b"], "the other watch was set again");
}

#[test]
fn a_silent_client_expires_its_ephemerals_go_and_it_learns_it_on_return() {
    let mut pair = Pair::new();
    let (client, other) = (pair.client(5, CONNECT, 8_000), pair.client(6, CONNECT, 8_000));
    pair.submit(client, 1, create("/e", "", create_mode::EPHEMERAL));
    pair.run(100);
    pair.submit(other, 1, exists("/e", true));
    pair.run(100);
    pair.events(other);
    let session = pair.session(client);
    pair.isolate(client);
    pair.run(15_000);
    let expired = TraceEvent::SessionExpired { session };
    assert!(pair.trace.iter().any(|(_, event)| *event == expired));
    assert_eq!(pair.told(other), ["NodeDeleted /e"]);
    pair.submit(client, 2, get("/e", false));
    pair.heal(client);
    pair.run(12_000);
    let told = pair.told(client);
    let expected = ["new session", "1 /e", "disconnected", "2 Session expired", "expired"];
    assert_eq!(told, expected);
    pair.submit(client, 3, get("/", false));
    pair.run(10_000);
    assert_eq!(pair.told(client), ["3 Session expired"], "nothing happens by itself");
    pair.order(client, Order::Connect);
    pair.submit(client, 4, exists("/e", false));
    pair.run(1_000);
    assert_eq!(pair.told(client), ["new session", "4 NoNode"]);
    assert_ne!(pair.session(client), session);
}

#[test]
fn a_closed_session_is_gone_at_once() {
    let mut pair = Pair::new();
    let (client, other) = (pair.client(5, CONNECT, 8_000), pair.client(6, CONNECT, 8_000));
    pair.submit(client, 1, create("/e", "", create_mode::EPHEMERAL));
    pair.run(100);
    let session = pair.session(client);
    pair.submit(other, 1, exists("/e", true));
    pair.run(100);
    pair.order(client, Order::Close);
    pair.run(100);
    assert_eq!(pair.told(other), ["new session", "1 version 0", "NodeDeleted /e"]);
    let closed = TraceEvent::SessionClosed { session };
    assert!(pair.trace.iter().any(|(_, event)| *event == closed));
}

#[test]
fn a_chroot_is_not_seen_by_its_client() {
    let mut pair = Pair::new();
    let plain = pair.client(5, CONNECT, 8_000);
    pair.submit(plain, 1, create("/kafka", "", create_mode::PERSISTENT));
    pair.run(100);
    let client = pair.client(6, "zookeeper-1:2181/kafka", 8_000);
    pair.submit(client, 1, children("/", true));
    let parts = vec![
        MultiOperation::Create(create_request("/a", "x", create_mode::PERSISTENT)),
        MultiOperation::Delete(DeleteRequest { path: "/a".to_owned(), version: 0 }),
    ];
    pair.submit(client, 2, Request::Multi(parts));
    pair.submit(client, 3, create("/b", "", create_mode::PERSISTENT));
    pair.run(100);
    let events = pair.events(client);
    let multi = events.iter().find_map(|event| match event {
        ZkEvent::Reply { tag: 2, result: Ok(Some(Reply::Multi(results))), .. } => Some(results),
        _ => None,
    });
    assert!(matches!(&multi.unwrap()[0], MultiResult::Create(body) if body.path == "/a"));
    let words = told(events);
    assert!(words.contains(&"NodeChildrenChanged /".to_owned()), "{words:?}");
    assert!(words.contains(&"3 /b".to_owned()));
    pair.submit(plain, 2, children("/kafka", false));
    pair.run(100);
    assert_eq!(pair.told(plain).last().unwrap(), "2 b");
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    for moment in 0..25 {
        let mut pair = Pair::new();
        let client = pair.client(5, CONNECT, 30_000);
        pair.run(100);
        for tag in 0..20 {
            pair.submit(client, tag, create(&format!("/n{tag:02}"), "", create_mode::PERSISTENT));
        }
        pair.run(moment);
        pair.power_cut();
        pair.run(50);
        let before = pair.events(client);
        pair.start_server();
        pair.run(10_000);
        pair.submit(client, 99, children("/", false));
        pair.run(100);
        let after = pair.events(client);
        let last = told(after.clone()).pop().unwrap();
        let acknowledged = before.iter().filter_map(|event| match event {
            ZkEvent::Reply { tag, result: Ok(_), .. } => Some(format!("n{tag:02}")),
            _ => None,
        });
        for name in acknowledged {
            assert!(last.contains(&name), "{moment} ms: {name} in {last}");
        }
        let mut answered = BTreeSet::new();
        for event in before.iter().chain(&after) {
            if let ZkEvent::Reply { tag, .. } = event {
                assert!(answered.insert(*tag), "{moment} ms: {tag} was answered twice");
            }
        }
        assert_eq!(answered.len(), 21, "{moment} ms: every request is answered");
    }
}

#[test]
fn credentials_are_presented_again_on_every_connection() {
    let mut pair = Pair::new();
    let client = pair.client(5, CONNECT, 8_000);
    let (scheme, auth) = ("digest".to_owned(), Some(Bytes::from_static(b"me:secret")));
    pair.submit(client, 1, Request::Auth(AuthRequest { auth_type: 0, scheme, auth }));
    let mine =
        Acl { id: Id { scheme: "auth".to_owned(), id: String::new() }, ..Acl::open()[0].clone() };
    let request = CreateRequest { acl: vec![mine], ..create_request("/mine", "x", 0) };
    pair.submit(client, 2, Request::Create(request));
    pair.run(100);
    assert_eq!(pair.told(client), ["new session", "1 ok", "2 /mine"]);
    pair.kill_server();
    pair.run(100);
    pair.start_server();
    pair.submit(client, 3, get("/mine", false));
    pair.run(5_000);
    assert_eq!(pair.told(client), ["disconnected", "reconnected", "3 x"]);
}
