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
    assert!(count > 150, "{count} requests");
}

#[test]
fn golden_responses_are_read_and_written_back_identically() {
    for exchange in golden() {
        let (Some(api), Some(frame)) = (known(&exchange), &exchange.response) else {
            continue;
        };
        let (correlation_id, response) =
            decode_any_response(frame, api, exchange.version).expect("a recorded response");
        let again = response.to_frame(exchange.version, correlation_id);
        assert_eq!(&again, frame, "{response:?}");
    }
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
