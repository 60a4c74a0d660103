//! The codec against the recorded sessions of brokers and tools, and against damage.

use crate::base::{SortedMap, SortedSet};
use bytes::Bytes;

use super::*;
use crate::wire::{DecodeError, jute};

/// One line a frame: connection, `>` from the client or `<` from the server, hex.
fn golden() -> Vec<(u32, bool, Bytes)> {
    include_str!("../../../tests/golden/zookeeper-frames.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let hex = words[2];
            let frame = (0..hex.len() / 2)
                .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex"))
                .collect();
            (words[0].parse().expect("number"), words[1] == ">", frame)
        })
        .collect()
}

/// Each recorded frame with its shape, told as a listener tells it.
fn shaped() -> Vec<(FrameShape, Bytes)> {
    let mut greeted = SortedSet::new();
    let mut asked = SortedMap::new();
    let mut frames = Vec::new();
    for (connection, from_client, frame) in golden() {
        let first = greeted.insert((connection, from_client));
        let xid = reply_xid(&frame).expect("a frame starts with a number");
        let shape = match (from_client, first) {
            (true, true) => FrameShape::ConnectRequest,
            (false, true) => FrameShape::ConnectResponse,
            (true, false) => {
                let (header, request) = decode_request(&frame).expect("a recorded request");
                asked.insert((connection, header.xid), request.op());
                FrameShape::Request
            }
            (false, false) if xid == XID_NOTIFICATION => FrameShape::Event,
            (false, false) => FrameShape::Reply(
                op_of_reserved_xid(xid).unwrap_or_else(|| asked[&(connection, xid)]),
            ),
        };
        frames.push((shape, frame));
    }
    frames
}

fn again(shape: FrameShape, frame: &Bytes) -> Result<Bytes, DecodeError> {
    match shape {
        FrameShape::ConnectRequest => ConnectRequest::decode(frame).map(|first| first.encode()),
        FrameShape::ConnectResponse => ConnectResponse::decode(frame).map(|first| first.encode()),
        FrameShape::Request => match decode_request(frame) {
            Ok((header, request)) => Ok(encode_request(header.xid, &request)),
            Err(RequestError::Malformed { error, .. }) => Err(error),
            Err(RequestError::Unimplemented(_)) => {
                Err(DecodeError::InvalidValue { at: 4, expected: "an operation" })
            }
        },
        FrameShape::Reply(op) => {
            let (header, body) = decode_reply(frame, op)?;
            Ok(encode_reply(header.xid, header.zxid, KeeperCode(header.err), body.as_ref()))
        }
        FrameShape::Event => decode_event(frame).map(|event| encode_event(&event)),
        FrameShape::ElectionHello => {
            jute::decode::<quorum::ConnectionHello>(frame).map(|hello| jute::encode(&hello))
        }
        FrameShape::Vote => {
            jute::decode::<quorum::Notification>(frame).map(|vote| jute::encode(&vote))
        }
        FrameShape::QuorumPacket => {
            jute::decode::<quorum::QuorumPacket>(frame).map(|packet| jute::encode(&packet))
        }
    }
}

#[test]
fn golden_frames_are_read_and_written_back_identically() {
    for (shape, frame) in shaped() {
        assert_eq!(again(shape, &frame).as_ref(), Ok(&frame), "{shape:?}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for (shape, frame) in shaped() {
        for length in 0..frame.len() {
            let cut = frame.slice(..length);
            let is_older_form =
                matches!(shape, FrameShape::ConnectRequest | FrameShape::ConnectResponse)
                    && length == frame.len() - 1;
            assert_eq!(again(shape, &cut).is_ok(), is_older_form, "{shape:?} {length}");
        }
    }
}

#[test]
fn damage_never_panics() {
    for (shape, frame) in shaped().into_iter().step_by(7) {
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let bytes = Bytes::from(bytes);
            drop(again(shape, &bytes));
            let tree = describe(&bytes, shape);
            assert_eq!(tree.end as usize, bytes.len());
        }
    }
}

#[test]
fn a_failed_multi_tells_the_result_of_each_operation() {
    let failed = shaped()
        .into_iter()
        .filter(|(shape, _)| *shape == FrameShape::Reply(OpCode::Multi))
        .find_map(|(_, frame)| match decode_reply(&frame, OpCode::Multi) {
            Ok((_, Some(Reply::Multi(results)))) if matches!(results[0], MultiResult::Error(_)) => {
                Some(results)
            }
            _ => None,
        });
    assert_eq!(
        failed,
        Some(vec![MultiResult::Error(KeeperCode::OK), MultiResult::Error(KeeperCode::NO_NODE)])
    );
}

#[test]
fn the_tree_names_fields_with_their_ranges() {
    let request = Request::GetData(GetDataRequest { path: "/controller".to_owned(), watch: true });
    let frame = encode_request(7, &request);
    let tree = describe(&frame, FrameShape::Request);
    assert_eq!(tree.name, "getData request");
    let path = tree.child("path").expect("path");
    assert_eq!((path.value.as_str(), path.start, path.end), ("/controller", 8, 23));
    assert_eq!(path.type_name, "ustring");
}

#[test]
fn errors_read_as_zookeeper_prints_them() {
    assert_eq!(KeeperCode::NO_NODE.message_for("/a"), "KeeperErrorCode = NoNode for /a");
    assert_eq!(KeeperCode::SESSION_EXPIRED.message_for(""), "KeeperErrorCode = Session expired");
}
