//! Inputs to begin with: what real brokers, servers and clients said and stored, and the lessons.

use kafkarium::lesson::catalogue;
use kafkarium::wire::kafka::{ApiKey, RequestHeader};
use kafkarium::wire::zookeeper::{self, OpCode};
use kafkarium::wire::{Reader, batch::Batches};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const KAFKA: &str = include_str!("../../tests/golden/kafka-frames.txt");
const ZOOKEEPER: &str = include_str!("../../tests/golden/zookeeper-frames.txt");
const PRODUCERS: &str = include_str!("../../tests/golden/producer-snapshots.txt");
const SEGMENTS: [&[u8]; 5] = [
    include_bytes!("../../tests/golden/segments/__consumer_offsets-0.segment"),
    include_bytes!("../../tests/golden/segments/__transaction_state-0.segment"),
    include_bytes!("../../tests/golden/segments/codecs-0.segment"),
    include_bytes!("../../tests/golden/segments/orders-0.segment"),
    include_bytes!("../../tests/golden/segments/txn-1.segment"),
];
/// Longer recordings add nothing but time.
const SEED_BYTES_MAX: usize = 4 * 1024;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.filter_map(byte).collect()
}

/// The words of each line that is no comment.
fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

/// A few frames of each API and version.
fn few_of_each(frames: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<Vec<u8>> {
    let mut kept: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (kind, frame) in frames.filter(|(_, frame)| frame.len() <= SEED_BYTES_MAX) {
        let kept = kept.entry(kind).or_default();
        if kept.len() < 3 {
            kept.insert(frame);
        }
    }
    kept.into_values().flatten().collect()
}

/// Requests.
pub fn kafka_requests() -> Vec<Vec<u8>> {
    few_of_each(lines(KAFKA).map(|words| (format!("{} {}", words[0], words[1]), unhex(words[2]))))
}

/// Responses, behind the API's number and the version.
pub fn kafka_responses() -> Vec<Vec<u8>> {
    let answered = lines(KAFKA).filter(|words| words[3] != "-");
    few_of_each(answered.filter_map(|words| {
        let (api, version) = (words[0].parse::<u8>().ok()?, words[1].parse::<u8>().ok()?);
        let frame = [vec![api, version], unhex(words[3])].concat();
        Some((format!("{} {}", words[0], words[1]), frame))
    }))
}

/// Batches, one by one and a few together.
pub fn record_batches() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for segment in SEGMENTS {
        seeds.extend(Batches::new(segment).take(6).map(|batch| batch.bytes().to_vec()));
        seeds.push(segment[..segment.len().min(SEED_BYTES_MAX)].to_vec());
    }
    seeds
}

/// Frames of ZooKeeper sessions with the byte that says what they are.
pub fn zookeeper_frames() -> Vec<Vec<u8>> {
    let mut asked: BTreeMap<(&str, i32), OpCode> = BTreeMap::new();
    let mut greeted = BTreeSet::new();
    let mut frames = Vec::new();
    for words in lines(ZOOKEEPER) {
        let (connection, is_asked, frame) = (words[0], words[1] == ">", unhex(words[2]));
        let bytes = bytes::Bytes::from(frame.clone());
        let is_first = greeted.insert((connection, is_asked));
        let xid = zookeeper::reply_xid(&bytes).unwrap_or_default();
        let kind = match (is_asked, is_first) {
            (true, true) => 0,
            (false, true) => 1,
            (true, false) => {
                if let Ok((header, request)) = zookeeper::decode_request(&bytes) {
                    asked.insert((connection, header.xid), request.op());
                }
                2
            }
            (false, false) if xid == zookeeper::XID_NOTIFICATION => 3,
            (false, false) => {
                let op = asked.get(&(connection, xid)).map_or(-1, |op| op.number());
                u8::try_from(op + 32).unwrap_or_default()
            }
        };
        let op = if kind == 2 { frame.get(7).copied().unwrap_or_default() } else { 0 };
        frames.push((format!("{kind} {op}"), [vec![kind], frame].concat()));
    }
    let mut seeds = few_of_each(frames.into_iter());
    // Between servers: a hello, a vote and a packet as they are laid out.
    seeds.push([vec![4], vec![0; 24]].concat());
    seeds.push([vec![5], vec![0; 60]].concat());
    seeds.push([vec![6], vec![0, 0, 0, 5], vec![0; 24]].concat());
    seeds
}

/// Values that are stored outside logs.
pub fn stored_values() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = lines(PRODUCERS).map(|words| unhex(words[2])).collect();
    let znodes = [
        r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://localhost:9092"],"jmx_port":-1,"features":{},"host":"localhost","timestamp":"1","port":9092,"version":5}"#,
        r#"{"version":1,"brokerid":1,"timestamp":"1"}"#,
        r#"{"removing_replicas":{},"partitions":{"0":[1,2,3]},"topic_id":"AAAAAAAAAAAAAAAAAAAAAQ","adding_replicas":{},"version":3}"#,
        r#"{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2,3]}"#,
        r#"{"version":1,"config":{"retention.ms":"1000"}}"#,
        r#"{"version":"1","id":"AAAAAAAAAAAAAAAAAAAAAQ"}"#,
        r#"{"version":1,"broker":1,"block_start":"0","block_end":"999"}"#,
    ];
    seeds.extend(znodes.map(|text| text.as_bytes().to_vec()));
    for segment in SEGMENTS {
        for batch in Batches::new(segment).take(8) {
            let Ok(contents) = batch.contents() else { continue };
            let Ok(records) = batch.records_in(&contents) else { continue };
            for record in records.flatten() {
                seeds.extend(record.key.map(<[u8]>::to_vec));
                seeds.extend(record.value.map(<[u8]>::to_vec));
            }
        }
    }
    seeds.retain(|seed| seed.len() <= SEED_BYTES_MAX);
    seeds
}

/// The lessons.
pub fn lesson_files() -> Vec<Vec<u8>> {
    catalogue::LESSONS.iter().map(|lesson| lesson.text.as_bytes().to_vec()).collect()
}

/// Actions of every kind.
pub fn action_lines() -> Vec<Vec<u8>> {
    let lines = [
        "kill broker-1",
        "stop \"a b\"",
        "restart broker-1",
        "pause broker-1",
        "resume broker-1",
        "power-off broker-1",
        "power-on broker-1",
        "isolate broker-1 in",
        "heal broker-1",
        "latency broker-1 5000",
        "fill-disk broker-1",
        "fail-disk broker-1",
        "repair-disk broker-1",
        "corrupt broker-1 orders-0/00000000000000000000.log 17",
        "reset broker-1 broker-2",
        "clock broker-1 150",
        "supervisor off",
        "start consumer-3 consumer group.id=g topics=orders machine=m",
        r#"tell producer-1 produce orders a:b "k\:1:v v" @2/x:y \N"#,
        "tell producer-1 produce every 10.5 topic=orders \"keys=a,b\\,c\"",
        "tell admin-1 create-topic orders partitions=3 replication-factor=2 retention.ms=1",
        "tell consumer-1 seek orders 0 17",
        "tell consumer-1 seek-to end orders-0",
        "tell consumer-1 pause orders-0 orders-1",
        "tell consumer-1 commit sync orders-0=5",
        "tell consumer-1 subscribe a b",
        r#"tell consumer-1 subscribe-pattern "o.*""#,
        "tell consumer-1 assign orders-0",
        "tell consumer-1 offsets-for-times 1700000000000 orders-0",
        "tell consumer-1 process-for 250",
        "tell consumer-1 crash-after 3 processed",
        "reload",
        "at 1500.25 kill broker-1",
    ];
    lines.map(|line| line.as_bytes().to_vec()).to_vec()
}

/// Every request that the recordings hold, by API, for a whole conversation with a broker.
pub fn conversations() -> Vec<Vec<u8>> {
    let mut by_api: BTreeMap<i16, Vec<Vec<u8>>> = BTreeMap::new();
    for frame in kafka_requests() {
        let bytes = bytes::Bytes::from(frame.clone());
        let header = RequestHeader::read(&mut Reader::new(&bytes));
        let api = header.ok().and_then(|header| ApiKey::from_number(header.api_key));
        by_api.entry(api.map_or(-1, |api| api as i16)).or_default().push(frame);
    }
    by_api.into_values().map(|frames| super::servers::join(&frames)).collect()
}
