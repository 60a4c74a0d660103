//! A whole gateway met over real sockets on this machine.

use super::*;
use crate::world::{World, WorldConfig, launch};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// A gateway with one broker and one ZooKeeper server, and their ports.
fn gateway() -> (Gateway, u16, u16) {
    let free = || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.local_addr().expect("it is bound").port()
    };
    let (kafka, zookeeper) = (free(), free());
    let host = LocalHost::new(World::new(WorldConfig::gateway(1, 1, 7, kafka, zookeeper)), launch);
    let port = |number, process: &str, protocol| Port {
        endpoint: Endpoint::new("localhost", number),
        process: process.to_owned(),
        protocol,
    };
    let ports = [
        port(kafka, "broker-1", Protocol::Kafka),
        port(zookeeper, "zookeeper-1", Protocol::ZooKeeper),
    ];
    let gateway = Gateway::open(host, "127.0.0.1", &ports, None).expect("the ports are free");
    (gateway, kafka, zookeeper)
}

/// Serves until `done`, for 20 s at most; returns what was said.
fn serve_until(gateway: &mut Gateway, mut done: impl FnMut() -> bool) -> Vec<Said> {
    let mut said = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "a test of what happens in real time")]
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing came of it: {said:?}");
        gateway.serve(&mut |line| said.push(line)).expect("no data directory");
    }
    said
}

fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the gateway listens");
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    stream
}

/// Reads what is there; false once the other side has closed.
fn read_more(stream: &mut TcpStream, into: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            into.extend_from_slice(&buffer[..count]);
            true
        }
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
    }
}

/// ApiVersions 0 with correlation id 7 and no client id.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255];

/// Serves until the broker answers; returns the connection on which it did.
fn serve_until_ready(gateway: &mut Gateway, port: u16) -> TcpStream {
    let mut client = None;
    serve_until(gateway, || {
        client = client.take().or_else(|| TcpStream::connect(("127.0.0.1", port)).ok());
        client.is_some()
    });
    let mut client = client.expect("somebody listens");
    client.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    client.write_all(&API_VERSIONS).expect("an open socket");
    let mut answer = Vec::new();
    serve_until(gateway, || {
        assert!(read_more(&mut client, &mut answer), "it stays open");
        answer.len() > 8
    });
    assert_eq!(answer[4..8], [0, 0, 0, 7], "the correlation id");
    client
}

#[test]
fn requests_cut_anywhere_are_answered_and_words_are_answered_plainly() {
    let (mut gateway, kafka, zookeeper) = gateway();
    let mut client = serve_until_ready(&mut gateway, kafka);
    let mut answer = Vec::new();
    let mut left = API_VERSIONS.iter();
    serve_until(&mut gateway, || {
        if let Some(byte) = left.next() {
            client.write_all(&[*byte]).expect("an open socket");
        }
        assert!(read_more(&mut client, &mut answer), "it stays open");
        answer.len() > 8
    });
    assert_eq!(answer[4..8], [0, 0, 0, 7], "the correlation id");

    let mut client = dial(zookeeper);
    client.write_all(b"srvr").expect("an open socket");
    let mut answer = Vec::new();
    serve_until(&mut gateway, || !read_more(&mut client, &mut answer));
    let text = String::from_utf8(answer).expect("plain text");
    assert!(text.starts_with("Zookeeper version: 3.5.9"), "{text}");
}

#[test]
fn what_is_no_frame_ends_its_connection_and_nothing_else() {
    let (mut gateway, kafka, zookeeper) = gateway();
    serve_until_ready(&mut gateway, kafka);
    let mut crowd = Vec::new();
    for port in [kafka, zookeeper] {
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[255; 64],
            &[0, 0, 0, 0],
            &[0, 0, 0, 2, 0, 3],
            &[0, 0, 0, 8, 127, 127, 127, 127, 0, 0, 0, 1],
        ] {
            let mut stream = dial(port);
            stream.write_all(bytes).expect("an open socket");
            crowd.push(stream);
        }
    }
    let mut seen = Vec::new();
    let said = serve_until(&mut gateway, || {
        crowd.retain_mut(|stream| read_more(stream, &mut seen));
        crowd.is_empty()
    });
    assert!(!said.iter().any(|said| matches!(said, Said::Ended(_))), "{said:?}");
    serve_until_ready(&mut gateway, kafka);
}

#[test]
fn no_more_connections_than_there_may_be() {
    let (mut gateway, kafka, _) = gateway();
    serve_until_ready(&mut gateway, kafka);
    let mut crowd = Vec::new();
    serve_until(&mut gateway, || {
        crowd.push(dial(kafka));
        crowd.len() == CONNECTIONS_MAX + 5
    });
    let mut seen = Vec::new();
    serve_until(&mut gateway, || {
        crowd.retain_mut(|stream| {
            stream.set_nonblocking(true).expect("a socket");
            read_more(stream, &mut seen)
        });
        crowd.len() <= CONNECTIONS_MAX
    });
    assert_eq!(crowd.len(), CONNECTIONS_MAX);
    for stream in crowd {
        stream.shutdown(Shutdown::Both).expect("an open socket");
    }
    while !gateway.conns_of.is_empty() {
        gateway.serve(&mut |_| {}).expect("no data directory");
    }
    serve_until_ready(&mut gateway, kafka);
}

#[test]
fn a_world_that_falls_behind_goes_on_from_where_it_is() {
    let (mut gateway, kafka, _) = gateway();
    serve_until_ready(&mut gateway, kafka);
    let clock = gateway.host.world().clock();
    // As if this machine had had no time for it for an hour: no session may end by that.
    gateway.epoch += Span::from_secs(3_600);
    serve_until_ready(&mut gateway, kafka);
    let passed = gateway.host.world().clock().since(clock);
    assert!(passed < Span::from_secs(20), "{passed:?}");
    let age = gateway.now().since(gateway.host.world().clock());
    assert!(age <= LAG_MAX + Span::from_secs(20), "{age:?}");
}

#[test]
fn peers_that_say_nothing_or_stop_within_a_frame_are_let_go() {
    let (mut gateway, kafka, zookeeper) = gateway();
    serve_until_ready(&mut gateway, kafka);
    gateway.sockets.patience.frame = Duration::from_millis(300);
    let mut crowd = Vec::new();
    for port in [kafka, zookeeper] {
        for bytes in [&b""[..], &API_VERSIONS[..3], &API_VERSIONS[..9], b"ru"] {
            let mut stream = dial(port);
            stream.write_all(bytes).expect("an open socket");
            crowd.push(stream);
        }
    }
    // One that has said a whole frame may be silent for longer.
    let mut patient = serve_until_ready(&mut gateway, kafka);
    // One that sends a byte now and then does not get more time by that.
    let mut slow = dial(kafka);
    slow.write_all(&API_VERSIONS[..4]).expect("an open socket");
    crowd.push(slow.try_clone().expect("a socket"));
    let mut seen = Vec::new();
    serve_until(&mut gateway, || {
        // It may have been let go between two bytes.
        let _ = slow.write_all(&[0]);
        crowd.retain_mut(|stream| read_more(stream, &mut seen));
        crowd.is_empty()
    });
    assert!(seen.is_empty(), "nobody answers half a frame");
    patient.write_all(&API_VERSIONS).expect("an open socket");
    let mut answer = Vec::new();
    serve_until(&mut gateway, || {
        assert!(read_more(&mut patient, &mut answer), "it stays open");
        answer.len() > 8
    });
}

#[test]
fn a_peer_that_takes_nothing_of_what_it_asked_for_is_cut_off() {
    let (mut gateway, kafka, _) = gateway();
    serve_until_ready(&mut gateway, kafka);
    gateway.sockets.patience.write = Duration::from_millis(200);
    let mut greedy = dial(kafka);
    greedy.set_nonblocking(true).expect("a socket");
    let questions = API_VERSIONS.repeat(512);
    serve_until(&mut gateway, || match greedy.write(&questions) {
        Ok(_) => false,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    });
    serve_until(&mut gateway, || true);
    serve_until_ready(&mut gateway, kafka);
}

#[test]
fn machines_can_be_cut_off_one_by_one() {
    let (mut gateway, kafka, _) = gateway();
    let obey = gateway.lines(LineSource::Terminal);
    let mut client = serve_until_ready(&mut gateway, kafka);
    let mut answer = Vec::new();
    for line in ["kill broker-1", "nonsense", "wait 0.2", "quit"] {
        obey(line.to_owned());
    }
    let mut said = Vec::new();
    while gateway.serve(&mut |line| said.push(line)).expect("no data directory") {}
    assert_eq!(said[0], Said::Answer(Ok("kill broker-1".to_owned())));
    assert!(matches!(&said[1], Said::Answer(Err(_))), "{said:?}");
    let mut open = true;
    for _ in 0..1_000 {
        open = open && read_more(&mut client, &mut answer);
    }
    assert!(!open, "a killed broker's connections end");
    TcpStream::connect(("127.0.0.1", kafka)).expect_err("and nobody listens any more");
    gateway.stop(Span::from_secs(30)).expect("no data directory");
    assert!(gateway.host.world().specs().all(|spec| !gateway.host.world().is_alive(spec.id)));
}
