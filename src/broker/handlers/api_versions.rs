//! ApiVersions: what this broker speaks.
//!
//! In Kafka: `KafkaApis.handleApiVersionsRequest`. Only what is answered is advertised: old message
//! formats (Produce below 3, Fetch below 4) are not.

use crate::wire::kafka::{ApiKey, ApiVersion, ApiVersionsResponse};

/// The APIs that this broker answers, with the versions.
const SUPPORTED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 9),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 0, 6),
    (ApiKey::Metadata, 0, 11),
    (ApiKey::LeaderAndIsr, 0, 5),
    (ApiKey::StopReplica, 0, 3),
    (ApiKey::UpdateMetadata, 0, 7),
    (ApiKey::ControlledShutdown, 0, 3),
    (ApiKey::OffsetCommit, 0, 8),
    (ApiKey::OffsetFetch, 0, 7),
    (ApiKey::FindCoordinator, 0, 3),
    (ApiKey::JoinGroup, 0, 7),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 4),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 5),
    (ApiKey::ListGroups, 0, 4),
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::CreateTopics, 0, 7),
    (ApiKey::DeleteTopics, 0, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::OffsetForLeaderEpoch, 0, 4),
    (ApiKey::DescribeConfigs, 0, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::DescribeLogDirs, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::ElectLeaders, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::AlterPartitionReassignments, 0, 0),
    (ApiKey::ListPartitionReassignments, 0, 0),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::AlterIsr, 0, 0),
    (ApiKey::DescribeCluster, 0, 0),
];

/// Whether requests of that API and version are answered.
pub fn is_supported(api: ApiKey, version: i16) -> bool {
    let known = SUPPORTED.iter().find(|(known, _, _)| *known == api);
    known.is_some_and(|(_, least, most)| (*least..=*most).contains(&version))
}

/// Answers.
pub fn handle() -> ApiVersionsResponse {
    let api_keys = SUPPORTED
        .iter()
        .map(|(api, min_version, max_version)| ApiVersion {
            api_key: *api as i16,
            min_version: *min_version,
            max_version: *max_version,
        })
        .collect();
    ApiVersionsResponse { api_keys, finalized_features_epoch: 0, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_kafka_has_are_advertised() {
        for (api, min, max) in SUPPORTED {
            assert!(api.supports(*min) && api.supports(*max), "{api:?}");
            assert_eq!(*api.versions().end(), *max, "{api:?}");
        }
        assert!(SUPPORTED.is_sorted_by_key(|(api, _, _)| *api), "as Kafka lists them");
        assert!(!is_supported(ApiKey::Produce, 2));
    }
}
