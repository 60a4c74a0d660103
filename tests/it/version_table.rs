//! The table in docs/fidelity.md: what our broker says that it answers, beside what a real 2.8.2
//! broker said.

use crate::outside::Outside;
use bytes::Bytes;
use kafkarium::base::SortedMap;
use kafkarium::wire::kafka::{
    AnyResponse, ApiKey, ApiVersionsRequest, ApiVersionsResponse, decode_any_response,
};

type Versions = SortedMap<i16, (i16, i16)>;

fn versions_of(response: AnyResponse) -> Versions {
    let AnyResponse::ApiVersions(ApiVersionsResponse { api_keys, .. }) = response else {
        panic!("another answer: {response:?}")
    };
    api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

/// What the recorded broker answered.
fn recorded() -> Versions {
    let frames = include_str!("../golden/kafka-frames.txt");
    let line = frames.lines().find(|line| line.starts_with("18 3 ")).expect("it was asked");
    let answer = line.split(' ').nth(3).expect("and answered").as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let frame: Bytes = answer.filter_map(byte).collect();
    let (_, response) = decode_any_response(&frame, ApiKey::ApiVersions, 3).expect("a frame");
    versions_of(response)
}

/// `3 to 9`, or a single number.
fn range(versions: Option<&(i16, i16)>) -> String {
    match versions {
        None => "no".to_owned(),
        Some((least, most)) if least == most => least.to_string(),
        Some((least, most)) => format!("{least} to {most}"),
    }
}

#[test]
fn the_table_says_what_is_answered() {
    let mut cluster = Outside::new(1, &[]);
    let ours = versions_of(cluster.ask(1, ApiVersionsRequest::default(), 3));
    let kafkas = recorded();
    for (api, (least, most)) in &ours {
        let (known_least, known_most) = kafkas.get(api).expect("Kafka has it");
        assert!(known_least <= least && most == known_most, "{api}: only old versions may lack");
    }
    let told = include_str!("../../docs/fidelity.md");
    let rows = told.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [number, name, ours, kafkas] = cells[..] else { return None };
        Some((number.parse::<i16>().ok()?, (name, ours.to_owned(), kafkas.to_owned())))
    });
    let rows: SortedMap<i16, (&str, String, String)> = rows.collect();
    for (api, versions) in &kafkas {
        let wanted = (range(ours.get(api)), range(Some(versions)));
        let Some((name, ours, kafkas)) = rows.get(api) else {
            panic!("no row for | {api} | | {} | {} |", wanted.0, wanted.1)
        };
        assert_eq!((ours, kafkas), (&wanted.0, &wanted.1), "the row of API {api}");
        if let Some(known) = ApiKey::from_number(*api) {
            assert_eq!(*name, format!("{known:?}"));
        }
    }
    assert_eq!(rows.len(), kafkas.len(), "no row for what Kafka does not have");
}
