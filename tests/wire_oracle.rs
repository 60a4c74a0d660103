//! The schema table against a second opinion: the crate `kafka-protocol`, generated from Kafka's
//! own schemas.
//!
//! The crate allocates by the counts in a frame, so it only ever sees bytes that our bounded codec
//! has read and written back identically.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as oracle;
use kafka_protocol::protocol::{Decodable, Encodable};
use kafkarium::wire::kafka::{
    AnyRequest, AnyResponse, ApiKey, decode_any_response, decode_request,
};
use kafkarium::wire::{Reader, Writer};
use proptest::prelude::*;

/// What the crate writes after reading `body`.
type Opinion = fn(Bytes, i16) -> Option<Bytes>;

fn opinion<T: Decodable + Encodable>(mut body: Bytes, version: i16) -> Option<Bytes> {
    let message = T::decode(&mut body, version).ok()?;
    let mut again = BytesMut::new();
    message.encode(&mut again, version).ok()?;
    body.is_empty().then(|| again.freeze())
}

macro_rules! opinions {
    ($($api:ident $request:ident $response:ident;)*) => {
        const OPINIONS: &[(ApiKey, Opinion, Opinion)] = &[
            $((ApiKey::$api, opinion::<oracle::$request>, opinion::<oracle::$response>)),*
        ];
    };
}

opinions! {
    Produce ProduceRequest ProduceResponse;
    Fetch FetchRequest FetchResponse;
    ListOffsets ListOffsetsRequest ListOffsetsResponse;
    Metadata MetadataRequest MetadataResponse;
    LeaderAndIsr LeaderAndIsrRequest LeaderAndIsrResponse;
    StopReplica StopReplicaRequest StopReplicaResponse;
    UpdateMetadata UpdateMetadataRequest UpdateMetadataResponse;
    ControlledShutdown ControlledShutdownRequest ControlledShutdownResponse;
    OffsetCommit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup JoinGroupRequest JoinGroupResponse;
    Heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup LeaveGroupRequest LeaveGroupResponse;
    SyncGroup SyncGroupRequest SyncGroupResponse;
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups ListGroupsRequest ListGroupsResponse;
    ApiVersions ApiVersionsRequest ApiVersionsResponse;
    CreateTopics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    InitProducerId InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    ElectLeaders ElectLeadersRequest ElectLeadersResponse;
}

/// A message body in one version, and which side writes it.
#[derive(Debug, Clone)]
struct Body {
    api: ApiKey,
    version: i16,
    is_request: bool,
    bytes: Bytes,
}

impl Body {
    /// The body as our codec writes it after reading it, when it reads all of it.
    fn rewritten(&self) -> Option<Bytes> {
        let mut reader = Reader::new(&self.bytes);
        let mut writer = Writer::new();
        if self.is_request {
            AnyRequest::read(&mut reader, self.api, self.version)
                .ok()?
                .write(&mut writer, self.version);
        } else {
            AnyResponse::read(&mut reader, self.api, self.version)
                .ok()?
                .write(&mut writer, self.version);
        }
        (reader.remaining() == 0).then(|| writer.finish())
    }

    fn opinion(&self) -> Option<Bytes> {
        let (_, request, response) =
            OPINIONS.iter().find(|(api, ..)| *api == self.api).expect("one of the list");
        let opinion = if self.is_request { request } else { response };
        opinion(self.bytes.clone(), self.version)
    }
}

fn unhex(hex: &str) -> Bytes {
    (0..hex.len() / 2)
        .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex"))
        .collect()
}

/// Every recorded message of the list, written in every version that a 2.8 broker speaks.
fn bodies() -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut write = |api: ApiKey, is_request, write: &dyn Fn(&mut Writer, i16)| {
        for version in api.versions() {
            let mut writer = Writer::new();
            write(&mut writer, version);
            bodies.push(Body { api, version, is_request, bytes: writer.finish() });
        }
    };
    let recorded = include_str!("golden/kafka-frames.txt").lines();
    for line in recorded.filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let Ok((header, request)) = decode_request(&unhex(words[2])) else { continue };
        let api = request.api();
        if !OPINIONS.iter().any(|(known, ..)| *known == api) {
            continue;
        }
        write(api, true, &|writer, version| request.write(writer, version));
        let frame = unhex(words[3].trim_start_matches('-'));
        if let Ok((_, response)) = decode_any_response(&frame, api, header.api_version) {
            write(api, false, &|writer, version| response.write(writer, version));
        }
    }
    bodies
}

#[test]
fn both_codecs_agree_on_recorded_messages_in_every_version() {
    let bodies = bodies();
    assert!(bodies.len() > 1_000, "{} bodies", bodies.len());
    for body in bodies {
        assert_eq!(body.rewritten().as_ref(), Some(&body.bytes), "ours {body:?}");
        assert_eq!(body.opinion().as_ref(), Some(&body.bytes), "theirs {body:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    /// Damage that still reads as a message must read as the same message to both.
    #[test]
    fn both_codecs_agree_on_damaged_messages(
        body in prop::sample::select(bodies()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        prop_assume!(!body.bytes.is_empty());
        let mut bytes = body.bytes.to_vec();
        for (index, byte) in &damage {
            let index = index.index(bytes.len());
            bytes[index] = *byte;
        }
        let body = Body { bytes: bytes.into(), ..body };
        if body.rewritten().as_ref() == Some(&body.bytes) {
            prop_assert_eq!(body.opinion(), Some(body.bytes));
        }
    }
}
