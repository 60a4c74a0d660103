//! Kafka's protocol as a 2.8.2 broker in ZooKeeper mode speaks it: the table of APIs, and under it
//! the schema of each message, grouped by subject.
//!
//! Frames are without their length prefix. Bytes from outside are read with [`decode_request`] and
//! [`decode_response`], which never panic and never allocate more than a small multiple of them.
//!
//! In Kafka: `ApiKeys`, `AbstractRequest`, `AbstractResponse`.

mod acls;
mod configs;
mod consumer_protocol;
mod contents;
mod controller;
mod group_admin;
mod groups;
mod header;
mod internal_topics;
mod message;
mod metadata;
mod offsets;
mod quotas;
mod records;
mod replicas;
mod security;
mod topics;
mod transactions;
mod versioned;

#[cfg(test)]
mod tests;

pub use acls::*;
pub use configs::*;
pub use consumer_protocol::*;
pub use controller::*;
pub use group_admin::*;
pub use groups::*;
pub use header::*;
pub use internal_topics::*;
pub use message::*;
pub use metadata::*;
pub use offsets::*;
pub use quotas::*;
pub use records::*;
pub use replicas::*;
pub use security::*;
pub use topics::*;
pub use transactions::*;
pub use versioned::*;

use super::schema::{Field, Form, Lengths};
use super::{DecodeError, Reader, Writer};

macro_rules! apis {
    ($($api:ident = $key:literal, $low:literal - $high:literal, flexible $flexible:tt:
        $request:ident $response:ident;)*) => {
        /// The APIs that a 2.8.2 broker in ZooKeeper mode advertises.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("[`", stringify!($request), "`], versions ", $low, " to ", $high)]
                $api = $key,
            )*
        }

        impl ApiKey {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$api),*];

            /// The API of that number.
            pub fn from_number(number: i16) -> Option<Self> {
                match number {
                    $($key => Some(Self::$api),)*
                    _ => None,
                }
            }

            /// Its name in Kafka's `ApiKeys`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$api => stringify!($api)),* }
            }

            /// The versions that a broker speaks.
            pub fn versions(self) -> std::ops::RangeInclusive<i16> {
                match self { $(Self::$api => $low..=$high),* }
            }

            /// The first flexible version (KIP-482).
            pub fn flexible_from(self) -> Option<i16> {
                match self { $(Self::$api => apis!(@flexible $flexible)),* }
            }
        }

        $(
            impl Message for $request {
                const API: ApiKey = ApiKey::$api;
            }
            impl Message for $response {
                const API: ApiKey = ApiKey::$api;
            }
            impl Request for $request {
                type Response = $response;
            }
            impl From<$request> for AnyRequest {
                fn from(request: $request) -> Self {
                    Self::$api(request)
                }
            }
            impl From<$response> for AnyResponse {
                fn from(response: $response) -> Self {
                    Self::$api(response)
                }
            }
        )*

        /// A request of any API.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyRequest {
            $(
                #[doc = concat!("[`", stringify!($request), "`]")]
                $api($request),
            )*
        }

        impl AnyRequest {
            /// Its API.
            pub fn api(&self) -> ApiKey {
                match self { $(Self::$api(_) => ApiKey::$api),* }
            }

            /// Reads the body of a request.
            pub fn read(
                reader: &mut Reader,
                api: ApiKey,
                version: i16,
            ) -> Result<Self, DecodeError> {
                match api { $(ApiKey::$api => $request::decode(reader, version).map(Self::$api)),* }
            }

            /// Writes the body of a request.
            pub fn write(&self, writer: &mut Writer, version: i16) {
                match self { $(Self::$api(request) => request.encode(writer, version)),* }
            }
        }

        /// A response of any API.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyResponse {
            $(
                #[doc = concat!("[`", stringify!($response), "`]")]
                $api($response),
            )*
        }

        impl AnyResponse {
            /// Its API.
            pub fn api(&self) -> ApiKey {
                match self { $(Self::$api(_) => ApiKey::$api),* }
            }

            /// Reads the body of a response.
            pub fn read(
                reader: &mut Reader,
                api: ApiKey,
                version: i16,
            ) -> Result<Self, DecodeError> {
                match api {
                    $(ApiKey::$api => $response::decode(reader, version).map(Self::$api)),*
                }
            }

            /// Writes the body of a response.
            pub fn write(&self, writer: &mut Writer, version: i16) {
                match self { $(Self::$api(response) => response.encode(writer, version)),* }
            }
        }
    };
    (@flexible none) => { None };
    (@flexible $version:literal) => { Some($version) };
}

apis! {
    Produce = 0, 0-9, flexible 9: ProduceRequest ProduceResponse;
    Fetch = 1, 0-12, flexible 12: FetchRequest FetchResponse;
    ListOffsets = 2, 0-6, flexible 6: ListOffsetsRequest ListOffsetsResponse;
    Metadata = 3, 0-11, flexible 9: MetadataRequest MetadataResponse;
    LeaderAndIsr = 4, 0-5, flexible 4: LeaderAndIsrRequest LeaderAndIsrResponse;
    StopReplica = 5, 0-3, flexible 2: StopReplicaRequest StopReplicaResponse;
    UpdateMetadata = 6, 0-7, flexible 6: UpdateMetadataRequest UpdateMetadataResponse;
    ControlledShutdown = 7, 0-3, flexible 3: ControlledShutdownRequest ControlledShutdownResponse;
    OffsetCommit = 8, 0-8, flexible 8: OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch = 9, 0-7, flexible 6: OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator = 10, 0-3, flexible 3: FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup = 11, 0-7, flexible 6: JoinGroupRequest JoinGroupResponse;
    Heartbeat = 12, 0-4, flexible 4: HeartbeatRequest HeartbeatResponse;
    LeaveGroup = 13, 0-4, flexible 4: LeaveGroupRequest LeaveGroupResponse;
    SyncGroup = 14, 0-5, flexible 4: SyncGroupRequest SyncGroupResponse;
    DescribeGroups = 15, 0-5, flexible 5: DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups = 16, 0-4, flexible 3: ListGroupsRequest ListGroupsResponse;
    SaslHandshake = 17, 0-1, flexible none: SaslHandshakeRequest SaslHandshakeResponse;
    ApiVersions = 18, 0-3, flexible 3: ApiVersionsRequest ApiVersionsResponse;
    CreateTopics = 19, 0-7, flexible 5: CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics = 20, 0-6, flexible 4: DeleteTopicsRequest DeleteTopicsResponse;
    DeleteRecords = 21, 0-2, flexible 2: DeleteRecordsRequest DeleteRecordsResponse;
    InitProducerId = 22, 0-4, flexible 2: InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch = 23, 0-4, flexible 4: OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    AddPartitionsToTxn = 24, 0-3, flexible 3: AddPartitionsToTxnRequest AddPartitionsToTxnResponse;
    AddOffsetsToTxn = 25, 0-3, flexible 3: AddOffsetsToTxnRequest AddOffsetsToTxnResponse;
    EndTxn = 26, 0-3, flexible 3: EndTxnRequest EndTxnResponse;
    WriteTxnMarkers = 27, 0-1, flexible 1: WriteTxnMarkersRequest WriteTxnMarkersResponse;
    TxnOffsetCommit = 28, 0-3, flexible 3: TxnOffsetCommitRequest TxnOffsetCommitResponse;
    DescribeAcls = 29, 0-2, flexible 2: DescribeAclsRequest DescribeAclsResponse;
    CreateAcls = 30, 0-2, flexible 2: CreateAclsRequest CreateAclsResponse;
    DeleteAcls = 31, 0-2, flexible 2: DeleteAclsRequest DeleteAclsResponse;
    DescribeConfigs = 32, 0-4, flexible 4: DescribeConfigsRequest DescribeConfigsResponse;
    AlterConfigs = 33, 0-2, flexible 2: AlterConfigsRequest AlterConfigsResponse;
    AlterReplicaLogDirs = 34, 0-2, flexible 2: AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse;
    DescribeLogDirs = 35, 0-2, flexible 2: DescribeLogDirsRequest DescribeLogDirsResponse;
    SaslAuthenticate = 36, 0-2, flexible 2: SaslAuthenticateRequest SaslAuthenticateResponse;
    CreatePartitions = 37, 0-3, flexible 2: CreatePartitionsRequest CreatePartitionsResponse;
    CreateDelegationToken = 38, 0-2, flexible 2: CreateDelegationTokenRequest CreateDelegationTokenResponse;
    RenewDelegationToken = 39, 0-2, flexible 2: RenewDelegationTokenRequest RenewDelegationTokenResponse;
    ExpireDelegationToken = 40, 0-2, flexible 2: ExpireDelegationTokenRequest ExpireDelegationTokenResponse;
    DescribeDelegationToken = 41, 0-2, flexible 2: DescribeDelegationTokenRequest DescribeDelegationTokenResponse;
    DeleteGroups = 42, 0-2, flexible 2: DeleteGroupsRequest DeleteGroupsResponse;
    ElectLeaders = 43, 0-2, flexible 2: ElectLeadersRequest ElectLeadersResponse;
    IncrementalAlterConfigs = 44, 0-1, flexible 1: IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    AlterPartitionReassignments = 45, 0-0, flexible 0: AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse;
    ListPartitionReassignments = 46, 0-0, flexible 0: ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
    OffsetDelete = 47, 0-0, flexible none: OffsetDeleteRequest OffsetDeleteResponse;
    DescribeClientQuotas = 48, 0-1, flexible 1: DescribeClientQuotasRequest DescribeClientQuotasResponse;
    AlterClientQuotas = 49, 0-1, flexible 1: AlterClientQuotasRequest AlterClientQuotasResponse;
    DescribeUserScramCredentials = 50, 0-0, flexible 0: DescribeUserScramCredentialsRequest DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials = 51, 0-0, flexible 0: AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse;
    AlterIsr = 56, 0-0, flexible 0: AlterIsrRequest AlterIsrResponse;
    UpdateFeatures = 57, 0-0, flexible 0: UpdateFeaturesRequest UpdateFeaturesResponse;
    DescribeCluster = 60, 0-0, flexible 0: DescribeClusterRequest DescribeClusterResponse;
    DescribeProducers = 61, 0-0, flexible 0: DescribeProducersRequest DescribeProducersResponse;
}

impl ApiKey {
    /// Whether that version has compact lengths and tagged fields.
    pub fn is_flexible(self, version: i16) -> bool {
        self.flexible_from().is_some_and(|first| version >= first)
    }

    /// Whether a broker speaks that version.
    pub fn supports(self, version: i16) -> bool {
        self.versions().contains(&version)
    }

    /// The version of the header in front of a request: 2 with tagged fields, 1 with a client id.
    pub fn request_header_version(self, version: i16) -> i16 {
        match self {
            Self::ControlledShutdown if version == 0 => 0,
            _ if self.is_flexible(version) => 2,
            _ => 1,
        }
    }

    /// The version of the header in front of a response: 1 with tagged fields. Never with
    /// `ApiVersions`, whose response must be readable before versions are agreed on (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && self.is_flexible(version))
    }

    fn form(self, version: i16) -> Form {
        let lengths = if self.is_flexible(version) { Lengths::Compact } else { Lengths::Plain };
        Form { version, lengths, nullable: false }
    }
}

/// A request or a response body.
pub trait Message: Field + Default + Clone {
    /// The API it belongs to.
    const API: ApiKey;

    /// Reads the body as that version writes it.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Self::read(reader, Self::API.form(version))
    }

    /// Writes the body as that version has it; fields that it lacks are left out.
    fn encode(&self, writer: &mut Writer, version: i16) {
        self.write(writer, Self::API.form(version));
    }
}

/// A request body.
pub trait Request: Message {
    /// What answers it.
    type Response: Message;
}
