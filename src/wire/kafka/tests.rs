//! The codec against frames recorded from a real cluster, and against damage.

use bytes::Bytes;

use super::*;

struct Exchange {
    api_key: i16,
    version: i16,
    request: Bytes,
    response: Option<Bytes>,
}

fn unhex(text: &str) -> Bytes {
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).expect("hex"))
        .collect()
}

fn golden() -> Vec<Exchange> {
    include_str!("../../../tests/golden/kafka-frames.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            Exchange {
                api_key: words[0].parse().expect("number"),
                version: words[1].parse().expect("number"),
                request: unhex(words[2]),
                response: (words[3] != "-").then(|| unhex(words[3])),
            }
        })
        .collect()
}

fn known(exchange: &Exchange) -> Option<ApiKey> {
    ApiKey::from_number(exchange.api_key).filter(|api| api.supports(exchange.version))
}

#[test]
fn golden_requests_are_read_and_written_back_identically() {
    let mut count = 0;
    for exchange in golden() {
        let Some(_) = known(&exchange) else { continue };
        let (header, request) = decode_request(&exchange.request).expect("a recorded request");
        assert_eq!((header.api_key, header.api_version), (exchange.api_key, exchange.version));
        let again = request.to_frame(
            header.api_version,
            header.correlation_id,
            header.client_id.as_deref(),
        );
        assert_eq!(again, exchange.request, "{request:?}");
        count += 1;
    }
    // The other four are of an unknown API or version: see below.
    assert_eq!((count, golden().len()), (227, 231));
}

#[test]
fn golden_responses_are_read_and_written_back_identically() {
    let mut count = 0;
    for exchange in golden() {
        let (Some(api), Some(frame)) = (known(&exchange), &exchange.response) else {
            continue;
        };
        let (correlation_id, response) =
            decode_any_response(frame, api, exchange.version).expect("a recorded response");
        let again = response.to_frame(exchange.version, correlation_id);
        assert_eq!(&again, frame, "{response:?}");
        count += 1;
    }
    // Two requests of brokers that stopped have no answer.
    assert_eq!(count, 225);
}

#[test]
fn unknown_apis_and_versions_are_told_apart() {
    for exchange in golden().iter().filter(|exchange| known(exchange).is_none()) {
        match decode_request(&exchange.request) {
            Err(RequestError::UnknownApi(header)) => assert_eq!(header.api_key, 99),
            Err(RequestError::UnsupportedVersion(header)) => {
                assert_eq!(header.api(), Some(ApiKey::ApiVersions));
                let frame = exchange.response.as_ref().expect("an answer in version 0");
                let (_, answer) = decode_response::<ApiVersionsResponse>(frame, header.api_version)
                    .expect("readable as version 0");
                assert_eq!(answer.error_code, crate::wire::ErrorCode::UNSUPPORTED_VERSION);
            }
            Err(RequestError::Malformed { header: None, .. }) => {
                assert_eq!(exchange.version, 99, "its header lacks the tagged fields");
                assert_eq!(exchange.response, None);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for exchange in golden() {
        let Some(api) = known(&exchange) else {
            continue;
        };
        for length in 0..exchange.request.len() {
            assert!(decode_request(&exchange.request.slice(..length)).is_err());
        }
        let Some(frame) = exchange.response.filter(|_| api != ApiKey::ApiVersions) else {
            continue;
        };
        for length in 0..frame.len() {
            let cut = frame.slice(..length);
            assert!(decode_any_response(&cut, api, exchange.version).is_err());
        }
    }
}

#[test]
fn bit_flips_are_read_or_refused_without_a_panic() {
    for exchange in golden() {
        let Some(api) = known(&exchange) else { continue };
        for bit in (0..exchange.request.len() * 8).step_by(61) {
            let request = flipped(&exchange.request, bit);
            drop(decode_request(&request));
            assert_eq!(describe_request(&request).end as usize, request.len());
        }
        let Some(frame) = &exchange.response else { continue };
        for bit in (0..frame.len() * 8).step_by(199) {
            let response = flipped(frame, bit);
            drop(decode_any_response(&response, api, exchange.version));
            let tree = describe_response(&response, api, exchange.version);
            assert_eq!(tree.end as usize, response.len());
        }
    }
}

fn flipped(frame: &Bytes, bit: usize) -> Bytes {
    let mut bytes = frame.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.into()
}

#[test]
fn a_count_beyond_the_frame_is_refused_before_anything_is_allocated() {
    let mut writer = Writer::new();
    RequestHeader::new(ApiKey::Metadata, 0, 1, None).write(&mut writer);
    writer.i32(i32::MAX);
    let error = DecodeError::InvalidLength { at: 10, length: i64::from(i32::MAX) };
    match decode_request(&writer.finish()) {
        Err(RequestError::Malformed { error: found, .. }) => assert_eq!(found, error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn trees_name_every_byte_of_recorded_frames() {
    for exchange in golden() {
        let Some(api) = known(&exchange) else { continue };
        let tree = describe_request(&exchange.request);
        assert_eq!(covered(&tree), exchange.request.len(), "{tree:#?}");
        let Some(frame) = exchange.response else { continue };
        let tree = describe_response(&frame, api, exchange.version);
        assert_eq!(covered(&tree), frame.len(), "{tree:#?}");
    }
}

/// How far the direct children reach when each starts where the one before it ends.
fn covered(tree: &crate::wire::FieldNode) -> usize {
    let mut position = 0;
    for child in &tree.children {
        assert_eq!(child.start, position, "{}", child.name);
        assert_ne!(child.name, "error");
        position = child.end;
    }
    position as usize
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let mut writer = Writer::new();
    RequestHeader::new(ApiKey::Heartbeat, 4, 1, None).write(&mut writer);
    HeartbeatRequest { group_id: "g".to_owned(), ..Default::default() }.encode(&mut writer, 4);
    let mut frame = writer.finish().to_vec();
    frame.pop();
    frame.extend_from_slice(&[1, 99, 2, 7, 7]);
    let (_, request) = decode_request(&frame.into()).expect("readable");
    let AnyRequest::Heartbeat(request) = request else { panic!("{request:?}") };
    assert_eq!(request.group_id, "g");
}

#[test]
fn a_null_where_a_version_has_none_becomes_empty_and_is_refused_when_read() {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let frame = encode_request(&request, 0, 1, None);
    let (_, read) = decode_request(&frame).expect("readable");
    let AnyRequest::Metadata(read) = read else { panic!("{read:?}") };
    assert_eq!(read.topics, Some(Vec::new()));
    let mut null = frame.to_vec();
    let count = null.len() - 4;
    null[count..].copy_from_slice(&[0xff; 4]);
    assert!(matches!(
        decode_request(&null.into()),
        Err(RequestError::Malformed { error: DecodeError::UnexpectedNull { .. }, .. })
    ));
}
